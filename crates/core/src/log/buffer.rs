//! The newest lines of a log, numbered, within a limit of bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use slipway_engine::{LineRef, LogChunk};

/// Small chunks are joined up to this size, so that there are few of them.
const BLOCK_BYTES: usize = 128 * 1024;

/// Lines `first()..end()`. When the limit is reached, the oldest go.
pub(crate) struct LogBuffer {
    blocks: VecDeque<Block>,
    /// Number after the newest line.
    end: u64,
    bytes: usize,
    limit: usize,
}

/// Lines that lie together. Shared with searches, which run beside the buffer.
#[derive(Clone)]
pub(crate) struct Block {
    /// Number of its first line.
    pub(crate) first: u64,
    pub(crate) chunk: Arc<LogChunk>,
}

impl Block {
    fn bytes(&self) -> usize {
        size(&self.chunk)
    }

    fn end(&self) -> u64 {
        self.first + self.chunk.lines.len() as u64
    }
}

fn size(chunk: &LogChunk) -> usize {
    chunk.bytes.len() + std::mem::size_of_val(chunk.lines.as_slice())
}

impl LogBuffer {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            blocks: VecDeque::new(),
            end: 0,
            bytes: 0,
            limit,
        }
    }

    pub(crate) fn first(&self) -> u64 {
        self.blocks.front().map_or(self.end, |block| block.first)
    }

    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Adds lines at the end.
    pub(crate) fn append(&mut self, chunk: LogChunk) {
        if chunk.lines.is_empty() {
            return;
        }
        let added = size(&chunk);
        let lines = chunk.lines.len() as u64;
        let joined = self
            .blocks
            .back_mut()
            .is_some_and(|last| last.bytes() + added <= BLOCK_BYTES && join(last, &chunk));
        if !joined {
            self.blocks.push_back(Block {
                first: self.end,
                chunk: Arc::new(chunk),
            });
        }
        self.end += lines;
        self.bytes += added;
        while self.bytes > self.limit && self.blocks.len() > 1 {
            if let Some(oldest) = self.blocks.pop_front() {
                self.bytes -= oldest.bytes();
            }
        }
    }

    /// Calls `each` for the lines from `first` on, as many of `count` as are held.
    pub(crate) fn lines(&self, first: u64, count: u64, mut each: impl FnMut(u64, &LineRef, &[u8])) {
        let start = first.max(self.first());
        let end = first.saturating_add(count).min(self.end);
        if start >= end {
            return;
        }
        let from = self.blocks.partition_point(|block| block.end() <= start);
        for block in self.blocks.range(from..) {
            for (offset, line) in block.chunk.lines.iter().enumerate() {
                let number = block.first + offset as u64;
                if number >= end {
                    return;
                }
                if number >= start {
                    each(number, line, block.chunk.line(line));
                }
            }
        }
    }

    /// All blocks as they are now.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        self.blocks.iter().cloned().collect()
    }
}

/// Joins a chunk to the last block, unless a search is reading that.
fn join(last: &mut Block, chunk: &LogChunk) -> bool {
    let Some(target) = Arc::get_mut(&mut last.chunk) else {
        return false;
    };
    let Ok(shift) = u32::try_from(target.bytes.len()) else {
        return false;
    };
    target.bytes.extend_from_slice(&chunk.bytes);
    target.lines.extend(chunk.lines.iter().map(|line| LineRef {
        start: line.start + shift,
        ..*line
    }));
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use slipway_engine::LogOutput;

    fn chunk(lines: &[String]) -> LogChunk {
        let mut chunk = LogChunk::default();
        for line in lines {
            chunk.lines.push(LineRef {
                start: u32::try_from(chunk.bytes.len()).expect("small"),
                len: u32::try_from(line.len()).expect("small"),
                output: LogOutput::Stdout,
                timestamp: None,
                partial: false,
            });
            chunk.bytes.extend_from_slice(line.as_bytes());
        }
        chunk
    }

    proptest! {
        /// Whatever pieces lines arrive in, line `n` is line `n`, and memory stays within the limit.
        #[test]
        fn numbers_stay_true(pieces in prop::collection::vec(0_usize..400, 1..60), limit in 1_000_usize..200_000) {
            let mut buffer = LogBuffer::new(limit);
            let mut next = 0_u64;
            for piece in pieces {
                let lines: Vec<String> = (0..piece).map(|i| format!("line {}", next + i as u64)).collect();
                next += piece as u64;
                buffer.append(chunk(&lines));
                prop_assert_eq!(buffer.end(), next);
                prop_assert!(buffer.bytes <= limit.max(BLOCK_BYTES));
            }
            let mut expected = buffer.first();
            buffer.lines(0, u64::MAX, |number, _, text| {
                assert_eq!(number, expected);
                assert_eq!(text, format!("line {number}").as_bytes());
                expected += 1;
            });
            prop_assert_eq!(expected, next);
        }
    }
}
