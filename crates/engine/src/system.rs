//! Information about an engine and its host.

use http::Method;
use serde::Deserialize;

use crate::container_detail::some_text;
use crate::text::clean;
use crate::{Engine, EngineError, json};

/// An engine's information about itself and its host.
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
    /// Running containers.
    pub containers_running: Option<u64>,
    /// Images.
    pub images: Option<u64>,
    /// The engine's warnings.
    pub warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    name: Option<String>,
    #[serde(rename = "NCPU")]
    cpus: Option<u32>,
    mem_total: Option<u64>,
    driver: Option<String>,
    docker_root_dir: Option<String>,
    operating_system: Option<String>,
    kernel_version: Option<String>,
    cgroup_version: Option<String>,
    containers: Option<u64>,
    containers_running: Option<u64>,
    images: Option<u64>,
    warnings: Option<Vec<String>>,
}

fn parse(body: &[u8]) -> Result<SystemInfo, EngineError> {
    let wire: Wire = json::object(body, "the engine's info")?;
    let text = |text: Option<String>| some_text(text.map(|text| clean(&text)));
    Ok(SystemInfo {
        name: text(wire.name),
        cpus: wire.cpus.filter(|cpus| *cpus > 0),
        memory_bytes: wire.mem_total.filter(|bytes| *bytes > 0),
        storage_driver: text(wire.driver),
        root_dir: text(wire.docker_root_dir),
        os: text(wire.operating_system),
        kernel: text(wire.kernel_version),
        cgroup_version: text(wire.cgroup_version),
        containers: wire.containers,
        containers_running: wire.containers_running,
        images: wire.images,
        warnings: wire
            .warnings
            .iter()
            .flatten()
            .map(|warning| clean(warning))
            .collect(),
    })
}

impl Engine {
    /// Requests this information.
    pub async fn system_info(&self) -> Result<SystemInfo, EngineError> {
        let answer = self.call(Method::GET, &["info"]).send().await?;
        parse(&answer.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there() {
        let info = parse(br#"{"NCPU":2,"MemTotal":4096,"Driver":"overlay2","Name":"host","CgroupVersion":"1","Containers":3,"Warnings":null}"#).unwrap();
        assert_eq!((info.cpus, info.memory_bytes), (Some(2), Some(4096)));
        assert_eq!(info.storage_driver.as_deref(), Some("overlay2"));
        assert_eq!(info.containers_running, None);
        assert_eq!(parse(b"{}").unwrap(), SystemInfo::default());
    }
}
