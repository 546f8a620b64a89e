//! Connections that the guest opens for the host.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use slipway_link::{LinkStream, MAX_MESSAGE, RefusalKind, Reply, Responder, pump};
use tokio::net::{TcpStream, UdpSocket, UnixStream};
use tokio::time::timeout;

use crate::machine::Machine;
use crate::service::DOCKER_SOCKET;

const PATIENCE: Duration = Duration::from_secs(10);

/// Connects the stream to dockerd's API.
pub(crate) async fn docker(machine: &Machine, responder: Responder) {
    if !machine.docker_answers.get() {
        return responder.refuse(
            RefusalKind::NotReady,
            "Docker is not running in the machine yet",
        );
    }
    match UnixStream::connect(DOCKER_SOCKET).await {
        Ok(socket) => {
            let link = responder.accept(Reply::Connected);
            let (reader, writer) = socket.into_split();
            // A failure has reset the stream; there is nothing else to report.
            let _ = pump(link, reader, writer).await;
        }
        Err(error) => refuse(responder, "Docker", &error),
    }
}

pub(crate) async fn tcp(address: SocketAddr, responder: Responder) {
    match timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(socket)) => {
            let _ = socket.set_nodelay(true);
            let link = responder.accept(Reply::Connected);
            let (reader, writer) = socket.into_split();
            let _ = pump(link, reader, writer).await;
        }
        Ok(Err(error)) => refuse(responder, &address.to_string(), &error),
        Err(_) => responder.refuse(
            RefusalKind::Unreachable,
            format!("{address} did not answer within {} s", PATIENCE.as_secs()),
        ),
    }
}

pub(crate) async fn udp(address: SocketAddr, responder: Responder) {
    let any = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let connected = async {
        let socket = UdpSocket::bind(any).await?;
        socket.connect(address).await?;
        io::Result::Ok(socket)
    };
    match connected.await {
        Ok(socket) => {
            let link = responder.accept(Reply::Connected);
            let _ = carry_datagrams(&link, &socket).await;
        }
        Err(error) => refuse(responder, &address.to_string(), &error),
    }
}

async fn carry_datagrams(link: &LinkStream, socket: &UdpSocket) -> io::Result<()> {
    let out = async {
        while let Some(datagram) = link.receive_bytes().await? {
            match socket.send(&datagram).await {
                Err(error) if !is_of_one_datagram(&error) => return Err(error),
                _ => {}
            }
        }
        // The host's end of stream ends both directions: datagrams have no half-close.
        link.finish()
    };
    let back = async {
        let mut buffer = vec![0; MAX_MESSAGE];
        loop {
            match socket.recv(&mut buffer).await {
                Ok(count) => link.send_bytes(&buffer[..count]).await?,
                Err(error) if is_of_one_datagram(&error) => {}
                Err(error) => return io::Result::Err(error),
            }
        }
    };
    tokio::select! {
        ended = out => ended,
        ended = back => ended,
    }
}

/// The error of one datagram, which does not affect the next: nothing listens yet, or it was too long.
fn is_of_one_datagram(error: &io::Error) -> bool {
    const TOO_LONG: i32 = 90;
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    ) || error.raw_os_error() == Some(TOO_LONG)
}

fn refuse(responder: Responder, what: &str, error: &io::Error) {
    let kind = match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
            RefusalKind::ConnectionRefused
        }
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::TimedOut => RefusalKind::Unreachable,
        _ => RefusalKind::Failed,
    };
    responder.refuse(kind, format!("{what} cannot be reached: {error}"));
}
