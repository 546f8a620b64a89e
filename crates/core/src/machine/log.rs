//! The log of the machine that a window shows: one at a time.

use std::sync::Mutex;

use slipway_api::ApiError;
use slipway_api::machine::MachineLogSource;
use tokio_util::task::AbortOnDropHandle;

use crate::Slipway;

/// The open log. Dropping it closes it.
#[derive(Default)]
pub(crate) struct OpenMachineLog(Mutex<Option<AbortOnDropHandle<()>>>);

impl OpenMachineLog {
    fn set(&self, task: Option<AbortOnDropHandle<()>>) {
        *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = task;
    }
}

impl Slipway {
    /// Follows a log of the machine, replacing the one that was followed before. `tell` receives its text in chunks,
    /// `None` at the end, and returns whether anybody still listens.
    pub async fn machine_log_open(
        &self,
        source: MachineLogSource,
        tell: impl Fn(Option<String>) -> bool + Send + 'static,
    ) -> Result<(), ApiError> {
        let mut log = self.machine_log(source, true).await?;
        let task = tokio::spawn(async move {
            while let Ok(Some(text)) = log.next().await {
                if !tell(Some(text)) {
                    return;
                }
            }
            tell(None);
        });
        self.machine_log.set(Some(AbortOnDropHandle::new(task)));
        Ok(())
    }

    /// Closes it, if one is open.
    pub fn machine_log_close(&self) {
        self.machine_log.set(None);
    }
}
