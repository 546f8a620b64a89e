//! TCP connections to published ports and to the engine over a driver's frame socket: a network with two members, this
//! computer and the guest. This side runs smoltcp, the guest its kernel's TCP.
//!
//! Over the link, the guest agent would have to copy every byte. Here no program of the guest is in the data path.
//!
//! Frames from the guest are untrusted: smoltcp parses them, nothing listens on this side, and all buffers are bounded.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use slipway_link::guest_network::{GUEST, HOST, MTU, PREFIX};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp::{ConnectError, RecvError, Socket, SocketBuffer, State};
use smoltcp::time::Instant as StackInstant;
use smoltcp::wire::{EthernetAddress, IpCidr, Ipv4Cidr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::driver::VmStream;

/// Connect timeout. The guest's kernel is what answers.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long an address that did not answer is not tried again. The guest may have no route to it.
const REST: Duration = Duration::from_secs(30);
/// Limit of concurrent connections. Each adds a little work to every packet.
const MAX_CONNECTIONS: usize = 512;
/// Delayed-ACK time: how long an acknowledgement may wait for data to go with.
const ACKNOWLEDGE_WITHIN: smoltcp::time::Duration = smoltcp::time::Duration::from_millis(10);
/// How long a reset is retried towards a guest that may no longer be reading.
const FAREWELL: Duration = Duration::from_secs(1);
/// Buffers of closed sockets that are kept for reuse.
const SPARE: usize = 4;
/// Send buffer of each connection.
const OUT: usize = 256 * 1024;
/// Receive buffer of each connection, at most what the window field holds unscaled. A scaled window is rounded, so its
/// right edge can move back; smoltcp would then treat the last bytes that fit, cut off at that edge, as the end of the
/// stream.
const IN: usize = 65_535;
/// Bytes of frames that QEMU has not taken yet. No more are produced until it has.
const BACKLOG: usize = 1024 * 1024;
const ETHERNET_HEADER: usize = 14;
const MAX_FRAME: usize = MTU as usize + ETHERNET_HEADER;
/// Largest frame that QEMU forwards, whatever MTU the guest sets. Our frames are no longer than [`MAX_FRAME`].
const LONGEST: usize = 4096 + 64 * 1024;
/// Length prefix of each frame.
const LENGTH: usize = 4;
/// Delay before the next poll when work is due at once but could not be done in this one.
const SOON: Duration = Duration::from_millis(1);
/// Room for a few of the longest frames, or many short ones.
const INCOMING: usize = 4 * (LENGTH + MAX_FRAME);
/// A locally administered MAC address.
const ADDRESS: EthernetAddress = EthernetAddress([0x02, 0x53, 0x4c, 0x50, 0x00, 0x01]);
const FIRST_PORT: u16 = 1024;

/// A handle to the network, which lives as long as a handle does. Clones share it.
#[derive(Clone)]
pub(crate) struct GuestNetwork {
    stack: Shared,
    _task: Arc<AbortOnDropHandle<()>>,
}

type Shared = Arc<Mutex<Stack>>;

impl GuestNetwork {
    /// A network over `stream`, which carries frames, each with a four-byte big-endian length prefix.
    pub(crate) fn new(stream: Box<dyn VmStream>) -> Self {
        let stack = Arc::new(Mutex::new(Stack::new()));
        let carrier = Carrier {
            stack: stack.clone(),
            stream,
        };
        let task = tokio::spawn(async move {
            let error = carrier.carry().await;
            tracing::debug!(%error, "a network with the guest ended");
        });
        Self {
            stack,
            _task: Arc::new(AbortOnDropHandle::new(task)),
        }
    }

    /// Whether the other side is gone.
    pub(crate) fn is_over(&self) -> bool {
        lock(&self.stack).over
    }

    /// Connects to an address in the guest.
    pub(crate) async fn connect(&self, target: SocketAddrV4) -> io::Result<Connection> {
        let handle = lock(&self.stack).open(target)?;
        let connection = Connection {
            stack: self.stack.clone(),
            handle,
        };
        match tokio::time::timeout(PATIENCE, connection.established()).await {
            Ok(established) => established.map(|()| connection),
            Err(silence) => {
                lock(&self.stack).silent(*target.ip());
                Err(silence.into())
            }
        }
    }
}

fn lock(stack: &Shared) -> MutexGuard<'_, Stack> {
    stack.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A TCP connection into the guest. Dropped before its end, it is reset.
pub(crate) struct Connection {
    stack: Shared,
    handle: SocketHandle,
}

impl Connection {
    async fn established(&self) -> io::Result<()> {
        std::future::poll_fn(|context| {
            let mut stack = lock(&self.stack);
            let socket = stack.socket(self.handle);
            match socket.state() {
                State::SynSent => {
                    socket.register_recv_waker(context.waker());
                    Poll::Pending
                }
                State::Closed => Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into())),
                _ => Poll::Ready(Ok(())),
            }
        })
        .await
    }

    /// Copies bytes from `reader` to the guest and from the guest to `writer`, until both directions have ended.
    ///
    /// Half-close is passed on. Fails if either side resets the connection.
    pub(crate) async fn carry(
        &self,
        mut reader: impl AsyncRead + Unpin,
        mut writer: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut ends = Ends::default();
        std::future::poll_fn(|context| {
            let mut stack = lock(&self.stack);
            let socket = stack.socket(self.handle);
            let there = ends.send_to_guest(socket, Pin::new(&mut reader), context);
            let back = ends.take_from_guest(socket, Pin::new(&mut writer), context);
            let state = socket.state();
            // Runs however the function returns.
            socket.register_recv_waker(context.waker());
            socket.register_send_waker(context.waker());
            if there? | back? {
                stack.touched();
            }
            match state {
                State::Closed | State::TimeWait if ends.sent && ends.taken => Poll::Ready(Ok(())),
                // The guest reset the connection. What it sent before that is delivered first.
                State::Closed if ends.taken => {
                    Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
                }
                _ => Poll::Pending,
            }
        })
        .await
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut stack = lock(&self.stack);
        let socket = stack.socket(self.handle);
        if socket.is_open() {
            socket.abort();
        }
        stack.ended.push((self.handle, Instant::now() + FAREWELL));
        stack.touched();
    }
}

/// Which directions of a connection have ended.
#[derive(Default)]
struct Ends {
    /// `reader` has ended.
    read: bool,
    /// The FIN has been queued.
    sent: bool,
    taken: bool,
    /// The last bytes from the guest, copied here because the socket does not keep them until a slow client takes them.
    rest: Vec<u8>,
    /// The guest's data ends with `rest`.
    all_here: bool,
}

impl Ends {
    /// Copies from `reader` to the socket, as far as there is room. Returns whether anything was copied.
    fn send_to_guest<R: AsyncRead>(
        &mut self,
        socket: &mut Socket<'_>,
        mut reader: Pin<&mut R>,
        context: &mut Context<'_>,
    ) -> io::Result<bool> {
        let mut moved = false;
        while !self.read && socket.can_send() {
            let read = socket.send(|room| {
                let mut room = ReadBuf::new(room);
                let read = reader.as_mut().poll_read(context, &mut room);
                let count = room.filled().len();
                (count, read.map_ok(|()| count))
            });
            match read {
                Ok(Poll::Ready(Ok(0))) => self.read = true,
                Ok(Poll::Ready(Ok(_))) => moved = true,
                Ok(Poll::Ready(Err(error))) => return Err(error),
                Ok(Poll::Pending) | Err(_) => break,
            }
        }
        // Close only after all data is acknowledged: with a zero window, smoltcp would send window probes, and once
        // only window and FIN are left, it would poll in a busy loop.
        if self.read && !self.sent && socket.send_queue() == 0 {
            socket.close();
            // No data follows that an acknowledgement could go with.
            socket.set_ack_delay(None);
            self.sent = true;
            moved = true;
        }
        Ok(moved)
    }

    /// Copies from the socket to `writer`, as far as it takes data. Returns whether anything was copied.
    fn take_from_guest<W: AsyncWrite>(
        &mut self,
        socket: &mut Socket<'_>,
        mut writer: Pin<&mut W>,
        context: &mut Context<'_>,
    ) -> io::Result<bool> {
        let mut moved = false;
        if socket.state() == State::TimeWait {
            while let Ok(1..) = socket.recv(|bytes| {
                self.rest.extend_from_slice(bytes);
                (bytes.len(), bytes.len())
            }) {}
            self.all_here = true;
        }
        while !self.rest.is_empty() {
            match writer.as_mut().poll_write(context, &self.rest)? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(count) => drop(self.rest.drain(..count)),
                Poll::Pending => return Ok(moved),
            }
        }
        while !self.taken {
            if !socket.can_recv() {
                match socket.recv(|_| (0, ())) {
                    Ok(()) => break,
                    Err(RecvError::InvalidState) if !self.all_here => {
                        return Err(io::ErrorKind::ConnectionReset.into());
                    }
                    Err(_) => {
                        self.taken = writer.as_mut().poll_shutdown(context)?.is_ready();
                        break;
                    }
                }
            }
            let written = socket.recv(|bytes| {
                let written = writer.as_mut().poll_write(context, bytes);
                match written {
                    Poll::Ready(Ok(count)) => (count, written),
                    _ => (0, written),
                }
            });
            match written {
                Ok(Poll::Ready(Ok(0))) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(Poll::Ready(Ok(_))) => moved = true,
                Ok(Poll::Ready(Err(error))) => return Err(error),
                Ok(Poll::Pending) | Err(_) => break,
            }
        }
        Ok(moved)
    }
}

/// The TCP/IP stack of this side.
struct Stack {
    interface: Interface,
    sockets: SocketSet<'static>,
    wire: FrameBuffers,
    began: Instant,
    /// Closed sockets that may still have something to send, and until when.
    ended: Vec<(SocketHandle, Instant)>,
    /// Sockets that can be reused.
    spare: Vec<SocketHandle>,
    /// A socket was changed; the carrier has to poll.
    touched: bool,
    carrier: Option<Waker>,
    /// Addresses that did not answer, and until when they are not tried.
    rests: HashMap<Ipv4Addr, Instant>,
    /// The other side is gone.
    over: bool,
}

impl Stack {
    fn new() -> Self {
        let mut wire = FrameBuffers::default();
        let mut config = Config::new(ADDRESS.into());
        // Seed of the initial sequence numbers. Without randomness it is a constant.
        config.random_seed = getrandom::u64().unwrap_or_default();
        let mut interface = Interface::new(config, &mut wire, StackInstant::ZERO);
        interface.update_ip_addrs(|addresses| {
            // The list has at least one element.
            let _ = addresses.push(IpCidr::Ipv4(Ipv4Cidr::new(HOST, PREFIX)));
        });
        let route = interface.routes_mut().add_default_ipv4_route(GUEST);
        debug_assert!(route.is_ok(), "it is the first");
        Self {
            interface,
            sockets: SocketSet::new(Vec::new()),
            wire,
            began: Instant::now(),
            ended: Vec::new(),
            spare: Vec::new(),
            touched: false,
            carrier: None,
            rests: HashMap::new(),
            over: false,
        }
    }

    fn socket(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut(handle)
    }

    fn touched(&mut self) {
        self.touched = true;
        if let Some(carrier) = self.carrier.take() {
            carrier.wake();
        }
    }

    /// Starts to connect a socket.
    fn open(&mut self, target: SocketAddrV4) -> io::Result<SocketHandle> {
        if self.over {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let rests = self.rests.get(target.ip());
        if rests.is_some_and(|until| *until > Instant::now()) {
            return Err(io::Error::other("it did not answer a while ago"));
        }
        let used = self.sockets.iter().count() - self.spare.len();
        if used >= MAX_CONNECTIONS {
            return Err(io::Error::other("too many connections at once"));
        }
        let handle = self.spare.pop().unwrap_or_else(|| {
            let buffer = |size| SocketBuffer::new(vec![0; size]);
            self.sockets.add(Socket::new(buffer(IN), buffer(OUT)))
        });
        let port = self.free_port();
        let socket = self.sockets.get_mut::<Socket<'_>>(handle);
        // Send small segments at once (no Nagle).
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(Some(ACKNOWLEDGE_WITHIN));
        match socket.connect(self.interface.context(), target, port) {
            Ok(()) => {
                self.touched();
                Ok(handle)
            }
            Err(error @ (ConnectError::InvalidState | ConnectError::Unaddressable)) => {
                self.spare.push(handle);
                Err(io::Error::other(error))
            }
        }
    }

    /// A free local port, chosen at random so that nothing in the guest can predict it. There are many more ports than
    /// connections.
    fn free_port(&self) -> u16 {
        let mut port = getrandom::u32().map_or(FIRST_PORT, |random| (random & 0xffff) as u16);
        loop {
            port = port.wrapping_add(1).max(FIRST_PORT);
            let used = self.sockets.iter().any(|(_, socket)| {
                let smoltcp::socket::Socket::Tcp(socket) = socket;
                let local = socket.local_endpoint();
                local.is_some_and(|local| local.port == port)
            });
            if !used {
                return port;
            }
        }
    }

    /// Remembers that an address did not answer.
    fn silent(&mut self, address: Ipv4Addr) {
        let now = Instant::now();
        self.rests.retain(|_, until| *until > now);
        self.rests.insert(address, now + REST);
    }

    /// Processes received frames, produces frames to send, and returns when it has to be called again at the latest.
    fn advance(&mut self) -> Option<Instant> {
        self.touched = false;
        let elapsed = self.began.elapsed().as_micros();
        let now = StackInstant::from_micros(i64::try_from(elapsed).unwrap_or(i64::MAX));
        self.interface.poll(now, &mut self.wire, &mut self.sockets);
        let ended = std::mem::take(&mut self.ended);
        for (handle, until) in ended {
            let socket = self.sockets.get::<Socket<'_>>(handle);
            let untold = socket.state() == State::Closed && socket.remote_endpoint().is_some();
            if untold && until > Instant::now() {
                self.ended.push((handle, until));
            } else if !untold && self.spare.len() < SPARE {
                self.spare.push(handle);
            } else {
                self.sockets.remove(handle);
            }
        }
        if self.wire.is_full() {
            // Resumed when there is room, not at a point in time.
            return None;
        }
        let delay = self.interface.poll_delay(now, &self.sockets)?;
        let delay = Duration::from_micros(delay.total_micros()).max(SOON);
        Some(Instant::now() + delay)
    }

    /// Resets all connections and accepts no new ones.
    fn end(&mut self) {
        self.over = true;
        for (_, socket) in self.sockets.iter_mut() {
            let smoltcp::socket::Socket::Tcp(socket) = socket;
            socket.abort();
        }
    }
}

/// Moves frames between the stack and the driver's stream.
struct Carrier {
    stack: Shared,
    stream: Box<dyn VmStream>,
}

impl Drop for Carrier {
    fn drop(&mut self) {
        lock(&self.stack).end();
    }
}

impl Carrier {
    /// Runs until the stream ends, which is always an error.
    async fn carry(mut self) -> io::Error {
        let mut timer = pin!(tokio::time::sleep(Duration::ZERO));
        let mut until = None;
        std::future::poll_fn(|context| {
            loop {
                match self.step(context) {
                    Ok(Step::Advanced(next)) => until = next,
                    Ok(Step::Waits) => match until {
                        Some(deadline) => {
                            if timer.deadline() != deadline {
                                timer.as_mut().reset(deadline);
                            }
                            ready!(timer.as_mut().poll(context));
                            until = lock(&self.stack).advance();
                        }
                        None => return Poll::Pending,
                    },
                    Err(error) => return Poll::Ready(error),
                }
            }
        })
        .await
    }

    fn step(&mut self, context: &mut Context<'_>) -> io::Result<Step> {
        let mut stack = lock(&self.stack);
        let sent = stack.wire.send(&mut self.stream, context)?;
        let received = stack.wire.receive(&mut self.stream, context)?;
        if sent | received | stack.touched {
            return Ok(Step::Advanced(stack.advance()));
        }
        stack.carrier = Some(context.waker().clone());
        Ok(Step::Waits)
    }
}

enum Step {
    /// Work was done; the time of the next deadline.
    Advanced(Option<Instant>),
    /// Nothing to do until it is woken.
    Waits,
}

/// Buffers between the stack and the driver's stream.
struct FrameBuffers {
    incoming: Box<[u8]>,
    /// Start of the part of `incoming` that was not consumed yet.
    from: usize,
    to: usize,
    outgoing: Vec<u8>,
    /// Length of the part of `outgoing` that was written.
    written: usize,
    /// Whether the other side may open connections. Only tests allow it.
    takes_calls: bool,
}

impl Default for FrameBuffers {
    fn default() -> Self {
        Self {
            incoming: vec![0; INCOMING].into(),
            from: 0,
            to: 0,
            outgoing: Vec::new(),
            written: 0,
            takes_calls: false,
        }
    }
}

impl FrameBuffers {
    /// Writes what can be written. Returns whether anything was.
    fn send(
        &mut self,
        stream: &mut Box<dyn VmStream>,
        context: &mut Context<'_>,
    ) -> io::Result<bool> {
        let mut moved = false;
        while self.written < self.outgoing.len() {
            match Pin::new(&mut *stream).poll_write(context, &self.outgoing[self.written..]) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    self.written += count;
                    moved = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        if self.written == self.outgoing.len() || self.written > BACKLOG {
            self.outgoing.drain(..self.written);
            self.written = 0;
        }
        Ok(moved)
    }

    /// Reads once if there is room. Returns whether anything came.
    fn receive(
        &mut self,
        stream: &mut Box<dyn VmStream>,
        context: &mut Context<'_>,
    ) -> io::Result<bool> {
        if self.next_frame()?.is_some() {
            // Their answers would have to wait, so the frames wait too.
            return Ok(false);
        }
        self.incoming.copy_within(self.from..self.to, 0);
        self.to -= self.from;
        self.from = 0;
        let mut buffer = ReadBuf::new(&mut self.incoming[self.to..]);
        match Pin::new(stream).poll_read(context, &mut buffer) {
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            Poll::Ready(Ok(())) => {
                self.to += buffer.filled().len();
                // An impossible length is detected here, before the stream goes out of step.
                self.next_frame().map(|_| true)
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(false),
        }
    }

    /// The range of the next complete frame.
    fn next_frame(&self) -> io::Result<Option<(usize, usize)>> {
        let waiting = &self.incoming[self.from..self.to];
        let Some((length, rest)) = waiting.split_first_chunk() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if length > LONGEST {
            return Err(io::Error::other(format!("a frame of {length} bytes")));
        }
        let begin = self.from + LENGTH;
        Ok((length <= rest.len()).then_some((begin, begin + length)))
    }

    fn is_full(&self) -> bool {
        self.outgoing.len() - self.written > BACKLOG
    }
}

impl Device for FrameBuffers {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, _: StackInstant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        if self.is_full() {
            return None;
        }
        loop {
            // A wrong length ends the network at the next read.
            let (begin, end) = self.next_frame().ok().flatten()?;
            self.from = end;
            let ours = self.takes_calls || !calls(&self.incoming[begin..end]);
            if ours && end - begin <= MAX_FRAME {
                let frame = Received(&self.incoming[begin..end]);
                return Some((frame, ToSend(&mut self.outgoing)));
            }
        }
    }

    fn transmit(&mut self, _: StackInstant) -> Option<Self::TxToken<'_>> {
        (!self.is_full()).then_some(ToSend(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MAX_FRAME;
        capabilities
    }
}

/// Whether a frame opens a TCP connection. Nothing listens on this side; and smoltcp would take a SYN to a port that is
/// about to connect for a simultaneous open, and miscount.
fn calls(frame: &[u8]) -> bool {
    const TCP: u8 = 6;
    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;
    let Some([8, 0, rest @ ..]) = frame.get(12..) else {
        return false;
    };
    let flags = rest
        .first()
        .and_then(|first| rest.get(usize::from(first & 0x0f) * 4 + 13));
    rest.get(9) == Some(&TCP) && flags.is_some_and(|flags| flags & (SYN | ACK) == SYN)
}

struct Received<'a>(&'a [u8]);

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, with: F) -> R {
        with(self.0)
    }
}

struct ToSend<'a>(&'a mut Vec<u8>);

impl phy::TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, with: F) -> R {
        let announced = u32::try_from(length).unwrap_or_default();
        self.0.extend_from_slice(&announced.to_be_bytes());
        let begin = self.0.len();
        self.0.resize(begin + length, 0);
        with(&mut self.0[begin..])
    }
}

#[cfg(test)]
mod tests;
