//! Converts every failure into an [`ApiError`]; the only such conversion.

use std::error::Error;

use slipway_api::{ApiError, ErrorKind};
use slipway_catalog::ImageReferenceError;
use slipway_engine::{EndpointSource, EngineError};

/// An engine error as message, hint and causes.
pub fn api_error(error: &EngineError) -> ApiError {
    let kind = match error {
        EngineError::InvalidAddress { .. }
        | EngineError::InvalidConfiguration { .. }
        | EngineError::NoSocket { .. }
        | EngineError::NotListening { .. }
        | EngineError::NameResolution { .. }
        | EngineError::Tls { .. }
        | EngineError::Ssh { .. }
        | EngineError::Unreachable { .. }
        | EngineError::NotAnEngine { .. }
        | EngineError::TooOld { .. } => ErrorKind::NoEngine,
        EngineError::PermissionDenied { .. } => ErrorKind::PermissionDenied,
        EngineError::NotResponding { .. } => ErrorKind::NotResponding,
        EngineError::Stalled { .. }
        | EngineError::CutOff { .. }
        | EngineError::RateLimited { .. }
        | EngineError::RegistryUnreachable { .. } => ErrorKind::Network,
        EngineError::NotFound { .. } => ErrorKind::NotFound,
        EngineError::ImageNotFound { .. } => ErrorKind::ImageNotFound,
        EngineError::NameTaken { .. } => ErrorKind::NameTaken,
        EngineError::InUse { .. } | EngineError::Conflict { .. } => ErrorKind::Conflict,
        EngineError::PortTaken { .. } => ErrorKind::PortTaken,
        EngineError::WrongArchitecture { .. } => ErrorKind::WrongArchitecture,
        EngineError::Unauthorized { .. } => ErrorKind::Unauthorized,
        EngineError::NoSpace { .. } => ErrorKind::NoSpace,
        EngineError::InvalidRequest { .. } => ErrorKind::InvalidInput,
        EngineError::Protocol { .. }
        | EngineError::TooLarge { .. }
        | EngineError::Engine { .. } => ErrorKind::Other,
    };
    ApiError {
        kind,
        message: error.to_string(),
        hint: error.hint(),
        detail: detail(error),
    }
}

/// The engine's raw text and the causes, one a line.
fn detail(error: &EngineError) -> Option<String> {
    match (error.raw(), cause_chain(error)) {
        (Some(raw), Some(causes)) => Some(format!("{raw}\n{causes}")),
        (Some(raw), None) => Some(raw.to_owned()),
        (None, causes) => causes,
    }
}

/// Why an endpoint cannot be used. If it is the machine's and nothing listens there, the machine is not running and can
/// be started.
pub(crate) fn endpoint_error(source: &EndpointSource, error: &EngineError) -> ApiError {
    match (source, error) {
        (
            EndpointSource::Machine,
            EngineError::NoSocket { .. } | EngineError::NotListening { .. },
        ) => machine_not_running(),
        _ => api_error(error),
    }
}

/// The machine is selected and not running.
pub(crate) fn machine_not_running() -> ApiError {
    ApiError {
        kind: ErrorKind::NoEngine,
        message: "Slipway's machine is not running".to_owned(),
        hint: Some("Start it with `slipway machine start`".to_owned()),
        detail: None,
    }
}

/// The machine's engine would be selected, and the machine or its engine is starting.
pub(crate) fn machine_starting() -> ApiError {
    ApiError {
        kind: ErrorKind::NoEngine,
        message: "Slipway's machine is starting: it takes some seconds".to_owned(),
        hint: Some("Try again in a moment; `slipway machine start` waits for it".to_owned()),
        detail: None,
    }
}

/// The machine's engine is selected, and the machine is stopping.
pub(crate) fn machine_stopping() -> ApiError {
    ApiError {
        kind: ErrorKind::NoEngine,
        message: "Slipway's machine is stopping".to_owned(),
        hint: Some(
            "Wait until it has stopped, then start it with `slipway machine start`. `slipway machine stop --now` powers it off without waiting"
                .to_owned(),
        ),
        detail: None,
    }
}

/// Input that is not an image reference.
pub(crate) fn reference_error(error: &ImageReferenceError) -> ApiError {
    invalid(error.to_string(), error.hint())
}

/// Input that is invalid.
pub(crate) fn invalid(message: impl Into<String>, hint: Option<String>) -> ApiError {
    ApiError {
        kind: ErrorKind::InvalidInput,
        message: message.into(),
        hint,
        detail: None,
    }
}

/// The outcome of a cancelled operation.
pub(crate) fn cancelled() -> ApiError {
    ApiError {
        kind: ErrorKind::Cancelled,
        message: "Cancelled".to_owned(),
        hint: None,
        detail: None,
    }
}

/// A thing that does not exist.
pub(crate) fn not_found(what: &str) -> ApiError {
    ApiError {
        kind: ErrorKind::NotFound,
        message: format!("{what} does not exist"),
        hint: None,
        detail: None,
    }
}

/// A failure to read or write a file of Slipway's or of the user's.
pub(crate) fn file_error(doing: &str, path: &std::path::Path, source: &std::io::Error) -> ApiError {
    use std::io::ErrorKind as Io;
    let (kind, hint) = match source.kind() {
        Io::PermissionDenied => (
            ErrorKind::PermissionDenied,
            Some("Choose a folder that you may write to".to_owned()),
        ),
        Io::StorageFull | Io::QuotaExceeded => (
            ErrorKind::NoSpace,
            Some("Free some disk space, or choose another disk".to_owned()),
        ),
        _ => (ErrorKind::Other, None),
    };
    ApiError {
        kind,
        message: format!("{doing} {} failed: {source}", path.display()),
        hint,
        detail: None,
    }
}

/// The causes of an error, one a line, without the outermost error. `None` if it has none.
fn cause_chain(error: &dyn Error) -> Option<String> {
    let mut lines = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        let line = cause.to_string();
        if lines.last() != Some(&line) {
            lines.push(line);
        }
        source = cause.source();
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}
