//! The log of a container, as it was and as it grows.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, stream};
use http::Method;

use crate::byte_stream::ByteStream;
use crate::{Engine, EngineError, LogChunk, LogDecoder, Product, Timestamp};

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

impl Default for LogOptions {
    /// All lines so far with their times, of both outputs.
    fn default() -> Self {
        Self {
            follow: false,
            tail: Tail::All,
            since: None,
            until: None,
            timestamps: true,
            stdout: true,
            stderr: true,
            tty: None,
        }
    }
}

const WHAT: &str = "the log";

/// How long nothing may come of a log that is not followed.
const STALL: Duration = Duration::from_mins(1);

/// How long we wait for Podman to begin its answer. It does so only with the first line.
const PODMAN_PATIENCE: Duration = Duration::from_millis(250);

struct Reader {
    bytes: ByteStream,
    decoder: LogDecoder,
    over: bool,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<LogChunk>, EngineError> {
        while !self.over {
            if let Some(bytes) = self.bytes.next().await? {
                self.decoder.push(&bytes)?;
            } else {
                self.over = true;
                self.decoder.finish()?;
            }
            if let Some(chunk) = self.decoder.take() {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }
}

impl Engine {
    /// Reads the log of a container. Dropping the stream ends the request.
    pub async fn logs(&self, id: &str, options: &LogOptions) -> Result<LogStream, EngineError> {
        let tty = match options.tty {
            Some(tty) => tty,
            None => self.inspect_container(id).await?.tty,
        };
        let flag = |on: bool| if on { "1" } else { "0" };
        let mut call = self
            .container_call(Method::GET, id, "logs")
            .query("follow", flag(options.follow))
            .query("stdout", flag(options.stdout))
            .query("stderr", flag(options.stderr))
            .query("timestamps", flag(options.timestamps));
        call = match options.tail {
            Tail::All => call.query("tail", "all"),
            Tail::Lines(count) => call.query("tail", &count.to_string()),
        };
        if let Some(since) = options.since {
            call = call.query("since", &since.as_parameter());
        }
        if let Some(until) = options.until {
            call = call.query("until", &until.as_parameter());
        }
        let mut bytes = match self.info().product {
            Product::Docker => call.stream(WHAT).await?,
            Product::Podman => call.stream_late(WHAT, PODMAN_PATIENCE).await?,
        };
        if !options.follow {
            bytes.watch(STALL);
        }
        let reader = Reader {
            bytes,
            decoder: LogDecoder::new(tty, options.timestamps),
            over: false,
        };
        Ok(Box::pin(stream::try_unfold(
            reader,
            |mut reader| async move { Ok(reader.next().await?.map(|chunk| (chunk, reader))) },
        )))
    }
}
