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

/// Limits of concurrent streams. Each kind has its own limit, because a published port is open to anybody who can reach
/// this computer: however many connections are made or held, heartbeats and the shutdown request still get through.
pub const MAX_STREAMS: usize = 4096;

/// Limit of [`Request::DialTcp`] streams.
pub const MAX_TCP_STREAMS: usize = 1536;

/// Limit of [`Request::DialUdp`] streams.
pub const MAX_UDP_STREAMS: usize = 1280;

/// Limit of [`Request::Docker`] streams.
pub const MAX_DOCKER_STREAMS: usize = 768;

/// Limit of streams of all other requests.
const MAX_OTHER_STREAMS: usize =
    MAX_STREAMS - MAX_TCP_STREAMS - MAX_UDP_STREAMS - MAX_DOCKER_STREAMS;

/// How long a request waits for a free stream. Short connections soon free one; waiting for long ones would be
/// pointless.
const ROOM_PATIENCE: Duration = Duration::from_secs(5);

/// The host's end of a link. Dropping it ends the link and all of its streams.
pub struct HostLink {
    mux: Arc<Mux>,
    room: Room,
}

/// Free streams, by kind.
struct Room {
    tcp: Arc<Semaphore>,
    udp: Arc<Semaphore>,
    docker: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

impl Room {
    fn new() -> Self {
        let of = |streams| Arc::new(Semaphore::new(streams));
        Self {
            tcp: of(MAX_TCP_STREAMS),
            udp: of(MAX_UDP_STREAMS),
            docker: of(MAX_DOCKER_STREAMS),
            others: of(MAX_OTHER_STREAMS),
        }
    }

    /// A permit for a request's stream.
    async fn place(&self, request: &Request) -> Result<OwnedSemaphorePermit> {
        let room = match request {
            Request::DialTcp { .. } => &self.tcp,
            Request::DialUdp { .. } => &self.udp,
            Request::Docker => &self.docker,
            _ => &self.others,
        };
        timeout(ROOM_PATIENCE, Arc::clone(room).acquire_owned())
            .await
            .map_err(|_| Error::NoRoom)?
            .map_err(|_| Error::Ended(Ended::ByUs))
    }
}

impl std::fmt::Debug for HostLink {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HostLink").finish_non_exhaustive()
    }
}

impl HostLink {
    /// Makes a link on `stream` to a running guest, within [`HANDSHAKE_DEADLINE`].
    ///
    /// Must be called within a Tokio runtime, because the link's task is spawned here.
    pub async fn connect(
        stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
        secret: &Secret,
    ) -> Result<Self> {
        Self::connect_within(stream, secret, HANDSHAKE_DEADLINE).await
    }

    /// Makes a link on `stream` to a guest that may still be booting.
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
            room: Room::new(),
        })
    }

    /// Sends a request to the guest and waits up to [`Request::patience`] for the answer.
    ///
    /// Fails with [`Error::NoRoom`] after 5 s without a free stream.
    pub async fn open(&self, request: &Request) -> Result<(Reply, LinkStream)> {
        self.open_within(request, request.patience()).await
    }

    /// Sends a request with a shorter timeout.
    pub async fn open_within(
        &self,
        request: &Request,
        deadline: Duration,
    ) -> Result<(Reply, LinkStream)> {
        let message = serde_json::to_vec(request).map_err(Error::BadAnswer)?;
        if message.len() > MAX_MESSAGE {
            return Err(Error::TooLarge {
                size: message.len(),
            });
        }
        let answer = async {
            let place = self.room.place(request).await?;
            let number = self.mux.open(&message)?;
            let stream = LinkStream::new(Arc::clone(&self.mux), number, Some(place));
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

    /// Resolves when the link has ended, with the reason.
    pub async fn closed(&self) -> Ended {
        poll_fn(|context| self.mux.poll_closed(context)).await
    }

    /// The error of a request that failed because the link ended.
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
