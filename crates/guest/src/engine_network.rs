//! The network that connections to the engine come in at: an interface in a network namespace of its own, with dockerd
//! listening there and nothing else.
//!
//! It is apart from the machine's own network, which containers may share: whoever has that sees no packet of this one, and no
//! address leads to it. Nor can who may change that network put an interface beside this one: the kernel numbers the namespace
//! that an interface goes to in the one that it comes from, and by the number it is reached. So there is a namespace in
//! between, which is gone afterwards. The socket keeps the last one; no process is in it.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType, socket};
use rustix::thread::UnshareFlags;
use slipway_link::guest_network::{ENGINE, GUEST, PREFIX};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::error::{Doing, Result};
use crate::netlink::Netlink;

/// The interface. Not every driver gives one.
const INTERFACE: &str = "eth2";
/// Connections that wait for dockerd to take them. While it starts there may be many.
const BACKLOG: i32 = 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// A socket for dockerd to take connections at, where there is such an interface.
pub(crate) async fn listen() -> Result<Option<OwnedFd>> {
    if !fs::exists(format!("/sys/class/net/{INTERFACE}")).unwrap_or(false) {
        return Ok(None);
    }
    let (sender, made) = oneshot::channel();
    let doing = || "The engine's network could not be made".to_owned();
    // It leaves the machine's network for good, so it is nobody else's thread.
    thread::Builder::new()
        .spawn(move || sender.send(listen_apart()))
        .doing(doing)?;
    let made = match timeout(PATIENCE, made).await {
        Ok(Ok(made)) => made,
        Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    };
    made.map(Some).doing(doing)
}

fn listen_apart() -> io::Result<OwnedFd> {
    move_on()?;
    move_on()?;
    // Nobody there speaks it.
    let _ = fs::write(
        format!("/proc/sys/net/ipv6/conf/{INTERFACE}/disable_ipv6"),
        "1",
    );
    let apart = Netlink::new()?;
    let interface = index()?;
    apart.add_address(interface, GUEST, PREFIX)?;
    apart.up(interface)?;
    let listener = TcpListener::bind(ENGINE)?;
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener.into())
}

/// Goes on into a new network namespace with the interface.
#[expect(
    deprecated,
    reason = "what takes its place is unsafe on account of file descriptors, which stay as they are here"
)]
fn move_on() -> io::Result<()> {
    let from = Netlink::new()?;
    // It may be another one there.
    let interface = index()?;
    rustix::thread::unshare(UnshareFlags::NEWNET)?;
    from.move_to(interface, &File::open("/proc/thread-self/ns/net")?)
}

/// The interface's number in the namespace of this thread.
fn index() -> io::Result<u32> {
    let any = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    Ok(name_to_index(any, INTERFACE)?)
}
