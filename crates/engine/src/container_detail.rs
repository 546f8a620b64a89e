//! The complete description of one container.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::container::{WireMount, WireNetwork, parse_ip, parse_port};
use crate::error::{About, Noun, classify};
use crate::text::{self, clean, clean_lines};
use crate::{
    ContainerState, Engine, EngineError, Health, Mount, MountKind, NetworkAttachment, Port,
    Protocol, Timestamp, json,
};

/// One container in full.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerDetail {
    /// Full id.
    pub id: String,
    /// Name without the leading slash.
    pub name: String,
    /// The image as it was requested.
    pub image: String,
    /// The image's id.
    pub image_id: Option<String>,
    /// The image's operating system and architecture, if the engine reports them: `linux`, `linux/arm64`.
    pub platform: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// State, exit code, times.
    pub state: StateDetail,
    /// How often the restart policy has started it again.
    pub restart_count: u64,
    /// Restart policy.
    pub restart_policy: RestartPolicy,
    /// Whether it is removed when it ends.
    pub auto_remove: bool,
    /// Whether it is privileged.
    pub privileged: bool,
    /// Limits.
    pub limits: ResourceLimits,
    /// Environment, `KEY=value`, in order, including that of the image.
    pub env: Vec<String>,
    /// Command.
    pub command: Vec<String>,
    /// Entry point.
    pub entrypoint: Vec<String>,
    /// Working directory.
    pub working_dir: Option<String>,
    /// User, with group if given.
    pub user: Option<String>,
    /// Host name.
    pub hostname: Option<String>,
    /// Its stop signal.
    pub stop_signal: Option<String>,
    /// Its stop timeout, if configured.
    pub stop_timeout: Option<Duration>,
    /// Whether it has a terminal, which decides how its log is framed.
    pub tty: bool,
    /// Whether its standard input is open.
    pub stdin_open: bool,
    /// Mounts.
    pub mounts: Vec<Mount>,
    /// Network mode as configured: `bridge`, `host`, `container:…`, a network's name.
    pub network_mode: Option<String>,
    /// Networks.
    pub networks: Vec<NetworkAttachment>,
    /// Ports that the image or configuration exposes, and the bindings that are configured.
    pub configured_ports: Vec<ConfiguredPort>,
    /// Ports as they are bound now; exposed ones without a host port.
    pub ports: Vec<Port>,
    /// Ports as they are bound now; exposed ones without a host port.
    pub labels: BTreeMap<String, String>,
    /// Health check as configured, including the image's.
    pub healthcheck: Option<HealthCheck>,
    /// Logging driver, such as `json-file`.
    pub log_driver: Option<String>,
    /// The engine's raw answer, for display and for fields that this type lacks.
    pub raw: Value,
}

/// The health check of a container. `None` is the engine's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthCheck {
    /// The test as Docker writes it: `["CMD-SHELL", "…"]`, `["CMD", "…", …]`, or `["NONE"]` where the image's check is
    /// switched off.
    pub test: Vec<String>,
    /// Interval between two checks.
    pub interval: Option<Duration>,
    /// Timeout of a check.
    pub timeout: Option<Duration>,
    /// Start period, in which failures do not count.
    pub start_period: Option<Duration>,
    /// Number of consecutive failures that make it unhealthy.
    pub retries: Option<u32>,
}

/// A host address (`None` for all) and a host port (`None` for a free one).
pub type Binding = (Option<IpAddr>, Option<u16>);

/// A port as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredPort {
    /// The port inside the container.
    pub container_port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its host bindings. Empty if it is only exposed.
    pub bindings: Vec<Binding>,
}

/// The complete state of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDetail {
    /// State.
    pub state: ContainerState,
    /// Exit code of the last run; none while it runs or before the first.
    pub exit_code: Option<i64>,
    /// Whether the kernel killed it because memory ran out.
    pub oom_killed: bool,
    /// Why it could not be started, in the engine's words.
    pub error: Option<String>,
    /// Process id on the engine's host.
    pub pid: Option<u32>,
    /// When it was last started.
    pub started_at: Option<Timestamp>,
    /// When it last ended.
    pub finished_at: Option<Timestamp>,
    /// Health, where it has a check.
    pub health: Option<HealthDetail>,
}

impl ContainerDetail {
    /// Why it could not be started, in words. [`StateDetail::error`] has the engine's own.
    pub fn start_error(&self) -> Option<String> {
        let raw = self.state.error.as_deref()?;
        let about = About {
            noun: Noun::Container,
            name: self.name.clone(),
        };
        Some(classify(500, raw, &about).to_string())
    }
}

/// The result of the health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthDetail {
    /// The current health.
    pub health: Health,
    /// Number of consecutive failures.
    pub failing_streak: u64,
    /// Exit code of the last check.
    pub last_exit_code: Option<i64>,
    /// Output of the last check, at most 4 KiB.
    pub last_output: Option<String>,
}

/// The restart policies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Never.
    #[default]
    No,
    /// Whenever it ends, and when the engine starts.
    Always,
    /// As `Always`, unless the user has stopped it.
    UnlessStopped,
    /// When it ends with an error, limited to a number of attempts if given.
    OnFailure {
        /// Limit of attempts.
        max_retries: Option<u32>,
    },
}

/// Resource limits. `None` is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceLimits {
    /// Memory in bytes.
    pub memory: Option<u64>,
    /// CPU in billionths of a CPU.
    pub nano_cpus: Option<u64>,
    /// Number of processes.
    pub pids: Option<u64>,
}

/// Limit of a health check's output.
const MAX_HEALTH_OUTPUT: usize = 4096;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    #[serde(default, deserialize_with = "text::line")]
    id: Option<String>,
    #[serde(default, deserialize_with = "text::line")]
    name: Option<String>,
    created: Option<String>,
    #[serde(default, deserialize_with = "text::line")]
    image: Option<String>,
    #[serde(default, deserialize_with = "text::line")]
    platform: Option<String>,
    image_manifest_descriptor: Option<WireDescriptor>,
    restart_count: Option<u64>,
    state: Option<WireState>,
    config: Option<WireConfig>,
    host_config: Option<WireHostConfig>,
    mounts: Option<Vec<WireMount>>,
    network_settings: Option<WireNetworkSettings>,
}

#[derive(Deserialize)]
struct WireDescriptor {
    platform: Option<WirePlatform>,
}

#[derive(Deserialize)]
struct WirePlatform {
    #[serde(default, deserialize_with = "text::line")]
    os: Option<String>,
    #[serde(default, deserialize_with = "text::line")]
    architecture: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireState {
    status: Option<String>,
    exit_code: Option<i64>,
    #[serde(rename = "OOMKilled")]
    oom_killed: Option<bool>,
    error: Option<String>,
    pid: Option<u32>,
    started_at: Option<String>,
    finished_at: Option<String>,
    health: Option<WireHealth>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireHealth {
    status: Option<String>,
    failing_streak: Option<i64>,
    log: Option<Vec<WireHealthLog>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireHealthLog {
    exit_code: Option<i64>,
    output: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireConfig {
    #[serde(default, deserialize_with = "text::line")]
    image: Option<String>,
    #[serde(default, deserialize_with = "text::words")]
    env: Option<Vec<String>>,
    #[serde(default, deserialize_with = "text::words")]
    cmd: Option<Vec<String>>,
    entrypoint: Option<OneOrMany>,
    #[serde(default, deserialize_with = "text::path")]
    working_dir: Option<String>,
    #[serde(default, deserialize_with = "text::line")]
    user: Option<String>,
    #[serde(default, deserialize_with = "text::line")]
    hostname: Option<String>,
    /// Podman writes a number.
    stop_signal: Option<Value>,
    stop_timeout: Option<i64>,
    tty: Option<bool>,
    open_stdin: Option<bool>,
    exposed_ports: Option<BTreeMap<String, Value>>,
    #[serde(default, deserialize_with = "text::labels")]
    labels: Option<BTreeMap<String, String>>,
    healthcheck: Option<WireHealthCheck>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireHealthCheck {
    #[serde(default, deserialize_with = "text::words")]
    test: Option<Vec<String>>,
    interval: Option<i64>,
    timeout: Option<i64>,
    start_period: Option<i64>,
    retries: Option<i64>,
}

/// Podman writes an entry point as one string.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(word) if word.is_empty() => Vec::new(),
            Self::One(word) => text::limited_words(vec![word]),
            Self::Many(words) => text::limited_words(words),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireHostConfig {
    restart_policy: Option<WireRestartPolicy>,
    memory: Option<i64>,
    nano_cpus: Option<i64>,
    cpu_quota: Option<i64>,
    cpu_period: Option<i64>,
    pids_limit: Option<i64>,
    auto_remove: Option<bool>,
    privileged: Option<bool>,
    #[serde(default, deserialize_with = "text::line")]
    network_mode: Option<String>,
    port_bindings: Option<BTreeMap<String, Option<Vec<WireBinding>>>>,
    tmpfs: Option<BTreeMap<String, Option<String>>>,
    log_config: Option<WireLogConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireRestartPolicy {
    name: Option<String>,
    maximum_retry_count: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireLogConfig {
    #[serde(rename = "Type")]
    #[serde(default, deserialize_with = "text::line")]
    driver: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireBinding {
    host_ip: Option<String>,
    host_port: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireNetworkSettings {
    ports: Option<BTreeMap<String, Option<Vec<WireBinding>>>>,
    networks: Option<BTreeMap<String, Option<WireNetwork>>>,
}

impl WireBinding {
    fn host_ip(&self) -> Option<IpAddr> {
        parse_ip(self.host_ip.as_deref())
    }

    /// `None` for an empty text, `0` and a range: the engine chooses.
    fn host_port(&self) -> Option<u16> {
        let port = self.host_port.as_deref()?.parse().ok()?;
        (port != 0).then_some(port)
    }
}

impl WireState {
    fn into_detail(self) -> StateDetail {
        let state = ContainerState::parse(self.status.as_deref().unwrap_or_default());
        let moment = |text: Option<String>| Timestamp::parse(text?.as_bytes());
        let error = self
            .error
            .map(|error| clean(&error))
            .filter(|error| !error.is_empty());
        let finished_at = moment(self.finished_at);
        let runs = matches!(state, ContainerState::Running | ContainerState::Paused);
        StateDetail {
            // A container that could not be started has an exit code although it has never ended.
            exit_code: self
                .exit_code
                .filter(|_| !runs && (finished_at.is_some() || error.is_some())),
            oom_killed: self.oom_killed.unwrap_or_default(),
            error,
            pid: self.pid.filter(|pid| *pid != 0),
            started_at: moment(self.started_at),
            finished_at,
            health: self.health.and_then(WireHealth::into_detail),
            state,
        }
    }
}

impl WireHealth {
    fn into_detail(self) -> Option<HealthDetail> {
        let health = Health::parse(self.status.as_deref()?)?;
        let last = self.log.unwrap_or_default().pop();
        Some(HealthDetail {
            health,
            failing_streak: self
                .failing_streak
                .and_then(|streak| streak.try_into().ok())
                .unwrap_or_default(),
            last_exit_code: last.as_ref().and_then(|last| last.exit_code),
            last_output: last
                .and_then(|last| last.output)
                .map(|output| clean_lines(&output, MAX_HEALTH_OUTPUT)),
        })
    }
}

impl WireHealthCheck {
    fn into_check(self) -> Option<HealthCheck> {
        let nanos = |nanos: Option<i64>| {
            let nanos = u64::try_from(nanos?).ok().filter(|nanos| *nanos > 0)?;
            Some(Duration::from_nanos(nanos))
        };
        Some(HealthCheck {
            test: self.test.filter(|test| !test.is_empty())?,
            interval: nanos(self.interval),
            timeout: nanos(self.timeout),
            start_period: nanos(self.start_period),
            retries: self
                .retries
                .and_then(|retries| u32::try_from(retries).ok())
                .filter(|retries| *retries > 0),
        })
    }
}

impl WireRestartPolicy {
    fn into_policy(self) -> RestartPolicy {
        match self.name.as_deref().unwrap_or_default() {
            "always" => RestartPolicy::Always,
            "unless-stopped" => RestartPolicy::UnlessStopped,
            "on-failure" => RestartPolicy::OnFailure {
                max_retries: self.maximum_retry_count.filter(|count| *count > 0),
            },
            _ => RestartPolicy::No,
        }
    }
}

impl WireHostConfig {
    fn limits(&self) -> ResourceLimits {
        let positive =
            |value: Option<i64>| value.and_then(|v| u64::try_from(v).ok()).filter(|v| *v > 0);
        // `docker run --cpu-quota` and Podman's `--cpus` express the same limit differently.
        let from_quota = || {
            let quota = positive(self.cpu_quota)?;
            let period = positive(self.cpu_period).unwrap_or(100_000);
            Some(quota.saturating_mul(1_000_000_000) / period)
        };
        ResourceLimits {
            memory: positive(self.memory),
            nano_cpus: positive(self.nano_cpus).or_else(from_quota),
            pids: positive(self.pids_limit),
        }
    }
}

/// A string, if it is not empty.
pub(crate) fn some_text(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn configured_ports(
    exposed: &BTreeMap<String, Value>,
    bindings: &BTreeMap<String, Option<Vec<WireBinding>>>,
) -> Vec<ConfiguredPort> {
    let mut ports: BTreeMap<(u16, Protocol), Vec<Binding>> = exposed
        .keys()
        .filter_map(|port| Some((parse_port(port)?, Vec::new())))
        .collect();
    for (port, bindings) in bindings {
        if let Some(port) = parse_port(port) {
            let bindings = bindings
                .iter()
                .flatten()
                .map(|binding| (binding.host_ip(), binding.host_port()));
            ports.entry(port).or_default().extend(bindings);
        }
    }
    ports
        .into_iter()
        .map(|((container_port, protocol), bindings)| ConfiguredPort {
            container_port,
            protocol,
            bindings,
        })
        .collect()
}

/// The ports as they are bound now. Exposed ports without a binding have no host port.
fn bound_ports(
    bound: &BTreeMap<String, Option<Vec<WireBinding>>>,
    configured: &[ConfiguredPort],
) -> Vec<Port> {
    let unbound = |container_port, protocol| Port {
        container_port,
        protocol,
        host_ip: None,
        host_port: None,
    };
    let mut ports: Vec<Port> = Vec::new();
    for (port, bindings) in bound {
        let Some((container_port, protocol)) = parse_port(port) else {
            continue;
        };
        let bindings = bindings.iter().flatten().filter_map(|binding| {
            Some(Port {
                host_ip: binding.host_ip(),
                host_port: Some(binding.host_port()?),
                ..unbound(container_port, protocol)
            })
        });
        ports.extend(bindings);
    }
    for port in configured {
        if !ports
            .iter()
            .any(|p| (p.container_port, p.protocol) == (port.container_port, port.protocol))
        {
            ports.push(unbound(port.container_port, port.protocol));
        }
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

impl Wire {
    fn into_detail(self, raw: Value) -> Option<ContainerDetail> {
        let id = some_text(self.id)?;
        let config = self.config.unwrap_or_default();
        let host = self.host_config.unwrap_or_default();
        let network = self.network_settings.unwrap_or_default();
        let configured_ports = configured_ports(
            &config.exposed_ports.unwrap_or_default(),
            host.port_bindings.as_ref().unwrap_or(&BTreeMap::new()),
        );
        let mut mounts: Vec<Mount> = self
            .mounts
            .into_iter()
            .flatten()
            .filter_map(WireMount::into_mount)
            .collect();
        // `--tmpfs` is only in the configuration, `--mount type=tmpfs` in both places.
        for (destination, options) in host.tmpfs.iter().flatten() {
            if !mounts.iter().any(|mount| mount.destination == *destination) {
                mounts.push(Mount {
                    kind: MountKind::Tmpfs,
                    volume: None,
                    source: None,
                    destination: destination.clone(),
                    read_only: options
                        .iter()
                        .flat_map(|options| options.split(','))
                        .any(|option| option == "ro"),
                });
            }
        }
        let exact = self
            .image_manifest_descriptor
            .and_then(|descriptor| descriptor.platform)
            .and_then(|platform| Some(format!("{}/{}", platform.os?, platform.architecture?)));
        Some(ContainerDetail {
            name: some_text(self.name).map_or_else(
                || id.chars().take(12).collect(),
                |name| name.trim_start_matches('/').to_owned(),
            ),
            image: some_text(config.image)
                .or_else(|| self.image.clone())
                .unwrap_or_default(),
            image_id: some_text(self.image),
            platform: exact.or_else(|| some_text(self.platform)),
            created_at: self
                .created
                .and_then(|created| Timestamp::parse(created.as_bytes())),
            state: self.state.unwrap_or_default().into_detail(),
            restart_count: self.restart_count.unwrap_or_default(),
            limits: host.limits(),
            restart_policy: host
                .restart_policy
                .map(WireRestartPolicy::into_policy)
                .unwrap_or_default(),
            auto_remove: host.auto_remove.unwrap_or_default(),
            privileged: host.privileged.unwrap_or_default(),
            env: config.env.unwrap_or_default(),
            command: config.cmd.unwrap_or_default(),
            entrypoint: config
                .entrypoint
                .map(OneOrMany::into_vec)
                .unwrap_or_default(),
            working_dir: some_text(config.working_dir),
            user: some_text(config.user),
            hostname: some_text(config.hostname),
            stop_signal: match config.stop_signal {
                Some(Value::String(signal)) => some_text(Some(signal)),
                Some(Value::Number(signal)) => Some(signal.to_string()),
                _ => None,
            },
            stop_timeout: config.stop_timeout.map(|seconds| {
                // A negative timeout means "for ever": a very long time will do.
                u64::try_from(seconds).map_or(Duration::from_hours(1), Duration::from_secs)
            }),
            tty: config.tty.unwrap_or_default(),
            stdin_open: config.open_stdin.unwrap_or_default(),
            mounts,
            network_mode: some_text(host.network_mode),
            networks: WireNetwork::attachments(network.networks),
            ports: bound_ports(&network.ports.unwrap_or_default(), &configured_ports),
            configured_ports,
            labels: config.labels.unwrap_or_default(),
            healthcheck: config.healthcheck.and_then(WireHealthCheck::into_check),
            log_driver: host.log_config.and_then(|log| some_text(log.driver)),
            raw,
            id,
        })
    }
}

fn parse_detail(body: &[u8]) -> Result<ContainerDetail, EngineError> {
    const WHAT: &str = "a container in full";
    let raw = serde_json::from_slice(body).map_err(|error| json::protocol(WHAT, error))?;
    json::object::<Wire>(body, WHAT)?
        .into_detail(raw)
        .ok_or_else(|| EngineError::Protocol {
            what: "a container without an id".to_owned(),
            source: None,
        })
}

impl Engine {
    /// Reads everything about one container, by id or name.
    pub async fn inspect_container(&self, id: &str) -> Result<ContainerDetail, EngineError> {
        let answer = self.container_call(Method::GET, id, "json").send().await?;
        parse_detail(&answer.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> ContainerDetail {
        parse_detail(json.as_bytes()).unwrap()
    }

    #[test]
    fn docker_20_10() {
        let web = parse(include_str!("../tests/fixtures/inspect-docker-20.10.json"));
        assert_eq!(web.name, "web");
        assert_eq!(web.image, "nginx:1.22");
        assert_eq!(web.state.state, ContainerState::Running);
        assert_eq!(web.state.exit_code, None);
        assert_eq!(web.state.finished_at, None);
        let health = web.state.health.as_ref().unwrap();
        assert_eq!(health.health, Health::Unhealthy);
        assert_eq!(health.failing_streak, 4);
        assert_eq!(health.last_exit_code, Some(7));
        assert_eq!(
            web.restart_policy,
            RestartPolicy::OnFailure {
                max_retries: Some(5)
            }
        );
        assert_eq!(web.limits.memory, Some(536_870_912));
        assert_eq!(web.limits.nano_cpus, Some(1_500_000_000));
        assert_eq!(web.limits.pids, None);
        assert_eq!(
            web.configured_ports,
            [
                ConfiguredPort {
                    container_port: 80,
                    protocol: Protocol::Tcp,
                    bindings: vec![(Some("127.0.0.1".parse().unwrap()), None)]
                },
                ConfiguredPort {
                    container_port: 443,
                    protocol: Protocol::Tcp,
                    bindings: vec![]
                },
            ]
        );
        assert_eq!(
            web.ports,
            [
                Port {
                    container_port: 80,
                    protocol: Protocol::Tcp,
                    host_ip: Some("127.0.0.1".parse().unwrap()),
                    host_port: Some(49153)
                },
                Port {
                    container_port: 443,
                    protocol: Protocol::Tcp,
                    host_ip: None,
                    host_port: None
                },
            ]
        );
        assert_eq!(web.mounts.len(), 2);
        assert_eq!(web.mounts[1].kind, MountKind::Tmpfs);
        assert_eq!(web.networks[0].aliases, ["w"]);
        assert_eq!(web.raw["Config"]["StopSignal"], "SIGQUIT");
    }

    #[test]
    fn docker_29_without_what_it_has_dropped() {
        let web = parse(include_str!("../tests/fixtures/inspect-docker-29.json"));
        assert_eq!(web.networks[0].ipv4, Some("172.17.0.2".parse().unwrap()));
        assert_eq!(web.platform.as_deref(), Some("linux/amd64"));
        assert_eq!(web.state.exit_code, Some(137));
        assert!(web.state.oom_killed);
    }

    #[test]
    fn podman() {
        let web = parse(include_str!("../tests/fixtures/inspect-podman-4.3.json"));
        assert_eq!(web.entrypoint, ["/entry.sh"]);
        assert_eq!(web.stop_signal.as_deref(), Some("15"));
        assert_eq!(web.stop_timeout, Some(Duration::from_secs(10)));
        assert_eq!(web.ports[0].host_port, Some(8081));
    }

    #[test]
    fn almost_nothing_is_enough() {
        let bare = parse(r#"{"Id":"0123456789abcdef"}"#);
        assert_eq!(bare.name, "0123456789ab");
        assert_eq!(bare.state.state, ContainerState::Unknown(String::new()));
        let odd = parse(r#"{"Id":"a","State":7,"Mounts":{},"Config":{"Tty":true}}"#);
        assert!(odd.tty);
        assert!(parse_detail(b"{}").is_err());
    }

    #[test]
    fn a_start_that_failed_has_an_exit_code() {
        let failed = parse(
            r#"{"Id":"a","State":{"Status":"created","ExitCode":128,"Error":"port is already allocated","StartedAt":"0001-01-01T00:00:00Z","FinishedAt":"0001-01-01T00:00:00Z"}}"#,
        );
        assert_eq!(failed.state.exit_code, Some(128));
        let words = failed.start_error().expect("it has one");
        assert_eq!(words, "A host port is already in use");
        let fresh = parse(r#"{"Id":"a","State":{"Status":"created","ExitCode":0}}"#);
        assert_eq!(fresh.state.exit_code, None);
    }
}
