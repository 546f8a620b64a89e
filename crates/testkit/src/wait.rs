//! Waits for a daemon to answer: on its state, with a deadline, and no longer than the daemon lives.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    process::Child,
    time::{Duration, Instant},
};

use crate::{Error, Result, command::tail};

/// How long a daemon may take to come up. It needs a quarter of a second; the rest is for busy machines.
const DEADLINE: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(4);

pub(crate) fn until_ready(
    name: &'static str,
    child: &mut Child,
    log: &Path,
    ready: impl Fn() -> bool,
) -> Result<()> {
    let deadline = Instant::now() + DEADLINE;
    let reason = loop {
        if ready() {
            return Ok(());
        }
        if let Ok(Some(status)) = child.try_wait() {
            break format!("it ended with {status}");
        }
        if Instant::now() > deadline {
            break format!("no answer within {} s", DEADLINE.as_secs());
        }
        std::thread::sleep(LOOK_AGAIN);
    };
    let log = tail(&fs::read_to_string(log).unwrap_or_default());
    Err(Error::NotReady { name, reason, log })
}

/// Whether something accepts connections on the socket.
pub(crate) fn listens(socket: &Path) -> bool {
    UnixStream::connect(socket).is_ok()
}

/// Whether `GET /_ping` on the socket answers 200 within a second.
pub(crate) fn pings(socket: &Path) -> bool {
    UnixStream::connect(socket).is_ok_and(|stream| {
        let timeouts = stream.set_read_timeout(Some(Duration::from_secs(1)));
        timeouts.is_ok() && answers(stream, "/_ping")
    })
}

/// Whether `GET path` on a loopback address answers 200 within a second.
pub(crate) fn serves(address: SocketAddr, path: &str) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok_and(|stream| {
        let timeouts = stream.set_read_timeout(Some(Duration::from_secs(1)));
        timeouts.is_ok() && answers(stream, path)
    })
}

fn answers(mut stream: impl Read + Write, path: &str) -> bool {
    let mut start = [0; 12];
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: testkit\r\nConnection: close\r\n\r\n"
    )
    .is_ok()
        && stream.read_exact(&mut start).is_ok()
        && start.ends_with(b" 200")
}
