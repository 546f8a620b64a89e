//! A streaming answer: events, logs, statistics, a pull. Dropping it closes its connection, which tells the engine to
//! stop sending.
//!
//! Each stream has its own connection, which is driven by the reader. An engine sends every log line as a separate
//! chunk, and passing each from one task to another would be the largest cost; so chunks that have arrived are gathered
//! here.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use tokio::time::timeout;

use crate::EngineError;
use crate::connect::EngineStream;
use crate::json::JsonLines;
use crate::transport::Transport;

/// Limit of bytes gathered before they are passed on.
const GATHER_BYTES: usize = 128 * 1024;

type Driver = Pin<Box<http1::Connection<EngineStream, Full<Bytes>>>>;

/// A connection for one request.
struct OwnConnection {
    /// `None` when it has ended.
    driver: Option<Driver>,
    /// The error with which it ended, if any.
    failure: Option<hyper::Error>,
    /// Keeps the connection open; dropping it would close it early.
    _sender: SendRequest<Full<Bytes>>,
}

impl OwnConnection {
    /// Drives the connection; its progress shows on the reading side.
    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver
            && let Poll::Ready(ended) = driver.as_mut().poll(cx)
        {
            self.driver = None;
            self.failure = ended.err();
        }
    }
}

/// The bytes of an answer, as they come.
pub(crate) struct ByteStream {
    transport: Transport,
    state: State,
    what: &'static str,
    watchdog: Option<Duration>,
}

enum State {
    /// The answer has not begun.
    Opening(BoxFuture<'static, Result<ByteStream, EngineError>>),
    Open {
        body: Incoming,
        connection: OwnConnection,
        /// An error that arrived after bytes which must be delivered first.
        failed: Option<hyper::Error>,
    },
}

impl ByteStream {
    /// Sends a request over its own connection and waits for the head of the answer.
    pub(crate) async fn open(
        transport: Transport,
        stream: EngineStream,
        request: Request<Full<Bytes>>,
        what: &'static str,
    ) -> Result<(http::StatusCode, Self), EngineError> {
        let (mut sender, driver) = http1::handshake(stream)
            .await
            .map_err(|error| transport.failure(error))?;
        let mut response = Box::pin(sender.send_request(request));
        let mut connection = OwnConnection {
            driver: Some(Box::pin(driver)),
            failure: None,
            _sender: sender,
        };
        let response = poll_fn(|cx| {
            connection.drive(cx);
            response.as_mut().poll(cx)
        })
        .await;
        let response: Response<Incoming> = match response {
            Ok(response) => response,
            Err(error) => {
                // If the connection was lost before the request was sent, only the connection knows why.
                let cause = connection.failure.take().filter(|_| error.is_canceled());
                return Err(transport.failure(cause.unwrap_or(error)));
            }
        };
        let status = response.status();
        let stream = Self {
            transport,
            state: State::Open {
                body: response.into_body(),
                connection,
                failed: None,
            },
            what,
            watchdog: None,
        };
        Ok((status, stream))
    }

    /// A stream whose answer has not begun.
    pub(crate) fn opening(
        transport: Transport,
        opening: BoxFuture<'static, Result<Self, EngineError>>,
        what: &'static str,
    ) -> Self {
        Self {
            transport,
            state: State::Opening(opening),
            what,
            watchdog: None,
        }
    }

    /// Sets an idle timeout: the stream fails if nothing arrives for this long.
    pub(crate) fn watch(&mut self, watchdog: Duration) {
        self.watchdog = Some(watchdog);
    }

    /// Reads everything, up to `limit`.
    pub(crate) async fn read_all(mut self, limit: usize) -> Result<Bytes, EngineError> {
        let mut whole = BytesMut::new();
        while let Some(bytes) = self.next().await? {
            if whole.len() + bytes.len() > limit {
                return Err(EngineError::TooLarge { limit });
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(whole.freeze())
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
        if let State::Opening(opening) = &mut self.state {
            self.state = opening.await?.state;
        }
        match poll_fn(|cx| self.poll_open(cx)).await {
            None => Ok(None),
            Some(Ok(bytes)) => Ok(Some(bytes)),
            Some(Err(error)) => Err(match self.transport.failure(error) {
                EngineError::Unreachable { .. } => EngineError::CutOff { what: self.what },
                other => other,
            }),
        }
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, hyper::Error>>> {
        let State::Open {
            body,
            connection,
            failed,
        } = &mut self.state
        else {
            return Poll::Ready(None);
        };
        if let Some(error) = failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let mut first = Bytes::new();
        let mut gathered = BytesMut::new();
        loop {
            let mut frame = Pin::new(&mut *body).poll_frame(cx);
            if frame.is_pending() {
                connection.drive(cx);
                frame = Pin::new(&mut *body).poll_frame(cx);
            }
            match frame {
                Poll::Ready(Some(Ok(frame))) => {
                    // A frame without data has trailers.
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    if first.is_empty() {
                        first = data;
                        continue;
                    }
                    if gathered.is_empty() {
                        gathered.reserve(GATHER_BYTES / 8);
                        gathered.extend_from_slice(&first);
                    }
                    gathered.extend_from_slice(&data);
                    if gathered.len() < GATHER_BYTES {
                        continue;
                    }
                }
                Poll::Ready(Some(Err(error))) if first.is_empty() => {
                    return Poll::Ready(Some(Err(error)));
                }
                // An error is reported once, the end any number of times.
                Poll::Ready(Some(Err(error))) => *failed = Some(error),
                Poll::Ready(None) if first.is_empty() => return Poll::Ready(None),
                Poll::Pending if first.is_empty() => return Poll::Pending,
                Poll::Ready(None) | Poll::Pending => {}
            }
            return Poll::Ready(Some(Ok(if gathered.is_empty() {
                first
            } else {
                gathered.freeze()
            })));
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

    /// Sets an idle timeout: the stream fails if nothing arrives for this long.
    pub(crate) fn watch(&mut self, watchdog: Duration) {
        self.bytes.watch(watchdog);
    }

    /// The text of the next object, if it has arrived already.
    pub(crate) fn next_ready(&mut self) -> Option<&[u8]> {
        if self.ended {
            self.lines.rest()
        } else {
            self.lines.next_line()
        }
    }

    /// Waits for more bytes; `false` at the end. Then [`Self::next_ready`] returns what is left.
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

    /// The next object that `read` accepts; `None` at the end.
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
