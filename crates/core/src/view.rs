//! Converts domain types into wire types.

use slipway_api::catalog::{Badge, CatalogEntry, CatalogEnv, CatalogPort, CatalogVolume};
use slipway_api::container::{
    ContainerState, ContainerView, Ending, Exposed, Health, MountKind, MountView, PortView,
};
use slipway_api::engine::{EndpointView, EngineView};
use slipway_api::image::{ImageConfig, ImagePort};
use slipway_api::stats::StatsView;
use slipway_api::{
    container::{EnvVar, ShownVariable},
    run::MountPlan,
};
use slipway_catalog::Entry;
use slipway_engine as domain;
use slipway_engine::{Address, Candidate, Endpoint, EndpointSource, Probe, Product, Timestamp};

use crate::error::{api_error, endpoint_error};
use crate::secret::is_secret_name;
use crate::selection::Selected;
use crate::{exit_reason, web_page};

/// Label with the catalog entry that a container was planned from.
pub(crate) const CATALOG_LABEL: &str = "io.slipway.catalog";
/// Label with the id of the run that created a container.
pub(crate) const RUN_LABEL: &str = "io.slipway.run";
const COMPOSE_PROJECT: &str = "com.docker.compose.project";

/// The host name at which the engine's published ports are reachable from here.
pub(crate) fn engine_host(endpoint: &Endpoint) -> &str {
    match &endpoint.address {
        Address::Unix(_) | Address::NamedPipe(_) => "127.0.0.1",
        Address::Tcp { host, .. } | Address::Ssh { host, .. } => host,
    }
}

/// Whether the engine publishes ports on this computer.
pub(crate) fn is_local(endpoint: &Endpoint) -> bool {
    is_local_host(engine_host(endpoint))
}

pub(crate) fn is_local_host(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "localhost" | "::1")
}

pub(crate) fn endpoint(
    candidate: &Candidate,
    probe: Option<&Probe>,
    current: bool,
) -> EndpointView {
    let source = match &candidate.source {
        EndpointSource::Environment => "DOCKER_HOST".to_owned(),
        EndpointSource::Context(_) => "Docker context".to_owned(),
        EndpointSource::Socket(product) => format!("{product} socket"),
        EndpointSource::Machine => "Slipway's machine".to_owned(),
        EndpointSource::Custom => "Slipway settings".to_owned(),
    };
    let address = candidate
        .endpoint
        .as_ref()
        .map(|endpoint| endpoint.address.to_string())
        .unwrap_or_default();
    let (engine, error) = match (&candidate.endpoint, probe) {
        (Err(error), _) => (None, Some(api_error(error))),
        (Ok(_), None) => (None, None),
        (Ok(endpoint), Some(probe)) => match &probe.outcome {
            Ok(answer) => (
                Some(EngineView {
                    endpoint: endpoint.name.clone(),
                    address: address.clone(),
                    product: product(answer.product).to_owned(),
                    version: answer.version.clone(),
                    api_version: answer.api_version.clone(),
                    os: answer.os.clone(),
                    arch: answer.arch.clone(),
                    cpus: None,
                    memory_bytes: None,
                }),
                None,
            ),
            Err(failure) => {
                let error = failure.clone().into_error(endpoint);
                (None, Some(endpoint_error(&endpoint.source, &error)))
            }
        },
    };
    EndpointView {
        name: candidate.name.clone(),
        source,
        address,
        current,
        engine,
        error,
    }
}

fn product(product: Product) -> &'static str {
    match product {
        Product::Docker => "Docker",
        Product::Podman => "Podman",
    }
}

pub(crate) fn engine(selected: &Selected) -> EngineView {
    let info = selected.engine.info();
    EngineView {
        endpoint: selected.endpoint.name.clone(),
        address: selected.endpoint.address.to_string(),
        product: product(info.product).to_owned(),
        version: info.version.clone(),
        api_version: info.api_version.clone(),
        os: info.os.clone(),
        arch: info.arch.clone(),
        cpus: info.cpus,
        memory_bytes: info.memory_bytes,
    }
}

pub(crate) fn state(state: &domain::ContainerState) -> ContainerState {
    use domain::ContainerState as S;
    match state {
        S::Created => ContainerState::Created,
        S::Running => ContainerState::Running,
        S::Paused => ContainerState::Paused,
        S::Restarting => ContainerState::Restarting,
        S::Removing => ContainerState::Removing,
        S::Exited => ContainerState::Exited,
        S::Dead => ContainerState::Dead,
        S::Unknown(_) => ContainerState::Unknown,
    }
}

pub(crate) fn health(health: domain::Health) -> Health {
    match health {
        domain::Health::Starting => Health::Starting,
        domain::Health::Healthy => Health::Healthy,
        domain::Health::Unhealthy => Health::Unhealthy,
    }
}

/// An image reference in short form: engines return `docker.io/library/nginx` if that was requested.
fn familiar_image(image: String) -> String {
    if !image.starts_with("docker.io/") {
        return image;
    }
    image
        .parse::<slipway_catalog::ImageReference>()
        .map_or(image, |reference| reference.familiar())
}

/// A container of the list. `engine_host` is the host at which its published ports are reachable.
pub(crate) fn container(container: domain::Container, engine_host: &str) -> ContainerView {
    let entry = catalog_entry(
        container.labels.get(CATALOG_LABEL).map(String::as_str),
        &container.image,
    );
    let state = state(&container.state);
    let ended = matches!(state, ContainerState::Exited | ContainerState::Dead);
    let ending = container.exit_code.filter(|_| ended);
    let ending = ending.map(exit_reason::of_exit_code);
    ContainerView {
        ports: ports(&container.ports, entry, engine_host),
        mounts: container.mounts.iter().map(mount).collect(),
        stack: container.labels.get(COMPOSE_PROJECT).cloned(),
        ending: ending.as_ref().map(|ended| ended.ending),
        reason: ending.and_then(|ended| ended.reason),
        restart_count: None,
        last_exit_code: None,
        exit_code: container
            .exit_code
            .filter(|_| ended || state == ContainerState::Restarting)
            .and_then(|code| i32::try_from(code).ok()),
        health: container.health.map(health),
        created_at: container
            .created_at
            .map(|at| at.to_string())
            .unwrap_or_default(),
        image_id: container.image_id.unwrap_or_default(),
        state,
        since: age(&container.status).map(|age| {
            Timestamp::from_unix_nanos(Timestamp::now().unix_nanos().saturating_sub(age))
                .to_string()
        }),
        status: container.status,
        id: container.id,
        name: container.name,
        image: familiar_image(container.image),
    }
}

/// How long a container has been in its state, in nanoseconds, from the engine's text: `Up 2 hours (healthy)`, `Exited
/// (0) About a minute ago`.
fn age(status: &str) -> Option<i64> {
    const SECOND: i64 = 1_000_000_000;
    let rest = status.strip_prefix("Up ").or_else(|| {
        let ended = ["Exited (", "Restarting ("]
            .iter()
            .find_map(|start| status.strip_prefix(start))?;
        Some(ended.split_once(") ")?.1)
    })?;
    let mut words = rest.split_ascii_whitespace();
    let (number, unit) = match (words.next()?, words.next()?) {
        ("Less", "than") => return Some(0),
        ("About", _) => (1, words.next()?),
        (number, unit) => (i64::from(number.parse::<u32>().ok()?), unit),
    };
    let seconds = match unit.trim_end_matches('s') {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        "week" => 7 * 86_400,
        "month" => 30 * 86_400,
        "year" => 365 * 86_400,
        _ => return None,
    };
    number.checked_mul(seconds)?.checked_mul(SECOND)
}

/// A container's status in the wording of engine lists, which inspect does not have.
fn status(state: &domain::StateDetail, now: Timestamp) -> String {
    use domain::ContainerState as S;
    let code = state.exit_code.unwrap_or_default();
    let since = |at: Option<Timestamp>| {
        let nanos = at.map_or(0, |at| now.unix_nanos().saturating_sub(at.unix_nanos()));
        duration(u64::try_from(nanos / 1_000_000_000).unwrap_or_default())
    };
    match &state.state {
        S::Created => "Created".to_owned(),
        S::Running => {
            let health = match state.health.as_ref().map(|health| health.health) {
                Some(domain::Health::Starting) => " (health: starting)",
                Some(domain::Health::Healthy) => " (healthy)",
                Some(domain::Health::Unhealthy) => " (unhealthy)",
                None => "",
            };
            format!("Up {}{health}", since(state.started_at))
        }
        S::Paused => format!("Up {} (Paused)", since(state.started_at)),
        S::Restarting => format!("Restarting ({code}) {} ago", since(state.finished_at)),
        S::Removing => "Removal In Progress".to_owned(),
        S::Exited => format!("Exited ({code}) {} ago", since(state.finished_at)),
        S::Dead => "Dead".to_owned(),
        S::Unknown(word) => word.clone(),
    }
}

/// A duration in the engine's wording; [`age`] parses it.
fn duration(seconds: u64) -> String {
    let minutes = seconds / 60;
    let hours = (seconds + 1_800) / 3_600;
    match (seconds, minutes, hours) {
        (0, ..) => "Less than a second".to_owned(),
        (1, ..) => "1 second".to_owned(),
        (2..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, 2..60, _) => format!("{minutes} minutes"),
        (.., 1) => "About an hour".to_owned(),
        (.., 2..48) => format!("{hours} hours"),
        (.., 48..336) => format!("{} days", hours / 24),
        (.., 336..1_440) => format!("{} weeks", hours / 24 / 7),
        (.., 1_440..17_520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

/// The same from an inspect.
pub(crate) fn inspected(detail: &domain::ContainerDetail, engine_host: &str) -> ContainerView {
    let entry = catalog_entry(
        detail.labels.get(CATALOG_LABEL).map(String::as_str),
        &detail.image,
    );
    let state = state(&detail.state.state);
    let ended = matches!(state, ContainerState::Exited | ContainerState::Dead);
    // Inspect lists published ports; ports that are only exposed come from the configuration.
    let mut all_ports = detail.ports.clone();
    for configured in &detail.configured_ports {
        let known = all_ports.iter().any(|port| {
            port.container_port == configured.container_port && port.protocol == configured.protocol
        });
        if !known {
            all_ports.push(domain::Port {
                container_port: configured.container_port,
                protocol: configured.protocol,
                host_ip: None,
                host_port: None,
            });
        }
    }
    let mut ports = ports(&all_ports, entry, engine_host);
    // Between two runs of a crash loop nothing is bound either.
    if !is_up(state) || state == ContainerState::Restarting {
        for port in &mut ports {
            plan_port(port, &detail.configured_ports);
        }
    }
    ContainerView {
        id: detail.id.clone(),
        name: detail.name.clone(),
        image: familiar_image(detail.image.clone()),
        image_id: detail.image_id.clone().unwrap_or_default(),
        since: match state {
            ContainerState::Running | ContainerState::Paused => detail.state.started_at,
            ContainerState::Exited | ContainerState::Dead => detail.state.finished_at,
            _ => None,
        }
        .map(|at| at.to_string()),
        state,
        status: status(&detail.state, Timestamp::now()),
        health: detail.state.health.as_ref().map(|h| health(h.health)),
        exit_code: detail
            .state
            .exit_code
            .filter(|_| ended || state == ContainerState::Restarting)
            .and_then(|code| i32::try_from(code).ok()),
        ending: exit_reason::of_ended(detail)
            .filter(|end| ended || end.ending == Ending::NotStarted)
            .map(|ended| ended.ending),
        reason: exit_reason::of_detail(detail),
        restart_count: Some(u32::try_from(detail.restart_count).unwrap_or(u32::MAX)),
        last_exit_code: None,
        created_at: detail
            .created_at
            .map(|at| at.to_string())
            .unwrap_or_default(),
        ports,
        mounts: detail.mounts.iter().map(mount).collect(),
        stack: detail.labels.get(COMPOSE_PROJECT).cloned(),
    }
}

/// Whether a container has processes, running or frozen.
pub(crate) fn is_up(state: ContainerState) -> bool {
    use ContainerState as S;
    matches!(state, S::Running | S::Paused | S::Restarting)
}

/// Adds to a port of a stopped container where it will be published.
fn plan_port(port: &mut PortView, configured: &[domain::ConfiguredPort]) {
    let binding = configured
        .iter()
        .filter(|configured| {
            configured.container_port == port.container_port
                && protocol(configured.protocol) == port.protocol
        })
        .flat_map(|configured| &configured.bindings)
        .find_map(|(ip, host_port)| Some((*ip, (*host_port)?)));
    if let (None, Some((ip, host_port))) = (port.host_port, binding) {
        port.host_port = Some(host_port);
        port.host_ip = Some(ip.map_or_else(|| "0.0.0.0".to_owned(), |ip| ip.to_string()));
        port.open_to_network = ip.is_none_or(|ip| !ip.is_loopback());
    }
}

/// The catalog entry of a container: the one it was planned from, otherwise the one of its image.
pub(crate) fn catalog_entry(label: Option<&str>, image: &str) -> Option<&'static Entry> {
    label
        .and_then(|slug| slipway_catalog::Catalog::bundled().entry(slug))
        .or_else(|| web_page::entry_of_image(image))
}

/// Sorted ports without duplicates: engines list one binding for IPv4 and one for IPv6.
fn ports(ports: &[domain::Port], entry: Option<&Entry>, engine_host: &str) -> Vec<PortView> {
    let mut views: Vec<PortView> = Vec::with_capacity(ports.len());
    let mut sorted = ports.to_vec();
    sorted.sort();
    for port in &sorted {
        let twin = views.iter().any(|view| {
            view.container_port == port.container_port
                && view.protocol == protocol(port.protocol)
                && view.host_port == port.host_port
        });
        if twin && port.host_ip.is_none_or(|ip| ip.is_unspecified()) {
            continue;
        }
        views.push(PortView {
            container_port: port.container_port,
            protocol: protocol(port.protocol).to_owned(),
            host_ip: port.host_ip.map(|ip| ip.to_string()),
            host_port: port.host_port,
            open_to_network: port.host_port.is_some()
                && port.host_ip.is_none_or(|ip| !ip.is_loopback()),
            url: web_page::url(port, entry, engine_host),
            exposed: if port.host_port.is_some() {
                Exposed::Published
            } else {
                Exposed::None
            },
            unreachable: None,
        });
    }
    views
}

pub(crate) fn protocol(protocol: domain::Protocol) -> &'static str {
    match protocol {
        domain::Protocol::Tcp => "tcp",
        domain::Protocol::Udp => "udp",
        domain::Protocol::Sctp => "sctp",
    }
}

fn mount(mount: &domain::Mount) -> MountView {
    let (kind, source) = match &mount.kind {
        domain::MountKind::Volume => (MountKind::Volume, mount.volume.clone()),
        domain::MountKind::Bind => (MountKind::Bind, mount.source.clone()),
        domain::MountKind::Tmpfs => (MountKind::Tmpfs, None),
        domain::MountKind::Other(_) => (MountKind::Other, mount.source.clone()),
    };
    let anonymous = kind == MountKind::Volume
        && source
            .as_deref()
            .is_none_or(|name| name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit()));
    MountView {
        kind,
        source,
        target: mount.destination.clone(),
        read_only: mount.read_only,
        anonymous,
    }
}

/// A mount of an existing container in the form of a plan.
pub(crate) fn mount_plan(mount: &MountView) -> MountPlan {
    MountPlan {
        kind: mount.kind,
        source: mount.source.clone().filter(|_| !mount.anonymous),
        target: mount.target.clone(),
        read_only: mount.read_only,
    }
}

pub(crate) fn image_config(image: &domain::ImageDetail) -> ImageConfig {
    ImageConfig {
        ports: image
            .exposed_ports
            .iter()
            .map(|(port, kind)| ImagePort {
                port: *port,
                protocol: protocol(*kind).to_owned(),
            })
            .collect(),
        volumes: image.volumes.clone(),
        env: image.env.iter().map(|line| shown_variable(line)).collect(),
        command: image
            .entrypoint
            .iter()
            .chain(&image.command)
            .cloned()
            .collect(),
        has_healthcheck: image.healthcheck.first().is_some_and(|kind| kind != "NONE"),
        platform: platform(image),
        size_bytes: image.size,
    }
}

pub(crate) fn platform(image: &domain::ImageDetail) -> String {
    match &image.variant {
        Some(variant) if !variant.is_empty() => format!("{}/{}/{variant}", image.os, image.arch),
        _ => format!("{}/{}", image.os, image.arch),
    }
}

/// A variable as it is shown, from `NAME=value`.
pub(crate) fn shown_variable(line: &str) -> ShownVariable {
    let EnvVar { name, value } = env_var(line);
    ShownVariable {
        secret: is_secret_name(&name),
        name,
        value,
    }
}

/// `NAME=value`, split at the first `=`.
pub(crate) fn env_var(line: &str) -> EnvVar {
    let (name, value) = line.split_once('=').unwrap_or((line, ""));
    EnvVar {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

pub(crate) fn entry(entry: &Entry) -> CatalogEntry {
    let mut ports: Vec<_> = entry.ports.iter().collect();
    ports.sort_by_key(|port| !port.primary);
    CatalogEntry {
        slug: entry.slug.clone(),
        name: entry.name.clone(),
        summary: entry.summary.clone(),
        category: entry.category.slug().to_owned(),
        image: entry.image.familiar(),
        default_tag: entry.default_tag.clone(),
        tags: entry.tags.clone(),
        badge: match entry.badge {
            slipway_catalog::Badge::Official => Badge::Official,
            slipway_catalog::Badge::Verified => Badge::Verified,
            slipway_catalog::Badge::None => Badge::None,
        },
        logo: entry.logo.clone(),
        color: entry.color.to_string(),
        ports: ports
            .into_iter()
            .map(|port| CatalogPort {
                port: port.number,
                protocol: port.protocol.to_string(),
                web_path: port.web.then(|| port.path.clone()),
                purpose: Some(port.purpose.clone()),
            })
            .collect(),
        volumes: entry
            .volumes
            .iter()
            .map(|volume| CatalogVolume {
                path: volume.path.clone(),
                holds: volume.holds.clone(),
            })
            .collect(),
        env: entry
            .env
            .iter()
            .map(|variable| CatalogEnv {
                name: variable.name.clone(),
                description: variable.about.clone(),
                required: variable.required,
                default: variable.default.clone(),
                secret: variable.secret || variable.generate.is_some(),
                generated: variable.generate.is_some(),
            })
            .collect(),
        needs: entry.needs.clone(),
        note: entry.note.as_ref().and_then(|note| note.fill(|_| None)),
        docs_url: Some(entry.docs.clone()).filter(|docs| !docs.is_empty()),
        architectures: entry.architectures.clone(),
    }
}

pub(crate) fn stats(id: &str, sample: &domain::StatsSample) -> StatsView {
    StatsView {
        id: id.to_owned(),
        cpu_percent: sample.cpu_percent,
        memory_bytes: sample.memory_used,
        memory_limit: sample.memory_limit,
        network_rx_bytes: sample.network_rx,
        network_tx_bytes: sample.network_tx,
        block_read_bytes: sample.block_read,
        block_write_bytes: sample.block_write,
        pids: sample.pids,
    }
}

/// An architecture by its OCI name: engines use `x86_64` in some places and `amd64` in others.
pub(crate) fn oci_arch(arch: &str) -> &str {
    match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "i386" | "i686" => "386",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{age, duration};

    #[test]
    fn durations_are_told_in_the_engines_words() {
        for (seconds, words) in [
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (3_599, "59 minutes"),
            (3_600, "About an hour"),
            (7_200, "2 hours"),
            (47 * 3_600, "47 hours"),
            (72 * 3_600, "3 days"),
            (21 * 86_400, "3 weeks"),
            (90 * 86_400, "3 months"),
            (800 * 86_400, "2 years"),
        ] {
            assert_eq!(duration(seconds), words);
        }
        // The written age can be parsed, and is off by at most one unit.
        for seconds in [0, 5, 60, 600, 3_600, 50_000, 200_000] {
            let read = age(&format!("Up {}", duration(seconds))).expect("a time");
            let off = i64::try_from(seconds).expect("small") - read / 1_000_000_000;
            assert!(off.unsigned_abs() <= seconds / 3, "{seconds}: off by {off}");
        }
    }

    #[test]
    fn ages_are_read_from_the_engines_words() {
        for (status, seconds) in [
            ("Up Less than a second", Some(0)),
            ("Up 5 seconds", Some(5)),
            ("Up About a minute", Some(60)),
            ("Up About an hour (healthy)", Some(3_600)),
            ("Up 2 hours (Paused)", Some(7_200)),
            ("Exited (137) 3 days ago", Some(3 * 86_400)),
            ("Restarting (1) 1 second ago", Some(1)),
            ("Up 2 months", Some(60 * 86_400)),
            ("Created", None),
            ("Up", None),
            ("Up 99999999999999999 years", None),
            ("", None),
        ] {
            assert_eq!(age(status), seconds.map(|s| s * 1_000_000_000), "{status}");
        }
    }
}
