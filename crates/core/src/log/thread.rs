//! The thread that reads open logs.
//!
//! What comes in pieces as small as a line is read best by one thread that does nothing else: it has nobody to hand
//! work to, and a pause in which lines gather holds up nobody.

use std::io;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

/// Ends, with all that it does, when this is dropped.
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
                // An error is the other end being dropped.
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
