//! The lines of an open log that match a query, numbered without gaps like a log of their own.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use regex::bytes::Regex;
use slipway_api::log::LogExtent;
use slipway_engine::LineRef;
use tokio_util::task::AbortOnDropHandle;

use crate::log::ansi;
use crate::log::buffer::{Block, ORIGIN};
use crate::log::reader::{Listener, OpenLog, lock};

/// A view of an open log that holds only the lines that match.
pub(crate) struct MatchingSession {
    pub(crate) log: Arc<OpenLog>,
    matching: Arc<Matching>,
    _follows: AbortOnDropHandle<()>,
}

impl Drop for MatchingSession {
    fn drop(&mut self) {
        self.matching.over.store(true, Ordering::Relaxed);
    }
}

impl MatchingSession {
    /// Searches the log and every line appended to it. `listener` receives the extent of the matching lines.
    pub(crate) fn open(log: Arc<OpenLog>, regex: Regex, listener: Listener) -> Self {
        let matching = Arc::new(Matching {
            regex,
            found: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let follows = tokio::spawn(follow(Arc::clone(&log), Arc::clone(&matching), listener));
        Self {
            log,
            matching,
            _follows: AbortOnDropHandle::new(follows),
        }
    }

    pub(crate) fn lines(&self) -> MatchingLines {
        MatchingLines {
            log: Arc::clone(&self.log),
            matching: Arc::clone(&self.matching),
        }
    }
}

async fn follow(log: Arc<OpenLog>, matching: Arc<Matching>, listener: Listener) {
    let mut extents = log.extents();
    let mut told = None;
    loop {
        let whole = extents.borrow_and_update().clone();
        let searched = {
            let (log, matching) = (Arc::clone(&log), Arc::clone(&matching));
            tokio::task::spawn_blocking(move || matching.search(&log)).await
        };
        let Ok(Some(numbers)) = searched else { return };
        if let Some(whole) = whole {
            let extent = LogExtent {
                first: numbers.start,
                end: numbers.end,
                error: None,
                ..whole
            };
            if told.as_ref() != Some(&extent) {
                if !listener(extent.clone()) {
                    return;
                }
                told = Some(extent);
            }
        }
        if extents.changed().await.is_err() {
            return;
        }
    }
}

struct Matching {
    regex: Regex,
    found: Mutex<Found>,
    /// Cancels the search.
    over: AtomicBool,
}

/// Numbers of the matching lines, ascending.
struct Found {
    lines: VecDeque<u64>,
    /// Position of the first of `lines`. Like a line's number, a position does not change when older matches are found
    /// or dropped.
    first: u64,
    /// Range of the lines that were searched.
    searched: Range<u64>,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            lines: VecDeque::new(),
            first: ORIGIN,
            searched: ORIGIN..ORIGIN,
        }
    }
}

impl Found {
    fn places(&self) -> Range<u64> {
        self.first..self.first + self.lines.len() as u64
    }

    /// Drops matches whose lines are no longer held.
    fn keep_from(&mut self, first: u64) {
        while self.lines.front().is_some_and(|line| *line < first) {
            self.lines.pop_front();
            self.first += 1;
        }
        self.searched.start = self.searched.start.max(first);
        self.searched.end = self.searched.end.max(first);
    }
}

impl Matching {
    /// Searches the lines added at both ends since the last time. Returns the positions of all matching lines; `None`
    /// if cancelled.
    fn search(&self, log: &OpenLog) -> Option<Range<u64>> {
        let (first, blocks) = {
            let lines = log.lines();
            (lines.first(), lines.blocks())
        };
        let searched = {
            let mut found = lock(&self.found);
            found.keep_from(first);
            found.searched.clone()
        };
        let older = self.matches(&blocks, first..searched.start)?;
        let end = blocks.last().map_or(searched.end, Block::end);
        let newer = self.matches(&blocks, searched.end..end)?;
        let mut found = lock(&self.found);
        found.first -= older.len() as u64;
        for line in older.into_iter().rev() {
            found.lines.push_front(line);
        }
        found.lines.extend(newer);
        found.searched = first..end.max(first);
        Some(found.places())
    }

    fn matches(&self, blocks: &[Block], wanted: Range<u64>) -> Option<Vec<u64>> {
        let mut matches = Vec::new();
        if wanted.is_empty() {
            return Some(matches);
        }
        let from = blocks.partition_point(|block| block.end() <= wanted.start);
        for block in blocks.get(from..).unwrap_or_default() {
            if block.first >= wanted.end {
                break;
            }
            if self.over.load(Ordering::Relaxed) {
                return None;
            }
            for (offset, line) in block.chunk.lines.iter().enumerate() {
                let number = block.first + offset as u64;
                if wanted.contains(&number)
                    && self
                        .regex
                        .is_match(&ansi::without_escapes(block.chunk.line(line)))
                {
                    matches.push(number);
                }
            }
        }
        Some(matches)
    }
}

/// The matching lines, addressed by position.
pub(crate) struct MatchingLines {
    log: Arc<OpenLog>,
    matching: Arc<Matching>,
}

impl MatchingLines {
    /// Calls `each` for up to `count` lines from position `first` on, with their positions.
    pub(crate) fn lines(&self, first: u64, count: u64, mut each: impl FnMut(u64, &LineRef, &[u8])) {
        let held = self.log.lines();
        let mut found = lock(&self.matching.found);
        found.keep_from(held.first());
        let places = found.places();
        let wanted = first.max(places.start)..first.saturating_add(count).min(places.end);
        for place in wanted {
            if let Some(number) = found.number(place) {
                held.lines(number, 1, |_, line, text| each(place, line, text));
            }
        }
    }

    /// Number in the whole log of the line at a position.
    pub(crate) fn number(&self, place: u64) -> Option<u64> {
        lock(&self.matching.found).number(place)
    }
}

impl Found {
    fn number(&self, place: u64) -> Option<u64> {
        let index = usize::try_from(place.checked_sub(self.first)?).ok()?;
        self.lines.get(index).copied()
    }
}

#[cfg(test)]
mod tests {
    use slipway_api::log::LogQuery;

    use super::*;
    use crate::log::buffer::LogBuffer;
    use crate::log::older::chunk_of;
    use crate::log::search::expression;

    fn lines(words: &[&str]) -> slipway_engine::LogChunk {
        let lines: Vec<_> = words.iter().map(|word| (0, (*word).to_owned())).collect();
        chunk_of(&lines)
    }

    fn matching(text: &str) -> Arc<Matching> {
        let query = LogQuery {
            text: text.to_owned(),
            regex: false,
            match_case: false,
        };
        Arc::new(Matching {
            regex: expression(&query).expect("words are an expression"),
            found: Mutex::default(),
            over: AtomicBool::new(false),
        })
    }

    fn shown(lines: &MatchingLines) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        lines.lines(0, u64::MAX, |place, _, text| {
            let text = String::from_utf8_lossy(text).into_owned();
            all.push((place - (ORIGIN - 1000), text));
        });
        all
    }

    #[test]
    fn matches_keep_their_places_while_lines_come_at_both_ends_and_go() {
        let log = Arc::new(OpenLog::new(Box::new(|_| true)));
        let matching = matching("yes");
        let view = MatchingLines {
            log: Arc::clone(&log),
            matching: Arc::clone(&matching),
        };
        let check = |wanted: &[(u64, &str)]| {
            matching.search(&log).expect("somebody waits for it");
            let wanted: Vec<(u64, String)> = wanted
                .iter()
                .map(|(place, text)| (*place, (*text).to_owned()))
                .collect();
            assert_eq!(shown(&view), wanted);
        };
        check(&[]);
        log.lines()
            .append(lines(&["yes 1", "no", "\x1b[31mY\x1b[0mes 2"]));
        check(&[(1000, "yes 1"), (1001, "\x1b[31mY\x1b[0mes 2")]);
        log.lines().append(lines(&["no", "yes 3"]));
        check(&[
            (1000, "yes 1"),
            (1001, "\x1b[31mY\x1b[0mes 2"),
            (1002, "yes 3"),
        ]);
        let mut older = LogBuffer::new(1 << 20);
        older.append(lines(&["yes -1", "yes 0", "no"]));
        log.lines().prepend(older);
        check(&[
            (998, "yes -1"),
            (999, "yes 0"),
            (1000, "yes 1"),
            (1001, "\x1b[31mY\x1b[0mes 2"),
            (1002, "yes 3"),
        ]);
        assert_eq!(view.number(ORIGIN + 2), Some(ORIGIN + 4));
        // The oldest line is dropped before it is searched again.
        log.lines().drop_first();
        assert_eq!(shown(&view).first().map(|(place, _)| *place), Some(999));
        log.lines().append(lines(&["yes 4"]));
        matching.search(&log).expect("somebody waits for it");
        assert_eq!(shown(&view).last(), Some(&(1003, "yes 4".to_owned())));
    }

    #[test]
    fn a_search_that_nobody_waits_for_ends() {
        let log = OpenLog::new(Box::new(|_| true));
        log.lines().append(lines(&["yes"]));
        let matching = matching("yes");
        matching.over.store(true, Ordering::Relaxed);
        assert_eq!(matching.search(&log), None);
    }
}
