//! The guest's network: the outward interface, with the address that the driver's network expects, and the interface
//! for published ports. Nothing listens on either.

use std::fs;
use std::net::Ipv4Addr;
use std::sync::OnceLock;
use std::time::Duration;

use slipway_link::guest_network;
use tokio::time::{Instant, sleep};

use crate::children::Children;
use crate::error::{Doing, Result};
use crate::firewall;
use crate::netlink::Netlink;
use crate::news::News;
use crate::uplink::Uplink;

/// The network of QEMU's user-mode networking.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
pub(crate) const PREFIX: u8 = 24;
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
pub(crate) const NAMESERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);

/// The outward interface, and its second face in the machine's network.
pub(crate) const OUTWARD: &str = "eth0";
/// The interface for connections to published ports. Optional in drivers.
pub(crate) const PORTS: &str = "eth1";

/// Kept for as long as the machine runs: the way out ends with it.
static UPLINK: OnceLock<Uplink> = OnceLock::new();

const PATIENCE: Duration = Duration::from_secs(10);

const SETTINGS: [(&str, &str); 9] = [
    ("net/ipv4/ip_forward", "1"),
    // A container may publish a port at an address of the host, which the guest does not have.
    ("net/ipv4/ip_nonlocal_bind", "1"),
    ("net/ipv6/ip_nonlocal_bind", "1"),
    // The guest's own interface has no IPv6; container networks may.
    ("net/ipv6/conf/default/accept_ra", "0"),
    ("net/ipv6/conf/all/forwarding", "1"),
    ("fs/inotify/max_user_instances", "8192"),
    ("fs/inotify/max_user_watches", "1048576"),
    // Databases in containers need it, and a container cannot set it.
    ("vm/max_map_count", "262144"),
    // All containers of a machine share its key quota.
    ("kernel/keys/maxkeys", "20000"),
];

/// Settings to make before any interface is up.
pub(crate) fn prepare(news: &News) {
    for (setting, value) in SETTINGS {
        if let Err(error) = fs::write(format!("/proc/sys/{setting}"), value) {
            news.warn(format!("The setting {setting} could not be made: {error}"));
        }
    }
    let resolver = format!("nameserver {NAMESERVER}\n");
    if let Err(error) = fs::write("/run/resolv.conf", resolver) {
        news.warn(format!("Names cannot be looked up: {error}"));
    }
    if let Err(error) = rustix::system::sethostname(b"slipway") {
        news.warn(format!("The machine has no name: {error}"));
    }
    let kernel = Netlink::new().doing(|| "A socket".into());
    if let Err(error) = kernel.and_then(|kernel| kernel.up(index("lo")?).doing(|| "lo".into())) {
        news.warn(format!("The machine cannot talk to itself: {error}"));
    }
}

/// Brings the interfaces up behind the firewall. Without a firewall there is no network.
pub(crate) async fn bring_up(children: &Children) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let outward = format!("/sys/class/net/{OUTWARD}");
    while !fs::exists(&outward).unwrap_or(false) && Instant::now() < deadline {
        sleep(Duration::from_millis(10)).await;
    }
    index(OUTWARD)?;
    // The rules name the interfaces, which are still down.
    firewall::set_up(children).await?;
    let uplink = Uplink::make().await?;
    firewall::guard(children, &uplink).await?;
    uplink
        .connect()
        .doing(|| "The machine's network could not be connected".into())?;
    // Never set before: this runs once.
    let _ = UPLINK.set(uplink);
    let interface = index(OUTWARD)?;
    let kernel = Netlink::new().doing(|| "The machine's network could not be asked for".into())?;
    kernel
        .add_address(interface, ADDRESS, PREFIX)
        .doing(|| "The machine's address could not be set".into())?;
    kernel
        .up(interface)
        .doing(|| "The machine's network could not be switched on".into())?;
    kernel
        .add_default_route(interface, GATEWAY)
        .doing(|| "The machine's way out could not be set".into())?;
    let Ok(ports) = index(PORTS) else {
        return Ok(());
    };
    // No IPv6 on this network.
    let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{PORTS}/disable_ipv6"), "1");
    kernel
        .add_address(ports, guest_network::GUEST, guest_network::PREFIX)
        .and_then(|()| kernel.up(ports))
        .doing(|| "The network of published ports could not be switched on".into())
}

fn index(interface: &str) -> Result<u32> {
    fs::read_to_string(format!("/sys/class/net/{interface}/ifindex"))
        .and_then(|index| {
            index
                .trim()
                .parse()
                .map_err(|_| std::io::ErrorKind::InvalidData.into())
        })
        .doing(|| format!("The machine has no network interface {interface}"))
}
