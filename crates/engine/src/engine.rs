//! A connected engine: its identity, its API version, and pings.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use serde::Deserialize;

use crate::connect::Connector;
use crate::text::clean;
use crate::transport::{CALL_DEADLINE, Call, Transport};
use crate::{Dialer, Endpoint, EngineError, json};

/// The oldest supported API: that of Docker 20.10, and of Podman 4.
const MINIMUM_API: ApiVersion = ApiVersion(1, 41);

/// The newest supported API. A newer engine is asked to use this one.
const NEWEST_API: ApiVersion = ApiVersion(1, 47);

/// Timeout for the engine's identity when connecting. Over ssh this includes the login.
const HELLO_DEADLINE: Duration = Duration::from_secs(10);

/// Timeout for optional information when connecting.
const EXTRAS_DEADLINE: Duration = Duration::from_secs(2);

/// The engine's product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Product {
    /// Docker Engine (Moby), or something that looks like it.
    Docker,
    /// Podman's Docker-compatible service.
    Podman,
}

impl std::fmt::Display for Product {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Docker => "Docker",
            Self::Podman => "Podman",
        })
    }
}

/// The identity of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineInfo {
    /// Docker or Podman.
    pub product: Product,
    /// The engine's version, such as `28.3.1`.
    pub version: String,
    /// The API version in use: the newest that both sides support.
    pub api_version: String,
    /// `linux` or `windows`.
    pub os: String,
    /// `amd64`, `arm64`, … in the words of image platforms.
    pub arch: String,
    /// The name of the endpoint.
    pub name: String,
    /// Logical CPUs, if the engine reported them in time.
    pub cpus: Option<u32>,
    /// Memory in bytes, if the engine reported it in time.
    pub memory_bytes: Option<u64>,
}

/// A connected engine. Cheap to clone; all clones share connections.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    deadline: Duration,
}

struct Shared {
    transport: Transport,
    info: EngineInfo,
    /// `/v1.NN`, in front of every path.
    prefix: String,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Engine").field(&self.shared.info).finish()
    }
}

impl Engine {
    /// Connects to an endpoint and asks for the engine's identity.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, EngineError> {
        let connector = Connector::new(endpoint).await?;
        Self::over(Transport::new(connector), endpoint).await
    }

    /// Connects through the caller's own dialer; `endpoint` names the engine in messages.
    pub async fn connect_with(endpoint: &Endpoint, dialer: Dialer) -> Result<Self, EngineError> {
        let connector = Connector::custom(endpoint, dialer);
        Self::over(Transport::new(connector), endpoint).await
    }

    async fn over(transport: Transport, endpoint: &Endpoint) -> Result<Self, EngineError> {
        let identity = Identity::ask(&transport, HELLO_DEADLINE).await?;
        let api_version = identity.api_to_speak()?;
        let mut engine = Self {
            shared: Arc::new(Shared {
                transport,
                prefix: format!("/v{api_version}"),
                info: EngineInfo {
                    product: identity.product,
                    version: identity.version,
                    api_version: api_version.to_string(),
                    os: identity.os,
                    arch: identity.arch,
                    name: endpoint.name.clone(),
                    cpus: None,
                    memory_bytes: None,
                },
            }),
            deadline: EXTRAS_DEADLINE,
        };
        let extras = engine.system_info().await.ok();
        engine.deadline = CALL_DEADLINE;
        if let (Some(extras), Some(shared)) = (extras, Arc::get_mut(&mut engine.shared)) {
            shared.info.cpus = extras.cpus;
            shared.info.memory_bytes = extras.memory_bytes;
        }
        Ok(engine)
    }

    /// The same engine with another timeout for plain calls than 30 seconds.
    #[must_use]
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Self {
            shared: self.shared.clone(),
            deadline,
        }
    }

    /// The engine's identity at the time of connecting.
    pub fn info(&self) -> &EngineInfo {
        &self.shared.info
    }

    /// The engine's address, for messages.
    pub fn address(&self) -> &str {
        self.shared.transport.address()
    }

    /// Pings the engine within `deadline`; returns how long it took.
    pub async fn ping(&self, deadline: Duration) -> Result<Duration, EngineError> {
        let begin = Instant::now();
        self.call(Method::GET, &["_ping"])
            .deadline(deadline)
            .send()
            .await?;
        Ok(begin.elapsed())
    }

    pub(crate) fn call(&self, method: Method, segments: &[&str]) -> Call {
        self.shared
            .transport
            .call(method, &self.shared.prefix, segments)
            .deadline(self.deadline)
    }

    /// The deadline of plain calls.
    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }
}

/// The engine's answer to `/version`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) product: Product,
    pub(crate) version: String,
    pub(crate) os: String,
    pub(crate) arch: String,
    api: ApiVersion,
    minimum_api: Option<ApiVersion>,
}

impl Identity {
    /// Asks for `/version`, without a version in the path because it is not known yet.
    pub(crate) async fn ask(
        transport: &Transport,
        deadline: Duration,
    ) -> Result<Self, EngineError> {
        let not_an_engine = || EngineError::NotAnEngine {
            address: transport.address().to_owned(),
        };
        let answer = transport
            .call(Method::GET, "", &["version"])
            .deadline(deadline)
            .send()
            .await;
        match answer {
            Ok(answer) => Self::read(&answer.body).ok_or_else(not_an_engine),
            Err(EngineError::InvalidRequest { message } | EngineError::Engine { message, .. })
                if message.contains("HTTP request to an HTTPS server") =>
            {
                Err(EngineError::Tls {
                    address: transport.address().to_owned(),
                    reason: "the engine wants TLS, and this endpoint has no certificates"
                        .to_owned(),
                })
            }
            // A web server has no `/version`, or requires something else.
            Err(
                EngineError::Protocol { .. }
                | EngineError::TooLarge { .. }
                | EngineError::NotFound { .. }
                | EngineError::InvalidRequest { .. },
            ) => Err(not_an_engine()),
            Err(error) => Err(error),
        }
    }

    fn read(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Wire {
            version: Option<String>,
            api_version: Option<String>,
            #[serde(rename = "MinAPIVersion")]
            minimum_api: Option<String>,
            os: Option<String>,
            arch: Option<String>,
            components: Option<Vec<Component>>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Component {
            name: Option<String>,
        }

        let wire: Wire = json::object(body, "version").ok()?;
        let podman = wire
            .components
            .iter()
            .flatten()
            .filter_map(|component| component.name.as_deref())
            .any(|name| name.to_ascii_lowercase().contains("podman"));
        Some(Self {
            product: if podman {
                Product::Podman
            } else {
                Product::Docker
            },
            version: clean(&wire.version.unwrap_or_default()),
            os: wire.os.map_or_else(|| "linux".to_owned(), |os| clean(&os)),
            arch: image_arch(&wire.arch.unwrap_or_default()),
            api: ApiVersion::parse(&wire.api_version?)?,
            minimum_api: wire.minimum_api.as_deref().and_then(ApiVersion::parse),
        })
    }

    /// The newest API version that the engine supports.
    pub(crate) fn api_version(&self) -> String {
        self.api.to_string()
    }

    /// The API version to use: the newest that both sides support.
    fn api_to_speak(&self) -> Result<ApiVersion, EngineError> {
        if self.api < MINIMUM_API {
            return Err(EngineError::TooOld {
                api_version: self.api.to_string(),
                minimum: MINIMUM_API.to_string(),
            });
        }
        // If the engine has dropped all versions that we know, its oldest one is used.
        let newest = self.minimum_api.unwrap_or(NEWEST_API).max(NEWEST_API);
        Ok(self.api.min(newest))
    }

    /// Whether the engine is new enough.
    pub(crate) fn check_age(&self) -> Result<(), EngineError> {
        self.api_to_speak().map(|_| ())
    }
}

/// An API version; 1.9 is older than 1.41.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct ApiVersion(u32, u32);

impl ApiVersion {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().trim_start_matches('v').split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        Some(Self(major, minor))
    }
}

impl std::fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// The architecture by its OCI name, which engines use in `/version` but not everywhere.
pub(crate) fn image_arch(arch: &str) -> String {
    match arch {
        "x86_64" => "amd64".to_owned(),
        "aarch64" => "arm64".to_owned(),
        other => clean(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: Option<(Product, &str, Result<&str, &str>)>) {
        let identity = Identity::read(json.as_bytes());
        let found = identity.as_ref().map(|identity| {
            let api = identity
                .api_to_speak()
                .map(|api| api.to_string())
                .map_err(|error| error.to_string());
            (identity.product, identity.version.as_str(), api)
        });
        let expected = expected.map(|(product, version, api)| {
            (
                product,
                version,
                api.map(str::to_owned).map_err(str::to_owned),
            )
        });
        assert_eq!(found, expected, "{json}");
    }

    #[test]
    fn who_is_there() {
        check(
            r#"{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12","Os":"linux","Arch":"amd64","Components":[{"Name":"Engine"}]}"#,
            Some((Product::Docker, "20.10.24", Ok("1.41"))),
        );
        check(
            r#"{"Version":"29.0.0","ApiVersion":"1.52","MinAPIVersion":"1.44"}"#,
            Some((Product::Docker, "29.0.0", Ok("1.47"))),
        );
        check(
            r#"{"Version":"40","ApiVersion":"1.70","MinAPIVersion":"1.60"}"#,
            Some((Product::Docker, "40", Ok("1.60"))),
        );
        check(
            r#"{"Version":"4.3.1","ApiVersion":"1.41","Components":[{"Name":"Podman Engine"},{"Name":"Conmon"}]}"#,
            Some((Product::Podman, "4.3.1", Ok("1.41"))),
        );
        check(
            r#"{"Version":"19.03.15","ApiVersion":"1.40"}"#,
            Some((
                Product::Docker,
                "19.03.15",
                Err("The engine speaks API 1.40; at least 1.41 is needed"),
            )),
        );
    }

    #[test]
    fn who_is_not() {
        check("<html>", None);
        check("{}", None);
        check(r#"{"ApiVersion":"new"}"#, None);
        check(r#"{"version":"kubernetes"}"#, None);
    }
}
