//! Ctrl-C.

use slipway_api::{ApiError, ErrorKind};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

/// A token that the first Ctrl-C or SIGTERM cancels. The second one ends the process at once, without any clean-up.
pub(crate) fn cancels() -> CancellationToken {
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        asked_to_end().await;
        cancel.cancel();
        asked_to_end().await;
        std::process::exit(Exit::Cancelled.code().into());
    });
    token
}

/// Resolves at the next Ctrl-C or SIGTERM.
#[cfg(unix)]
pub(crate) async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    // Without a handler, the signal's default action ends the process.
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Resolves at the next Ctrl-C.
#[cfg(not(unix))]
pub(crate) async fn asked_to_end() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// The outcome of an operation that Ctrl-C cancelled.
pub(crate) fn cancelled() -> ApiError {
    ApiError {
        kind: ErrorKind::Cancelled,
        message: "Cancelled".to_owned(),
        hint: None,
        detail: None,
    }
}
