//! The network that connections to the engine come in at: an interface in a network namespace of its own, with dockerd
//! listening there and nothing else.
//!
//! It is apart from the machine's own network, which containers may share: whoever has that sees no packet of this one, and no
//! address leads to it. The socket keeps the namespace; no process is in it.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::thread;

use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType, socket};
use rustix::thread::UnshareFlags;
use slipway_link::guest_network::{ENGINE, GUEST, PREFIX};
use tokio::sync::oneshot;

use crate::error::{Doing, Result};
use crate::netlink::Netlink;

/// The interface. Not every driver gives one.
const INTERFACE: &str = "eth2";

/// A socket for dockerd to take connections at, where there is such an interface.
pub(crate) async fn listen() -> Result<Option<OwnedFd>> {
    if !fs::exists(format!("/sys/class/net/{INTERFACE}")).unwrap_or(false) {
        return Ok(None);
    }
    let (sender, made) = oneshot::channel();
    // It leaves the machine's network for good, so it is nobody else's thread.
    thread::spawn(move || sender.send(listen_apart()));
    let made = made
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()));
    made.map(Some)
        .doing(|| "The engine's network could not be made".into())
}

#[expect(
    deprecated,
    reason = "what takes its place is unsafe on account of file descriptors, which stay as they are here"
)]
fn listen_apart() -> io::Result<OwnedFd> {
    let machine = Netlink::new()?;
    let interface = index()?;
    rustix::thread::unshare(UnshareFlags::NEWNET)?;
    // Nobody there speaks it.
    let _ = fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    machine.move_to(interface, &File::open("/proc/thread-self/ns/net")?)?;
    let apart = Netlink::new()?;
    // Its number may be another one here.
    let interface = index()?;
    apart.add_address(interface, GUEST, PREFIX)?;
    apart.up(interface)?;
    Ok(TcpListener::bind(ENGINE)?.into())
}

/// The interface's number in the namespace of this thread.
fn index() -> io::Result<u32> {
    let any = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    Ok(name_to_index(any, INTERFACE)?)
}
