//! One UDP port of this computer that leads to a container.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use socket2::{Domain, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::guest::Guest;

/// A peer from whom and for whom nothing came for so long is forgotten.
const IDLE: Duration = Duration::from_secs(90);

/// Peers at once. Datagrams of further ones are dropped, as networks do.
const MAX_PEERS: usize = 1024;

/// Datagrams of one peer that wait for the guest.
const QUEUE: usize = 64;

/// Larger datagrams do not exist.
const MAX_DATAGRAM: usize = 65_536;

/// A forwarded port. Dropped, it is about to be free.
pub(crate) struct UdpForward {
    task: AbortOnDropHandle<()>,
}

impl UdpForward {
    /// Listens at `local`; the datagrams of each peer go on to `target` from a port of their own in the guest.
    pub(crate) fn listen(local: SocketAddr, target: SocketAddr, guest: Guest) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(local), Type::DGRAM, None)?;
        if local.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&local.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        Ok(Self {
            task: AbortOnDropHandle::new(tokio::spawn(receive(socket, target, guest))),
        })
    }

    /// Lets go of the port. When it returns the port is free.
    pub(crate) async fn end(&mut self) {
        self.task.abort();
        // It was cancelled, which is what was wanted.
        let _ = (&mut self.task).await;
    }
}

/// All peers of a port. One task has the socket, so that it is closed when that has ended.
async fn receive(socket: UdpSocket, target: SocketAddr, guest: Guest) {
    let mut peers: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>> = HashMap::new();
    let mut sessions = FuturesUnordered::new();
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        tokio::select! {
            received = socket.recv_from(&mut buffer) => {
                let (size, peer) = match received {
                    Ok(received) => received,
                    // Somebody who got an answer is gone; the others are not.
                    Err(error) => {
                        tracing::debug!(%error, "a datagram was not received");
                        tokio::task::yield_now().await;
                        continue;
                    }
                };
                let known = peers.get(&peer).filter(|queue| !queue.is_closed());
                let queue = if let Some(queue) = known {
                    queue
                } else if peers.len() < MAX_PEERS {
                    let (queue, datagrams) = mpsc::channel(QUEUE);
                    let (socket, guest) = (&socket, &guest);
                    sessions.push(async move {
                        serve(socket, peer, target, guest, datagrams).await;
                        peer
                    });
                    peers.entry(peer).insert_entry(queue).into_mut()
                } else {
                    continue;
                };
                // A full queue drops, as networks do.
                let _ = queue.try_send(buffer[..size].to_vec());
            }
            Some(ended) = sessions.next() => {
                if peers.get(&ended).is_some_and(mpsc::Sender::is_closed) {
                    peers.remove(&ended);
                }
            }
        }
    }
}

async fn serve(
    socket: &UdpSocket,
    peer: SocketAddr,
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
    loop {
        let moved = tokio::time::timeout(IDLE, async {
            tokio::select! {
                datagram = datagrams.recv() => match datagram {
                    Some(datagram) => link.send_bytes(&datagram).await.is_ok(),
                    None => false,
                },
                answer = link.receive_bytes() => match answer {
                    Ok(Some(answer)) => {
                        // A peer that does not listen any more is no reason to stop listening to it.
                        let _ = socket.send_to(&answer, peer).await;
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
