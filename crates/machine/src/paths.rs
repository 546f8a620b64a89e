//! Where the machine's files and sockets are.

use std::path::{Path, PathBuf};

use crate::MachineError;

/// Longest path of a Unix socket, without the closing zero: 108 bytes on Linux, 104 on macOS.
const MAX_SOCKET_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The places of one machine. Two machines with different places know nothing of each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachinePaths {
    /// Slipway's data directory. The machine is in `machine` below it, its lock beside that.
    pub data: PathBuf,
    /// Sockets, and what else lasts as long as the process that owns the machine.
    pub runtime: PathBuf,
    /// Docker's configuration directory, for the context.
    pub docker_config: Option<PathBuf>,
    /// The guest image, where it is not the one that came with this program: `SLIPWAY_GUEST_IMAGE`.
    pub image: Option<PathBuf>,
}

impl MachinePaths {
    /// `$XDG_DATA_HOME/slipway` and `$XDG_RUNTIME_DIR/slipway`, and their counterparts on macOS and Windows. Where the
    /// system names no place for sockets they are below the data directory.
    pub fn of_user() -> Result<Self, MachineError> {
        let variable = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let data = if cfg!(windows) {
            variable("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            home.as_ref()
                .map(|home| home.join("Library/Application Support"))
        } else {
            variable("XDG_DATA_HOME")
                .filter(|path| path.is_absolute())
                .or_else(|| home.as_ref().map(|home| home.join(".local/share")))
        };
        let data = data
            .ok_or(MachineError::Refused {
                what: "This system names no directory for the machine's data",
                hint: "Set HOME",
            })?
            .join("slipway");
        let runtime = variable("XDG_RUNTIME_DIR")
            .filter(|path| path.is_absolute())
            .map_or_else(|| data.join("run"), |runtime| runtime.join("slipway"));
        Ok(Self {
            data,
            runtime,
            docker_config: variable("DOCKER_CONFIG")
                .or_else(|| home.map(|home| home.join(".docker"))),
            image: variable("SLIPWAY_GUEST_IMAGE"),
        })
    }

    /// Has a program find the same places with [`MachinePaths::of_user`].
    pub(crate) fn hand_on(&self, command: &mut tokio::process::Command) {
        let data = if cfg!(windows) {
            Some("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            // Its data is where its home says.
            None
        } else {
            Some("XDG_DATA_HOME")
        };
        if let (Some(variable), Some(parent)) = (data, self.data.parent()) {
            command.env(variable, parent);
        }
        if let Some(parent) = self.runtime.parent()
            && self.runtime != self.data.join("run")
        {
            command.env("XDG_RUNTIME_DIR", parent);
        }
        if let Some(config) = &self.docker_config {
            command.env("DOCKER_CONFIG", config);
        }
        if let Some(image) = &self.image {
            command.env("SLIPWAY_GUEST_IMAGE", image);
        }
    }

    /// The directory that holds everything of the machine that lasts.
    pub fn machine(&self) -> PathBuf {
        self.data.join("machine")
    }

    /// The disk with images, containers and volumes.
    pub fn data_disk(&self) -> PathBuf {
        self.machine().join("data.raw")
    }

    /// What the person chose.
    pub fn settings(&self) -> PathBuf {
        self.machine().join("settings.json")
    }

    /// Which accelerators work on this computer.
    pub fn verdict(&self) -> PathBuf {
        self.data.join("verdict.json")
    }

    /// Which files of which guest image have been checked.
    pub fn verified(&self) -> PathBuf {
        self.data.join("verified.json")
    }

    /// Held by the process that owns the machine. Outside the machine's directory, because that goes when it is deleted.
    pub fn lock(&self) -> PathBuf {
        self.data.join("machine.lock")
    }

    /// Held by the process that the sockets are of; says which that is, and whose data it has. Beside the sockets, because
    /// other data may have the same place for them.
    pub fn owner(&self) -> PathBuf {
        self.runtime.join("owner.json")
    }

    /// Log of `slipwayd`.
    pub fn daemon_log(&self) -> PathBuf {
        self.data.join("slipwayd.log")
    }

    /// The machine's serial console.
    pub fn console_log(&self) -> PathBuf {
        self.runtime.join("console.log")
    }

    /// The machine's engine.
    pub fn engine_socket(&self) -> PathBuf {
        self.runtime.join("engine.sock")
    }

    /// The control socket of `slipwayd`.
    pub fn daemon_socket(&self) -> PathBuf {
        self.runtime.join("daemon.sock")
    }

    /// The engine's socket as `DOCKER_HOST` would have it.
    pub fn engine_address(&self) -> String {
        format!("unix://{}", self.engine_socket().display())
    }

    /// Makes the directories, ours alone, and checks that sockets can be made there.
    pub fn create(&self) -> Result<(), MachineError> {
        for name in SOCKETS {
            let path = self.runtime.join(name);
            if cfg!(unix) && path.as_os_str().len() > MAX_SOCKET_PATH {
                return Err(MachineError::PathTooLong { path });
            }
        }
        private_dir(&self.data)?;
        private_dir(&self.runtime)
    }
}

/// The sockets of `slipwayd` and of its virtual machine.
pub(crate) const SOCKETS: [&str; 6] = [
    "engine.sock",
    "daemon.sock",
    "qmp.sock",
    "link.sock",
    "ports.sock",
    "calls.sock",
];

/// Makes a directory that only its owner can enter. One that is there already has to be ours; what others may do in
/// it is taken from them.
pub(crate) fn private_dir(path: &Path) -> Result<(), MachineError> {
    let create = MachineError::file("Creating", path);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
        if let Err(error) = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
        {
            return Err(create(error));
        }
        let metadata =
            std::fs::symlink_metadata(path).map_err(MachineError::file("Reading", path))?;
        let unsafe_because = |reason: &str| MachineError::UnsafeDirectory {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        if !metadata.is_dir() {
            return Err(unsafe_because("it is a link"));
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(unsafe_because("it belongs to another user"));
        }
        if metadata.mode() & 0o077 != 0 {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
                .map_err(MachineError::file("Closing to others", path))?;
        }
        Ok(())
    }
    #[cfg(not(unix))]
    std::fs::create_dir_all(path).map_err(create)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn paths(root: &Path) -> MachinePaths {
        MachinePaths {
            data: root.join("data"),
            runtime: root.join("run"),
            docker_config: None,
            image: None,
        }
    }

    #[test]
    fn directories_are_ours_alone() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        std::fs::create_dir(&paths.runtime).unwrap();
        std::fs::set_permissions(&paths.runtime, std::fs::Permissions::from_mode(0o755)).unwrap();
        paths.create().unwrap();
        for path in [&paths.data, &paths.runtime] {
            let mode = std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", path.display());
        }
    }

    #[test]
    fn a_link_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        std::fs::create_dir(root.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(root.path().join("elsewhere"), &paths.runtime).unwrap();
        assert!(matches!(
            paths.create(),
            Err(MachineError::UnsafeDirectory { .. })
        ));
    }

    #[test]
    fn a_path_too_long_for_sockets_is_refused_with_its_remedy() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(&root.path().join("x".repeat(90)));
        let error = paths.create().unwrap_err();
        assert!(error.hint().unwrap().contains("XDG_RUNTIME_DIR"), "{error}");
    }
}
