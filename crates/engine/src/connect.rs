//! Opens the byte stream to an engine, over any kind of transport.

use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection as HyperConnection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use crate::{Address, Endpoint, EngineError, ssh, tls};

/// Timeout for opening a stream, including name resolution and TLS handshake.
pub(crate) const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// A byte stream to an engine.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// A custom dialer, for an engine that no [`crate::Address`] describes.
pub type Dialer =
    Arc<dyn Fn() -> BoxFuture<'static, io::Result<Box<dyn Connection>>> + Send + Sync>;

/// The connector of the HTTP client, as a `tower` service.
#[derive(Clone)]
pub(crate) struct Connector {
    target: Arc<Target>,
}

struct Target {
    /// The address, for messages.
    address: String,
    way: Way,
}

enum Way {
    Address {
        address: Address,
        tls: Option<tls::Client>,
    },
    Custom(Dialer),
}

/// Carries an [`EngineError`] through the HTTP client; see [`find_cause`].
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub(crate) struct ConnectError(pub(crate) EngineError);

impl Connector {
    /// Reads the certificates, so that errors in them show before the first request.
    pub(crate) async fn new(endpoint: &Endpoint) -> Result<Self, EngineError> {
        let address = endpoint.address.clone();
        let tls = match &address {
            Address::Tcp {
                host,
                tls: Some(material),
                ..
            } => Some(tls::Client::new(host, material).await?),
            _ => None,
        };
        Ok(Self {
            target: Arc::new(Target {
                address: address.to_string(),
                way: Way::Address { address, tls },
            }),
        })
    }

    pub(crate) fn custom(endpoint: &Endpoint, dialer: Dialer) -> Self {
        Self {
            target: Arc::new(Target {
                address: endpoint.address.to_string(),
                way: Way::Custom(dialer),
            }),
        }
    }

    /// Opens a stream within [`CONNECT_DEADLINE`].
    pub(crate) async fn open(&self) -> Result<EngineStream, EngineError> {
        match timeout(CONNECT_DEADLINE, self.target.open()).await {
            Ok(stream) => Ok(EngineStream(TokioIo::new(stream?))),
            Err(_) => Err(EngineError::NotResponding {
                after: CONNECT_DEADLINE,
            }),
        }
    }

    /// The address, for messages.
    pub(crate) fn address(&self) -> &str {
        &self.target.address
    }

    /// The value of the `Host` header.
    pub(crate) fn authority(&self) -> String {
        match &self.target.way {
            Way::Address {
                address: Address::Tcp { host, port, .. },
                ..
            } => format!("{}:{port}", crate::endpoint::bracketed(host)),
            _ => "localhost".to_owned(),
        }
    }
}

impl Target {
    async fn open(&self) -> Result<Box<dyn Connection>, EngineError> {
        match &self.way {
            Way::Custom(dialer) => dialer()
                .await
                .map_err(|error| unreachable(&self.address, error)),
            Way::Address { address, tls } => match address {
                Address::Unix(path) => open_unix(path, &self.address).await,
                Address::NamedPipe(pipe) => open_pipe(pipe, &self.address).await,
                Address::Tcp { host, port, .. } => {
                    let stream = self.open_tcp(host, *port).await?;
                    match tls {
                        Some(tls) => tls.handshake(stream, &self.address).await,
                        None => Ok(Box::new(stream)),
                    }
                }
                Address::Ssh {
                    user,
                    host,
                    port,
                    socket,
                } => ssh::open(
                    Path::new("ssh"),
                    user.as_deref(),
                    host,
                    *port,
                    socket.as_deref(),
                ),
            },
        }
    }

    async fn open_tcp(&self, host: &str, port: u16) -> Result<TcpStream, EngineError> {
        let addresses: Vec<_> = tokio::net::lookup_host((host, port))
            .await
            .map_err(|source| EngineError::NameResolution {
                host: host.to_owned(),
                source: Arc::new(source),
            })?
            .collect();
        let stream = TcpStream::connect(addresses.as_slice())
            .await
            .map_err(|error| open_error(error, &self.address, None))?;
        // Requests are small, and each waits for its answer.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

#[cfg(unix)]
async fn open_unix(path: &Path, address: &str) -> Result<Box<dyn Connection>, EngineError> {
    match tokio::net::UnixStream::connect(path).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(open_error(error, address, Some(path))),
    }
}

#[cfg(not(unix))]
#[expect(clippy::unused_async, reason = "has the shape of the one for Unix")]
async fn open_unix(_: &Path, address: &str) -> Result<Box<dyn Connection>, EngineError> {
    Err(EngineError::InvalidAddress {
        address: address.to_owned(),
        reason: "Unix sockets are not supported on this system".to_owned(),
    })
}

#[cfg(windows)]
async fn open_pipe(pipe: &str, address: &str) -> Result<Box<dyn Connection>, EngineError> {
    use tokio::net::windows::named_pipe::ClientOptions;

    // All instances of the pipe are busy: the server is about to create another.
    const ERROR_PIPE_BUSY: i32 = 231;
    loop {
        match ClientOptions::new().open(pipe) {
            Ok(stream) => return Ok(Box::new(stream)),
            Err(error) if error.raw_os_error() == Some(ERROR_PIPE_BUSY) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(open_error(error, address, None)),
        }
    }
}

#[cfg(not(windows))]
#[expect(clippy::unused_async, reason = "has the shape of the one for Windows")]
async fn open_pipe(_: &str, address: &str) -> Result<Box<dyn Connection>, EngineError> {
    Err(EngineError::InvalidAddress {
        address: address.to_owned(),
        reason: "named pipes exist only on Windows".to_owned(),
    })
}

/// Converts an operating system error from opening a stream.
fn open_error(error: io::Error, address: &str, socket: Option<&Path>) -> EngineError {
    let address = address.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound => EngineError::NoSocket { address },
        io::ErrorKind::ConnectionRefused => EngineError::NotListening { address },
        io::ErrorKind::PermissionDenied => EngineError::PermissionDenied {
            address,
            group: socket.and_then(owning_group),
        },
        io::ErrorKind::TimedOut => EngineError::NotResponding {
            after: CONNECT_DEADLINE,
        },
        _ => unreachable(&address, error),
    }
}

/// The group that the user could join to use a socket: the socket must be writable for the group, and the group must
/// not be root's.
#[cfg(unix)]
fn owning_group(socket: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;

    const GROUP_WRITE: u32 = 0o020;
    let metadata = socket.metadata().ok()?;
    if metadata.mode() & GROUP_WRITE == 0 || metadata.gid() == 0 {
        return None;
    }
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    group_name(&groups, metadata.gid())
}

#[cfg(not(unix))]
fn owning_group(_: &Path) -> Option<String> {
    None
}

/// Finds a group in the text of `/etc/group`.
#[cfg(unix)]
fn group_name(groups: &str, gid: u32) -> Option<String> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let id = fields.nth(1)?.parse::<u32>().ok()?;
        (id == gid).then(|| name.to_owned())
    })
}

pub(crate) fn unreachable(
    address: &str,
    error: impl StdError + Send + Sync + 'static,
) -> EngineError {
    find_cause(&error).unwrap_or_else(|| EngineError::Unreachable {
        address: address.to_owned(),
        source: Arc::new(error),
    })
}

/// Finds an error of ours in a chain of causes, also inside an [`io::Error`].
pub(crate) fn find_cause(error: &(dyn StdError + 'static)) -> Option<EngineError> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(ConnectError(known)) = error.downcast_ref() {
            return Some(known.clone());
        }
        // A client certificate that the engine refuses shows only after the handshake.
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(EngineError::Tls {
                address: "the engine".to_owned(),
                reason: tls::in_words(error),
            });
        }
        // The source of an `io::Error` is the source of its inner error, so the inner error itself would be skipped.
        current = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

impl Service<Uri> for Connector {
    type Response = EngineStream;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<EngineStream, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.open().await.map_err(ConnectError) })
    }
}

/// A stream in the HTTP client's form.
pub(crate) struct EngineStream(TokioIo<Box<dyn Connection>>);

impl HyperConnection for EngineStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for EngineStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl hyper::rt::Write for EngineStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: io::ErrorKind, expected: &str) {
        let error = open_error(io::Error::from(kind), "unix:///x", None);
        assert!(format!("{error:?}").starts_with(expected), "{error:?}");
    }

    #[test]
    fn what_the_system_says() {
        check(io::ErrorKind::NotFound, "NoSocket");
        check(io::ErrorKind::ConnectionRefused, "NotListening");
        check(io::ErrorKind::PermissionDenied, "PermissionDenied");
        check(io::ErrorKind::TimedOut, "NotResponding");
        check(io::ErrorKind::HostUnreachable, "Unreachable");
    }

    #[cfg(unix)]
    #[test]
    fn groups() {
        let groups = "root:x:0:\nbroken\ndocker:x:998:me,you\n";
        assert_eq!(group_name(groups, 998).as_deref(), Some("docker"));
        assert_eq!(group_name(groups, 7), None);
    }

    #[test]
    fn a_known_cause_is_found_behind_others() {
        let known = ConnectError(EngineError::Ssh {
            destination: "host".to_owned(),
            reason: "no route".to_owned(),
        });
        let error = io::Error::other(io::Error::other(known));
        assert!(matches!(
            unreachable("ssh://host", error),
            EngineError::Ssh { .. }
        ));
    }
}
