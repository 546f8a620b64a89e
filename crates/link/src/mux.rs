//! The streams of one link: receive buffers, send windows, and the one task that reads the wire.
//!
//! Everything is behind one lock that is never held across an await. A writer writes to the wire itself if nothing is
//! queued, which saves switching to another task; the driver does the rest: it reads, and it writes queued frames when
//! the wire is writable again. Only the driver's waker is ever registered with the wire.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::frame::{HEADER, Header, Kind, MAX_DATA, MAX_MESSAGE, WINDOW};
use crate::{Ended, Wire};

/// Data waits while this much is queued; control frames do not.
const OUTPUT_LIMIT: usize = 256 * 1024;
/// Reading pauses while this much is queued: only a peer that provokes answers without reading them gets here.
const OUTPUT_FULL: usize = 1024 * 1024;
/// Room for the largest frame.
const INPUT: usize = 2 * (MAX_MESSAGE + HEADER);
/// An empty buffer with more capacity than this is freed.
const KEPT: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Host,
    Guest,
}

pub(crate) struct Mux {
    state: Mutex<State>,
}

struct State {
    side: Side,
    wire: Option<Wire>,
    ended: Option<Ended>,
    input: Input,
    /// The data frame being received: its stream and the remaining bytes.
    body: Option<(u32, usize)>,
    output: Output,
    streams: HashMap<u32, Stream>,
    max_streams: usize,
    /// Host: the last stream opened. Guest: the last one opened by the peer.
    last_stream: u32,
    /// Guest: streams opened by the peer and not yet accepted.
    opened: VecDeque<(u32, Vec<u8>)>,
    driver: Option<Waker>,
    acceptor: Option<Waker>,
    /// Wakers of tasks that wait for room in `output`, in order.
    writers: Vec<Waker>,
    closed: Vec<Waker>,
}

#[derive(Default)]
struct Stream {
    received: VecDeque<u8>,
    /// Host: the guest's answer, until it is taken.
    answer: Option<Vec<u8>>,
    answered: bool,
    /// Receive window: bytes that the peer may still send.
    window: u32,
    /// Bytes that were read and not yet announced to the peer.
    read: u32,
    /// Send window: bytes that we may still send.
    credit: u32,
    peer_finished: bool,
    we_finished: bool,
    reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Stream {
    fn new() -> Self {
        Self {
            window: WINDOW,
            credit: WINDOW,
            ..Self::default()
        }
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}

struct Input {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Input {
    fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Makes room for the whole frame that begins at the start.
    fn make_room(&mut self) {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.buffer.len() - self.start < MAX_MESSAGE + HEADER {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }
}

#[derive(Default)]
struct Output {
    buffer: Vec<u8>,
    sent: usize,
}

impl Output {
    fn unsent(&self) -> usize {
        self.buffer.len() - self.sent
    }

    fn push(&mut self, header: Header, payload: &[u8]) {
        debug_assert_eq!(header.length, payload.len());
        if self.sent > OUTPUT_LIMIT {
            self.buffer.drain(..self.sent);
            self.sent = 0;
        }
        self.buffer.extend_from_slice(&header.encode());
        self.buffer.extend_from_slice(payload);
    }

    fn took(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.buffer.len() {
            self.sent = 0;
            if self.buffer.capacity() > 2 * OUTPUT_LIMIT {
                self.buffer = Vec::new();
            } else {
                self.buffer.clear();
            }
        }
    }
}

impl Mux {
    pub(crate) fn new(side: Side, wire: Wire, max_streams: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                side,
                wire: Some(wire),
                ended: None,
                input: Input {
                    buffer: vec![0; INPUT].into_boxed_slice(),
                    start: 0,
                    end: 0,
                },
                body: None,
                output: Output::default(),
                streams: HashMap::new(),
                max_streams,
                last_stream: 0,
                opened: VecDeque::new(),
                driver: None,
                acceptor: None,
                writers: Vec::new(),
                closed: Vec::new(),
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No panic can leave the state inconsistent in a way that is worse than going on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads and writes until the link ends. Must be polled by one task.
    pub(crate) fn poll_drive(&self, context: &mut Context<'_>) -> Poll<Ended> {
        let mut state = self.state();
        if !matches!(&state.driver, Some(waker) if waker.will_wake(context.waker())) {
            state.driver = Some(context.waker().clone());
        }
        if let Err(ended) = state.drive(context) {
            state.end(ended);
        }
        match &state.ended {
            Some(ended) => Poll::Ready(ended.clone()),
            None => Poll::Pending,
        }
    }

    pub(crate) fn ended(&self) -> Option<Ended> {
        self.state().ended.clone()
    }

    /// Panics if the buffers exceed their limits.
    pub(crate) fn check_memory(&self, streams: usize) {
        let state = self.state();
        assert!(state.streams.len() <= streams.max(state.max_streams));
        assert!(state.opened.len() <= state.max_streams);
        assert!(state.output.unsent() <= OUTPUT_FULL + INPUT);
        for stream in state.streams.values() {
            assert!(stream.received.len() <= WINDOW as usize);
            assert!(stream.credit <= WINDOW);
            assert!(stream.window + stream.read <= WINDOW);
        }
    }

    pub(crate) fn end(&self, why: Ended) {
        self.state().end(why);
    }

    /// Returns the wire with the bytes that this link did not parse, once it has ended.
    pub(crate) fn take_wire(&self) -> Option<Wire> {
        let mut state = self.state();
        let mut wire = state.wire.take()?;
        wire.put_back(state.input.unread());
        state.end(Ended::ByUs);
        Some(wire)
    }

    pub(crate) fn poll_closed(&self, context: &mut Context<'_>) -> Poll<Ended> {
        let mut state = self.state();
        if let Some(ended) = &state.ended {
            return Poll::Ready(ended.clone());
        }
        if !state
            .closed
            .iter()
            .any(|waker| waker.will_wake(context.waker()))
        {
            state.closed.push(context.waker().clone());
        }
        Poll::Pending
    }

    /// Host: opens a stream with its request. The caller limits the number of streams.
    pub(crate) fn open(&self, request: &[u8]) -> Result<u32, Ended> {
        let mut state = self.state();
        if let Some(ended) = &state.ended {
            return Err(ended.clone());
        }
        // Stream ids are never reused. Four billion streams last for years; after that a new link is needed.
        let Some(stream) = state.last_stream.checked_add(1) else {
            state.end(Ended::ByUs);
            return Err(Ended::ByUs);
        };
        state.last_stream = stream;
        state.streams.insert(stream, Stream::new());
        state.send(stream, Kind::Open, request);
        Ok(stream)
    }

    /// Host: the guest's answer.
    pub(crate) fn poll_answer(
        &self,
        stream: u32,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Vec<u8>>> {
        let mut state = self.state();
        let ended = state.ended.clone();
        let entry = state.stream(stream)?;
        if let Some(answer) = entry.answer.take() {
            return Poll::Ready(Ok(answer));
        }
        if entry.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if let Some(ended) = ended {
            return Poll::Ready(Err(ended.into()));
        }
        entry.reader = Some(context.waker().clone());
        Poll::Pending
    }

    /// Guest: the next stream that the host opened, with its request.
    pub(crate) fn poll_opened(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<Result<(u32, Vec<u8>), Ended>> {
        let mut state = self.state();
        if let Some(opened) = state.opened.pop_front() {
            return Poll::Ready(Ok(opened));
        }
        if let Some(ended) = &state.ended {
            return Poll::Ready(Err(ended.clone()));
        }
        state.acceptor = Some(context.waker().clone());
        Poll::Pending
    }

    /// Guest: answers. Does nothing if the stream is gone.
    pub(crate) fn answer(&self, stream: u32, answer: &[u8]) {
        let mut state = self.state();
        if state.ended.is_none() && state.streams.contains_key(&stream) {
            state.send(stream, Kind::Answer, answer);
        }
    }

    pub(crate) fn poll_read(
        &self,
        stream: u32,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        let received = ready!(state.poll_received(stream, context))?;
        let (first, second) = received.as_slices();
        let from_first = first.len().min(into.remaining());
        into.put_slice(&first[..from_first]);
        let from_second = second.len().min(into.remaining());
        into.put_slice(&second[..from_second]);
        state.consume(stream, from_first + from_second);
        Poll::Ready(Ok(()))
    }

    /// Passes received bytes to `take`, which returns how many it took: they are not copied in between. An empty slice
    /// means the end.
    pub(crate) fn poll_take<T>(
        &self,
        stream: u32,
        context: &mut Context<'_>,
        take: impl FnOnce(&[u8], &mut Context<'_>) -> Poll<io::Result<(usize, T)>>,
    ) -> Poll<io::Result<T>> {
        let mut state = self.state();
        let received = ready!(state.poll_received(stream, context))?;
        let slice = match received.as_slices() {
            ([], second) => second,
            (first, _) => first,
        };
        let (count, result) = ready!(take(slice, context))?;
        state.consume(stream, count);
        Poll::Ready(Ok(result))
    }

    /// One complete message; `None` at the end. Cancel safe.
    pub(crate) fn poll_message(
        &self,
        stream: u32,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Vec<u8>>>> {
        const LENGTH: usize = 4;
        let mut state = self.state();
        let received = ready!(state.poll_received(stream, context))?;
        if received.is_empty() {
            return Poll::Ready(Ok(None));
        }
        let mut length = [0; LENGTH];
        let available = received.len();
        let known = available >= LENGTH;
        for (to, from) in length.iter_mut().zip(received.iter()) {
            *to = *from;
        }
        let length = u32::from_le_bytes(length) as usize;
        if known && length > MAX_MESSAGE {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a message of {length} bytes, {MAX_MESSAGE} is the most"),
            )));
        }
        if !known || available < LENGTH + length {
            // The window is larger than any message, so the rest arrives without a window update.
            let ended = state.ended.clone();
            let entry = state.stream(stream)?;
            if let Some(ended) = ended {
                return Poll::Ready(Err(ended.into()));
            }
            if entry.reset {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            if entry.peer_finished {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            entry.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let message = received.range(LENGTH..LENGTH + length).copied().collect();
        state.consume(stream, LENGTH + length);
        Poll::Ready(Ok(Some(message)))
    }

    /// Sends a message, whole or not at all.
    pub(crate) fn poll_send_message(
        &self,
        stream: u32,
        context: &mut Context<'_>,
        message: &[u8],
    ) -> Poll<io::Result<()>> {
        let Some(length) = u32::try_from(message.len())
            .ok()
            .filter(|_| message.len() <= MAX_MESSAGE)
        else {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "a message of {} bytes, {MAX_MESSAGE} is the most",
                    message.len()
                ),
            )));
        };
        let whole = 4 + length;
        let mut state = self.state();
        ready!(state.poll_may_send(stream, context, whole))?;
        let mut bytes = Vec::with_capacity(4 + message.len());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(message);
        for part in bytes.chunks(MAX_DATA) {
            state.send(stream, Kind::Data, part);
        }
        if let Some(entry) = state.streams.get_mut(&stream) {
            entry.credit -= whole;
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_write(
        &self,
        stream: u32,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let mut state = self.state();
        let credit = ready!(state.poll_may_send(stream, context, 1))?;
        let count = bytes.len().min(credit as usize).min(MAX_DATA);
        state.send(stream, Kind::Data, &bytes[..count]);
        if let Some(entry) = state.streams.get_mut(&stream) {
            entry.credit = credit.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        }
        Poll::Ready(Ok(count))
    }

    /// Ends our direction (half-close).
    pub(crate) fn finish(&self, stream: u32) -> io::Result<()> {
        let mut state = self.state();
        let Ok(entry) = state.stream(stream) else {
            return Ok(());
        };
        if entry.we_finished || entry.reset {
            return Ok(());
        }
        entry.we_finished = true;
        if let Some(ended) = &state.ended {
            return Err(ended.clone().into());
        }
        state.send(stream, Kind::Finish, &[]);
        Ok(())
    }

    /// The last handle to the stream was dropped.
    pub(crate) fn release(&self, stream: u32) {
        let mut state = self.state();
        let Some(entry) = state.streams.remove(&stream) else {
            return;
        };
        let over = entry.reset || (entry.peer_finished && entry.we_finished);
        if !over && state.ended.is_none() {
            state.send(stream, Kind::Reset, &[]);
        }
    }
}

impl State {
    fn stream(&mut self, stream: u32) -> io::Result<&mut Stream> {
        self.streams
            .get_mut(&stream)
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn end(&mut self, why: Ended) {
        if self.ended.is_some() {
            return;
        }
        self.ended = Some(why);
        if self.side == Side::Host {
            self.wire = None;
        }
        self.output = Output::default();
        for stream in self.streams.values_mut() {
            stream.wake();
        }
        let everybody = self.writers.drain(..).chain(self.closed.drain(..));
        for waker in everybody
            .chain(self.driver.take())
            .chain(self.acceptor.take())
        {
            waker.wake();
        }
    }

    /// Received bytes that were not read yet; empty at the end.
    fn poll_received(
        &mut self,
        stream: u32,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<&mut VecDeque<u8>>> {
        let Some(entry) = self.streams.get_mut(&stream) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        if !entry.received.is_empty() || entry.peer_finished {
            return Poll::Ready(Ok(&mut entry.received));
        }
        if entry.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if let Some(ended) = &self.ended {
            return Poll::Ready(Err(ended.clone().into()));
        }
        entry.reader = Some(context.waker().clone());
        Poll::Pending
    }

    /// How many bytes can be sent at once; waits for at least `wanted`.
    fn poll_may_send(
        &mut self,
        stream: u32,
        context: &mut Context<'_>,
        wanted: u32,
    ) -> Poll<io::Result<u32>> {
        if let Some(ended) = &self.ended {
            return Poll::Ready(Err(ended.clone().into()));
        }
        let full = self.output.unsent() >= OUTPUT_LIMIT;
        let entry = self.stream(stream)?;
        if entry.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if entry.we_finished {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if entry.credit < wanted {
            entry.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        let credit = entry.credit;
        if full {
            self.writers.push(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(credit))
    }

    fn consume(&mut self, stream: u32, count: usize) {
        let Some(entry) = self.streams.get_mut(&stream) else {
            return;
        };
        entry.received.drain(..count);
        if entry.received.is_empty() && entry.received.capacity() > KEPT {
            entry.received = VecDeque::new();
        }
        // Never more than was received, which is at most one window.
        entry.read += u32::try_from(count).unwrap_or(u32::MAX);
        if entry.read >= WINDOW / 2 && !entry.peer_finished && !entry.reset && self.ended.is_none()
        {
            let credit = std::mem::take(&mut entry.read);
            entry.window += credit;
            self.send(stream, Kind::Credit, &credit.to_le_bytes());
        }
    }

    /// Queues a frame, and writes it to the wire if nothing is queued before it.
    fn send(&mut self, stream: u32, kind: Kind, payload: &[u8]) {
        let idle = self.output.unsent() == 0;
        self.output.push(
            Header {
                stream,
                kind,
                length: payload.len(),
            },
            payload,
        );
        // While something is queued, the driver is already waiting for the wire.
        if !idle {
            return;
        }
        let Some(driver) = self.driver.clone() else {
            return; // The driver has not begun; it will find this.
        };
        // The driver will run into the same error and report it.
        if let Err(_) | Ok(true) = self.write(&mut Context::from_waker(&driver)) {
            driver.wake();
        }
    }

    /// Writes as much as possible. Returns `true` if some of it could not be flushed right away.
    fn write(&mut self, context: &mut Context<'_>) -> io::Result<bool> {
        let Some(wire) = &mut self.wire else {
            return Ok(false);
        };
        let mut wrote = false;
        while self.output.unsent() > 0 {
            let unsent = &self.output.buffer[self.output.sent..];
            match Pin::new(&mut *wire).poll_write(context, unsent) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    wrote = true;
                    self.output.took(count);
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        if self.output.unsent() < OUTPUT_LIMIT / 2 {
            for waker in self.writers.drain(..) {
                waker.wake();
            }
        }
        let unflushed = match Pin::new(wire).poll_flush(context) {
            Poll::Ready(Ok(())) => false,
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => wrote,
        };
        Ok(unflushed)
    }

    fn drive(&mut self, context: &mut Context<'_>) -> Result<(), Ended> {
        let failed = |error: io::Error| Ended::Io {
            kind: error.kind(),
            message: error.to_string(),
        };
        loop {
            if self.ended.is_some() {
                return Ok(());
            }
            self.write(context).map_err(failed)?;
            if self.output.unsent() >= OUTPUT_FULL {
                return Ok(());
            }
            self.input.make_room();
            let Some(wire) = &mut self.wire else {
                return Ok(());
            };
            let mut into = ReadBuf::new(&mut self.input.buffer[self.input.end..]);
            match Pin::new(wire).poll_read(context, &mut into) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(error)) => return Err(failed(error)),
                Poll::Ready(Ok(())) => {
                    let count = into.filled().len();
                    if count == 0 {
                        return Err(Ended::ByPeer);
                    }
                    self.input.end += count;
                }
            }
            self.take_frames()
                .map_err(|rule| Ended::Violation { rule })?;
        }
    }

    /// Parses every complete frame, and of a data frame also a partial payload.
    fn take_frames(&mut self) -> Result<(), &'static str> {
        loop {
            if let Some((stream, left)) = self.body {
                let count = left.min(self.input.end - self.input.start);
                if count == 0 {
                    return Ok(());
                }
                self.take_data(stream, count);
                self.body = (left > count).then_some((stream, left - count));
                continue;
            }
            let Some(header) = self.input.unread().first_chunk::<HEADER>() else {
                return Ok(());
            };
            let header = Header::decode(*header)?;
            if header.stream == 0 {
                return Err("streams are numbered from one");
            }
            if self.side == Side::Host && header.stream > self.last_stream {
                return Err("only the host opens streams");
            }
            if header.kind == Kind::Data {
                self.account(header)?;
                self.input.start += HEADER;
                self.body = (header.length > 0).then_some((header.stream, header.length));
                continue;
            }
            if self.input.end - self.input.start < HEADER + header.length {
                return Ok(());
            }
            self.take_control(header)?;
            self.input.start += HEADER + header.length;
        }
    }

    /// A data frame must fit into the window as a whole before any of it is accepted.
    fn account(&mut self, header: Header) -> Result<(), &'static str> {
        if self.side == Side::Guest && header.stream > self.last_stream {
            return Err("a stream is opened before it carries data");
        }
        let Some(entry) = self.streams.get_mut(&header.stream) else {
            return Ok(()); // We let go of it, and the peer could not know yet.
        };
        if entry.peer_finished {
            return Err("nothing follows the end");
        }
        if self.side == Side::Host && !entry.answered {
            return Err("the answer comes before the data");
        }
        let length = u32::try_from(header.length).unwrap_or(u32::MAX);
        entry.window = entry
            .window
            .checked_sub(length)
            .ok_or("data fits into the window")?;
        Ok(())
    }

    fn take_data(&mut self, stream: u32, count: usize) {
        let bytes = &self.input.buffer[self.input.start..self.input.start + count];
        if let Some(entry) = self.streams.get_mut(&stream) {
            entry.received.extend(bytes);
            if let Some(reader) = entry.reader.take() {
                reader.wake();
            }
        }
        self.input.start += count;
    }

    fn take_control(&mut self, header: Header) -> Result<(), &'static str> {
        let payload = &self.input.unread()[HEADER..HEADER + header.length];
        if header.kind == Kind::Open {
            if self.side == Side::Host {
                return Err("only the host opens streams");
            }
            if header.stream <= self.last_stream {
                return Err("no number is used twice");
            }
            let request = payload.to_vec();
            self.last_stream = header.stream;
            if self.streams.len() >= self.max_streams {
                self.send(header.stream, Kind::Reset, &[]);
                return Ok(());
            }
            self.streams.insert(header.stream, Stream::new());
            self.opened.push_back((header.stream, request));
            if let Some(acceptor) = self.acceptor.take() {
                acceptor.wake();
            }
            return Ok(());
        }
        if self.side == Side::Guest && header.stream > self.last_stream {
            return Err("a stream is opened before it is used");
        }
        let Some(entry) = self.streams.get_mut(&header.stream) else {
            return Ok(()); // We let go of it, and the peer could not know yet.
        };
        match header.kind {
            Kind::Answer if self.side == Side::Guest => return Err("only the guest answers"),
            Kind::Answer if entry.answered => return Err("a request is answered once"),
            Kind::Answer => {
                entry.answered = true;
                entry.answer = Some(payload.to_vec());
            }
            Kind::Credit => {
                let more = payload
                    .first_chunk()
                    .map_or(0, |more| u32::from_le_bytes(*more));
                entry.credit = entry
                    .credit
                    .checked_add(more)
                    .filter(|credit| *credit <= WINDOW)
                    .ok_or("no more is credited than was taken")?;
            }
            Kind::Finish if entry.peer_finished => return Err("a direction ends once"),
            Kind::Finish => entry.peer_finished = true,
            Kind::Reset => entry.reset = true,
            Kind::Open | Kind::Data => {}
        }
        entry.wake();
        Ok(())
    }
}
