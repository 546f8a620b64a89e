//! Host and guest over an in-memory pipe.

#![allow(clippy::unwrap_used)]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use slipway_link::{
    Ended, Error, GuestLink, GuestStats, HostLink, LinkStream, MAX_DOCKER_STREAMS, MAX_MESSAGE,
    MAX_TCP_STREAMS, MAX_UDP_STREAMS, RefusalKind, Reply, Request, Result, Secret, WINDOW, Wire,
    pump,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const SECRET: [u8; 32] = [7; 32];

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([172, 17, 0, 2], port))
}

/// The guest's reaction to a request; the port selects it.
async fn serve(stream: LinkStream, port: u16) {
    match port {
        ECHO => {
            let (mut reader, mut writer) = tokio::io::split(stream);
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
            let _ = writer.shutdown().await;
        }
        // Reads everything, then reports how much.
        COUNT => {
            let mut stream = stream;
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            stream.write_all(&all.len().to_le_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
        // Closes its direction at once and continues to read.
        DEAF => {
            let mut stream = stream;
            stream.write_all(b"bye").await.unwrap();
            stream.shutdown().await.unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            assert_eq!(all, b"still here");
        }
        NEVER_READ => std::future::pending().await,
        CUT => {
            let mut stream = stream;
            stream.write_all(b"half an ans").await.unwrap();
        }
        FLOOD => {
            let mut stream = stream;
            let block = [1; 10_000];
            while stream.write_all(&block).await.is_ok() {}
        }
        MESSAGES => {
            while let Some(message) = stream.receive_bytes().await.unwrap() {
                stream.send_bytes(&message).await.unwrap();
            }
            stream.finish().unwrap();
        }
        other => panic!("no such port: {other}"),
    }
}

const ECHO: u16 = 1;
const COUNT: u16 = 2;
const DEAF: u16 = 3;
const NEVER_READ: u16 = 4;
const CUT: u16 = 5;
const FLOOD: u16 = 6;
const MESSAGES: u16 = 7;
const REFUSED: u16 = 8;
const SILENT: u16 = 9;

/// A guest on `io` that outlives its links.
fn guest(io: DuplexStream) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut wire = Wire::new(io);
        let mut secret = None;
        loop {
            let Ok(link) = GuestLink::accept(wire, &mut secret).await else {
                return;
            };
            while let Some((request, responder)) = link.next().await {
                match request {
                    Request::Ping => responder.reply(Reply::Pong { uptime_ms: 12 }),
                    Request::Stats => responder.reply(Reply::Stats(GuestStats {
                        memory_total: u64::MAX,
                        ..GuestStats::default()
                    })),
                    Request::DialTcp { address } if address.port() == REFUSED => {
                        responder.refuse(RefusalKind::ConnectionRefused, "nobody\x1b[2J listens");
                    }
                    Request::DialTcp { address } if address.port() == SILENT => {
                        tokio::spawn(async move {
                            std::future::pending::<()>().await;
                            drop(responder);
                        });
                    }
                    Request::DialTcp { address } | Request::DialUdp { address } => {
                        let stream = responder.accept(Reply::Connected);
                        tokio::spawn(serve(stream, address.port()));
                    }
                    Request::Docker => {
                        let stream = responder.accept(Reply::Connected);
                        tokio::spawn(serve(stream, NEVER_READ));
                    }
                    other => panic!("not in these tests: {other:?}"),
                }
            }
            wire = link.into_wire().unwrap();
        }
    })
}

async fn linked() -> HostLink {
    let (ours, theirs) = duplex(16 * 1024);
    guest(theirs);
    HostLink::connect(ours, &Secret::new(SECRET)).await.unwrap()
}

async fn dial(link: &HostLink, port: u16) -> LinkStream {
    let (reply, stream) = link
        .open(&Request::DialTcp {
            address: address(port),
        })
        .await
        .unwrap();
    assert_eq!(reply, Reply::Connected);
    stream
}

async fn echoes(link: &HostLink, bytes: &[u8]) {
    let stream = dial(link, ECHO).await;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (sent, received) = tokio::join!(
        async {
            writer.write_all(bytes).await?;
            writer.shutdown().await
        },
        async {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).await.map(|_| all)
        }
    );
    sent.unwrap();
    assert!(received.unwrap() == bytes, "other bytes came back");
}

#[tokio::test]
async fn requests_are_answered() {
    let link = linked().await;
    let (reply, _) = link.open(&Request::Ping).await.unwrap();
    assert_eq!(reply, Reply::Pong { uptime_ms: 12 });
    let (reply, _) = link.open(&Request::Stats).await.unwrap();
    assert!(matches!(reply, Reply::Stats(stats) if stats.memory_total == u64::MAX));
}

#[tokio::test]
async fn refusals_come_with_words_that_can_be_shown() {
    let link = linked().await;
    let refused = link
        .open(&Request::DialTcp {
            address: address(REFUSED),
        })
        .await;
    let Err(Error::Refused(refusal)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refusal.kind, RefusalKind::ConnectionRefused);
    assert_eq!(refusal.message, "nobody[2J listens");
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_never_answers_is_not_waited_for() {
    let link = linked().await;
    let request = Request::DialTcp {
        address: address(SILENT),
    };
    let answer = link.open_within(&request, Duration::from_secs(3)).await;
    assert!(
        matches!(answer, Err(Error::AnswerTimeout { .. })),
        "{answer:?}"
    );
    echoes(&link, b"and the link goes on").await;
}

/// Uses up the limit of a kind of request: one more fails with `NoRoom` in time.
async fn take_all_room(link: &HostLink, request: &Request, streams: usize) -> Vec<LinkStream> {
    let mut taken = Vec::new();
    for _ in 0..streams {
        taken.push(link.open(request).await.unwrap().1);
    }
    let more = timeout(Duration::from_secs(6), link.open(request)).await;
    assert!(matches!(more, Ok(Err(Error::NoRoom))), "{more:?}");
    taken
}

#[tokio::test(start_paused = true)]
async fn however_many_connections_are_open_the_guest_can_be_asked() {
    let link = linked().await;
    let address = address(NEVER_READ);
    let mut taken = Vec::new();
    // The limits are independent.
    for (request, streams) in [
        (Request::DialTcp { address }, MAX_TCP_STREAMS),
        (Request::DialUdp { address }, MAX_UDP_STREAMS),
        (Request::Docker, MAX_DOCKER_STREAMS),
    ] {
        taken.extend(take_all_room(&link, &request, streams).await);
    }
    let asked = link.open_within(&Request::Ping, Duration::from_secs(1));
    let (reply, _) = asked.await.unwrap();
    assert_eq!(reply, Reply::Pong { uptime_ms: 12 });
    // A stream that ends makes room for another.
    drop(taken);
    echoes(&link, b"there is room").await;
}

#[tokio::test]
async fn bytes_come_back_whole() {
    let link = linked().await;
    for size in [0, 1, 32_759, 32_760, 32_761, 5 * WINDOW as usize + 3] {
        let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
        echoes(&link, &bytes).await;
    }
}

#[tokio::test]
async fn the_host_ends_its_direction_and_reads_on() {
    let link = linked().await;
    let mut stream = dial(&link, COUNT).await;
    stream.write_all(&vec![0; 100_000]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut count = Vec::new();
    stream.read_to_end(&mut count).await.unwrap();
    assert_eq!(count, 100_000_usize.to_le_bytes());
}

#[tokio::test]
async fn the_guest_ends_its_direction_and_reads_on() {
    let link = linked().await;
    let mut stream = dial(&link, DEAF).await;
    let mut all = String::new();
    stream.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "bye");
    stream.write_all(b"still here").await.unwrap();
    stream.shutdown().await.unwrap();
    echoes(&link, b"the guest did not panic").await;
}

#[tokio::test]
async fn a_cut_is_not_an_end() {
    let link = linked().await;
    let mut stream = dial(&link, CUT).await;
    let mut all = Vec::new();
    let error = stream.read_to_end(&mut all).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(all, b"half an ans");
    let error = stream.write_all(b"more").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_writer_learns_that_nobody_reads_any_more() {
    let link = linked().await;
    let mut stream = dial(&link, FLOOD).await;
    let mut some = [0; 1000];
    stream.read_exact(&mut some).await.unwrap();
    drop(stream);
    echoes(&link, b"the flood is over").await;
}

#[tokio::test]
async fn who_does_not_read_stalls_nobody_else() {
    let link = linked().await;
    let deaf = dial(&link, NEVER_READ).await;
    let mut writer = &deaf;
    let mut written = 0;
    while let Ok(count) = timeout(Duration::from_millis(200), writer.write(&[0; 9_999])).await {
        written += count.unwrap();
    }
    assert_eq!(written, WINDOW as usize);
    let flood = dial(&link, FLOOD).await;
    for _ in 0..3 {
        echoes(&link, &vec![3; 300_000]).await;
    }
    drop((deaf, flood));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_streams_at_once() {
    let link = Arc::new(linked().await);
    let tasks: Vec<_> = (0..500_usize)
        .map(|at| {
            let link = Arc::clone(&link);
            tokio::spawn(async move { echoes(&link, &at.to_le_bytes().repeat(at * 5)).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn messages_keep_their_bounds() {
    let link = linked().await;
    let stream = dial(&link, MESSAGES).await;
    for size in [0, 1, 1500, 40_000, MAX_MESSAGE] {
        stream.send_bytes(&vec![9; size]).await.unwrap();
        assert_eq!(stream.receive_bytes().await.unwrap().unwrap().len(), size);
    }
    let error = stream
        .send_bytes(&vec![9; MAX_MESSAGE + 1])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    stream.finish().unwrap();
    assert_eq!(stream.receive_bytes().await.unwrap(), None);
}

#[tokio::test]
async fn a_message_that_is_cut_is_an_error() {
    let link = linked().await;
    let mut stream = dial(&link, ECHO).await;
    stream.write_all(&[200, 0, 0, 0, 1, 2, 3]).await.unwrap();
    stream.shutdown().await.unwrap();
    let error = stream.receive_bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_message_that_is_too_long_is_an_error_and_takes_no_memory() {
    let link = linked().await;
    let mut stream = dial(&link, ECHO).await;
    stream.write_all(&u32::MAX.to_le_bytes()).await.unwrap();
    let error = stream.receive_bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

#[tokio::test]
async fn a_socket_is_pumped_both_ways_with_its_ends() {
    let link = linked().await;
    let stream = dial(&link, COUNT).await;
    let (socket, mut client) = duplex(1000);
    let (reader, writer) = tokio::io::split(socket);
    let pumping = tokio::spawn(pump(stream, reader, writer));
    client.write_all(&vec![5; 70_000]).await.unwrap();
    client.shutdown().await.unwrap();
    let mut count = Vec::new();
    client.read_to_end(&mut count).await.unwrap();
    assert_eq!(count, 70_000_usize.to_le_bytes());
    let pumped = pumping.await.unwrap().unwrap();
    assert_eq!((pumped.to_link, pumped.to_socket), (70_000, 8));
}

#[tokio::test]
async fn the_end_of_the_link_ends_every_stream() {
    let (ours, theirs) = duplex(16 * 1024);
    let guest = guest(theirs);
    let link = HostLink::connect(ours, &Secret::new(SECRET)).await.unwrap();
    let mut stream = dial(&link, NEVER_READ).await;
    guest.abort();
    assert_eq!(link.closed().await, Ended::ByPeer);
    let error = stream.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    let answer = link.open(&Request::Ping).await;
    assert!(
        matches!(answer, Err(Error::Ended(Ended::ByPeer))),
        "{answer:?}"
    );
}

/// A port that stays while hosts connect in turn, as a virtio port does: unread bytes of one host are found by the
/// next.
struct Port {
    host: DuplexStream,
}

impl Port {
    fn new() -> Self {
        let (host, theirs) = duplex(256 * 1024);
        guest(theirs);
        Self { host }
    }

    /// A host that connects, runs `visit` and disappears.
    async fn visit<T>(&mut self, secret: [u8; 32], visit: impl AsyncFnOnce(HostLink) -> T) -> T {
        self.knock(secret, async |link| visit(link.unwrap()).await)
            .await
    }

    async fn knock<T>(
        &mut self,
        secret: [u8; 32],
        visit: impl AsyncFnOnce(Result<HostLink>) -> T,
    ) -> T {
        let (ours, theirs) = duplex(4096);
        let (mut from_host, mut to_host) = tokio::io::split(theirs);
        let (mut from_guest, mut to_guest) = tokio::io::split(&mut self.host);
        let carried = async {
            tokio::join!(
                tokio::io::copy(&mut from_host, &mut to_guest),
                tokio::io::copy(&mut from_guest, &mut to_host),
            )
        };
        let visited = async { visit(HostLink::connect(ours, &Secret::new(secret)).await).await };
        tokio::select! {
            done = visited => done,
            _ = carried => panic!("the port closed"),
        }
    }
}

#[tokio::test]
async fn a_host_that_comes_back_finds_the_guest_whatever_was_left() {
    let mut port = Port::new();
    for round in 0..5 {
        port.visit(SECRET, async |link| {
            // Both directions are cut in the middle of frames.
            let flood = dial(&link, FLOOD).await;
            let deaf = dial(&link, NEVER_READ).await;
            let _ = timeout(
                Duration::from_millis(5 + round),
                (&deaf).write_all(&vec![b'S'; 2_000_000]),
            )
            .await;
            drop((flood, deaf));
        })
        .await;
        port.visit(SECRET, async |link| echoes(&link, b"hello again").await)
            .await;
    }
}

#[tokio::test]
async fn only_who_booted_the_guest_is_welcome() {
    let mut port = Port::new();
    port.visit(SECRET, async |link| echoes(&link, b"first").await)
        .await;
    port.knock([8; 32], async |refused| {
        assert!(matches!(refused, Err(Error::WrongSecret)), "{refused:?}");
    })
    .await;
    port.visit(SECRET, async |link| echoes(&link, b"still welcome").await)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_port_that_says_nothing_is_given_up() {
    let (ours, _theirs) = duplex(1024 * 1024);
    let silent = HostLink::connect(ours, &Secret::new(SECRET)).await;
    assert!(
        matches!(silent, Err(Error::HandshakeTimeout { .. })),
        "{silent:?}"
    );
}

#[tokio::test]
async fn a_port_that_says_something_else_is_given_up() {
    for endless in [
        &b"220 mail.example.org ESMTP\r\n"[..],
        // The beginning of every answer, without end.
        b"SLIPLINK",
    ] {
        let (ours, mut theirs) = duplex(1024 * 1024);
        tokio::spawn(async move { while theirs.write_all(endless).await.is_ok() {} });
        let other = HostLink::connect(ours, &Secret::new(SECRET)).await;
        assert!(matches!(other, Err(Error::NotALink)), "{other:?}");
    }
}
