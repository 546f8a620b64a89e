//! The remote end of the machine benchmark's measurements: it runs only in a container or in a guest.
//!
//! ```text
//! slipway-peer serve PORT             answers connections; the first byte of each says how
//! slipway-peer report SOCKET DEVICE   writes a line to the device as soon as the engine at the socket answers a ping
//! ```
//!
//! It depends on nothing and is linked statically, so that an image of it is one file. It never ships.

#[cfg(unix)]
mod report;
mod serve;

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["serve", port] => match port.parse() {
            Ok(port) => serve::serve(port),
            Err(_) => Err(io::Error::other("a port is a number")),
        },
        #[cfg(unix)]
        ["report", socket, device] => report::report(socket.as_ref(), device.as_ref()),
        _ => Err(io::Error::other(
            "it takes `serve PORT` or `report SOCKET DEVICE`",
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("slipway-peer: {error}");
            ExitCode::FAILURE
        }
    }
}
