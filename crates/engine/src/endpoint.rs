//! Where an engine is, and how we came to know of it.

use std::path::PathBuf;

/// How to reach an engine. `Display` gives the address as `DOCKER_HOST` would have it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A Unix domain socket.
    Unix(PathBuf),
    /// A Windows named pipe, such as `\\.\pipe\docker_engine`.
    NamedPipe(String),
    /// TCP, with TLS where there is TLS material.
    Tcp {
        /// Host name or address, an IPv6 address without brackets.
        host: String,
        /// Port.
        port: u16,
        /// Certificates; `None` means plain HTTP.
        tls: Option<TlsMaterial>,
    },
    /// The `docker` of another host, through the user's own `ssh`.
    Ssh {
        /// Login name, where it is not the one from the ssh configuration.
        user: Option<String>,
        /// Host name or alias.
        host: String,
        /// Port, where it is not the one from the ssh configuration.
        port: Option<u16>,
        /// The socket over there, where it is not the remote default.
        socket: Option<String>,
    },
}

/// Where the certificates of a TLS endpoint are. Only paths: keys are read when connecting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TlsMaterial {
    /// Certificate authority that signed the engine's certificate; the system's own ones if absent.
    pub ca: Option<PathBuf>,
    /// Our certificate.
    pub cert: Option<PathBuf>,
    /// Our private key.
    pub key: Option<PathBuf>,
    /// Accept any certificate, because the user's context says so.
    pub skip_verify: bool,
}

/// How we came to know of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EndpointSource {
    /// `DOCKER_HOST`.
    Environment,
    /// A Docker context, by name.
    Context(String),
    /// A well-known socket, by the product that makes it: `Docker`, `Podman`, `Docker Desktop`, …
    Socket(String),
    /// Given by the caller.
    Custom,
}

/// An engine that may be there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// What to call it in a list; unique within one discovery.
    pub name: String,
    /// How we came to know of it.
    pub source: EndpointSource,
    /// Where it is.
    pub address: Address,
}
