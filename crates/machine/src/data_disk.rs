//! The data disk: a sparse file that grows on demand. The host never shrinks or formats it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use slipway_api::machine::MachineDisk;
use slipway_engine::size;

use crate::{MachineError, MachinePaths, host, lease, paths};

/// The machine does not start with less free space than this: it would fill the disk while booting.
const MIN_FREE: u64 = 1 << 30;

/// Free space below which a warning is shown.
const WARN_FREE: u64 = 5 << 30;

/// Suffix of the name of a machine directory that is being deleted.
const ASIDE: &str = "machine.deleted-";

/// The exclusive right to use a data disk. A virtual machine's process holds a copy, so that it lasts until both that
/// process and ours have ended: where nothing ends the virtual machine with us (macOS), one that a crash left behind
/// keeps its disk, and a second one is refused.
#[derive(Debug, Clone)]
pub struct DiskLock(Arc<File>);

impl DiskLock {
    /// Locks the machine's disk, by a file beside it: QEMU locks the disk itself.
    pub fn take(paths: &MachinePaths) -> Result<Self, MachineError> {
        paths::private_dir(&paths.machine())?;
        let path = paths.machine().join("data.lock");
        let Some(file) = lease::lock(&path)? else {
            let pid = std::fs::read_to_string(&path)
                .ok()
                .and_then(|text| text.trim().parse().ok());
            return Err(MachineError::DiskInUse {
                disk: paths.data_disk(),
                pid,
            });
        };
        Ok(Self(Arc::new(file)))
    }

    /// A copy for the process of a virtual machine to inherit. The lock is that of the open file, which both share.
    pub(crate) fn copy(&self) -> std::io::Result<File> {
        self.0.try_clone()
    }

    /// Writes down which process uses the disk, for the message to whoever is refused.
    pub(crate) fn write_down(&self, pid: u32) -> std::io::Result<()> {
        lease::write_down(&mut self.copy()?, format!("{pid}\n").as_bytes())
    }
}

/// Creates the disk with `gigabytes`, or grows it to that size. A larger disk is left alone. Returns whether the disk
/// is new.
pub(crate) fn provide(paths: &MachinePaths, gigabytes: u32) -> Result<bool, MachineError> {
    paths::private_dir(&paths.machine())?;
    let path = paths.data_disk();
    let wanted = u64::from(gigabytes) << 30;
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let (file, new) = match options.clone().create_new(true).open(&path) {
        Ok(file) => (file, true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => (
            options
                .open(&path)
                .map_err(MachineError::file("Opening", &path))?,
            false,
        ),
        Err(error) => return Err(MachineError::file("Creating", &path)(error)),
    };
    let size = file
        .metadata()
        .map_err(MachineError::file("Reading", &path))?
        .len();
    if size < wanted {
        file.set_len(wanted)
            .map_err(MachineError::file("Growing", &path))?;
        // The directory entry must be durable before the guest relies on the disk.
        file.sync_all()
            .map_err(MachineError::file("Writing", &path))?;
    }
    Ok(new)
}

/// Refuses if the disk of this computer is almost full; warns if it may soon be.
pub(crate) fn check_space(paths: &MachinePaths) -> Result<Option<String>, MachineError> {
    let Some(free) = host::free_space(&paths.data) else {
        return Ok(None);
    };
    judge_space(&paths.data, free)
}

fn judge_space(path: &Path, free: u64) -> Result<Option<String>, MachineError> {
    if free < MIN_FREE {
        return Err(MachineError::NoSpace {
            path: path.to_owned(),
            free,
        });
    }
    Ok((free < WARN_FREE).then(|| {
        format!(
            "Only {} is free on this computer; images and volumes may not find room",
            size::memory(free)
        )
    }))
}

/// Size and usage of the disk; `None` if there is none.
pub(crate) fn measure(paths: &MachinePaths) -> Option<MachineDisk> {
    let metadata = std::fs::metadata(paths.data_disk()).ok()?;
    Some(MachineDisk {
        size: metadata.len(),
        used_on_host: allocated(&metadata),
        used_in_guest: None,
        free_on_host: host::free_space(&paths.data),
    })
}

#[cfg(unix)]
fn allocated(metadata: &std::fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    // In units of 512 bytes, independent of the file system's block size.
    metadata.blocks().saturating_mul(512)
}

#[cfg(not(unix))]
fn allocated(metadata: &std::fs::Metadata) -> u64 {
    metadata.len()
}

/// Removes the machine's directory. A rename comes first, so that a crash leaves either the whole machine or none;
/// [`sweep`] removes what a crash left behind.
pub(crate) fn delete(paths: &MachinePaths) -> Result<(), MachineError> {
    let machine = paths.machine();
    let aside = (0..1000)
        .map(|number| paths.data.join(format!("{ASIDE}{number}")))
        .find(|path| !path.exists())
        // There are never that many leftovers; if there were, the rename would fail and say so.
        .unwrap_or_else(|| paths.data.join(ASIDE));
    match std::fs::rename(&machine, &aside) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(MachineError::file("Removing", &machine)(error)),
    }
    std::fs::remove_dir_all(&aside).map_err(MachineError::file("Removing", &aside))
}

/// Removes directories that interrupted deletions left behind.
pub(crate) fn sweep(paths: &MachinePaths) {
    let aside: Vec<PathBuf> = std::fs::read_dir(&paths.data)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(ASIDE))
        .map(|entry| entry.path())
        .collect();
    for path in aside {
        if let Err(error) = std::fs::remove_dir_all(&path) {
            tracing::warn!(path = %path.display(), %error, "a deleted machine's rest cannot be removed");
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::{Command, Stdio};

    use super::*;

    fn paths(root: &Path) -> MachinePaths {
        MachinePaths {
            data: root.to_owned(),
            runtime: root.join("run"),
            docker_config: None,
            image: None,
        }
    }

    #[test]
    fn a_disk_stays_locked_until_the_process_that_uses_it_has_ended() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        let lock = DiskLock::take(&paths).unwrap();
        let mut left_behind = Command::new("sleep")
            .arg("600")
            .stdin(Stdio::from(lock.copy().unwrap()))
            .spawn()
            .unwrap();
        lock.write_down(left_behind.id()).unwrap();
        // As after a crash of `slipwayd`.
        drop(lock);
        let refused = DiskLock::take(&paths).unwrap_err();
        assert!(
            matches!(refused, MachineError::DiskInUse { pid: Some(pid), .. } if pid == left_behind.id()),
            "{refused:?}"
        );
        assert!(
            refused
                .hint()
                .unwrap()
                .contains(&format!("kill {}", left_behind.id()))
        );

        left_behind.kill().unwrap();
        left_behind.wait().unwrap();
        DiskLock::take(&paths).unwrap();
    }

    #[test]
    fn it_is_sparse_grows_and_never_shrinks() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        assert_eq!(measure(&paths), None);
        assert!(provide(&paths, 64).unwrap());
        let disk = measure(&paths).unwrap();
        assert_eq!(disk.size, 64 << 30);
        assert!(disk.used_on_host < 1 << 20, "{disk:?}");
        let mode = std::fs::metadata(paths.data_disk())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!provide(&paths, 128).unwrap());
        assert!(!provide(&paths, 16).unwrap());
        assert_eq!(measure(&paths).unwrap().size, 128 << 30);
    }

    #[test]
    fn little_space_is_told_and_less_refused() {
        let check = |free: u64| judge_space(Path::new("/d"), free);
        assert!(matches!(
            check(MIN_FREE - 1),
            Err(MachineError::NoSpace { .. })
        ));
        assert!(
            check(MIN_FREE)
                .unwrap()
                .unwrap()
                .contains("Only 1 GB is free")
        );
        assert_eq!(check(WARN_FREE).unwrap(), None);
    }

    #[test]
    fn a_deletion_that_was_cut_short_is_finished() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        provide(&paths, 4).unwrap();
        // As a crash between rename and removal leaves it.
        std::fs::rename(paths.machine(), root.path().join(format!("{ASIDE}0"))).unwrap();
        assert_eq!(measure(&paths), None);
        provide(&paths, 4).unwrap();
        delete(&paths).unwrap();
        assert!(root.path().join(format!("{ASIDE}0")).exists());
        sweep(&paths);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
        delete(&paths).unwrap();
    }
}
