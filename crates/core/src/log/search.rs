//! Where a query matches among the lines of a log.

use std::sync::atomic::{AtomicU64, Ordering};

use regex::bytes::{Regex, RegexBuilder};
use slipway_api::ApiError;
use slipway_api::log::{LogMatches, LogQuery};

use crate::error::invalid;
use crate::log::ansi;
use crate::log::buffer::Block;

/// Limit of matches; a person has no use for more.
const MAX_MATCHES: usize = 20_000;
/// Limit of the compiled expression's size; no sensible expression needs more.
const MAX_REGEX_BYTES: usize = 4 << 20;

pub(crate) const NOTHING: LogMatches = LogMatches {
    lines: Vec::new(),
    total: 0,
};

/// The searches of one log; only the latest is valid.
#[derive(Default)]
pub(crate) struct Searches {
    last: AtomicU64,
}

impl Searches {
    /// Starts a search, or only cancels the previous one.
    pub(crate) fn begin(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn is_last(&self, search: u64) -> bool {
        self.last.load(Ordering::Relaxed) == search
    }

    /// Searches all blocks; `None` as soon as another search has started.
    pub(crate) fn run(&self, search: u64, blocks: &[Block], regex: &Regex) -> Option<LogMatches> {
        let mut found = NOTHING;
        // From the newest block on, so that the newest matches are kept.
        for block in blocks.iter().rev() {
            if !self.is_last(search) {
                return None;
            }
            for (offset, line) in block.chunk.lines.iter().enumerate().rev() {
                if regex.is_match(&ansi::without_escapes(block.chunk.line(line))) {
                    found.total = found.total.saturating_add(1);
                    if found.lines.len() < MAX_MATCHES {
                        found.lines.push(block.first + offset as u64);
                    }
                }
            }
        }
        found.lines.reverse();
        Some(found)
    }
}

pub(crate) fn expression(query: &LogQuery) -> Result<Regex, ApiError> {
    let pattern = if query.regex {
        query.text.clone()
    } else {
        regex::escape(&query.text)
    };
    RegexBuilder::new(&pattern)
        .case_insensitive(!query.match_case)
        .size_limit(MAX_REGEX_BYTES)
        .build()
        .map_err(|error| {
            let reason = error.to_string();
            let last = reason.lines().last().unwrap_or_default();
            // The last line of a syntax error begins with "error: ".
            let last = last.strip_prefix("error: ").unwrap_or(last);
            invalid(
                format!("This is not a valid regular expression: {last}"),
                Some("Turn off regular expressions to search for the words as they are".to_owned()),
            )
        })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::log::older::chunk_of;

    #[test]
    fn a_search_ends_where_the_next_one_begins() {
        let block = Block {
            first: 7,
            chunk: Arc::new(chunk_of(&[(0, "a b".to_owned()), (0, "c".to_owned())])),
        };
        let query = LogQuery {
            text: "B".to_owned(),
            regex: false,
            match_case: false,
        };
        let regex = expression(&query).expect("words are an expression");
        let searches = Searches::default();
        let first = searches.begin();
        let found = searches.run(first, std::slice::from_ref(&block), &regex);
        assert_eq!(found.map(|found| found.lines), Some(vec![7]));
        let second = searches.begin();
        assert_eq!(
            searches.run(first, std::slice::from_ref(&block), &regex),
            None
        );
        assert!(searches.run(second, &[block], &regex).is_some());
    }
}
