//! A log handed on as the engine sends it, for a caller that keeps nothing of it.

use futures_util::StreamExt as _;
use slipway_api::ApiError;
use slipway_engine::{LogChunk, LogOptions, Tail, Timestamp};

use crate::Slipway;
use crate::error::api_error;

/// What to read of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFollow {
    /// Go on with new lines until the container ends.
    pub follow: bool,
    /// Begin so many lines before the end; at the first line when absent.
    pub tail: Option<u64>,
    /// Only lines from this moment on.
    pub since: Option<Timestamp>,
    /// Only lines before this moment.
    pub until: Option<Timestamp>,
    /// Ask for the time of each line.
    pub timestamps: bool,
}

impl Slipway {
    /// Reads the log of a container (id or name) and calls `each` with its lines, in order, until the log ends or
    /// `each` says false.
    pub async fn log_follow(
        &self,
        id: &str,
        what: &LogFollow,
        mut each: impl FnMut(&LogChunk) -> bool,
    ) -> Result<(), ApiError> {
        let engine = self.selected().await?.engine;
        let options = LogOptions {
            follow: what.follow,
            tail: what.tail.map_or(Tail::All, Tail::Lines),
            since: what.since,
            until: what.until,
            timestamps: what.timestamps,
            stdout: true,
            stderr: true,
            tty: None,
        };
        let mut stream = engine
            .logs(id, &options)
            .await
            .map_err(|error| api_error(&error))?;
        while let Some(chunk) = stream.next().await {
            if !each(&chunk.map_err(|error| api_error(&error))?) {
                break;
            }
        }
        Ok(())
    }
}
