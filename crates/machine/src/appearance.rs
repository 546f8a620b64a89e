//! Watches for a `slipwayd` that another process starts, without polling where the system can notify.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use crate::MachinePaths;
use crate::paths::private_dir;

/// Polling interval on systems without file notifications.
const LOOK: Duration = Duration::from_secs(5);

/// Waits for the control socket. Created before the first check for the socket, so that no start is missed in between.
pub struct Appearance {
    socket: PathBuf,
    changed: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
}

impl Appearance {
    /// Starts watching the directory of the socket; creates it if it is missing.
    pub fn of(paths: &MachinePaths) -> Self {
        let changed = Arc::new(Notify::new());
        let watcher = watch(paths, changed.clone())
            .map_err(|error| tracing::debug!(%error, "the system does not tell of new files"))
            .ok();
        Self {
            socket: paths.daemon_socket(),
            changed,
            watcher,
        }
    }

    /// Waits until something may be listening there.
    pub async fn wait(&self) {
        loop {
            if self.watcher.is_some() {
                self.changed.notified().await;
            } else {
                tokio::time::sleep(LOOK).await;
            }
            if self.socket.exists() {
                return;
            }
        }
    }
}

fn watch(
    paths: &MachinePaths,
    changed: Arc<Notify>,
) -> Result<RecommendedWatcher, Box<dyn std::error::Error>> {
    if !cfg!(unix) {
        return Err("named pipes are in no directory".into());
    }
    private_dir(&paths.runtime)?;
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // A process that only reads the directory wakes nobody.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            changed.notify_one();
        }
    })?;
    watcher.watch(&paths.runtime, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_that_comes_is_noticed_and_another_file_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let paths = MachinePaths {
            data: directory.path().join("data"),
            runtime: directory.path().join("data/run"),
            docker_config: None,
            image: None,
        };
        private_dir(&paths.data).unwrap();
        let appearance = Appearance::of(&paths);
        assert!(appearance.watcher.is_some());
        let waiting = appearance.wait();
        tokio::pin!(waiting);
        std::fs::write(paths.runtime.join("console.log"), "x").unwrap();
        let early = tokio::time::timeout(Duration::from_millis(200), &mut waiting).await;
        assert!(early.is_err(), "it is not there yet");
        std::fs::write(paths.daemon_socket(), "").unwrap();
        tokio::time::timeout(Duration::from_secs(10), waiting)
            .await
            .expect("it is there now");
    }
}
