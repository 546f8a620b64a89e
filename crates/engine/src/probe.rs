//! Which endpoints answer, who they are, and why the others do not.

use std::time::Duration;

use crate::{Endpoint, EngineError, Product};

/// How long an endpoint may take to say who it is.
pub const PROBE_DEADLINE: Duration = Duration::from_secs(3);

/// What came of asking one endpoint.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The endpoint that was asked.
    pub endpoint: Endpoint,
    /// Who answered, or why nobody did.
    pub outcome: Result<ProbeAnswer, ProbeFailure>,
}

/// An engine that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeAnswer {
    /// Docker or Podman.
    pub product: Product,
    /// The engine's version, such as `28.3.1`.
    pub version: String,
    /// The newest API version that it speaks.
    pub api_version: String,
    /// `linux` or `windows`.
    pub os: String,
    /// `amd64`, `arm64`, …
    pub arch: String,
    /// From the first byte of connecting to the answer of `/_ping`.
    pub latency: Duration,
}

/// Why an endpoint gives no usable engine.
#[derive(Debug, Clone)]
pub enum ProbeFailure {
    /// There is no socket.
    NoSocket,
    /// A socket or port is there but nobody listens, as after a crash.
    NotListening,
    /// This user may not open the socket; the group that may, where one could be joined.
    PermissionDenied {
        /// Name of the group.
        group: Option<String>,
    },
    /// Nothing came in time.
    NotResponding {
        /// How long we waited.
        after: Duration,
    },
    /// Something answered, but not as an engine does.
    NotAnEngine,
    /// The TLS handshake failed.
    Tls {
        /// Why.
        reason: String,
    },
    /// The host name has no address.
    NameResolution {
        /// The name.
        host: String,
    },
    /// `ssh` failed.
    Ssh {
        /// The end of what it wrote to its standard error.
        reason: String,
    },
    /// The engine is too old.
    TooOld {
        /// The newest API version that it speaks.
        api_version: String,
        /// The oldest that we speak.
        minimum: String,
    },
    /// Anything else.
    Other(EngineError),
}

/// Asks one endpoint who it is, within [`PROBE_DEADLINE`].
pub async fn probe(endpoint: &Endpoint) -> Probe {
    let _ = endpoint;
    todo!()
}

/// Asks all endpoints at the same time; the answers come in the order of `endpoints`.
pub async fn probe_all(endpoints: &[Endpoint]) -> Vec<Probe> {
    let _ = endpoints;
    todo!()
}
