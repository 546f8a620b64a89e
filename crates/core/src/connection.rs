//! The engine that use-cases talk to: followed for as long as a window is open, or connected once for a command.

use slipway_api::{ApiError, ErrorKind};
use slipway_engine::Environment;
use tokio::sync::{OnceCell, watch};

use crate::selection::{Selected, select};

/// How [`crate::Slipway`] gets its engine.
pub(crate) enum Connection {
    /// The session task keeps this up to date.
    Followed(watch::Receiver<Result<Selected, ApiError>>),
    /// Connected on first use.
    Once(Box<Once>),
}

/// An engine that is connected on first use.
pub(crate) struct Once {
    pub(crate) environment: Environment,
    /// Name or address of the engine to use.
    pub(crate) wanted: Option<String>,
    pub(crate) selected: OnceCell<Selected>,
}

impl Connection {
    /// The engine, or why there is none.
    pub(crate) async fn selected(&self) -> Result<Selected, ApiError> {
        match self {
            Self::Followed(receiver) => receiver.borrow().clone(),
            Self::Once(once) => once
                .selected
                .get_or_try_init(|| select(&once.environment, once.wanted.as_deref()))
                .await
                .cloned(),
        }
    }
}

/// The error of [`Connection::selected`] before the first search has ended.
pub(crate) fn still_searching() -> ApiError {
    ApiError {
        kind: ErrorKind::NoEngine,
        message: "Slipway is still searching for an engine".to_owned(),
        hint: Some("Try again in a moment".to_owned()),
        detail: None,
    }
}
