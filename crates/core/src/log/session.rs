//! Open logs: one task follows each, its lines are held here, and the window is told how many there are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use regex::bytes::{Regex, RegexBuilder};
use slipway_api::ApiError;
use slipway_api::log::{LogExtent, LogMatches, LogQuery, LogRow, LogSpan};
use slipway_engine::{LogOptions, LogOutput, LogStream, Tail};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::Slipway;
use crate::error::{api_error, invalid, not_found};
use crate::log::ansi;
use crate::log::buffer::{Block, LogBuffer};

/// Memory for the lines of one open log.
const LIMIT_BYTES: usize = 64 << 20;
/// So many of the newest lines are asked for. More would not fit.
const TAIL_LINES: u64 = 500_000;
/// A window has one or two open; the oldest beyond this was forgotten by it.
const MAX_SESSIONS: usize = 8;
/// The extent is told at most once a frame.
const FRAME: Duration = Duration::from_millis(33);
/// In a flood it is told less often: nobody reads that fast, and drawing is most of what a flood costs.
const FRAME_OF_FLOOD: Duration = Duration::from_millis(100);
/// So many new lines at once are a flood: more than a window shows.
const FLOOD_LINES: u64 = 100;
/// A log that is read from the disk comes faster than any container writes.
const FRAME_OF_BACKLOG: Duration = Duration::from_millis(250);
const BACKLOG_LINES: u64 = 10_000;
/// More of a line than this is not shown in a row.
const MAX_ROW_BYTES: usize = 16 << 10;
/// No window shows more rows.
const MAX_ROWS: u32 = 2_000;
/// More matches than this are of no use to a person.
const MAX_MATCHES: usize = 20_000;
/// A selection larger than this belongs into a file.
const MAX_TEXT_BYTES: usize = 16 << 20;

/// The open logs of a window.
#[derive(Default)]
pub(crate) struct LogSessions {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u32,
    sessions: BTreeMap<u32, LogSession>,
}

struct LogSession {
    buffer: Arc<Mutex<LogBuffer>>,
    task: AbortHandle,
}

impl Drop for LogSession {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LogSessions {
    fn buffer(&self, session: u32) -> Result<Arc<Mutex<LogBuffer>>, ApiError> {
        lock(&self.inner)
            .sessions
            .get(&session)
            .map(|session| Arc::clone(&session.buffer))
            .ok_or_else(|| not_found("This log view"))
    }
}

impl Slipway {
    /// Opens a container's log and follows it. `extent` is told when lines came, at most once a frame, until it says
    /// false or the log is closed.
    pub async fn log_open(
        &self,
        id: &str,
        extent: impl Fn(LogExtent) -> bool + Send + 'static,
    ) -> Result<u32, ApiError> {
        let engine = self.selected().await?.engine;
        let options = LogOptions {
            follow: true,
            tail: Tail::Lines(TAIL_LINES),
            since: None,
            until: None,
            timestamps: true,
            stdout: true,
            stderr: true,
            tty: None,
        };
        let stream = engine
            .logs(id, &options)
            .await
            .map_err(|error| api_error(&error))?;
        let buffer = Arc::new(Mutex::new(LogBuffer::new(LIMIT_BYTES)));
        let task = tokio::spawn(follow(stream, Arc::clone(&buffer), extent)).abort_handle();
        let mut inner = lock(&self.logs.inner);
        inner.last = inner.last.wrapping_add(1);
        let session = inner.last;
        inner.sessions.insert(session, LogSession { buffer, task });
        while inner.sessions.len() > MAX_SESSIONS {
            inner.sessions.pop_first();
        }
        Ok(session)
    }

    /// Rows from `first` on, as many of `count` as are held.
    pub fn log_rows(&self, session: u32, first: u64, count: u32) -> Result<Vec<LogRow>, ApiError> {
        let buffer = self.logs.buffer(session)?;
        let mut rows = Vec::new();
        lock(&buffer).lines(first, count.min(MAX_ROWS).into(), |number, line, text| {
            rows.push(LogRow {
                line: number,
                at: line.timestamp.map(|at| at.to_string()),
                stderr: line.output == LogOutput::Stderr,
                spans: row_spans(text),
                partial: line.partial,
            });
        });
        Ok(rows)
    }

    /// Where a query matches among the lines held. Runs beside the log, on another thread.
    pub async fn log_search(&self, session: u32, query: LogQuery) -> Result<LogMatches, ApiError> {
        let blocks = lock(&*self.logs.buffer(session)?).blocks();
        if query.text.is_empty() {
            return Ok(LogMatches {
                lines: Vec::new(),
                total: 0,
            });
        }
        let pattern = if query.regex {
            query.text.clone()
        } else {
            regex::escape(&query.text)
        };
        let regex = RegexBuilder::new(&pattern)
            .case_insensitive(!query.match_case)
            .size_limit(4 << 20)
            .build()
            .map_err(|error| {
                let reason = error.to_string();
                let last = reason.lines().last().unwrap_or_default();
                invalid(
                    format!("This is no regular expression: {last}"),
                    Some(
                        "Turn off regular expressions to search for the words as they are"
                            .to_owned(),
                    ),
                )
            })?;
        tokio::task::spawn_blocking(move || search(&blocks, &regex))
            .await
            .map_err(|_| not_found("This log view"))
    }

    /// Plain text of lines `first..end`, for the clipboard.
    pub fn log_text(
        &self,
        session: u32,
        first: u64,
        end: u64,
        timestamps: bool,
    ) -> Result<String, ApiError> {
        let buffer = self.logs.buffer(session)?;
        let mut text = String::new();
        let mut continues = false;
        lock(&buffer).lines(first, end.saturating_sub(first), |_, line, bytes| {
            if text.len() > MAX_TEXT_BYTES {
                return;
            }
            if let Some(at) = line.timestamp.filter(|_| timestamps && !continues) {
                // Writing to a String does not fail.
                let _ = write!(text, "{at} ");
            }
            continues = line.partial;
            text.push_str(&String::from_utf8_lossy(&ansi::without_escapes(bytes)));
            if !line.partial {
                text.push('\n');
            }
        });
        if text.len() > MAX_TEXT_BYTES {
            return Err(invalid(
                "This is too much for the clipboard",
                Some("Save the log to a file instead".to_owned()),
            ));
        }
        Ok(text)
    }

    /// Closes a log.
    pub fn log_close(&self, session: u32) {
        lock(&self.logs.inner).sessions.remove(&session);
    }
}

async fn follow(
    mut stream: LogStream,
    buffer: Arc<Mutex<LogBuffer>>,
    tell: impl Fn(LogExtent) -> bool,
) {
    let mut rate = Rate::new();
    let mut told: Option<LogExtent> = None;
    let mut error = None;
    let mut following = true;
    // When the next extent is due; `None` while there is nothing to tell, so that a quiet log costs nothing.
    let mut due = Some(Instant::now());
    let mut next = Instant::now();
    loop {
        if following {
            tokio::select! {
                biased;
                () = sleep_until(due.unwrap_or(next)), if due.is_some() => {}
                chunk = stream.next() => {
                    match chunk {
                        Some(Ok(chunk)) => {
                            lock(&buffer).append(chunk);
                            due = Some(next);
                        }
                        Some(Err(broken)) => {
                            error = Some(api_error(&broken));
                            following = false;
                        }
                        None => following = false,
                    }
                    if following {
                        continue;
                    }
                }
            }
        }
        let (first, end) = {
            let buffer = lock(&buffer);
            (buffer.first(), buffer.end())
        };
        let extent = LogExtent {
            first,
            end,
            lines_per_second: if following { rate.at(end) } else { 0 },
            following,
            error: error.clone(),
        };
        let before = told.as_ref().map_or(0, |told| told.end);
        let pause = match end - before {
            lines if lines > BACKLOG_LINES => FRAME_OF_BACKLOG,
            lines if lines > FLOOD_LINES => FRAME_OF_FLOOD,
            _ => FRAME,
        };
        next = Instant::now() + pause;
        // Lines that stopped coming leave a rate that has to fall.
        due = (extent.lines_per_second > 0).then(|| rate.next());
        if told.as_ref() != Some(&extent) {
            if !tell(extent.clone()) {
                return;
            }
            told = Some(extent);
        }
        if !following {
            return;
        }
    }
}

/// The text of a row. A line without an end in sight is cut: nobody reads it in a row, and the page has to hold it.
fn row_spans(text: &[u8]) -> Vec<LogSpan> {
    let Some(head) = text.get(..MAX_ROW_BYTES) else {
        return ansi::spans(text);
    };
    let mut spans = ansi::spans(head);
    spans.push(LogSpan {
        text: format!(" … {} more bytes; Save has them", text.len() - head.len()),
        fg: None,
        bg: None,
        bold: false,
        dim: true,
        italic: true,
        underline: false,
    });
    spans
}

/// Lines per second over about the last second.
struct Rate {
    since: Instant,
    from: u64,
    last: u32,
}

impl Rate {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            from: 0,
            last: 0,
        }
    }

    fn at(&mut self, end: u64) -> u32 {
        let elapsed = self.since.elapsed();
        if elapsed >= Duration::from_secs(1) {
            let lines = u128::from(end - self.from) * 1000 / elapsed.as_millis().max(1);
            self.last = u32::try_from(lines).unwrap_or(u32::MAX);
            self.since = Instant::now();
            self.from = end;
        }
        self.last
    }

    /// When it is another one if nothing more comes.
    fn next(&self) -> Instant {
        self.since + Duration::from_secs(1)
    }
}

fn search(blocks: &[Block], regex: &Regex) -> LogMatches {
    let mut lines = Vec::new();
    let mut total = 0_u32;
    // From the newest on, so that the ones kept are the newest.
    for block in blocks.iter().rev() {
        for (offset, line) in block.chunk.lines.iter().enumerate().rev() {
            if regex.is_match(&ansi::without_escapes(block.chunk.line(line))) {
                total = total.saturating_add(1);
                if lines.len() < MAX_MATCHES {
                    lines.push(block.first + offset as u64);
                }
            }
        }
    }
    lines.reverse();
    LogMatches { lines, total }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use slipway_engine::{LineRef, LogChunk};

    use super::*;

    fn chunk(lines: usize) -> LogChunk {
        let line = LineRef {
            start: 0,
            len: 0,
            output: LogOutput::Stdout,
            timestamp: None,
            partial: false,
        };
        LogChunk {
            bytes: Vec::new(),
            lines: vec![line; lines],
        }
    }

    /// What is told of chunks that come 10 ms apart, and of the quiet after them.
    async fn told(chunks: usize, lines: usize, quiet: Duration) -> Vec<LogExtent> {
        let stream = stream::unfold(0, move |number| async move {
            let pause = if number < chunks {
                Duration::from_millis(10)
            } else {
                quiet
            };
            tokio::time::sleep(pause).await;
            (number < chunks).then(|| (Ok(chunk(lines)), number + 1))
        });
        let told = Arc::new(Mutex::new(Vec::new()));
        let buffer = Arc::new(Mutex::new(LogBuffer::new(LIMIT_BYTES)));
        let tell = {
            let told = Arc::clone(&told);
            move |extent| {
                lock(&told).push(extent);
                true
            }
        };
        follow(Box::pin(stream), buffer, tell).await;
        let told = lock(&told);
        told.clone()
    }

    #[tokio::test]
    async fn a_flood_is_told_ten_times_a_second() {
        let told = told(50, 200, Duration::ZERO).await;
        // Half a second or more, and at once at its beginning and its end.
        assert!(told.len() <= 20, "{} times", told.len());
        let last = told.last().expect("the end is told");
        assert_eq!((last.end, last.following), (10_000, false));
    }

    #[tokio::test]
    async fn lines_are_told_at_once_and_quiet_is_not_told() {
        let told = told(1, 3, Duration::from_millis(400)).await;
        let ends: Vec<(u64, bool)> = told.iter().map(|it| (it.end, it.following)).collect();
        assert_eq!(ends, [(0, true), (3, true), (3, false)]);
    }
}
