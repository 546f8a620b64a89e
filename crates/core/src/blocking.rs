//! Runs blocking work on the disk or the system without blocking the async runtime.

/// Runs it on the blocking thread pool.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is shutting down, and the waiting task with it.
        Err(_) => std::future::pending().await,
    }
}
