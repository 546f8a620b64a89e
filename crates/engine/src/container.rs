//! Containers: the list, and the life cycle of one.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;

use crate::text::{self, clean};
use crate::transport::{Answer, Call};
use crate::{Engine, EngineError, Noun, Product, Timestamp, json};

/// Whether a request changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It did.
    Yes,
    /// Things were already as requested (HTTP 304).
    AlreadySo,
}

/// The state of a container, in Docker's words.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ContainerState {
    /// Made, never started.
    Created,
    /// Running.
    Running,
    /// Frozen.
    Paused,
    /// Waiting to be started again by its restart policy.
    Restarting,
    /// Being removed.
    Removing,
    /// Ended.
    Exited,
    /// Partly removed; only another removal helps.
    Dead,
    /// A state that this version does not know, in the engine's word.
    Unknown(String),
}

/// The result of a container's health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// No result yet.
    Starting,
    /// The check passes.
    Healthy,
    /// The check fails.
    Unhealthy,
}

/// Transport protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// A port of a container and its host binding, if it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// The port inside the container.
    pub container_port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// The bound host address. `None` if the port is not published, or if the engine does not say, which means all
    /// addresses.
    pub host_ip: Option<IpAddr>,
    /// The port on the host; `None` if it is not published.
    pub host_port: Option<u16>,
}

/// The kind of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MountKind {
    /// A directory or file of the engine's host.
    Bind,
    /// A volume.
    Volume,
    /// Memory.
    Tmpfs,
    /// Another kind, in the engine's word.
    Other(String),
}

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The kind.
    pub kind: MountKind,
    /// The volume's name.
    pub volume: Option<String>,
    /// The path on the engine's host.
    pub source: Option<String>,
    /// The path in the container.
    pub destination: String,
    /// Whether it is read-only.
    pub read_only: bool,
}

/// A network that a container is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkAttachment {
    /// The network's name.
    pub network: String,
    /// The network's id.
    pub network_id: Option<String>,
    /// IPv4 address; none while the container is stopped.
    pub ipv4: Option<IpAddr>,
    /// IPv6 address.
    pub ipv6: Option<IpAddr>,
    /// Gateway.
    pub gateway: Option<IpAddr>,
    /// MAC address.
    pub mac: Option<String>,
    /// Names by which other containers on the network find it.
    pub aliases: Vec<String>,
}

/// A container as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Full id.
    pub id: String,
    /// Name without the leading slash; the short id where the engine gives none.
    pub name: String,
    /// The image as it was requested, or its id if the tag has moved on.
    pub image: String,
    /// The image's id.
    pub image_id: Option<String>,
    /// The command line.
    pub command: String,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// State.
    pub state: ContainerState,
    /// State in the engine's words, such as `Up 5 minutes (healthy)`.
    pub status: String,
    /// Health, if the container has a check and the engine reports it.
    pub health: Option<Health>,
    /// Exit code of the last run, if the container has ended.
    pub exit_code: Option<i64>,
    /// Ports: published ones with their current binding, and exposed ones without a host port.
    pub ports: Vec<Port>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Mounts.
    pub mounts: Vec<Mount>,
    /// Networks.
    pub networks: Vec<NetworkAttachment>,
}

/// Which containers to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Also stopped ones.
    pub all: bool,
    /// Only these ids.
    pub ids: Option<Vec<String>>,
    /// Only those with all of these labels: `key` or `key=value`.
    pub labels: Vec<String>,
    /// Only those made from this image or one based on it.
    pub ancestor: Option<String>,
    /// Only those that use this volume, by name or mount point.
    pub volume: Option<String>,
    /// Only those on this network, by name or id.
    pub network: Option<String>,
}

/// How to remove a container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoveContainer {
    /// Kill it first if it runs.
    pub force: bool,
    /// Also remove its anonymous volumes.
    pub volumes: bool,
}

impl ContainerState {
    pub(crate) fn parse(word: &str) -> Self {
        match word {
            "created" | "configured" | "initialized" => Self::Created,
            "running" => Self::Running,
            "paused" => Self::Paused,
            "restarting" => Self::Restarting,
            "removing" => Self::Removing,
            // Podman's state of a container that was stopped and not cleaned up yet.
            "exited" | "stopped" => Self::Exited,
            "dead" => Self::Dead,
            other => Self::Unknown(clean(other)),
        }
    }

    /// The state in Docker's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
            Self::Unknown(word) => word,
        }
    }
}

impl Health {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "starting" => Some(Self::Starting),
            "healthy" => Some(Self::Healthy),
            "unhealthy" => Some(Self::Unhealthy),
            // `none`, or nothing: there is no check.
            _ => None,
        }
    }

    /// The health in a status such as `Up 5 minutes (healthy)`.
    fn of_status(status: &str) -> Option<Self> {
        let (_, word) = status.strip_suffix(')')?.rsplit_once('(')?;
        Self::parse(word.trim_start_matches("health: "))
    }
}

impl Protocol {
    /// Reads `tcp`, `udp` or `sctp`.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "tcp" => Some(Self::Tcp),
            "udp" => Some(Self::Udp),
            "sctp" => Some(Self::Sctp),
            _ => None,
        }
    }

    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl MountKind {
    fn parse(word: &str) -> Self {
        match word {
            "bind" => Self::Bind,
            "volume" => Self::Volume,
            "tmpfs" => Self::Tmpfs,
            other => Self::Other(clean(other)),
        }
    }
}

/// Reads `80/tcp` or `80`.
pub(crate) fn parse_port(text: &str) -> Option<(u16, Protocol)> {
    match text.split_once('/') {
        Some((port, protocol)) => Some((port.parse().ok()?, Protocol::parse(protocol)?)),
        None => Some((text.parse().ok()?, Protocol::Tcp)),
    }
}

/// The code in a status such as `Exited (137) 3 minutes ago` or `Restarting (1) 2 seconds ago`.
fn exit_code_of_status(status: &str) -> Option<i64> {
    let (_, after) = status
        .split_once("xited (")
        .or_else(|| status.split_once("estarting ("))?;
    let (code, _) = after.split_once(')')?;
    code.parse().ok()
}

/// The exit code of a container that has ended or is between two runs.
fn ended(state: &ContainerState) -> bool {
    matches!(
        state,
        ContainerState::Exited | ContainerState::Dead | ContainerState::Restarting
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireContainer {
    #[serde(default, deserialize_with = "text::line")]
    id: Option<String>,
    #[serde(default, deserialize_with = "text::lines")]
    names: Option<Vec<String>>,
    #[serde(default, deserialize_with = "text::line")]
    image: Option<String>,
    #[serde(rename = "ImageID")]
    #[serde(default, deserialize_with = "text::line")]
    image_id: Option<String>,
    #[serde(default, deserialize_with = "text::line")]
    command: Option<String>,
    created: Option<i64>,
    state: Option<String>,
    status: Option<String>,
    ports: Option<Vec<WirePort>>,
    #[serde(default, deserialize_with = "text::labels")]
    labels: Option<BTreeMap<String, String>>,
    mounts: Option<Vec<WireMount>>,
    network_settings: Option<WireNetworks>,
    /// API 1.52 and later.
    health: Option<WireHealth>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WirePort {
    #[serde(rename = "IP")]
    ip: Option<String>,
    private_port: Option<u16>,
    public_port: Option<u16>,
    #[serde(rename = "Type")]
    protocol: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct WireMount {
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "text::line")]
    name: Option<String>,
    #[serde(default, deserialize_with = "text::path")]
    source: Option<String>,
    #[serde(default, deserialize_with = "text::path")]
    destination: Option<String>,
    #[serde(rename = "RW")]
    writable: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireNetworks {
    networks: Option<BTreeMap<String, Option<WireNetwork>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct WireNetwork {
    #[serde(rename = "NetworkID")]
    #[serde(default, deserialize_with = "text::line")]
    network_id: Option<String>,
    #[serde(rename = "IPAddress")]
    ipv4: Option<String>,
    #[serde(rename = "GlobalIPv6Address")]
    ipv6: Option<String>,
    gateway: Option<String>,
    #[serde(default, deserialize_with = "text::line")]
    mac_address: Option<String>,
    #[serde(default, deserialize_with = "text::lines")]
    aliases: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireHealth {
    status: Option<String>,
}

impl WireMount {
    pub(crate) fn into_mount(self) -> Option<Mount> {
        let kind = MountKind::parse(self.kind.as_deref().unwrap_or_default());
        Some(Mount {
            volume: self
                .name
                .filter(|name| !name.is_empty() && kind == MountKind::Volume),
            source: self.source.filter(|source| !source.is_empty()),
            destination: self.destination?,
            read_only: self.writable == Some(false),
            kind,
        })
    }
}

impl WireNetwork {
    pub(crate) fn attachments(
        networks: Option<BTreeMap<String, Option<Self>>>,
    ) -> Vec<NetworkAttachment> {
        networks
            .unwrap_or_default()
            .into_iter()
            .map(|(network, wire)| (clean(&network), wire))
            .map(|(network, wire)| match wire {
                Some(wire) => NetworkAttachment {
                    network,
                    network_id: wire.network_id.filter(|id| !id.is_empty()),
                    ipv4: parse_ip(wire.ipv4.as_deref()),
                    ipv6: parse_ip(wire.ipv6.as_deref()),
                    gateway: parse_ip(wire.gateway.as_deref()),
                    mac: wire.mac_address.filter(|mac| !mac.is_empty()),
                    aliases: wire.aliases.unwrap_or_default(),
                },
                None => NetworkAttachment {
                    network,
                    network_id: None,
                    ipv4: None,
                    ipv6: None,
                    gateway: None,
                    mac: None,
                    aliases: Vec::new(),
                },
            })
            .collect()
    }
}

/// An address; engines write an empty text for none.
pub(crate) fn parse_ip(text: Option<&str>) -> Option<IpAddr> {
    text.and_then(|text| text.parse().ok())
}

/// The container's own name among those that the engine lists. Names with a further slash are aliases from links of
/// other containers.
fn own_name(names: Option<Vec<String>>, id: &str) -> String {
    names
        .into_iter()
        .flatten()
        .map(|name| name.trim_start_matches('/').to_owned())
        .find(|name| !name.is_empty() && !name.contains('/'))
        .unwrap_or_else(|| id.chars().take(12).collect())
}

impl WireContainer {
    /// `None` without an id, which every operation needs.
    fn into_container(self) -> Option<Container> {
        let id = self.id.filter(|id| !id.is_empty())?;
        let state = ContainerState::parse(self.state.as_deref().unwrap_or_default());
        let status = clean(&self.status.unwrap_or_default());
        let health = match &self.health {
            Some(health) => health.status.as_deref().and_then(Health::parse),
            None => Health::of_status(&status),
        };
        let mut ports: Vec<Port> = self
            .ports
            .into_iter()
            .flatten()
            .filter_map(|port| {
                Some(Port {
                    container_port: port.private_port?,
                    protocol: Protocol::parse(port.protocol.as_deref().unwrap_or("tcp"))?,
                    host_ip: parse_ip(port.ip.as_deref()),
                    host_port: port.public_port.filter(|port| *port != 0),
                })
            })
            .collect();
        ports.sort_unstable();
        ports.dedup();
        Some(Container {
            name: own_name(self.names, &id),
            image: self.image.unwrap_or_default(),
            image_id: self.image_id.filter(|id| !id.is_empty()),
            command: self.command.unwrap_or_default(),
            created_at: self.created.and_then(Timestamp::from_unix_seconds),
            health,
            exit_code: exit_code_of_status(&status).filter(|_| ended(&state)),
            ports,
            labels: self.labels.unwrap_or_default(),
            mounts: self
                .mounts
                .into_iter()
                .flatten()
                .filter_map(WireMount::into_mount)
                .collect(),
            networks: WireNetwork::attachments(
                self.network_settings.and_then(|settings| settings.networks),
            ),
            id,
            state,
            status,
        })
    }
}

fn parse_list(body: &[u8]) -> Result<Vec<Container>, EngineError> {
    let wire: Vec<WireContainer> = json::list(body, "the list of containers")?;
    Ok(wire
        .into_iter()
        .filter_map(WireContainer::into_container)
        .collect())
}

impl ListFilter {
    /// The `filters` parameter; `None` if nothing is filtered.
    fn as_parameter(&self) -> Option<String> {
        fn words(values: &[String]) -> Vec<&str> {
            values.iter().map(String::as_str).collect()
        }
        let mut filters = BTreeMap::from([
            ("id", self.ids.as_deref().map(words).unwrap_or_default()),
            ("label", words(&self.labels)),
            ("ancestor", self.ancestor.as_deref().into_iter().collect()),
            ("volume", self.volume.as_deref().into_iter().collect()),
            ("network", self.network.as_deref().into_iter().collect()),
        ]);
        filters.retain(|_, values| !values.is_empty());
        if filters.is_empty() {
            return None;
        }
        serde_json::to_string(&filters).ok()
    }
}

/// The engine's default stop timeout, after which it kills a container.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// Extra time for a removal: the engine may have to kill the container first and delete a large file system.
const REMOVAL_GRACE: Duration = Duration::from_mins(1);

impl Engine {
    /// Lists containers. A field that cannot be parsed is skipped without losing the container.
    pub async fn list_containers(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<Container>, EngineError> {
        // The engine would take an empty list of ids as no filter.
        if filter.ids.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let mut call = self.call(Method::GET, &["containers", "json"]);
        if filter.all {
            call = call.query("all", "1");
        }
        if let Some(filters) = filter.as_parameter() {
            call = call.query("filters", &filters);
        }
        parse_list(&call.send().await?.body)
    }

    /// Starts a container.
    pub async fn start_container(&self, id: &str) -> Result<Changed, EngineError> {
        let answer = self
            .container_call(Method::POST, id, "start")
            .send()
            .await?;
        Ok(Changed::by(answer.status))
    }

    /// Stops a container, and kills it after `timeout` (the container's own if `None`).
    pub async fn stop_container(
        &self,
        id: &str,
        timeout: Option<Duration>,
    ) -> Result<Changed, EngineError> {
        let answer = self.stop_or_restart(id, "stop", timeout).await?;
        Ok(Changed::by(answer.status))
    }

    /// Stops a container if it is running, as [`Self::stop_container`] does, and starts it.
    pub async fn restart_container(
        &self,
        id: &str,
        timeout: Option<Duration>,
    ) -> Result<(), EngineError> {
        self.stop_or_restart(id, "restart", timeout).await?;
        Ok(())
    }

    async fn stop_or_restart(
        &self,
        id: &str,
        action: &str,
        timeout: Option<Duration>,
    ) -> Result<Answer, EngineError> {
        // The engine answers when the stop is complete, so our deadline depends on the stop timeout.
        let (timeout, grace) = if let Some(timeout) = timeout {
            (Some(timeout), timeout)
        } else {
            let own = self.inspect_container(id).await?.stop_timeout;
            // Containers created over Podman's Docker API without a timeout get one of 0, and would be killed at once.
            if self.info().product == Product::Podman && own.is_none_or(|own| own.is_zero()) {
                (Some(DEFAULT_GRACE), DEFAULT_GRACE)
            } else {
                (None, own.unwrap_or(DEFAULT_GRACE))
            }
        };
        let mut call = self
            .container_call(Method::POST, id, action)
            .deadline(self.deadline() + grace);
        if let Some(timeout) = timeout {
            call = call.query("t", &timeout.as_secs_f64().ceil().to_string());
        }
        call.send().await
    }

    /// Pauses a running container.
    pub async fn pause_container(&self, id: &str) -> Result<(), EngineError> {
        self.container_call(Method::POST, id, "pause")
            .send()
            .await?;
        Ok(())
    }

    /// Resumes a paused container.
    pub async fn unpause_container(&self, id: &str) -> Result<(), EngineError> {
        self.container_call(Method::POST, id, "unpause")
            .send()
            .await?;
        Ok(())
    }

    /// Sends a signal, `SIGKILL` if `None`.
    pub async fn kill_container(&self, id: &str, signal: Option<&str>) -> Result<(), EngineError> {
        let mut call = self
            .container_call(Method::POST, id, "kill")
            .deadline(self.deadline() + DEFAULT_GRACE);
        if let Some(signal) = signal {
            call = call.query("signal", signal);
        }
        call.send().await?;
        Ok(())
    }

    /// Removes a container.
    pub async fn remove_container(
        &self,
        id: &str,
        how: RemoveContainer,
    ) -> Result<(), EngineError> {
        let flag = |on: bool| if on { "1" } else { "0" };
        self.call(Method::DELETE, &["containers", id])
            .about(Noun::Container, id)
            .deadline(self.deadline() + REMOVAL_GRACE)
            .query("force", flag(how.force))
            .query("v", flag(how.volumes))
            .send()
            .await?;
        Ok(())
    }

    /// Renames a container.
    pub async fn rename_container(&self, id: &str, name: &str) -> Result<(), EngineError> {
        let renamed = self
            .container_call(Method::POST, id, "rename")
            .query("name", name)
            .send()
            .await;
        match renamed {
            Ok(_) => Ok(()),
            Err(EngineError::NameTaken { holder, .. }) => Err(EngineError::NameTaken {
                name: name.to_owned(),
                holder,
            }),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn container_call(&self, method: Method, id: &str, action: &str) -> Call {
        self.call(method, &["containers", id, action])
            .about(Noun::Container, id)
    }
}

impl Changed {
    fn by(status: StatusCode) -> Self {
        if status == StatusCode::NOT_MODIFIED {
            Self::AlreadySo
        } else {
            Self::Yes
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Vec<Container> {
        parse_list(json.as_bytes()).unwrap()
    }

    #[test]
    fn docker_20_10() {
        let list = parse(include_str!("../tests/fixtures/list-docker-20.10.json"));
        let [web, done] = &list[..] else {
            panic!("{list:?}");
        };
        assert_eq!(web.name, "web");
        assert_eq!(web.state, ContainerState::Running);
        assert_eq!(web.health, Some(Health::Healthy));
        assert_eq!(
            web.ports,
            [
                Port {
                    container_port: 80,
                    protocol: Protocol::Tcp,
                    host_ip: Some("0.0.0.0".parse().unwrap()),
                    host_port: Some(8080)
                },
                Port {
                    container_port: 80,
                    protocol: Protocol::Tcp,
                    host_ip: Some("::".parse().unwrap()),
                    host_port: Some(8080)
                },
                Port {
                    container_port: 443,
                    protocol: Protocol::Tcp,
                    host_ip: None,
                    host_port: None
                },
            ]
        );
        assert_eq!(web.mounts[0].volume.as_deref(), Some("data"));
        assert!(web.mounts[1].read_only);
        assert_eq!(web.networks[0].ipv4, Some("172.17.0.2".parse().unwrap()));
        assert_eq!(done.exit_code, Some(137));
        assert_eq!(done.health, None);
        assert_eq!(done.networks[0].ipv4, None);
    }

    #[test]
    fn docker_29_has_health_of_its_own_and_fewer_fields() {
        let list = parse(include_str!("../tests/fixtures/list-docker-29.json"));
        assert_eq!(list[0].health, Some(Health::Unhealthy));
        assert_eq!(list[0].networks[0].network, "bridge");
    }

    #[test]
    fn podman() {
        let list = parse(include_str!("../tests/fixtures/list-podman-4.3.json"));
        assert_eq!(list[0].name, "pod-web");
        assert_eq!(list[0].health, None);
        assert_eq!(list[0].ports[0].host_ip, None);
        assert_eq!(list[0].ports[0].host_port, Some(8081));
        assert_eq!(list[1].state, ContainerState::Created);
    }

    #[test]
    fn what_is_absent_or_wrong_costs_only_itself() {
        let list = parse(
            r#"[{"Id":"0123456789abcdef","Ports":"none","Names":null,"State":"levitating"},
                {"Names":["/no-id"]}, 5, {"Id":"b","Names":["/a/link","/b"]}]"#,
        );
        assert_eq!(list.len(), 2);
        assert_eq!(list[0].name, "0123456789ab");
        assert_eq!(
            list[0].state,
            ContainerState::Unknown("levitating".to_owned())
        );
        assert_eq!(list[1].name, "b");
    }

    #[test]
    fn exit_codes_stand_in_the_status() {
        for (status, code) in [
            ("Exited (137) 3 minutes ago", Some(137)),
            ("exited (-1)", Some(-1)),
            ("Restarting (3) 2 seconds ago", Some(3)),
            ("Up 2 hours (healthy)", None),
        ] {
            assert_eq!(exit_code_of_status(status), code, "{status}");
        }
    }

    #[test]
    fn filters() {
        let mut filter = ListFilter::default();
        assert_eq!(filter.as_parameter(), None);
        filter.ids = Some(vec!["a".to_owned()]);
        filter.labels = vec!["k=\"v\"".to_owned()];
        assert_eq!(
            filter.as_parameter().as_deref(),
            Some(r#"{"id":["a"],"label":["k=\"v\""]}"#)
        );
    }
}
