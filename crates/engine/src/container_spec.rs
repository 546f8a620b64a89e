//! The specification of a container to create.

use std::collections::BTreeMap;
use std::net::IpAddr;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::text::clean;
use crate::{Engine, EngineError, Noun, Protocol, ResourceLimits, RestartPolicy, json};

/// What to create. Everything but the image may stay at its default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Name; the engine makes one up if `None`.
    pub name: Option<String>,
    /// Image reference or id. It must be on the engine already.
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
    /// Labels of the named volumes that are created with it. Existing volumes keep their own. Podman 4.3 creates them
    /// without labels.
    pub volume_labels: BTreeMap<String, String>,
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
        /// Whether it is read-only.
        read_only: bool,
    },
    /// A directory or file of the engine's host. It must exist.
    Bind {
        /// The path on the engine's host.
        source: String,
        /// The path in the container.
        destination: String,
        /// Whether it is read-only.
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

/// The result of creating a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedContainer {
    /// Full id.
    pub id: String,
    /// The engine's warnings.
    pub warnings: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireSpec<'a> {
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cmd: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entrypoint: Option<&'a [String]>,
    env: &'a [String],
    /// Go writes a set as a map to `{}`.
    exposed_ports: BTreeMap<String, Value>,
    labels: &'a BTreeMap<String, String>,
    tty: bool,
    open_stdin: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_dir: Option<&'a str>,
    host_config: WireHostConfig<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireHostConfig<'a> {
    port_bindings: BTreeMap<String, Vec<WireBinding>>,
    mounts: Vec<WireMount<'a>>,
    restart_policy: WireRestartPolicy,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nano_cpus: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pids_limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_mode: Option<&'a str>,
    auto_remove: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireBinding {
    host_ip: String,
    host_port: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireMount<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    target: &'a str,
    read_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tmpfs_options: Option<WireTmpfs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    volume_options: Option<WireVolume<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireVolume<'a> {
    labels: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireTmpfs {
    size_bytes: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireRestartPolicy {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_retry_count: Option<u32>,
}

impl From<&RestartPolicy> for WireRestartPolicy {
    fn from(policy: &RestartPolicy) -> Self {
        let (name, maximum_retry_count) = match policy {
            RestartPolicy::No => ("no", None),
            RestartPolicy::Always => ("always", None),
            RestartPolicy::UnlessStopped => ("unless-stopped", None),
            RestartPolicy::OnFailure { max_retries } => ("on-failure", *max_retries),
        };
        Self {
            name,
            maximum_retry_count,
        }
    }
}

impl<'a> WireMount<'a> {
    fn new(mount: &'a MountSpec, volume_labels: &'a BTreeMap<String, String>) -> Self {
        match mount {
            MountSpec::Volume {
                name,
                destination,
                read_only,
            } => Self {
                kind: "volume",
                source: name.as_deref(),
                target: destination,
                read_only: *read_only,
                tmpfs_options: None,
                volume_options: (name.is_some() && !volume_labels.is_empty()).then_some(
                    WireVolume {
                        labels: volume_labels,
                    },
                ),
            },
            MountSpec::Bind {
                source,
                destination,
                read_only,
            } => Self {
                kind: "bind",
                source: Some(source),
                target: destination,
                read_only: *read_only,
                tmpfs_options: None,
                volume_options: None,
            },
            MountSpec::Tmpfs { destination, size } => Self {
                kind: "tmpfs",
                source: None,
                target: destination,
                read_only: false,
                tmpfs_options: size.map(|size_bytes| WireTmpfs { size_bytes }),
                volume_options: None,
            },
        }
    }
}

impl ContainerSpec {
    fn wire(&self) -> WireSpec<'_> {
        let key = |port: u16, protocol: Protocol| format!("{port}/{protocol}");
        let mut port_bindings: BTreeMap<String, Vec<WireBinding>> = BTreeMap::new();
        for port in &self.published_ports {
            port_bindings
                .entry(key(port.container_port, port.protocol))
                .or_default()
                .push(WireBinding {
                    host_ip: port.host_ip.map(|ip| ip.to_string()).unwrap_or_default(),
                    host_port: port.host_port.map(|p| p.to_string()).unwrap_or_default(),
                });
        }
        WireSpec {
            image: &self.image,
            cmd: self.command.as_deref(),
            entrypoint: self.entrypoint.as_deref(),
            env: &self.env,
            // Publishing a port also exposes it, as `docker run -p` does.
            exposed_ports: self
                .exposed_ports
                .iter()
                .map(|(port, protocol)| key(*port, *protocol))
                .chain(port_bindings.keys().cloned())
                .map(|port| (port, json!({})))
                .collect(),
            labels: &self.labels,
            tty: self.tty,
            open_stdin: self.stdin_open,
            hostname: self.hostname.as_deref(),
            user: self.user.as_deref(),
            working_dir: self.working_dir.as_deref(),
            host_config: WireHostConfig {
                port_bindings,
                mounts: self
                    .mounts
                    .iter()
                    .map(|mount| WireMount::new(mount, &self.volume_labels))
                    .collect(),
                restart_policy: WireRestartPolicy::from(&self.restart_policy),
                memory: self.limits.memory,
                nano_cpus: self.limits.nano_cpus,
                pids_limit: self.limits.pids,
                network_mode: self.network.as_deref(),
                auto_remove: self.auto_remove,
            },
        }
    }
}

impl Engine {
    /// Creates a container without starting it. A taken host port is reported only by the start.
    pub async fn create_container(
        &self,
        spec: &ContainerSpec,
    ) -> Result<CreatedContainer, EngineError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Created {
            id: Option<String>,
            warnings: Option<Vec<String>>,
        }

        let mut call = self
            .call(Method::POST, &["containers", "create"])
            // A 404 on create means that the image is missing or wrong.
            .about(Noun::Container, &spec.image)
            .json(&spec.wire());
        if let Some(name) = &spec.name {
            call = call.query("name", name);
        }
        if let Some(platform) = &spec.platform {
            call = call.query("platform", platform);
        }
        let answer = call.send().await.map_err(|error| match error {
            EngineError::NameTaken { name, holder } => EngineError::NameTaken {
                name: spec.name.clone().unwrap_or(name),
                holder,
            },
            other => other,
        })?;
        let created: Created = json::object(&answer.body, "the answer to creating a container")?;
        let warnings = created.warnings.unwrap_or_default();
        Ok(CreatedContainer {
            id: created
                .id
                .filter(|id| !id.is_empty())
                .ok_or_else(|| EngineError::Protocol {
                    what: "a new container without an id".to_owned(),
                    source: None,
                })?,
            warnings: warnings.iter().map(|warning| clean(warning)).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_leaves_all_else_to_the_image() {
        let spec = ContainerSpec {
            image: "nginx".to_owned(),
            ..ContainerSpec::default()
        };
        assert_eq!(
            serde_json::to_value(spec.wire()).unwrap(),
            json!({
                "Image": "nginx", "Env": [], "ExposedPorts": {}, "Labels": {},
                "Tty": false, "OpenStdin": false,
                "HostConfig": {
                    "PortBindings": {}, "Mounts": [], "RestartPolicy": {"Name": "no"},
                    "AutoRemove": false,
                },
            })
        );
    }

    #[test]
    fn ports_mounts_and_limits() {
        let spec = ContainerSpec {
            image: "nginx".to_owned(),
            exposed_ports: vec![(53, Protocol::Udp)],
            published_ports: vec![
                PublishedPort {
                    container_port: 80,
                    protocol: Protocol::Tcp,
                    host_ip: Some("127.0.0.1".parse().unwrap()),
                    host_port: None,
                },
                PublishedPort {
                    container_port: 80,
                    protocol: Protocol::Tcp,
                    host_ip: None,
                    host_port: Some(8080),
                },
            ],
            mounts: vec![
                MountSpec::Volume {
                    name: None,
                    destination: "/data".to_owned(),
                    read_only: false,
                },
                MountSpec::Tmpfs {
                    destination: "/tmp".to_owned(),
                    size: Some(1024),
                },
            ],
            restart_policy: RestartPolicy::OnFailure {
                max_retries: Some(3),
            },
            ..ContainerSpec::default()
        };
        let wire = serde_json::to_value(spec.wire()).unwrap();
        assert_eq!(wire["ExposedPorts"], json!({"53/udp": {}, "80/tcp": {}}));
        assert_eq!(
            wire["HostConfig"]["PortBindings"],
            json!({"80/tcp": [
                {"HostIp": "127.0.0.1", "HostPort": ""}, {"HostIp": "", "HostPort": "8080"},
            ]})
        );
        assert_eq!(
            wire["HostConfig"]["Mounts"],
            json!([
                {"Type": "volume", "Target": "/data", "ReadOnly": false},
                {"Type": "tmpfs", "Target": "/tmp", "ReadOnly": false, "TmpfsOptions": {"SizeBytes": 1024}},
            ])
        );
        assert_eq!(
            wire["HostConfig"]["RestartPolicy"],
            json!({"Name": "on-failure", "MaximumRetryCount": 3})
        );
    }
}
