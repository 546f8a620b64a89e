//! The network with a guest that runs the same stack as ours, and with hostile guests.

use proptest::prelude::*;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpRepr, EthernetFrame, EthernetProtocol, EthernetRepr, IpProtocol, Ipv4Packet,
    Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
};
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const PORT: u16 = 80;
const TARGET: SocketAddrV4 = SocketAddrV4::new(GUEST, PORT);

/// What the guest's program does with each connection.
#[derive(Clone, Copy)]
enum Program {
    /// Echoes everything, and ends when the other side has.
    Echo,
    /// Reads one byte and resets the connection.
    Reset,
    /// Sends this much and ends.
    Says(usize),
}

/// The guest side of the network. Dropping it ends its task.
struct FakeGuest {
    stack: Shared,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl FakeGuest {
    /// A guest whose program handles this many connections at once.
    fn new(stream: DuplexStream, program: Program, listeners: usize) -> Self {
        let mut stack = Stack::new();
        stack.wire.takes_calls = true;
        stack.interface.update_ip_addrs(|addresses| {
            addresses.clear();
            let _ = addresses.push(IpCidr::Ipv4(Ipv4Cidr::new(GUEST, PREFIX)));
        });
        let handles: Vec<SocketHandle> = (0..listeners)
            .map(|_| {
                let buffer = || SocketBuffer::new(vec![0; 64 * 1024]);
                stack.sockets.add(Socket::new(buffer(), buffer()))
            })
            .collect();
        let stack = Arc::new(Mutex::new(stack));
        let carrier = Carrier {
            stack: stack.clone(),
            stream: Box::new(stream),
        };
        let served = stack.clone();
        let serve = async move {
            loop {
                {
                    let mut stack = lock(&served);
                    for handle in &handles {
                        step(stack.socket(*handle), program);
                    }
                    stack.touched();
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let carry = async move {
            carrier.carry().await;
        };
        Self {
            stack,
            _tasks: [
                AbortOnDropHandle::new(tokio::spawn(serve)),
                AbortOnDropHandle::new(tokio::spawn(carry)),
            ],
        }
    }

    fn connected(&self) -> usize {
        let stack = lock(&self.stack);
        let sockets = stack.sockets.iter();
        sockets
            .filter(|(_, socket)| {
                let smoltcp::socket::Socket::Tcp(socket) = socket;
                socket.state() == State::Established
            })
            .count()
    }
}

fn step(socket: &mut Socket<'_>, program: Program) {
    if !socket.is_open() {
        socket.listen(PORT).expect("it is not open");
    }
    match program {
        Program::Echo => {
            while socket.can_recv() && socket.can_send() {
                let room = socket.send_capacity() - socket.send_queue();
                let bytes = socket.recv(|bytes| {
                    let count = bytes.len().min(room);
                    (count, bytes[..count].to_vec())
                });
                let bytes = bytes.expect("it can");
                let sent = socket.send_slice(&bytes).expect("it can");
                assert_eq!(sent, bytes.len());
            }
            if socket.state() == State::CloseWait && !socket.can_recv() {
                socket.close();
            }
        }
        Program::Reset => {
            if socket.can_recv() {
                socket.abort();
            }
        }
        Program::Says(length) => {
            if socket.state() == State::Established {
                assert_eq!(socket.send_slice(&pattern(length)), Ok(length));
                socket.close();
            }
        }
    }
}

fn network() -> (GuestNetwork, DuplexStream) {
    let (here, there) = tokio::io::duplex(256 * 1024);
    (GuestNetwork::new(Box::new(here)), there)
}

/// Both ends of a loopback TCP connection.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, accepted) = tokio::join!(client, listener.accept());
    (client.unwrap(), accepted.unwrap().0)
}

async fn carry(connection: Connection, mut stream: TcpStream) -> io::Result<()> {
    let (reader, writer) = stream.split();
    connection.carry(reader, writer).await
}

fn pattern(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

#[tokio::test]
async fn bytes_and_ends_go_both_ways() {
    let (network, there) = network();
    let guest = FakeGuest::new(there, Program::Echo, 4);
    for length in [0, 1, 100, 3 << 20] {
        let connection = network.connect(TARGET).await.unwrap();
        let (client, stream) = pair().await;
        let carried = tokio::spawn(carry(connection, stream));
        let (mut reader, mut writer) = client.into_split();
        let sent = pattern(length);
        let expected = sent.clone();
        let writing = tokio::spawn(async move {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
        });
        let mut taken = Vec::new();
        reader.read_to_end(&mut taken).await.unwrap();
        assert!(taken == expected, "{} of {length}", taken.len());
        writing.await.unwrap();
        carried.await.unwrap().unwrap();
    }
    assert_eq!(guest.connected(), 0);
}

/// Both ends of a connection whose first end has so many unread bytes that the second cannot send.
async fn full_pair() -> (TcpStream, TcpStream, usize) {
    let (client, stream) = pair().await;
    let mut count = 0;
    stream.writable().await.unwrap();
    // Data that one end has sent may not have reached the other yet.
    for _ in 0..20 {
        while let Ok(written) = stream.try_write(&[0; 1000]) {
            count += written;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (client, stream, count)
}

#[tokio::test]
async fn who_ends_first_and_takes_late_gets_everything() {
    const LENGTH: usize = 60_000;
    // Longer than TCP remembers a closed connection (TIME-WAIT).
    const LATE: Duration = Duration::from_secs(11);
    for (program, late) in [
        (Program::Echo, LATE),
        (Program::Says(LENGTH), Duration::from_millis(200)),
    ] {
        let (network, there) = network();
        let _guest = FakeGuest::new(there, program, 1);
        let connection = network.connect(TARGET).await.unwrap();
        let (mut client, stream, before) = full_pair().await;
        let carried = tokio::spawn(carry(connection, stream));
        if let Program::Echo = program {
            client.write_all(&pattern(LENGTH)).await.unwrap();
        } else {
            // The guest closes before this side does.
            tokio::time::sleep(late).await;
        }
        client.shutdown().await.unwrap();
        tokio::time::sleep(late).await;
        assert!(!carried.is_finished(), "{:?}", carried.await);
        let mut taken = Vec::new();
        client.read_to_end(&mut taken).await.unwrap();
        assert!(taken[before..] == pattern(LENGTH), "{}", taken.len());
        carried.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_break_on_either_side_is_a_break_on_the_other() {
    let (network, there) = network();
    let _guest = FakeGuest::new(there, Program::Reset, 1);
    let connection = network.connect(TARGET).await.unwrap();
    let (mut client, stream) = pair().await;
    client.write_all(b"x").await.unwrap();
    let error = carry(connection, stream).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);

    let (network, there) = self::network();
    let guest = FakeGuest::new(there, Program::Echo, 1);
    let connection = network.connect(TARGET).await.unwrap();
    let (client, stream) = pair().await;
    SockRef::from(&client)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(client);
    assert!(carry(connection, stream).await.is_err());
    while guest.connected() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_port_without_a_program_refuses() {
    let (network, there) = network();
    let _guest = FakeGuest::new(there, Program::Echo, 1);
    for _ in 0..3 * SPARE {
        let refused = network.connect(SocketAddrV4::new(GUEST, PORT + 1)).await;
        let kind = refused.err().map(|error| error.kind());
        assert_eq!(kind, Some(io::ErrorKind::ConnectionRefused));
    }
    // The memory of closed connections is bounded, and does not block new ones.
    let stack = lock(&network.stack);
    assert!(stack.sockets.iter().count() <= SPARE + 1);
}

#[tokio::test]
async fn no_more_connections_than_there_may_be() {
    let (network, there) = network();
    let _guest = FakeGuest::new(there, Program::Echo, MAX_CONNECTIONS);
    let mut connections = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        connections.push(network.connect(TARGET).await.unwrap());
    }
    assert!(network.connect(TARGET).await.is_err());
    drop(connections);
    let again = async {
        while network.connect(TARGET).await.is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_does_not_answer_is_left_alone_for_a_while() {
    let (network, there) = network();
    let began = Instant::now();
    assert!(network.connect(TARGET).await.is_err());
    assert!(began.elapsed() >= PATIENCE);
    let began = Instant::now();
    assert!(network.connect(TARGET).await.is_err());
    assert_eq!(began.elapsed(), Duration::ZERO);
    tokio::time::sleep(REST).await;
    let _guest = FakeGuest::new(there, Program::Echo, 1);
    network.connect(TARGET).await.unwrap();
}

#[tokio::test]
async fn the_end_of_the_network_breaks_its_connections() {
    let (network, there) = network();
    let guest = FakeGuest::new(there, Program::Echo, 1);
    let connection = network.connect(TARGET).await.unwrap();
    // Its end of the stream goes with it.
    drop(guest);
    let (_client, stream) = pair().await;
    assert!(carry(connection, stream).await.is_err());
    assert!(network.is_over());
    assert!(network.connect(TARGET).await.is_err());
}

#[tokio::test]
async fn a_length_that_no_frame_has_ends_the_network() {
    let (network, mut there) = network();
    there.write_all(&[0xff; 64]).await.unwrap();
    while !network.is_over() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A guest that forges its packets, with one connection.
struct Forger {
    stack: Stack,
    handle: SocketHandle,
    port: u16,
    /// Initial sequence number of the connection.
    first: TcpSeqNumber,
    acknowledged: TcpSeqNumber,
    /// The window it announces, unscaled.
    window: u16,
}

const GUESTS: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 9]);

impl Forger {
    fn new() -> Self {
        let mut forger = Self::called();
        forger.stack.wire.outgoing.clear();
        forger.answer_whose_address_it_is();
        let call = sent(&forger.stack);
        // Announces no window scaling.
        assert_eq!(call.window_scale, Some(0));
        forger.acknowledged = call.seq_number + 1;
        forger.say(TcpControl::Syn, 0, &[]);
        forger.first += 1;
        assert_eq!(forger.socket().state(), State::Established);
        forger
    }

    /// Answers ARP and accepts the connection.
    fn called() -> Self {
        let mut stack = Stack::new();
        let handle = stack.open(TARGET).unwrap();
        let local = stack.socket(handle).local_endpoint().unwrap();
        stack.advance();
        Self {
            handle,
            port: local.port,
            first: TcpSeqNumber(1000),
            acknowledged: TcpSeqNumber(0),
            window: 65_535,
            stack,
        }
    }

    fn answer_whose_address_it_is(&mut self) {
        let arp = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Reply,
            source_hardware_addr: GUESTS,
            source_protocol_addr: GUEST,
            target_hardware_addr: ADDRESS,
            target_protocol_addr: HOST,
        };
        let mut payload = vec![0; arp.buffer_len()];
        arp.emit(&mut smoltcp::wire::ArpPacket::new_unchecked(&mut payload));
        put(&mut self.stack, EthernetProtocol::Arp, &payload);
        self.stack.advance();
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.stack.socket(self.handle)
    }

    /// Hands a segment to the stack.
    fn put(&mut self, control: TcpControl, offset: usize, payload: &[u8]) {
        self.put_with(control, offset, payload, Some(self.acknowledged));
    }

    fn put_with(
        &mut self,
        control: TcpControl,
        offset: usize,
        payload: &[u8],
        ack_number: Option<TcpSeqNumber>,
    ) {
        let tcp = TcpRepr {
            src_port: PORT,
            dst_port: self.port,
            control,
            seq_number: self.first + offset,
            ack_number,
            window_len: self.window,
            window_scale: (control == TcpControl::Syn).then_some(7),
            max_seg_size: (control == TcpControl::Syn).then_some(65_480),
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload,
        };
        let ip = Ipv4Repr {
            src_addr: GUEST,
            dst_addr: HOST,
            next_header: IpProtocol::Tcp,
            payload_len: tcp.buffer_len(),
            hop_limit: 64,
        };
        let checksums = ChecksumCapabilities::default();
        let mut packet = vec![0; ip.buffer_len() + tcp.buffer_len()];
        ip.emit(&mut Ipv4Packet::new_unchecked(&mut packet), &checksums);
        tcp.emit(
            &mut TcpPacket::new_unchecked(&mut packet[ip.buffer_len()..]),
            &GUEST.into(),
            &HOST.into(),
            &checksums,
        );
        put(&mut self.stack, EthernetProtocol::Ipv4, &packet);
    }

    fn say(&mut self, control: TcpControl, offset: usize, payload: &[u8]) {
        self.put(control, offset, payload);
        self.stack.advance();
    }
}

/// A client whose connection leads to the forger.
struct Client {
    /// Set when it has ended.
    there: Option<DuplexStream>,
    here: DuplexStream,
    ends: Ends,
}

impl Client {
    fn new() -> Self {
        let (there, here) = tokio::io::duplex(64 * 1024);
        Self {
            there: Some(there),
            here,
            ends: Ends::default(),
        }
    }

    /// Does what the connection's task would do.
    fn carry(&mut self, forger: &mut Forger) {
        let mut context = Context::from_waker(Waker::noop());
        let here = Pin::new(&mut self.here);
        self.ends
            .send_to_guest(forger.socket(), here, &mut context)
            .unwrap();
        forger.stack.advance();
    }
}

/// The first packet that the stack has sent.
fn sent(stack: &Stack) -> TcpRepr<'_> {
    let packet = &stack.wire.outgoing[LENGTH + ETHERNET_HEADER..];
    let ip = Ipv4Packet::new_checked(packet).unwrap();
    let segment = usize::from(ip.header_len())..usize::from(ip.total_len());
    let tcp = TcpPacket::new_checked(&packet[segment]).unwrap();
    TcpRepr::parse(
        &tcp,
        &HOST.into(),
        &GUEST.into(),
        &ChecksumCapabilities::default(),
    )
    .unwrap()
}

fn put(stack: &mut Stack, ethertype: EthernetProtocol, payload: &[u8]) {
    let ethernet = EthernetRepr {
        src_addr: GUESTS,
        dst_addr: ADDRESS,
        ethertype,
    };
    let mut frame = EthernetFrame::new_unchecked(vec![0; ETHERNET_HEADER + payload.len()]);
    ethernet.emit(&mut frame);
    frame.payload_mut().copy_from_slice(payload);
    put_frame(stack, &frame.into_inner());
}

fn put_frame(stack: &mut Stack, frame: &[u8]) {
    let length = u32::try_from(frame.len()).unwrap();
    let end = stack.wire.to + LENGTH + frame.len();
    stack.wire.incoming[stack.wire.to..end]
        .copy_from_slice(&[&length.to_be_bytes()[..], frame].concat());
    stack.wire.to = end;
}

/// Byte of the forged stream at an offset.
fn word(at: usize) -> u8 {
    u8::try_from(at % 251).unwrap()
}

#[tokio::test]
async fn nobody_is_there_to_be_called() {
    let mut forger = Forger::called();
    forger.put_with(TcpControl::Syn, 0, &[], None);
    forger.stack.advance();
    assert_eq!(forger.socket().state(), State::SynSent);
    forger.stack.advance();
}

#[tokio::test]
async fn what_was_sent_and_what_was_broken_are_told_apart() {
    let mut forger = Forger::new();
    forger.say(TcpControl::Psh, 0, b"all");
    forger.say(TcpControl::Fin, 3, b"");
    let mut bytes = [0; 8];
    assert_eq!(forger.socket().recv_slice(&mut bytes), Ok(3));
    assert_eq!(
        forger.socket().recv_slice(&mut bytes),
        Err(RecvError::Finished)
    );

    let mut forger = Forger::new();
    forger.say(TcpControl::Psh, 0, b"a part");
    forger.say(TcpControl::Rst, 6, b"");
    assert_eq!(forger.socket().recv_slice(&mut bytes), Ok(6));
    assert_eq!(
        forger.socket().recv_slice(&mut bytes),
        Err(RecvError::InvalidState)
    );
}

#[tokio::test]
async fn a_frame_that_is_too_long_is_left_out() {
    let mut forger = Forger::new();
    forger.say(TcpControl::Psh, 0, &vec![7; IN - 40]);
    assert!(!forger.socket().can_recv());
    forger.say(TcpControl::Psh, 0, b"all");
    let mut bytes = [0; 8];
    assert_eq!(forger.socket().recv_slice(&mut bytes), Ok(3));
    assert_eq!(&bytes[..3], b"all");
}

/// The client's program hangs and then gives up.
#[tokio::test(start_paused = true)]
async fn a_guest_that_took_all_and_has_no_room_is_left_in_peace() {
    let mut forger = Forger::new();
    let mut client = Client::new();
    let mut there = client.there.take().unwrap();
    there.write_all(&[7; 1000]).await.unwrap();
    drop(there);
    client.carry(&mut forger);
    forger.window = 0;
    let first = forger.acknowledged;
    // A part, all of it, and the FIN.
    for taken in [400, 1000, 1001] {
        forger.acknowledged = first + taken;
        forger.say(TcpControl::None, 0, b"");
        client.carry(&mut forger);
    }
    assert_eq!(forger.socket().state(), State::FinWait2);
    for _ in 0..60 {
        forger.stack.wire.outgoing.clear();
        tokio::time::advance(Duration::from_secs(1)).await;
        forger.stack.advance();
        assert_eq!(forger.stack.wire.outgoing.len(), 0);
    }
}

/// When the window's right edge moves back, a guest can send what is cut off there, and its FIN still counts as the
/// end.
#[tokio::test]
async fn the_end_of_the_window_never_moves_back() {
    let mut forger = Forger::new();
    let mut end = forger.first + IN;
    let mut at = 0;
    while at < IN - 2000 {
        let piece: Vec<u8> = (at..at + 997).map(word).collect();
        forger.stack.wire.outgoing.clear();
        forger.say(TcpControl::None, at, &piece);
        at += 997;
        if at % 3 == 0 {
            forger.socket().recv(|_| (101, ())).unwrap();
        }
        // Acknowledgements are delayed.
        std::thread::sleep(Duration::from_millis(11));
        forger.stack.advance();
        let answer = sent(&forger.stack);
        assert_eq!(answer.ack_number, Some(forger.first + at));
        let now = forger.first + at + usize::from(answer.window_len);
        assert!(now >= end, "by {}", end - now);
        end = now;
    }
}

proptest! {
    /// Any input is parsed or dropped, and what is kept of it is bounded.
    #[test]
    fn frames_may_be_anything(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..50),
    ) {
        let runtime = runtime();
        let _inside = runtime.enter();
        let mut stack = Stack::new();
        stack.open(TARGET).unwrap();
        for mut frame in frames {
            if frame.len() > 14 && frame[0] & 1 == 0 {
                // Random bytes alone would never be addressed to us.
                frame[12] = 8;
                frame[13] = 3 * (frame[0] & 2);
                frame[..6].copy_from_slice(&ADDRESS.0);
            }
            put_frame(&mut stack, &frame);
        }
        stack.advance();
        prop_assert_eq!(stack.wire.from, stack.wire.to);
        prop_assert!(stack.wire.outgoing.len() < 64 * 1024);
    }

    /// Segments in any order, inside and outside of the window: the data taken from them is the data that was sent.
    #[test]
    fn segments_may_be_anything(
        segments in proptest::collection::vec(
            (
                prop_oneof![0..2_000_usize, 60_000..70_000_usize, 0..600_000_usize],
                0..1400_usize,
                prop_oneof![
                    8 => Just(TcpControl::None),
                    1 => Just(TcpControl::Psh),
                    1 => Just(TcpControl::Fin),
                    1 => Just(TcpControl::Rst),
                    1 => Just(TcpControl::Syn),
                ],
                any::<bool>(),
            ),
            1..60,
        ),
        together in any::<bool>(),
    ) {
        let runtime = runtime();
        let _inside = runtime.enter();
        let mut forger = Forger::new();
        let mut taken = 0;
        for (offset, length, control, takes) in segments {
            let payload: Vec<u8> = (offset..offset + length).map(word).collect();
            if together && forger.stack.wire.to < INCOMING / 2 {
                forger.put(control, offset, &payload);
            } else {
                forger.say(control, offset, &payload);
            }
            if takes {
                let mut bytes = [0; 3000];
                if let Ok(count) = forger.socket().recv_slice(&mut bytes) {
                    let expected: Vec<u8> = (taken..taken + count).map(word).collect();
                    prop_assert!(bytes[..count] == expected);
                    taken += count;
                }
            }
            if forger.socket().state() != State::Established {
                // Bytes after a FIN belong to no stream.
                break;
            }
        }
        forger.stack.advance();
    }
}

#[derive(Debug, Clone)]
enum Happening {
    /// The client sends this many bytes.
    Sends(usize),
    /// The client closes.
    Ends,
    /// The guest acknowledges this much and announces this window.
    Takes(usize, u16),
    /// The same, with a FIN.
    TakesAndEnds(usize, u16),
    /// This many milliseconds pass.
    Passes(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let room = || prop_oneof![3 => Just(0_u16), 1 => Just(1), 1 => 0..1000_u16, 1 => Just(65_535)];
    let taken = || prop_oneof![0..20_usize, 0..3_000_usize];
    prop_oneof![
        4 => (1..1_500_usize).prop_map(Happening::Sends),
        1 => Just(Happening::Ends),
        6 => (taken(), room()).prop_map(|(taken, room)| Happening::Takes(taken, room)),
        1 => (taken(), room()).prop_map(|(taken, room)| Happening::TakesAndEnds(taken, room)),
        4 => prop_oneof![0..50_u64, 900..1_100_u64, 0..100_000_u64].prop_map(Happening::Passes),
    ]
}

proptest! {
    /// Whatever a guest acknowledges and announces, the data buffered for it is bounded.
    #[test]
    fn acknowledgements_may_be_anything(
        happenings in proptest::collection::vec(happening(), 1..60),
    ) {
        runtime().block_on(async {
            tokio::time::pause();
            let mut forger = Forger::new();
            let mut client = Client::new();
            let mut sent = 0;
            // The client's bytes, counted as the stack counts them.
            let mut taken = 0;
            for happening in happenings {
                match happening {
                    Happening::Sends(count) if sent + count < 60_000 => {
                        if let Some(there) = &mut client.there {
                            there.write_all(&vec![7; count]).await.unwrap();
                            sent += count;
                        }
                    }
                    Happening::Sends(_) => {}
                    Happening::Ends => client.there = None,
                    Happening::Takes(more, room) | Happening::TakesAndEnds(more, room) => {
                        let control = match happening {
                            Happening::TakesAndEnds(..) => TcpControl::Fin,
                            _ => TcpControl::None,
                        };
                        // Acknowledge everything several times, the FIN too, and data that was never sent.
                        let more = if more < 20 { (sent + more % 3).saturating_sub(taken) } else { more };
                        let acknowledged = forger.acknowledged;
                        forger.acknowledged = acknowledged + more;
                        forger.window = room;
                        forger.say(control, 0, b"");
                        if taken + more <= sent + 1 {
                            taken += more;
                        } else {
                            forger.acknowledged = acknowledged;
                        }
                    }
                    Happening::Passes(time) => tokio::time::advance(Duration::from_millis(time)).await,
                }
                client.carry(&mut forger);
                prop_assert!(forger.stack.wire.outgoing.len() < 256 * 1024);
                forger.stack.wire.outgoing.clear();
            }
            Ok(())
        })?;
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}
