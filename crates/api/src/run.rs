//! From an image to a running container.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::catalog::{CatalogEntry, ConnectionString};
use crate::container::{ContainerView, EnvVar, MountKind, RestartPolicy};
use crate::error::ApiError;
use crate::image::ImageConfig;
use crate::operation::PullProgress;

/// Everything about a container before it exists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct RunPlan {
    /// Image reference, with tag or digest.
    pub image: String,
    /// Name; Slipway finds a free one when it is empty.
    pub name: Option<String>,
    /// Arguments in place of the image's command; empty keeps it.
    pub command: Vec<String>,
    /// Program in place of the image's entrypoint.
    pub entrypoint: Option<String>,
    /// Environment on top of the image's.
    pub env: Vec<EnvVar>,
    /// Ports to publish.
    pub ports: Vec<PortPlan>,
    /// Volumes, directories and tmpfs to mount.
    pub mounts: Vec<MountPlan>,
    /// When the engine starts it again by itself.
    pub restart: RestartPolicy,
    /// Memory limit in bytes.
    pub memory_bytes: Option<u64>,
    /// CPU limit in CPUs, for example 1.5.
    #[specta(type = Option<u32>)]
    pub cpus: Option<f64>,
    /// Network to attach it to; the engine's default when absent.
    pub network: Option<String>,
    /// Give it a terminal.
    pub tty: bool,
    /// Catalog entry that it was planned from.
    pub catalog: Option<String>,
    /// Whether nothing was known of the image: what it declares is added to the ports and mounts once it is pulled.
    pub from_image: bool,
}

/// A port to publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct PortPlan {
    /// Port inside the container, 1 to 65535. Wider than a port so that a wrong one can be named in an error.
    pub container_port: u32,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// Address on the host; 127.0.0.1 when absent.
    pub host_ip: Option<String>,
    /// Port on the host; a free one when absent.
    pub host_port: Option<u32>,
    /// Whether a taken host port is an error rather than a reason to take the next free one.
    pub fixed: bool,
}

/// Something to mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct MountPlan {
    /// Volume, bind or tmpfs.
    pub kind: MountKind,
    /// Name of the volume (made if missing; anonymous when absent) or absolute path on the engine's host.
    pub source: Option<String>,
    /// Absolute path in the container.
    pub target: String,
    /// Whether the container may not write to it.
    pub read_only: bool,
}

/// What the run sheet opens with: a plan that can be run as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct RunDraft {
    /// The plan.
    pub plan: RunPlan,
    /// The catalog entry it comes from.
    pub entry: Option<CatalogEntry>,
    /// The image's configuration, when it is on the engine already.
    pub image: Option<ImageConfig>,
    /// What was found out about it.
    pub check: PlanCheck,
}

/// What is known about a plan before it is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct PlanCheck {
    /// The plan as a `docker run` line, with values of secrets left out.
    pub docker_run: String,
    /// The same line with the values of secrets, for the clipboard.
    pub docker_run_full: String,
    /// Names of the plan's variables whose values are masked.
    pub secrets: Vec<String>,
    /// What stands in the way (`blocking`) or is worth knowing.
    pub findings: Vec<PlanFinding>,
    /// Whether folders of this computer can be mounted: the engine runs on it, and not in Slipway's machine.
    pub local_folders: bool,
}

/// Something found out about one field of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct PlanFinding {
    /// Which field: `image`, `name`, `ports.0.host_port`, `env.2.name`, `mounts.1.source`, `memory`, `cpus`,
    /// `entrypoint`, `command`, `network`; `env` for a variable that the plan does not have.
    pub field: String,
    /// Whether the plan cannot be run like this.
    pub blocking: bool,
    /// What was found: "5432 is used by `shop-db-1`; 5433 is free".
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// A host port that is free, where a port is in the way.
    pub free_port: Option<u16>,
}

/// The steps of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum RunStep {
    /// Check the plan against the engine.
    Check,
    /// Pull the image, unless the engine has it.
    Pull,
    /// Create the container.
    Create,
    /// Start it.
    Start,
    /// Wait until it responds: healthy, or an answer at its port.
    Wait,
}

/// What a run says on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RunEvent {
    /// A step has begun; the one before it is done.
    Step {
        /// The step.
        step: RunStep,
    },
    /// The pull moved.
    Pull {
        /// How far it is.
        progress: PullProgress,
    },
    /// The container exists.
    Created {
        /// Full id.
        id: String,
        /// Name.
        name: String,
    },
    /// Something worth knowing that does not stop the run.
    Notice {
        /// What.
        message: String,
    },
}

/// How a run ended well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct RunOutcome {
    /// The running container.
    pub container: ContainerView,
    /// What to open.
    pub url: Option<String>,
    /// Whether it answered in time; false when it runs but nothing answers yet.
    pub ready: bool,
    /// First-use note with values filled in.
    pub note: Option<String>,
    /// How to connect to it.
    pub connections: Vec<ConnectionString>,
    /// Things worth knowing, such as a port that was moved.
    pub notices: Vec<String>,
    /// Names of the plan's variables whose values are masked.
    pub secrets: Vec<String>,
}

/// A service that an image needs beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct NeededService {
    /// What is needed.
    pub entry: CatalogEntry,
    /// The network that both would share.
    pub network: String,
    /// Whether that network is there already.
    pub network_exists: bool,
    /// Containers that run what is needed.
    pub running: Vec<ServiceContainer>,
}

/// A container that may serve another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ServiceContainer {
    /// Full id.
    pub id: String,
    /// Name.
    pub name: String,
}

/// How a run that failed or was cancelled left the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct RunFailure {
    /// What went wrong.
    pub error: ApiError,
    /// What was undone: "the container `web` was removed".
    pub undone: Vec<String>,
    /// The field of the plan that the error is about, named as in [`PlanFinding`].
    pub field: Option<String>,
}
