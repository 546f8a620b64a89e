//! The `docker` of another host, through the user's own `ssh` and its configuration.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::EngineError;
use crate::connect::{ConnectError, Connection};
use crate::error::clean;

/// How much of what `ssh` complains about is kept.
const MAX_STDERR_BYTES: usize = 4096;

/// Starts `ssh … docker system dial-stdio`. It returns before `ssh` has reached anybody: a failure
/// shows at the first read, with the words of `ssh`.
pub(crate) fn open(
    program: &Path,
    user: Option<&str>,
    host: &str,
    port: Option<u16>,
    socket: Option<&str>,
) -> Result<Box<dyn Connection>, EngineError> {
    let destination = match user {
        Some(user) => format!("{user}@{host}"),
        None => host.to_owned(),
    };
    let failed = |reason: String| EngineError::Ssh {
        destination: destination.clone(),
        reason,
    };
    // Parsing an address has refused these already; an address may also be built by hand.
    if host.is_empty() || host.starts_with('-') || user.is_some_and(|user| user.starts_with('-')) {
        return Err(failed("the destination looks like an option".to_owned()));
    }
    let mut command = Command::new(program);
    // No question can be answered here, so none may be asked.
    command.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-T"]);
    if let Some(port) = port {
        command.arg("-p").arg(port.to_string());
    }
    if let Some(user) = user {
        command.arg("-l").arg(user);
    }
    command.arg("--").arg(host).arg("docker");
    if let Some(socket) = socket {
        command.arg("-H").arg(format!("unix://{socket}"));
    }
    command.args(["system", "dial-stdio"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| {
        failed(if error.kind() == io::ErrorKind::NotFound {
            "there is no `ssh` program on this computer".to_owned()
        } else {
            error.to_string()
        })
    })?;
    match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
        (Some(stdin), Some(stdout), Some(stderr)) => Ok(Box::new(SshStream {
            destination,
            _child: child,
            stdin,
            stdout,
            complaints: Some(tokio::spawn(read_complaints(stderr))),
            received: false,
        })),
        _ => Err(failed("its streams cannot be opened".to_owned())),
    }
}

/// The standard streams of `ssh` as one. Dropping it kills `ssh`.
struct SshStream {
    destination: String,
    _child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    /// Ends when `ssh` does. Taken when it has told its result.
    complaints: Option<JoinHandle<String>>,
    received: bool,
}

/// Reads all that `ssh` writes to its standard error, so that it never blocks on it, and keeps the
/// end of it.
async fn read_complaints(mut stderr: ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut piece = [0; 1024];
    while let Ok(len @ 1..) = stderr.read(&mut piece).await {
        kept.extend_from_slice(&piece[..len]);
        if kept.len() > MAX_STDERR_BYTES {
            kept.drain(..kept.len() - MAX_STDERR_BYTES);
        }
    }
    clean(&String::from_utf8_lossy(&kept))
}

impl SshStream {
    /// The error for a connection that ended before it gave anything.
    fn poll_failure(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let said = match &mut self.complaints {
            Some(complaints) => {
                let said = ready!(Pin::new(complaints).poll(cx)).unwrap_or_default();
                self.complaints = None;
                said
            }
            None => String::new(),
        };
        Poll::Ready(io::Error::other(ConnectError(EngineError::Ssh {
            destination: self.destination.clone(),
            reason: if said.is_empty() {
                "it ended without a word".to_owned()
            } else {
                said
            },
        })))
    }
}

impl Drop for SshStream {
    fn drop(&mut self) {
        if let Some(complaints) = &self.complaints {
            complaints.abort();
        }
    }
}

impl AsyncRead for SshStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stdout).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.received = true;
        } else if !self.received {
            return self.poll_failure(cx).map(Err);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match ready!(Pin::new(&mut self.stdin).poll_write(cx, bytes)) {
            // `ssh` has gone; why is for the reader to find out.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe && !self.received => {
                self.poll_failure(cx).map(Err)
            }
            written => Poll::Ready(written),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_shutdown(cx)
    }
}
