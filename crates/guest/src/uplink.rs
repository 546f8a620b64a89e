//! The way out, in a network namespace of its own.
//!
//! The real outward interface lies in a namespace that no process is in, and with it the rules for what may leave. The
//! machine's own network has a second face of it (a macvlan interface) under the same name. A container that shares the
//! machine's network can send frames past the rules there, with `AF_PACKET` or `AF_XDP`, but every frame from that face
//! is queued at the real interface like any other, where the rules see it.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::thread;
use std::time::Duration;

use rustix::thread::UnshareFlags;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::engine_network::index_of;
use crate::error::{Doing, Result};
use crate::netlink::Netlink;
use crate::network::OUTWARD;

/// The name of the real interface: the kernel wants the name of the second face to be free here too.
pub(crate) const REAL: &str = "uplink";

const PATIENCE: Duration = Duration::from_secs(10);

/// The namespace of the outward interface. It lasts for as long as this does.
pub(crate) struct Uplink {
    machine: File,
    namespace: File,
    kernel: Netlink,
    interface: u32,
}

impl Uplink {
    /// Moves the outward interface, which is down, into a namespace of its own.
    pub(crate) async fn make() -> Result<Self> {
        let (sender, made) = oneshot::channel();
        let doing = || "The machine's way out could not be made".to_owned();
        // A separate thread, because it leaves the machine's network for good.
        thread::Builder::new()
            .spawn(move || sender.send(move_away()))
            .doing(doing)?;
        let made = match timeout(PATIENCE, made).await {
            Ok(Ok(made)) => made,
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        made.doing(doing)
    }

    /// A path to the namespace, for programs that this process starts.
    pub(crate) fn path(&self) -> String {
        format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            self.namespace.as_raw_fd()
        )
    }

    /// Brings the interface up, and its second face into the machine's network, where it is still down.
    pub(crate) fn connect(&self) -> io::Result<()> {
        self.kernel.up(self.interface)?;
        self.kernel.add_face(self.interface, OUTWARD, &self.machine)
    }
}

#[expect(
    deprecated,
    reason = "what takes its place is unsafe on account of file descriptors, which stay as they are here"
)]
fn move_away() -> io::Result<Uplink> {
    const HERE: &str = "/proc/thread-self/ns/net";
    let machine = File::open(HERE)?;
    let from = Netlink::new()?;
    let interface = index_of(OUTWARD)?;
    rustix::thread::unshare(UnshareFlags::NEWNET)?;
    let namespace = File::open(HERE)?;
    from.move_to(interface, &namespace)?;
    let kernel = Netlink::new()?;
    // Its index may be another one here.
    let interface = index_of(OUTWARD)?;
    kernel.rename(interface, REAL)?;
    // The guest's own interface has no IPv6.
    let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{REAL}/disable_ipv6"), "1");
    Ok(Uplink {
        machine,
        namespace,
        kernel,
        interface,
    })
}
