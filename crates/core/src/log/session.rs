//! The open logs of a window: one task reads each log, its lines are held here, and the window receives only the
//! extent.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use slipway_api::log::{LogExtent, LogMatches, LogQuery, LogRow, LogSpan};
use slipway_api::{ApiError, ErrorKind};
use slipway_engine::{LineRef, LogOutput};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use crate::Slipway;
use crate::error::{api_error, invalid};
use crate::log::matching::{MatchingLines, MatchingSession};
use crate::log::older::ContainerLog;
use crate::log::reader::{Listener, OpenLog, lock};
use crate::log::thread::LogThread;
use crate::log::{ansi, search};

/// Limit of open logs. A window has one or two open, so the oldest beyond this is a leak of the page.
const MAX_SESSIONS: usize = 8;
/// A closed log is still read for this long, for users who switch tabs and come back.
const REST: Duration = Duration::from_secs(10);
/// Limit of a line's length in a row.
const MAX_ROW_BYTES: usize = 16 << 10;
/// Limit of rows in one request; no window shows more.
const MAX_ROWS: u32 = 2_000;
/// Limit of a selection; a larger one should be saved to a file.
const MAX_TEXT_BYTES: usize = 16 << 20;

/// The open logs of a window.
#[derive(Default)]
pub(crate) struct LogSessions {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    last: u32,
    sessions: BTreeMap<u32, LogSession>,
    /// Views of the matching lines of a session in `sessions`, keyed by their own ids.
    matching: BTreeMap<u32, MatchingSession>,
    resting: Option<Resting>,
    thread: Option<LogThread>,
}

struct LogSession {
    /// Full id of the container.
    container: String,
    log: Arc<OpenLog>,
    _reader: AbortOnDropHandle<()>,
}

/// The log that was closed last.
struct Resting {
    session: LogSession,
    _until: AbortOnDropHandle<()>,
}

impl Drop for LogSession {
    fn drop(&mut self) {
        self.log.rest();
    }
}

impl Inner {
    fn thread(&mut self) -> Result<&LogThread, ApiError> {
        Ok(match self.thread.take() {
            Some(thread) => self.thread.insert(thread),
            None => self
                .thread
                .insert(LogThread::start().map_err(|error| no_thread(&error))?),
        })
    }

    fn add_matching(&mut self, session: MatchingSession) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.matching.insert(self.last, session);
        while self.matching.len() > MAX_SESSIONS {
            self.matching.pop_first();
        }
        self.last
    }

    fn add(&mut self, session: LogSession) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.sessions.insert(self.last, session);
        while self.sessions.len() > MAX_SESSIONS {
            self.sessions.pop_first();
        }
        self.last
    }
}

impl LogSessions {
    fn log(&self, session: u32) -> Result<Arc<OpenLog>, ApiError> {
        lock(&self.inner)
            .sessions
            .get(&session)
            .map(|session| Arc::clone(&session.log))
            .ok_or_else(closed)
    }

    /// The lines that a session shows.
    fn shown(&self, session: u32) -> Result<ShownLines, ApiError> {
        if let Some(matching) = lock(&self.inner).matching.get(&session) {
            return Ok(ShownLines::Matching(matching.lines()));
        }
        self.log(session).map(ShownLines::All)
    }

    /// The log that was closed last, if it is this container's and still being read.
    fn wake(&self, container: &str, extent: Listener) -> Result<u32, Listener> {
        let mut inner = lock(&self.inner);
        let fits = |resting: &mut Resting| {
            resting.session.container == container && resting.session.log.is_sound()
        };
        match inner.resting.take_if(fits) {
            Some(Resting { session, .. }) => {
                session.log.listen(extent);
                Ok(inner.add(session))
            }
            None => Err(extent),
        }
    }

    fn rest(&self, session: u32) {
        let mut inner = lock(&self.inner);
        inner.matching.remove(&session);
        let Some(session) = inner.sessions.remove(&session) else {
            return;
        };
        inner
            .matching
            .retain(|_, matching| !Arc::ptr_eq(&matching.log, &session.log));
        session.log.rest();
        if !session.log.is_sound() {
            return;
        }
        let log = Arc::downgrade(&session.log);
        let sessions = Arc::downgrade(&self.inner);
        let until = tokio::spawn(async move {
            tokio::time::sleep(REST).await;
            end_rest(&sessions, &log);
        });
        inner.resting = Some(Resting {
            session,
            _until: AbortOnDropHandle::new(until),
        });
    }
}

/// The lines that a session shows: all held ones, or the matching ones.
enum ShownLines {
    All(Arc<OpenLog>),
    Matching(MatchingLines),
}

impl ShownLines {
    fn lines(&self, first: u64, count: u64, each: impl FnMut(u64, &LineRef, &[u8])) {
        match self {
            Self::All(log) => log.lines().lines(first, count, each),
            Self::Matching(matching) => matching.lines(first, count, each),
        }
    }
}

/// The session was closed, possibly while the request was in progress.
fn closed() -> ApiError {
    ApiError {
        kind: ErrorKind::NotFound,
        message: "The log was closed; open it again".to_owned(),
        hint: None,
        detail: None,
    }
}

fn no_thread(error: &std::io::Error) -> ApiError {
    ApiError {
        kind: ErrorKind::Other,
        message: "The log cannot be read: the system's thread limit is reached".to_owned(),
        hint: Some("Close other programs, then try again".to_owned()),
        detail: Some(error.to_string()),
    }
}

fn end_rest(sessions: &Weak<Mutex<Inner>>, log: &Weak<OpenLog>) {
    if let Some(sessions) = sessions.upgrade() {
        lock(&sessions)
            .resting
            .take_if(|resting| Weak::as_ptr(log) == Arc::as_ptr(&resting.session.log));
    }
}

impl Slipway {
    /// Opens a container's log with its newest lines and follows it; older ones are backfilled. `extent` is called when
    /// lines have come, at most once a frame, until it returns false or the log is closed.
    pub async fn log_open(
        &self,
        id: &str,
        extent: impl Fn(LogExtent) -> bool + Send + 'static,
    ) -> Result<u32, ApiError> {
        let engine = self.selected().await?.engine;
        let extent = match self.logs.wake(id, Box::new(extent)) {
            Ok(session) => return Ok(session),
            Err(extent) => extent,
        };
        let container = engine
            .inspect_container(id)
            .await
            .map_err(|error| api_error(&error))?;
        let source = ContainerLog {
            engine,
            id: container.id.clone(),
            tty: container.tty,
        };
        let log = Arc::new(OpenLog::new(extent));
        let (opened, opens) = oneshot::channel();
        let reader = {
            let log = Arc::clone(&log);
            lock(&self.logs.inner).thread()?.spawn(async move {
                match source.follow().await {
                    Ok(newest) => {
                        // A caller that dropped this future has ended the task too.
                        let _ = opened.send(Ok(()));
                        log.read(newest, source).await;
                    }
                    Err(error) => {
                        let _ = opened.send(Err(error));
                    }
                }
            })
        };
        opens
            .await
            .map_err(|_| closed())?
            .map_err(|error| api_error(&error))?;
        Ok(lock(&self.logs.inner).add(LogSession {
            container: container.id,
            log,
            _reader: reader,
        }))
    }

    /// Up to `count` of the held rows from `first` on.
    pub fn log_rows(&self, session: u32, first: u64, count: u32) -> Result<Vec<LogRow>, ApiError> {
        let shown = self.logs.shown(session)?;
        let mut rows = Vec::new();
        shown.lines(first, count.min(MAX_ROWS).into(), |number, line, text| {
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

    /// Finds the held lines that match a query. Runs on another thread. A later search in the same log cancels it, and
    /// its result is then empty.
    pub async fn log_search(&self, session: u32, query: LogQuery) -> Result<LogMatches, ApiError> {
        let log = self.logs.log(session)?;
        let search = log.searches.begin();
        if query.text.is_empty() {
            return Ok(search::NOTHING);
        }
        let regex = search::expression(&query)?;
        let blocks = log.lines().blocks();
        tokio::task::spawn_blocking(move || log.searches.run(search, &blocks, &regex))
            .await
            .map(|found| found.unwrap_or(search::NOTHING))
            .map_err(|_| closed())
    }

    /// Opens a view of a log's matching lines that is updated as the log grows. It behaves like a log whose lines are
    /// numbered without gaps; `extent` is called as by [`Self::log_open`]. Must be called in a runtime, which runs the
    /// search.
    pub fn log_matching(
        &self,
        session: u32,
        query: &LogQuery,
        extent: impl Fn(LogExtent) -> bool + Send + 'static,
    ) -> Result<u32, ApiError> {
        let log = self.logs.log(session)?;
        let regex = search::expression(query)?;
        let matching = MatchingSession::open(log, regex, Box::new(extent));
        Ok(lock(&self.logs.inner).add_matching(matching))
    }

    /// Number in the whole log of a line that [`Self::log_matching`] shows. `None` if the line is no longer held.
    pub fn log_line(&self, session: u32, line: u64) -> Result<Option<u64>, ApiError> {
        match self.logs.shown(session)? {
            ShownLines::All(_) => Ok(Some(line)),
            ShownLines::Matching(matching) => Ok(matching.number(line)),
        }
    }

    /// Plain text of lines `first..end`, for the clipboard.
    pub fn log_text(
        &self,
        session: u32,
        first: u64,
        end: u64,
        timestamps: bool,
    ) -> Result<String, ApiError> {
        let shown = self.logs.shown(session)?;
        let mut text = String::new();
        let mut continues = false;
        shown.lines(first, end.saturating_sub(first), |_, line, bytes| {
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

    /// Closes a log. It is read for a few seconds more, in case it is opened again.
    pub fn log_close(&self, session: u32) {
        self.logs.rest(session);
    }

    /// Closes all logs at once, because the page that opened them is gone.
    pub fn log_close_all(&self) {
        let mut inner = lock(&self.logs.inner);
        inner.matching.clear();
        inner.sessions.clear();
        inner.resting = None;
    }
}

/// The text of a row. An overlong line is cut: nobody reads it in a row, and the page has to hold it.
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
