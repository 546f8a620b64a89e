//! Container logs, held here in bounded memory, so that a window needs only the rows that it shows.

mod ansi;
mod buffer;
mod follow;
mod matching;
mod older;
mod reader;
mod save;
mod search;
mod session;
mod thread;

pub(crate) use ansi::plain_text;
pub(crate) use session::LogSessions;
