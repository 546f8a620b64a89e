//! Who owns the machine: locks that the operating system lets go of when their holder ends, however that happens.
//!
//! There are two, because there are two directories: the data directory has the machine, the runtime directory the sockets
//! and the record of the virtual machine's process. Who came to other data with the same runtime directory would otherwise
//! take the sockets and the process of somebody else's machine for leftovers.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::paths::SOCKETS;
use crate::{MachineError, MachinePaths, host};

/// How long a lock may be in the way before it is somebody's: who only looks whether it is held holds it for a moment.
const LOOK: Duration = Duration::from_millis(100);

/// The right to run the machine. Whoever holds it is the only one; it ends with the process at the latest.
#[derive(Debug)]
pub struct Lease {
    _machine: File,
    sockets: File,
    runtime: PathBuf,
}

/// Whose the sockets in a runtime directory are. Written before there is one, so who reaches a socket can read it.
#[derive(Debug, Serialize, Deserialize)]
struct Owner {
    pid: u32,
    /// The data directory, without links.
    data: String,
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
        let Some(mut machine) = lock(&paths.lock())? else {
            return Err(MachineError::Owned {
                pid: pid_of_owner(paths),
            });
        };
        // Only for messages: the lock is what counts.
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

    /// Gives the machine up for good: removes the locks and the logs of a machine that is deleted. Directories and what is known
    /// of this computer and its image stay. Only the owner may, because the next one makes its own locks at the same places.
    pub fn leave_nothing(self, paths: &MachinePaths) {
        let log = paths.daemon_log();
        let mut old = log.clone().into_os_string();
        old.push(".1");
        let mut left = vec![log, old.into()];
        // Where the runtime directory was taken away, the one at its place is somebody else's.
        if is_at(&self.sockets, &paths.owner()) {
            left.extend([
                paths.console_log(),
                self.runtime.join("qemu.log"),
                paths.owner(),
            ]);
        }
        left.push(paths.lock());
        for path in left {
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

/// Who stands in the way of somebody who reaches no `slipwayd` here, where there is one: it owns this machine and does not
/// listen, or the directory of its sockets is of another machine. Takes nothing.
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

/// Whose machine the sockets in our runtime directory lead to, if it is not ours. To be asked by who has reached one.
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

/// A directory by the one name that all ways to it have in common.
fn without_links(path: &Path) -> String {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    path.to_string_lossy().into_owned()
}

fn pid_of_owner(paths: &MachinePaths) -> Option<u32> {
    let text = std::fs::read_to_string(paths.lock()).ok()?;
    text.lines().next()?.trim().parse().ok()
}

/// Where the machine's owner has its sockets, if that is not our place for them and they are there.
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

/// Locks the file at a path, which is made if it is not there; `None` where somebody else has locked it.
fn lock(path: &Path) -> Result<Option<File>, MachineError> {
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
            // The last owner has removed the file between our opening and our locking it.
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

/// Whether somebody has locked the file at a path. Who looks at the same time is nobody.
fn is_held(path: &Path) -> bool {
    File::open(path)
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Writes in place: another file at the path would not be the one that is locked.
fn write_down(file: &mut File, text: &[u8]) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(text)
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

    /// Places with data of their own and the runtime directory of others.
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
        // What it did take is let go of.
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
            // Until it listens there, nothing would be gained by going there.
            let before = in_the_way(ours).unwrap();
            assert!(matches!(before, MachineError::Unheard { .. }), "{before}");
            std::fs::write(theirs.daemon_socket(), "").unwrap();
            let told = in_the_way(ours).unwrap();
            assert!(told.to_string().contains("another session"), "{told}");
            let hint = told.hint().unwrap();
            assert!(hint.contains(way) && !hint.contains("kill"), "{hint}");
            // Whose own place it is finds it silent, and nothing else.
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
        // As one that opens the lock just before it goes.
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
