//! An answer that goes on: events, logs, statistics, a pull. Dropping it closes its connection,
//! which is how the engine learns that nobody listens any more.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::EngineError;
use crate::json::JsonLines;
use crate::transport::Transport;

/// The bytes of an answer, as they come.
pub(crate) struct ByteStream {
    transport: Transport,
    state: State,
    what: &'static str,
    watchdog: Option<Duration>,
}

enum State {
    /// The answer has not begun.
    Opening(BoxFuture<'static, Result<Response<Incoming>, EngineError>>),
    Open(Incoming),
}

impl ByteStream {
    pub(crate) fn open(transport: Transport, body: Incoming, what: &'static str) -> Self {
        Self {
            transport,
            state: State::Open(body),
            what,
            watchdog: None,
        }
    }

    pub(crate) fn opening(
        transport: Transport,
        opening: BoxFuture<'static, Result<Response<Incoming>, EngineError>>,
        what: &'static str,
    ) -> Self {
        Self {
            transport,
            state: State::Opening(opening),
            what,
            watchdog: None,
        }
    }

    /// From now on it is an error if nothing comes for so long.
    pub(crate) fn watch(&mut self, watchdog: Duration) {
        self.watchdog = Some(watchdog);
    }

    /// The next bytes, never empty; `None` if the answer is complete.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, EngineError> {
        match self.watchdog {
            Some(after) => timeout(after, self.next_unwatched())
                .await
                .unwrap_or(Err(EngineError::Stalled { after })),
            None => self.next_unwatched().await,
        }
    }

    async fn next_unwatched(&mut self) -> Result<Option<Bytes>, EngineError> {
        loop {
            match &mut self.state {
                State::Opening(opening) => {
                    let response = opening.await?;
                    self.state = State::Open(response.into_body());
                }
                State::Open(body) => match body.frame().await {
                    None => return Ok(None),
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) if !data.is_empty() => return Ok(Some(data)),
                        // Trailers, or an empty piece.
                        _ => {}
                    },
                    Some(Err(error)) => {
                        return Err(match self.transport.failure(error) {
                            EngineError::Unreachable { .. } => {
                                EngineError::CutOff { what: self.what }
                            }
                            other => other,
                        });
                    }
                },
            }
        }
    }
}

/// A stream of JSON objects, one per line.
pub(crate) struct JsonStream {
    bytes: ByteStream,
    lines: JsonLines,
    ended: bool,
}

impl JsonStream {
    pub(crate) fn new(bytes: ByteStream) -> Self {
        Self {
            bytes,
            lines: JsonLines::default(),
            ended: false,
        }
    }

    /// From now on it is an error if nothing comes for so long.
    pub(crate) fn watch(&mut self, watchdog: Duration) {
        self.bytes.watch(watchdog);
    }

    /// The text of the next object that has arrived already.
    pub(crate) fn next_ready(&mut self) -> Option<&[u8]> {
        if self.ended {
            self.lines.rest()
        } else {
            self.lines.next_line()
        }
    }

    /// Waits for more bytes; `false` if there are none to come. Then [`Self::next_ready`] gives
    /// what is left.
    pub(crate) async fn receive(&mut self) -> Result<bool, EngineError> {
        if self.ended {
            return Ok(false);
        }
        match self.bytes.next().await? {
            Some(bytes) => self.lines.push(&bytes)?,
            None => self.ended = true,
        }
        Ok(true)
    }

    /// The next object, read by `read`, which may pass over it; `None` at the end.
    pub(crate) async fn next<T>(
        &mut self,
        read: impl Fn(&[u8]) -> Result<Option<T>, EngineError>,
    ) -> Result<Option<T>, EngineError> {
        loop {
            while let Some(line) = self.next_ready() {
                if let Some(item) = read(line)? {
                    return Ok(Some(item));
                }
            }
            if !self.receive().await? {
                return Ok(None);
            }
        }
    }
}
