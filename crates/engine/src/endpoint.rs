//! Engine addresses, and where they were found.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::EngineError;
use crate::text::clean;

/// An engine's address. `Display` writes it in the form of `DOCKER_HOST`.
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

/// Paths of the certificates of a TLS endpoint. The files are read when connecting.
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

/// Where an endpoint was found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EndpointSource {
    /// `DOCKER_HOST`.
    Environment,
    /// A Docker context, by name.
    Context(String),
    /// A well-known socket, by the product that makes it: `Docker`, `Podman`, `Docker Desktop`, …
    Socket(String),
    /// The engine in Slipway's own machine.
    Machine,
    /// Given by the caller.
    Custom,
}

/// A possible engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Its name in lists, unique within one discovery.
    pub name: String,
    /// Where it was found.
    pub source: EndpointSource,
    /// Its address.
    pub address: Address,
}

impl EndpointSource {
    /// Orders sources by how explicitly the user configured them.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Environment => 0,
            Self::Custom => 1,
            // The machine creates its context itself, so that context says less.
            Self::Machine => 2,
            Self::Context(name) if name != "default" => 3,
            Self::Socket(_) => 4,
            Self::Context(_) => 5,
        }
    }
}

impl Endpoint {
    /// An endpoint at an address that the caller gives.
    pub fn at(address: Address) -> Self {
        Self {
            name: address.to_string(),
            source: EndpointSource::Custom,
            address,
        }
    }
}

impl Address {
    /// The same address with TLS material, if it is a TCP address that has none.
    #[must_use]
    pub fn with_tls(self, material: TlsMaterial) -> Self {
        match self {
            Self::Tcp { host, port, .. } => Self::Tcp {
                host,
                port,
                tls: Some(material),
            },
            other => other,
        }
    }

    /// Whether two addresses lead to the same place, regardless of certificates.
    pub(crate) fn same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unix(a), Self::Unix(b)) => {
                // `/var/run` is a link to `/run`, and Docker Desktop links its socket.
                a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
            }
            (Self::NamedPipe(a), Self::NamedPipe(b)) => a.eq_ignore_ascii_case(b),
            (
                Self::Tcp { host, port, .. },
                Self::Tcp {
                    host: host_b,
                    port: port_b,
                    ..
                },
            ) => host == host_b && port == port_b,
            _ => self == other,
        }
    }
}

impl FromStr for Address {
    type Err = EngineError;

    /// Parses an address as in `DOCKER_HOST`: `unix://`, `npipe://`, `tcp://`, `http://`, `https://` or `ssh://`.
    fn from_str(text: &str) -> Result<Self, EngineError> {
        let text = text.trim();
        let refuse = |reason: &str| {
            Err(EngineError::InvalidAddress {
                address: without_password(text),
                reason: reason.to_owned(),
            })
        };
        if text.chars().any(char::is_control) {
            return refuse("it has control characters");
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return refuse("it has no scheme such as unix:// or tcp://");
        };
        match scheme.to_ascii_lowercase().as_str() {
            "unix" if rest.is_empty() => refuse("it has no path"),
            "unix" => Ok(Self::Unix(PathBuf::from(rest))),
            "npipe" => {
                let pipe = rest.replace('/', r"\");
                if pipe.starts_with(r"\\") {
                    Ok(Self::NamedPipe(pipe))
                } else {
                    refuse("pipes look like npipe:////./pipe/docker_engine")
                }
            }
            "tcp" | "http" | "https" => {
                let tls = scheme.eq_ignore_ascii_case("https");
                let authority = rest.split(['/', '?']).next().unwrap_or_default();
                if authority.contains('@') {
                    return refuse("user names are not supported over TCP");
                }
                match host_and_port(authority) {
                    Ok((host, port)) => Ok(Self::Tcp {
                        host: if host.is_empty() {
                            "localhost".to_owned()
                        } else {
                            host
                        },
                        port: port.unwrap_or(if tls { 2376 } else { 2375 }),
                        tls: tls.then(TlsMaterial::default),
                    }),
                    Err(reason) => refuse(reason),
                }
            }
            "ssh" => ssh(rest).or_else(refuse),
            "fd" => refuse("fd:// is for the engine's own start and cannot be connected to"),
            _ => refuse("this scheme is not supported"),
        }
    }
}

/// Parses the part after `ssh://`. Anything that `ssh` could take for an option or a command is refused here, and
/// checked again where `ssh` is started.
fn ssh(rest: &str) -> Result<Address, &'static str> {
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, Some(path)),
        None => (rest, None),
    };
    let (user, authority) = match authority.rsplit_once('@') {
        Some((user, authority)) => (Some(user), authority),
        None => (None, authority),
    };
    if user.is_some_and(|user| user.contains(':')) {
        return Err("passwords are not supported: ssh must log in with a key");
    }
    let (host, port) = host_and_port(authority)?;
    let plain = |text: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && text.chars().all(|c| {
                c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '%' | '+' | '\\')
            })
    };
    if !plain(&host) {
        return Err("the host name is missing or has characters that are not allowed");
    }
    if user.is_some_and(|user| !plain(user)) {
        return Err("the user name has characters that are not allowed");
    }
    let socket = path
        .filter(|path| !path.is_empty())
        .map(|path| format!("/{path}"));
    if socket.as_ref().is_some_and(|socket| {
        !socket
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-'))
    }) {
        return Err("the path of the socket has characters that are not allowed");
    }
    Ok(Address::Ssh {
        user: user.map(str::to_owned),
        host,
        port,
        socket,
    })
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), &'static str> {
    let (host, port) = if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, after) = bracketed
            .split_once(']')
            .ok_or("an IPv6 address lacks its closing bracket")?;
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err("there is text between the host and the port"),
        }
    } else if authority.matches(':').count() > 1 {
        return Err("an IPv6 address needs brackets");
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let port = match port {
        None => None,
        Some(port) => match port.parse::<u16>() {
            Ok(port) if port != 0 => Some(port),
            _ => return Err("the port is not a number from 1 to 65535"),
        },
    };
    Ok((host.to_owned(), port))
}

/// The address without a password.
fn without_password(address: &str) -> String {
    let cleaned = clean(address);
    let Some((scheme, rest)) = cleaned.split_once("://") else {
        // Without a scheme the parts cannot be told apart, so everything before `@` is removed.
        return match cleaned.rsplit_once('@') {
            Some((_, host)) => format!("…@{host}"),
            None => cleaned,
        };
    };
    match rest.rsplit_once('@') {
        Some((login, host)) => {
            let user = login.split(':').next().unwrap_or_default();
            let password = if login.contains(':') { ":…" } else { "" };
            format!("{scheme}://{user}{password}@{host}")
        }
        None => cleaned,
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::NamedPipe(pipe) => write!(f, "npipe://{}", pipe.replace('\\', "/")),
            Self::Tcp { host, port, .. } => write!(f, "tcp://{}:{port}", bracketed(host)),
            Self::Ssh {
                user,
                host,
                port,
                socket,
            } => {
                f.write_str("ssh://")?;
                if let Some(user) = user {
                    write!(f, "{user}@")?;
                }
                f.write_str(&bracketed(host))?;
                if let Some(port) = port {
                    write!(f, ":{port}")?;
                }
                f.write_str(socket.as_deref().unwrap_or_default())
            }
        }
    }
}

pub(crate) fn bracketed(host: &str) -> Cow<'_, str> {
    if host.contains(':') {
        Cow::Owned(format!("[{host}]"))
    } else {
        Cow::Borrowed(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expected` is the address written back, or a part of the reason of its refusal.
    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        match (text.parse::<Address>(), expected) {
            (Ok(address), Ok(expected)) => assert_eq!(address.to_string(), expected, "{text}"),
            (Err(error), Err(part)) => {
                assert!(error.to_string().contains(part), "{text}: {error}");
            }
            (parsed, _) => panic!("{text}: {parsed:?}"),
        }
    }

    #[test]
    fn addresses() {
        check(
            "unix:///var/run/docker.sock",
            Ok("unix:///var/run/docker.sock"),
        );
        check("UNIX:///a b.sock", Ok("unix:///a b.sock"));
        check(
            "npipe:////./pipe/docker_engine",
            Ok("npipe:////./pipe/docker_engine"),
        );
        check(
            r"npipe://\\.\pipe\docker_engine",
            Ok("npipe:////./pipe/docker_engine"),
        );
        check("tcp://10.0.0.1:2376", Ok("tcp://10.0.0.1:2376"));
        check("tcp://host", Ok("tcp://host:2375"));
        check("tcp://:2375", Ok("tcp://localhost:2375"));
        check("http://host:80/", Ok("tcp://host:80"));
        check("https://host", Ok("tcp://host:2376"));
        check("tcp://[::1]:2375", Ok("tcp://[::1]:2375"));
        check("ssh://me@host:22", Ok("ssh://me@host:22"));
        check("ssh://host", Ok("ssh://host"));
        check(
            "ssh://me@host/run/user/1000/docker.sock",
            Ok("ssh://me@host/run/user/1000/docker.sock"),
        );
    }

    #[test]
    fn refusals_say_why() {
        check("", Err("no scheme"));
        check("/var/run/docker.sock", Err("no scheme"));
        check("unix://", Err("no path"));
        check("fd://", Err("fd://"));
        check("gopher://x", Err("not supported"));
        check("tcp://host:port", Err("not a number"));
        check("tcp://host:0", Err("not a number"));
        check("tcp://::1:2375", Err("brackets"));
        check("ssh://-oProxyCommand=evil", Err("not allowed"));
        check("ssh://-oProxyCommand@host", Err("not allowed"));
        check("ssh://host;reboot", Err("not allowed"));
        check("ssh://host/$(reboot)", Err("not allowed"));
        check("unix:///a\nb", Err("control"));
    }

    #[test]
    fn passwords_do_not_show() {
        for text in [
            "ssh://me:hunter2@host",
            "tcp://me:hunter2@host:1",
            "me:hunter2@host",
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(
                !format!("{error} {error:?}").contains("hunter2"),
                "{error:?}"
            );
        }
    }
}
