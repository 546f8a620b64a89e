//! Errors as they are shown to a person.

use serde::{Deserialize, Serialize};
use specta::Type;

/// An error as it is shown: what happened, what to try, and the cause chain for "Copy details".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// What the window branches on, and nothing else.
    pub kind: ErrorKind,
    /// What happened, as one sentence without a full stop: "Port 8080 is in use by `web`".
    pub message: String,
    /// What to try next, as one sentence.
    pub hint: Option<String>,
    /// The cause chain, one cause a line. Never holds a secret.
    pub detail: Option<String>,
}

/// A kind exists only where a caller behaves differently for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// No engine is selected or reachable (exit code 3 of the `slipway` command).
    NoEngine,
    /// The engine accepted the connection but does not answer in time.
    NotResponding,
    /// The operating system refuses access to the engine's socket.
    PermissionDenied,
    /// The container, image or entry does not exist (any more).
    NotFound,
    /// Another container has this name.
    NameTaken,
    /// Another container or process holds the wanted port.
    PortTaken,
    /// The registry has no such image or tag.
    ImageNotFound,
    /// The registry wants a login or refuses this one.
    Unauthorized,
    /// The image does not exist for the engine's architecture.
    WrongArchitecture,
    /// What was typed cannot be used as it is.
    InvalidInput,
    /// The thing is in use, or its state does not allow the action.
    Conflict,
    /// A disk is full.
    NoSpace,
    /// The network or the registry failed in the middle.
    Network,
    /// The container was started and ended by itself.
    ContainerFailed,
    /// The person cancelled. An outcome rather than a failure: never shown as an error.
    Cancelled,
    /// Everything else.
    Other,
}
