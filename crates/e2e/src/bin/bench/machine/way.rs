//! A way to something in a guest: a port or a socket of this computer.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// Nothing that is measured takes so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A way to something in a guest.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// A port of this computer.
    Port(u16),
    /// A socket of this computer.
    Socket(PathBuf),
}

/// A connection, in both kinds.
pub(super) trait Connection: Read + Write {
    /// Says that no more is sent.
    fn finish(&self) -> io::Result<()>;
}

impl Connection for TcpStream {
    fn finish(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Connection for UnixStream {
    fn finish(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Way {
    pub(super) fn connect(&self) -> io::Result<Box<dyn Connection>> {
        match self {
            Self::Port(port) => {
                let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, *port)))?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Box::new(stream))
            }
            Self::Socket(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Box::new(stream))
            }
        }
    }

    /// Whether an engine answers there. Waits for an answer as long as it takes when it is taken at all.
    pub(super) fn pings(&self) -> bool {
        let ask = || {
            let mut stream = self.connect()?;
            stream
                .write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")?;
            let mut status = [0; 12];
            stream.read_exact(&mut status)?;
            io::Result::Ok(status.ends_with(b" 200"))
        };
        ask().unwrap_or(false)
    }
}
