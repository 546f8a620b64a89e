//! The machine's engine as a socket on this computer: each connection becomes one stream to dockerd, half-close included.

use std::path::Path;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use crate::MachineError;
use crate::guest::Guest;

/// How long a connection is held while dockerd starts, before it is told to come again.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connections at once; who comes then waits in the system's queue.
#[cfg(unix)]
const MAX_CONNECTIONS: usize = 2048;

/// The socket. Gone when dropped, with all its connections.
pub(crate) struct EngineSocket {
    #[cfg(unix)]
    path: std::path::PathBuf,
    _task: AbortOnDropHandle<()>,
}

impl EngineSocket {
    /// Listens. Nobody but this user can connect.
    #[cfg(unix)]
    pub(crate) fn listen(path: &Path, guest: Guest) -> Result<Self, MachineError> {
        let listener = private_listener(path)?;
        let task = tokio::spawn(accept(listener, guest));
        Ok(Self {
            path: path.to_owned(),
            _task: AbortOnDropHandle::new(task),
        })
    }

    /// Windows gets a named pipe with its own driver.
    #[cfg(not(unix))]
    pub(crate) fn listen(_path: &Path, guest: Guest) -> Result<Self, MachineError> {
        let _ = (guest, PATIENCE);
        Err(MachineError::NoDriver {
            driver: "QEMU",
            reason: "the engine's named pipe is not on this system yet",
        })
    }
}

#[cfg(unix)]
impl Drop for EngineSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A socket that is this user's alone from its first moment on: its directory is, and its own mode follows.
#[cfg(unix)]
pub(crate) fn private_listener(path: &Path) -> Result<tokio::net::UnixListener, MachineError> {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = std::fs::remove_file(path);
    let listener =
        tokio::net::UnixListener::bind(path).map_err(MachineError::file("Listening at", path))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .map_err(MachineError::file("Closing to others", path))?;
    Ok(listener)
}

#[cfg(unix)]
async fn accept(listener: tokio::net::UnixListener, guest: Guest) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let room = connections.len() < MAX_CONNECTIONS;
        tokio::select! {
            accepted = listener.accept(), if room => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, guest.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the engine's socket does not accept");
                    crate::port_forward::after_accept_error().await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

#[cfg(unix)]
async fn serve(mut stream: tokio::net::UnixStream, guest: Guest) {
    use tokio::io::AsyncWriteExt as _;
    let mut docker_up = guest.docker_up();
    let connect = async {
        // Whoever it is that ends the wait, the guest's own answer is what counts.
        let _ = docker_up.wait_for(|up| *up).await;
        guest.docker().await
    };
    let link = match tokio::time::timeout(PATIENCE, connect).await {
        Ok(Ok(link)) => link,
        Ok(Err(error)) => {
            let _ = stream.write_all(&refusal(&error.to_string())).await;
            return;
        }
        Err(_) => {
            let answer = refusal("Slipway's machine is still starting its engine; try again soon");
            let _ = stream.write_all(&answer).await;
            return;
        }
    };
    let (reader, writer) = stream.into_split();
    if let Err(error) = slipway_link::pump(link, reader, writer).await {
        tracing::debug!(%error, "a connection to the engine broke");
    }
}

/// An answer that Docker's tools show as they show dockerd's own errors.
#[cfg(unix)]
fn refusal(message: &str) -> Vec<u8> {
    let body = serde_json::json!({ "message": message }).to_string();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
