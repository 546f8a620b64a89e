//! Long operations by name, so that the caller can cancel them, and background work that outlives them.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Slipway;

/// The operations in progress. Dropping it ends their background work.
#[derive(Default)]
pub(crate) struct Operations {
    running: Mutex<HashMap<String, CancellationToken>>,
    /// Counts operations and background tasks.
    tracker: TaskTracker,
    over: CancellationToken,
}

impl Drop for Operations {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

impl Operations {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.running
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Spawns a background task of an operation that has ended. Its output is `None` if Slipway ends first.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        body: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<Option<T>> {
        let over = self.over.clone();
        self.tracker.spawn(over.run_until_cancelled_owned(body))
    }
}

/// Removes the operation's name when it ends, however it ends.
struct Registered<'a> {
    operations: &'a Operations,
    name: &'a str,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.operations.lock().remove(self.name);
    }
}

impl Slipway {
    /// Runs a future under a name that [`Self::operation_cancel`] accepts.
    pub async fn operation<F, T>(&self, name: &str, body: impl FnOnce(CancellationToken) -> F) -> T
    where
        F: Future<Output = T>,
    {
        let cancel = CancellationToken::new();
        self.operations
            .lock()
            .insert(name.to_owned(), cancel.clone());
        let _registered = Registered {
            operations: &self.operations,
            name,
        };
        self.operations.tracker.track_future(body(cancel)).await
    }

    /// Cancels an operation. It cleans up and ends by itself; an ended operation is left alone.
    pub fn operation_cancel(&self, name: &str) {
        if let Some(cancel) = self.operations.lock().get(name) {
            cancel.cancel();
        }
    }

    /// Whether work is in progress that must not simply be dropped.
    pub fn is_busy(&self) -> bool {
        !self.operations.tracker.is_empty()
    }

    /// Cancels all operations and waits for their clean-up, at most for `patience`. Returns whether that was enough.
    pub async fn end_operations(&self, patience: Duration) -> bool {
        for cancel in self.operations.lock().values() {
            cancel.cancel();
        }
        let tracker = &self.operations.tracker;
        tracker.close();
        tokio::time::timeout(patience, tracker.wait()).await.is_ok()
    }
}
