//! What can go wrong with the machine, by what a person can do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use slipway_api::machine::MachineDriver;
use slipway_api::{ApiError, ErrorKind};
use slipway_engine::size;

/// Why a request about the machine failed.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// The program that runs the machine is not installed.
    #[error("`{program}` is not installed, and the machine needs it")]
    NoQemu {
        /// Its name.
        program: String,
    },
    /// The program that runs the machine cannot be used.
    #[error("`{program}` could not be started")]
    QemuUnusable {
        /// Its name.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// This system has no such driver, or not yet.
    #[error("The machine cannot use {driver} on this computer: {reason}")]
    NoDriver {
        /// The driver in words.
        driver: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// There is no guest image.
    #[error("The guest image is missing")]
    NoImage {
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// The guest image is not what its manifest says.
    #[error("The guest image is damaged: {file} {reason}", file = file.display())]
    ImageDamaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The guest image is of another version or architecture.
    #[error("The guest image does not match this version of Slipway: {reason}")]
    ImageUnfit {
        /// What does not fit.
        reason: String,
    },
    /// This computer has too little memory free.
    #[error("The machine needs {} of memory, but only {} is free", size::memory(wanted_mb << 20), size::memory(available_mb << 20))]
    NoMemory {
        /// The memory of the settings, in MiB.
        wanted_mb: u64,
        /// The memory that is available, in MiB.
        available_mb: u64,
    },
    /// The disk of this computer is full.
    #[error("Only {} is free on the disk of {path}", size::memory(*free), path = path.display())]
    NoSpace {
        /// A place on the disk.
        path: PathBuf,
        /// The free space, in bytes.
        free: u64,
    },
    /// A directory that has to be ours alone is not.
    #[error("{path} cannot be trusted: {reason}", path = path.display())]
    UnsafeDirectory {
        /// The directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A Unix socket's path is longer than the system allows.
    #[error("The path {path} is too long for a socket", path = path.display())]
    PathTooLong {
        /// The path.
        path: PathBuf,
    },
    /// A file or a socket could not be used.
    #[error("{doing} {path} failed", path = path.display())]
    File {
        /// What was tried, such as "Creating".
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The virtual machine ended by itself.
    #[error("The virtual machine ended unexpectedly: {reason}")]
    Ended {
        /// What is known of the cause.
        reason: String,
    },
    /// The virtual machine has stopped responding.
    #[error("The virtual machine has stopped responding: {reason}")]
    Stuck {
        /// What the driver says.
        reason: String,
    },
    /// The boot timed out.
    #[error("The machine did not start within {} seconds; last step: {phase}", after.as_secs())]
    BootTimeout {
        /// The step it was at.
        phase: String,
        /// The time limit.
        after: Duration,
    },
    /// A virtual machine that an earlier `slipwayd` started still uses the disk.
    #[error("Another virtual machine{process} uses the machine's disk {disk}",
        process = pid.map(|pid| format!(" (process {pid})")).unwrap_or_default(), disk = disk.display())]
    DiskInUse {
        /// The file that is the disk.
        disk: PathBuf,
        /// The process, as far as it was written down.
        pid: Option<u32>,
    },
    /// The machine cannot use its disk.
    #[error("The machine cannot use its disk: {reason}")]
    DiskBroken {
        /// What the guest says.
        reason: String,
        /// A repair that may change anything on the disk could fix it.
        repairable: bool,
        /// The file that is the disk.
        disk: PathBuf,
    },
    /// The engine could not be started in the guest, for a reason other than its disk.
    #[error("The guest system could not start: {reason}")]
    GuestFailed {
        /// What the guest says.
        reason: String,
    },
    /// The guest failed to do what was requested.
    #[error("{what}")]
    InGuest {
        /// What it says.
        what: String,
    },
    /// The guest cannot be reached.
    #[error("The machine is not responding: {reason}")]
    Link {
        /// Why.
        reason: String,
    },
    /// The engine in the machine cannot be reached.
    #[error("The engine in the machine is not responding")]
    Docker {
        /// Why.
        #[source]
        source: slipway_engine::EngineError,
    },
    /// The engine in the machine keeps exiting while it starts.
    #[error("The engine in the machine does not start: {why}")]
    EngineEnds {
        /// Its exit status and its last output.
        why: String,
    },
    /// A setting is not possible on this computer.
    #[error("{what}")]
    Setting {
        /// What is wrong.
        what: String,
        /// What would be possible.
        hint: String,
    },
    /// The state of the machine does not allow the request.
    #[error("{what}")]
    Refused {
        /// Why not.
        what: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// Another process owns the machine.
    #[error("Another slipwayd already owns the machine{}", pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Owned {
        /// The owner.
        pid: Option<u32>,
    },
    /// The runtime directory holds the sockets of the machine of another data directory.
    #[error(
        "slipwayd (process {pid}) has its sockets in {runtime} and owns the machine in {data}, not the one in {ours}",
        runtime = runtime.display(), data = data.display(), ours = ours.display()
    )]
    OwnedElsewhere {
        /// The owner.
        pid: u32,
        /// Its data directory.
        data: PathBuf,
        /// The data directory that was asked for.
        ours: PathBuf,
        /// The runtime directory of both.
        runtime: PathBuf,
    },
    /// A process owns the machine and does not answer.
    #[error("slipwayd{process} owns the machine but does not listen at {socket}",
        process = pid.map(|pid| format!(" (process {pid})")).unwrap_or_default(), socket = socket.display())]
    Unheard {
        /// The owner.
        pid: Option<u32>,
        /// Where it should be listening.
        socket: PathBuf,
    },
    /// The machine's owner is listening in another session's runtime directory.
    #[error("The machine belongs to another session: slipwayd{process} listens in {runtime}",
        process = pid.map(|pid| format!(" (process {pid})")).unwrap_or_default(), runtime = runtime.display())]
    InAnotherSession {
        /// The owner.
        pid: Option<u32>,
        /// The directory of its sockets.
        runtime: PathBuf,
        /// Its data directory, which is ours.
        data: PathBuf,
    },
    /// `slipwayd` could not be started or does not answer.
    #[error("slipwayd, which owns the machine, {reason}")]
    NoDaemon {
        /// What failed.
        reason: String,
    },
    /// `slipwayd` refused the request.
    #[error("{}", .0.message)]
    Daemon(ApiError),
}

impl MachineError {
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            doing,
            path,
            source,
        }
    }

    pub(crate) fn link(error: impl std::fmt::Display) -> Self {
        Self::Link {
            reason: error.to_string(),
        }
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSpace { .. } => ErrorKind::NoSpace,
            Self::File { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
                _ => ErrorKind::Other,
            },
            Self::UnsafeDirectory { .. } => ErrorKind::PermissionDenied,
            Self::Setting { .. } => ErrorKind::InvalidInput,
            Self::Refused { .. }
            | Self::Owned { .. }
            | Self::DiskInUse { .. }
            | Self::OwnedElsewhere { .. }
            | Self::InAnotherSession { .. } => ErrorKind::Conflict,
            Self::Docker { .. }
            | Self::Link { .. }
            | Self::NoDaemon { .. }
            | Self::Unheard { .. } => ErrorKind::NotResponding,
            Self::Daemon(error) => error.kind,
            _ => ErrorKind::Other,
        }
    }

    /// What to do about it, as one sentence.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoQemu { program } => install_hint(program),
            Self::QemuUnusable { program, .. } => format!(
                "Run `{program} --version` in a terminal to see what is wrong, or install it again"
            ),
            Self::NoDriver { .. } => "Choose another driver in the machine's settings".to_owned(),
            Self::NoImage { .. } | Self::ImageDamaged { .. } | Self::ImageUnfit { .. } => {
                "Install Slipway again; containers, images and volumes stay".to_owned()
            }
            Self::NoMemory { .. } => {
                "Close other programs, or reduce the machine's memory in its settings".to_owned()
            }
            Self::NoSpace { .. } => {
                "Free some space there: the machine starts with 1 GB free".to_owned()
            }
            Self::UnsafeDirectory { path, .. } => format!(
                "It has to be a directory itself, and yours: `sudo chown -R \"$USER\" {path}` and \
                 `chmod 700 {path}` make it that. Nothing in it has to be removed",
                path = path.display()
            ),
            Self::PathTooLong { .. } => {
                "Set XDG_RUNTIME_DIR to a directory with a shorter path".to_owned()
            }
            Self::File { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "Free some disk space, and try again".to_owned()
                }
                _ => return None,
            },
            Self::Ended { .. } | Self::Stuck { .. } => {
                "Start it again; the console log has details".to_owned()
            }
            Self::BootTimeout { .. } => "Start it again when this computer is less busy; its log \
                                         has details"
                .to_owned(),
            Self::DiskBroken {
                repairable: true,
                disk,
                ..
            } => format!(
                "Its data is unchanged in {disk}: copy that file first. \
                 Then repair it with `slipway machine repair`: damaged files may be lost, the rest \
                 stays",
                disk = disk.display()
            ),
            // It may belong to a newer Slipway, or be in the wrong place: more often than not its data is intact.
            Self::DiskBroken { disk, .. } => format!(
                "Its data is unchanged in {disk}: keep a copy of that file. \
                 If it is the wrong file, put the right one back. If nothing else helps, delete \
                 the machine and start with an empty one",
                disk = disk.display()
            ),
            Self::GuestFailed { .. } => {
                "Start it again, and if that does not help, install Slipway again; containers, \
                 images and volumes stay"
                    .to_owned()
            }
            Self::EngineEnds { .. } => "If the machine's disk is full, enlarge it with \
                                        `slipway machine settings --disk`; otherwise start it again. Its \
                                        data stays"
                .to_owned(),
            Self::Link { .. } | Self::Docker { .. } => "Restart the machine".to_owned(),
            Self::Setting { hint, .. } => hint.clone(),
            Self::Refused { hint, .. } => (*hint).to_owned(),
            Self::DiskInUse { pid, .. } => end_the_other(*pid),
            Self::Owned { .. } => "The machine can be used as it is".to_owned(),
            Self::OwnedElsewhere { data, .. } if cfg!(target_os = "linux") => format!(
                "`XDG_DATA_HOME={} slipway …` uses that machine; with XDG_RUNTIME_DIR set to \
                 another directory this one is beside it",
                data.parent().unwrap_or(data).display()
            ),
            Self::OwnedElsewhere { .. } => "Set HOME and XDG_DATA_HOME as they are for that \
                                            machine to use it, or XDG_RUNTIME_DIR to another \
                                            directory to have this one beside it"
                .to_owned(),
            Self::InAnotherSession { runtime, data, .. } => {
                let with = match runtime.parent() {
                    Some(parent) if *runtime != data.join("run") => {
                        format!("XDG_RUNTIME_DIR={}", parent.display())
                    }
                    // Sockets are there when no other place was configured.
                    _ => "env -u XDG_RUNTIME_DIR".to_owned(),
                };
                format!("Use it from here with `{with} slipway …`")
            }
            Self::Unheard { pid, .. } => format!(
                "Its sockets were removed, as at the end of a login session. {} stops the machine cleanly; \
                 then it can be started again",
                pid.map_or_else(
                    || "Ending slipwayd".to_owned(),
                    |pid| format!("`kill {pid}`")
                )
            ),
            Self::NoDaemon { .. } => "Its log has details".to_owned(),
            Self::InGuest { .. } => return None,
            Self::Daemon(error) => return error.hint.clone(),
        })
    }

    /// The error as it is shown to a person.
    pub fn to_api(&self) -> ApiError {
        if let Self::Daemon(error) = self {
            return error.clone();
        }
        let mut lines = Vec::new();
        if let Self::NoImage { looked } = self {
            lines.extend(
                looked
                    .iter()
                    .map(|path| format!("Looked for it in {}", path.display())),
            );
        }
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            lines.push(cause.to_string());
            source = cause.source();
        }
        ApiError {
            kind: self.kind(),
            message: self.to_string(),
            hint: self.hint(),
            detail: (!lines.is_empty()).then(|| lines.join("\n")),
        }
    }
}

/// How to end a virtual machine that still uses the disk.
fn end_the_other(pid: Option<u32>) -> String {
    let how = pid.map_or_else(
        || "A restart of this computer".to_owned(),
        |pid| format!("`kill {pid}`"),
    );
    format!("Slipway ended unexpectedly and left it running. {how} ends it; its data stays")
}

/// The display name of a driver.
pub(crate) fn driver_name(driver: MachineDriver) -> &'static str {
    match driver {
        MachineDriver::Automatic => "the best driver of this system",
        MachineDriver::Qemu => "QEMU",
        MachineDriver::Vz => "Apple's Virtualization framework",
        MachineDriver::HyperV => "Hyper-V",
    }
}

/// How to install QEMU on this system.
fn install_hint(program: &str) -> String {
    if cfg!(target_os = "macos") {
        return "Install it with Homebrew: `brew install qemu`".to_owned();
    }
    if cfg!(windows) {
        return "Install QEMU from https://www.qemu.org/download/#windows".to_owned();
    }
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let arm = program.ends_with("aarch64");
    match linux_family(&release) {
        Family::Debian if arm => "Install it: `sudo apt install qemu-system-arm`".to_owned(),
        Family::Debian => "Install it: `sudo apt install qemu-system-x86`".to_owned(),
        Family::Fedora if arm => "Install it: `sudo dnf install qemu-system-aarch64`".to_owned(),
        Family::Fedora => "Install it: `sudo dnf install qemu-system-x86`".to_owned(),
        Family::Arch => "Install it: `sudo pacman -S qemu-base`".to_owned(),
        Family::Suse => "Install it: `sudo zypper install qemu`".to_owned(),
        Family::Other => "Install QEMU with this system's package manager".to_owned(),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Family {
    Debian,
    Fedora,
    Arch,
    Suse,
    Other,
}

/// The packages to install on this Linux distribution, by `/etc/os-release`.
fn linux_family(release: &str) -> Family {
    let words: Vec<&str> = release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or(line.strip_prefix("ID_LIKE=")))
        .flat_map(|value| value.trim_matches('"').split_ascii_whitespace())
        .collect();
    let any = |names: &[&str]| words.iter().any(|word| names.contains(word));
    if any(&["debian", "ubuntu"]) {
        Family::Debian
    } else if any(&["fedora", "rhel", "centos"]) {
        Family::Fedora
    } else if any(&["arch"]) {
        Family::Arch
    } else if any(&["suse", "opensuse"]) {
        Family::Suse
    } else {
        Family::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_of_linux() {
        assert_eq!(linux_family("ID=debian\n"), Family::Debian);
        assert_eq!(
            linux_family("NAME=Mint\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"),
            Family::Debian
        );
        assert_eq!(
            linux_family("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"),
            Family::Fedora
        );
        assert_eq!(linux_family("ID=void\n"), Family::Other);
        assert_eq!(linux_family(""), Family::Other);
    }

    #[test]
    fn nobody_is_told_to_remove_what_is_intact() {
        let disk = |repairable| MachineError::DiskBroken {
            reason: "it is of a newer Slipway".to_owned(),
            repairable,
            disk: "/d/machine/data.raw".into(),
        };
        for error in [disk(false), disk(true)] {
            let hint = error.hint().unwrap();
            let copy = hint.find("copy").expect("a copy is what comes first");
            assert!(hint.find("/d/machine/data.raw").unwrap() < copy);
            assert!(
                hint.find("elete").is_none_or(|delete| copy < delete),
                "{hint}"
            );
        }
        let directory = MachineError::UnsafeDirectory {
            path: "/d/machine".into(),
            reason: "it belongs to another user".to_owned(),
        };
        let guest = MachineError::GuestFailed {
            reason: "/tmp could not be mounted".to_owned(),
        };
        for error in [directory, guest] {
            let hint = error.hint().unwrap();
            assert!(
                !hint.contains("elete") && !hint.contains("Remove"),
                "{hint}"
            );
        }
    }

    #[test]
    fn what_people_can_mend_says_how() {
        let error = MachineError::NoImage {
            looked: vec!["/a".into()],
        }
        .to_api();
        assert!(error.hint.unwrap().contains("Install Slipway again"));
        assert_eq!(error.detail.unwrap(), "Looked for it in /a");
        let full = MachineError::File {
            doing: "Creating",
            path: "/d".into(),
            source: io::ErrorKind::StorageFull.into(),
        }
        .to_api();
        assert_eq!(full.kind, ErrorKind::NoSpace);
        assert!(full.hint.is_some());
    }
}
