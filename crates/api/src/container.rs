//! Containers as lists and details show them.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::error::ApiError;

/// A container in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ContainerView {
    /// Full id, 64 hexadecimal digits.
    pub id: String,
    /// Name without the leading slash.
    pub name: String,
    /// The image as it was asked for, for example `nginx:1.27`.
    pub image: String,
    /// Id of the image, `sha256:…`.
    pub image_id: String,
    /// What it does now.
    pub state: ContainerState,
    /// The state in the engine's words, for example `Up 2 hours`.
    pub status: String,
    /// Since when it is in this state, RFC 3339 in UTC: exact for what Slipway saw happen, else as the engine rounds
    /// it in `status`.
    pub since: Option<String>,
    /// Result of its health check, when it has one.
    pub health: Option<Health>,
    /// Exit code, when it has ended or waits to be started again by its restart policy.
    pub exit_code: Option<i32>,
    /// How it ended, when it has.
    pub ending: Option<Ending>,
    /// Why it ended, in words, when that is known: "out of memory (limit 64 MB)", "stopped (killed after 10 s)".
    pub reason: Option<String>,
    /// How often its restart policy has started it again, where that was looked at: for what is being restarted.
    pub restart_count: Option<u32>,
    /// Exit code of the run before this one, where Slipway heard it end by itself.
    pub last_exit_code: Option<i32>,
    /// When it was created, RFC 3339 in UTC.
    pub created_at: String,
    /// Its ports, by container port.
    pub ports: Vec<PortView>,
    /// Its mounts, by path in the container.
    pub mounts: Vec<MountView>,
    /// The compose project it belongs to.
    pub stack: Option<String>,
}

/// What a container does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum ContainerState {
    /// Made, never started.
    Created,
    /// Running.
    Running,
    /// Frozen.
    Paused,
    /// Being restarted by its restart policy.
    Restarting,
    /// Being removed.
    Removing,
    /// Ended.
    Exited,
    /// The engine failed to remove it.
    Dead,
    /// A state that this version of Slipway does not know.
    Unknown,
}

/// How a container ended. Only [`Ending::Failed`], [`Ending::OutOfMemory`] and [`Ending::NotStarted`] are problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// By itself, with exit code 0.
    Finished,
    /// Somebody asked for it: a stop, a signal that ends programs, the engine's shutdown.
    Stopped,
    /// It was killed, by a person or by nobody knows whom.
    Killed,
    /// The kernel killed it for want of memory.
    OutOfMemory,
    /// By itself, with another exit code.
    Failed,
    /// It could not be started. Its exit code is the engine's, and its times are those of an earlier run.
    NotStarted,
}

/// Result of a health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// No result yet.
    Starting,
    /// The check passes.
    Healthy,
    /// The check fails.
    Unhealthy,
}

/// A port of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct PortView {
    /// The port inside the container.
    pub container_port: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// The host address it is reachable at. With `exposed` none: where it will be once the container runs.
    pub host_ip: Option<String>,
    /// The host port it is reachable at. With `exposed` none: the one that it will have once the container runs.
    pub host_port: Option<u16>,
    /// Whether other computers reach it: it is published at more than the loopback address.
    pub open_to_network: bool,
    /// What to open, when it is a published TCP port.
    pub url: Option<String>,
    /// How it is reachable.
    pub exposed: Exposed,
    /// Why nothing of the container answers there although the engine publishes it, in words: "taken by nginx (process 12)".
    pub unreachable: Option<String>,
}

/// How a container's port is reachable from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum Exposed {
    /// Published by the engine, for the life of the container.
    Published,
    /// Forwarded by Slipway now.
    Live,
    /// Not reachable from the host.
    None,
}

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct MountView {
    /// What kind of mount it is.
    pub kind: MountKind,
    /// Name of the volume, or path on the engine's host. Absent for tmpfs.
    pub source: Option<String>,
    /// Path in the container.
    pub target: String,
    /// Whether the container cannot write to it.
    pub read_only: bool,
    /// Whether it is a volume that nobody named.
    pub anonymous: bool,
}

/// Kinds of mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum MountKind {
    /// A volume that the engine keeps.
    Volume,
    /// A directory or file of the engine's host.
    Bind,
    /// Memory.
    Tmpfs,
    /// A kind that this version of Slipway does not know.
    Other,
}

/// Everything about one container that the Overview shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct ContainerDetail {
    /// What the list shows.
    pub container: ContainerView,
    /// Command line as it is executed: entrypoint and arguments.
    pub command: Vec<String>,
    /// Environment, `NAME=value` split at the first `=`.
    pub env: Vec<ShownVariable>,
    /// Working directory.
    pub working_dir: String,
    /// User it runs as; empty for root.
    pub user: String,
    /// Host name inside.
    pub hostname: String,
    /// Restart policy.
    pub restart: RestartPolicy,
    /// Memory limit in bytes.
    pub memory_limit: Option<u64>,
    /// CPU limit in CPUs.
    #[specta(type = Option<u32>)]
    pub cpu_limit: Option<f64>,
    /// Networks it is attached to.
    pub networks: Vec<NetworkView>,
    /// Labels.
    pub labels: Vec<EnvVar>,
    /// When it was started last, RFC 3339.
    pub started_at: Option<String>,
    /// When it ended last, RFC 3339.
    pub finished_at: Option<String>,
    /// How often the restart policy has restarted it.
    pub restart_count: u32,
    /// Whether it has a terminal, which decides how its logs look.
    pub tty: bool,
    /// `linux/amd64`, where the engine says so.
    pub platform: Option<String>,
    /// Output of the last health check.
    pub health_output: Option<String>,
    /// The error with which the engine failed to start it.
    pub start_error: Option<String>,
    /// The last lines of its log, of a container that failed or is restarted again and again.
    pub last_lines: Option<String>,
    /// The same container as a `docker run` line, with values of secrets left out.
    pub docker_run: String,
    /// The same line with the values of secrets, for the clipboard.
    pub docker_run_full: String,
    /// First-use note of its catalog entry, with its own values filled in.
    pub note: Option<String>,
    /// How to connect to it, while it runs.
    pub connections: Vec<crate::catalog::ConnectionString>,
}

/// A network that a container is attached to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct NetworkView {
    /// Name of the network.
    pub name: String,
    /// Address in it.
    pub ip_address: Option<String>,
}

/// A name and a value: an environment variable or a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct EnvVar {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

/// An environment variable as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ShownVariable {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
    /// Whether the value is masked until somebody wants to see it.
    pub secret: bool,
}

/// When the engine starts a container again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Never.
    No,
    /// When it ended with an error.
    OnFailure,
    /// Always, also after the engine started, unless a person stopped it.
    UnlessStopped,
    /// Always.
    Always,
}

/// What can be done to containers, one or many at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum ContainerAction {
    /// Start.
    Start,
    /// Stop, with the image's signal and ten seconds of patience.
    Stop,
    /// Stop and start.
    Restart,
    /// Freeze.
    Pause,
    /// Thaw.
    Unpause,
    /// Kill at once.
    Kill,
    /// Remove; a running one is killed first.
    Remove,
}

/// How an action on one of several containers came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ActionOutcome {
    /// Full id of the container.
    pub id: String,
    /// Name of the container.
    pub name: String,
    /// Whether anything changed: false when it already was as wanted.
    pub changed: bool,
    /// Why it failed.
    pub error: Option<ApiError>,
}

/// All containers at one revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ContainerSnapshot {
    /// Grows by one with each [`ContainerDelta`].
    pub revision: u32,
    /// All containers, newest first.
    pub containers: Vec<ContainerView>,
}

/// What changed between two revisions. A receiver that misses one asks for a new snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ContainerDelta {
    /// The revision after this change.
    pub revision: u32,
    /// New and changed containers.
    pub upserted: Vec<ContainerView>,
    /// Full ids of those that are gone.
    pub removed: Vec<String>,
    /// The whole list was taken anew: what is not in `upserted` is gone.
    pub reset: bool,
}
