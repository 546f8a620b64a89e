//! Turns the bytes of a log into lines, in bounded memory.

use crate::Timestamp;

/// A line is cut into pieces of at most this many bytes; all but the last are marked `partial`.
pub const MAX_LINE_BYTES: usize = 256 * 1024;

/// Where a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogOutput {
    /// Standard output, and everything of a container with a terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Where a line is in a [`LogChunk`], and what is known about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRef {
    /// Offset of its first byte.
    pub start: u32,
    /// Its length in bytes, without line end and timestamp.
    pub len: u32,
    /// Where it was written to.
    pub output: LogOutput,
    /// Its time, where it was asked for and could be read.
    pub timestamp: Option<Timestamp>,
    /// Whether the line goes on in the next one of the same output.
    pub partial: bool,
}

/// Many lines at once, in one buffer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogChunk {
    /// The text of all lines, back to back. Not necessarily UTF-8.
    pub bytes: Vec<u8>,
    /// The lines, in order.
    pub lines: Vec<LineRef>,
}

impl LogChunk {
    /// The bytes of a line.
    pub fn line(&self, line: &LineRef) -> &[u8] {
        let start = line.start as usize;
        self.bytes
            .get(start..start + line.len as usize)
            .unwrap_or_default()
    }
}

/// Decodes a log from whatever pieces it arrives in.
#[derive(Debug)]
pub struct LogDecoder {}
