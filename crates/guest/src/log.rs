//! The recent output of each program, in memory: nothing is written to the data disk, and size is bounded.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::sync::Notify;

/// Size of each log, in bytes.
const KEPT: usize = 512 * 1024;

/// The recent output of one program.
#[derive(Clone, Default)]
pub(crate) struct Log(Rc<Inner>);

#[derive(Default)]
struct Inner {
    ring: RefCell<Ring>,
    more: Notify,
}

#[derive(Default)]
struct Ring {
    bytes: VecDeque<u8>,
    /// Number of bytes that were dropped before the kept ones.
    forgotten: u64,
}

impl Log {
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut ring = self.0.ring.borrow_mut();
        ring.bytes.extend(bytes);
        let excess = ring.bytes.len().saturating_sub(KEPT);
        ring.bytes.drain(..excess);
        ring.forgotten += excess as u64;
        drop(ring);
        self.0.more.notify_waiters();
    }

    /// Up to `limit` bytes from offset `from` (counted from the first byte ever written), and the offset of their end.
    pub(crate) fn read(&self, from: u64, limit: usize) -> (Vec<u8>, u64) {
        let ring = self.0.ring.borrow();
        let from = from.max(ring.forgotten);
        let start = usize::try_from(from - ring.forgotten)
            .unwrap_or(usize::MAX)
            .min(ring.bytes.len());
        let end = ring.bytes.len().min(start.saturating_add(limit));
        let bytes: Vec<u8> = ring.bytes.range(start..end).copied().collect();
        let until = ring.forgotten + end as u64;
        (bytes, until)
    }

    /// The last lines, up to `limit` bytes, for an error message.
    pub(crate) fn tail(&self, limit: usize) -> String {
        let ring = self.0.ring.borrow();
        let start = ring.bytes.len().saturating_sub(limit);
        let bytes: Vec<u8> = ring.bytes.range(start..).copied().collect();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }

    /// Resolves when output is added after this call.
    pub(crate) fn more(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.more.notified()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_is_kept_and_counted_on() {
        let log = Log::default();
        log.push(b"first ");
        assert_eq!(log.read(0, 100), (b"first ".to_vec(), 6));
        assert_eq!(log.read(6, 100), (Vec::new(), 6));
        assert_eq!(log.read(2, 2), (b"rs".to_vec(), 4));
        for _ in 0..KEPT / 8 {
            log.push(b"12345678");
        }
        let (bytes, until) = log.read(0, usize::MAX);
        assert_eq!(bytes.len(), KEPT);
        assert_eq!(until, KEPT as u64 + 6);
        assert_eq!(log.read(until + 10, 5), (Vec::new(), until));
        assert_eq!(log.tail(9), "812345678");
    }
}
