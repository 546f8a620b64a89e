//! Serves connections; the first byte of each selects what it does.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

/// Size of reads and writes.
const BLOCK: usize = 64 * 1024;

/// Accepts connections for ever.
pub(crate) fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
    loop {
        let (stream, _) = listener.accept()?;
        // A failure also shows at the near end, which reports it.
        thread::spawn(move || answer(stream));
    }
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut how = [0];
    stream.read_exact(&mut how)?;
    match how[0] {
        b'e' => echo(stream),
        b's' => send(stream),
        b'r' => receive(stream),
        // One short answer, then close.
        _ => stream.write_all(b"here\n"),
    }
}

/// Echoes each byte.
fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 256];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count])?,
        }
    }
}

/// Sends as many bytes as the next eight bytes say.
fn send(mut stream: TcpStream) -> io::Result<()> {
    let mut wanted = [0; 8];
    stream.read_exact(&mut wanted)?;
    let mut left = u64::from_le_bytes(wanted);
    let block = vec![7; BLOCK];
    while left > 0 {
        let count = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
        stream.write_all(&block[..count])?;
        left -= count as u64;
    }
    Ok(())
}

/// Reads until the end, and answers with the number of bytes.
fn receive(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; BLOCK];
    let mut taken = 0_u64;
    loop {
        match stream.read(&mut buffer)? {
            0 => return stream.write_all(&taken.to_le_bytes()),
            count => taken += count as u64,
        }
    }
}
