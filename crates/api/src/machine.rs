//! The machine: Slipway's own Linux, its state, and the requests to the process that owns it.
//!
//! [`MachineRequest`] and [`MachineAnswer`] are also what the control socket of `slipwayd` carries, one JSON document a line.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::ApiError;

/// The machine as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct MachineView {
    /// Its state.
    pub state: MachineState,
    /// What runs it.
    pub driver: MachineDriver,
    /// How fast it can be, once that is known.
    pub accelerator: Option<AcceleratorView>,
    /// What the person chose.
    pub settings: MachineSettings,
    /// Settings that differ from those that the running machine was started with: they hold from the next start on.
    pub restart_needed: bool,
    /// What the running machine was started with, where that is something else than the settings.
    pub runs_with: Option<MachineSettings>,
    /// Where its engine listens, as `DOCKER_HOST` would have it.
    pub engine_socket: String,
    /// When it was started, in milliseconds since 1970.
    pub started_at: Option<u64>,
    /// The disk that holds images, containers and volumes. Absent while there is none.
    pub disk: Option<MachineDisk>,
    /// What it uses, while it runs.
    pub stats: Option<MachineStats>,
    /// Published ports and whether they could be had on this computer.
    pub ports: Vec<MachinePort>,
    /// What should be known but stands in nothing's way, such as little free space.
    pub warnings: Vec<String>,
    /// What this computer has, of which the machine can get a part.
    pub host: MachineHost,
}

/// What this computer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct MachineHost {
    /// Logical CPUs.
    pub cpus: u32,
    /// Memory in MiB, where the system says so.
    pub memory_mb: Option<u32>,
}

/// The state of the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum MachineState {
    /// There is none; starting makes one.
    Absent,
    /// Something has to be done before it can boot.
    Preparing {
        /// What, such as "Checking the guest image".
        what: String,
        /// Bytes done, where that is a measure.
        bytes_done: Option<u64>,
        /// Bytes to do.
        bytes_total: Option<u64>,
        /// What it has been at so far, in order.
        phases: Vec<MachinePhase>,
    },
    /// It does not run. Its data is there.
    Stopped,
    /// It boots.
    Starting {
        /// What it is at.
        phase: String,
        /// What it has been at so far, in order.
        phases: Vec<MachinePhase>,
    },
    /// It runs.
    Running {
        /// The engine within.
        docker: DockerState,
        /// How the last start went.
        phases: Vec<MachinePhase>,
    },
    /// It has stopped answering; Slipway keeps trying to reach it.
    Unresponsive {
        /// Since when, in milliseconds since 1970.
        since: u64,
    },
    /// Containers are being stopped and data written.
    Stopping,
    /// It has an owner who cannot be asked from here, as after a login in another way. It may well run.
    OutOfReach {
        /// Who has it and how it is reached.
        reason: ApiError,
    },
    /// It cannot go on by itself.
    Broken {
        /// What happened and what to do.
        reason: ApiError,
        /// Whether a repair of its disk is what could help.
        repairable: bool,
    },
}

/// The engine in the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum DockerState {
    /// It does not answer yet.
    Starting,
    /// It answers.
    Running {
        /// Its version.
        version: String,
    },
    /// It died or stopped answering, and is started again.
    Restarting {
        /// Why.
        why: String,
    },
}

/// One step of a start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct MachinePhase {
    /// What it is.
    pub name: String,
    /// How long it took, in milliseconds. Absent while it lasts.
    pub took_ms: Option<u64>,
}

/// What runs the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum MachineDriver {
    /// The best that this system has.
    #[default]
    Automatic,
    /// QEMU.
    Qemu,
    /// Apple's Virtualization framework.
    Vz,
    /// Microsoft's Hyper-V.
    HyperV,
}

/// How the processor's own virtualization is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum Accelerator {
    /// Linux.
    Kvm,
    /// macOS.
    Hvf,
    /// Windows.
    Whpx,
    /// None: the processor is emulated, which is slow.
    Tcg,
}

/// The accelerator in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct AcceleratorView {
    /// Which.
    pub name: Accelerator,
    /// Why it is not the fast one, where it is not.
    pub reason: Option<String>,
    /// What can be done about that.
    pub hint: Option<String>,
    /// What QEMU or the system said, for a report.
    #[serde(default)]
    pub detail: Option<String>,
}

/// What a person can choose about the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct MachineSettings {
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mb: u32,
    /// Size of the data disk in GiB. Takes space on this computer only as it fills; never shrinks.
    pub disk_gb: u32,
    /// What runs it.
    pub driver: MachineDriver,
    /// The accelerator to use rather than the best that works.
    pub accelerator: Option<Accelerator>,
}

impl Default for MachineSettings {
    fn default() -> Self {
        Self {
            cpus: 2,
            memory_mb: 2048,
            disk_gb: 64,
            driver: MachineDriver::Automatic,
            accelerator: None,
        }
    }
}

/// The data disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct MachineDisk {
    /// Its size as the machine sees it, in bytes.
    pub size: u64,
    /// What it takes on this computer, in bytes.
    pub used_on_host: u64,
    /// What is in use within, in bytes, as far as known.
    pub used_in_guest: Option<u64>,
    /// Free space beside it on this computer, in bytes.
    pub free_on_host: Option<u64>,
}

/// What the machine uses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Type)]
pub struct MachineStats {
    /// Memory that it can use, in bytes.
    pub memory_total: u64,
    /// Memory in use without caches, in bytes.
    pub memory_used: u64,
    /// Mean number of running processes in the last minute.
    #[specta(type = u32)]
    pub load: f64,
}

/// One published port of a container in the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct MachinePort {
    /// Full id of the container.
    pub container: String,
    /// Its name.
    pub container_name: String,
    /// The port within.
    pub container_port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The address on this computer.
    pub host_ip: String,
    /// The port on this computer.
    pub host_port: u16,
    /// Whether it could be had.
    pub state: MachinePortState,
}

/// Whether a published port could be had on this computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum MachinePortState {
    /// It answers for the container.
    Listening,
    /// Something else has it. Slipway takes it as soon as it is free.
    Conflict {
        /// Who, as far as the system tells.
        holder: Option<String>,
    },
    /// It could not be had for another reason.
    Failed {
        /// What happened and what to do.
        reason: ApiError,
    },
}

/// Whose log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum MachineLogSource {
    /// The process on this computer that owns the machine.
    Host,
    /// The machine's first process.
    Agent,
    /// The engine.
    Dockerd,
    /// What the engine runs containers with.
    Containerd,
    /// Linux.
    Kernel,
    /// The serial console: what came before the agent.
    Console,
}

/// What a stop of the machine ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct MachineStopEffect {
    /// Number of running containers; `None` where the machine's engine does not respond.
    pub running: Option<u32>,
    /// Names of those that the next start of the machine leaves stopped, because they have no restart policy.
    pub stays_stopped: Vec<String>,
}

/// What a person does to the machine as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum MachineAction {
    /// Start it; made if there is none.
    Start,
    /// Stop it. Ends a start that is under way.
    Stop,
    /// Switch it off without waiting for its containers.
    SwitchOff,
    /// Stop it and start it again.
    Restart,
    /// Stop it and remove everything that it has.
    Delete,
    /// Start it, and repair its disk on the way if that is damaged.
    Repair,
}

/// A request to `slipwayd`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum MachineRequest {
    /// The machine as it is now. Answered by one [`MachineAnswer::Status`].
    Status,
    /// The machine as it is now and after every change: any number of [`MachineAnswer::Status`].
    Watch,
    /// Start it. Answered when that is under way.
    Start,
    /// Stop it. Ends a start that is under way.
    Stop,
    /// Switch it off without waiting for its containers, also in the middle of a stop.
    SwitchOff,
    /// Stop it and start it again.
    Restart,
    /// Stop it and remove its disk with everything on it, its Docker context and its settings.
    Delete,
    /// Start it, and repair its disk on the way if that is damaged. Answered when that is under way.
    Repair,
    /// Give space that nothing uses any more back to this computer.
    Reclaim,
    /// What the person chose.
    SettingsGet,
    /// Choose.
    SettingsSet {
        /// All of the settings.
        settings: MachineSettings,
    },
    /// A log: any number of [`MachineAnswer::Log`], then [`MachineAnswer::Done`] unless it is followed.
    Log {
        /// Whose.
        source: MachineLogSource,
        /// Go on with what comes.
        follow: bool,
    },
    /// A shell in the machine, for diagnosis. After [`MachineAnswer::Done`] the socket carries [`ShellInput`] and
    /// [`ShellOutput`], each behind its length in four bytes, the lowest first.
    Shell {
        /// What to run rather than a shell.
        command: Option<Vec<String>>,
        /// Width of the terminal.
        columns: u16,
        /// Height of the terminal.
        rows: u16,
    },
    /// Stop the machine and end `slipwayd`.
    Shutdown,
}

/// What `slipwayd` answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum MachineAnswer {
    /// The machine.
    Status {
        /// As it is.
        machine: Box<MachineView>,
    },
    /// What was asked for is done, or under way where the state tells the rest.
    Done,
    /// There is nothing new. Sent at intervals on streams, so that a client notices when `slipwayd` hangs.
    Alive,
    /// What was chosen.
    Settings {
        /// All of it.
        settings: MachineSettings,
    },
    /// Space was given back.
    Reclaimed {
        /// How much less the disk takes on this computer now, in bytes.
        bytes: u64,
    },
    /// A piece of a log.
    Log {
        /// Text, not necessarily ending with a line.
        text: String,
    },
    /// It was not done.
    Refused {
        /// Why, and what to do.
        reason: ApiError,
    },
}
