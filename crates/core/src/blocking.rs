//! Work that waits for the disk or the system, done where it holds up nobody.

/// Runs it on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is shutting down, and whoever waits goes with it.
        Err(_) => std::future::pending().await,
    }
}
