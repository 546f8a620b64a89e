//! The interface of a virtual machine backend, as narrow as the supervisor's needs.

pub(crate) mod qemu;

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use slipway_api::machine::{Accelerator, AcceleratorView, MachineDriver};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::error::driver_name;
use crate::{DiskLock, Drivers, GuestImage, MachineError, MachinePaths, Qemu};

/// A byte stream into the guest.
pub trait VmStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> VmStream for T {}

/// The guest end of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GuestPort {
    /// The agent's link.
    Link,
    /// The guest's second network interface: frames, each with a four-byte big-endian length prefix. Optional: a driver
    /// without it returns `Unsupported`.
    PortNetwork,
    /// The guest's third network interface, likewise.
    EngineNetwork,
}

/// The configuration of a virtual machine.
#[derive(Debug, Clone)]
pub struct VmSpec {
    /// Kernel, initrd and root, checked.
    pub image: GuestImage,
    /// The data disk, raw, a multiple of 512 bytes.
    pub data_disk: PathBuf,
    /// The right to use it, which the process of the virtual machine inherits.
    pub disk_lock: DiskLock,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mb: u32,
    /// The accelerator that the user chose, instead of the best one that works.
    pub accelerator: Option<Accelerator>,
    /// A private directory for sockets, on a short path.
    pub runtime: PathBuf,
    /// The serial console's log file. Emptied at each start, and kept small, because the guest decides how much is
    /// written.
    pub console_log: PathBuf,
}

/// Optional abilities of a driver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Directories of this computer can be shared with the guest.
    pub file_share: bool,
    /// Unused guest memory can be reclaimed while it runs.
    pub balloon: bool,
    /// Shares can be added and removed while it runs.
    pub hot_share: bool,
}

/// The state of the virtual machine, as seen from the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriverState {
    /// Not started, or ended on request.
    Off,
    /// Running, whatever the guest is doing.
    Running,
    /// Its CPUs are paused because its disk cannot be written. Nothing is lost, and [`Driver::resume`] tries again.
    Paused {
        /// Why, as far as known.
        reason: String,
    },
    /// Its CPUs have stopped for good; the process has to be killed.
    Stuck {
        /// Why, as far as known.
        reason: String,
    },
    /// It ended by itself.
    Ended {
        /// How, as far as known.
        reason: String,
        /// The guest switched itself off.
        by_guest: bool,
    },
}

impl DriverState {
    /// Whether a virtual machine exists.
    pub fn is_up(&self) -> bool {
        matches!(
            self,
            Self::Running | Self::Paused { .. } | Self::Stuck { .. }
        )
    }
}

/// A virtual machine backend. It runs one machine at a time.
///
/// The supervisor calls `prepare`, then `start`, and may `kill` at any time, even after it dropped the future of one of
/// them. After `kill` has returned, the driver holds no process, socket or lock. None of its machines outlives this
/// process.
pub trait Driver: Send + Sync {
    /// The kind of driver.
    fn kind(&self) -> MachineDriver;

    /// Its optional abilities.
    fn capabilities(&self) -> Capabilities;

    /// Finds out whether and how the machine can run here. This may take seconds the first time; `tell` receives
    /// progress messages.
    fn prepare<'a>(
        &'a self,
        spec: &'a VmSpec,
        tell: &'a (dyn Fn(&str) + Send + Sync),
    ) -> BoxFuture<'a, Result<AcceleratorView, MachineError>>;

    /// Starts the virtual machine. It is [`DriverState::Running`] on return.
    fn start<'a>(&'a self, spec: &'a VmSpec) -> BoxFuture<'a, Result<(), MachineError>>;

    /// The current state.
    fn state(&self) -> DriverState {
        self.events().borrow().clone()
    }

    /// Opens a stream to the guest. It may wait until the guest is listening.
    fn connect(&self, port: GuestPort) -> BoxFuture<'static, std::io::Result<Box<dyn VmStream>>>;

    /// Presses the guest's virtual power button.
    fn request_stop(&self) -> BoxFuture<'_, Result<(), MachineError>>;

    /// Resumes a virtual machine that is [`DriverState::Paused`]. It is paused again if its disk still cannot be
    /// written.
    fn resume(&self) -> BoxFuture<'_, Result<(), MachineError>>;

    /// Kills the virtual machine. Nothing of it is left on return.
    fn kill(&self) -> BoxFuture<'_, ()>;

    /// The state as it changes.
    fn events(&self) -> watch::Receiver<DriverState>;

    /// Reports that a boot failed before the guest said anything. Returns whether another start would be done
    /// differently, because the driver learnt something from the failure.
    fn boot_failed(&self, spec: &VmSpec, reason: &str) -> bool;
}

/// The drivers of this system.
pub fn drivers(paths: &MachinePaths) -> Drivers {
    let qemu: Arc<dyn Driver> = Arc::new(Qemu::new(paths.verdict()));
    Box::new(move |kind| {
        let reason = match kind {
            MachineDriver::Automatic | MachineDriver::Qemu => return Ok(qemu.clone()),
            MachineDriver::Vz if cfg!(target_os = "macos") => "Slipway cannot use it yet",
            MachineDriver::HyperV if cfg!(windows) => "Slipway cannot use it yet",
            MachineDriver::Vz => "it is part of macOS",
            MachineDriver::HyperV => "it is part of Windows",
        };
        Err(MachineError::NoDriver {
            driver: driver_name(kind),
            reason,
        })
    })
}
