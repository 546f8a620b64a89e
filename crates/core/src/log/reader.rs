//! The task that reads one open log: new lines, and a backfill of older ones.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use slipway_api::ApiError;
use slipway_api::log::{LogExtent, LogOlder};
use slipway_engine::{EngineError, LogStream};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use crate::error::api_error;
use crate::log::buffer::{LogBuffer, ORIGIN};
use crate::log::older::{Newest, OlderLines, Source};
use crate::log::search::Searches;

/// Memory limit of one open log.
const LIMIT_BYTES: usize = 64 << 20;
/// The extent is sent at most once a frame.
const FRAME: Duration = Duration::from_millis(33);
/// In a flood it is sent less often: nobody reads that fast, and drawing is most of what a flood costs.
const FRAME_OF_FLOOD: Duration = Duration::from_millis(100);
/// Number of new lines that counts as a flood: more than a window shows.
const FLOOD_LINES: u64 = 100;
/// Interval of progress reports of a backfill.
const PROGRESS: Duration = Duration::from_millis(500);

/// Receives the extent, until it returns false.
pub(crate) type Listener = Box<dyn Fn(LogExtent) -> bool + Send>;

/// An open log, shared by its reader and the window.
pub(crate) struct OpenLog {
    lines: Mutex<LogBuffer>,
    pub(crate) searches: Searches,
    listener: Mutex<Option<Listener>>,
    /// The last extent, for views that show a part of this log.
    extent: watch::Sender<Option<LogExtent>>,
    /// A new listener was added.
    listens: Notify,
    /// Its stream has not ended, and reading has not failed.
    sound: AtomicBool,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// State of the backfill.
enum Older<'a> {
    /// It is unknown whether there are older lines.
    Unknown,
    Asked(BoxFuture<'a, Result<OlderLines, EngineError>>),
    Coming(Box<OlderLines>),
    /// Everything that can be held is here. Whether there are still older lines.
    Here(bool),
}

enum Came {
    New(Option<Result<slipway_engine::LogChunk, EngineError>>),
    Older(Result<bool, EngineError>),
    Due,
}

impl OpenLog {
    pub(crate) fn new(listener: Listener) -> Self {
        Self {
            lines: Mutex::new(LogBuffer::new(LIMIT_BYTES)),
            searches: Searches::default(),
            listener: Mutex::new(Some(listener)),
            extent: watch::Sender::new(None),
            listens: Notify::new(),
            sound: AtomicBool::new(true),
        }
    }

    pub(crate) fn lines(&self) -> MutexGuard<'_, LogBuffer> {
        lock(&self.lines)
    }

    /// The last extent, and the listeners.
    pub(crate) fn extents(&self) -> watch::Receiver<Option<LogExtent>> {
        self.extent.subscribe()
    }

    /// Adds a listener, which receives the current extent first.
    pub(crate) fn listen(&self, listener: Listener) {
        *lock(&self.listener) = Some(listener);
        self.listens.notify_one();
    }

    /// Removes all listeners and cancels searches.
    pub(crate) fn rest(&self) {
        *lock(&self.listener) = None;
        self.searches.begin();
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.sound.load(Ordering::Relaxed)
    }

    /// Reads the log until it ends or there are no more listeners.
    pub(crate) async fn read(&self, mut newest: LogStream, source: impl Source) {
        let mut rate = Rate::new();
        let mut told: Option<LogExtent> = None;
        let mut error: Option<ApiError> = None;
        let mut following = true;
        let mut older = Older::Unknown;
        // When the next extent is due; `None` while there is none to send, so that a quiet log costs nothing.
        let mut due = Some(Instant::now());
        let mut last = Instant::now();
        let mut pause = Duration::ZERO;
        loop {
            // The backfill goes on after the container has ended.
            let waits_for_older = matches!(older, Older::Asked(_) | Older::Coming(_));
            let came = tokio::select! {
                // Order matters: a due extent is sent however much arrives, and readers see the newest lines.
                biased;
                () = self.listens.notified() => {
                    told = None;
                    Came::Due
                }
                () = sleep_until(due.unwrap_or(last)), if due.is_some() => Came::Due,
                chunk = newest.next(), if following => Came::New(chunk),
                result = older.advance(), if waits_for_older => Came::Older(result),
            };
            match came {
                Came::New(Some(Ok(chunk))) => {
                    let mut lines = self.lines();
                    lines.append(chunk);
                    due = Some(due.map_or(last + pause, |due| due.min(last + pause)));
                    match &mut older {
                        Older::Unknown => {
                            if let Some(newest) = Newest::of(&lines, LIMIT_BYTES) {
                                older = Older::Asked(Box::pin(OlderLines::before(newest, &source)));
                            }
                        }
                        // The newest lines fill the whole buffer.
                        Older::Asked(_) | Older::Coming(_) if lines.first() > ORIGIN => {
                            older = Older::Here(true);
                        }
                        Older::Coming(older) => {
                            older.keep_within(LIMIT_BYTES.saturating_sub(lines.bytes()));
                        }
                        Older::Asked(_) | Older::Here(_) => {}
                    }
                    continue;
                }
                Came::New(ended) => {
                    following = false;
                    if let Some(Err(broken)) = ended {
                        error = Some(api_error(&broken));
                    }
                    self.sound.store(false, Ordering::Relaxed);
                }
                Came::Older(Ok(false)) => {
                    due = Some(due.unwrap_or(last + PROGRESS));
                    continue;
                }
                Came::Older(Ok(true)) => {
                    if let Older::Coming(lines) = std::mem::replace(&mut older, Older::Here(false))
                    {
                        older = Older::Here(lines.put_before(&mut self.lines()));
                    }
                }
                Came::Older(Err(broken)) => {
                    error = error.or_else(|| Some(api_error(&broken)));
                    self.sound.store(false, Ordering::Relaxed);
                    older = Older::Here(true);
                }
                Came::Due => {}
            }
            let extent = {
                let lines = self.lines();
                LogExtent {
                    first: lines.first(),
                    end: lines.end(),
                    lines_per_second: if following { rate.at(lines.end()) } else { 0 },
                    following,
                    error: error.clone(),
                    older: older.told(lines.dropped()),
                }
            };
            let before = told.as_ref().map_or(ORIGIN, |told| told.end);
            pause = if extent.end.saturating_sub(before) > FLOOD_LINES {
                FRAME_OF_FLOOD
            } else {
                FRAME
            };
            last = Instant::now();
            // When no more lines arrive, the rate has to fall.
            due = (extent.lines_per_second > 0).then(|| rate.next());
            if told.as_ref() != Some(&extent) {
                if !self.tell(extent.clone()) {
                    return;
                }
                told = Some(extent);
            }
            if !following && matches!(older, Older::Unknown | Older::Here(_)) {
                return;
            }
        }
    }

    /// Returns false if the listener is gone.
    fn tell(&self, extent: LogExtent) -> bool {
        self.extent.send_replace(Some(extent.clone()));
        lock(&self.listener)
            .as_ref()
            .is_none_or(|listener| listener(extent))
    }
}

impl Older<'_> {
    /// The next step of the backfill; `true` once it is complete.
    async fn advance(&mut self) -> Result<bool, EngineError> {
        match self {
            Self::Asked(asked) => {
                *self = Self::Coming(Box::new(asked.await?));
                Ok(false)
            }
            Self::Coming(lines) => lines.read().await,
            Self::Unknown | Self::Here(_) => Ok(true),
        }
    }

    fn told(&self, dropped: bool) -> LogOlder {
        match self {
            Self::Here(true) => LogOlder::NotHeld,
            Self::Asked(_) => LogOlder::Reading { lines: 0 },
            Self::Coming(older) => LogOlder::Reading {
                lines: u32::try_from(older.received).unwrap_or(u32::MAX),
            },
            Self::Unknown | Self::Here(false) if dropped => LogOlder::NotHeld,
            Self::Unknown | Self::Here(false) => LogOlder::None,
        }
    }
}

/// Lines per second, over about the last second.
struct Rate {
    since: Instant,
    /// `None` in the first second, in which old lines arrive too.
    from: Option<u64>,
    last: u32,
}

impl Rate {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            from: None,
            last: 0,
        }
    }

    fn at(&mut self, end: u64) -> u32 {
        let elapsed = self.since.elapsed();
        if elapsed >= Duration::from_secs(1) {
            let new = self.from.map_or(0, |from| end - from);
            let lines = u128::from(new) * 1000 / elapsed.as_millis().max(1);
            self.last = u32::try_from(lines).unwrap_or(u32::MAX);
            self.since = Instant::now();
            self.from = Some(end);
        }
        self.last
    }

    /// When the rate changes next if no more lines arrive.
    fn next(&self) -> Instant {
        self.since + Duration::from_secs(1)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::stream;

    use super::*;
    use crate::log::older::{NEWEST_LINES, chunk_of};

    type Line = (i64, String);

    /// A simulated log of an engine.
    #[derive(Clone, Default)]
    struct Written(Vec<Line>);

    impl Written {
        fn newest(&self, count: u64) -> &[Line] {
            let count = usize::try_from(count).expect("small");
            &self.0[self.0.len().saturating_sub(count)..]
        }
    }

    impl Source for Written {
        async fn lines(&self, tail: u64) -> Result<LogStream, EngineError> {
            let chunks: Vec<_> = self
                .newest(tail)
                .chunks(97)
                .map(|lines| Ok(chunk_of(lines)))
                .collect();
            Ok(Box::pin(stream::iter(chunks)))
        }
    }

    struct Broken;

    impl Source for Broken {
        async fn lines(&self, _: u64) -> Result<LogStream, EngineError> {
            Err(EngineError::CutOff { what: "the log" })
        }
    }

    fn written(lines: std::ops::Range<i64>) -> Vec<Line> {
        lines.map(|n| (n, format!("line {n}"))).collect()
    }

    /// Chunks of this many lines, 10 ms apart, followed by silence.
    fn slowly(chunks: usize, lines: i64, quiet: Duration) -> LogStream {
        Box::pin(stream::unfold(0, move |number| async move {
            let pause = if number < chunks {
                Duration::from_millis(10)
            } else {
                quiet
            };
            tokio::time::sleep(pause).await;
            (number < chunks).then(|| (Ok(chunk_of(&written(0..lines))), number + 1))
        }))
    }

    /// Reads a log to its end; returns the extents sent and the lines held.
    async fn read(newest: LogStream, source: impl Source) -> (Vec<LogExtent>, Vec<String>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&told);
        let log = OpenLog::new(Box::new(move |extent| {
            lock(&sink).push(extent);
            true
        }));
        log.read(newest, source).await;
        let mut lines = Vec::new();
        log.lines().lines(0, u64::MAX, |_, _, text| {
            lines.push(String::from_utf8_lossy(text).into_owned());
        });
        let told = lock(&told).clone();
        (told, lines)
    }

    fn stream_of(lines: &[Line]) -> LogStream {
        Box::pin(stream::iter(vec![Ok(chunk_of(lines))]))
    }

    /// Opens a log that contains `all`, and then receives `later`.
    async fn check(all: Vec<Line>, later: &[Line], wanted: &[Line]) {
        let all = Written(all);
        let newest = [all.newest(NEWEST_LINES), later].concat();
        check_with(&newest, all, wanted).await;
    }

    async fn check_with(newest: &[Line], all: Written, wanted: &[Line]) {
        let (told, lines) = read(stream_of(newest), all).await;
        let wanted: Vec<&str> = wanted.iter().map(|line| line.1.as_str()).collect();
        assert!(lines == wanted, "{} for {}", lines.len(), wanted.len());
        let last = told.last().expect("the end is told");
        assert_eq!(last.end - last.first, wanted.len() as u64);
        assert_eq!((last.older, last.following), (LogOlder::None, false));
    }

    #[tokio::test]
    async fn older_lines_come_behind_without_a_gap_or_a_line_twice() {
        for count in [0, 1, 2, 1_999, 2_000, 2_001, 5_000] {
            let all = [written(0..count), written(count..count + 10)].concat();
            check(written(0..count), &written(count..count + 10), &all).await;
        }
    }

    #[tokio::test]
    async fn times_that_go_back_or_stand_still_lose_no_line() {
        let mut all = written(0..5_000);
        for (place, line) in all.iter_mut().enumerate() {
            line.0 = [7, 3, 9, 3][place % 4];
        }
        check(all.clone(), &[], &all).await;
    }

    #[tokio::test]
    async fn of_a_long_line_there_may_be_only_the_end() {
        let all = Written(written(0..5_000));
        let mut newest = all.newest(NEWEST_LINES).to_vec();
        newest[0] = (newest[0].0 + 1, "00".to_owned());
        check_with(&newest, all.clone(), &all.0).await;
    }

    #[tokio::test]
    async fn of_a_log_that_was_rotated_meanwhile_no_line_shows_twice() {
        let newest = written(1_000..9_000);
        check_with(&newest, Written(written(4_000..9_000)), &newest).await;
    }

    #[tokio::test]
    async fn newest_lines_show_before_older_ones_are_here() {
        let all = Written(written(0..50_000));
        let newest = all.newest(NEWEST_LINES).to_vec();
        let newest = stream::iter(vec![Ok(chunk_of(&newest))]).chain(slowly(0, 0, FRAME * 10));
        let (told, lines) = read(Box::pin(newest), all).await;
        assert_eq!(lines.len(), 50_000);
        let sizes: Vec<u64> = told.iter().map(|it| it.end - it.first).collect();
        assert_eq!(sizes.last(), Some(&50_000));
        assert!(
            sizes.iter().all(|size| [0, 2_000, 50_000].contains(size)),
            "{sizes:?}"
        );
    }

    #[tokio::test]
    async fn what_is_held_stays_when_older_lines_cannot_be_read() {
        let (told, lines) = read(stream_of(&written(0..3_000)), Broken).await;
        assert_eq!(lines.len(), 3_000);
        let last = told.last().expect("the end is told");
        assert!(last.error.is_some());
        assert_eq!(last.older, LogOlder::NotHeld);
    }

    #[tokio::test]
    async fn a_flood_is_told_ten_times_a_second() {
        let (told, _) = read(slowly(50, 200, Duration::ZERO), Written::default()).await;
        // Every half a second or more, and at once at its beginning, at its end, and when the backfill starts.
        assert!(told.len() <= 20, "{} times", told.len());
        let last = told.last().expect("the end is told");
        assert_eq!((last.end - last.first, last.following), (10_000, false));
    }

    #[tokio::test]
    async fn lines_are_told_at_once_and_quiet_is_not_told() {
        let quiet = Duration::from_millis(400);
        let (told, _) = read(slowly(1, 3, quiet), Written::default()).await;
        let ends: Vec<(u64, bool)> = told
            .iter()
            .map(|it| (it.end - ORIGIN, it.following))
            .collect();
        assert_eq!(ends, [(0, true), (3, true), (3, false)]);
    }
}
