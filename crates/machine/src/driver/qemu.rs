//! The machine in QEMU: KVM, HVF or WHPX where they work, emulation where they do not.
//!
//! One QEMU process with its sockets in the runtime directory: QMP to control it, the link, and from QEMU 7.2 on the
//! networks of published ports and of the engine. On Linux the kernel kills QEMU when this process ends
//! (`PR_SET_PDEATHSIG`); elsewhere QEMU may outlive a crash.

mod accelerator;
mod command_line;
mod process;
mod qmp;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use slipway_api::machine::{Accelerator, AcceleratorView, MachineDriver};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use self::accelerator::Verdicts;
use self::process::{Program, QemuProcess};
use self::qmp::Qmp;
use super::{Capabilities, Driver, DriverState, GuestPort, VmSpec, VmStream};
use crate::{MachineError, bounded_log};

/// Timeout for QEMU's first answer on QMP.
const START_DEADLINE: Duration = Duration::from_secs(20);

/// How long QEMU may take to quit on request before it is killed.
const QUIT_DEADLINE: Duration = Duration::from_secs(2);

/// The QEMU driver.
pub struct Qemu {
    /// Program to run instead of `qemu-system-…` from `PATH`.
    program: Option<PathBuf>,
    verdicts: Verdicts,
    state: watch::Sender<DriverState>,
    running: Mutex<Option<Running>>,
    chosen: Mutex<Option<(Program, AcceleratorView)>>,
    /// The guest's network sockets, if it has them.
    guest_ports: Mutex<GuestPorts>,
}

/// The sockets of the guest's networks.
#[derive(Clone, Default)]
struct GuestPorts {
    link: PathBuf,
    networks: Option<command_line::Networks>,
}

/// State that exists while QEMU runs.
struct Running {
    process: Arc<QemuProcess>,
    qmp: Option<Qmp>,
    /// The task that publishes QEMU's state.
    watch: Option<AbortOnDropHandle<()>>,
}

impl Qemu {
    /// A driver that stores in `verdict` which accelerators work on this computer.
    pub fn new(verdict: PathBuf) -> Self {
        Self {
            program: None,
            verdicts: Verdicts::at(verdict),
            state: watch::Sender::new(DriverState::Off),
            running: Mutex::new(None),
            chosen: Mutex::new(None),
            guest_ports: Mutex::default(),
        }
    }

    /// Uses this program instead of the one in `PATH`.
    #[must_use]
    pub fn with_program(mut self, program: PathBuf) -> Self {
        self.program = Some(program);
        self
    }

    /// The program that runs a machine of this architecture. Starts nothing.
    pub fn find(arch: &str) -> Result<PathBuf, MachineError> {
        find_program(&program_name(arch)).ok_or_else(|| MachineError::NoQemu {
            program: program_name(arch),
        })
    }

    fn program(&self, arch: &str) -> Result<PathBuf, MachineError> {
        if let Some(program) = &self.program {
            return Ok(program.clone());
        }
        Self::find(arch)
    }

    /// QMP, while QEMU runs.
    fn qmp(&self) -> Option<Qmp> {
        let running = lock(&self.running);
        running.as_ref().and_then(|running| running.qmp.clone())
    }

    async fn start_now(&self, spec: &VmSpec) -> Result<(), MachineError> {
        self.kill_now().await;
        let chosen = lock(&self.chosen).clone();
        let (program, accelerator) = match chosen {
            Some((program, chosen)) => (program, chosen.name),
            None => (
                Program::unknown(self.program(&spec.image.arch)?),
                Accelerator::Tcg,
            ),
        };
        let sockets = command_line::Sockets::in_dir(&spec.runtime);
        let networks = &sockets.networks;
        for path in [
            &sockets.qmp,
            &sockets.link,
            &networks.ports,
            &networks.engine,
        ] {
            remove_if_there(path)?;
        }
        bounded_log::begin(&spec.console_log)
            .map_err(MachineError::file("Creating", &spec.console_log))?;
        *lock(&self.guest_ports) = GuestPorts {
            link: sockets.link.clone(),
            networks: program.has_streams().then(|| networks.clone()),
        };
        let arguments = command_line::machine(&program, spec, accelerator, &sockets);
        let log = spec.runtime.join("qemu.log");
        let process = Arc::new(QemuProcess::spawn(
            &program.path,
            arguments,
            &log,
            &spec.runtime,
            Some(&spec.disk_lock),
        )?);
        // If this future is dropped from here on, `kill` knows the process.
        *lock(&self.running) = Some(Running {
            process: process.clone(),
            qmp: None,
            watch: None,
        });
        if let Err(error) = process.started().await {
            self.kill_now().await;
            return Err(error);
        }
        self.state.send_replace(DriverState::Running);
        let connected = tokio::select! {
            connected = Qmp::connect(&sockets.qmp, START_DEADLINE) => connected,
            reason = process.ended() => Err(MachineError::Ended { reason }),
        };
        let (qmp, events) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                self.kill_now().await;
                return Err(error);
            }
        };
        let following = follow(process.clone(), Some(events), self.state.clone());
        let keeping = [spec.console_log.clone(), log].map(bounded_log::keep_small);
        let watch = tokio::spawn(async move {
            tokio::select! {
                () = following => {}
                _ = futures_util::future::join_all(keeping) => {}
            }
        });
        *lock(&self.running) = Some(Running {
            process,
            qmp: Some(qmp),
            watch: Some(AbortOnDropHandle::new(watch)),
        });
        Ok(())
    }

    async fn kill_now(&self) {
        let running = lock(&self.running).take();
        if let Some(mut running) = running {
            // An end on request is not an event.
            if let Some(watch) = running.watch.take() {
                watch.abort();
                let _ = watch.await;
            }
            if let Some(qmp) = &running.qmp {
                // An orderly quit flushes what the emulated disks hold in memory.
                let quit = async {
                    if qmp.quit().await.is_ok() {
                        running.process.ended().await;
                    }
                };
                let _ = tokio::time::timeout(QUIT_DEADLINE, quit).await;
            }
            running.process.kill().await;
            // QEMU removes the others itself if it quits in order.
            let networks = lock(&self.guest_ports).networks.take();
            for socket in networks.iter().flat_map(|of| [&of.ports, &of.engine]) {
                if let Err(error) = remove_if_there(socket) {
                    tracing::warn!(%error, "a socket stays");
                }
            }
        }
        self.state.send_replace(DriverState::Off);
    }
}

impl Driver for Qemu {
    fn kind(&self) -> MachineDriver {
        MachineDriver::Qemu
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn prepare<'a>(
        &'a self,
        spec: &'a VmSpec,
        tell: &'a (dyn Fn(&str) + Send + Sync),
    ) -> BoxFuture<'a, Result<AcceleratorView, MachineError>> {
        Box::pin(async move {
            let program = Program::ask(self.program(&spec.image.arch)?).await?;
            let chosen = self.verdicts.choose(&program, spec, tell).await;
            tracing::info!(
                version = program.version,
                sandbox = program.sandbox,
                accelerator = ?chosen.name,
                reason = chosen.reason,
                "QEMU"
            );
            *lock(&self.chosen) = Some((program, chosen.clone()));
            Ok(chosen)
        })
    }

    fn start<'a>(&'a self, spec: &'a VmSpec) -> BoxFuture<'a, Result<(), MachineError>> {
        Box::pin(self.start_now(spec))
    }

    fn connect(&self, port: GuestPort) -> BoxFuture<'static, std::io::Result<Box<dyn VmStream>>> {
        let sockets = lock(&self.guest_ports).clone();
        Box::pin(async move {
            let networks = sockets.networks.ok_or(std::io::ErrorKind::Unsupported);
            let path = match port {
                GuestPort::Link => sockets.link,
                GuestPort::PortNetwork => networks?.ports,
                GuestPort::EngineNetwork => networks?.engine,
            };
            qmp::connect_socket(&path).await
        })
    }

    fn request_stop(&self) -> BoxFuture<'_, Result<(), MachineError>> {
        let qmp = self.qmp();
        Box::pin(async move {
            match qmp {
                Some(qmp) => qmp.power_down().await,
                None => Ok(()),
            }
        })
    }

    fn resume(&self) -> BoxFuture<'_, Result<(), MachineError>> {
        let qmp = self.qmp();
        Box::pin(async move {
            match qmp {
                Some(qmp) => qmp.resume().await,
                None => Ok(()),
            }
        })
    }

    fn kill(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.kill_now())
    }

    fn events(&self) -> watch::Receiver<DriverState> {
        self.state.subscribe()
    }

    fn boot_failed(&self, spec: &VmSpec, reason: &str) -> bool {
        let accelerator = match lock(&self.chosen).as_ref() {
            Some((_, chosen)) if chosen.name != Accelerator::Tcg => chosen.name,
            _ => return false,
        };
        self.verdicts.distrust(accelerator, reason);
        // An accelerator that the user chose explicitly fails with an error; no other one replaces it.
        spec.accelerator.is_none()
    }
}

/// Publishes QEMU's state until QEMU has ended.
async fn follow(
    process: Arc<QemuProcess>,
    mut events: Option<qmp::Events>,
    state: watch::Sender<DriverState>,
) {
    let mut by_guest = false;
    loop {
        let event = async {
            match &mut events {
                Some(events) => events.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            event = event => match event {
                Some(qmp::Event::Shutdown { guest }) => by_guest = guest,
                Some(qmp::Event::Paused { reason }) => {
                    instead(&state, |state| *state == DriverState::Running, DriverState::Paused { reason });
                }
                Some(qmp::Event::Resumed) => {
                    let paused = |state: &DriverState| matches!(state, DriverState::Paused { .. });
                    instead(&state, paused, DriverState::Running);
                }
                // The first event says why, the later ones are its consequences.
                Some(qmp::Event::Stuck { reason }) => {
                    instead(&state, |state| *state == DriverState::Running, DriverState::Stuck { reason });
                }
                None => events = None,
            },
            reason = process.ended() => {
                state.send_replace(DriverState::Ended { reason, by_guest });
                return;
            }
        }
    }
}

/// Publishes the next state if the transition is allowed.
fn instead(
    state: &watch::Sender<DriverState>,
    before: impl Fn(&DriverState) -> bool,
    now: DriverState,
) {
    state.send_if_modified(|state| {
        let changes = before(state);
        if changes {
            *state = now;
        }
        changes
    });
}

/// QEMU's name for an OCI architecture.
fn program_name(arch: &str) -> String {
    let machine = match arch {
        "arm64" => "aarch64",
        _ => "x86_64",
    };
    let suffix = if cfg!(windows) { ".exe" } else { "" };
    format!("qemu-system-{machine}{suffix}")
}

/// Looks through `PATH`, then the directories of package managers and installers that the `PATH` of graphical programs
/// lacks.
fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual: &[&str] = if cfg!(target_os = "macos") {
        &["/opt/homebrew/bin", "/usr/local/bin", "/opt/local/bin"]
    } else if cfg!(windows) {
        &[r"C:\Program Files\qemu"]
    } else {
        &[]
    };
    std::env::split_paths(&path)
        .chain(usual.iter().map(PathBuf::from))
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
}

fn remove_if_there(path: &Path) -> Result<(), MachineError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(MachineError::file("Removing", path)(error))
        }
        _ => Ok(()),
    }
}

/// A panic while holding one of these locks leaves no half-done change.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
