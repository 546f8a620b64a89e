//! The thread that reads open logs.
//!
//! Chunks as small as a single line are read best by one thread that does nothing else: it has no work to hand over,
//! and a pause in which lines accumulate delays nothing else.

use std::io;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

/// Dropping this ends the thread and its tasks.
pub(crate) struct LogThread {
    runtime: Handle,
    _stop: oneshot::Sender<()>,
}

impl LogThread {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        std::thread::Builder::new()
            .name("logs".to_owned())
            .spawn(move || {
                // An error means that the other end was dropped.
                let _ = runtime.block_on(stopped);
            })?;
        Ok(Self {
            runtime: handle,
            _stop: stop,
        })
    }

    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> AbortOnDropHandle<T> {
        AbortOnDropHandle::new(self.runtime.spawn(task))
    }
}
