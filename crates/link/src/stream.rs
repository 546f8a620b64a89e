//! One stream of a link.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

use crate::mux::Mux;

/// One stream of a link, used for bytes or for messages.
///
/// `shutdown` ends one direction. Dropping the stream before both directions have ended resets it: the peer reads what
/// has arrived and then fails with [`io::ErrorKind::ConnectionReset`].
///
/// `&LinkStream` can read and write too, so that both directions can be used concurrently. One reader and one writer at
/// a time.
pub struct LinkStream {
    mux: Arc<Mux>,
    stream: u32,
    /// Host: the permit of this stream.
    _place: Option<OwnedSemaphorePermit>,
}

impl std::fmt::Debug for LinkStream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("LinkStream")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

impl LinkStream {
    pub(crate) fn new(mux: Arc<Mux>, stream: u32, place: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            mux,
            stream,
            _place: place,
        }
    }

    pub(crate) fn mux(&self) -> &Mux {
        &self.mux
    }

    pub(crate) fn number(&self) -> u32 {
        self.stream
    }

    /// Sends bytes as one message, for example a datagram. At most [`crate::MAX_MESSAGE`].
    ///
    /// Nothing is sent if the future is dropped.
    pub async fn send_bytes(&self, message: &[u8]) -> io::Result<()> {
        poll_fn(|context| self.mux.poll_send_message(self.stream, context, message)).await
    }

    /// The next message as bytes; `None` at the end.
    ///
    /// Cancel safe.
    pub async fn receive_bytes(&self) -> io::Result<Option<Vec<u8>>> {
        poll_fn(|context| self.mux.poll_message(self.stream, context)).await
    }

    /// Sends a message as JSON.
    pub async fn send(&self, message: &impl Serialize) -> io::Result<()> {
        self.send_bytes(&serde_json::to_vec(message)?).await
    }

    /// The next message; `None` at the end. Invalid JSON is [`io::ErrorKind::InvalidData`].
    pub async fn receive<T: DeserializeOwned>(&self) -> io::Result<Option<T>> {
        match self.receive_bytes().await? {
            Some(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
            None => Ok(None),
        }
    }

    /// Ends our direction, as `shutdown` does.
    pub fn finish(&self) -> io::Result<()> {
        self.mux.finish(self.stream)
    }
}

impl Drop for LinkStream {
    fn drop(&mut self) {
        self.mux.release(self.stream);
    }
}

impl AsyncRead for &LinkStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.mux.poll_read(self.stream, context, into)
    }
}

impl AsyncWrite for &LinkStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.mux.poll_write(self.stream, context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Written data is sent without an explicit flush.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.finish())
    }
}

impl AsyncRead for LinkStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_read(context, into)
    }
}

impl AsyncWrite for LinkStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_shutdown(context)
    }
}
