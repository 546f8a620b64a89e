//! The machine's engine as a socket on this computer: each connection is forwarded to dockerd, including half-close.

use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio_util::task::AbortOnDropHandle;

use crate::MachineError;
use crate::guest::Guest;
use crate::local_socket::{Connection, LocalListener, SocketPath};

/// How long a connection is held while dockerd starts, before it is answered with "try again".
const PATIENCE: Duration = Duration::from_secs(20);

/// Limit of concurrent connections, the same as the link's; further ones wait in the listen backlog instead of being
/// accepted only to be dropped.
const MAX_CONNECTIONS: usize = slipway_link::MAX_DOCKER_STREAMS;

/// The socket. Dropping it removes it and closes its connections.
pub(crate) struct EngineSocket {
    _path: SocketPath,
    _task: AbortOnDropHandle<()>,
}

impl EngineSocket {
    /// Starts listening. Only this user can connect.
    pub(crate) fn listen(path: &Path, guest: Guest) -> Result<Self, MachineError> {
        let listener = LocalListener::listen(path)?;
        Ok(Self {
            _path: SocketPath::new(path),
            _task: AbortOnDropHandle::new(tokio::spawn(accept(listener, guest))),
        })
    }
}

async fn accept(listener: LocalListener, guest: Guest) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let room = connections.len() < MAX_CONNECTIONS;
        tokio::select! {
            accepted = listener.accept(), if room => match accepted {
                Ok(connection) => {
                    connections.spawn(serve(connection, guest.clone()));
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

async fn serve((reader, mut writer): Connection, guest: Guest) {
    let mut docker_up = guest.docker_up();
    let connect = async {
        // Whichever wait ended first, the guest's own answer counts.
        let _ = docker_up.wait_for(|up| *up).await;
        guest.docker().await
    };
    let stream = match tokio::time::timeout(PATIENCE, connect).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let _ = writer.write_all(&refusal(&error.to_string())).await;
            return;
        }
        Err(_) => {
            let answer = refusal("Slipway's machine is still starting its engine; try again soon");
            let _ = writer.write_all(&answer).await;
            return;
        }
    };
    if let Err(error) = stream.carry(reader, writer).await {
        tracing::debug!(%error, "a connection to the engine broke");
    }
}

/// An error response in dockerd's format, so that Docker's tools show its message.
fn refusal(message: &str) -> Vec<u8> {
    let body = serde_json::json!({ "message": message }).to_string();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
