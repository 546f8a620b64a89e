//! Errors of an engine, grouped by what the caller can do about them.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::refusal;
use crate::text::clean;

/// A cause that can be shared, so that [`EngineError`] is cheap to clone.
pub type SharedError = Arc<dyn StdError + Send + Sync>;

/// The subject of a request. Names the missing thing in [`EngineError::NotFound`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noun {
    /// A container.
    Container,
    /// An image.
    Image,
    /// A volume.
    Volume,
    /// A network.
    Network,
    /// The engine itself.
    Engine,
}

impl fmt::Display for Noun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Container => "container",
            Self::Image => "image",
            Self::Volume => "volume",
            Self::Network => "network",
            Self::Engine => "engine",
        })
    }
}

/// Why a request to an engine failed.
///
/// Messages that come from the engine are trimmed, free of control characters and at most 1,000
/// characters long.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// The address cannot be understood, or is of a kind that we do not support.
    #[error("`{address}` is not an engine address: {reason}")]
    InvalidAddress {
        /// The address as it was given, without any password.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A Docker configuration file, context or certificate cannot be used.
    #[error("{path} cannot be used: {reason}", path = path.display())]
    InvalidConfiguration {
        /// The file that is wrong or missing.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no socket or pipe at the address.
    #[error("No engine socket at {address}")]
    NoSocket {
        /// Where we looked.
        address: String,
    },
    /// Something is at the address, but nothing listens there: a socket left behind, or a closed port.
    #[error("Nothing is listening at {address}")]
    NotListening {
        /// Where we looked.
        address: String,
    },
    /// The operating system does not let this user open the socket.
    #[error("No permission to use {address}")]
    PermissionDenied {
        /// The socket.
        address: String,
        /// The group that owns the socket, if there is one that a user could join.
        group: Option<String>,
    },
    /// The host name has no address.
    #[error("The host name {host} cannot be resolved")]
    NameResolution {
        /// The name.
        host: String,
        /// The resolver's error.
        source: Arc<io::Error>,
    },
    /// The TLS handshake failed, or the certificates do not fit.
    #[error("The secure connection to {address} failed: {reason}")]
    Tls {
        /// The host and port.
        address: String,
        /// What the TLS library says.
        reason: String,
    },
    /// `ssh` could not reach the host, log in, or start `docker` there.
    #[error("ssh to {destination} failed: {reason}")]
    Ssh {
        /// `user@host`.
        destination: String,
        /// The end of what `ssh` wrote to its standard error.
        reason: String,
    },
    /// The connection failed or broke for another reason.
    #[error("The engine at {address} cannot be reached")]
    Unreachable {
        /// The address.
        address: String,
        /// The operating system's or HTTP library's error.
        source: SharedError,
    },
    /// The engine accepted the request but did not answer in time.
    #[error("The engine did not respond within {} s", after.as_secs_f32())]
    NotResponding {
        /// How long we waited.
        after: Duration,
    },
    /// A transfer stopped moving.
    #[error("Nothing was received for {} s", after.as_secs_f32())]
    Stalled {
        /// How long nothing came.
        after: Duration,
    },
    /// A stream ended before it said that it was complete.
    #[error("The connection was cut off before {what} was complete")]
    CutOff {
        /// What was being received.
        what: &'static str,
    },
    /// Whatever answers at the address is not a container engine.
    #[error("What is listening at {address} is not a container engine")]
    NotAnEngine {
        /// The address.
        address: String,
    },
    /// The engine speaks only an API that is older than we support.
    #[error("The engine speaks API {api_version}; at least {minimum} is needed")]
    TooOld {
        /// The newest API version that it speaks.
        api_version: String,
        /// The oldest that we speak.
        minimum: String,
    },
    /// The thing does not exist, or no longer.
    #[error("No such {noun}: {name}")]
    NotFound {
        /// What kind of thing.
        noun: Noun,
        /// Its id or name as we asked for it.
        name: String,
    },
    /// No such image: neither here nor, for a pull, in the registry.
    #[error("Image {reference} does not exist")]
    ImageNotFound {
        /// The reference as it was asked for.
        reference: String,
    },
    /// Another container has the name.
    #[error("Another container is named `{name}`")]
    NameTaken {
        /// The name.
        name: String,
        /// The id of the container that has it, where the engine says so.
        holder: Option<String>,
    },
    /// The thing is used by something else: an image by a container, a volume, a network.
    #[error("{}", refusal::in_use(message))]
    InUse {
        /// What the engine says.
        message: String,
    },
    /// The thing is in a state that does not allow this.
    #[error("{}", refusal::conflict(message))]
    Conflict {
        /// What the engine says.
        message: String,
    },
    /// A host port that the container publishes is taken.
    #[error("{} is already in use", port_words(*host_ip, *port))]
    PortTaken {
        /// The host address, where the engine names it.
        host_ip: Option<IpAddr>,
        /// The host port, where the engine names it.
        port: Option<u16>,
        /// What the engine says.
        message: String,
    },
    /// The image has no variant that runs on this engine.
    #[error("Image {reference} is not available for {}", wanted.as_deref().unwrap_or("the engine's architecture"))]
    WrongArchitecture {
        /// The image.
        reference: String,
        /// The platform that was needed, such as `linux/arm64`, where the engine names it.
        wanted: Option<String>,
        /// What the engine says.
        message: String,
    },
    /// The registry wants a login, or does not let this account in.
    #[error("Access denied")]
    Unauthorized {
        /// What the engine or registry says.
        message: String,
    },
    /// The registry's limit of downloads is used up.
    #[error("The registry's pull limit is reached")]
    RateLimited {
        /// What the engine or registry says.
        message: String,
    },
    /// The engine cannot reach the registry.
    #[error("{}", refusal::registry_unreachable(message))]
    RegistryUnreachable {
        /// What the engine says.
        message: String,
    },
    /// The engine's disk is full.
    #[error("The engine's disk is full")]
    NoSpace {
        /// What the engine says.
        message: String,
    },
    /// The engine rejects what we asked for.
    #[error("{}", refusal::in_words(message))]
    InvalidRequest {
        /// What the engine says.
        message: String,
    },
    /// The engine's answer breaks the protocol.
    #[error("The engine's answer cannot be understood: {what}")]
    Protocol {
        /// What was received, or where.
        what: String,
        /// The parser's error.
        source: Option<SharedError>,
    },
    /// The engine's answer is longer than we are willing to hold.
    #[error("The engine's answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Any other error that the engine reports.
    #[error("{}", refusal::in_words(message))]
    Engine {
        /// HTTP status, or 0 for an error inside a stream.
        status: u16,
        /// What the engine says.
        message: String,
    },
}

fn port_words(host_ip: Option<IpAddr>, port: Option<u16>) -> String {
    match (host_ip, port) {
        (Some(ip), Some(port)) if !ip.is_unspecified() => {
            format!("Port {port} on {ip}")
        }
        (_, Some(port)) => format!("Port {port}"),
        (_, None) => "A host port".to_owned(),
    }
}

impl EngineError {
    /// The engine's or registry's own text, if the error's message rewords it.
    pub fn raw(&self) -> Option<&str> {
        match self {
            Self::InUse { message }
            | Self::Conflict { message }
            | Self::PortTaken { message, .. }
            | Self::WrongArchitecture { message, .. }
            | Self::Unauthorized { message }
            | Self::RateLimited { message }
            | Self::RegistryUnreachable { message }
            | Self::NoSpace { message }
            | Self::InvalidRequest { message }
            | Self::Engine { message, .. } => {
                (!message.is_empty() && *message != self.to_string()).then_some(message)
            }
            _ => None,
        }
    }

    /// A hint for the user, if there is anything better than "try again".
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::InvalidAddress { .. } => {
                "Addresses look like unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host"
            }
            Self::NoSocket { .. } => "Install or start a container engine",
            Self::NotListening { .. } => {
                "The engine is installed but does not run: start it, for example with \
                 `sudo systemctl start docker`"
            }
            Self::PermissionDenied { group, .. } => {
                let Some(group) = group else {
                    return Some("Run Slipway as the user who owns the engine".to_owned());
                };
                return Some(format!(
                    "Add yourself to the `{group}` group: `sudo usermod -aG {group} $USER`, then \
                     log in again"
                ));
            }
            Self::NameResolution { .. } => "Check the host name and your network",
            Self::Tls { .. } => "Check the certificates of this context, and the computer's clock",
            Self::Ssh { destination, .. } => {
                return Some(format!(
                    "`ssh {destination} docker version` must work in a terminal without asking \
                     for anything: add your key to the agent, accept the host key once"
                ));
            }
            Self::NotResponding { .. } => "The engine may be overloaded or hung: try to restart it",
            Self::Stalled { .. } | Self::CutOff { .. } => {
                "Check the network and try again: what has arrived is kept"
            }
            Self::NotAnEngine { .. } => "Check the address and the port",
            Self::TooOld { .. } => "Update the engine: Docker 20.10 or Podman 4.3 is enough",
            Self::ImageNotFound { .. } => {
                "Check the name and the tag; if the image is private, log in to its registry first"
            }
            Self::NameTaken { .. } => "Use another name, or remove the other container",
            Self::InUse { .. } => "Remove what uses it first",
            Self::PortTaken { .. } => "Use another host port, or stop what listens on it",
            Self::WrongArchitecture { .. } => {
                "Choose another tag, or an image that is built for this architecture"
            }
            Self::Unauthorized { .. } => "Log in to the registry, or ask its owner for access",
            Self::RateLimited { .. } => "Log in to the registry for a higher limit, or wait",
            Self::RegistryUnreachable { message } => refusal::registry_remedy(message),
            Self::NoSpace { .. } => "Remove images and containers that you do not need",
            Self::InvalidConfiguration { .. }
            | Self::Unreachable { .. }
            | Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::InvalidRequest { .. }
            | Self::Protocol { .. }
            | Self::TooLarge { .. }
            | Self::Engine { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// The subject of a request, so that an error can name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) noun: Noun,
    pub(crate) name: String,
}

/// Classifies an error response. The status alone is not enough: Docker reports a taken port as 500, Podman a taken
/// name too, and both change between versions, so the message decides first.
pub(crate) fn classify(status: u16, message: &str, about: &About) -> EngineError {
    let message = clean(message);
    let text = message.to_lowercase();
    let has = |part: &str| text.contains(part);

    if has("no space left on device") {
        return EngineError::NoSpace { message };
    }
    if has("port is already allocated") || has("address already in use") {
        let (host_ip, port) = bound_address(&message);
        return EngineError::PortTaken {
            host_ip,
            port,
            message,
        };
    }
    if has("name") && has("already in use by") {
        return EngineError::NameTaken {
            name: quoted(&message, 0).map_or_else(
                || about.name.clone(),
                |name| name.trim_start_matches('/').to_owned(),
            ),
            holder: holder_of(&message),
        };
    }
    if has("toomanyrequests") || has("too many requests") || has("rate limit") || status == 429 {
        return EngineError::RateLimited { message };
    }
    if has("no matching manifest for")
        || has("no match for platform")
        || has("does not match the specified platform")
        || has("does not provide the specified platform")
        || has("exec format error")
        || (has("no image found in") && has("for architecture"))
    {
        return EngineError::WrongArchitecture {
            reference: about.name.clone(),
            wanted: wanted_platform(&message),
            message,
        };
    }
    if let Some(missing) = missing(status, &text, about) {
        return missing;
    }
    if has("unauthorized")
        || has("authentication required")
        || has("no basic auth credentials")
        || has("incorrect username or password")
        || has("access to the resource is denied")
        || has("access denied")
        || matches!(status, 401 | 403)
    {
        return EngineError::Unauthorized { message };
    }
    if about.noun == Noun::Image
        && [
            "dial tcp",
            "no such host",
            "i/o timeout",
            "connection refused",
            "connection reset",
            "client.timeout",
            "tls handshake timeout",
            "server misbehaving",
            "network is unreachable",
            "request canceled",
            "unexpected eof",
            "x509:",
            "server gave http response to https client",
        ]
        .into_iter()
        .any(has)
    {
        return EngineError::RegistryUnreachable { message };
    }
    if has("is using its referenced image")
        || has("image is being used")
        || has("image is in use by")
        || has("image used by")
        || has("volume is in use")
        || has("has active endpoints")
        || has("dependent child images")
    {
        return EngineError::InUse { message };
    }
    match status {
        400 => EngineError::InvalidRequest { message },
        409 => EngineError::Conflict { message },
        _ => EngineError::Engine {
            status,
            message: if message.is_empty() {
                format!("The engine answered with status {status}")
            } else {
                message
            },
        },
    }
}

/// Whether the message says that something does not exist, and what.
fn missing(status: u16, text: &str, about: &About) -> Option<EngineError> {
    let has = |part: &str| text.contains(part);
    let not_found = |noun| EngineError::NotFound {
        noun,
        name: about.name.clone(),
    };
    if has("no such image")
        || has("image not known")
        || has("manifest unknown")
        || has("name unknown")
        // Docker Hub's message about a repository that does not exist or is private; it does not reveal which.
        || has("repository does not exist or may require")
        || (about.noun == Noun::Image && (status == 404 || has("not found")))
    {
        return Some(EngineError::ImageNotFound {
            reference: about.name.clone(),
        });
    }
    if has("no such container") || has("no container with name or id") {
        return Some(not_found(Noun::Container));
    }
    if has("no such volume") {
        return Some(not_found(Noun::Volume));
    }
    if has("network") && (has("not found") || has("no such network")) {
        let name = text
            .split_whitespace()
            .skip_while(|word| *word != "network")
            .nth(1);
        return Some(EngineError::NotFound {
            noun: Noun::Network,
            name: name
                .unwrap_or_default()
                .trim_matches([':', '"', '\'', ','])
                .to_owned(),
        });
    }
    (status == 404).then(|| not_found(about.noun))
}

/// The `n`th text in double quotes.
fn quoted(message: &str, n: usize) -> Option<&str> {
    message.split('"').skip(1).step_by(2).nth(n)
}

/// The id in `already in use by container "ID"` (Docker) or `already in use by ID.` (Podman).
fn holder_of(message: &str) -> Option<String> {
    let (_, after) = message.split_once("already in use by ")?;
    after
        .split(|c: char| !c.is_ascii_alphanumeric())
        .find(|word| word.len() >= 12 && word.bytes().all(|b| b.is_ascii_hexdigit()))
        .map(str::to_owned)
}

/// The platform in `no matching manifest for linux/arm64/v8 in …` or `wanted linux/arm64, …`.
fn wanted_platform(message: &str) -> Option<String> {
    message
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | ':'))
        .find(|word| {
            ["linux/", "windows/"]
                .iter()
                .any(|os| word.len() > os.len() && word.starts_with(os))
        })
        .map(str::to_owned)
}

/// The host address and port in the texts about a port that is taken:
/// - `Bind for 0.0.0.0:8080 failed: port is already allocated`, also `:::8080` and `[::]:8080`
/// - `listen tcp4 0.0.0.0:8080: bind: address already in use`, also `:8080`
/// - `failed to bind host port for 0.0.0.0:8080:172.17.0.2:80/tcp: address already in use`
/// - `failed to bind host port 0.0.0.0:8080/tcp: address already in use`
fn bound_address(message: &str) -> (Option<IpAddr>, Option<u16>) {
    for word in message.split_whitespace() {
        let word = word
            .trim_end_matches([':', ',', '.'])
            .trim_end_matches("/tcp")
            .trim_end_matches("/udp");
        let mut attempts = vec![word.rsplit_once(':')];
        // Host and container side are joined: the host side is everything before the second colon after the address.
        if let Some(closing) = word.find(']') {
            attempts.push(word[closing + 1..].strip_prefix(':').map(|rest| {
                let port = rest.split(':').next().unwrap_or_default();
                (&word[..=closing], port)
            }));
        } else {
            let mut parts = word.split(':');
            attempts.push(parts.next().zip(parts.next()));
        }
        for (ip, port) in attempts.into_iter().flatten() {
            let Some(port) = port.parse::<u16>().ok().filter(|port| *port != 0) else {
                continue;
            };
            let ip = ip.trim_start_matches('[').trim_end_matches(']');
            if ip.is_empty() {
                return (None, Some(port));
            }
            if let Ok(ip) = ip.parse::<IpAddr>() {
                return (Some(ip), Some(port));
            }
        }
    }
    (None, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(noun: Noun, name: &str) -> About {
        About {
            noun,
            name: name.to_owned(),
        }
    }

    #[track_caller]
    fn check(status: u16, noun: Noun, message: &str, expected: &str) {
        let error = classify(status, message, &about(noun, "thing"));
        let debug = format!("{error:?}");
        assert!(
            debug.starts_with(expected),
            "{message}\n  is {debug}\nnot {expected}"
        );
    }

    #[track_caller]
    fn check_port(message: &str, ip: Option<&str>, port: Option<u16>) {
        match classify(500, message, &about(Noun::Container, "web")) {
            EngineError::PortTaken {
                host_ip, port: p, ..
            } => assert_eq!(
                (host_ip.map(|ip| ip.to_string()).as_deref(), p),
                (ip, port),
                "{message}"
            ),
            other => panic!("{message}: {other:?}"),
        }
    }

    #[test]
    fn taken_ports_are_named() {
        check_port(
            "driver failed programming external connectivity on endpoint web (5a): Bind for 0.0.0.0:8080 failed: port is already allocated",
            Some("0.0.0.0"),
            Some(8080),
        );
        check_port(
            "driver failed programming external connectivity on endpoint web (5a): Error starting userland proxy: listen tcp4 127.0.0.1:8080: bind: address already in use",
            Some("127.0.0.1"),
            Some(8080),
        );
        check_port(
            "Bind for :::8080 failed: port is already allocated",
            Some("::"),
            Some(8080),
        );
        check_port(
            "listen tcp6 [::1]:81: bind: address already in use",
            Some("::1"),
            Some(81),
        );
        check_port(
            "failed to set up container networking: driver failed programming external connectivity on endpoint web (77): failed to bind host port for 0.0.0.0:8080:172.17.0.2:80/tcp: address already in use",
            Some("0.0.0.0"),
            Some(8080),
        );
        check_port(
            "failed to bind host port 127.0.0.1:8080/tcp: address already in use",
            Some("127.0.0.1"),
            Some(8080),
        );
        check_port(
            "cannot listen on the TCP port: listen tcp4 :8080: bind: address already in use",
            None,
            Some(8080),
        );
        check_port("address already in use", None, None);
    }

    #[test]
    fn names_and_conflicts() {
        let error = classify(
            409,
            "Conflict. The container name \"/web\" is already in use by container \"0123456789abcdef\". You have to remove (or rename) that container to be able to reuse that name.",
            &about(Noun::Container, "web"),
        );
        assert_eq!(error.to_string(), "Another container is named `web`");
        assert!(
            matches!(error, EngineError::NameTaken { holder: Some(id), .. } if id == "0123456789abcdef")
        );
        check(
            409,
            Noun::Container,
            "You cannot remove a running container 12. Stop the container before attempting removal or force remove",
            "Conflict",
        );
        check(
            409,
            Noun::Image,
            "conflict: unable to remove repository reference \"a\" (must force) - container 12 is using its referenced image 34",
            "InUse",
        );
        check(
            409,
            Noun::Image,
            "conflict: unable to delete 12 (cannot be forced) - image is being used by running container 34",
            "InUse",
        );
    }

    #[test]
    fn missing_things() {
        check(
            404,
            Noun::Container,
            "No such container: thing",
            "NotFound { noun: Container",
        );
        check(
            404,
            Noun::Container,
            "No such image: thing:latest",
            "ImageNotFound",
        );
        check(
            404,
            Noun::Container,
            "no container with name or ID \"thing\" found: no such container",
            "NotFound { noun: Container",
        );
        check(
            404,
            Noun::Container,
            "network nowhere not found",
            "NotFound { noun: Network, name: \"nowhere\"",
        );
        check(
            404,
            Noun::Image,
            "manifest for thing:1 not found: manifest unknown: manifest unknown",
            "ImageNotFound",
        );
        check(
            404,
            Noun::Image,
            "pull access denied for thing, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
            "ImageNotFound",
        );
        check(
            0,
            Noun::Image,
            "failed to resolve reference \"docker.io/library/a:1\": docker.io/library/a:1: not found",
            "ImageNotFound",
        );
    }

    #[test]
    fn pulls() {
        check(
            0,
            Noun::Image,
            "no matching manifest for linux/amd64 in the manifest list entries",
            "WrongArchitecture { reference: \"thing\", wanted: Some(\"linux/amd64\")",
        );
        check(
            404,
            Noun::Container,
            "image with reference a was found but does not match the specified platform: wanted linux/arm64, actual: linux/amd64",
            "WrongArchitecture { reference: \"thing\", wanted: Some(\"linux/arm64\")",
        );
        check(
            500,
            Noun::Image,
            "toomanyrequests: You have reached your pull rate limit.",
            "RateLimited",
        );
        check(
            500,
            Noun::Image,
            "Head \"https://r/v2/a/manifests/1\": unauthorized: authentication required",
            "Unauthorized",
        );
        check(
            500,
            Noun::Image,
            "Get \"https://r/v2/\": dial tcp: lookup r: no such host",
            "RegistryUnreachable",
        );
        check(
            0,
            Noun::Image,
            "write /var/lib/docker/tmp/x: no space left on device",
            "NoSpace",
        );
    }

    #[test]
    fn the_rest_by_status() {
        check(
            400,
            Noun::Container,
            "invalid reference format",
            "InvalidRequest",
        );
        check(
            500,
            Noun::Container,
            "something else",
            "Engine { status: 500",
        );
        check(
            503,
            Noun::Container,
            "",
            "Engine { status: 503, message: \"The engine answered",
        );
    }

    #[test]
    fn hostile_text_is_tamed() {
        let error = classify(
            500,
            &format!("\x1b[31mred\n{}", "x".repeat(5000)),
            &about(Noun::Engine, ""),
        );
        let EngineError::Engine { message, .. } = error else {
            panic!("{error:?}");
        };
        assert!(message.starts_with("[31mred x"), "{message}");
        assert!(message.chars().count() <= 1000);
        assert!(!message.contains(char::is_control));
    }

    #[test]
    fn permission_names_the_group() {
        let error = EngineError::PermissionDenied {
            address: "unix:///var/run/docker.sock".to_owned(),
            group: Some("docker".to_owned()),
        };
        assert_eq!(
            error.hint().as_deref(),
            Some(
                "Add yourself to the `docker` group: `sudo usermod -aG docker $USER`, then log in again"
            )
        );
    }
}
