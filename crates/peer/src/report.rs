//! Reports when an engine answers.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// The same polling interval as the machine's agent.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Waits for an engine and then writes a line to `device`.
pub(crate) fn report(socket: &Path, device: &Path) -> io::Result<()> {
    while !answers(socket) {
        sleep(LOOK_AGAIN);
    }
    let mut device = OpenOptions::new().write(true).open(device)?;
    device.write_all(b"the engine answers\n")
}

fn answers(socket: &Path) -> bool {
    let ask = || {
        let mut stream = UnixStream::connect(socket)?;
        stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        io::Result::Ok(status.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}
