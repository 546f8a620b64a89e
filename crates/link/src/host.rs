//! The host's end of a link.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::handshake::greet;
use crate::message::Answer;
use crate::mux::{Mux, Side};
use crate::{
    Ended, Error, HANDSHAKE_DEADLINE, LinkStream, MAX_MESSAGE, Reply, Request, Result, Secret, Wire,
};

/// How many streams are open at once; who wants more waits.
pub const MAX_STREAMS: usize = 4096;

/// The host's end of a link. Dropping it ends the link and every stream of it.
pub struct HostLink {
    mux: Arc<Mux>,
    room: Arc<Semaphore>,
}

impl std::fmt::Debug for HostLink {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HostLink").finish_non_exhaustive()
    }
}

impl HostLink {
    /// Makes a link on `stream` with a guest that runs: it has [`HANDSHAKE_DEADLINE`].
    ///
    /// Has to be called within a tokio runtime, as the link's task is started here.
    pub async fn connect(
        stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
        secret: &Secret,
    ) -> Result<Self> {
        Self::connect_within(stream, secret, HANDSHAKE_DEADLINE).await
    }

    /// Makes a link on `stream` with a guest that may still be booting.
    pub async fn connect_within(
        stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
        secret: &Secret,
        deadline: Duration,
    ) -> Result<Self> {
        let mut wire = Wire::new(stream);
        timeout(deadline, greet(&mut wire, secret))
            .await
            .map_err(|_| Error::HandshakeTimeout { after: deadline })??;
        let mux = Mux::new(Side::Host, wire, MAX_STREAMS);
        let driven = Arc::clone(&mux);
        tokio::spawn(async move { poll_fn(|context| driven.poll_drive(context)).await });
        Ok(Self {
            mux,
            room: Arc::new(Semaphore::new(MAX_STREAMS)),
        })
    }

    /// Asks the guest for something; it has [`Request::patience`] to answer.
    pub async fn open(&self, request: &Request) -> Result<(Reply, LinkStream)> {
        self.open_within(request, request.patience()).await
    }

    /// Asks the guest for something that has to be quicker.
    pub async fn open_within(
        &self,
        request: &Request,
        deadline: Duration,
    ) -> Result<(Reply, LinkStream)> {
        let request = serde_json::to_vec(request).map_err(Error::BadAnswer)?;
        if request.len() > MAX_MESSAGE {
            return Err(Error::TooLarge {
                size: request.len(),
            });
        }
        let answer = async {
            let permit = self.room().await?;
            let number = self.mux.open(&request)?;
            let stream = LinkStream::new(Arc::clone(&self.mux), number, Some(permit));
            let answer = poll_fn(|context| self.mux.poll_answer(number, context)).await?;
            Ok((answer, stream))
        };
        let (answer, stream) = timeout(deadline, answer)
            .await
            .map_err(|_| Error::AnswerTimeout { after: deadline })?
            .map_err(|error: Error| self.reason(error))?;
        match serde_json::from_slice(&answer).map_err(Error::BadAnswer)? {
            Answer::Reply(reply) => Ok((reply, stream)),
            Answer::Refusal(refusal) => Err(Error::Refused(refusal.bounded())),
        }
    }

    /// Ends when the link has ended, and says why.
    pub async fn closed(&self) -> Ended {
        poll_fn(|context| self.mux.poll_closed(context)).await
    }

    async fn room(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.room)
            .acquire_owned()
            .await
            .map_err(|_| Error::Ended(Ended::ByUs))
    }

    /// A request that failed because the link ended says so.
    fn reason(&self, error: Error) -> Error {
        match (&error, self.mux.ended()) {
            (Error::Io(_), Some(ended)) => Error::Ended(ended),
            _ => error,
        }
    }
}

impl Drop for HostLink {
    fn drop(&mut self) {
        self.mux.end(Ended::ByUs);
    }
}
