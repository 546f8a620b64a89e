//! Container logs: held in bounded memory here, so that a window needs only the rows that it shows.

mod ansi;
mod buffer;
mod follow;
mod save;
mod session;

pub(crate) use ansi::plain_text;
pub use follow::LogFollow;
pub(crate) use session::LogSessions;
