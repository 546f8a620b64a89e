//! The log of a container, as it was and as it grows.

use std::pin::Pin;

use futures_util::Stream;

use crate::{Engine, EngineError, LogChunk, Timestamp};

/// Where to begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tail {
    /// At the first line.
    #[default]
    All,
    /// So many lines before the end.
    Lines(u64),
}

/// What to read of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// Go on with new lines until the container ends or the stream is dropped.
    pub follow: bool,
    /// Where to begin.
    pub tail: Tail,
    /// Only lines from this moment on.
    pub since: Option<Timestamp>,
    /// Only lines before this moment.
    pub until: Option<Timestamp>,
    /// Ask for the time of each line.
    pub timestamps: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// Whether the container has a terminal; asked from the engine if `None`.
    pub tty: Option<bool>,
}

/// A log as it comes, in chunks of whole lines.
pub type LogStream = Pin<Box<dyn Stream<Item = Result<LogChunk, EngineError>> + Send>>;

impl Engine {
    /// Reads the log of a container. Dropping the stream ends the request.
    pub async fn logs(&self, id: &str, options: &LogOptions) -> Result<LogStream, EngineError> {
        let _ = (id, options);
        todo!()
    }
}
