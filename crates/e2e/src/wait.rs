//! Waits for a state, instead of sleeping.

use std::time::{Duration, Instant};

/// Timeout for anything on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// Waits until `state` returns a value.
///
/// # Panics
/// When it does not within half a minute.
pub async fn eventually<T, F>(what: &str, state: F) -> T
where
    F: AsyncFnMut() -> Option<T>,
{
    eventually_within(PATIENCE, what, state).await
}

/// Waits until `state` returns a value.
///
/// # Panics
/// When it does not in time.
pub async fn eventually_within<T, F>(patience: Duration, what: &str, mut state: F) -> T
where
    F: AsyncFnMut() -> Option<T>,
{
    let started = Instant::now();
    loop {
        if let Some(value) = state().await {
            return value;
        }
        assert!(
            started.elapsed() < patience,
            "{what}: not within {} s",
            patience.as_secs_f32()
        );
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until `state` returns a value, for synchronous tests.
///
/// # Panics
/// When it does not within half a minute.
pub fn wait_for<T>(what: &str, mut state: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = state() {
            return value;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "{what}: not within {} s",
            PATIENCE.as_secs_f32()
        );
        std::thread::sleep(POLL);
    }
}
