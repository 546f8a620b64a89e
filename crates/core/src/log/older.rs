//! Backfill: reads the lines before those that a log was opened with.
//!
//! A log is opened with its newest lines, so that they show at once. Older lines come in a second request, oldest
//! first, up to where the held lines begin. That position is found by comparing a line's time and text instead of
//! requesting lines up to a time: clocks can be set back, and lines of the two outputs are not ordered by time.

use futures_util::StreamExt as _;
use slipway_engine::{Engine, EngineError, LogOptions, LogOutput, LogStream, Tail, Timestamp};

use crate::log::buffer::{LogBuffer, ORIGIN};

/// Number of lines that a log is opened with.
pub(crate) const NEWEST_LINES: u64 = 2_000;
/// Limit of lines held.
const MOST_LINES: u64 = 500_000;
/// The shortest piece into which engines split lines; each piece counts as one requested line.
const PIECE_BYTES: u64 = 4096;

/// Source of the older lines.
pub(crate) trait Source: Send + Sync + 'static {
    /// The newest `n` lines at the time of the call, oldest first.
    fn lines(&self, tail: u64) -> impl Future<Output = Result<LogStream, EngineError>> + Send;
}

/// A container's log on an engine.
pub(crate) struct ContainerLog {
    pub(crate) engine: Engine,
    pub(crate) id: String,
    pub(crate) tty: bool,
}

impl ContainerLog {
    /// Follows the log, beginning with its newest lines.
    pub(crate) async fn follow(&self) -> Result<LogStream, EngineError> {
        self.read(true, NEWEST_LINES).await
    }

    async fn read(&self, follow: bool, tail: u64) -> Result<LogStream, EngineError> {
        let options = LogOptions {
            follow,
            tail: Tail::Lines(tail),
            tty: Some(self.tty),
            ..LogOptions::default()
        };
        self.engine.logs(&self.id, &options).await
    }
}

impl Source for ContainerLog {
    async fn lines(&self, tail: u64) -> Result<LogStream, EngineError> {
        self.read(false, tail).await
    }
}

/// A line that is in both requests.
#[derive(PartialEq, Eq)]
struct Mark {
    at: Option<Timestamp>,
    output: LogOutput,
    text: Vec<u8>,
}

/// A backfill in progress.
pub(crate) struct OlderLines {
    stream: LogStream,
    lines: LogBuffer,
    /// The second of the held lines. The first may be only the end of a line, because engines count the pieces of a
    /// long line as lines.
    mark: Mark,
    /// Number of lines requested.
    tail: u64,
    /// Number of lines received.
    pub(crate) received: u64,
}

impl OlderLines {
    /// Requests the lines before the held ones, of which there must be at least two.
    pub(crate) async fn before(newest: Newest, source: &impl Source) -> Result<Self, EngineError> {
        let stream = source.lines(newest.tail).await?;
        Ok(Self {
            stream,
            lines: LogBuffer::new(newest.limit),
            mark: newest.mark,
            tail: newest.tail,
            received: 0,
        })
    }

    /// Adds received lines; returns `true` once the backfill is complete.
    pub(crate) async fn read(&mut self) -> Result<bool, EngineError> {
        let Some(chunk) = self.stream.next().await else {
            // The position was not found: the log was rotated meanwhile, or it contains only the end of that line.
            let at = self.mark.at;
            self.lines
                .drop_last_while(|line| at.is_none() || line.timestamp >= at);
            return Ok(true);
        };
        let mut chunk = chunk?;
        let mark = chunk.lines.iter().position(|line| {
            line.timestamp == self.mark.at
                && line.output == self.mark.output
                && chunk.line(line) == self.mark.text
        });
        if let Some(place) = mark {
            chunk.lines.truncate(place);
        }
        self.received += chunk.lines.len() as u64;
        self.lines.append(chunk);
        Ok(mark.is_some())
    }

    /// Makes room for new lines that arrived meanwhile.
    pub(crate) fn keep_within(&mut self, bytes: usize) {
        self.lines.keep_within(bytes);
    }

    /// Prepends the lines to a buffer. Returns whether there are still older ones.
    pub(crate) fn put_before(self, newest: &mut LogBuffer) -> bool {
        let since = newest.end() - ORIGIN;
        if newest.first() == ORIGIN && self.lines.end() > ORIGIN {
            newest.drop_first();
            newest.prepend(self.lines);
        }
        newest.dropped() || self.received + since >= self.tail
    }
}

/// The facts about the newest lines that a request for older ones needs.
pub(crate) struct Newest {
    mark: Mark,
    tail: u64,
    limit: usize,
}

impl Newest {
    /// `None` if there are so few lines that none can precede them.
    pub(crate) fn of(lines: &LogBuffer, limit: usize) -> Option<Self> {
        let (count, bytes) = (lines.end() - ORIGIN, lines.bytes() as u64);
        if count + bytes / PIECE_BYTES < NEWEST_LINES || lines.first() != ORIGIN {
            return None;
        }
        let mut mark = None;
        lines.lines(ORIGIN + 1, 1, |_, line, text| {
            mark = Some(Mark {
                at: line.timestamp,
                output: line.output,
                text: text.to_vec(),
            });
        });
        // No more are requested than can be held, estimated from the length of the newest lines.
        let usual = (bytes / count).max(1);
        Some(Self {
            mark: mark?,
            tail: NEWEST_LINES + MOST_LINES.min(limit as u64 / usual),
            limit,
        })
    }
}

/// The lines of a chunk, for tests.
#[cfg(test)]
pub(crate) fn chunk_of(lines: &[(i64, String)]) -> slipway_engine::LogChunk {
    let mut chunk = slipway_engine::LogChunk::default();
    for (at, text) in lines {
        chunk.lines.push(slipway_engine::LineRef {
            start: u32::try_from(chunk.bytes.len()).expect("small"),
            len: u32::try_from(text.len()).expect("small"),
            output: LogOutput::Stdout,
            timestamp: Some(Timestamp::from_unix_nanos(*at)),
            partial: false,
        });
        chunk.bytes.extend_from_slice(text.as_bytes());
    }
    chunk
}
