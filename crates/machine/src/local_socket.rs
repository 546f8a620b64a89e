//! A socket of this computer that is for this user alone.

use std::io;
use std::path::{Path, PathBuf};

use crate::MachineError;

/// Removes a socket when it is dropped. Apart from the listener, because a task that is ended drops that a moment later, when
/// there may be the next socket of this name.
pub(crate) struct SocketPath(PathBuf);

impl SocketPath {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Both directions of a connection.
#[cfg(unix)]
pub(crate) type Connection = (
    tokio::net::unix::OwnedReadHalf,
    tokio::net::unix::OwnedWriteHalf,
);

/// Listens. Its [`SocketPath`] removes the socket.
#[cfg(unix)]
pub(crate) struct LocalListener {
    listener: tokio::net::UnixListener,
}

#[cfg(unix)]
impl LocalListener {
    /// A socket that is this user's alone from its first moment on: its directory is, and its own mode follows.
    pub(crate) fn listen(path: &Path) -> Result<Self, MachineError> {
        use std::os::unix::fs::PermissionsExt as _;
        let _ = std::fs::remove_file(path);
        let listener = tokio::net::UnixListener::bind(path)
            .map_err(MachineError::file("Listening at", path))?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .map_err(MachineError::file("Closing to others", path))?;
        Ok(Self { listener })
    }

    /// The next connection of this user. Others are turned away.
    pub(crate) async fn accept(&self) -> io::Result<Connection> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let us = rustix::process::geteuid().as_raw();
            if stream.peer_cred().is_ok_and(|peer| peer.uid() == us) {
                return Ok(stream.into_split());
            }
            tracing::warn!("another user was turned away from a socket");
        }
    }
}

/// Both directions of a connection.
#[cfg(not(unix))]
pub(crate) type Connection = (
    tokio::io::ReadHalf<Box<dyn crate::VmStream>>,
    tokio::io::WriteHalf<Box<dyn crate::VmStream>>,
);

/// Windows gets a named pipe, limited to this user's SID, with its own driver. There is none until then.
#[cfg(not(unix))]
pub(crate) struct LocalListener(std::convert::Infallible);

#[cfg(not(unix))]
impl LocalListener {
    /// Not on this system yet.
    pub(crate) fn listen(path: &Path) -> Result<Self, MachineError> {
        Err(MachineError::file("Listening at", path)(
            io::ErrorKind::Unsupported.into(),
        ))
    }

    /// There is nobody to accept.
    pub(crate) async fn accept(&self) -> io::Result<Connection> {
        match self.0 {}
    }
}
