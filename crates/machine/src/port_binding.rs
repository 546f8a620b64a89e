//! The host ports at which a container is to be reachable.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use slipway_engine::{Binding, ContainerDetail, Port, Protocol};

/// One host port to bind for a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PortBinding {
    pub(crate) protocol: Transport,
    /// The address on this computer.
    pub(crate) local: SocketAddr,
    /// The address in the machine.
    pub(crate) target: SocketAddr,
}

/// Protocols that can be forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

impl Transport {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// The bindings of a container. Empty unless it is running on a network that the machine can reach.
///
/// dockerd knows which ports it has bound, the container's configuration which addresses were requested. Without a
/// requested address the port is bound to the loopback address only; it is bound to all addresses only on request.
pub(crate) fn bindings(container: &ContainerDetail) -> BTreeSet<PortBinding> {
    let Some(ip) = reachable_at(container) else {
        return BTreeSet::new();
    };
    let only_asked = container.configured_ports.iter().flat_map(|asked| {
        let held = container.ports.iter().filter(|held| {
            (asked.container_port, asked.protocol) == (held.container_port, held.protocol)
        });
        let held: Vec<&Port> = held.collect();
        only_asked(&asked.bindings, &held)
            .into_iter()
            .filter_map(|local| {
                Some(PortBinding {
                    protocol: transport(asked.protocol)?,
                    local,
                    target: SocketAddr::new(ip, asked.container_port),
                })
            })
            .collect::<Vec<_>>()
    });
    container
        .ports
        .iter()
        .filter_map(|port| {
            let protocol = transport(port.protocol)?;
            let host_port = port.host_port.filter(|port| *port != 0)?;
            let asked = container
                .configured_ports
                .iter()
                .find(|asked| {
                    (asked.container_port, asked.protocol) == (port.container_port, port.protocol)
                })
                .map(|asked| asked.bindings.as_slice())
                .unwrap_or_default();
            Some(PortBinding {
                protocol,
                local: SocketAddr::new(asked_address(port, asked), host_port),
                target: SocketAddr::new(ip, port.container_port),
            })
        })
        .chain(only_asked)
        .collect()
}

/// SCTP is not forwarded: the host has no sockets for it.
fn transport(protocol: Protocol) -> Option<Transport> {
    match protocol {
        Protocol::Tcp => Some(Transport::Tcp),
        Protocol::Udp => Some(Transport::Udp),
        Protocol::Sctp => None,
    }
}

/// Requested IPv6 addresses that dockerd has not bound, because the container has no IPv6. They are bound on the host
/// in any case.
fn only_asked(asked: &[Binding], held: &[&Port]) -> Vec<SocketAddr> {
    asked
        .iter()
        .filter_map(|(ip, port)| Some(SocketAddr::new((*ip)?, port.filter(|port| *port != 0)?)))
        .filter(SocketAddr::is_ipv6)
        .filter(|asked| {
            !held.iter().any(|held| {
                (held.host_ip, held.host_port) == (Some(asked.ip()), Some(asked.port()))
            })
        })
        .collect()
}

/// The requested address of a port that dockerd has bound.
fn asked_address(held: &Port, asked: &[Binding]) -> IpAddr {
    let fits = |ip: Option<IpAddr>| match (ip, held.host_ip) {
        (None, None) => true,
        (None, Some(held)) => held.is_unspecified(),
        (Some(ip), None) => ip.is_unspecified(),
        (Some(ip), Some(held)) => ip == held,
    };
    asked
        .iter()
        .find(|(ip, port)| *port == held.host_port && fits(*ip))
        .or_else(|| {
            asked
                .iter()
                .find(|(ip, port)| port.is_none_or(|port| port == 0) && fits(*ip))
        })
        .and_then(|(ip, _)| *ip)
        // No address was requested (`-p 80`, `-P`), or dockerd bound one of its own choice.
        .unwrap_or_else(|| match held.host_ip {
            Some(ip) if !ip.is_unspecified() => ip,
            _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
        })
}

/// The container's own address in the machine.
fn reachable_at(container: &ContainerDetail) -> Option<IpAddr> {
    let networks = || container.networks.iter();
    networks()
        .filter(|network| network.gateway.is_some())
        .find_map(|network| network.ipv4)
        .or_else(|| networks().find_map(|network| network.ipv4))
        .or_else(|| networks().find_map(|network| network.ipv6))
        .filter(|ip| !ip.is_unspecified() && !ip.is_loopback() && !ip.is_multicast())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `asked` and `held` are (host address, host port) of port 80.
    #[track_caller]
    fn check(asked: &[(&str, &str)], held: &[(&str, u16)], expected: &[&str]) {
        let address = |text: &str| text.parse::<IpAddr>().ok();
        let held: Vec<Port> = held
            .iter()
            .map(|(ip, port)| Port {
                container_port: 80,
                protocol: Protocol::Tcp,
                host_ip: address(ip),
                host_port: Some(*port),
            })
            .collect();
        let asked: Vec<Binding> = asked
            .iter()
            .map(|(ip, port)| (address(ip), port.parse().ok()))
            .collect();
        let found: BTreeSet<String> = held
            .iter()
            .map(|held| {
                SocketAddr::new(asked_address(held, &asked), held.host_port.unwrap()).to_string()
            })
            .collect();
        let expected: BTreeSet<String> = expected.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn an_address_that_nobody_asked_for_is_this_computer_alone() {
        check(
            &[("", "8080")],
            &[("0.0.0.0", 8080), ("::", 8080)],
            &["127.0.0.1:8080"],
        );
        check(
            &[("", "")],
            &[("0.0.0.0", 32768), ("::", 32768)],
            &["127.0.0.1:32768"],
        );
        check(
            &[("", "8000-8010")],
            &[("0.0.0.0", 8003)],
            &["127.0.0.1:8003"],
        );
        check(
            &[],
            &[("0.0.0.0", 32769), ("::", 32769)],
            &["127.0.0.1:32769"],
        );
        check(&[("", "0")], &[("", 32770)], &["127.0.0.1:32770"]);
    }

    #[test]
    fn an_address_with_ipv6_needs_no_dockerd_to_hold_it() {
        let asked = |ip: &str, port: &str| (ip.parse().ok(), port.parse().ok());
        let asked = [
            asked("::1", "8080"),
            asked("::", "8081"),
            asked("::1", "8082"),
            asked("::1", ""),
            asked("::1", "0"),
            asked("127.0.0.1", "8080"),
            asked("", "8080"),
        ];
        let held = Port {
            container_port: 80,
            protocol: Protocol::Tcp,
            host_ip: "::1".parse().ok(),
            host_port: Some(8082),
        };
        let found = only_asked(&asked, &[&held]);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["[::1]:8080", "[::]:8081"]);
    }

    #[test]
    fn an_address_that_was_asked_for_is_that() {
        check(&[("0.0.0.0", "80")], &[("0.0.0.0", 80)], &["0.0.0.0:80"]);
        check(&[("::", "80")], &[("::", 80)], &["[::]:80"]);
        check(
            &[("192.0.2.7", "80")],
            &[("192.0.2.7", 80)],
            &["192.0.2.7:80"],
        );
        check(&[("::1", "")], &[("::1", 32768)], &["[::1]:32768"]);
        check(
            &[("", "80"), ("0.0.0.0", "81"), ("192.0.2.7", "80")],
            &[
                ("0.0.0.0", 80),
                ("::", 80),
                ("0.0.0.0", 81),
                ("192.0.2.7", 80),
            ],
            &["127.0.0.1:80", "0.0.0.0:81", "192.0.2.7:80"],
        );
    }
}
