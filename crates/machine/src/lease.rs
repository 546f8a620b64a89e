//! Ownership of the machine: file locks that the operating system releases when their holder ends, however that
//! happens.
//!
//! There are two locks because there are two directories: the data directory holds the machine, the runtime directory
//! the sockets and the record of the virtual machine's process. With only the first lock, an owner of other data with
//! the same runtime directory would take the sockets and the process of a running machine for leftovers.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::paths::{PROBE, SOCKETS};
use crate::{MachineError, MachinePaths, host};

/// Grace period: a probe holds the lock for a moment.
const LOOK: Duration = Duration::from_millis(100);

/// The right to run the machine. It has one holder at a time and ends with the holder's process at the latest.
#[derive(Debug)]
pub struct Lease {
    _machine: File,
    sockets: File,
    runtime: PathBuf,
}

/// The owner of the sockets in a runtime directory. Written before the first socket is created, so that any client of a
/// socket can read it.
#[derive(Debug, Serialize, Deserialize)]
struct Owner {
    pid: u32,
    /// The data directory, with symbolic links resolved.
    data: String,
}

/// Identifies one process for ever: pids are reused, pairs of start time and boot are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ProcessRecord {
    pid: u32,
    start_time: Option<u64>,
    boot_id: String,
}

impl Lease {
    /// Takes the lease, creates the machine's directories, and cleans up after the previous owner.
    pub fn take(paths: &MachinePaths) -> Result<Self, MachineError> {
        Self::take_and(paths, || {})
    }

    /// As [`Lease::take`]. Calls `open_log` as soon as the machine's lock is held: from then on the log, which is beside
    /// that lock, belongs to this process. Nothing is logged before.
    pub fn take_and(paths: &MachinePaths, open_log: impl FnOnce()) -> Result<Self, MachineError> {
        paths.create()?;
        let Some(mut machine) = lock(&paths.lock())? else {
            return Err(MachineError::Owned {
                pid: pid_of_owner(paths),
            });
        };
        open_log();
        // Only for messages: the lock itself decides.
        let who = format!(
            "{}\n{}\n",
            std::process::id(),
            without_links(&paths.runtime)
        );
        if let Err(error) = write_down(&mut machine, who.as_bytes()) {
            tracing::debug!(%error, "who owns the machine cannot be written down");
        }
        let path = paths.owner();
        let Some(mut sockets) = lock(&path)? else {
            return Err(another_owner(paths).unwrap_or(MachineError::Owned { pid: None }));
        };
        let owner = Owner {
            pid: std::process::id(),
            data: without_links(&paths.data),
        };
        serde_json::to_vec(&owner)
            .map_err(std::io::Error::from)
            .and_then(|text| write_down(&mut sockets, &text))
            .map_err(MachineError::file("Writing", &path))?;
        let lease = Self {
            _machine: machine,
            sockets,
            runtime: paths.runtime.clone(),
        };
        lease.clear();
        Ok(lease)
    }

    /// Gives up the machine for good: removes the locks and the logs of a deleted machine. Directories and what is
    /// known about this computer and the image stay. Only the owner may do this, because the next owner creates its
    /// locks at the same paths.
    pub fn leave_nothing(self, paths: &MachinePaths) {
        let log = paths.daemon_log();
        let mut old = log.clone().into_os_string();
        old.push(".1");
        let mut left = vec![log, old.into()];
        // If the runtime directory was removed, one at the same path belongs to another owner.
        if is_at(&self.sockets, &paths.owner()) {
            left.extend([
                paths.console_log(),
                self.runtime.join("qemu.log"),
                paths.owner(),
            ]);
        }
        left.push(paths.lock());
        for path in left {
            // They may never have existed.
            let _ = std::fs::remove_file(path);
        }
        drop(self);
    }

    /// Ends the processes and removes the sockets of a previous owner.
    fn clear(&self) {
        for directory in [self.runtime.clone(), self.runtime.join(PROBE)] {
            if let Some(record) = read_record(&record_path(&directory)) {
                tracing::info!(pid = record.pid, "ending what an earlier slipwayd left");
                end(&record);
            }
            let _ = std::fs::remove_file(record_path(&directory));
        }
        let _ = std::fs::remove_dir_all(self.runtime.join(PROBE));
        for name in SOCKETS {
            let _ = std::fs::remove_file(self.runtime.join(name));
        }
    }
}

/// Explains why no `slipwayd` can be reached here, if there is an owner: it owns this machine and does not listen, or
/// the runtime directory belongs to another machine. Takes no lock.
pub(crate) fn in_the_way(paths: &MachinePaths) -> Option<MachineError> {
    let sockets = is_held(&paths.owner());
    if sockets && let Some(another) = another_owner(paths) {
        return Some(another);
    }
    (sockets || is_held(&paths.lock())).then(|| {
        let pid = pid_of_owner(paths);
        match runtime_of_owner(paths) {
            Some(runtime) => MachineError::InAnotherSession {
                pid,
                runtime,
                data: without_links(&paths.data).into(),
            },
            None => MachineError::Unheard {
                pid,
                socket: paths.daemon_socket(),
            },
        }
    })
}

/// The owner of the sockets in our runtime directory, if it owns another machine. Meant for a client that has connected
/// to one of them.
pub(crate) fn another_owner(paths: &MachinePaths) -> Option<MachineError> {
    let text = std::fs::read(paths.owner()).ok()?;
    let owner: Owner = serde_json::from_slice(&text).ok()?;
    (owner.data != without_links(&paths.data)).then(|| MachineError::OwnedElsewhere {
        pid: owner.pid,
        data: owner.data.into(),
        ours: paths.data.clone(),
        runtime: paths.runtime.clone(),
    })
}

/// The canonical path of a directory.
fn without_links(path: &Path) -> String {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    path.to_string_lossy().into_owned()
}

fn pid_of_owner(paths: &MachinePaths) -> Option<u32> {
    let text = std::fs::read_to_string(paths.lock()).ok()?;
    text.lines().next()?.trim().parse().ok()
}

/// The runtime directory of the machine's owner, if it is not ours and its sockets exist.
fn runtime_of_owner(paths: &MachinePaths) -> Option<PathBuf> {
    let text = std::fs::read_to_string(paths.lock()).ok()?;
    let runtime = PathBuf::from(text.lines().nth(1)?);
    let there = MachinePaths {
        runtime: runtime.clone(),
        ..paths.clone()
    };
    let is_another = runtime.is_absolute() && runtime != Path::new(&without_links(&paths.runtime));
    (is_another && there.daemon_socket().exists()).then_some(runtime)
}

/// Locks the file at a path, which is created if it is missing; `None` if another process holds the lock.
pub(crate) fn lock(path: &Path) -> Result<Option<File>, MachineError> {
    let began = Instant::now();
    loop {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(MachineError::file("Opening", path))?;
        match file.try_lock() {
            Ok(()) if is_at(&file, path) => return Ok(Some(file)),
            // The previous owner removed the file between our opening and our locking it.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if began.elapsed() < LOOK => {
                std::thread::sleep(LOOK / 20);
            }
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => {
                return Err(MachineError::file("Locking", path)(error));
            }
        }
    }
}

/// Whether another process holds the lock on the file at a path. Concurrent probes do not count as holders.
fn is_held(path: &Path) -> bool {
    File::open(path)
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Writes in place: a new file at the path would not be the locked one.
pub(crate) fn write_down(file: &mut File, text: &[u8]) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(text)
}

/// Whether an open file is the one at a path.
#[cfg(unix)]
fn is_at(file: &std::fs::File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(open), Ok(there)) = (file.metadata(), std::fs::metadata(path)) else {
        return false;
    };
    (open.dev(), open.ino()) == (there.dev(), there.ino())
}

/// On Windows, an open file cannot be removed.
#[cfg(not(unix))]
fn is_at(_file: &std::fs::File, _path: &Path) -> bool {
    true
}

/// Records a process that the next owner has to end if we cannot.
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

/// The path of that record.
pub(crate) fn record_path(runtime: &Path) -> PathBuf {
    runtime.join("vm-process.json")
}

fn read_record(path: &Path) -> Option<ProcessRecord> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Kills a process if it is still the recorded one.
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
    // The descriptor refers to this very process, so checks made after opening it stay true.
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

/// Other systems do not report when a process started, so a process cannot be identified by its pid.
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

    /// Paths with their own data directory and the runtime directory of others.
    fn beside(paths: &MachinePaths, root: &Path) -> MachinePaths {
        MachinePaths {
            data: root.join("other-data"),
            ..paths.clone()
        }
    }

    #[test]
    fn the_sockets_have_one_owner_whatever_data_others_have() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        let other = beside(&paths, root.path());
        let lease = Lease::take(&paths).unwrap();
        let mut machine = sleeper();
        record_process(&paths.runtime, machine.id());
        std::fs::write(paths.engine_socket(), "").unwrap();

        let refused = Lease::take(&other).unwrap_err();
        let message = refused.to_string();
        for word in [
            std::process::id().to_string(),
            paths.data.display().to_string(),
            other.data.display().to_string(),
        ] {
            assert!(message.contains(&word), "{word} is not in: {message}");
        }
        assert!(refused.hint().unwrap().contains("XDG_RUNTIME_DIR"));
        assert!(machine.try_wait().unwrap().is_none(), "it was killed");
        assert!(paths.engine_socket().exists());
        // The lock that it did take is released.
        assert!(!is_held(&other.lock()));

        drop(lease);
        let _lease = Lease::take(&other).unwrap();
        assert!(matches!(
            Lease::take(&paths),
            Err(MachineError::OwnedElsewhere { .. })
        ));
        machine.wait().unwrap();
    }

    #[test]
    fn what_has_come_in_place_of_its_runtime_directory_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        let other = beside(&paths, root.path());
        let lease = Lease::take(&paths).unwrap();
        std::fs::remove_dir_all(&paths.runtime).unwrap();
        let _next = Lease::take(&other).unwrap();
        std::fs::write(other.console_log(), "").unwrap();
        lease.leave_nothing(&paths);
        assert!(other.owner().exists() && other.console_log().exists());
        assert!(!paths.lock().exists());
    }

    #[test]
    fn another_way_to_the_same_data_is_no_other_owner() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        let _lease = Lease::take(&paths).unwrap();
        std::os::unix::fs::symlink(root.path(), root.path().join("way")).unwrap();
        let linked = MachinePaths {
            data: root.path().join("way/data"),
            ..paths.clone()
        };
        assert!(another_owner(&linked).is_none());
        assert!(another_owner(&beside(&paths, root.path())).is_some());
    }

    #[test]
    fn the_owner_in_another_session_is_named_with_the_way_to_it() {
        let root = tempfile::tempdir().unwrap();
        let check = |theirs: &MachinePaths, ours: &MachinePaths, way: &str| {
            let lease = Lease::take(theirs).unwrap();
            // Until the owner listens there, a hint to that directory would not help.
            let before = in_the_way(ours).unwrap();
            assert!(matches!(before, MachineError::Unheard { .. }), "{before}");
            std::fs::write(theirs.daemon_socket(), "").unwrap();
            let told = in_the_way(ours).unwrap();
            assert!(told.to_string().contains("another session"), "{told}");
            let hint = told.hint().unwrap();
            assert!(hint.contains(way) && !hint.contains("kill"), "{hint}");
            // At the owner's own paths, it is only reported as not listening.
            let own = in_the_way(theirs).unwrap();
            assert!(matches!(own, MachineError::Unheard { .. }), "{own}");
            drop(lease);
            assert!(in_the_way(ours).is_none());
        };
        let at = |runtime: &str| MachinePaths {
            runtime: root.path().join(runtime),
            ..paths(root.path())
        };
        let login = at("user/slipway");
        let parent = std::fs::canonicalize(root.path()).unwrap().join("user");
        let way = format!("`XDG_RUNTIME_DIR={} slipway …`", parent.display());
        check(&login, &at("data/run"), &way);
        check(
            &at("data/run"),
            &login,
            "`env -u XDG_RUNTIME_DIR slipway …`",
        );
    }

    #[test]
    fn who_only_looks_keeps_nobody_from_it() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        assert!(in_the_way(&paths).is_none());
        paths.create().unwrap();
        std::fs::write(paths.lock(), "").unwrap();
        let looks = File::open(paths.lock()).unwrap();
        looks.lock_shared().unwrap();
        assert!(!is_held(&paths.lock()));
        let looking = std::thread::spawn(move || {
            std::thread::sleep(LOOK / 10);
            drop(looks);
        });
        let lease = Lease::take(&paths).unwrap();
        looking.join().unwrap();
        assert!(matches!(
            in_the_way(&paths),
            Some(MachineError::Unheard { pid: Some(pid), .. }) if pid == std::process::id()
        ));
        drop(lease);
        assert!(in_the_way(&paths).is_none());
    }

    #[test]
    fn who_leaves_nothing_makes_way_for_the_next() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        let lease = Lease::take(&paths).unwrap();
        // Like a probe that opens the lock just before it is removed.
        let early = std::fs::File::open(paths.lock()).unwrap();
        std::fs::write(paths.daemon_log(), "").unwrap();
        lease.leave_nothing(&paths);
        assert!(!paths.lock().exists() && !paths.daemon_log().exists());
        assert!(!paths.owner().exists());
        early.try_lock().unwrap();
        assert!(!is_at(&early, &paths.lock()));
        let _next = Lease::take(&paths).unwrap();
        assert!(matches!(
            Lease::take(&paths),
            Err(MachineError::Owned { .. })
        ));
    }

    /// Messages while the lease is taken are in the log, also those about a refusal.
    #[test]
    fn the_log_is_open_before_anything_is_said() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        let opened = std::cell::Cell::new(0);
        let log = || opened.set(opened.get() + 1);
        let lease = Lease::take_and(&paths, log).unwrap();
        assert_eq!(opened.get(), 1);
        // The log of a machine that another process owns is that process's.
        assert!(matches!(
            Lease::take_and(&paths, log),
            Err(MachineError::Owned { .. })
        ));
        assert_eq!(opened.get(), 1);
        // The lock of our own machine is free, that of the sockets is not: our log says so.
        let refused = Lease::take_and(&beside(&paths, root.path()), log);
        assert!(
            matches!(refused, Err(MachineError::OwnedElsewhere { .. })),
            "{refused:?}"
        );
        assert_eq!(opened.get(), 2);
        drop(lease);
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
