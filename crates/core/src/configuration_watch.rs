//! Watches Docker's configuration and Slipway's settings for changes by any program, without polling.
//!
//! A Docker context created or selected in a terminal, and `slipway use`, take effect in the window: the selection is
//! evaluated again, and screens that list engines are notified. Only if the system refuses a file watch (too many are
//! open), the selection is polled every few seconds.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use slipway_api::ApiError;
use slipway_engine::{Endpoint, Environment};
use tokio::sync::{Notify, watch};
use tokio_util::task::AbortOnDropHandle;

use crate::blocking::blocking;
use crate::selection::{self, Selected};
use crate::session::Nudge;
use crate::settings::SettingsFile;

/// `docker context create` writes a directory, then a file: changes within this time count as one.
const GATHER: Duration = Duration::from_millis(200);

/// Polling interval if the system refuses a file watch.
const LOOK: Duration = Duration::from_secs(5);

/// The handle of the task. Dropping it ends the task.
pub(crate) struct ConfigurationWatch {
    environment: Environment,
    settings: SettingsFile,
    known: Arc<Mutex<Known>>,
    changes: watch::Receiver<u64>,
    _task: AbortOnDropHandle<()>,
}

impl ConfigurationWatch {
    /// Starts watching. Needs a Tokio runtime.
    pub(crate) fn spawn(
        environment: Environment,
        settings: SettingsFile,
        nudge: Nudge,
        selected: watch::Receiver<Result<Selected, ApiError>>,
    ) -> Self {
        let (sender, changes) = watch::channel(0);
        let known = Arc::default();
        let task = tokio::spawn(follow(
            environment.clone(),
            settings.clone(),
            Arc::clone(&known),
            nudge,
            selected,
            sender,
        ));
        Self {
            environment,
            settings,
            known,
            changes,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// This process has written the user's choice and acts on it itself: noticing it is no reason to select again.
    pub(crate) async fn choice_is_taken(&self) {
        if let Some(endpoint) = chosen(&self.environment, &self.settings).await {
            *lock(&self.known) = Known {
                endpoint,
                taken: true,
            };
        }
    }

    /// Changes with every change of the configuration.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }
}

/// The user's choice of an engine, as it was last read.
#[derive(Default)]
struct Known {
    endpoint: Option<Endpoint>,
    /// Whether the session was told by whatever wrote it.
    taken: bool,
}

async fn follow(
    environment: Environment,
    settings: SettingsFile,
    known: Arc<Mutex<Known>>,
    nudge: Nudge,
    selected: watch::Receiver<Result<Selected, ApiError>>,
    changes: watch::Sender<u64>,
) {
    let places = Arc::new(Places::of(&environment, &settings));
    let written = Arc::new(Notify::new());
    // Created before the first read, so that no change is missed in between.
    let mut watcher = watch_places(&places, &written).await;
    let endpoint = chosen(&environment, &settings).await.unwrap_or_default();
    lock(&known).endpoint = endpoint;
    loop {
        let told = watcher.is_some();
        if told {
            written.notified().await;
            tokio::time::sleep(GATHER).await;
            // Changes during the pause are read below. A second pass would connect again.
            let _ = written.notified().now_or_never();
        } else {
            tokio::time::sleep(LOOK).await;
        }
        // Directories may have been created or removed. The new watcher replaces the old one once it works.
        watcher = watch_places(&places, &written).await;
        // A file that is being written, or cannot be read now, says nothing of what the user chose.
        let Some(now) = chosen(&environment, &settings).await else {
            continue;
        };
        let (is_known, is_taken) = {
            let mut known = lock(&known);
            let is_known = now == known.endpoint;
            known.endpoint.clone_from(&now);
            (is_known, std::mem::take(&mut known.taken) && is_known)
        };
        if !told && is_known && !is_taken {
            continue;
        }
        let is_current = match (&now, &*selected.borrow()) {
            (Some(now), Ok(selected)) => now.address == selected.endpoint.address,
            _ => false,
        };
        if !is_current && !is_taken {
            if is_known {
                nudge.retry();
            } else {
                nudge.reselect();
            }
        }
        changes.send_modify(|count| *count += 1);
    }
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The engine that the user chose, if any. Returns `None` if the settings cannot be read.
async fn chosen(environment: &Environment, settings: &SettingsFile) -> Option<Option<Endpoint>> {
    let file = settings.clone();
    let settings = blocking(move || file.read()).await.ok()?;
    let discovery = selection::discover(environment).await;
    Some(selection::chosen_endpoint(
        &discovery,
        settings.engine.as_deref(),
    ))
}

async fn watch_places(places: &Arc<Places>, written: &Arc<Notify>) -> Option<RecommendedWatcher> {
    let (places, written) = (Arc::clone(places), Arc::clone(written));
    blocking(move || {
        places
            .watch(written)
            .map_err(|error| tracing::debug!(%error, "the configuration is not watched"))
            .ok()
    })
    .await
}

/// The paths to watch.
struct Places {
    files: Vec<PathBuf>,
    /// The directory of Docker's contexts, watched recursively.
    contexts: Option<PathBuf>,
}

impl Places {
    fn of(environment: &Environment, settings: &SettingsFile) -> Self {
        let docker = environment.docker_config_dir();
        let files = docker
            .iter()
            .map(|docker| docker.join("config.json"))
            .chain(settings.path().map(Path::to_owned))
            .collect();
        Self {
            files,
            contexts: docker.map(|docker| docker.join("contexts")),
        }
    }

    fn watch(&self, written: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
        let (files, contexts) = (self.files.clone(), self.contexts.clone());
        let concerns = move |path: &Path| {
            // A parent directory of a file may have been created.
            files.iter().any(|file| file.starts_with(path))
                || contexts
                    .as_ref()
                    .is_some_and(|contexts| path.starts_with(contexts))
        };
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                let concerned = match event {
                    // Reading is no change. After too many events at once the system does not say what they were.
                    Ok(event) => {
                        event.need_rescan()
                            || (!event.kind.is_access()
                                && event.paths.iter().any(|path| concerns(path)))
                    }
                    Err(_) => true,
                };
                if concerned {
                    written.notify_one();
                }
            })?;
        for file in &self.files {
            // The closest existing parent directory, unless it is one that all of the system's programs write to.
            let directory = file.ancestors().skip(1).take(3).find(|path| path.is_dir());
            if let Some(directory) = directory {
                watcher.watch(directory, RecursiveMode::NonRecursive)?;
            }
        }
        if let Some(contexts) = self.contexts.as_ref().filter(|path| path.is_dir()) {
            watcher.watch(contexts, RecursiveMode::Recursive)?;
        }
        Ok(watcher)
    }
}
