//! Copies bytes between a link's stream and a socket, in both directions, until both have ended.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::LinkStream;
use crate::frame::MAX_DATA;

/// Bytes copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pumped {
    /// From the link to the socket, in bytes.
    pub to_socket: u64,
    /// From the socket to the link, in bytes.
    pub to_link: u64,
}

/// Copies bytes between a link's stream and a socket, in both directions, until both have ended.
///
/// Half-close is passed on. An error on either side ends both directions: the stream is reset.
pub async fn pump(
    link: LinkStream,
    reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin,
) -> io::Result<Pumped> {
    let (to_socket, to_link) = tokio::try_join!(from_link(&link, writer), to_link(&link, reader))?;
    Ok(Pumped { to_socket, to_link })
}

async fn from_link(link: &LinkStream, mut socket: impl AsyncWrite + Unpin) -> io::Result<u64> {
    let mut moved = 0;
    loop {
        // Directly from the link's buffer to the socket.
        let count = poll_fn(|context| {
            link.mux()
                .poll_take(link.number(), context, |bytes, context| {
                    if bytes.is_empty() {
                        return Poll::Ready(Ok((0, 0)));
                    }
                    match Pin::new(&mut socket).poll_write(context, bytes) {
                        Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                        other => other.map_ok(|count| (count, count)),
                    }
                })
        })
        .await?;
        if count == 0 {
            socket.shutdown().await?;
            return Ok(moved);
        }
        socket.flush().await?;
        moved += count as u64;
    }
}

async fn to_link(mut link: &LinkStream, mut socket: impl AsyncRead + Unpin) -> io::Result<u64> {
    let mut buffer = vec![0; MAX_DATA];
    let mut moved = 0;
    loop {
        let count = socket.read(&mut buffer).await?;
        if count == 0 {
            link.finish()?;
            return Ok(moved);
        }
        link.write_all(&buffer[..count]).await?;
        moved += count as u64;
    }
}
