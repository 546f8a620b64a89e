//! Everything that an engine tells about one container.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::{
    ContainerState, Engine, EngineError, Health, Mount, NetworkAttachment, Port, Protocol,
    Timestamp,
};

/// One container in full.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerDetail {
    /// Full id.
    pub id: String,
    /// Name without the leading slash.
    pub name: String,
    /// The image as it was asked for.
    pub image: String,
    /// The image's id.
    pub image_id: Option<String>,
    /// The image's operating system and architecture, where the engine tells: `linux`, `linux/arm64`.
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
    /// Whether it has all privileges.
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
    /// Signal that asks it to end.
    pub stop_signal: Option<String>,
    /// How long it may take to end before it is killed, where configured.
    pub stop_timeout: Option<Duration>,
    /// Whether it has a terminal. Decides how its log is framed.
    pub tty: bool,
    /// Whether its input is open.
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
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Logging driver, such as `json-file`.
    pub log_driver: Option<String>,
    /// The engine's whole answer, for showing it and for what this type does not name.
    pub raw: serde_json::Value,
}

/// A port as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredPort {
    /// The port inside the container.
    pub container_port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// Where it is to be published: address (`None` for all) and port (`None` for a free one).
    /// Empty if it is only exposed.
    pub bindings: Vec<(Option<IpAddr>, Option<u16>)>,
}

/// The state of one container in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDetail {
    /// State.
    pub state: ContainerState,
    /// Exit code of the last run; none while it runs or before the first.
    pub exit_code: Option<i64>,
    /// Whether the kernel ended it for want of memory.
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

/// What the health check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthDetail {
    /// The verdict.
    pub health: Health,
    /// How often in a row the check has failed.
    pub failing_streak: u64,
    /// Exit code of the last check.
    pub last_exit_code: Option<i64>,
    /// Output of the last check, at most 4 KiB.
    pub last_output: Option<String>,
}

/// When an engine starts a container again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Never.
    #[default]
    No,
    /// Whenever it ends, and when the engine starts.
    Always,
    /// As `Always`, unless the user has stopped it.
    UnlessStopped,
    /// When it ends with an error, at most so often if given.
    OnFailure {
        /// How often at most.
        max_retries: Option<u32>,
    },
}

/// What a container may use. `None` is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceLimits {
    /// Memory in bytes.
    pub memory: Option<u64>,
    /// CPU in billionths of one.
    pub nano_cpus: Option<u64>,
    /// Processes.
    pub pids: Option<u64>,
}

impl Engine {
    /// Reads everything about one container, by id or name.
    pub async fn inspect_container(&self, id: &str) -> Result<ContainerDetail, EngineError> {
        let _ = id;
        let _ = Health::Healthy;
        todo!()
    }
}
