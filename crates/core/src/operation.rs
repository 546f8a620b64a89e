//! Long operations by name, so that whoever started one can cancel it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Mutex;

use tokio_util::sync::CancellationToken;

use crate::Slipway;

/// The operations that are going on.
#[derive(Default)]
pub(crate) struct Operations {
    running: Mutex<HashMap<String, CancellationToken>>,
}

impl Operations {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.running
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Forgets the operation when it ends, however it ends.
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
    /// Runs something under a name by which [`Self::operation_cancel`] finds it.
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
        body(cancel).await
    }

    /// Cancels an operation. It ends by itself, with its own clean-up; one that has ended is left alone.
    pub fn operation_cancel(&self, name: &str) {
        if let Some(cancel) = self.operations.lock().get(name) {
            cancel.cancel();
        }
    }
}
