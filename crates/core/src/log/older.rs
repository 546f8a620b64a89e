//! The lines before those that a log was opened with, read behind them.
//!
//! A log is opened with its newest lines, so that they show at once. What is before them comes in a request of its
//! own, oldest first, and ends where the lines that are here begin. That place is found by a line itself, its time and
//! text, rather than by asking for lines until a time: clocks are set back, and what was written to two outputs at
//! once is not in the order of its times.

use futures_util::StreamExt as _;
use slipway_engine::{Engine, EngineError, LogOptions, LogOutput, LogStream, Tail, Timestamp};

use crate::log::buffer::{LogBuffer, ORIGIN};

/// A log is opened with so many of its newest lines.
pub(crate) const NEWEST_LINES: u64 = 2_000;
/// So many lines are held at most.
const MOST_LINES: u64 = 500_000;
/// No engine cuts lines into shorter pieces; each counts as a line of those that are asked for.
const PIECE_BYTES: u64 = 4096;

/// Where the older lines are to be had.
pub(crate) trait Source: Send + Sync + 'static {
    /// So many of the newest lines that there are now, oldest first.
    fn lines(&self, tail: u64) -> impl Future<Output = Result<LogStream, EngineError>> + Send;
}

/// A container's log on an engine.
pub(crate) struct ContainerLog {
    pub(crate) engine: Engine,
    pub(crate) id: String,
    pub(crate) tty: bool,
}

impl ContainerLog {
    /// Follows the log from its newest lines on.
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

/// Older lines on their way.
pub(crate) struct OlderLines {
    stream: LogStream,
    lines: LogBuffer,
    /// The second line of those that are here. Of the first one there may be only the end: engines count the pieces
    /// of a long line as lines.
    mark: Mark,
    /// So many were asked for.
    tail: u64,
    /// So many have come.
    pub(crate) received: u64,
}

impl OlderLines {
    /// Asks for what is before the lines that are here, of which there are two or more.
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

    /// Takes in the lines that come next; `true` when they are all here.
    pub(crate) async fn read(&mut self) -> Result<bool, EngineError> {
        let Some(chunk) = self.stream.next().await else {
            // The place was not found. The log was rotated meanwhile, or the line has only its end there.
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

    /// Makes room for lines that came meanwhile.
    pub(crate) fn keep_within(&mut self, bytes: usize) {
        self.lines.keep_within(bytes);
    }

    /// Puts the lines before those in a buffer. Whether there are still older ones.
    pub(crate) fn put_before(self, newest: &mut LogBuffer) -> bool {
        let since = newest.end() - ORIGIN;
        if newest.first() == ORIGIN && self.lines.end() > ORIGIN {
            newest.drop_first();
            newest.prepend(self.lines);
        }
        newest.dropped() || self.received + since >= self.tail
    }
}

/// What has to be known of the newest lines to ask for those before.
pub(crate) struct Newest {
    mark: Mark,
    tail: u64,
    limit: usize,
}

impl Newest {
    /// `None` while there are so few lines that there are none before them.
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
        // More than can be held are not asked for, going by how long the newest lines are.
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
