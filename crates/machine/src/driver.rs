//! What every kind of virtual machine can do for the supervisor, and nothing more.

pub(crate) mod qemu;

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use slipway_api::machine::{Accelerator, AcceleratorView, MachineDriver};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::error::driver_name;
use crate::{Drivers, GuestImage, MachineError, MachinePaths, Qemu};

/// A byte stream into the guest.
pub trait VmStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> VmStream for T {}

/// Where a stream ends in the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GuestPort {
    /// The agent's link.
    Link,
    /// The guest's second network interface: frames, each behind its length in four bytes, the highest first. Not every
    /// driver has it; one that has not says `Unsupported`.
    PortNetwork,
    /// The third one, likewise.
    EngineNetwork,
}

/// What a virtual machine is made of.
#[derive(Debug, Clone)]
pub struct VmSpec {
    /// Kernel, initrd and root, checked.
    pub image: GuestImage,
    /// The data disk, raw, a multiple of 512 bytes.
    pub data_disk: PathBuf,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mb: u32,
    /// The accelerator that the person wants rather than the best that works.
    pub accelerator: Option<Accelerator>,
    /// A directory for sockets, ours alone, on a short path.
    pub runtime: PathBuf,
    /// Where the serial console goes. Begun anew with each start, and kept small: what is written there is up to the guest.
    pub console_log: PathBuf,
}

/// What a driver can do beside running a machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Directories of this computer can be shared with the guest.
    pub file_share: bool,
    /// Memory that the guest does not use can be taken back while it runs.
    pub balloon: bool,
    /// Shares can come and go while it runs.
    pub hot_share: bool,
}

/// The state of the virtual machine, as far as it can be seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriverState {
    /// Not started, or ended as it was asked to.
    Off,
    /// Running, whatever the guest does.
    Running,
    /// Its processors wait, because its disk cannot be written now. Nothing is lost, and [`Driver::resume`] tries again.
    Paused {
        /// Why, as far as known.
        reason: String,
    },
    /// Its processors stand still for good; it has to be killed.
    Stuck {
        /// Why, as far as known.
        reason: String,
    },
    /// It ended.
    Ended {
        /// How, as far as known.
        reason: String,
        /// The guest switched itself off.
        by_guest: bool,
    },
}

impl DriverState {
    /// Whether there is a virtual machine.
    pub fn is_up(&self) -> bool {
        matches!(
            self,
            Self::Running | Self::Paused { .. } | Self::Stuck { .. }
        )
    }
}

/// One kind of virtual machine, one at a time.
///
/// The supervisor calls `prepare`, then `start`, and may `kill` at any time, also while one of these is under way and was dropped.
/// A driver keeps no process, socket or lock after `kill` has returned, and none of its machines outlives this process.
pub trait Driver: Send + Sync {
    /// Which.
    fn kind(&self) -> MachineDriver;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Finds out whether and how the machine can run here. May take seconds the first time; `tell` gets what it is at.
    fn prepare<'a>(
        &'a self,
        spec: &'a VmSpec,
        tell: &'a (dyn Fn(&str) + Send + Sync),
    ) -> BoxFuture<'a, Result<AcceleratorView, MachineError>>;

    /// Starts the virtual machine. It is [`DriverState::Running`] when this returns.
    fn start<'a>(&'a self, spec: &'a VmSpec) -> BoxFuture<'a, Result<(), MachineError>>;

    /// The state now.
    fn state(&self) -> DriverState {
        self.events().borrow().clone()
    }

    /// Opens a stream to the guest. It may wait until the guest listens.
    fn connect(&self, port: GuestPort) -> BoxFuture<'static, std::io::Result<Box<dyn VmStream>>>;

    /// Asks the guest to switch itself off, as a power button would.
    fn request_stop(&self) -> BoxFuture<'_, Result<(), MachineError>>;

    /// Lets a virtual machine that is [`DriverState::Paused`] go on. It is paused again when its disk still cannot be written.
    fn resume(&self) -> BoxFuture<'_, Result<(), MachineError>>;

    /// Ends the virtual machine at once. Nothing of it is left when this returns.
    fn kill(&self) -> BoxFuture<'_, ()>;

    /// The state as it changes.
    fn events(&self) -> watch::Receiver<DriverState>;

    /// Told that a boot failed before the guest said anything. Answers whether another start would go another way, because
    /// the driver has learnt something from it.
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
