//! The directory of one run, and the reaper that cleans the run up when its owner drops it or dies.
//!
//! The reaper is a small shell process in a session of its own. It holds the read end of a pipe whose write end is
//! here, so it learns of a drop, a panic, an `exit`, and a SIGKILL of the test process in the same way: the pipe ends.
//! Nothing has to be registered with it, because everything that it has to undo can be found from the run directory.
//! If the reaper is killed too, the next run sweeps up.

use std::{
    fs::{self, DirBuilder, File},
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{
    Result,
    command::spawn_error,
    error::{At, Error},
};

const REAP: &str = include_str!("reap.sh");

static RUNS_DIR: OnceLock<PathBuf> = OnceLock::new();
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Keeps this process's runs below `path` instead of the default. Only the first call, before anything is started,
/// has an effect. Keep it short: socket paths below it must stay under 108 bytes.
pub fn keep_runs_in(path: PathBuf) {
    RUNS_DIR.get_or_init(|| path);
}

/// Where runs live: `SLIPWAY_TESTKIT_RUNS`, or `slipway-testkit` in the directory for temporary files.
pub fn runs_dir() -> &'static Path {
    RUNS_DIR.get_or_init(|| match std::env::var_os("SLIPWAY_TESTKIT_RUNS") {
        Some(path) => PathBuf::from(path),
        None => std::env::temp_dir().join("slipway-testkit"),
    })
}

/// A fresh directory for one daemon. Everything that belongs to the daemon ends with it.
#[derive(Debug)]
pub(crate) struct RunDir {
    path: PathBuf,
    reaper: Child,
}

impl RunDir {
    pub(crate) fn create() -> Result<Self> {
        sweep()?;
        let parent = runs_dir();
        let path = loop {
            let name = format!(
                "{}-{}",
                std::process::id(),
                NEXT.fetch_add(1, Ordering::Relaxed)
            );
            let path = parent.join(name);
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => break path,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).at("create", &path),
            }
        };
        // The owner is on record before the reaper is, so that a sweep in between sees a living owner.
        let owner = path.join("owner");
        let me = identity(std::process::id()).unwrap_or_default();
        fs::write(&owner, &me).at("write", &owner)?;
        let mut command = reaper(&path, "wait")?;
        let reaper = command
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|source| spawn_error(&command, "util-linux", source))?;
        let its = identity(reaper.id()).unwrap_or_default();
        fs::write(&owner, format!("{me}\n{its}\n")).at("write", &owner)?;
        Ok(Self { path, reaper })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The last part of the path, which also names the run's cgroup.
    pub(crate) fn id(&self) -> String {
        self.path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        drop(self.reaper.stdin.take());
        match self.reaper.wait() {
            Ok(status) if status.success() => {}
            outcome => eprintln!(
                "testkit: {} was not cleared ({outcome:?}), see {}",
                self.path.display(),
                log_path().display()
            ),
        }
    }
}

/// Cleans up after dead test processes. Returns the number of runs.
///
/// A run is left alone while its owner or its reaper lives.
pub fn sweep() -> Result<usize> {
    let parent = runs_dir();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(parent)
        .at("create", parent)?;
    let seen = fs::symlink_metadata(parent).at("read", parent)?;
    if !seen.is_dir() || seen.uid() != rustix::process::geteuid().as_raw() {
        return Err(Error::ForeignRuns {
            path: parent.to_owned(),
        });
    }
    let _lock = lock()?;
    let mut swept = 0;
    for entry in fs::read_dir(parent).at("list", parent)?.flatten() {
        let path = entry.path();
        if !path.is_dir() || is_in_use(&path) {
            continue;
        }
        let mut command = reaper(&path, "now")?;
        let status = command
            .stdin(Stdio::null())
            .status()
            .map_err(|source| spawn_error(&command, "util-linux", source))?;
        if !status.success() {
            eprintln!(
                "testkit: cannot clear {}, see {}",
                path.display(),
                log_path().display()
            );
        }
        swept += 1;
    }
    Ok(swept)
}

/// One at a time across all test processes: sweeping, and choosing a subnet.
pub(crate) fn lock() -> Result<File> {
    let path = runs_dir().join("lock");
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .at("open", &path)?;
    file.lock().at("lock", &path)?;
    Ok(file)
}

fn log_path() -> PathBuf {
    runs_dir().join("reaper.log")
}

fn reaper(run: &Path, mode: &str) -> Result<Command> {
    let path = log_path();
    let log = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .at("open", &path)?;
    let mut command = Command::new("setsid");
    command
        .args(["sh", "-c", REAP, "testkit-reaper"])
        .arg(run)
        .arg(mode);
    command.current_dir("/").stdout(Stdio::null()).stderr(log);
    Ok(command)
}

fn is_in_use(run: &Path) -> bool {
    let owner = fs::read_to_string(run.join("owner")).unwrap_or_default();
    // A directory without an owner was made a moment ago, or its owner died between two system calls.
    if owner.is_empty() {
        let age = fs::metadata(run)
            .and_then(|it| it.modified())
            .ok()
            .and_then(|at| at.elapsed().ok());
        return age.is_none_or(|age| age.as_secs() < 10);
    }
    owner.lines().any(|line| {
        line.split(' ')
            .next()
            .and_then(|pid| identity(pid.parse().ok()?))
            .as_deref()
            == Some(line)
    })
}

/// A process's id and start time, which together name it for good; `None` if it is gone or a zombie.
fn identity(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    Some(format!("{pid} {}", fields.nth(18)?))
}
