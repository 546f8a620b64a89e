//! The paths of the machine's files and sockets.

use std::path::{Path, PathBuf};

use crate::MachineError;

/// Longest path of a Unix socket, without the terminating zero: 108 bytes on Linux, 104 on macOS.
const MAX_SOCKET_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The paths of one machine. Two machines with different paths do not affect each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachinePaths {
    /// Slipway's data directory. The machine is in `machine` below it, its lock beside that directory.
    pub data: PathBuf,
    /// The runtime directory: sockets, and what else lives as long as the process that owns the machine.
    pub runtime: PathBuf,
    /// Docker's configuration directory, for the context.
    pub docker_config: Option<PathBuf>,
    /// The guest image, if not the one that came with this program: `SLIPWAY_GUEST_IMAGE`.
    pub image: Option<PathBuf>,
}

impl MachinePaths {
    /// `$XDG_DATA_HOME/slipway` and `$XDG_RUNTIME_DIR/slipway`, and their counterparts on macOS and Windows. If the
    /// system has no runtime directory, sockets are below the data directory.
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

    /// Sets a program's environment so that [`MachinePaths::of_user`] finds the same paths there.
    pub(crate) fn hand_on(&self, command: &mut tokio::process::Command) {
        let data = if cfg!(windows) {
            Some("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            // The data directory comes from the home directory.
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

    /// The directory of everything persistent about the machine.
    pub fn machine(&self) -> PathBuf {
        self.data.join("machine")
    }

    /// The disk with images, containers and volumes.
    pub fn data_disk(&self) -> PathBuf {
        self.machine().join("data.raw")
    }

    /// The settings.
    pub fn settings(&self) -> PathBuf {
        self.machine().join("settings.json")
    }

    /// When the engine was down.
    pub fn downtimes(&self) -> PathBuf {
        self.machine().join("downtimes.json")
    }

    /// The accelerators that work on this computer.
    pub fn verdict(&self) -> PathBuf {
        self.data.join("verdict.json")
    }

    /// The files of guest images that have been checked.
    pub fn verified(&self) -> PathBuf {
        self.data.join("verified.json")
    }

    /// Lock of the process that owns the machine. Outside the machine's directory, because that directory is removed
    /// when the machine is deleted.
    pub fn lock(&self) -> PathBuf {
        self.data.join("machine.lock")
    }

    /// Lock of the process that owns the sockets; its content names that process and its data directory. Beside the
    /// sockets, because several data directories may share a runtime directory.
    pub fn owner(&self) -> PathBuf {
        self.runtime.join("owner.json")
    }

    /// Log of `slipwayd`.
    pub fn daemon_log(&self) -> PathBuf {
        self.data.join("slipwayd.log")
    }

    /// Log of the machine's serial console.
    pub fn console_log(&self) -> PathBuf {
        self.runtime.join("console.log")
    }

    /// Socket of the machine's engine.
    pub fn engine_socket(&self) -> PathBuf {
        self.runtime.join("engine.sock")
    }

    /// Control socket of `slipwayd`.
    pub fn daemon_socket(&self) -> PathBuf {
        self.runtime.join("daemon.sock")
    }

    /// The engine's socket in the form of `DOCKER_HOST`.
    pub fn engine_address(&self) -> String {
        format!("unix://{}", self.engine_socket().display())
    }

    /// Creates the directories, private to this user, and checks that sockets can be created there.
    pub fn create(&self) -> Result<(), MachineError> {
        // A probe of an accelerator has its own QMP socket. Where that cannot be made, the machine would be emulated for
        // no reason that anybody sees.
        let probe = self.runtime.join(PROBE).join(QMP_SOCKET);
        let sockets = SOCKETS.iter().map(|name| self.runtime.join(name));
        for path in sockets.chain([probe]) {
            if cfg!(unix) && path.as_os_str().len() > MAX_SOCKET_PATH {
                return Err(MachineError::PathTooLong { path });
            }
        }
        private_dir(&self.data)?;
        private_dir(&self.runtime)
    }
}

/// Subdirectory of the runtime directory in which an accelerator is probed.
pub(crate) const PROBE: &str = "probe";
const QMP_SOCKET: &str = "qmp.sock";

/// The sockets of `slipwayd` and of its virtual machine.
pub(crate) const SOCKETS: [&str; 6] = [
    "engine.sock",
    "daemon.sock",
    QMP_SOCKET,
    "link.sock",
    "ports.sock",
    "calls.sock",
];

/// Creates a private directory. An existing one must belong to this user; permissions of others are removed.
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
    fn the_directory_of_another_user_is_not_used() {
        if !rustix::process::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "CI runs as root");
            eprintln!("NOT TESTED: only root can give a directory away");
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        std::fs::create_dir(&paths.runtime).unwrap();
        std::os::unix::fs::chown(&paths.runtime, Some(65534), None).unwrap();
        let error = paths.create().unwrap_err();
        assert!(error.to_string().contains("another user"), "{error}");
        std::fs::remove_dir(&paths.runtime).unwrap();
        paths.create().unwrap();
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
    fn a_path_too_long_for_the_socket_of_a_probe_is_refused() {
        let root = tempfile::tempdir().unwrap();
        // Room for `daemon.sock`, not for `probe/qmp.sock`.
        let length = MAX_SOCKET_PATH - "/daemon.sock".len();
        let root = root.path().join("x");
        let padding = length - root.as_os_str().len() - "/run".len();
        let paths = paths(&root.with_file_name("x".repeat(padding + 1)));
        assert_eq!(paths.runtime.as_os_str().len(), length);
        assert!(matches!(
            paths.create(),
            Err(MachineError::PathTooLong { path }) if path.ends_with("probe/qmp.sock")
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
