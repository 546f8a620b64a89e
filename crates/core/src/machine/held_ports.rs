//! Where the ports of containers in the machine are reachable on this computer.
//!
//! The engine in the machine knows which ports it was asked to publish. Only `slipwayd` knows which of them are bound
//! on this computer: it binds other addresses, and some ports may be taken.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use slipway_api::ApiError;
use slipway_api::container::{ContainerView, PortView};
use slipway_api::machine::{MachinePort, MachinePortState, MachineView};
use slipway_engine::Endpoint;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::{Slipway, selection};

/// How long `slipwayd` has to bind the ports of a container that was just started. It learns of it from the engine.
const BOUND_WITHIN: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl Slipway {
    /// The published ports of a container that was just started and that are not reachable on this computer, each with
    /// the reason: `127.0.0.1:8080: taken by nginx (process 7)`. Other engines refuse the start instead.
    pub async fn unreachable_ports(&self, id: &str) -> Result<Vec<String>, ApiError> {
        let endpoint = self.selected().await?.endpoint;
        if !selection::is_machines(&self.environment, &endpoint) {
            return Ok(Vec::new());
        }
        let mut container = self.container_detail(id).await?.container;
        let deadline = Instant::now() + BOUND_WITHIN;
        let held = loop {
            let held = self.held_ports(&endpoint).await;
            let is_known = |port: &PortView| {
                port.host_port.is_none_or(|host_port| {
                    held.iter()
                        .any(|held| held.container == container.id && held.host_port == host_port)
                })
            };
            if container.ports.iter().all(is_known) || Instant::now() >= deadline {
                break held;
            }
            sleep(LOOK_AGAIN).await;
        };
        put_in(&mut container, &held);
        let unreachable = container.ports.iter().filter_map(|port| {
            let (why, host_port) = (port.unreachable.as_ref()?, port.host_port?);
            let ip = port.host_ip.as_deref().and_then(|ip| ip.parse().ok());
            let ip = ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
            Some(format!("{}: {why}", SocketAddr::new(ip, host_port)))
        });
        Ok(unreachable.collect())
    }

    /// The bound ports of an engine's containers. Only the machine's engine needs this.
    pub(crate) async fn held_ports(&self, endpoint: &Endpoint) -> Vec<MachinePort> {
        if !selection::is_machines(&self.environment, endpoint) {
            return Vec::new();
        }
        if let Some(machine) = &self.machine {
            return of_view(machine.view().borrow().as_ref());
        }
        let Ok(client) = super::client() else {
            return Vec::new();
        };
        let view = client.status_running().await.ok().flatten();
        of_view(view.as_ref())
    }
}

/// The bound ports as of the machine's last status.
pub(crate) fn of_view(view: Option<&MachineView>) -> Vec<MachinePort> {
    view.map(|view| view.ports.clone()).unwrap_or_default()
}

/// The bound ports, once they differ from `known`. Never resolves without a machine to follow.
pub(crate) async fn others(
    machine: Option<&mut watch::Receiver<Option<MachineView>>>,
    known: &[MachinePort],
) -> Vec<MachinePort> {
    if let Some(machine) = machine {
        let other = machine.wait_for(|view| of_view(view.as_ref()) != known);
        if let Ok(view) = other.await {
            return of_view(view.as_ref());
        }
    }
    std::future::pending().await
}

/// Replaces the ports that the engine in the machine reports by those bound on this computer.
pub(crate) fn put_in(container: &mut ContainerView, held: &[MachinePort]) {
    for port in &mut container.ports {
        let Some(host_port) = port.host_port else {
            continue;
        };
        let mut held = held.iter().filter(|held| {
            held.container == container.id
                && held.container_port == port.container_port
                && held.protocol == port.protocol
                && held.host_port == host_port
        });
        let asked = port.host_ip.as_deref();
        let same = held
            .clone()
            .find(|held| Some(held.host_ip.as_str()) == asked);
        // The engine binds all addresses if none was requested.
        let any = asked.is_none_or(|ip| matches!(ip, "0.0.0.0" | "::"));
        let Some(held) = same.or_else(|| held.next().filter(|_| any)) else {
            continue;
        };
        port.host_ip = Some(held.host_ip.clone());
        let ip = held.host_ip.parse::<IpAddr>();
        port.open_to_network = ip.is_ok_and(|ip| !ip.is_loopback());
        port.unreachable = why_unreachable(&held.state);
        if port.unreachable.is_some() {
            port.url = None;
        }
    }
}

/// Why a published port is not reachable, phrased to follow its address.
pub fn why_unreachable(state: &MachinePortState) -> Option<String> {
    match state {
        MachinePortState::Listening => None,
        MachinePortState::Conflict { holder } => Some(format!(
            "taken by {}",
            holder.as_deref().unwrap_or("something else")
        )),
        MachinePortState::Failed { reason } => Some(reason.message.clone()),
    }
}

#[cfg(test)]
mod tests {
    use slipway_api::container::{Exposed, PortView};

    use super::*;
    use crate::container_store::tests::view;

    fn held(host_ip: &str, host_port: u16, state: MachinePortState) -> MachinePort {
        MachinePort {
            container: "web".to_owned(),
            container_name: "web".to_owned(),
            container_port: 80,
            protocol: "tcp".to_owned(),
            host_ip: host_ip.to_owned(),
            host_port,
            state,
        }
    }

    /// Address, URL and problem shown for port 80, which the engine reports at `engine`.
    #[track_caller]
    fn check(engine: (&str, u16), held: &[MachinePort], expected: (&str, bool, Option<&str>)) {
        let mut container = view("web", "web");
        container.ports.push(PortView {
            container_port: 80,
            protocol: "tcp".to_owned(),
            host_ip: Some(engine.0.to_owned()),
            host_port: Some(engine.1),
            url: Some("http://127.0.0.1:8080".to_owned()),
            open_to_network: false,
            exposed: Exposed::Published,
            unreachable: None,
        });
        put_in(&mut container, held);
        let port = &container.ports[0];
        let shown = (
            port.host_ip.as_deref().unwrap_or_default(),
            port.url.is_some(),
            port.unreachable.as_deref(),
        );
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_port_is_shown_where_this_computer_has_it() {
        use MachinePortState::Listening;
        let engine = ("0.0.0.0", 8080);
        check(engine, &[], ("0.0.0.0", true, None));
        check(
            engine,
            &[held("127.0.0.1", 8080, Listening)],
            ("127.0.0.1", true, None),
        );
        check(
            engine,
            &[
                held("::1", 8080, Listening),
                held("0.0.0.0", 8080, Listening),
            ],
            ("0.0.0.0", true, None),
        );
        // Another port, and another address, both requested explicitly.
        check(
            engine,
            &[held("127.0.0.1", 8081, Listening)],
            ("0.0.0.0", true, None),
        );
        check(
            ("192.0.2.7", 8080),
            &[held("127.0.0.1", 8080, Listening)],
            ("192.0.2.7", true, None),
        );
    }

    #[test]
    fn a_port_that_something_else_has_has_no_url() {
        let taken = |holder: Option<&str>| MachinePortState::Conflict {
            holder: holder.map(str::to_owned),
        };
        check(
            ("0.0.0.0", 8080),
            &[held("127.0.0.1", 8080, taken(Some("nginx (process 12)")))],
            ("127.0.0.1", false, Some("taken by nginx (process 12)")),
        );
        check(
            ("127.0.0.1", 8080),
            &[held("127.0.0.1", 8080, taken(None))],
            ("127.0.0.1", false, Some("taken by something else")),
        );
    }
}
