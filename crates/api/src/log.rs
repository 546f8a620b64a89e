//! Container logs as rows.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::error::ApiError;

/// What is held of a container's log now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct LogExtent {
    /// Number of the oldest line held. It becomes lower when older lines are here, and higher when they have to go.
    pub first: u64,
    /// Number after the newest line.
    pub end: u64,
    /// Lines that arrived per second over the last second.
    pub lines_per_second: u32,
    /// Whether more may come.
    pub following: bool,
    /// Why the stream broke off, or the older lines could not be read.
    pub error: Option<ApiError>,
    /// What there is before `first`.
    pub older: LogOlder,
}

/// The lines before those held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LogOlder {
    /// There are none.
    None,
    /// They are being read, so many so far, and come all at once.
    Reading {
        /// Lines so far.
        lines: u32,
    },
    /// There are more than are held.
    NotHeld,
}

/// One line, ready to be drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct LogRow {
    /// Number of the line.
    pub line: u64,
    /// When it was written, RFC 3339 with nanoseconds, in UTC.
    pub at: Option<String>,
    /// Whether it came from standard error.
    pub stderr: bool,
    /// Its text, in runs of one style.
    pub spans: Vec<LogSpan>,
    /// Whether more of the same line follows in the next row (it was too long for one).
    pub partial: bool,
}

/// A run of text in one style. Control characters and escapes other than colours are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct LogSpan {
    /// The text.
    pub text: String,
    /// Colour of the text: 0–15 the theme's ANSI colours, `#rrggbb` others, `background` the colour of the view
    /// (reverse video).
    pub fg: Option<String>,
    /// Colour behind the text, likewise; `foreground` is the colour of text without one.
    pub bg: Option<String>,
    /// Bold.
    pub bold: bool,
    /// Faint.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
}

/// What to look for in a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct LogQuery {
    /// The words, or a regular expression.
    pub text: String,
    /// Whether `text` is a regular expression.
    pub regex: bool,
    /// Whether upper and lower case differ.
    pub match_case: bool,
}

/// Where a query matches among the lines held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct LogMatches {
    /// Numbers of matching lines, ascending; the newest ones when there are too many.
    pub lines: Vec<u64>,
    /// How many lines match in all.
    pub total: u32,
}
