//! A connected engine: who it is, and whether it is alive.

use std::sync::Arc;
use std::time::Duration;

use crate::{Dialer, Endpoint, EngineError};

/// Who makes the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Product {
    /// Docker Engine (Moby) or something that cannot be told from it.
    Docker,
    /// Podman's Docker-compatible service.
    Podman,
}

/// Who an engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineInfo {
    /// Docker or Podman.
    pub product: Product,
    /// The engine's version, such as `28.3.1`.
    pub version: String,
    /// The API version that we speak with it: the newest that both know.
    pub api_version: String,
    /// `linux` or `windows`.
    pub os: String,
    /// `amd64`, `arm64`, … in the words of image platforms.
    pub arch: String,
    /// The name of the endpoint.
    pub name: String,
    /// Logical CPUs, where the engine says.
    pub cpus: Option<u32>,
    /// Memory in bytes, where the engine says.
    pub memory_bytes: Option<u64>,
}

/// A connected engine. Cheap to clone; all clones share connections.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) info: EngineInfo,
}

impl Engine {
    /// Connects to an endpoint and asks who is there.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, EngineError> {
        let _ = endpoint;
        todo!()
    }

    /// Connects through the caller's own dialer; `endpoint` names the engine in messages.
    pub async fn connect_with(endpoint: &Endpoint, dialer: Dialer) -> Result<Self, EngineError> {
        let _ = (endpoint, dialer);
        todo!()
    }

    /// Who the engine is, as of the time of connecting.
    pub fn info(&self) -> &EngineInfo {
        &self.shared.info
    }

    /// Whether the engine answers within `deadline`; how long it took.
    pub async fn ping(&self, deadline: Duration) -> Result<Duration, EngineError> {
        let _ = deadline;
        todo!()
    }
}
