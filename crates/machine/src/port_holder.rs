//! Finds the process that listens on a port of this computer, as far as the system lets us see it.

use std::net::IpAddr;

/// A process that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortHolder {
    /// Process id.
    pub pid: u32,
    /// Its name, for example `postgres`.
    pub name: String,
}

/// Finds the process that listens on a TCP port. `None` if there is none, if it belongs to another user, or on systems
/// where this is not implemented (macOS and Windows).
pub fn port_holder(ip: Option<IpAddr>, port: u16) -> Option<PortHolder> {
    #[cfg(target_os = "linux")]
    return holder(&TCP, ip, port);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (ip, port);
        None
    }
}

/// Finds the process that has a UDP port, like [`port_holder`].
pub fn udp_port_holder(ip: Option<IpAddr>, port: u16) -> Option<PortHolder> {
    #[cfg(target_os = "linux")]
    return holder(&UDP, ip, port);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (ip, port);
        None
    }
}

/// The kernel's tables of a protocol, and the state in them of a socket that can receive.
#[cfg(target_os = "linux")]
struct Tables {
    paths: [&'static str; 2],
    state: &'static str,
}

#[cfg(target_os = "linux")]
const TCP: Tables = Tables {
    paths: ["/proc/net/tcp", "/proc/net/tcp6"],
    state: "0A",
};

#[cfg(target_os = "linux")]
const UDP: Tables = Tables {
    paths: ["/proc/net/udp", "/proc/net/udp6"],
    state: "07",
};

#[cfg(target_os = "linux")]
fn holder(tables: &Tables, ip: Option<IpAddr>, port: u16) -> Option<PortHolder> {
    let inodes: Vec<u64> = tables
        .paths
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .flat_map(|table| listening_inodes(&table, tables.state, ip, port))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let wanted: Vec<String> = inodes
        .iter()
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
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
        let holds = descriptors.flatten().any(|descriptor| {
            std::fs::read_link(descriptor.path())
                .ok()
                .and_then(|target| target.to_str().map(|t| wanted.iter().any(|w| w == t)))
                .unwrap_or(false)
        });
        if holds {
            let name = std::fs::read_to_string(process.path().join("comm"))
                .map(|name| name.trim().to_owned())
                .unwrap_or_default();
            return Some(PortHolder { pid, name });
        }
    }
    None
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
            let holder = udp_port_holder(Some(address.ip()), address.port());
            assert_eq!(holder.expect("this process").pid, std::process::id());
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
