//! One boot, from nothing to an engine that answers.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slipway_api::machine::{Accelerator, MachinePhase, MachineSettings, MachineState};
use slipway_engine::{Address, Connection, Dialer, Endpoint, Engine, size};
use slipway_link::{DiskState, DockerState, GuestEvent, GuestNews, LinkStream, Request, Secret};

use super::View;
use crate::engine_socket::EngineSocket;
use crate::guest::{Guest, new_secret, words};
use crate::{
    DiskLock, Driver, DriverState, GuestImage, MachineError, MachinePaths, VmSpec, bounded_log,
    data_disk, docker_context, host,
};

/// Timeout of a step with hardware virtualization.
const STEP: Duration = Duration::from_mins(1);

/// Timeout of a step with an emulated processor, on a computer that is busy with other work too.
const EMULATED_STEP: Duration = Duration::from_mins(4);

/// Timeout for checking, growing or creating a file system.
const DISK_STEP: Duration = Duration::from_mins(30);

/// Timeout for the engine. Before it answers it restarts containers, and an interruption makes the next start slower.
const ENGINE_STEP: Duration = Duration::from_mins(15);

/// How often the engine may exit while it starts.
const ENGINE_ENDS: u32 = 8;

/// Heartbeat of the agent while the engine starts: interval, timeout, and how many may be missed.
const HEARTBEAT: Duration = Duration::from_secs(10);
const MISSES: u32 = 3;

/// How long the end of a virtual machine may take to be noticed after its link broke.
const END_PATIENCE: Duration = Duration::from_secs(1);
/// Timeout for the engine's version once the guest has said that it answers.
const ENGINE_PATIENCE: Duration = Duration::from_secs(30);

/// How often the guest's console is read for reports of a processor that does not run, and how many of them count: the
/// kernel reports after 21 s, and a busy computer may cause one.
const STALL_LOOK: Duration = Duration::from_secs(2);
const STALLS: usize = 2;
const STALL_REPORT: &[u8] = b"detected stalls on CPUs/tasks";
/// Bytes read from the end of the console.
const STALL_TAIL: u64 = 64 << 10;

/// The machine is not started with less free memory than this, or than its setting.
const MIN_MEMORY_MB: u64 = 1024;

/// Everything that a boot needs.
pub(super) struct Boot {
    pub(super) paths: MachinePaths,
    pub(super) settings: MachineSettings,
    pub(super) driver: Arc<dyn Driver>,
    pub(super) guest: Guest,
    pub(super) view: View,
    /// Repair a damaged disk, once, instead of failing.
    pub(super) repair: bool,
}

/// The result of a boot.
pub(super) struct Booted {
    pub(super) settings: MachineSettings,
    pub(super) secret: Secret,
    pub(super) news: Option<News>,
    pub(super) engine: Engine,
    pub(super) phases: Vec<MachinePhase>,
    pub(super) _socket: EngineSocket,
}

/// The guest's event stream, and the position in it.
pub(super) struct News {
    stream: LinkStream,
    /// Time of the last event, since the kernel's start.
    pub(super) heard_ms: u64,
}

impl News {
    pub(super) async fn open(guest: &Guest) -> Result<Self, MachineError> {
        let (_, stream) = guest.ask(&Request::Events).await?;
        Ok(Self {
            stream,
            heard_ms: 0,
        })
    }

    /// The next event that can be parsed. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<GuestNews, MachineError> {
        loop {
            match self.stream.receive::<GuestNews>().await {
                Ok(Some(news)) => {
                    self.heard_ms = self.heard_ms.max(news.at_ms);
                    return Ok(news);
                }
                Ok(None) => return Err(MachineError::link("its event stream ended")),
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    tracing::debug!(%error, "the guest said something odd");
                }
                Err(error) => return Err(MachineError::link(error)),
            }
        }
    }
}

/// The steps of a boot as they are shown.
struct Steps {
    view: View,
    done: Vec<MachinePhase>,
    current: Option<(String, Instant)>,
    /// Whether a virtual machine exists yet.
    starting: bool,
}

impl Steps {
    fn enter(&mut self, name: &str) {
        self.close();
        self.current = Some((name.to_owned(), Instant::now()));
        let mut phases = self.done.clone();
        phases.push(MachinePhase {
            name: name.to_owned(),
            took_ms: None,
        });
        self.view.state(if self.starting {
            MachineState::Starting {
                phase: name.to_owned(),
                phases,
            }
        } else {
            MachineState::Preparing {
                what: name.to_owned(),
                bytes_done: None,
                bytes_total: None,
                phases,
            }
        });
    }

    fn close(&mut self) {
        if let Some((name, began)) = self.current.take() {
            let took = began.elapsed();
            tracing::info!(name, ?took, "done");
            self.done.push(MachinePhase {
                name,
                took_ms: u64::try_from(took.as_millis()).ok(),
            });
        }
    }

    fn at(&self) -> &str {
        self.current.as_ref().map_or("", |(name, _)| name)
    }
}

impl Boot {
    pub(super) async fn run(self) -> Result<Booted, MachineError> {
        let mut steps = Steps {
            view: self.view.clone(),
            done: Vec::new(),
            current: None,
            starting: false,
        };
        steps.enter("Checking the guest image");
        let image = self.check_image().await?;
        self.check_memory()?;
        self.paths.create()?;
        if let Some(warning) = data_disk::check_space(&self.paths)? {
            self.view.warn(warning);
        }
        let disk_lock = DiskLock::take(&self.paths)?;
        data_disk::provide(&self.paths, self.settings.disk_gb)?;
        self.view
            .change(|view| view.disk = data_disk::measure(&self.paths));
        let spec = VmSpec {
            image,
            data_disk: self.paths.data_disk(),
            disk_lock,
            cpus: self.settings.cpus,
            memory_mb: self.settings.memory_mb,
            accelerator: self.settings.accelerator,
            runtime: self.paths.runtime.clone(),
            console_log: self.paths.console_log(),
        };
        let socket = self.serve_engine()?;
        let mut retried = false;
        loop {
            match self.boot(&spec, &mut steps, retried).await {
                Ok((secret, news, engine)) => {
                    steps.close();
                    return Ok(Booted {
                        settings: self.settings,
                        secret,
                        news: Some(news),
                        engine,
                        phases: steps.done,
                        _socket: socket,
                    });
                }
                Err(Failure::BeforeTheGuestSpoke(error))
                    if self.driver.boot_failed(&spec, &error.to_string()) =>
                {
                    self.driver.kill().await;
                    self.guest.clear();
                }
                // An emulator may crash or hang once; a second crash counts as a failure.
                Err(Failure::BeforeTheGuestSpoke(
                    error @ (MachineError::Ended { .. }
                    | MachineError::Link { .. }
                    | MachineError::Stuck { .. }),
                )) if !retried => {
                    tracing::warn!(%error, "a boot broke off before the guest spoke; it is tried once more");
                    retried = true;
                    self.driver.kill().await;
                    self.guest.clear();
                }
                Err(Failure::BeforeTheGuestSpoke(error) | Failure::Other(error)) => {
                    return Err(error);
                }
            }
        }
    }

    async fn check_image(&self) -> Result<GuestImage, MachineError> {
        let directory = GuestImage::find(self.paths.image.as_deref())?;
        let cache = self.paths.verified();
        let view = self.view.clone();
        let checked = tokio::task::spawn_blocking(move || {
            GuestImage::check(&directory, &cache, &|done, total| {
                view.change(|view| {
                    if let MachineState::Preparing {
                        bytes_done,
                        bytes_total,
                        ..
                    } = &mut view.state
                    {
                        *bytes_done = Some(done);
                        *bytes_total = Some(total);
                    }
                });
            })
        });
        checked
            .await
            .unwrap_or_else(|error| Err(MachineError::link(error)))
    }

    fn check_memory(&self) -> Result<(), MachineError> {
        let wanted_mb = u64::from(self.settings.memory_mb);
        let Some(available_mb) = host::available_memory_mb() else {
            return Ok(());
        };
        // The guest takes memory as it uses it, and starts with little.
        if available_mb < wanted_mb.min(MIN_MEMORY_MB) {
            return Err(MachineError::NoMemory {
                wanted_mb,
                available_mb,
            });
        }
        if available_mb < wanted_mb {
            self.view.warn(format!(
                "The machine may use {} of memory, but only {} is free",
                size::memory(wanted_mb << 20),
                size::memory(available_mb << 20)
            ));
        }
        Ok(())
    }

    /// Opens the engine's socket and creates its context: from now on, connections are held until dockerd answers.
    fn serve_engine(&self) -> Result<EngineSocket, MachineError> {
        let socket = EngineSocket::listen(&self.paths.engine_socket(), self.guest.clone())?;
        if let Some(config) = &self.paths.docker_config {
            match docker_context::install(config, &self.paths.engine_address()) {
                Ok(None) => {}
                Ok(Some(warning)) => self.view.warn(warning),
                Err(error) => self.view.warn(error.to_string()),
            }
        }
        Ok(socket)
    }

    async fn boot(
        &self,
        spec: &VmSpec,
        steps: &mut Steps,
        retried: bool,
    ) -> Result<(Secret, News, Engine), Failure> {
        steps.starting = false;
        steps.enter("Checking hardware acceleration");
        let tell = |now: &str| {
            self.view.change(|view| {
                if let MachineState::Preparing { what, .. } = &mut view.state {
                    now.clone_into(what);
                }
            });
        };
        let accelerator = self.driver.prepare(spec, &tell).await?;
        let step = if accelerator.name == Accelerator::Tcg {
            EMULATED_STEP
        } else {
            STEP
        };
        self.view
            .change(|view| view.accelerator = Some(accelerator));
        steps.starting = true;
        steps.enter("Starting the virtual machine");
        self.driver
            .start(spec)
            .await
            .map_err(Failure::BeforeTheGuestSpoke)?;
        let mut events = self.driver.events();
        let ended = async {
            let state = events
                .wait_for(|state| *state != DriverState::Running)
                .await
                .map(|state| state.clone());
            match state {
                Ok(DriverState::Stuck { reason } | DriverState::Paused { reason }) => {
                    MachineError::Stuck { reason }
                }
                Ok(DriverState::Ended { reason, .. }) => MachineError::Ended { reason },
                _ => MachineError::Ended {
                    reason: "it is off".to_owned(),
                },
            }
        };
        steps.enter("Booting Linux");
        tokio::pin!(ended);
        let secret = new_secret()?;
        let linked = tokio::select! {
            linked = self.guest.connect(self.driver.as_ref(), &secret, step) => linked,
            error = &mut ended => Err(error),
            // The second boot gets all of its time: this computer may only be slow.
            error = stalls(&spec.console_log), if !retried => Err(error),
        };
        if let Err(mut error) = linked {
            // A link breaks when its machine ends; that end is the better explanation.
            if let MachineError::Link { .. } = error
                && let Ok(why) = tokio::time::timeout(END_PATIENCE, &mut ended).await
            {
                error = why;
            }
            return Err(Failure::BeforeTheGuestSpoke(match error {
                MachineError::Link { reason } if steps.current_took() >= step => {
                    tracing::warn!(reason, "no link");
                    MachineError::BootTimeout {
                        phase: steps.at().to_owned(),
                        after: step,
                    }
                }
                error => error,
            }));
        }
        tokio::select! {
            booted = self.follow(step, steps) => {
                let (news, engine) = booted?;
                Ok((secret, news, engine))
            }
            error = &mut ended => Err(Failure::Other(error)),
        }
    }

    /// Follows the guest until its engine answers.
    async fn follow(&self, step: Duration, steps: &mut Steps) -> Result<(News, Engine), Failure> {
        let mut news = News::open(&self.guest).await?;
        steps.enter("Opening the disk");
        let mut patience = step;
        let mut engine_starts = false;
        let mut engine_ends = 0;
        let mut repair = self.repair;
        loop {
            let piece = tokio::select! {
                piece = tokio::time::timeout(patience, news.next()) => piece,
                // Before the engine starts, the guest reports progress without being asked, or hangs.
                error = self.agent_is_gone(), if engine_starts => return Err(Failure::Other(error)),
            };
            let Ok(piece) = piece else {
                return Err(Failure::Other(MachineError::BootTimeout {
                    phase: steps.at().to_owned(),
                    after: patience,
                }));
            };
            let piece = piece?;
            tracing::info!(at_ms = piece.at_ms, event = ?piece.event, "the guest says");
            match piece.event {
                GuestEvent::Disk { state } => match state {
                    DiskState::Formatting => {
                        patience = DISK_STEP;
                        steps.enter("Creating the disk");
                    }
                    DiskState::Checking => {
                        patience = DISK_STEP;
                        steps.enter("Checking the disk");
                    }
                    DiskState::Growing => {
                        patience = DISK_STEP;
                        steps.enter("Growing the disk");
                    }
                    DiskState::Mounted => {
                        patience = ENGINE_STEP;
                        engine_starts = true;
                        steps.enter("Starting the engine");
                    }
                    DiskState::Broken {
                        repairable: true, ..
                    } if std::mem::take(&mut repair) => {
                        // After a repair, it is checked and mounted again without a further request.
                        self.repair_disk(steps).await?;
                    }
                    DiskState::Broken { reason, repairable } => {
                        return Err(Failure::Other(MachineError::DiskBroken {
                            reason: words(&reason),
                            repairable,
                            disk: self.paths.data_disk(),
                        }));
                    }
                    DiskState::Unknown => {}
                },
                GuestEvent::Failed { reason } => {
                    return Err(Failure::Other(MachineError::GuestFailed {
                        reason: words(&reason),
                    }));
                }
                GuestEvent::Docker {
                    state: DockerState::Running,
                } => {
                    self.guest.set_docker(true);
                    break;
                }
                GuestEvent::Docker {
                    state: DockerState::Restarting { why, .. },
                } => {
                    let why = words(&why);
                    engine_ends += 1;
                    if engine_ends >= ENGINE_ENDS {
                        return Err(Failure::Other(MachineError::EngineEnds { why }));
                    }
                    self.view.warn(format!("The engine did not start: {why}"));
                }
                GuestEvent::EngineNetwork => self.guest.use_engine_network(),
                GuestEvent::Warning { message } => self.view.warn(words(&message)),
                _ => {}
            }
        }
        let engine = connect_engine(&self.paths, &self.guest).await?;
        Ok((news, engine))
    }
}

impl Boot {
    /// Returns when the agent no longer answers.
    async fn agent_is_gone(&self) -> MachineError {
        let mut misses = 0;
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            match self.guest.ping(HEARTBEAT).await {
                Ok(()) => misses = 0,
                Err(error) => {
                    misses += 1;
                    if misses >= MISSES {
                        return error;
                    }
                }
            }
        }
    }

    async fn repair_disk(&self, steps: &mut Steps) -> Result<(), MachineError> {
        steps.enter("Repairing the disk");
        let report = self.guest.repair(self.paths.data_disk()).await?;
        for line in report.lines() {
            tracing::warn!("e2fsck: {}", words(line));
        }
        self.view.warn(
            "The machine's disk was repaired; recovered files are in /data/lost+found of the \
             machine, and slipwayd's log lists the repairs"
                .to_owned(),
        );
        Ok(())
    }
}

impl Steps {
    fn current_took(&self) -> Duration {
        self.current
            .as_ref()
            .map_or(Duration::ZERO, |(_, began)| began.elapsed())
    }
}

/// Returns when the guest's kernel has reported processors that do not run. This was seen once, with emulated processors:
/// one of them got no timer interrupts, and the boot went on only with each report, every 21 s.
async fn stalls(console: &Path) -> MachineError {
    loop {
        tokio::time::sleep(STALL_LOOK).await;
        // A console that cannot be read reports nothing; the boot has its time limit.
        let console = bounded_log::tail(console, STALL_TAIL).unwrap_or_default();
        let reports = console
            .windows(STALL_REPORT.len())
            .filter(|part| *part == STALL_REPORT)
            .count();
        if reports >= STALLS {
            return MachineError::Stuck {
                reason: "one of its processors does not run".to_owned(),
            };
        }
    }
}

/// Why a boot ended.
enum Failure {
    /// Another accelerator may help.
    BeforeTheGuestSpoke(MachineError),
    Other(MachineError),
}

impl From<MachineError> for Failure {
    fn from(error: MachineError) -> Self {
        Self::Other(error)
    }
}

/// The machine's engine, over the link.
async fn connect_engine(paths: &MachinePaths, guest: &Guest) -> Result<Engine, MachineError> {
    let endpoint = Endpoint::at(Address::Unix(paths.engine_socket()));
    let guest = guest.clone();
    let dialer: Dialer = Arc::new(move || {
        let guest = guest.clone();
        Box::pin(async move {
            let stream = guest
                .docker_over_the_link()
                .await
                .map_err(std::io::Error::other)?;
            Ok(Box::new(stream) as Box<dyn Connection>)
        })
    });
    let deadline = Instant::now() + ENGINE_PATIENCE;
    loop {
        match Engine::connect_with(&endpoint, dialer.clone()).await {
            Ok(engine) => return Ok(engine),
            // A busy computer may miss one of its deadlines.
            Err(error) if Instant::now() < deadline => {
                tracing::warn!(%error, "the engine was not reached");
            }
            Err(source) => return Err(MachineError::Docker { source }),
        }
    }
}
