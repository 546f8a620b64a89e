//! The network with a guest that is a stack like our own, and with guests that mean harm.

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpListener;

use super::*;

const PORT: u16 = 80;
const TARGET: SocketAddrV4 = SocketAddrV4::new(GUEST, PORT);

/// What the guest's program does with each connection.
#[derive(Clone, Copy)]
enum Program {
    /// Sends everything back, and ends when the other side has.
    Echo,
    /// Takes one byte and breaks the connection.
    Reset,
}

/// The other side of the network. Dropping it ends its task.
struct FakeGuest {
    stack: Shared,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl FakeGuest {
    /// A guest with a program that has so many connections at once.
    fn new(stream: DuplexStream, program: Program, listeners: usize) -> Self {
        let mut stack = Stack::new();
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
    }
}

fn network() -> (PortNetwork, DuplexStream) {
    let (here, there) = tokio::io::duplex(256 * 1024);
    (PortNetwork::new(Box::new(here)), there)
}

/// Two ends of a TCP connection of this computer.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, accepted) = tokio::join!(client, listener.accept());
    (client.unwrap(), accepted.unwrap().0)
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
        let carried = tokio::spawn(async move { connection.carry(&stream).await });
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

#[tokio::test]
async fn a_break_on_either_side_is_a_break_on_the_other() {
    let (network, there) = network();
    let _guest = FakeGuest::new(there, Program::Reset, 1);
    let connection = network.connect(TARGET).await.unwrap();
    let (mut client, stream) = pair().await;
    client.write_all(b"x").await.unwrap();
    let error = connection.carry(&stream).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);

    let (network, there) = self::network();
    let guest = FakeGuest::new(there, Program::Echo, 1);
    let connection = network.connect(TARGET).await.unwrap();
    let (client, stream) = pair().await;
    SockRef::from(&client)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(client);
    assert!(connection.carry(&stream).await.is_err());
    drop(connection);
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
    // What is kept of ended connections is bounded, and none of it is in the way.
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
    assert!(connection.carry(&stream).await.is_err());
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

proptest! {
    /// Whatever comes, it is parsed or dropped, and what is kept for it is bounded.
    #[test]
    fn frames_may_be_anything(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..50),
        kind in 0_u8..3,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        let mut stack = Stack::new();
        stack.open(TARGET).unwrap();
        for mut frame in frames {
            // Random bytes alone would never get past the first header.
            if kind > 0 && frame.len() > 40 {
                frame[..6].copy_from_slice(&ADDRESS.0);
                frame[12..14].copy_from_slice(if kind == 1 { &[8, 0] } else { &[8, 6] });
                frame[14] = 0x45;
                frame[23] = 6;
                frame[26..30].copy_from_slice(&GUEST.octets());
                frame[30..34].copy_from_slice(&HOST.octets());
            }
            let length = u32::try_from(frame.len()).unwrap();
            let end = stack.wire.to + LENGTH + frame.len();
            stack.wire.incoming[stack.wire.to..end]
                .copy_from_slice(&[&length.to_be_bytes()[..], &frame].concat());
            stack.wire.to = end;
        }
        stack.advance();
        prop_assert_eq!(stack.wire.from, stack.wire.to);
        prop_assert!(stack.wire.outgoing.len() < 64 * 1024);
    }
}
