//! Binds the ports that the machine's containers publish, for as long as the containers run.
//!
//! One task follows the engine: an event says that a container changed, an inspect says how. Inspects run beside each
//! other, so that a container that cannot be inspected delays no other container's ports.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, StreamExt as _};
use slipway_api::machine::{MachinePort, MachinePortState};
use slipway_api::{ApiError, ErrorKind};
use slipway_engine::{
    Action, ContainerDetail, ContainerState, Engine, EngineError, Event, ListFilter, Subject,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::guest::Guest;
use crate::inspections::Inspections;
use crate::port_binding::{PortBinding, Transport, bindings};
use crate::port_forward::TcpForward;
use crate::port_holder::port_holders;
use crate::udp_forward::UdpForward;

/// Retry interval for a port that another process has, and for a container that could not be inspected.
const RETRY: Duration = Duration::from_secs(2);

/// Pauses between searches for the processes that have our ports: doubled from the first to the last while the ports
/// that are in conflict stay the same.
const HOLDER_PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(2));

/// Timeout of such a search. The ports are published without the names of their holders after it.
const HOLDER_TIMEOUT: Duration = Duration::from_secs(1);

/// Pause before the engine is queried again after a failure.
const AGAIN: Duration = Duration::from_millis(500);

/// Limit of ports for all containers together, so that no guest can use up our file descriptors. Further ports wait
/// until some are free.
const MAX_PORTS: usize = 4096;

/// A handle to the bound ports. Dropping it closes them.
pub(crate) struct Ports {
    ends: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Ports {
    /// Follows an engine. `published` receives the ports whenever they or their states change; `prunes` is notified
    /// when something large was removed.
    pub(crate) fn follow(
        engine: Engine,
        guest: Guest,
        published: watch::Sender<Vec<MachinePort>>,
        prunes: watch::Sender<u64>,
    ) -> Self {
        let held = Held {
            guest,
            containers: BTreeMap::new(),
            forwards: HashMap::new(),
            search: HolderSearch::default(),
            max_ports: MAX_PORTS,
            published,
            prunes,
        };
        let ends = CancellationToken::new();
        let until = ends.clone();
        Self {
            ends,
            task: AbortOnDropHandle::new(tokio::spawn(async move {
                let mut held = held;
                until.run_until_cancelled(held.follow(engine)).await;
                for forward in held.forwards.values_mut() {
                    forward.end().await;
                }
            })),
        }
    }

    /// Closes all ports. On return they are free.
    pub(crate) async fn end(self) {
        self.ends.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the ports were not followed to the end");
        }
    }
}

/// When to search for the processes that have our ports.
#[derive(Default)]
struct HolderSearch {
    /// The ports of the last search.
    conflicts: BTreeSet<PortBinding>,
    next: Option<Instant>,
    pause: Duration,
}

impl HolderSearch {
    /// Whether to search now. A search that is due counts as made.
    fn is_due(&mut self, conflicts: &BTreeSet<PortBinding>, now: Instant) -> bool {
        let (first, last) = HOLDER_PAUSES;
        let has_new = !conflicts.is_subset(&self.conflicts);
        self.conflicts.clone_from(conflicts);
        if has_new {
            self.pause = first;
        } else if conflicts.is_empty() || self.next.is_none_or(|next| now < next) {
            return false;
        } else {
            self.pause = (self.pause * 2).min(last);
        }
        self.next = Some(now + self.pause);
        true
    }
}

/// The ports that a container publishes.
struct Wants {
    name: String,
    bindings: BTreeSet<PortBinding>,
}

/// A bound port, or why it is not bound.
enum Forward {
    Tcp(TcpForward),
    Udp(UdpForward),
    Not { why: MachinePortState },
}

impl Forward {
    /// Closes the port. On return it is free.
    async fn end(&mut self) {
        match self {
            Self::Tcp(forward) => forward.end().await,
            Self::Udp(forward) => forward.end().await,
            Self::Not { .. } => {}
        }
    }
}

struct Held {
    guest: Guest,
    containers: BTreeMap<String, Wants>,
    forwards: HashMap<PortBinding, Forward>,
    search: HolderSearch,
    max_ports: usize,
    published: watch::Sender<Vec<MachinePort>>,
    prunes: watch::Sender<u64>,
}

impl Held {
    async fn follow(&mut self, engine: Engine) {
        loop {
            if let Err(error) = self.follow_once(&engine).await {
                tracing::debug!(%error, "the machine's engine cannot be followed");
            }
            // Bound ports stay bound: the containers may well still be running.
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Subscribes, lists, then applies events until they end.
    async fn follow_once(&mut self, engine: &Engine) -> Result<(), EngineError> {
        let mut events = engine.events(None).await?;
        let running = engine.list_containers(&ListFilter::default()).await?;
        let ids: BTreeSet<String> = running.into_iter().map(|container| container.id).collect();
        self.containers.retain(|id, _| ids.contains(id));
        let mut inspections = Inspections::new(engine.clone());
        for id in ids {
            inspections.begin(id);
        }
        self.reconcile().await;
        let mut retry = tokio::time::interval(RETRY);
        retry.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            // All arms are cancel safe.
            tokio::select! {
                event = events.next() => {
                    let Some(event) = event else { return Ok(()) };
                    let mut closes = self.apply(&mut inspections, event?);
                    // Many events arrive at once when many containers start.
                    while let Some(Some(event)) = events.next().now_or_never() {
                        closes |= self.apply(&mut inspections, event?);
                    }
                    if closes {
                        self.reconcile().await;
                    }
                }
                (id, result) = inspections.next() => {
                    self.learn(&mut inspections, id, result);
                    while let Some((id, result)) = inspections.next().now_or_never() {
                        self.learn(&mut inspections, id, result);
                    }
                    self.reconcile().await;
                }
                _ = retry.tick() => {
                    inspections.retry();
                    self.retry().await;
                }
            }
        }
    }

    /// Applies an event. Returns whether ports of a container are to be closed.
    fn apply(&mut self, inspections: &mut Inspections, event: Event) -> bool {
        if event.action == Action::Other("prune".to_owned())
            || (event.subject == Subject::Image && event.action == Action::Remove)
        {
            self.prunes
                .send_modify(|count| *count = count.wrapping_add(1));
        }
        let id = match event.subject {
            Subject::Container => event.id,
            Subject::Network => match event.attributes.get("container") {
                Some(id) => id.clone(),
                None => return false,
            },
            _ => return false,
        };
        match event.action {
            Action::Die { .. } | Action::Remove => {
                inspections.forget(&id);
                self.containers.remove(&id).is_some()
            }
            Action::Start | Action::Rename { .. } | Action::Connect | Action::Disconnect => {
                inspections.begin(id);
                false
            }
            _ => false,
        }
    }

    /// Applies the result of an inspect. A failed one is tried again later; until then the container's ports stay as they
    /// are.
    fn learn(
        &mut self,
        inspections: &mut Inspections,
        id: String,
        result: Result<ContainerDetail, EngineError>,
    ) {
        let container = match result {
            Ok(container) => container,
            Err(EngineError::NotFound { .. }) => {
                self.containers.remove(&id);
                return;
            }
            Err(error) => {
                tracing::debug!(%id, %error, "a container cannot be inspected");
                inspections.failed(id);
                return;
            }
        };
        let runs = matches!(
            container.state.state,
            ContainerState::Running | ContainerState::Paused
        );
        let bindings = if runs {
            bindings(&container)
        } else {
            BTreeSet::new()
        };
        if bindings.is_empty() {
            self.containers.remove(&id);
        } else {
            let name = container.name;
            self.containers.insert(id, Wants { name, bindings });
        }
    }

    /// Closes ports that are no longer wanted and binds new ones, up to the limit. Ports that are wanted and bound stay
    /// as they are.
    async fn reconcile(&mut self) {
        let wanted: HashSet<PortBinding> = self
            .containers
            .values()
            .flat_map(|container| container.bindings.iter().copied())
            .collect();
        // Close first: a port may have moved from one container to another.
        let held: Vec<PortBinding> = self.forwards.keys().copied().collect();
        for binding in held {
            if !wanted.contains(&binding)
                && let Some(forward) = self.forwards.get_mut(&binding)
            {
                forward.end().await;
                self.forwards.remove(&binding);
            }
        }
        let mut containers: Vec<&Wants> = self.containers.values().collect();
        // Containers with few ports come first, so that a large range does not take all the room.
        containers.sort_by_key(|container| container.bindings.len());
        let new: Vec<PortBinding> = containers
            .into_iter()
            .flat_map(|container| &container.bindings)
            .filter(|binding| !self.forwards.contains_key(binding))
            .take(self.max_ports.saturating_sub(self.forwards.len()))
            .copied()
            .collect();
        for binding in new {
            let forward = self.take(binding);
            self.forwards.insert(binding, forward);
        }
        self.name_holders().await;
        self.publish();
    }

    /// Retries ports that could not be bound.
    async fn retry(&mut self) {
        let missing: Vec<PortBinding> = self
            .forwards
            .iter()
            .filter(|(_, forward)| matches!(forward, Forward::Not { .. }))
            .map(|(binding, _)| *binding)
            .collect();
        if missing.is_empty() {
            return;
        }
        for binding in missing {
            let mut forward = self.take(binding);
            // The name of the holder stays until a search finds another.
            if let Forward::Not { why } = &mut forward
                && matches!(why, MachinePortState::Conflict { .. })
                && let Some(Forward::Not { why: before }) = self.forwards.get(&binding)
                && matches!(before, MachinePortState::Conflict { .. })
            {
                *why = before.clone();
            }
            self.forwards.insert(binding, forward);
        }
        self.name_holders().await;
        self.publish();
    }

    /// Finds the processes that have our ports: at once when a port gets into conflict, and then at growing intervals,
    /// because a search reads the descriptors of every process.
    async fn name_holders(&mut self) {
        let conflicts: BTreeSet<PortBinding> = self
            .forwards
            .iter()
            .filter(|(_, forward)| {
                let Forward::Not { why } = forward else {
                    return false;
                };
                matches!(why, MachinePortState::Conflict { .. })
            })
            .map(|(binding, _)| *binding)
            .collect();
        if !self.search.is_due(&conflicts, Instant::now()) {
            return;
        }
        let conflicts: Vec<PortBinding> = conflicts.into_iter().collect();
        let ports: Vec<_> = conflicts
            .iter()
            .map(|binding| (binding.protocol, binding.local))
            .collect();
        let search = tokio::task::spawn_blocking(move || port_holders(&ports));
        let Ok(Ok(holders)) = tokio::time::timeout(HOLDER_TIMEOUT, search).await else {
            tracing::debug!("the search for the processes that have our ports took too long");
            return;
        };
        for (binding, holder) in conflicts.into_iter().zip(holders) {
            let holder = holder.map(|holder| format!("{} (process {})", holder.name, holder.pid));
            let why = MachinePortState::Conflict { holder };
            self.forwards.insert(binding, Forward::Not { why });
        }
    }

    fn take(&self, binding: PortBinding) -> Forward {
        let PortBinding {
            protocol,
            local,
            target,
        } = binding;
        let guest = self.guest.clone();
        let taken = match protocol {
            Transport::Tcp => TcpForward::listen(local, target, guest).map(Forward::Tcp),
            Transport::Udp => UdpForward::listen(local, target, guest).map(Forward::Udp),
        };
        taken.unwrap_or_else(|error| {
            let why = why_not(local, &error);
            tracing::debug!(%local, ?why, "a published port cannot be bound");
            Forward::Not { why }
        })
    }

    /// Publishes the state of each port. For ports beyond the limit, one port of a container stands for all its others.
    fn publish(&self) {
        let mut ports = Vec::new();
        for (id, container) in &self.containers {
            let port = |binding: &PortBinding, state| MachinePort {
                container: id.clone(),
                container_name: container.name.clone(),
                container_port: binding.target.port(),
                protocol: binding.protocol.as_str().to_owned(),
                host_ip: binding.local.ip().to_string(),
                host_port: binding.local.port(),
                state,
            };
            let mut left_out = Vec::new();
            for binding in &container.bindings {
                match self.forwards.get(binding) {
                    Some(Forward::Tcp(_) | Forward::Udp(_)) => {
                        ports.push(port(binding, MachinePortState::Listening));
                    }
                    Some(Forward::Not { why }) => ports.push(port(binding, why.clone())),
                    None => left_out.push(binding),
                }
            }
            if let [first, others @ ..] = left_out.as_slice() {
                ports.push(port(first, no_room(self.max_ports, others.len())));
            }
        }
        self.published.send_if_modified(|now| {
            let changed = *now != ports;
            if changed {
                *now = ports;
            }
            changed
        });
    }
}

/// A port beyond the limit, with the number of `others` of its container.
fn no_room(max_ports: usize, others: usize) -> MachinePortState {
    let message = format!("The limit of {max_ports} published ports is reached");
    MachinePortState::Failed {
        reason: ApiError {
            kind: ErrorKind::Conflict,
            message: match others {
                0 => message,
                1 => format!("{message}; 1 more port of this container is not published"),
                _ => format!("{message}; {others} more ports of this container are not published"),
            },
            hint: Some(
                "Publish fewer ports, or stop a container that publishes many of them".to_owned(),
            ),
            detail: None,
        },
    }
}

/// Why a port cannot be bound, and what to do.
fn why_not(local: SocketAddr, error: &io::Error) -> MachinePortState {
    let port = local.port();
    let failed = |kind, message: String, hint: Option<String>| MachinePortState::Failed {
        reason: ApiError {
            kind,
            message,
            hint,
            detail: Some(error.to_string()),
        },
    };
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            // The holder is searched for later, for all ports at once.
            MachinePortState::Conflict { holder: None }
        }
        io::ErrorKind::PermissionDenied => {
            let first = first_unprivileged_port(port);
            failed(
                ErrorKind::PermissionDenied,
                format!("Port {port} needs administrator rights, as all below {first} do"),
                Some(if cfg!(target_os = "linux") {
                    format!(
                        "Publish a port from {first} on, or allow it: `sudo sysctl net.ipv4.ip_unprivileged_port_start={port}`"
                    )
                } else {
                    format!("Publish a port from {first} on")
                }),
            )
        }
        io::ErrorKind::AddrNotAvailable => failed(
            ErrorKind::InvalidInput,
            format!("This computer does not have the address {}", local.ip()),
            Some("Publish at 127.0.0.1, or at an address of this computer".to_owned()),
        ),
        _ => failed(
            ErrorKind::Other,
            format!("Port {port} cannot be bound at {}", local.ip()),
            None,
        ),
    }
}

/// The lowest port that can be bound without administrator rights, which `refused` lies below. Linux has a setting.
fn first_unprivileged_port(refused: u16) -> u16 {
    const USUAL: u16 = 1024;
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        .ok()
        .and_then(|text| text.trim().parse::<u16>().ok())
        .filter(|first| *first > refused)
        .unwrap_or(USUAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses of this computer that nothing listens at, sorted.
    fn free_addresses(count: usize) -> Vec<SocketAddr> {
        let taken: Vec<_> = (0..count)
            .map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let mut addresses: Vec<_> = taken
            .iter()
            .map(|listener| listener.local_addr().unwrap())
            .collect();
        addresses.sort_unstable();
        addresses
    }

    /// A container that publishes TCP ports at `locals`.
    fn wants(name: &str, locals: &[SocketAddr]) -> (String, Wants) {
        let bindings = locals.iter().map(|local| PortBinding {
            protocol: Transport::Tcp,
            local: *local,
            target: SocketAddr::from(([172, 17, 0, 2], 80)),
        });
        let wants = Wants {
            name: name.to_owned(),
            bindings: bindings.collect(),
        };
        (name.to_owned(), wants)
    }

    /// No bound ports, and a limit of `max_ports`.
    fn room_for(max_ports: usize, containers: impl IntoIterator<Item = (String, Wants)>) -> Held {
        Held {
            guest: Guest::new(),
            containers: containers.into_iter().collect(),
            forwards: HashMap::new(),
            search: HolderSearch::default(),
            max_ports,
            published: watch::Sender::new(Vec::new()),
            prunes: watch::Sender::new(0),
        }
    }

    /// Each published port: container, number and, if it is not bound, why.
    fn told(held: &Held) -> Vec<(String, u16, Option<String>)> {
        let ports = held.published.borrow();
        let told = ports.iter().map(|port| {
            let why = match &port.state {
                MachinePortState::Listening => None,
                MachinePortState::Failed { reason } => Some(reason.message.clone()),
                MachinePortState::Conflict { .. } => panic!("{port:?}"),
            };
            (port.container.clone(), port.host_port, why)
        });
        told.collect()
    }

    #[tokio::test]
    async fn ports_that_work_stay_and_those_beyond_the_most_are_told() {
        let free = free_addresses(6);
        let mut held = room_for(3, [wants("web", &free[5..])]);
        held.reconcile().await;
        assert_eq!(told(&held), [("web".to_owned(), free[5].port(), None)]);

        // Ports that sort before it do not displace it.
        held.containers.extend([wants("range", &free[..5])]);
        held.reconcile().await;
        let why = "The limit of 3 published ports is reached; \
                   2 more ports of this container are not published";
        let range = "range".to_owned();
        assert_eq!(
            told(&held),
            [
                (range.clone(), free[0].port(), None),
                (range.clone(), free[1].port(), None),
                (range, free[2].port(), Some(why.to_owned())),
                ("web".to_owned(), free[5].port(), None),
            ]
        );

        // A free place is used.
        held.containers.remove("web");
        held.reconcile().await;
        assert_eq!(told(&held)[2].2, None);
        let [.., (_, port, Some(why))] = &told(&held)[..] else {
            panic!("{:?}", told(&held));
        };
        assert_eq!(*port, free[3].port());
        assert!(why.ends_with("; 1 more port of this container is not published"));
    }

    #[tokio::test]
    async fn a_large_range_leaves_room_for_those_who_want_little() {
        let free = free_addresses(4);
        let mut held = room_for(2, [wants("range", &free[..3]), wants("web", &free[3..])]);
        held.reconcile().await;
        let told = told(&held);
        assert_eq!(told[0], ("range".to_owned(), free[0].port(), None));
        assert_eq!(told.last(), Some(&("web".to_owned(), free[3].port(), None)));
    }

    /// 60 conflicts searched for their holders every 2 s each, which took a third of a processor.
    #[test]
    fn holders_are_searched_once_for_all_and_ever_more_rarely() {
        let conflicts = |count| {
            let (_, wants) = wants("web", &free_addresses(count));
            wants.bindings
        };
        let many = conflicts(60);
        let mut search = HolderSearch::default();
        let start = Instant::now();
        let searches = |search: &mut HolderSearch, from: u64, to: u64| {
            (from..to)
                .step_by(2)
                .filter(|second| search.is_due(&many, start + Duration::from_secs(*second)))
                .count()
        };
        assert!(!search.is_due(&BTreeSet::new(), start));
        assert_eq!(searches(&mut search, 0, 60), 5);
        // One every two minutes.
        assert_eq!(searches(&mut search, 60, 3_660), 31);

        // A new conflict is looked at without delay, a solved one is not.
        let mut more = many.clone();
        more.extend(conflicts(1));
        let now = start + Duration::from_secs(3_661);
        assert!(search.is_due(&more, now));
        assert!(!search.is_due(&more, now));
        assert!(!search.is_due(&many, now));
    }

    #[track_caller]
    fn check(local: &str, error: io::ErrorKind) -> MachinePortState {
        why_not(local.parse().unwrap(), &error.into())
    }

    #[test]
    fn a_port_that_cannot_be_had_says_what_to_do() {
        let conflict = check("127.0.0.1:80", io::ErrorKind::AddrInUse);
        assert_eq!(conflict, MachinePortState::Conflict { holder: None });
        if cfg!(target_os = "linux") {
            let MachinePortState::Failed { reason } =
                check("127.0.0.1:80", io::ErrorKind::PermissionDenied)
            else {
                panic!("not refused");
            };
            assert!(
                reason
                    .hint
                    .unwrap()
                    .contains("ip_unprivileged_port_start=80")
            );
        }
        let MachinePortState::Failed { reason } =
            check("192.0.2.1:80", io::ErrorKind::AddrNotAvailable)
        else {
            panic!("not refused");
        };
        assert!(reason.message.contains("192.0.2.1"));
    }
}
