//! Who owns the machine: a lock that the operating system lets go of when its holder ends, however that happens.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::paths::SOCKETS;
use crate::{MachineError, MachinePaths, host};

/// The right to run the machine. Whoever holds it is the only one; it ends with the process at the latest.
#[derive(Debug)]
pub struct Lease {
    _lock: std::fs::File,
    runtime: PathBuf,
}

/// Names one process for ever: numbers are used again, start times and boots are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ProcessRecord {
    pid: u32,
    start_time: Option<u64>,
    boot_id: String,
}

impl Lease {
    /// Takes the machine, makes its directories, and ends what an owner before us left behind.
    pub fn take(paths: &MachinePaths) -> Result<Self, MachineError> {
        paths.create()?;
        let path = paths.lock();
        let mut lock = loop {
            let lock = std::fs::OpenOptions::new()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(&path)
                .map_err(MachineError::file("Opening", &path))?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(std::fs::TryLockError::WouldBlock) => {
                    let pid = std::fs::read_to_string(&path)
                        .ok()
                        .and_then(|text| text.trim().parse().ok());
                    return Err(MachineError::Owned { pid });
                }
                Err(std::fs::TryLockError::Error(error)) => {
                    return Err(MachineError::file("Locking", &path)(error));
                }
            }
            // The last owner may have removed the file between our opening and our locking it.
            if is_at(&lock, &path) {
                break lock;
            }
        };
        // Only for messages: the lock is what counts.
        let written = lock
            .set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()));
        if let Err(error) = written {
            tracing::debug!(%error, "the owner's number cannot be written down");
        }
        let lease = Self {
            _lock: lock,
            runtime: paths.runtime.clone(),
        };
        lease.clear();
        Ok(lease)
    }

    /// Gives the machine up for good: removes the lock and the logs of a machine that is deleted. Directories and what is known
    /// of this computer and its image stay. Only the owner may, because the next one makes its own lock at the same place.
    pub fn leave_nothing(self, paths: &MachinePaths) {
        let log = paths.daemon_log();
        let mut old = log.clone().into_os_string();
        old.push(".1");
        let qemu = self.runtime.join("qemu.log");
        for path in [log, old.into(), paths.console_log(), qemu, paths.lock()] {
            // They may never have been there.
            let _ = std::fs::remove_file(path);
        }
        drop(self);
    }

    /// Ends processes and removes sockets of an owner that is no more.
    fn clear(&self) {
        for directory in [self.runtime.clone(), self.runtime.join("probe")] {
            if let Some(record) = read_record(&record_path(&directory)) {
                end(&record);
            }
            let _ = std::fs::remove_file(record_path(&directory));
        }
        let _ = std::fs::remove_dir_all(self.runtime.join("probe"));
        for name in SOCKETS {
            let _ = std::fs::remove_file(self.runtime.join(name));
        }
    }
}

/// Whether a file that is open is the one at a path.
#[cfg(unix)]
fn is_at(file: &std::fs::File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(open), Ok(there)) = (file.metadata(), std::fs::metadata(path)) else {
        return false;
    };
    (open.dev(), open.ino()) == (there.dev(), there.ino())
}

/// An open file cannot be removed there.
#[cfg(not(unix))]
fn is_at(_file: &std::fs::File, _path: &Path) -> bool {
    true
}

/// Writes down a process that has to be ended if we do not get to it.
pub(crate) fn record_process(runtime: &Path, pid: u32) {
    let record = ProcessRecord {
        pid,
        start_time: host::start_time(pid),
        boot_id: host::boot_id(),
    };
    let path = record_path(runtime);
    let write = || -> std::io::Result<()> {
        let text = serde_json::to_vec(&record)?;
        std::fs::write(&path, text)
    };
    if let Err(error) = write() {
        tracing::warn!(%error, "the machine's process cannot be written down");
    }
}

/// Where that is written.
pub(crate) fn record_path(runtime: &Path) -> PathBuf {
    runtime.join("vm-process.json")
}

fn read_record(path: &Path) -> Option<ProcessRecord> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Kills a process if it still is the one that was written down.
#[cfg(target_os = "linux")]
fn end(record: &ProcessRecord) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    if record.boot_id != host::boot_id() {
        return;
    }
    let Some(pid) = Pid::from_raw(record.pid.cast_signed()) else {
        return;
    };
    // The descriptor stands for this very process, so what is checked after it is opened stays true.
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else {
        return;
    };
    if record.start_time.is_none() || host::start_time(record.pid) != record.start_time {
        return;
    }
    tracing::warn!(
        pid = record.pid,
        "ending a machine that an earlier slipwayd left behind"
    );
    if pidfd_send_signal(&process, Signal::KILL).is_ok() {
        let deadline = Timespec {
            tv_sec: 5,
            tv_nsec: 0,
        };
        let _ = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&deadline));
    }
}

/// Other systems do not say when a process started, so nothing can be killed by its number with certainty.
#[cfg(not(target_os = "linux"))]
fn end(record: &ProcessRecord) {
    tracing::warn!(
        pid = record.pid,
        "an earlier slipwayd may have left a machine behind"
    );
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Child, Command};

    use super::*;

    fn paths(root: &Path) -> MachinePaths {
        MachinePaths {
            data: root.join("data"),
            runtime: root.join("run"),
            docker_config: None,
            image: None,
        }
    }

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").spawn().unwrap()
    }

    #[test]
    fn there_is_one_owner_until_it_lets_go() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        let lease = Lease::take(&paths).unwrap();
        match Lease::take(&paths) {
            Err(MachineError::Owned { pid }) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(lease);
        Lease::take(&paths).unwrap();
    }

    #[test]
    fn who_leaves_nothing_makes_way_for_the_next() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        let lease = Lease::take(&paths).unwrap();
        // As one that opens the lock just before it goes.
        let early = std::fs::File::open(paths.lock()).unwrap();
        std::fs::write(paths.daemon_log(), "").unwrap();
        lease.leave_nothing(&paths);
        assert!(!paths.lock().exists() && !paths.daemon_log().exists());
        early.try_lock().unwrap();
        assert!(!is_at(&early, &paths.lock()));
        let _next = Lease::take(&paths).unwrap();
        assert!(matches!(
            Lease::take(&paths),
            Err(MachineError::Owned { .. })
        ));
    }

    #[test]
    fn what_an_earlier_owner_left_is_ended() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        paths.create().unwrap();
        let mut left = sleeper();
        record_process(&paths.runtime, left.id());
        std::fs::write(paths.engine_socket(), "").unwrap();
        let _lease = Lease::take(&paths).unwrap();
        assert_eq!(left.wait().unwrap().signal(), Some(9));
        assert!(!paths.engine_socket().exists());
    }

    #[test]
    fn a_process_that_only_has_the_number_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        paths.create().unwrap();
        let mut other = sleeper();
        record_process(&paths.runtime, other.id());
        let path = record_path(&paths.runtime);
        let mut record = read_record(&path).unwrap();
        record.start_time = record.start_time.map(|time| time + 1);
        std::fs::write(&path, serde_json::to_vec(&record).unwrap()).unwrap();
        let lease = Lease::take(&paths).unwrap();
        assert!(other.try_wait().unwrap().is_none());
        drop(lease);

        record.start_time = host::start_time(other.id());
        record.boot_id = "another".to_owned();
        std::fs::write(&path, serde_json::to_vec(&record).unwrap()).unwrap();
        let _lease = Lease::take(&paths).unwrap();
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
