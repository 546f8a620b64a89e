//! Forwards one UDP port of this computer to a container.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{Abortable, FuturesUnordered};
use socket2::{Domain, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::guest::Guest;
use crate::udp_peers::{self, Admitted, Peers, Session};

/// Idle timeout of a peer.
const IDLE: Duration = Duration::from_secs(90);

/// Idle timeout of a peer with one request and one answer: DNS clients use a new port for each query.
const IDLE_AFTER_ONE_EXCHANGE: Duration = Duration::from_secs(10);

/// Limit of concurrent peers. A further one evicts the longest-idle peer. Below the link's limit, so that one port
/// cannot use all of it.
const MAX_PEERS: usize = 1024;

/// No datagram is larger.
const MAX_DATAGRAM: usize = 65_536;

/// A forwarded port. Dropping it closes the port shortly after.
pub(crate) struct UdpForward {
    task: AbortOnDropHandle<()>,
}

impl UdpForward {
    /// Listens at `local`; the datagrams of each peer are forwarded to `target` from a guest port of the peer's own.
    pub(crate) fn listen(local: SocketAddr, target: SocketAddr, guest: Guest) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(local), Type::DGRAM, None)?;
        if local.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&local.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        Ok(Self {
            task: AbortOnDropHandle::new(tokio::spawn(receive(socket, target, guest, MAX_PEERS))),
        })
    }

    /// Closes the port. On return it is free.
    pub(crate) async fn end(&mut self) {
        self.task.abort();
        // It was cancelled, as intended.
        let _ = (&mut self.task).await;
    }
}

/// Serves all peers of a port. One task owns the socket, so that the socket is closed when the task has ended.
async fn receive(socket: UdpSocket, target: SocketAddr, guest: Guest, max_peers: usize) {
    let peers = Peers::new(max_peers);
    let mut sessions = FuturesUnordered::new();
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        tokio::select! {
            received = socket.recv_from(&mut buffer) => {
                let (size, peer) = match received {
                    Ok(received) => received,
                    // The peer that an answer was for is gone; the others are not.
                    Err(error) => {
                        tracing::debug!(%error, "a datagram was not received");
                        tokio::task::yield_now().await;
                        continue;
                    }
                };
                let datagram = &buffer[..size];
                if udp_peers::lock(&peers).pass_on(peer, datagram) {
                    continue;
                }
                // Sessions that were told to end stay until they have run once more. Datagrams beyond the queues are
                // dropped, as on any network.
                if sessions.len() < 2 * max_peers
                    && let Some(Admitted { session, datagrams, ends }) = udp_peers::admit(&peers, peer)
                {
                    udp_peers::lock(&peers).pass_on(peer, datagram);
                    let serve = serve(&socket, session, target, &guest, datagrams);
                    sessions.push(Abortable::new(serve, ends));
                }
            }
            Some(_) = sessions.next() => {}
        }
    }
}

async fn serve(
    socket: &UdpSocket,
    session: Session<'_>,
    target: SocketAddr,
    guest: &Guest,
    mut datagrams: mpsc::Receiver<Vec<u8>>,
) {
    let link = match guest.dial_udp(target).await {
        Ok(link) => link,
        Err(error) => {
            tracing::debug!(%target, %error, "a published port leads nowhere");
            return;
        }
    };
    session.heard();
    let (mut asked, mut answered) = (0_u64, 0_u64);
    loop {
        let moved = tokio::time::timeout(idle(asked, answered), async {
            tokio::select! {
                datagram = datagrams.recv() => match datagram {
                    Some(datagram) => {
                        asked += 1;
                        link.send_bytes(&datagram).await.is_ok()
                    }
                    None => false,
                },
                answer = link.receive_bytes() => match answer {
                    Ok(Some(answer)) => {
                        answered += 1;
                        session.heard();
                        // A peer that no longer listens is no reason to stop serving it.
                        let _ = socket.send_to(&answer, session.peer()).await;
                        true
                    }
                    _ => false,
                },
            }
        })
        .await;
        if !matches!(moved, Ok(true)) {
            return;
        }
    }
}

/// Idle timeout of a peer that has sent and received this many datagrams.
fn idle(asked: u64, answered: u64) -> Duration {
    if (asked, answered) == (1, 1) {
        IDLE_AFTER_ONE_EXCHANGE
    } else {
        IDLE
    }
}

#[cfg(test)]
mod tests {
    use slipway_link::{GuestLink, HostLink, Reply, Request, Secret, Wire};

    use super::*;

    /// A guest that echoes every datagram.
    async fn echoing() -> Guest {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            let link = GuestLink::accept(Wire::new(theirs), &mut None).await;
            let link = link.map_err(|(error, _)| error).unwrap();
            while let Some((request, responder)) = link.next().await {
                assert!(matches!(request, Request::DialUdp { .. }), "{request:?}");
                let stream = responder.accept(Reply::Connected);
                tokio::spawn(async move {
                    while let Ok(Some(datagram)) = stream.receive_bytes().await {
                        let _ = stream.send_bytes(&datagram).await;
                    }
                });
            }
        });
        Guest::of(
            HostLink::connect(ours, &Secret::new([1; 32]))
                .await
                .unwrap(),
        )
    }

    #[tokio::test]
    async fn who_comes_from_another_port_each_time_is_answered_each_time() {
        const MOST: usize = 8;
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let published = socket.local_addr().unwrap();
        let target = SocketAddr::from(([198, 51, 100, 7], 53));
        let guest = echoing().await;
        let _forward = AbortOnDropHandle::new(tokio::spawn(receive(socket, target, guest, MOST)));
        // All are kept open, so that no two have the same port.
        let mut clients = Vec::new();
        for number in 0..10 * MOST {
            let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            client.connect(published).await.unwrap();
            let question = number.to_le_bytes();
            client.send(&question).await.unwrap();
            let mut answer = [0; 16];
            let answered = tokio::time::timeout(Duration::from_secs(10), client.recv(&mut answer));
            let size = answered.await.expect("an answer").unwrap();
            assert_eq!(answer[..size], question);
            clients.push(client);
        }
        // An evicted peer is admitted again.
        clients[0].send(b"again").await.unwrap();
        let mut answer = [0; 16];
        let answered = tokio::time::timeout(Duration::from_secs(10), clients[0].recv(&mut answer));
        let size = answered.await.expect("an answer").unwrap();
        assert_eq!(answer[..size], *b"again");
    }

    #[test]
    fn who_was_answered_once_is_forgotten_sooner() {
        assert_eq!(idle(1, 1), Duration::from_secs(10));
        // An answer may take a while, and a peer with more traffic may continue later.
        for (asked, answered) in [(0, 0), (1, 0), (2, 1), (1, 2)] {
            assert_eq!(idle(asked, answered), IDLE);
        }
    }
}
