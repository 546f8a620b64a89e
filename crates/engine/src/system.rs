//! The engine's host.

use crate::{Engine, EngineError};

/// What an engine tells about itself and its host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemInfo {
    /// The host's name.
    pub name: Option<String>,
    /// Logical CPUs.
    pub cpus: Option<u32>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Storage driver, such as `overlay2`.
    pub storage_driver: Option<String>,
    /// Where the engine keeps its data.
    pub root_dir: Option<String>,
    /// The operating system's name, such as `Debian GNU/Linux 12 (bookworm)`.
    pub os: Option<String>,
    /// Kernel version.
    pub kernel: Option<String>,
    /// cgroup version, `1` or `2`.
    pub cgroup_version: Option<String>,
    /// Containers in all.
    pub containers: Option<u64>,
    /// Containers that run.
    pub containers_running: Option<u64>,
    /// Images.
    pub images: Option<u64>,
    /// What the engine warns about.
    pub warnings: Vec<String>,
}

impl Engine {
    /// Asks the engine about itself and its host.
    pub async fn system_info(&self) -> Result<SystemInfo, EngineError> {
        todo!()
    }
}
