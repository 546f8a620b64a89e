//! On which processor the agent works: where the program is that it carries single messages for.
//!
//! Each message to a container wakes its program, and each answer wakes the agent. On the same processor one simply
//! follows the other. Across processors each wake is an interrupt, sent while the socket is locked, and on an emulated
//! processor sending one means to wait for the emulator. Streams of bytes are better off on two processors.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use rustix::net::sockopt::socket_incoming_cpu;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// So many messages in a row have to come from another processor before the agent goes there.
const STEADY: u32 = 8;
/// What is as long as this is no single message.
const STREAM: usize = 8 * 1024;

/// Where the agent's thread works. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Place(Rc<RefCell<Choice>>);

#[derive(Debug, Default, PartialEq, Eq)]
struct Choice {
    /// The one processor; none is any.
    at: Option<usize>,
    wish: usize,
    times: u32,
}

/// Where to go.
#[derive(Debug, PartialEq, Eq)]
enum Move {
    To(usize),
    Anywhere,
}

impl Choice {
    fn message_from(&mut self, processor: usize) -> Option<Move> {
        if self.at == Some(processor) {
            self.times = 0;
            return None;
        }
        if self.wish != processor {
            self.wish = processor;
            self.times = 0;
        }
        self.times += 1;
        if self.times < STEADY {
            return None;
        }
        self.times = 0;
        self.at = Some(processor);
        Some(Move::To(processor))
    }

    fn stream(&mut self) -> Option<Move> {
        self.times = 0;
        self.at.take().map(|_| Move::Anywhere)
    }
}

impl Place {
    /// A connection's two halves, which say where their messages come from.
    pub(crate) fn follow(&self, socket: TcpStream) -> (Reader, Writer) {
        let (reader, writer) = socket.into_split();
        let place = self.clone();
        (
            Reader { reader, place },
            Writer {
                writer,
                place: self.clone(),
            },
        )
    }

    /// Does something for which children are started: they work wherever they like.
    pub(crate) fn anywhere() -> io::Result<Home> {
        let was = sched_getaffinity(None)?;
        go(&Move::Anywhere);
        Ok(Home(was))
    }

    fn message(&self, socket: &TcpStream, length: usize) {
        let go_to = if length >= STREAM {
            self.0.borrow_mut().stream()
        } else if let Ok(processor) = socket_incoming_cpu(socket) {
            self.0.borrow_mut().message_from(processor as usize)
        } else {
            None
        };
        go_to.iter().for_each(go);
    }

    fn stream(&self) {
        self.0.borrow_mut().stream().iter().for_each(go);
    }
}

/// Goes back where the thread was.
pub(crate) struct Home(CpuSet);

impl Drop for Home {
    fn drop(&mut self) {
        let _ = sched_setaffinity(None, &self.0);
    }
}

/// Where it works is of no consequence but speed.
fn go(to: &Move) {
    let mut processors = CpuSet::new();
    match to {
        Move::To(processor) if *processor < CpuSet::MAX_CPU => processors.set(*processor),
        _ => (0..CpuSet::MAX_CPU).for_each(|processor| processors.set(processor)),
    }
    let _ = sched_setaffinity(None, &processors);
}

/// What comes from a connection.
pub(crate) struct Reader {
    reader: OwnedReadHalf,
    place: Place,
}

/// What goes to a connection.
pub(crate) struct Writer {
    writer: OwnedWriteHalf,
    place: Place,
}

impl Drop for Reader {
    fn drop(&mut self) {
        // Whoever still talks has the agent come back.
        self.place.stream();
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.reader).poll_read(context, into))?;
        let length = into.filled().len() - before;
        if length > 0 {
            self.place.message(self.reader.as_ref(), length);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.len() >= STREAM {
            self.place.stream();
        }
        Pin::new(&mut self.writer).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_goes_where_messages_keep_coming_from() {
        let mut choice = Choice::default();
        let mut from = |processor, times| -> Vec<Move> {
            (0..times)
                .filter_map(|_| choice.message_from(processor))
                .collect()
        };
        assert_eq!(from(1, STEADY), [Move::To(1)]);
        assert_eq!(from(1, 100), []);
        // Two that talk in turn have it stay.
        for _ in 0..100 {
            assert_eq!(from(0, STEADY - 1), []);
            assert_eq!(from(1, 1), []);
        }
        assert_eq!(from(0, STEADY), [Move::To(0)]);
    }

    #[test]
    fn streams_are_carried_from_anywhere() {
        let mut choice = Choice::default();
        assert_eq!(choice.stream(), None);
        while choice.message_from(1).is_none() {}
        assert_eq!(choice.stream(), Some(Move::Anywhere));
        assert_eq!(choice.stream(), None);
        // Messages between pieces of a stream are not enough.
        for _ in 0..100 {
            assert!((1..STEADY).all(|_| choice.message_from(1).is_none()));
            assert_eq!(choice.stream(), None);
        }
    }

    #[test]
    fn whoever_starts_children_comes_back() {
        let all = sched_getaffinity(None).unwrap();
        let first = (0..CpuSet::MAX_CPU).find(|at| all.is_set(*at)).unwrap();
        go(&Move::To(first));
        let home = Place::anywhere().unwrap();
        assert_eq!(sched_getaffinity(None).unwrap(), all);
        drop(home);
        assert_eq!(sched_getaffinity(None).unwrap().count(), 1);
    }
}
