//! Owns the machine: one task decides, everybody else sends requests and watches.
//!
//! ```text
//!                 start                    image, disk, accelerator        link, data disk, engine
//!   Absent ──────────────────► Preparing ──────────────► Starting{phase} ───────────────► Running{docker}
//!     ▲                         ▲      │ stop                │ stop                         │   ▲      │
//!     │ delete (from anywhere)  │      │                     │                              │   │ back │ 3 pings
//!     │                   start │      │                     │                              │   │      ▼ missed
//!     │                         │      ▼                     ▼                              │  Unresponsive
//!     ├──────────────────── Stopped ◄────────────────── Stopping ◄──────────── stop ────────┴──────┘
//!     │                                                                                      │
//!     └──────────────────── Broken{reason} ◄──── a failure of any step, or a second end ─────┘
//! ```
//!
//! A machine that ends by itself is prepared and started again, at most once in five minutes. A boot that fails before
//! the guest has spoken restarts from Preparing: once, and once more without the accelerator.
//!
//! Requests queue and are answered when their work is under way, done, or refused with a reason; the state leaves on a
//! watch channel. `restart` is a stop that is followed by a start; `stop` and `delete` cancel a start. A boot or a stop
//! is a future that this task polls between requests; dropping it cancels it.

mod boot;
mod care;
mod handle;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use slipway_api::machine::{
    DockerState, MachineDriver, MachineSettings, MachineState, MachineView,
};
use slipway_link::{GuestEvent, GuestNews, Request as GuestRequest, Secret};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::task::AbortOnDropHandle;

use self::boot::{Boot, Booted};
use self::care::{Care, Report};
pub use self::handle::{MachineHandle, MachineLog, Watching};
use crate::guest::{Guest, now_ms, words};
use crate::{
    Driver, DriverState, Lease, MachineError, MachinePaths, bounded_log, check_settings, data_disk,
    docker_context, downtime, host, settings,
};

/// How long containers, engine and disk may take to shut down. The guest gives containers at most five minutes.
const STOP_PATIENCE: Duration = Duration::from_mins(6);

/// After this time, the state says what can be done about a slow stop.
const STOP_IS_LONG: Duration = Duration::from_secs(15);

/// While the guest stops: the interval of its heartbeat, the timeout of one, and how many may be missed.
const STOP_HEARTBEAT: Duration = Duration::from_secs(5);
const STOP_MISSES: u32 = 3;

/// Timeout for the guest to accept the request to stop.
const STOP_ANSWER: Duration = Duration::from_secs(5);

/// How long a guest that does not stop may take after its power button was pressed.
const POWER_BUTTON_PATIENCE: Duration = Duration::from_secs(5);

/// A machine that ends by itself twice within this time is not restarted.
const RESCUE_INTERVAL: Duration = Duration::from_mins(5);

/// Interval between attempts to resume a machine that waits for its disk.
const RESUME: Duration = Duration::from_secs(5);

/// Limit of warnings kept.
const MAX_WARNINGS: usize = 20;

/// Capacity of the request queue.
const QUEUE: usize = 32;

/// Creates the driver of a kind, or says why there is none.
pub type Drivers = Box<dyn Fn(MachineDriver) -> Result<Arc<dyn Driver>, MachineError> + Send>;

/// A request to the supervisor.
#[derive(Debug)]
enum Request {
    Start,
    Stop,
    SwitchOff,
    Restart,
    Delete,
    Repair,
    SetSettings(MachineSettings),
    Shutdown,
}

type Answer = oneshot::Sender<Result<(), MachineError>>;

/// The owner of the machine.
pub struct Supervisor {
    lease: Lease,
    paths: MachinePaths,
    drivers: Drivers,
    requests: mpsc::Receiver<(Request, Answer)>,
    view: View,
    guest: Guest,
    life: Life,
    then: Then,
    rescued: Option<Instant>,
    watchers: Arc<AtomicUsize>,
    /// The callers that wait for the end.
    farewell: Vec<Answer>,
}

/// The current activity.
enum Life {
    /// Idle: there is no machine, it is stopped, or it is broken.
    Rest,
    Booting {
        boot: BoxFuture<'static, Result<Booted, MachineError>>,
        driver: Arc<dyn Driver>,
    },
    Up(Box<Up>),
    Stopping {
        stop: BoxFuture<'static, ()>,
        /// Stop waiting and kill it.
        at_once: Arc<Notify>,
    },
}

/// State that exists while the machine runs.
struct Up {
    driver: Arc<dyn Driver>,
    events: watch::Receiver<DriverState>,
    booted: Booted,
    care: Care,
    /// The guest has announced its shutdown.
    going_down: bool,
    /// Set while it waits for its disk.
    paused: Option<Paused>,
}

/// A machine whose disk cannot be written at the moment.
struct Paused {
    warning: String,
    _tries: AbortOnDropHandle<()>,
}

/// What follows a stop.
#[derive(Debug)]
enum Then {
    Rest,
    Start,
    Delete,
    /// Restart, because it ended by itself, for this reason.
    Rescue(String),
    Broken(MachineError),
}

/// How the run ended.
enum Happened {
    Booted(Result<Booted, MachineError>),
    Report(Report),
    Driver(DriverState),
    Stopped,
}

/// The published state. Only the supervisor's task and the futures that it polls write it.
#[derive(Clone)]
pub(crate) struct View(watch::Sender<MachineView>);

impl View {
    fn change(&self, change: impl FnOnce(&mut MachineView)) {
        self.0.send_modify(change);
    }

    fn state(&self, state: MachineState) {
        self.change(|view| view.state = state);
    }

    fn warn(&self, warning: String) {
        tracing::warn!("{warning}");
        self.change(|view| {
            if !view.warnings.contains(&warning) {
                view.warnings.truncate(MAX_WARNINGS - 1);
                view.warnings.push(warning);
            }
        });
    }
}

/// The state, from files, of a machine that no process owns and which is therefore not running.
pub fn at_rest(paths: &MachinePaths) -> MachineView {
    let disk = data_disk::measure(paths);
    MachineView {
        state: if disk.is_some() {
            MachineState::Stopped
        } else {
            MachineState::Absent
        },
        driver: MachineDriver::Qemu,
        accelerator: None,
        settings: settings::load(&paths.settings()),
        restart_needed: false,
        runs_with: None,
        engine_socket: paths.engine_address(),
        started_at: None,
        disk,
        stats: None,
        ports: Vec::new(),
        warnings: Vec::new(),
        host: host::this_computer(),
    }
}

impl Supervisor {
    /// Creates a supervisor of the machine at `paths`. Nothing is started until [`Supervisor::run`] is polled.
    pub fn new(lease: Lease, paths: MachinePaths, drivers: Drivers) -> (Self, MachineHandle) {
        data_disk::sweep(&paths);
        let (view, watch) = watch::channel(at_rest(&paths));
        let (sender, requests) = mpsc::channel(QUEUE);
        let guest = Guest::new();
        let watchers = Arc::new(AtomicUsize::new(0));
        let handle = MachineHandle {
            requests: sender,
            view: watch,
            guest: guest.clone(),
            paths: paths.clone(),
            watchers: watchers.clone(),
        };
        let supervisor = Self {
            lease,
            paths,
            drivers,
            requests,
            view: View(view),
            guest,
            life: Life::Rest,
            then: Then::Rest,
            rescued: None,
            watchers,
            farewell: Vec::new(),
        };
        (supervisor, handle)
    }

    /// Runs until a shutdown was requested and the machine has stopped, or every handle is gone. Returns the lease, to
    /// be released after the sockets are removed: the next owner creates its own at the same paths.
    pub async fn run(mut self) -> Lease {
        loop {
            tokio::select! {
                biased;
                happened = self.life.next() => self.happened(happened),
                request = self.requests.recv() => match request {
                    Some((Request::Shutdown, answer)) => self.farewell.push(answer),
                    Some((request, answer)) => {
                        let outcome = self.asked(request);
                        if let Err(error) = &outcome {
                            tracing::info!(%error, "refused");
                        }
                        // The caller may be gone; the work goes on.
                        let _ = answer.send(outcome);
                    }
                    None => break,
                }
            }
            if !self.farewell.is_empty() {
                match &self.life {
                    Life::Rest => break,
                    Life::Stopping { .. } => {
                        if !matches!(self.then, Then::Delete) {
                            self.then = Then::Rest;
                        }
                    }
                    Life::Booting { .. } | Life::Up(_) => self.stop(Then::Rest, false),
                }
            }
        }
        for answer in self.farewell {
            let _ = answer.send(Ok(()));
        }
        self.lease
    }

    fn asked(&mut self, request: Request) -> Result<(), MachineError> {
        tracing::info!(?request, "asked");
        let deleting = MachineError::Refused {
            what: "The machine is being deleted",
            hint: "Start a new one afterwards",
        };
        if !self.farewell.is_empty() {
            return Err(MachineError::Refused {
                what: "slipwayd is shutting down",
                hint: "Try again in a moment",
            });
        }
        if matches!(self.then, Then::Delete) && !matches!(request, Request::Delete) {
            return Err(deleting);
        }
        match request {
            Request::Start => match &self.life {
                Life::Rest => self.start(Vec::new(), false),
                Life::Stopping { .. } => {
                    self.then = Then::Start;
                    Ok(())
                }
                Life::Up(_) if self.is_unresponsive() => Err(MachineError::Refused {
                    what: "The machine is running but not responding",
                    hint: "Restart it",
                }),
                Life::Booting { .. } | Life::Up(_) => Ok(()),
            },
            Request::Stop => {
                match &self.life {
                    Life::Rest => self.rest(),
                    Life::Stopping { .. } => self.then = Then::Rest,
                    Life::Booting { .. } | Life::Up(_) => self.stop(Then::Rest, false),
                }
                Ok(())
            }
            Request::SwitchOff => {
                match &self.life {
                    Life::Rest => self.rest(),
                    Life::Stopping { at_once, .. } => {
                        at_once.notify_one();
                        self.then = Then::Rest;
                    }
                    Life::Booting { .. } | Life::Up(_) => self.stop(Then::Rest, true),
                }
                Ok(())
            }
            Request::Restart => match &self.life {
                Life::Rest if data_disk::measure(&self.paths).is_none() => {
                    Err(MachineError::Refused {
                        what: "The machine has not been created",
                        hint: "Start one",
                    })
                }
                Life::Rest => self.start(Vec::new(), false),
                Life::Stopping { .. } => {
                    self.then = Then::Start;
                    Ok(())
                }
                Life::Booting { .. } | Life::Up(_) => {
                    self.stop(Then::Start, false);
                    Ok(())
                }
            },
            Request::Delete => {
                match &self.life {
                    Life::Rest => return self.delete(),
                    Life::Stopping { at_once, .. } => {
                        at_once.notify_one();
                        self.then = Then::Delete;
                    }
                    // Its data is deleted, so an orderly shutdown has no point.
                    Life::Booting { .. } | Life::Up(_) => self.stop(Then::Delete, true),
                }
                Ok(())
            }
            Request::Repair => match &self.life {
                Life::Rest if data_disk::measure(&self.paths).is_none() => {
                    Err(MachineError::Refused {
                        what: "The machine has not been created",
                        hint: "Start one",
                    })
                }
                Life::Rest => self.start(Vec::new(), true),
                Life::Stopping { .. } | Life::Booting { .. } | Life::Up(_) => {
                    Err(MachineError::Refused {
                        what: "The machine's disk is in use",
                        hint: "Stop the machine first; a start checks its disk",
                    })
                }
            },
            Request::SetSettings(settings) => self.set_settings(settings),
            // Handled where they arrive.
            Request::Shutdown => Ok(()),
        }
    }

    fn is_unresponsive(&self) -> bool {
        matches!(
            self.view.0.borrow().state,
            MachineState::Unresponsive { .. }
        )
    }

    fn set_settings(&mut self, settings: MachineSettings) -> Result<(), MachineError> {
        let disk = data_disk::measure(&self.paths).map(|disk| disk.size);
        check_settings(&settings, disk)?;
        // A missing driver is reported now instead of at the next start.
        let _driver = (self.drivers)(settings.driver)?;
        settings::save(&self.paths.settings(), &settings)?;
        let booted = match &self.life {
            Life::Up(up) => Some(up.booted.settings.clone()),
            _ => None,
        };
        self.view.change(|view| {
            view.runs_with = booted.filter(|booted| *booted != settings);
            view.restart_needed = view.runs_with.is_some();
            view.settings = settings;
        });
        Ok(())
    }

    /// Begins a boot, which repairs a damaged disk if that was requested.
    fn start(&mut self, warnings: Vec<String>, repair: bool) -> Result<(), MachineError> {
        let settings = self.view.0.borrow().settings.clone();
        let driver = (self.drivers)(settings.driver)?;
        // Known already after a stop, but not after a crash of this computer.
        self.engine_goes_down();
        self.view.change(|view| {
            view.driver = driver.kind();
            view.warnings = warnings;
            view.restart_needed = false;
            view.runs_with = None;
            view.started_at = Some(now_ms());
            view.state = MachineState::Preparing {
                what: "Preparing".to_owned(),
                bytes_done: None,
                bytes_total: None,
                phases: Vec::new(),
            };
        });
        let boot = Boot {
            paths: self.paths.clone(),
            settings,
            driver: driver.clone(),
            guest: self.guest.clone(),
            view: self.view.clone(),
            repair,
        };
        self.life = Life::Booting {
            boot: Box::pin(boot.run()),
            driver,
        };
        Ok(())
    }

    /// Begins a stop.
    fn stop(&mut self, then: Then, at_once: bool) {
        let (driver, care, secret) = match std::mem::replace(&mut self.life, Life::Rest) {
            // Dropping these cancels the boot, or closes the engine's socket.
            Life::Booting { driver, .. } => (driver, None, None),
            Life::Up(up) => (up.driver, Some(up.care), Some(up.booted.secret)),
            rest @ (Life::Rest | Life::Stopping { .. }) => {
                self.life = rest;
                return;
            }
        };
        if care.is_some() {
            self.engine_goes_down();
        }
        // An end by itself is not shown as a requested stop.
        let asked = !matches!(then, Then::Rescue(_) | Then::Broken(_));
        self.then = then;
        self.view.change(|view| {
            if asked {
                view.state = MachineState::Stopping;
            }
            view.stats = None;
        });
        let view = self.view.clone();
        let guest = self.guest.clone();
        let hurry = Arc::new(Notify::new());
        let hurried = hurry.clone();
        let stop = async move {
            let began = Instant::now();
            if let Some(care) = care {
                care.end().await;
            }
            view.change(|view| view.ports.clear());
            if !at_once {
                let stopped = stop_orderly(driver.as_ref(), &guest, secret.as_ref());
                let forced = tokio::select! {
                    in_order = stopped => (!in_order).then_some("did not stop by itself and was powered off"),
                    () = say_that_it_is_long(&view) => None,
                    () = hurried.notified() => Some("was powered off before its containers had stopped"),
                };
                view.change(|view| view.warnings.retain(|warning| warning != LONG_STOP));
                if let Some(how) = forced {
                    view.warn(format!(
                        "The machine {how}; its disk is checked at the next start"
                    ));
                }
            }
            driver.kill().await;
            guest.clear();
            tracing::info!(took = ?began.elapsed(), "the machine has stopped");
        };
        self.life = Life::Stopping {
            stop: Box::pin(stop),
            at_once: hurry,
        };
    }

    /// Records that the engine is down, or going down. A machine that has no disk yet has no containers.
    fn engine_goes_down(&self) {
        if data_disk::measure(&self.paths).is_some() {
            downtime::begin(&self.paths.downtimes(), now_ms());
        }
    }

    /// Records that the engine responds.
    fn engine_is_up(&self) {
        downtime::end(&self.paths.downtimes(), now_ms());
    }

    fn delete(&mut self) -> Result<(), MachineError> {
        self.then = Then::Rest;
        // They belonged to the deleted machine.
        self.view.change(|view| view.warnings.clear());
        let deleted = data_disk::delete(&self.paths);
        if let Some(config) = &self.paths.docker_config {
            match docker_context::remove(config) {
                Ok(None) => {}
                Ok(Some(warning)) => self.view.warn(warning),
                Err(error) => self.view.warn(error.to_string()),
            }
        }
        match deleted {
            Ok(()) => {
                self.rest();
                Ok(())
            }
            Err(error) => {
                self.broken(&error);
                Err(error)
            }
        }
    }

    /// Absent or stopped, depending on the disk.
    fn rest(&mut self) {
        self.life = Life::Rest;
        let disk = data_disk::measure(&self.paths);
        let settings = settings::load(&self.paths.settings());
        self.view.change(|view| {
            view.state = if disk.is_some() {
                MachineState::Stopped
            } else {
                MachineState::Absent
            };
            if disk.is_none() {
                view.accelerator = None;
            }
            view.disk = disk;
            view.settings = settings;
            view.started_at = None;
            view.stats = None;
            view.restart_needed = false;
            view.runs_with = None;
            view.ports.clear();
        });
    }

    fn broken(&mut self, error: &MachineError) {
        tracing::error!(%error, "the machine is broken");
        let repairable = matches!(
            error,
            MachineError::DiskBroken {
                repairable: true,
                ..
            }
        );
        let mut reason = error.to_api();
        if matches!(
            error,
            MachineError::Ended { .. }
                | MachineError::Stuck { .. }
                | MachineError::BootTimeout { .. }
                | MachineError::GuestFailed { .. }
                | MachineError::Link { .. }
        ) {
            let console = last_lines(&self.paths.console_log(), SHOWN_LINES);
            if !console.is_empty() {
                let detail = reason.detail.get_or_insert_default();
                detail.push_str("\nThe end of its console:\n");
                detail.push_str(&console);
            }
        }
        self.rest();
        self.view.state(MachineState::Broken { reason, repairable });
    }

    fn happened(&mut self, happened: Happened) {
        match happened {
            Happened::Booted(Ok(booted)) => self.booted(booted),
            Happened::Booted(Err(error)) => {
                // Shut down what is left before the state is final, in order if containers may be running. A machine
                // without a link runs none, and one that has ended or stopped responding cannot shut down in order.
                let at_once = matches!(
                    error,
                    MachineError::Ended { .. } | MachineError::Stuck { .. }
                );
                self.stop(Then::Broken(error), at_once);
            }
            Happened::Report(report) => self.reported(report),
            Happened::Driver(state) => self.driver_says(state),
            Happened::Stopped => self.stopped(),
        }
    }

    fn booted(&mut self, mut booted: Booted) {
        let Life::Booting { driver, .. } = std::mem::replace(&mut self.life, Life::Rest) else {
            return;
        };
        self.engine_is_up();
        let care = Care::take(
            &mut booted,
            driver.clone(),
            self.guest.clone(),
            &self.paths,
            self.watchers.clone(),
        );
        let events = driver.events();
        let state = events.borrow().clone();
        self.view.change(|view| {
            view.restart_needed = view.settings != booted.settings;
            view.runs_with = view.restart_needed.then(|| booted.settings.clone());
            view.state = MachineState::Running {
                docker: DockerState::Running {
                    version: booted.engine.info().version.clone(),
                },
                phases: booted.phases.clone(),
            };
        });
        self.life = Life::Up(Box::new(Up {
            driver,
            events,
            booted,
            care,
            going_down: false,
            paused: None,
        }));
        if state != DriverState::Running {
            self.driver_says(state);
        }
    }

    fn driver_says(&mut self, state: DriverState) {
        let Life::Up(up) = &mut self.life else {
            return;
        };
        let reason = match state {
            DriverState::Running => return self.goes_on(),
            DriverState::Paused { reason } => {
                if up.paused.is_none() {
                    let warning = format!(
                        "The machine is paused because {reason}. It resumes automatically; no data is lost"
                    );
                    up.paused = Some(Paused {
                        warning: warning.clone(),
                        _tries: try_again(up.driver.clone()),
                    });
                    self.view.warn(warning);
                    self.view
                        .state(MachineState::Unresponsive { since: now_ms() });
                }
                return;
            }
            DriverState::Off => "it is off".to_owned(),
            DriverState::Ended { .. } if up.going_down => {
                // Powered off in order from within.
                self.stop(Then::Rest, true);
                return;
            }
            DriverState::Ended { reason, .. } | DriverState::Stuck { reason } => reason,
        };
        // The next boot begins a new console log.
        let console = last_lines(&self.paths.console_log(), PANIC_LINES);
        tracing::error!(reason, console, "the machine has ended by itself");
        let recently = self
            .rescued
            .is_some_and(|rescued| rescued.elapsed() < RESCUE_INTERVAL);
        let then = if recently {
            Then::Broken(MachineError::Ended { reason })
        } else {
            Then::Rescue(reason)
        };
        self.stop(then, true);
    }

    /// Its CPUs are running again.
    fn goes_on(&mut self) {
        let Life::Up(up) = &mut self.life else {
            return;
        };
        // It may be paused again at once; the retry handles that.
        if up.events.borrow().clone() != DriverState::Running {
            return;
        }
        if let Some(paused) = up.paused.take() {
            let docker = up.docker(*self.guest.docker_up().borrow());
            let state = up.running(docker);
            self.view.change(|view| {
                view.warnings.retain(|warning| *warning != paused.warning);
                view.state = state;
            });
        }
    }

    fn stopped(&mut self) {
        self.life = Life::Rest;
        match std::mem::replace(&mut self.then, Then::Rest) {
            Then::Rest => self.rest(),
            Then::Start => {
                self.rest();
                if let Err(error) = self.start(Vec::new(), false) {
                    self.broken(&error);
                }
            }
            // A failure is already in the state.
            Then::Delete => drop(self.delete()),
            Then::Rescue(reason) => {
                self.rescued = Some(Instant::now());
                let warning = format!(
                    "The virtual machine ended unexpectedly ({reason}) and was started again"
                );
                if let Err(error) = self.start(vec![warning], false) {
                    self.broken(&error);
                }
            }
            Then::Broken(error) => self.broken(&error),
        }
    }

    fn reported(&mut self, report: Report) {
        match &report {
            Report::News(GuestNews {
                event: GuestEvent::Docker { state },
                ..
            }) => match state {
                slipway_link::DockerState::Restarting { .. } => self.engine_goes_down(),
                slipway_link::DockerState::Running => self.engine_is_up(),
                _ => {}
            },
            Report::News(GuestNews {
                event: GuestEvent::PoweringOff,
                ..
            }) => self.engine_goes_down(),
            _ => {}
        }
        let Life::Up(up) = &mut self.life else { return };
        match report {
            Report::Silent => {
                self.view
                    .state(MachineState::Unresponsive { since: now_ms() });
            }
            Report::Back => {
                let docker = up.docker(*self.guest.docker_up().borrow());
                self.view.state(up.running(docker));
            }
            Report::DockerSilent { why } => {
                self.view.state(up.running(DockerState::Restarting { why }));
            }
            Report::Stats { stats, disk } => self.view.change(|view| {
                view.stats = stats;
                view.disk = disk;
            }),
            Report::Ports(ports) => self.view.change(|view| view.ports = ports),
            Report::News(GuestNews { event, .. }) => match event {
                GuestEvent::Docker { state } => {
                    use slipway_link::DockerState as Guests;
                    let docker = match state {
                        Guests::Starting => DockerState::Starting,
                        Guests::Running => up.docker(true),
                        Guests::Restarting { why, .. } => {
                            DockerState::Restarting { why: words(&why) }
                        }
                        Guests::Stopped | Guests::Unknown => return,
                    };
                    self.guest
                        .set_docker(matches!(docker, DockerState::Running { .. }));
                    let state = up.running(docker);
                    if !self.is_unresponsive() {
                        self.view.state(state);
                    }
                }
                GuestEvent::Restarted { service, why } => {
                    tracing::warn!(?service, why = words(&why), "restarted in the machine");
                }
                GuestEvent::Warning { message } => self.view.warn(words(&message)),
                GuestEvent::PoweringOff => {
                    up.going_down = true;
                    self.guest.set_docker(false);
                    self.view.state(MachineState::Stopping);
                }
                GuestEvent::Phase { .. }
                // Sent before dockerd runs for the first time.
                | GuestEvent::EngineNetwork
                | GuestEvent::Disk { .. }
                | GuestEvent::Failed { .. }
                | GuestEvent::ClockSet { .. }
                | GuestEvent::Unknown => {}
            },
        }
    }
}

impl Up {
    fn running(&self, docker: DockerState) -> MachineState {
        MachineState::Running {
            docker,
            phases: self.booted.phases.clone(),
        }
    }

    /// Its engine, which answers or is starting.
    fn docker(&self, answers: bool) -> DockerState {
        if answers {
            DockerState::Running {
                version: self.booted.engine.info().version.clone(),
            }
        } else {
            DockerState::Starting
        }
    }
}

/// Resumes a machine that waits for its disk, periodically, for as long as it waits.
fn try_again(driver: Arc<dyn Driver>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            tokio::time::sleep(RESUME).await;
            if matches!(driver.state(), DriverState::Paused { .. })
                && let Err(error) = driver.resume().await
            {
                tracing::warn!(%error, "the machine cannot go on");
            }
        }
    }))
}

impl Life {
    /// The next event. Cancel safe.
    async fn next(&mut self) -> Happened {
        match self {
            Self::Rest => std::future::pending().await,
            Self::Booting { boot, .. } => Happened::Booted(boot.await),
            Self::Stopping { stop, .. } => {
                stop.await;
                Happened::Stopped
            }
            Self::Up(up) => {
                tokio::select! {
                    biased;
                    changed = up.events.changed() => {
                        let state = up.events.borrow_and_update().clone();
                        Happened::Driver(if changed.is_ok() { state } else { DriverState::Off })
                    }
                    report = up.care.next() => Happened::Report(report),
                }
            }
        }
    }
}

/// The warning about a slow stop.
const LONG_STOP: &str = "Containers are given the time that they ask for to come to an end. It can be cut short by \
                         powering the machine off";

/// Never ends.
async fn say_that_it_is_long(view: &View) {
    tokio::time::sleep(STOP_IS_LONG).await;
    view.warn(LONG_STOP.to_owned());
    std::future::pending::<()>().await;
}

/// Asks the guest to shut down, then presses its power button. Returns whether the guest ended by itself. A machine
/// that was up is recognised by its boot secret; its link may have been lost.
async fn stop_orderly(driver: &dyn Driver, guest: &Guest, secret: Option<&Secret>) -> bool {
    let mut events = driver.events();
    let state = events.borrow().clone();
    if !state.is_up() {
        return true;
    }
    if matches!(state, DriverState::Paused { .. })
        && let Err(error) = driver.resume().await
    {
        tracing::warn!(%error, "the machine cannot go on");
    }
    let link = match (guest.link_now(), secret) {
        (Some(link), _) => Some(link),
        // It has not booted far enough for containers or an engine.
        (None, None) => return true,
        (None, Some(secret)) => guest
            .connect(driver, secret, STOP_ANSWER)
            .await
            .inspect_err(|error| tracing::warn!(%error, "the guest cannot be reached"))
            .ok(),
    };
    if let Some(link) = link {
        let accepted = link
            .open_within(&GuestRequest::PowerOff, STOP_ANSWER)
            .await
            .inspect_err(|error| tracing::warn!(%error, "the guest was not asked to stop"))
            .is_ok();
        if accepted {
            let gone_silent = silent(guest);
            tokio::select! {
                ended = ended(&mut events, STOP_PATIENCE) => if ended { return true },
                () = gone_silent => tracing::warn!("the guest has gone silent on its way down"),
            }
        }
    }
    let pressed = driver.request_stop().await;
    if let Err(error) = pressed {
        tracing::warn!(%error, "the power button was not pressed");
    }
    ended(&mut events, POWER_BUTTON_PATIENCE).await
}

/// Returns when a guest that is shutting down no longer answers.
async fn silent(guest: &Guest) {
    let mut misses = 0;
    while misses < STOP_MISSES {
        tokio::time::sleep(STOP_HEARTBEAT).await;
        match guest.ping(STOP_HEARTBEAT).await {
            Ok(()) => misses = 0,
            Err(_) => misses += 1,
        }
    }
}

async fn ended(events: &mut watch::Receiver<DriverState>, patience: Duration) -> bool {
    let ended = events.wait_for(|state| !state.is_up());
    matches!(tokio::time::timeout(patience, ended).await, Ok(Ok(_)))
}

/// Lines of the console log that are part of an error.
const SHOWN_LINES: usize = 12;
/// Lines of the console log that a kernel panic takes.
const PANIC_LINES: usize = 60;

/// The last lines of the console log.
fn last_lines(path: &std::path::Path, count: usize) -> String {
    let text = bounded_log::tail(path, 8192).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<String> = text
        .lines()
        .map(words)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_at_rest_is_known_by_its_files() {
        let directory = tempfile::tempdir().unwrap();
        let paths = MachinePaths {
            data: directory.path().join("data"),
            runtime: directory.path().join("run"),
            docker_config: None,
            image: None,
        };
        let none = at_rest(&paths);
        assert_eq!(none.state, MachineState::Absent);
        std::fs::create_dir_all(paths.machine()).unwrap();
        std::fs::write(paths.settings(), "{\"disk_gb\": 7}").unwrap();
        let disk = std::fs::File::create(paths.data_disk()).unwrap();
        disk.set_len(1 << 30).unwrap();
        let there = at_rest(&paths);
        assert_eq!(there.state, MachineState::Stopped);
        assert_eq!(there.settings.disk_gb, 7);
        let disk = there.disk.unwrap();
        assert_eq!(disk.size, 1 << 30);
        assert!(disk.used_on_host < 1 << 20, "{disk:?}");
    }
}
