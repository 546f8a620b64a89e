//! Watches Docker's configuration and Slipway's settings for changes by any program, without polling.
//!
//! A Docker context created or selected in a terminal, and `slipway use`, take effect in the window: the selection is
//! evaluated again, and screens that list engines are notified. Only if the system refuses a file watch (too many are
//! open), the selection is polled every few seconds.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

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
        let task = tokio::spawn(follow(environment, settings, nudge, selected, sender));
        Self {
            changes,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// A counter that changes with every change of the configuration.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }
}

async fn follow(
    environment: Environment,
    settings: SettingsFile,
    nudge: Nudge,
    selected: watch::Receiver<Result<Selected, ApiError>>,
    changes: watch::Sender<u64>,
) {
    let places = Arc::new(Places::of(&environment, &settings));
    let written = Arc::new(Notify::new());
    // Created before the first read, so that no change is missed in between.
    let mut watcher = watch_places(&places, &written).await;
    let mut known = chosen(&environment, &settings).await;
    loop {
        let told = watcher.is_some();
        if told {
            written.notified().await;
            tokio::time::sleep(GATHER).await;
        } else {
            tokio::time::sleep(LOOK).await;
        }
        // Directories may have been created or removed. The new watcher replaces the old one once it works.
        watcher = watch_places(&places, &written).await;
        let now = chosen(&environment, &settings).await;
        if !told && now == known {
            continue;
        }
        let is_current = match (&now, &*selected.borrow()) {
            (Some(now), Ok(selected)) => now.address == selected.endpoint.address,
            _ => false,
        };
        if !is_current {
            if now == known {
                nudge.retry();
            } else {
                nudge.reselect();
            }
        }
        known = now;
        changes.send_modify(|count| *count += 1);
    }
}

async fn chosen(environment: &Environment, settings: &SettingsFile) -> Option<Endpoint> {
    let wanted = settings.loaded().await.engine;
    let discovery = selection::discover(environment).await;
    selection::chosen_endpoint(&discovery, wanted.as_deref())
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
                // Reading is not a change.
                if event.is_ok_and(|event| {
                    !event.kind.is_access() && event.paths.iter().any(|path| concerns(path))
                }) {
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
