//! Forwards one TCP port of this computer to a container.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::AsyncWrite;
use tokio::net::tcp::WriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::guest::Guest;
use crate::guest_network::Connection;

/// Limit of concurrent connections of one port; further ones wait in the listen backlog.
const MAX_CONNECTIONS: usize = 2048;

/// Size of the listen backlog.
const BACKLOG: i32 = 1024;

/// A forwarded port. Dropping it closes the port shortly after, and its connections.
pub(crate) struct TcpForward {
    task: AbortOnDropHandle<()>,
}

impl TcpForward {
    /// Listens at `local`; each connection is forwarded to `target` in the guest.
    pub(crate) fn listen(local: SocketAddr, target: SocketAddr, guest: Guest) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(local), Type::STREAM, None)?;
        if local.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // On Unix, connections of an earlier listener in TIME-WAIT do not block the port. On Windows the option means
        // something else.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&local.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from_std(socket.into())?;
        Ok(Self {
            task: AbortOnDropHandle::new(tokio::spawn(accept(listener, target, guest))),
        })
    }

    /// Closes the port. On return it is free.
    pub(crate) async fn end(&mut self) {
        self.task.abort();
        // It was cancelled, as intended.
        let _ = (&mut self.task).await;
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, guest: Guest) {
    let mut connections = JoinSet::new();
    loop {
        let room = connections.len() < MAX_CONNECTIONS;
        tokio::select! {
            accepted = listener.accept(), if room => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, target, guest.clone()));
                }
                Err(error) => {
                    tracing::warn!(%target, %error, "a published port does not accept");
                    after_accept_error().await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Pause after accepting failed, which is mostly due to the limit of open files. An immediate retry would fail too.
pub(crate) async fn after_accept_error() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

async fn serve(mut stream: TcpStream, target: SocketAddr, guest: Guest) {
    let _ = stream.set_nodelay(true);
    // Until everything was delivered: if it is dropped before, a truncated stream must not look complete.
    close_by_reset(&stream, true);
    if let Some(connection) = over_the_network(target, &guest).await {
        let (reader, writer) = stream.split();
        if let Err(error) = connection.carry(reader, ToHere(writer)).await {
            tracing::debug!(%target, %error, "a connection to a published port broke");
        }
        return;
    }
    let link = match guest.dial_tcp(target).await {
        Ok(link) => link,
        Err(error) => {
            tracing::debug!(%target, %error, "a published port leads nowhere");
            return;
        }
    };
    let (reader, writer) = stream.split();
    if let Err(error) = slipway_link::pump(link, reader, ToHere(writer)).await {
        tracing::debug!(%target, %error, "a connection to a published port broke");
    }
}

/// Connects over the network of published ports, or over the link if there is no network or it does not reach the
/// target.
async fn over_the_network(target: SocketAddr, guest: &Guest) -> Option<Connection> {
    let SocketAddr::V4(target) = target else {
        return None;
    };
    match guest.port_network()?.connect(target).await {
        Ok(connection) => Some(connection),
        Err(error) => {
            tracing::debug!(%target, %error, "not reached over the network of published ports");
            None
        }
    }
}

/// Copies data to the client. Once its end was received, everything must be delivered, whatever happens to the other
/// direction.
struct ToHere<'a>(WriteHalf<'a>);

impl AsyncWrite for ToHere<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.0).poll_shutdown(context))?;
        close_by_reset(self.0.as_ref(), false);
        Poll::Ready(Ok(()))
    }
}

/// Whether closing sends a reset.
pub(crate) fn close_by_reset(stream: &TcpStream, reset: bool) {
    let _ = SockRef::from(stream).set_linger(reset.then_some(Duration::ZERO));
}
