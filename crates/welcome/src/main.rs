//! The program of the welcome image: it serves one page, so that the first container runs and opens with no network.
//!
//! The image has nothing but this static program. `cargo xtask welcome-image` packs it.

mod http;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, TcpListener},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Connections served at the same time; more are closed at once.
const AT_ONCE: usize = 64;

fn main() -> ExitCode {
    let port = match std::env::var("PORT").map(|port| port.parse::<u16>()) {
        Err(_) => 80,
        Ok(Ok(port)) => port,
        Ok(Err(_)) => {
            eprintln!("PORT has to be a number from 0 to 65535");
            return ExitCode::from(2);
        }
    };
    match serve(port) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("The welcome page cannot be served on port {port}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(port: u16) -> io::Result<()> {
    end_when_asked()?;
    // Takes IPv4 too, where the kernel has IPv6 at all.
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
        .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))?;
    println!(
        "Welcome to Slipway. This page is served on port {}",
        listener.local_addr()?.port()
    );
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        // No descriptors left, or the peer has gone: the next connection may work.
        let Ok((stream, peer)) = listener.accept() else {
            thread::sleep(std::time::Duration::from_millis(50));
            continue;
        };
        if open.fetch_add(1, Ordering::Relaxed) >= AT_ONCE {
            open.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let open = Arc::clone(&open);
        thread::spawn(move || {
            if let Some(line) = http::answer(&stream) {
                println!("{} {line}", peer.ip().to_canonical());
            }
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// The first process of a container has no default reaction to signals: without this, stopping takes ten seconds.
#[cfg(unix)]
fn end_when_asked() -> io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT])?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            println!("Asked to stop");
            std::process::exit(0);
        }
    });
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as on other systems")]
fn end_when_asked() -> io::Result<()> {
    Ok(())
}
