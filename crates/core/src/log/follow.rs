//! Passes a log on as the engine sends it, for a caller that needs no history.

use futures_util::StreamExt as _;
use slipway_api::ApiError;
use slipway_engine::{LogChunk, LogOptions};

use crate::Slipway;
use crate::error::api_error;

impl Slipway {
    /// Reads the log of a container (id or name) and calls `each` with its lines, in order, until the log ends or
    /// `each` returns false.
    pub async fn log_follow(
        &self,
        id: &str,
        what: &LogOptions,
        mut each: impl FnMut(&LogChunk) -> bool,
    ) -> Result<(), ApiError> {
        let engine = self.selected().await?.engine;
        let mut stream = engine
            .logs(id, what)
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
