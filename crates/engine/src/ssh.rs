//! Runs `docker system dial-stdio` on another host, through the user's own `ssh` and its configuration.

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
use crate::text::clean;

/// Bytes kept of `ssh`'s standard error.
const MAX_STDERR_BYTES: usize = 4096;

/// Starts `ssh … docker system dial-stdio`. Returns before `ssh` has connected: a failure shows at the first read, with
/// the output of `ssh`.
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
    // The address parser has refused these already; an address may also be constructed directly.
    if host.is_empty() || host.starts_with('-') || user.is_some_and(|user| user.starts_with('-')) {
        return Err(failed("the destination looks like an option".to_owned()));
    }
    let mut command = Command::new(program);
    // No prompt can be answered here, so `ssh` must not ask.
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
    #[cfg(windows)]
    {
        /// Prevents a console window from appearing.
        const CREATE_NO_WINDOW: u32 = 0x0800_0000;
        command.creation_flags(CREATE_NO_WINDOW);
    }
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

/// Standard input and output of `ssh` as one stream. Dropping it kills `ssh`.
struct SshStream {
    destination: String,
    _child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    /// Resolves when `ssh` ends. `None` after it has returned its result.
    complaints: Option<JoinHandle<String>>,
    received: bool,
}

/// Reads all of `ssh`'s standard error, so that `ssh` never blocks on it, and keeps its end.
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
    /// The error of a connection that ended before it delivered anything.
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
            // `ssh` has exited; the reader finds out why.
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

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::connect::find_cause;

    fn program(dir: &Path, script: &str) -> PathBuf {
        let path = dir.join("ssh");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn reason(error: &EngineError) -> &str {
        match error {
            EngineError::Ssh { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }

    /// One test for all cases: a process forked by another test could hold the script open for writing, and a script that
    /// is open for writing cannot be executed.
    #[tokio::test]
    async fn what_becomes_of_ssh() {
        let dir = tempfile::tempdir().unwrap();
        let seen = dir.path().join("seen");

        let ssh = program(
            dir.path(),
            &format!("echo \"$@\" > {}; exec cat", seen.display()),
        );
        let mut stream = open(&ssh, Some("me"), "host", Some(2222), Some("/run/d.sock")).unwrap();
        stream.write_all(b"hello").await.unwrap();
        let mut echo = [0; 5];
        stream.read_exact(&mut echo).await.unwrap();
        assert_eq!(&echo, b"hello");
        assert_eq!(
            fs::read_to_string(&seen).unwrap().trim_end(),
            "-o BatchMode=yes -o ConnectTimeout=10 -T -p 2222 -l me -- host docker -H \
             unix:///run/d.sock system dial-stdio"
        );
        drop(stream);

        let ssh = program(
            dir.path(),
            "echo 'me@host: Permission denied (publickey).' >&2; exit 255",
        );
        let mut stream = open(&ssh, None, "host", None, None).unwrap();
        let error = stream.read(&mut echo).await.unwrap_err();
        let error = find_cause(&error).unwrap();
        assert_eq!(reason(&error), "me@host: Permission denied (publickey).");

        let ssh = program(
            dir.path(),
            &format!("echo $$ > {}; exec sleep 1000", seen.display()),
        );
        fs::write(&seen, "").unwrap();
        let stream = open(&ssh, None, "host", None, None).unwrap();
        let begin = Instant::now();
        let process = loop {
            if let Ok(pid) = fs::read_to_string(&seen).unwrap().trim().parse::<u32>() {
                break PathBuf::from(format!("/proc/{pid}"));
            }
            assert!(begin.elapsed() < Duration::from_secs(10));
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        drop(stream);
        while process.exists() {
            assert!(
                begin.elapsed() < Duration::from_secs(10),
                "ssh outlives its stream"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }

        let error = open(&dir.path().join("none"), None, "host", None, None)
            .err()
            .unwrap();
        assert!(reason(&error).contains("no `ssh` program"));
        let error = open(&ssh, None, "-oProxyCommand=evil", None, None)
            .err()
            .unwrap();
        assert!(reason(&error).contains("looks like an option"));
        let error = open(&ssh, Some("-oX"), "host", None, None).err().unwrap();
        assert!(reason(&error).contains("looks like an option"));
    }
}
