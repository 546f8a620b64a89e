//! Requests to an engine: a version in each path, a deadline and a size limit for each answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::byte_stream::ByteStream;
use crate::connect::{Connector, find_cause};
use crate::error::{About, classify};
use crate::text::clean;
use crate::{EngineError, Noun};

/// Default timeout of a plain call.
pub(crate) const CALL_DEADLINE: Duration = Duration::from_secs(30);

/// Limit of an answer's size. 1,000 containers are about 2 MB.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Limit of an error response's size.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// Idle timeout of a pooled connection. Opening an ssh connection takes a second.
const KEEP_IDLE: Duration = Duration::from_mins(1);

/// The HTTP client of one engine. Clones share their connections.
#[derive(Clone)]
pub(crate) struct Transport {
    client: Client<Connector, Full<Bytes>>,
    connector: Connector,
    authority: Arc<str>,
}

/// The complete answer of a plain call.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// A request builder.
pub(crate) struct Call {
    transport: Transport,
    method: Method,
    path: String,
    query: String,
    body: Option<Result<Bytes, EngineError>>,
    content_type: &'static str,
    header: Option<(&'static str, String)>,
    about: About,
    deadline: Duration,
    refused: Option<EngineError>,
}

impl Transport {
    pub(crate) fn new(connector: Connector) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(KEEP_IDLE)
            .pool_max_idle_per_host(8)
            .pool_timer(TokioTimer::new())
            .build(connector.clone());
        Self {
            client,
            authority: connector.authority().into(),
            connector,
        }
    }

    /// The engine's address, for messages.
    pub(crate) fn address(&self) -> &str {
        self.connector.address()
    }

    /// A call to `/prefix/segment/segment…`. Each segment becomes one part of the path, whatever characters it
    /// contains.
    pub(crate) fn call(&self, method: Method, prefix: &str, segments: &[&str]) -> Call {
        let mut path = prefix.to_owned();
        for segment in segments {
            path.push('/');
            escape_into(&mut path, segment, b"");
        }
        // `.`, `..` and even an escaped slash would be resolved by the engine and reach another endpoint; no id or name
        // contains them.
        let refused = segments
            .iter()
            .find(|segment| {
                segment.is_empty() || segment.contains('/') || [".", ".."].contains(segment)
            })
            .map(|segment| EngineError::InvalidRequest {
                message: format!("`{}` is not a name", clean(segment)),
            });
        Call {
            transport: self.clone(),
            method,
            path,
            query: String::new(),
            body: None,
            content_type: "application/json",
            header: None,
            about: About {
                noun: Noun::Engine,
                name: String::new(),
            },
            deadline: CALL_DEADLINE,
            refused,
        }
    }

    /// Sends a request over its own connection and waits for the head of the answer.
    async fn open(
        self,
        mut request: Request<Full<Bytes>>,
        what: &'static str,
    ) -> Result<(StatusCode, ByteStream), EngineError> {
        // The pool does this for its own requests: the host moves from the address to a header.
        let host = HeaderValue::from_str(&self.authority);
        request
            .headers_mut()
            .extend(host.ok().map(|host| (header::HOST, host)));
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
        let stream = self.connector.open().await?;
        ByteStream::open(self, stream, request, what).await
    }

    /// Converts the error of a failed exchange.
    pub(crate) fn failure(&self, error: impl Into<ExchangeError>) -> EngineError {
        let error = error.into();
        if let Some(known) = find_cause(error.as_dyn()) {
            return match known {
                EngineError::Tls { reason, .. } => EngineError::Tls {
                    address: self.address().to_owned(),
                    reason,
                },
                known => known,
            };
        }
        match http_error(error.as_dyn()) {
            Some(http) if http.is_parse() => EngineError::Protocol {
                what: "it is not HTTP".to_owned(),
                source: Some(error.shared()),
            },
            _ => EngineError::Unreachable {
                address: self.address().to_owned(),
                source: error.shared(),
            },
        }
    }

    async fn read(&self, mut body: Incoming, limit: usize) -> Result<Bytes, EngineError> {
        let announced = body.size_hint().lower();
        if announced > limit as u64 {
            return Err(EngineError::TooLarge { limit });
        }
        // A small answer usually is one frame, which is not copied.
        let mut first = Bytes::new();
        let mut whole = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.failure(error))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if first.len().max(whole.len()) + data.len() > limit {
                return Err(EngineError::TooLarge { limit });
            }
            if first.is_empty() && whole.is_empty() {
                first = data;
            } else {
                if whole.is_empty() {
                    whole.reserve(usize::try_from(announced).unwrap_or_default());
                    whole.extend_from_slice(&first);
                }
                whole.extend_from_slice(&data);
            }
        }
        Ok(if whole.is_empty() {
            first
        } else {
            whole.into()
        })
    }
}

/// Converts an error of the HTTP client, from either of its layers.
pub(crate) enum ExchangeError {
    Request(hyper_util::client::legacy::Error),
    Body(hyper::Error),
}

impl From<hyper_util::client::legacy::Error> for ExchangeError {
    fn from(error: hyper_util::client::legacy::Error) -> Self {
        Self::Request(error)
    }
}

impl From<hyper::Error> for ExchangeError {
    fn from(error: hyper::Error) -> Self {
        Self::Body(error)
    }
}

impl ExchangeError {
    fn as_dyn(&self) -> &(dyn std::error::Error + 'static) {
        match self {
            Self::Request(error) => error,
            Self::Body(error) => error,
        }
    }

    fn shared(self) -> crate::SharedError {
        match self {
            Self::Request(error) => Arc::new(error),
            Self::Body(error) => Arc::new(error),
        }
    }
}

fn http_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a hyper::Error> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(http) = error.downcast_ref() {
            return Some(http);
        }
        current = error.source();
    }
    None
}

impl Call {
    /// Adds an image reference to the path. Its slashes stay, as the API wants them.
    pub(crate) fn reference(mut self, reference: &str, rest: &str) -> Self {
        let sane = !reference.is_empty()
            && reference
                .split('/')
                .all(|part| !part.is_empty() && part != "." && part != "..");
        if !sane {
            self.refused = Some(EngineError::InvalidRequest {
                message: format!("`{}` is not an image reference", clean(reference)),
            });
        }
        self.path.push('/');
        escape_into(&mut self.path, reference, b"/:@");
        self.path.push_str(rest);
        self
    }

    /// Adds a parameter.
    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.query
            .push(if self.query.is_empty() { '?' } else { '&' });
        self.query.push_str(name);
        self.query.push('=');
        escape_into(&mut self.query, value, b"");
        self
    }

    /// Sends a JSON body.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        self.body = Some(match serde_json::to_vec(body) {
            Ok(body) => Ok(body.into()),
            Err(error) => Err(crate::json::protocol("our request", error)),
        });
        self
    }

    /// Sends a body that is no JSON.
    pub(crate) fn bytes(mut self, content_type: &'static str, body: Bytes) -> Self {
        self.content_type = content_type;
        self.body = Some(Ok(body));
        self
    }

    /// Sends a header.
    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.header = Some((name, value));
        self
    }

    /// Sets the subject of the call, for errors.
    pub(crate) fn about(mut self, noun: Noun, name: &str) -> Self {
        self.about = About {
            noun,
            name: name.to_owned(),
        };
        self
    }

    /// Sets the deadline for the complete answer, or for the beginning of a stream.
    pub(crate) fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    fn request(&mut self) -> Result<Request<Full<Bytes>>, EngineError> {
        if let Some(error) = self.refused.take() {
            return Err(error);
        }
        let invalid = |error: http::Error| EngineError::InvalidRequest {
            message: error.to_string(),
        };
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(format!(
                "http://{}{}{}",
                self.transport.authority, self.path, self.query
            ))
            .header(
                header::USER_AGENT,
                HeaderValue::from_static(concat!("Slipway/", env!("CARGO_PKG_VERSION"))),
            );
        if let Some((name, value)) = &self.header {
            let mut value = HeaderValue::from_str(value).map_err(|error| invalid(error.into()))?;
            value.set_sensitive(true);
            request = request.header(*name, value);
        }
        let body = match self.body.take() {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, self.content_type);
                body?
            }
            None => Bytes::new(),
        };
        request.body(Full::new(body)).map_err(invalid)
    }

    /// Sends the request and reads the complete answer. An error status is an error.
    pub(crate) async fn send(self) -> Result<Answer, EngineError> {
        let deadline = self.deadline;
        let exchange = self.exchange();
        timeout(deadline, exchange)
            .await
            .unwrap_or(Err(EngineError::NotResponding { after: deadline }))
    }

    async fn exchange(mut self) -> Result<Answer, EngineError> {
        let request = self.request()?;
        let (status, body) = match self.transport.client.request(request.clone()).await {
            Ok(response) => {
                let status = response.status();
                let limit = answer_limit(status);
                (
                    status,
                    self.transport.read(response.into_body(), limit).await,
                )
            }
            // The connection was lost before the request was sent, and the pool does not say why. So the request is
            // repeated over a new connection, which either works or explains the failure.
            Err(error) if http_error(&error).is_some_and(hyper::Error::is_canceled) => {
                let (status, stream) = self.transport.clone().open(request, "the answer").await?;
                (status, stream.read_all(answer_limit(status)).await)
            }
            Err(error) => return Err(self.transport.failure(error)),
        };
        if is_success(status) {
            let body = body?;
            Ok(Answer { status, body })
        } else {
            Err(self.error_of(status, body))
        }
    }

    /// Sends the request over its own connection and returns the answer as a stream, called `what` in errors. The
    /// deadline applies to its beginning.
    pub(crate) async fn stream(self, what: &'static str) -> Result<ByteStream, EngineError> {
        let deadline = self.deadline;
        timeout(deadline, self.open(what))
            .await
            .unwrap_or(Err(EngineError::NotResponding { after: deadline }))
    }

    /// Like [`Self::stream`], for engines that send nothing before their first message: if the answer has not begun
    /// after `patience`, the stream is returned anyway, and waits for it.
    pub(crate) async fn stream_late(
        self,
        what: &'static str,
        patience: Duration,
    ) -> Result<ByteStream, EngineError> {
        let transport = self.transport.clone();
        let mut opening = Box::pin(self.open(what));
        match timeout(patience, &mut opening).await {
            Ok(stream) => stream,
            Err(_) => Ok(ByteStream::opening(transport, opening, what)),
        }
    }

    async fn open(mut self, what: &'static str) -> Result<ByteStream, EngineError> {
        let request = self.request()?;
        let (status, stream) = self.transport.clone().open(request, what).await?;
        if is_success(status) {
            return Ok(stream);
        }
        let body = stream.read_all(MAX_ERROR_BYTES).await;
        Err(self.error_of(status, body))
    }

    /// Converts an error response.
    fn error_of(&self, status: StatusCode, body: Result<Bytes, EngineError>) -> EngineError {
        #[derive(Deserialize)]
        struct ErrorBody {
            message: Option<String>,
            cause: Option<String>,
        }

        let body = match body {
            Ok(body) => body,
            Err(EngineError::TooLarge { .. }) => Bytes::new(),
            Err(error) => return error,
        };
        let message = match serde_json::from_slice::<ErrorBody>(&body) {
            Ok(error) => error.message.or(error.cause).unwrap_or_default(),
            Err(_) => String::from_utf8_lossy(&body).into_owned(),
        };
        classify(status.as_u16(), &message, &self.about)
    }
}

fn answer_limit(status: StatusCode) -> usize {
    if is_success(status) {
        MAX_ANSWER_BYTES
    } else {
        MAX_ERROR_BYTES
    }
}

/// 304 is a success: the container was already started, or stopped.
fn is_success(status: StatusCode) -> bool {
    status.is_success() || status == StatusCode::NOT_MODIFIED
}

/// Percent-encodes all but unreserved characters (RFC 3986) and those in `allowed`.
fn escape_into(target: &mut String, text: &str, allowed: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || allowed.contains(&byte) {
            target.push(char::from(byte));
        } else {
            target.push('%');
            target.push(char::from(HEX[usize::from(byte >> 4)]));
            target.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, allowed: &str, expected: &str) {
        let mut escaped = String::new();
        escape_into(&mut escaped, text, allowed.as_bytes());
        assert_eq!(escaped, expected);
    }

    #[test]
    fn escapes() {
        check("web-1.a_b~", "", "web-1.a_b~");
        check("a/b", "", "a%2Fb");
        check("a b?c&d=é", "", "a%20b%3Fc%26d%3D%C3%A9");
        check("r:5000/a/b@sha256:1", "/:@", "r:5000/a/b@sha256:1");
    }
}
