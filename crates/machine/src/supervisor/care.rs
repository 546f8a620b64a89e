//! Background work while the machine runs: heartbeat, clock, ports, disk space, and the guest's events.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use slipway_api::machine::{MachineDisk, MachinePort, MachineStats};
use slipway_engine::Engine;
use slipway_link::{GuestNews, Request, Secret};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::boot::{Booted, News};
use crate::guest::Guest;
use crate::ports::Ports;
use crate::{Driver, MachinePaths, clock, data_disk};

/// Interval and timeout of the agent's heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Heartbeats that may be missed.
const MISSES: u32 = 3;

/// Timeout for a new link.
const REDIAL: Duration = Duration::from_secs(5);

/// Interval and timeout of the engine's ping. A busy engine on an emulated processor is slow.
const ENGINE_HEARTBEAT: Duration = Duration::from_secs(15);

/// Interval of usage measurements while somebody is watching.
const MEASURE: Duration = Duration::from_secs(3);

/// Interval of giving unused space back.
const TRIM: Duration = Duration::from_hours(1);

/// Delay after a large removal, so that related removals are included.
const TRIM_AFTER_PRUNE: Duration = Duration::from_secs(5);

/// Events for the supervisor.
#[derive(Debug)]
pub(super) enum Report {
    /// Three heartbeats were missed.
    Silent,
    /// The agent answers again.
    Back,
    /// The engine does not answer; the agent was asked to restart it.
    DockerSilent {
        why: String,
    },
    Stats {
        stats: Option<MachineStats>,
        disk: Option<MachineDisk>,
    },
    Ports(Vec<MachinePort>),
    News(GuestNews),
}

/// All background work of one machine. Ends when dropped.
pub(super) struct Care {
    ports: Ports,
    _tasks: JoinSet<()>,
    reports: mpsc::Receiver<Report>,
}

impl Care {
    pub(super) fn take(
        booted: &mut Booted,
        driver: Arc<dyn Driver>,
        guest: Guest,
        paths: &MachinePaths,
        watchers: Arc<AtomicUsize>,
    ) -> Self {
        let (sender, reports) = mpsc::channel(64);
        let (published, ports) = watch::channel(Vec::new());
        let (prunes, after_prunes) = watch::channel(0);
        let mut tasks = JoinSet::new();
        tasks.spawn(clock::keep(guest.clone()));
        tasks.spawn(heartbeat(
            driver,
            guest.clone(),
            booted.secret.clone(),
            sender.clone(),
        ));
        tasks.spawn(engine_heartbeat(
            booted.engine.clone(),
            guest.clone(),
            sender.clone(),
        ));
        tasks.spawn(listen(booted.news.take(), guest.clone(), sender.clone()));
        tasks.spawn(measure(
            guest.clone(),
            paths.clone(),
            watchers,
            sender.clone(),
        ));
        tasks.spawn(trim(guest.clone(), after_prunes));
        tasks.spawn(pass_on(ports, sender));
        Self {
            ports: Ports::follow(booted.engine.clone(), guest, published, prunes),
            _tasks: tasks,
            reports,
        }
    }

    /// Ends it. On return the ports are free.
    pub(super) async fn end(self) {
        self.ports.end().await;
    }

    /// The next event. Cancel safe.
    pub(super) async fn next(&mut self) -> Report {
        match self.reports.recv().await {
            Some(report) => report,
            // The tasks hold senders for as long as this exists.
            None => std::future::pending().await,
        }
    }
}

/// Heartbeat: makes a new link if the agent does not answer or the old link has ended.
async fn heartbeat(
    driver: Arc<dyn Driver>,
    guest: Guest,
    secret: Secret,
    reports: mpsc::Sender<Report>,
) {
    let mut misses = 0;
    let mut silent = false;
    loop {
        if let Some(link) = guest.link_now() {
            tokio::select! {
                why = link.closed() => tracing::warn!(%why, "the link to the guest has ended"),
                () = tokio::time::sleep(HEARTBEAT) => {}
            }
        }
        let answered = match guest.link_now() {
            Some(_) => guest.ping(HEARTBEAT).await,
            None => Ok(()),
        };
        let linked = guest.link_now().is_some();
        match answered {
            Ok(()) if linked => {
                misses = 0;
                guest.rejoin_networks(driver.as_ref()).await;
                if silent {
                    silent = false;
                    let _ = reports.send(Report::Back).await;
                }
                continue;
            }
            Ok(()) => {}
            Err(error) => {
                misses += 1;
                tracing::warn!(%error, misses, "a heartbeat was missed");
                let ended = match guest.link_now() {
                    Some(link) => {
                        let ended = tokio::time::timeout(Duration::ZERO, link.closed()).await;
                        ended.is_ok()
                    }
                    None => true,
                };
                if misses < MISSES && !ended {
                    continue;
                }
            }
        }
        if misses >= MISSES && !silent {
            silent = true;
            let _ = reports.send(Report::Silent).await;
        }
        guest.hang_up();
        match guest.connect(driver.as_ref(), &secret, REDIAL).await {
            Ok(_) => tracing::info!("there is a new link to the guest"),
            Err(error) => {
                misses += 1;
                tracing::warn!(%error, "no new link to the guest");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

/// Restarts the engine if it does not answer although the agent does.
async fn engine_heartbeat(engine: Engine, guest: Guest, reports: mpsc::Sender<Report>) {
    let mut misses = 0;
    let mut docker_up = guest.docker_up();
    loop {
        tokio::time::sleep(ENGINE_HEARTBEAT).await;
        if docker_up.wait_for(|up| *up).await.is_err() {
            return;
        }
        match engine.ping(ENGINE_HEARTBEAT).await {
            Ok(_) => {
                misses = 0;
                continue;
            }
            Err(error) => {
                misses += 1;
                tracing::warn!(%error, misses, "the engine does not answer");
            }
        }
        // A guest that does not answer either has another problem than its engine.
        if misses < MISSES || guest.ping(HEARTBEAT).await.is_err() {
            continue;
        }
        misses = 0;
        let why = "It stopped responding".to_owned();
        guest.set_docker(false);
        let _ = reports.send(Report::DockerSilent { why }).await;
        if let Err(error) = guest.ask(&Request::RestartDocker).await {
            tracing::warn!(%error, "the engine was not started again");
        }
    }
}

/// Receives the guest's events, over one link after another.
async fn listen(news: Option<News>, guest: Guest, reports: mpsc::Sender<Report>) {
    let mut news = news;
    let mut heard_ms = news.as_ref().map_or(0, |news| news.heard_ms);
    loop {
        if let Some(news) = &mut news {
            while let Ok(piece) = news.next().await {
                // A new link repeats all events from the beginning.
                if piece.at_ms < heard_ms {
                    continue;
                }
                heard_ms = piece.at_ms;
                tracing::info!(at_ms = piece.at_ms, event = ?piece.event, "the guest says");
                if reports.send(Report::News(piece)).await.is_err() {
                    return;
                }
            }
        }
        news = News::open(&guest).await.ok();
        if news.is_none() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// Measures the machine's resource use for as long as somebody is watching.
async fn measure(
    guest: Guest,
    paths: MachinePaths,
    watchers: Arc<AtomicUsize>,
    reports: mpsc::Sender<Report>,
) {
    let mut ticks = tokio::time::interval(MEASURE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if watchers.load(Ordering::Relaxed) == 0 {
            continue;
        }
        let guests = guest.stats().await.ok();
        let stats = guests.map(|stats| MachineStats {
            memory_total: stats.memory_total,
            memory_used: stats.memory_total.saturating_sub(stats.memory_available),
            // JSON has neither infinities nor NaN.
            load: if stats.load_1.is_finite() {
                stats.load_1.clamp(0.0, 1e6)
            } else {
                0.0
            },
        });
        let disk = data_disk::measure(&paths).map(|disk| MachineDisk {
            used_in_guest: guests
                .filter(|stats| stats.disk_total > 0)
                .map(|stats| stats.disk_used.min(disk.size)),
            ..disk
        });
        if reports.send(Report::Stats { stats, disk }).await.is_err() {
            return;
        }
    }
}

/// Gives unused space back to this computer every hour, and soon after a large removal.
async fn trim(guest: Guest, mut pruned: watch::Receiver<u64>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(TRIM) => {}
            changed = pruned.changed() => {
                if changed.is_err() {
                    return;
                }
                tokio::time::sleep(TRIM_AFTER_PRUNE).await;
                pruned.mark_unchanged();
            }
        }
        if let Err(error) = guest.trim().await {
            tracing::warn!(%error, "unused space was not given back");
        }
    }
}

async fn pass_on(mut ports: watch::Receiver<Vec<MachinePort>>, reports: mpsc::Sender<Report>) {
    while ports.changed().await.is_ok() {
        let now = ports.borrow_and_update().clone();
        if reports.send(Report::Ports(now)).await.is_err() {
            return;
        }
    }
}
