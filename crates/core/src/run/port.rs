//! Host ports: which are taken, by what, and which is free instead.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use slipway_api::{ApiError, ErrorKind};
use slipway_engine::{Container, Engine, ListFilter, Protocol, PublishedPort};
use slipway_machine::port_holder;

use crate::blocking::blocking;

/// How far above the wanted port a free one is searched before the system chooses one.
const NEARBY: u16 = 64;

/// A host port that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    /// "Port 8080 is in use by `web`".
    pub(crate) message: String,
    /// A free port.
    pub(crate) free: Option<u16>,
}

/// The host ports known to be taken.
pub(crate) struct HostPorts {
    /// Whether the engine publishes on this computer, so that local sockets are relevant.
    local: bool,
    published: HashMap<(u16, Protocol), Vec<(IpAddr, String)>>,
    /// Ports already assigned to the same plan.
    given: Vec<(IpAddr, u16, Protocol)>,
}

impl HostPorts {
    pub(crate) fn new(containers: &[Container], local: bool) -> Self {
        let mut published: HashMap<_, Vec<_>> = HashMap::new();
        for container in containers {
            for port in &container.ports {
                if let Some(host_port) = port.host_port {
                    published
                        .entry((host_port, port.protocol))
                        .or_default()
                        .push((
                            port.host_ip.unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
                            container.name.clone(),
                        ));
                }
            }
        }
        Self {
            local,
            published,
            given: Vec::new(),
        }
    }

    /// Marks a port as used by the plan itself.
    pub(crate) fn give(&mut self, ip: IpAddr, port: u16, protocol: Protocol) {
        self.given.push((ip, port, protocol));
    }

    /// The holder of a port, without the port: "`web`", "`nginx` (process 412)".
    pub(crate) fn holder(&self, ip: IpAddr, port: u16, protocol: Protocol) -> Option<String> {
        if self.is_given(ip, port, protocol) {
            return Some("another port of this container".to_owned());
        }
        let container = self
            .container(ip, port, protocol)
            .map(|name| format!("`{name}`"));
        if container.is_some() || !self.local || can_bind(ip, port, protocol) {
            return container;
        }
        Some(
            port_holder(Some(ip), port)
                .filter(|_| protocol == Protocol::Tcp)
                .map_or_else(
                    || "another program".to_owned(),
                    |holder| format!("`{}` (process {})", holder.name, holder.pid),
                ),
        )
    }

    /// The container that publishes a port.
    fn container(&self, ip: IpAddr, port: u16, protocol: Protocol) -> Option<&str> {
        self.published
            .get(&(port, protocol))?
            .iter()
            .find(|(held, _)| overlap(*held, ip))
            .map(|(_, name)| name.as_str())
    }

    fn is_given(&self, ip: IpAddr, port: u16, protocol: Protocol) -> bool {
        self.given
            .iter()
            .any(|given| given.1 == port && given.2 == protocol && overlap(given.0, ip))
    }

    /// Whether a port is free. Faster than [`Self::holder`], because it does not look for the holder's name.
    fn is_free(&self, ip: IpAddr, port: u16, protocol: Protocol) -> bool {
        !self.is_given(ip, port, protocol)
            && self.container(ip, port, protocol).is_none()
            && (!self.local || can_bind(ip, port, protocol))
    }

    /// The wanted port or the next free one above it; any free port if none is nearby.
    pub(crate) fn free(&self, ip: IpAddr, wanted: u16, protocol: Protocol) -> Option<u16> {
        let nearby = (0..NEARBY)
            .filter_map(|step| wanted.checked_add(step))
            // Privileged ports are used only on request.
            .map(|port| if port < 1024 { port + 8000 } else { port });
        nearby
            .chain((49152..=65535).step_by(61))
            .find(|port| self.is_free(ip, *port, protocol))
    }

    /// [`Self::holder`] as a sentence, with a free port.
    pub(crate) fn taken(&self, ip: IpAddr, port: u16, protocol: Protocol) -> Option<Taken> {
        let holder = self.holder(ip, port, protocol)?;
        Some(Taken {
            message: format!("Port {port} is in use by {holder}"),
            free: self.free(ip, port.saturating_add(1), protocol),
        })
    }
}

/// Whether listening on one of two addresses prevents listening on the other, at the same port.
fn overlap(one: IpAddr, other: IpAddr) -> bool {
    one.is_unspecified() || other.is_unspecified() || one == other
}

/// Whether Slipway can listen there. A lack of permission does not count: the engine runs as another user.
fn can_bind(ip: IpAddr, port: u16, protocol: Protocol) -> bool {
    let address = SocketAddr::new(ip, port);
    let result = match protocol {
        Protocol::Tcp => TcpListener::bind(address).map(drop),
        Protocol::Udp => UdpSocket::bind(address).map(drop),
        Protocol::Sctp => return true,
    };
    match result {
        Ok(()) => true,
        Err(error) => error.kind() != std::io::ErrorKind::AddrInUse,
    }
}

impl Taken {
    /// As the error of a start.
    pub(crate) fn into_error(self, port: u16, detail: Option<String>) -> ApiError {
        ApiError {
            kind: ErrorKind::PortTaken,
            message: self.message,
            hint: Some(self.free.map_or_else(
                || "Choose another port".to_owned(),
                |free| format!("Use port {free}, or stop what uses {port}"),
            )),
            detail,
        }
    }
}

/// Replaces host ports that are taken, unless they are `fixed`, and returns notes about them. An error comes with the
/// index of its port.
pub(crate) fn settle(
    ports: &mut [PublishedPort],
    fixed: &[bool],
    mut host_ports: HostPorts,
) -> Result<Vec<String>, (usize, ApiError)> {
    let mut notices = Vec::new();
    for (index, port) in ports.iter_mut().enumerate() {
        let (Some(ip), Some(wanted)) = (port.host_ip, port.host_port) else {
            continue;
        };
        if let Some(taken) = host_ports.taken(ip, wanted, port.protocol) {
            let fixed = fixed.get(index).is_some_and(|fixed| *fixed);
            match taken.free {
                Some(free) if !fixed => {
                    notices.push(format!("{}; {free} is used instead", taken.message));
                    port.host_port = Some(free);
                }
                _ => return Err((index, taken.into_error(wanted, None))),
            }
        }
        if let Some(chosen) = port.host_port {
            host_ports.give(ip, chosen, port.protocol);
        }
    }
    Ok(notices)
}

/// The holder of a port that the engine reported as taken. The engine does not name the protocol, so `wanted` are the
/// candidates. Returns which one it is.
pub(crate) async fn describe_taken(
    engine: &Engine,
    local: bool,
    wanted: Vec<(Option<IpAddr>, Protocol)>,
    port: u16,
    except: Option<&str>,
) -> (usize, Taken) {
    let filter = ListFilter {
        all: false,
        ..ListFilter::default()
    };
    let mut containers = engine.list_containers(&filter).await.unwrap_or_default();
    containers.retain(|container| Some(container.id.as_str()) != except);
    blocking(move || {
        let host_ports = HostPorts::new(&containers, local);
        wanted
            .iter()
            .enumerate()
            .find_map(|(index, (ip, protocol))| {
                let ip = ip.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
                Some((index, host_ports.taken(ip, port, *protocol)?))
            })
            .unwrap_or_else(|| {
                let taken = Taken {
                    message: format!("Port {port} is in use"),
                    free: None,
                };
                (0, taken)
            })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_port_held_by_a_process_is_named_and_stepped_over() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let ports = HostPorts::new(&[], true);
        let taken = ports
            .taken(LOOPBACK, port, Protocol::Tcp)
            .expect("it is taken");
        assert!(
            taken.message.contains(&std::process::id().to_string()) || !cfg!(target_os = "linux"),
            "{}",
            taken.message
        );
        assert_ne!(taken.free, Some(port));
        drop(listener);
        assert_eq!(ports.taken(LOOPBACK, port, Protocol::Tcp), None);
    }

    #[test]
    fn two_ports_of_one_plan_do_not_get_the_same_host_port() {
        let mut ports = HostPorts::new(&[], false);
        ports.give(LOOPBACK, 8080, Protocol::Tcp);
        assert_eq!(ports.free(LOOPBACK, 8080, Protocol::Tcp), Some(8081));
        assert_eq!(ports.free(LOOPBACK, 8080, Protocol::Udp), Some(8080));
    }

    #[test]
    fn privileged_ports_are_moved_up() {
        let ports = HostPorts::new(&[], false);
        assert_eq!(ports.free(LOOPBACK, 80, Protocol::Tcp), Some(8080));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_protocol_that_is_taken_is_found_out() {
        let dockerd = slipway_testkit::Engine::start().expect("an engine");
        let address = dockerd.host().parse().expect("an address");
        let engine = Engine::connect(&slipway_engine::Endpoint::at(address))
            .await
            .expect("it answers");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let port = socket.local_addr().expect("bound").port();
        let wanted = vec![
            (Some(LOOPBACK), Protocol::Tcp),
            (Some(LOOPBACK), Protocol::Udp),
        ];
        let (which, taken) = describe_taken(&engine, true, wanted, port, None).await;
        assert_eq!(which, 1);
        assert!(
            taken.message.contains("is in use by another program"),
            "{}",
            taken.message
        );
        assert!(taken.free.is_some_and(|free| free != port));
    }
}
