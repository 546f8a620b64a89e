//! A local socket that only this user can reach.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::MachineError;

/// Interval between checks that a socket is still at its path.
const LOOK: Duration = Duration::from_secs(3);

/// Removes a socket when it is dropped. Separate from the listener: an aborted task drops its listener a moment later,
/// when the next socket may already be at this path.
pub(crate) struct SocketPath {
    path: PathBuf,
    socket: FileIdentity,
}

impl SocketPath {
    /// For a socket that is listening at `path`.
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            socket: FileIdentity::of(path),
        }
    }

    /// Waits until the file at the path is another one or gone.
    pub(crate) fn lost(&self) -> impl Future<Output = ()> + Send + use<> {
        let (path, socket) = (self.path.clone(), self.socket);
        async move {
            while FileIdentity::of(&path) == socket {
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        // A file that another process put there since is not removed.
        if FileIdentity::of(&self.path) == self.socket {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Identifies the file at a path by device and inode; `None` if there is no file, or on systems without such numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FileIdentity(Option<(u64, u64)>);

impl FileIdentity {
    #[cfg(unix)]
    fn of(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let found = std::fs::symlink_metadata(path);
        Self(found.ok().map(|found| (found.dev(), found.ino())))
    }

    #[cfg(not(unix))]
    fn of(_path: &Path) -> Self {
        Self(None)
    }
}

/// Both directions of a connection.
#[cfg(unix)]
pub(crate) type Connection = (
    tokio::net::unix::OwnedReadHalf,
    tokio::net::unix::OwnedWriteHalf,
);

/// Starts listening. The [`SocketPath`] removes the socket.
#[cfg(unix)]
pub(crate) struct LocalListener {
    listener: tokio::net::UnixListener,
}

#[cfg(unix)]
impl LocalListener {
    /// Creates a socket that is private from the start: its directory is private, and its own mode follows.
    pub(crate) fn listen(path: &Path) -> Result<Self, MachineError> {
        use std::os::unix::fs::PermissionsExt as _;
        let _ = std::fs::remove_file(path);
        let listener = tokio::net::UnixListener::bind(path)
            .map_err(MachineError::file("Listening at", path))?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .map_err(MachineError::file("Closing to others", path))?;
        Ok(Self { listener })
    }

    /// The next connection of this user. Connections of other users are closed.
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

/// On Windows this becomes a named pipe, limited to this user's SID, together with the Windows driver. There is none
/// until then.
#[cfg(not(unix))]
pub(crate) struct LocalListener(std::convert::Infallible);

#[cfg(not(unix))]
impl LocalListener {
    /// Not implemented on this system.
    pub(crate) fn listen(path: &Path) -> Result<Self, MachineError> {
        Err(MachineError::file("Listening at", path)(
            io::ErrorKind::Unsupported.into(),
        ))
    }

    /// Never returns a connection.
    pub(crate) async fn accept(&self) -> io::Result<Connection> {
        match self.0 {}
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn a_socket_is_for_this_user_by_its_own_mode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        let _listener = LocalListener::listen(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    /// The peer's user is checked even where modes let it connect, as with a directory that was opened to others.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn another_user_is_turned_away() {
        use std::os::unix::net::UnixStream;

        use rustix::process::{Uid, geteuid};
        use rustix::thread::set_thread_res_uid;
        use tokio::io::AsyncWriteExt as _;

        if !geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "CI runs as root");
            eprintln!("NOT TESTED: only root can connect as another user");
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let open = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        open(directory.path(), 0o755);
        let path = directory.path().join("a.sock");
        let listener = LocalListener::listen(&path).unwrap();
        open(&path, 0o666);
        let at = path.clone();
        // Only this thread becomes another user.
        let other = std::thread::spawn(move || {
            let nobody = Uid::from_raw(65534);
            set_thread_res_uid(nobody, nobody, nobody).unwrap();
            UnixStream::connect(at).unwrap()
        });
        let mut other = other.join().unwrap();
        let accepting = tokio::spawn(async move { listener.accept().await });
        other
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let refused = tokio::task::spawn_blocking(move || {
            std::io::Read::read(&mut other, &mut [0; 1]).unwrap()
        });
        assert_eq!(refused.await.unwrap(), 0, "it is closed");

        let mut ours = tokio::net::UnixStream::connect(&path).await.unwrap();
        ours.write_all(b"x").await.unwrap();
        accepting.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_is_not_at_its_place_is_noticed_and_what_is_there_instead_is_left_alone()
    {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        let _listener = LocalListener::listen(&path).unwrap();
        let socket = SocketPath::new(&path);
        let early = tokio::time::timeout(LOOK * 3, socket.lost()).await;
        assert!(early.is_err(), "it is at its place");
        let aside = directory.path().join("b.sock");
        std::fs::rename(&path, &aside).unwrap();
        tokio::time::timeout(LOOK * 3, socket.lost()).await.unwrap();
        let _next = LocalListener::listen(&path).unwrap();
        tokio::time::timeout(LOOK * 3, socket.lost()).await.unwrap();
        drop(socket);
        assert!(path.exists(), "it was not ours");

        let socket = SocketPath::new(&path);
        drop(socket);
        assert!(!path.exists(), "it was ours");
    }
}
