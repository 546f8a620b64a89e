//! The newest lines of a log, numbered, within a memory limit.

use std::collections::VecDeque;
use std::sync::Arc;

use slipway_engine::{LineRef, LogChunk};

/// Small chunks are merged up to this size, to limit their number.
const BLOCK_BYTES: usize = 128 * 1024;

/// Number of the first line that is appended. Older lines, which may come later, have lower numbers.
pub(crate) const ORIGIN: u64 = 1 << 32;

/// The lines `first()..end()`. At the limit, the oldest are dropped.
pub(crate) struct LogBuffer {
    blocks: VecDeque<Block>,
    /// Number after the newest line.
    end: u64,
    bytes: usize,
    limit: usize,
    dropped: bool,
}

/// A block of consecutive lines. Shared with searches, which run concurrently.
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

    pub(crate) fn end(&self) -> u64 {
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
            end: ORIGIN,
            bytes: 0,
            limit,
            dropped: false,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether lines were dropped.
    pub(crate) fn dropped(&self) -> bool {
        self.dropped
    }

    pub(crate) fn first(&self) -> u64 {
        self.blocks.front().map_or(self.end, |block| block.first)
    }

    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Appends lines.
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
        self.keep_within(self.limit);
    }

    /// Drops the oldest lines until the rest take at most this many bytes.
    pub(crate) fn keep_within(&mut self, bytes: usize) {
        while self.bytes > bytes && self.blocks.len() > 1 {
            if let Some(oldest) = self.blocks.pop_front() {
                self.bytes -= oldest.bytes();
                self.dropped = true;
            }
        }
    }

    /// Prepends the lines of another buffer; the numbers of existing lines do not change.
    pub(crate) fn prepend(&mut self, older: Self) {
        let mut first = self.first();
        for mut block in older.blocks.into_iter().rev() {
            let lines = block.chunk.lines.len() as u64;
            let fits = self.bytes + block.bytes() <= self.limit;
            let Some(number) = first.checked_sub(lines).filter(|_| fits) else {
                self.dropped = true;
                return;
            };
            first = number;
            block.first = number;
            self.bytes += block.bytes();
            self.blocks.push_front(block);
        }
        self.dropped |= older.dropped;
    }

    /// Drops the oldest line. Those after it keep their numbers.
    pub(crate) fn drop_first(&mut self) {
        let Some(block) = self.blocks.front_mut() else {
            return;
        };
        self.bytes -= block.bytes();
        Arc::make_mut(&mut block.chunk).lines.remove(0);
        block.first += 1;
        if block.chunk.lines.is_empty() {
            self.blocks.pop_front();
        } else {
            self.bytes += block.bytes();
        }
    }

    /// Drops lines from the end while `unwanted` holds for the last one.
    pub(crate) fn drop_last_while(&mut self, mut unwanted: impl FnMut(&LineRef) -> bool) {
        while let Some(block) = self.blocks.back_mut() {
            self.bytes -= block.bytes();
            let chunk = Arc::make_mut(&mut block.chunk);
            let keep = chunk.lines.iter().rposition(|line| !unwanted(line));
            chunk.lines.truncate(keep.map_or(0, |last| last + 1));
            self.end = block.end();
            if keep.is_some() {
                self.bytes += block.bytes();
                return;
            }
            self.blocks.pop_back();
        }
    }

    /// Calls `each` for up to `count` of the held lines from `first` on.
    pub(crate) fn lines(&self, first: u64, count: u64, mut each: impl FnMut(u64, &LineRef, &[u8])) {
        let start = first.max(self.first());
        let end = first.saturating_add(count).min(self.end);
        if start >= end {
            return;
        }
        let from = self.blocks.partition_point(|block| block.end() <= start);
        for block in self.blocks.range(from..) {
            let skipped = usize::try_from(start.saturating_sub(block.first)).unwrap_or(usize::MAX);
            for (offset, line) in block.chunk.lines.iter().enumerate().skip(skipped) {
                let number = block.first + offset as u64;
                if number >= end {
                    return;
                }
                each(number, line, block.chunk.line(line));
            }
        }
    }

    /// All blocks as of now.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        self.blocks.iter().cloned().collect()
    }
}

/// Merges a chunk into the last block, unless a search is reading that block.
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
        /// However lines are split into chunks, line `n` is line `n`, and memory stays within the limit.
        #[test]
        fn numbers_stay_true(pieces in prop::collection::vec(0_usize..400, 1..60), limit in 1_000_usize..200_000) {
            let mut buffer = LogBuffer::new(limit);
            let mut next = 0_u64;
            for piece in pieces {
                let lines: Vec<String> = (0..piece).map(|i| format!("line {}", next + i as u64)).collect();
                next += piece as u64;
                buffer.append(chunk(&lines));
                prop_assert_eq!(buffer.end(), ORIGIN + next);
                prop_assert!(buffer.bytes <= limit.max(BLOCK_BYTES));
            }
            let mut expected = buffer.first();
            buffer.lines(0, u64::MAX, |number, _, text| {
                assert_eq!(number, expected);
                assert_eq!(text, format!("line {}", number - ORIGIN).as_bytes());
                expected += 1;
            });
            prop_assert_eq!(expected, ORIGIN + next);
        }

        /// Prepended lines end where the existing ones begin, and are the newest of the older ones.
        #[test]
        fn older_lines_come_before_newer_ones(
            older in 0_usize..3_000, newer in 1_usize..3_000, unwanted in 0_usize..50, limit in 60_000_usize..400_000,
        ) {
            let lines = |range: std::ops::Range<usize>| -> Vec<String> { range.map(|i| format!("line {i}")).collect() };
            let mut buffer = LogBuffer::new(1 << 20);
            // The first line may be cut in half; the older lines have it whole.
            buffer.append(chunk(&[vec!["ne".to_owned()], lines(older..older + newer)].concat()));
            buffer.drop_first();
            buffer.limit = limit.max(buffer.bytes);
            let mut before = LogBuffer::new(1 << 20);
            for piece in lines(0..older).chunks(100) {
                before.append(chunk(piece));
            }
            before.append(chunk(&lines(0..unwanted)));
            let mut left = unwanted;
            before.drop_last_while(|_| {
                let any = left > 0;
                left = left.saturating_sub(1);
                any
            });
            prop_assert_eq!(before.end(), ORIGIN + older as u64);
            buffer.prepend(before);
            prop_assert_eq!(buffer.end(), ORIGIN + 1 + newer as u64);
            prop_assert!(buffer.bytes <= buffer.limit);
            prop_assert_eq!(buffer.bytes, buffer.blocks.iter().map(Block::bytes).sum::<usize>());
            prop_assert_eq!(buffer.dropped(), buffer.first() + (older as u64) > ORIGIN + 1);
            let mut expected = buffer.first();
            buffer.lines(0, u64::MAX, |number, _, text| {
                assert_eq!(number, expected);
                let place = older as u64 + number - ORIGIN - 1;
                assert_eq!(text, format!("line {place}").as_bytes());
                expected += 1;
            });
            prop_assert_eq!(expected, buffer.end());
        }
    }
}
