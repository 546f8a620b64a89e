//! What can go wrong between us and an engine, by what the caller can do about it.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A cause that can be shared, so that [`EngineError`] is cheap to clone.
pub type SharedError = Arc<dyn StdError + Send + Sync>;

/// What a request was about. Names the missing thing in [`EngineError::NotFound`].
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

/// Why a request to an engine did not do what was asked.
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
    #[error("The engine did not answer within {} s", after.as_secs_f32())]
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
    #[error("What answers at {address} is not a container engine")]
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
    #[error("The name {name} is already used by another container")]
    NameTaken {
        /// The name.
        name: String,
        /// The id of the container that has it, where the engine says so.
        holder: Option<String>,
    },
    /// The thing is used by something else: an image by a container, a volume, a network.
    #[error("Still in use: {message}")]
    InUse {
        /// What the engine says.
        message: String,
    },
    /// The thing is in a state that does not allow this.
    #[error("Not possible now: {message}")]
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
    #[error("Image {reference} is not available for {}", wanted.as_deref().unwrap_or("this machine"))]
    WrongArchitecture {
        /// The image.
        reference: String,
        /// The platform that was needed, such as `linux/arm64`, where the engine names it.
        wanted: Option<String>,
        /// What the engine says.
        message: String,
    },
    /// The registry wants a login, or does not let this account in.
    #[error("Access denied: {message}")]
    Unauthorized {
        /// What the engine or registry says.
        message: String,
    },
    /// The registry's limit of downloads is used up.
    #[error("The registry limits downloads: {message}")]
    RateLimited {
        /// What the engine or registry says.
        message: String,
    },
    /// The engine cannot reach the registry.
    #[error("The engine cannot reach the registry: {message}")]
    RegistryUnreachable {
        /// What the engine says.
        message: String,
    },
    /// The engine's disk is full.
    #[error("The engine's disk is full: {message}")]
    NoSpace {
        /// What the engine says.
        message: String,
    },
    /// The engine rejects what we asked for.
    #[error("{message}")]
    InvalidRequest {
        /// What the engine says.
        message: String,
    },
    /// The engine's answer breaks the protocol.
    #[error("The engine's answer makes no sense: {what}")]
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
    #[error("{message}")]
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
    /// What the user can try, where we know something better than "try again".
    pub fn hint(&self) -> Option<String> {
        todo!()
    }
}
