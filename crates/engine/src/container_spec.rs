//! What a container is to be, before it exists.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::{Engine, EngineError, Protocol, ResourceLimits, RestartPolicy};

/// What to create. Everything but the image may stay at its default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Name; the engine makes one up if `None`.
    pub name: Option<String>,
    /// Image reference or id. It must be there already.
    pub image: String,
    /// Command; the image's if `None`.
    pub command: Option<Vec<String>>,
    /// Entry point; the image's if `None`.
    pub entrypoint: Option<Vec<String>>,
    /// Environment, `KEY=value`, added to that of the image.
    pub env: Vec<String>,
    /// Ports that are exposed without being published.
    pub exposed_ports: Vec<(u16, Protocol)>,
    /// Ports that are published.
    pub published_ports: Vec<PublishedPort>,
    /// Mounts.
    pub mounts: Vec<MountSpec>,
    /// Restart policy.
    pub restart_policy: RestartPolicy,
    /// Limits.
    pub limits: ResourceLimits,
    /// Network; the engine's default if `None`.
    pub network: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// With a terminal.
    pub tty: bool,
    /// With an open input.
    pub stdin_open: bool,
    /// Platform such as `linux/arm64`; the engine's own if `None`.
    pub platform: Option<String>,
    /// Host name.
    pub hostname: Option<String>,
    /// User, with group if given.
    pub user: Option<String>,
    /// Working directory.
    pub working_dir: Option<String>,
    /// Remove it when it ends.
    pub auto_remove: bool,
}

/// A port to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublishedPort {
    /// The port inside the container.
    pub container_port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// The host address; `None` for all addresses.
    pub host_ip: Option<IpAddr>,
    /// The host port; `None` for a free one.
    pub host_port: Option<u16>,
}

/// Something to mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSpec {
    /// A volume, made if it does not exist; an anonymous one without a name.
    Volume {
        /// The volume's name.
        name: Option<String>,
        /// The path in the container.
        destination: String,
        /// Whether the container may only read.
        read_only: bool,
    },
    /// A directory or file of the engine's host. It must exist.
    Bind {
        /// The path on the engine's host.
        source: String,
        /// The path in the container.
        destination: String,
        /// Whether the container may only read.
        read_only: bool,
    },
    /// Memory.
    Tmpfs {
        /// The path in the container.
        destination: String,
        /// Size limit in bytes.
        size: Option<u64>,
    },
}

/// What came of creating a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedContainer {
    /// Full id.
    pub id: String,
    /// What the engine wants the user to know.
    pub warnings: Vec<String>,
}

impl Engine {
    /// Creates a container without starting it.
    pub async fn create_container(
        &self,
        spec: &ContainerSpec,
    ) -> Result<CreatedContainer, EngineError> {
        let _ = spec;
        todo!()
    }
}
