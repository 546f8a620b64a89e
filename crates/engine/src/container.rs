//! Containers: the list, and the life cycle of one.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::{Engine, EngineError, Timestamp};

/// Whether a request changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It did.
    Yes,
    /// Things were already as asked for (HTTP 304).
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
    /// Half removed; only removing it again helps.
    Dead,
    /// A state that this version does not know, in the engine's word.
    Unknown(String),
}

/// What the health check of a container says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// No verdict yet.
    Starting,
    /// Good.
    Healthy,
    /// Bad.
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

/// A port of a container and where it is on the host, if it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// The port inside the container.
    pub container_port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// The host address that is listened on; `None` for all addresses or if not published.
    pub host_ip: Option<IpAddr>,
    /// The port on the host; `None` if it is not published (or, as configured, any free one).
    pub host_port: Option<u16>,
}

/// What kind of thing is mounted.
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
    /// What kind.
    pub kind: MountKind,
    /// The volume's name.
    pub volume: Option<String>,
    /// The path on the engine's host.
    pub source: Option<String>,
    /// The path in the container.
    pub destination: String,
    /// Whether the container may only read.
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
    /// Names under which others on the network find it.
    pub aliases: Vec<String>,
}

/// A container as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Full id.
    pub id: String,
    /// Name without the leading slash; the short id where the engine gives none.
    pub name: String,
    /// The image as it was asked for, or its id if the tag has moved on.
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
    /// Health, where the container has a check and the engine tells.
    pub health: Option<Health>,
    /// Exit code of the last run, where the container has ended.
    pub exit_code: Option<i64>,
    /// Ports: published ones as they are now, and exposed ones without a host port.
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
    /// Also those that do not run.
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

impl Engine {
    /// Lists containers. One that cannot be understood loses only what cannot be understood.
    pub async fn list_containers(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<Container>, EngineError> {
        let _ = filter;
        todo!()
    }

    /// Starts a container.
    pub async fn start_container(&self, id: &str) -> Result<Changed, EngineError> {
        let _ = id;
        todo!()
    }

    /// Asks a container to end, and kills it after `timeout` (the container's own if `None`).
    pub async fn stop_container(
        &self,
        id: &str,
        timeout: Option<Duration>,
    ) -> Result<Changed, EngineError> {
        let _ = (id, timeout);
        todo!()
    }

    /// Stops a container if it runs, as [`Self::stop_container`] does, and starts it.
    pub async fn restart_container(
        &self,
        id: &str,
        timeout: Option<Duration>,
    ) -> Result<(), EngineError> {
        let _ = (id, timeout);
        todo!()
    }

    /// Freezes a running container.
    pub async fn pause_container(&self, id: &str) -> Result<(), EngineError> {
        let _ = id;
        todo!()
    }

    /// Thaws a paused container.
    pub async fn unpause_container(&self, id: &str) -> Result<(), EngineError> {
        let _ = id;
        todo!()
    }

    /// Sends a signal, `SIGKILL` if `None`.
    pub async fn kill_container(&self, id: &str, signal: Option<&str>) -> Result<(), EngineError> {
        let _ = (id, signal);
        todo!()
    }

    /// Removes a container.
    pub async fn remove_container(
        &self,
        id: &str,
        how: RemoveContainer,
    ) -> Result<(), EngineError> {
        let _ = (id, how);
        todo!()
    }

    /// Gives a container another name.
    pub async fn rename_container(&self, id: &str, name: &str) -> Result<(), EngineError> {
        let _ = (id, name);
        todo!()
    }
}
