//! Finds the processes that have ports of this computer, as far as the system lets us see them.

#[cfg(target_os = "linux")]
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use crate::port_binding::Transport;

/// A process that has a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortHolder {
    /// Process id.
    pub pid: u32,
    /// Its name, for example `postgres`.
    pub name: String,
}

/// Finds the process that listens on a TCP port. `None` if there is none, if it belongs to another user, or on systems
/// where this is not implemented (macOS and Windows). Reads the descriptors of every process: not for async threads.
pub fn port_holder(ip: Option<IpAddr>, port: u16) -> Option<PortHolder> {
    find(&[(Transport::Tcp, ip, port)]).remove(0)
}

/// The holders of many ports, in one search. See [`port_holder`].
pub(crate) fn port_holders(ports: &[(Transport, SocketAddr)]) -> Vec<Option<PortHolder>> {
    let ports: Vec<_> = ports
        .iter()
        .map(|(protocol, local)| (*protocol, Some(local.ip()), local.port()))
        .collect();
    find(&ports)
}

/// An answer for each port, in the same order.
#[cfg(not(target_os = "linux"))]
fn find(ports: &[(Transport, Option<IpAddr>, u16)]) -> Vec<Option<PortHolder>> {
    vec![None; ports.len()]
}

/// An answer for each port, in the same order.
#[cfg(target_os = "linux")]
fn find(ports: &[(Transport, Option<IpAddr>, u16)]) -> Vec<Option<PortHolder>> {
    let tcp = SocketTable::read(["/proc/net/tcp", "/proc/net/tcp6"], "0A");
    let udp = SocketTable::read(["/proc/net/udp", "/proc/net/udp6"], "07");
    let inodes: Vec<Vec<u64>> = ports
        .iter()
        .map(|(protocol, ip, port)| match protocol {
            Transport::Tcp => tcp.inodes(*ip, *port),
            Transport::Udp => udp.inodes(*ip, *port),
        })
        .collect();
    let wanted: HashSet<u64> = inodes.iter().flatten().copied().collect();
    let holders = holders_of(wanted);
    inodes
        .iter()
        .map(|inodes| inodes.iter().find_map(|inode| holders.get(inode)).cloned())
        .collect()
}

/// The kernel's tables of a protocol, for IPv4 and IPv6.
#[cfg(target_os = "linux")]
struct SocketTable {
    texts: Vec<String>,
    /// The state of a socket that can receive.
    state: &'static str,
}

#[cfg(target_os = "linux")]
impl SocketTable {
    fn read(paths: [&str; 2], state: &'static str) -> Self {
        let texts = paths
            .iter()
            .filter_map(|path| std::fs::read_to_string(path).ok())
            .collect();
        Self { texts, state }
    }

    fn inodes(&self, ip: Option<IpAddr>, port: u16) -> Vec<u64> {
        self.texts
            .iter()
            .flat_map(|text| listening_inodes(text, self.state, ip, port))
            .collect()
    }
}

/// The processes that have these sockets, by inode.
#[cfg(target_os = "linux")]
fn holders_of(mut wanted: HashSet<u64>) -> HashMap<u64, PortHolder> {
    let mut found = HashMap::new();
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return found;
    };
    for process in processes.flatten() {
        if wanted.is_empty() {
            break;
        }
        let Some(pid) = process
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let Ok(descriptors) = std::fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        for descriptor in descriptors.flatten() {
            let inode = std::fs::read_link(descriptor.path())
                .ok()
                .and_then(|target| socket_inode(target.to_str()?));
            let Some(inode) = inode.filter(|inode| wanted.remove(inode)) else {
                continue;
            };
            let name = std::fs::read_to_string(process.path().join("comm"))
                .map(|name| name.trim().to_owned())
                .unwrap_or_default();
            found.insert(inode, PortHolder { pid, name });
        }
    }
    found
}

/// The number in `socket:[123]`.
#[cfg(target_os = "linux")]
fn socket_inode(target: &str) -> Option<u64> {
    target
        .strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

/// Inodes of the sockets in such a table, in `state`, that conflict with `ip:port`.
#[cfg(any(target_os = "linux", test))]
fn listening_inodes(table: &str, wanted: &str, ip: Option<IpAddr>, port: u16) -> Vec<u64> {
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let local = fields.nth(1)?;
            let state = fields.nth(1)?;
            let inode = fields.nth(5)?;
            let (address, local_port) = local.split_once(':')?;
            if state != wanted || u16::from_str_radix(local_port, 16).ok()? != port {
                return None;
            }
            let bound = parse_address(address)?;
            let clashes =
                bound.is_unspecified() || ip.is_none_or(|ip| ip.is_unspecified() || ip == bound);
            clashes.then(|| inode.parse().ok())?
        })
        .collect()
}

/// The kernel prints addresses as 32-bit words in host byte order.
#[cfg(any(target_os = "linux", test))]
fn parse_address(hex: &str) -> Option<IpAddr> {
    let words: Vec<[u8; 4]> = (0..hex.len() / 8)
        .map(|index| {
            let word = u32::from_str_radix(hex.get(index * 8..index * 8 + 8)?, 16).ok()?;
            Some(word.to_ne_bytes())
        })
        .collect::<Option<_>>()?;
    match words.as_slice() {
        [v4] => Some(IpAddr::from(*v4)),
        [a, b, c, d] => {
            let bytes: Vec<u8> = [a, b, c, d].into_iter().flatten().copied().collect();
            Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_by_its_listener() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        if cfg!(target_os = "linux") {
            let holder = port_holder(Some("127.0.0.1".parse().expect("an address")), port)
                .expect("this process listens");
            assert_eq!(holder.pid, std::process::id());
            assert_eq!(
                port_holder(Some("127.0.0.9".parse().expect("an address")), port),
                None
            );
        }
    }

    #[test]
    fn this_process_is_found_by_its_udp_port() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("bound");
        if cfg!(target_os = "linux") {
            let holders = port_holders(&[(Transport::Tcp, address), (Transport::Udp, address)]);
            assert_eq!(holders[0], None);
            let holder = holders[1].as_ref().expect("this process");
            assert_eq!(holder.pid, std::process::id());
        }
    }

    #[test]
    fn hostile_tables_are_no_panic() {
        for table in [
            "",
            "x",
            "x\n1: zz:zz 00:00 0A",
            "x\n0: é:0050 0:0 0A 0 0 0 0 0 7",
        ] {
            assert!(
                listening_inodes(table, "0A", None, 80).is_empty(),
                "{table}"
            );
        }
    }
}
