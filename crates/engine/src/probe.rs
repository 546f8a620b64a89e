//! Probes endpoints: which engines answer, and why the others do not.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::Method;
use tokio::time::timeout;

use crate::connect::Connector;
use crate::engine::Identity;
use crate::transport::Transport;
use crate::{Endpoint, EngineError, Product};

/// Timeout of a probe.
pub const PROBE_DEADLINE: Duration = Duration::from_secs(3);

/// The result of a probe.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The probed endpoint.
    pub endpoint: Endpoint,
    /// The engine, or why there is none.
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
    /// OCI name of the architecture: `amd64`, `arm64`, …
    pub arch: String,
    /// Time from the start of connecting to the answer of `/_ping`.
    pub latency: Duration,
}

/// Why an endpoint gives no usable engine.
#[derive(Debug, Clone)]
pub enum ProbeFailure {
    /// There is no socket.
    NoSocket,
    /// A socket or port exists but nothing is listening, as after a crash.
    NotListening,
    /// This user may not open the socket; the group that may, if there is one to join.
    PermissionDenied {
        /// Name of the group.
        group: Option<String>,
    },
    /// No answer in time.
    NotResponding {
        /// The timeout.
        after: Duration,
    },
    /// Something answered, but not like an engine.
    NotAnEngine,
    /// The TLS handshake failed.
    Tls(EngineError),
    /// The host name has no address.
    NameResolution(EngineError),
    /// `ssh` failed; the error has its output.
    Ssh(EngineError),
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

impl ProbeFailure {
    /// What the user can try.
    pub fn hint(&self, endpoint: &Endpoint) -> Option<String> {
        self.clone().into_error(endpoint).hint()
    }

    /// The same as an error of a call.
    pub fn into_error(self, endpoint: &Endpoint) -> EngineError {
        let address = endpoint.address.to_string();
        match self {
            Self::NoSocket => EngineError::NoSocket { address },
            Self::NotListening => EngineError::NotListening { address },
            Self::PermissionDenied { group } => EngineError::PermissionDenied { address, group },
            Self::NotResponding { after } => EngineError::NotResponding { after },
            Self::NotAnEngine => EngineError::NotAnEngine { address },
            Self::TooOld {
                api_version,
                minimum,
            } => EngineError::TooOld {
                api_version,
                minimum,
            },
            Self::Tls(error)
            | Self::NameResolution(error)
            | Self::Ssh(error)
            | Self::Other(error) => error,
        }
    }
}

impl From<EngineError> for ProbeFailure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::NoSocket { .. } => Self::NoSocket,
            EngineError::NotListening { .. } => Self::NotListening,
            EngineError::PermissionDenied { group, .. } => Self::PermissionDenied { group },
            EngineError::NotResponding { after } => Self::NotResponding { after },
            EngineError::NotAnEngine { .. } | EngineError::Protocol { .. } => Self::NotAnEngine,
            EngineError::TooOld {
                api_version,
                minimum,
            } => Self::TooOld {
                api_version,
                minimum,
            },
            error @ EngineError::Tls { .. } => Self::Tls(error),
            error @ EngineError::NameResolution { .. } => Self::NameResolution(error),
            error @ EngineError::Ssh { .. } => Self::Ssh(error),
            other => Self::Other(other),
        }
    }
}

/// Asks one endpoint who it is, within [`PROBE_DEADLINE`].
pub async fn probe(endpoint: &Endpoint) -> Probe {
    let late = EngineError::NotResponding {
        after: PROBE_DEADLINE,
    };
    let outcome = timeout(PROBE_DEADLINE, ask(endpoint))
        .await
        .unwrap_or(Err(late));
    Probe {
        endpoint: endpoint.clone(),
        outcome: outcome.map_err(ProbeFailure::from),
    }
}

/// Probes all endpoints concurrently; the results are in the order of `endpoints`.
pub async fn probe_all(endpoints: &[Endpoint]) -> Vec<Probe> {
    join_all(endpoints.iter().map(probe)).await
}

async fn ask(endpoint: &Endpoint) -> Result<ProbeAnswer, EngineError> {
    let transport = Transport::new(Connector::new(endpoint).await?);
    let begin = Instant::now();
    let ping = transport
        .call(Method::GET, "", &["_ping"])
        .deadline(PROBE_DEADLINE)
        .send()
        .await;
    let latency = begin.elapsed();
    match ping {
        // Something else answers; `/version` determines what.
        Ok(_)
        | Err(
            EngineError::NotFound { .. }
            | EngineError::InvalidRequest { .. }
            | EngineError::Engine { .. },
        ) => {}
        Err(error) => return Err(error),
    }
    let identity = Identity::ask(&transport, PROBE_DEADLINE).await?;
    identity.check_age()?;
    Ok(ProbeAnswer {
        product: identity.product,
        api_version: identity.api_version(),
        version: identity.version,
        os: identity.os,
        arch: identity.arch,
        latency,
    })
}
