//! The log of a container.

use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_util::{Stream, stream};
use http::Method;

use crate::byte_stream::ByteStream;
use crate::{Engine, EngineError, LogChunk, LogDecoder, Product, Timestamp};

/// Where to start reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tail {
    /// At the first line.
    #[default]
    All,
    /// So many lines before the end.
    Lines(u64),
}

/// Options for reading a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// Continue with new lines until the container ends or the stream is dropped.
    pub follow: bool,
    /// Where to start.
    pub tail: Tail,
    /// Only lines from this moment on.
    pub since: Option<Timestamp>,
    /// Only lines before this moment.
    pub until: Option<Timestamp>,
    /// Include the time of each line.
    pub timestamps: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// Whether the container has a terminal; if `None`, the engine is asked.
    pub tty: Option<bool>,
}

/// A log as a stream of chunks of whole lines.
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

/// Idle timeout of a log that is not followed.
const STALL: Duration = Duration::from_mins(1);

/// How long to wait for Podman to begin its answer, which it does only with the first line.
const PODMAN_PATIENCE: Duration = Duration::from_millis(250);

/// A chunk that follows the last one within this time is part of a burst.
const BURST: Duration = Duration::from_millis(3);
/// How long lines may accumulate in a burst.
const NAP: Duration = Duration::from_micros(250);

/// Lets lines accumulate during a burst.
///
/// An engine writes each line separately and wakes the reader for each, which costs both sides more than the line
/// itself. Reading accumulated lines halves our CPU time and saves nine tenths of the engine's. The pause must be short
/// enough that the engine does not block: a socket holds fewer than 300 chunks, however small.
#[derive(Default)]
struct Pace {
    last: Option<Instant>,
    burst: bool,
}

impl Pace {
    /// Records that a chunk has arrived.
    fn came(&mut self, now: Instant) {
        let burst = |last| now.duration_since(last) < BURST;
        self.burst = self.last.is_some_and(burst);
        self.last = Some(now);
    }

    fn nap(&self) {
        if self.burst {
            // The runtime's timers have millisecond resolution, so the thread sleeps instead, for about as long as it
            // then takes to decode what has accumulated.
            std::thread::sleep(NAP);
        }
    }
}

struct Reader {
    bytes: ByteStream,
    decoder: LogDecoder,
    pace: Pace,
    over: bool,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<LogChunk>, EngineError> {
        while !self.over {
            self.pace.nap();
            if let Some(bytes) = self.bytes.next().await? {
                self.decoder.push(&bytes)?;
            } else {
                self.over = true;
                self.decoder.finish()?;
            }
            self.pace.came(Instant::now());
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
            pace: Pace::default(),
            over: false,
        };
        Ok(Box::pin(stream::try_unfold(
            reader,
            |mut reader| async move { Ok(reader.next().await?.map(|chunk| (chunk, reader))) },
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_burst_is_waited_for() {
        let began = Instant::now();
        let mut pace = Pace::default();
        for (after, wanted) in [
            (0, false),
            (100, false),
            (101, true),
            (103, true),
            (110, false),
        ] {
            pace.came(began + Duration::from_millis(after));
            assert_eq!(pace.burst, wanted, "after {after} ms");
        }
    }
}
