//! The network for connections to the engine: an interface in its own network namespace, in which only dockerd listens.
//!
//! It is separate from the machine's own network, which containers may share: a program in that network sees no packet
//! of this one, and no address leads to it. The interface passes through an intermediate namespace, which then
//! disappears. Without that, a program that may change the machine's network could add an interface here: the kernel
//! assigns ids to namespaces in the namespace that an interface came from, and the id makes the namespace addressable.
//! The socket keeps the last namespace alive; no process is in it.

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

/// The interface. Optional in drivers.
const INTERFACE: &str = "eth2";
/// Listen backlog. While dockerd starts there may be many connections.
const BACKLOG: i32 = 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// A listening socket for dockerd, if there is such an interface.
pub(crate) async fn listen() -> Result<Option<OwnedFd>> {
    if !fs::exists(format!("/sys/class/net/{INTERFACE}")).unwrap_or(false) {
        return Ok(None);
    }
    let (sender, made) = oneshot::channel();
    let doing = || "The engine's network could not be made".to_owned();
    // A separate thread, because it leaves the machine's network for good.
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
    // No IPv6 on this network.
    let _ = fs::write(
        format!("/proc/sys/net/ipv6/conf/{INTERFACE}/disable_ipv6"),
        "1",
    );
    let apart = Netlink::new()?;
    let interface = index_of(INTERFACE)?;
    apart.add_address(interface, GUEST, PREFIX)?;
    apart.up(interface)?;
    let listener = TcpListener::bind(ENGINE)?;
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener.into())
}

/// Moves this thread and the interface into a new network namespace.
#[expect(
    deprecated,
    reason = "what takes its place is unsafe on account of file descriptors, which stay as they are here"
)]
fn move_on() -> io::Result<()> {
    let from = Netlink::new()?;
    // Its index may be another one there.
    let interface = index_of(INTERFACE)?;
    rustix::thread::unshare(UnshareFlags::NEWNET)?;
    from.move_to(interface, &File::open("/proc/thread-self/ns/net")?)
}

/// An interface's index in this thread's namespace.
pub(crate) fn index_of(interface: &str) -> io::Result<u32> {
    let any = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    Ok(name_to_index(any, interface)?)
}
