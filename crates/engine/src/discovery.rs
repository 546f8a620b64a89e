//! Finds the engines that may be on this computer, and which of them Docker's own tools would use.
//!
//! Docker's precedence is `DOCKER_HOST`, `DOCKER_CONTEXT`, `currentContext` in `config.json`, and
//! the default socket. All contexts and well-known sockets are candidates as well.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::text::clean;
use crate::{Address, Endpoint, EndpointSource, EngineError, TlsMaterial};

/// Limit of a configuration file's size.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Limit of contexts; nobody could use a longer list.
const MAX_CONTEXTS: usize = 256;

/// Variables that name the directories of a user.
const DIRECTORY_VARIABLES: [&str; 3] = ["XDG_RUNTIME_DIR", "XDG_DATA_HOME", "LOCALAPPDATA"];

/// The operating system that decides the well-known sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Os {
    /// Linux and other Unix systems.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

impl Os {
    /// The operating system of this build.
    pub const fn current() -> Self {
        if cfg!(windows) {
            Self::Windows
        } else if cfg!(target_os = "macos") {
            Self::MacOs
        } else {
            Self::Linux
        }
    }
}

/// The inputs of discovery. Injected, so that tests need no real home directory or environment.
#[derive(Clone)]
pub struct Environment {
    /// The home directory.
    pub home: Option<PathBuf>,
    /// Environment variables: those that begin with `DOCKER_`, and those that name the directories of a user.
    pub variables: HashMap<String, String>,
    /// The operating system.
    pub os: Os,
    /// Stands in front of absolute system paths such as `/var/run/docker.sock`; `/` outside tests.
    pub root: PathBuf,
}

/// What discovery found.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// All candidates, the default first.
    pub candidates: Vec<Candidate>,
    /// Index of the candidate that Docker's own tools would use. It may be one with an error.
    pub default: Option<usize>,
}

/// A possible engine, or a configuration that cannot be used.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its name, unique within one discovery.
    pub name: String,
    /// Where it was found.
    pub source: EndpointSource,
    /// The endpoint, or why its configuration cannot be used.
    pub endpoint: Result<Endpoint, EngineError>,
}

impl std::fmt::Debug for Environment {
    // `DOCKER_AUTH_CONFIG` holds credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("home", &self.home)
            .field("variables", &self.variables.keys())
            .field("os", &self.os)
            .field("root", &self.root)
            .finish()
    }
}

impl Environment {
    /// The environment of this process.
    pub fn from_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| {
                name.starts_with("DOCKER_") || DIRECTORY_VARIABLES.contains(&name.as_str())
            })
            .collect();
        Self {
            home: std::env::home_dir(),
            variables,
            os: Os::current(),
            root: PathBuf::from("/"),
        }
    }

    /// Docker's configuration directory: `DOCKER_CONFIG` or `~/.docker`.
    pub fn docker_config_dir(&self) -> Option<PathBuf> {
        match self.variable("DOCKER_CONFIG") {
            Some(dir) => Some(PathBuf::from(dir)),
            None => self.home.as_ref().map(|home| home.join(".docker")),
        }
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The socket of the engine in Slipway's machine: in `$XDG_RUNTIME_DIR/slipway`, or in `slipway/run` of the user's
    /// data directory if the system has no runtime directory.
    pub fn machine_socket(&self) -> Option<PathBuf> {
        let directory = |name: &str| {
            self.variable(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let in_home = |path: &str| self.home.as_ref().map(|home| home.join(path));
        let data = match self.os {
            Os::Windows => self.variable("LOCALAPPDATA").map(PathBuf::from),
            Os::MacOs => in_home("Library/Application Support"),
            Os::Linux => directory("XDG_DATA_HOME").or_else(|| in_home(".local/share")),
        };
        let runtime = match directory("XDG_RUNTIME_DIR") {
            Some(runtime) => runtime.join("slipway"),
            None => data?.join("slipway/run"),
        };
        Some(runtime.join("engine.sock"))
    }

    fn system_path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

impl Discovery {
    /// The endpoints that can be tried.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.candidates
            .iter()
            .filter_map(|candidate| candidate.endpoint.clone().ok())
            .collect()
    }

    /// The candidate that Docker's own tools would use.
    pub fn default_candidate(&self) -> Option<&Candidate> {
        self.default.and_then(|index| self.candidates.get(index))
    }
}

/// Reads the environment, the Docker configuration and its contexts, and checks which well-known sockets exist.
/// Blocking, but reads only small local files; never fails as a whole.
pub fn discover(environment: &Environment) -> Discovery {
    let mut found = Found::default();
    let config_dir = environment.docker_config_dir();
    let contexts = config_dir.as_deref().map(read_contexts).unwrap_or_default();
    let selected = Selected::read(environment, config_dir.as_deref());

    if let Selected::Host(host) = &selected {
        let endpoint = host_address(environment, host).map(|address| Endpoint {
            name: "DOCKER_HOST".to_owned(),
            source: EndpointSource::Environment,
            address,
        });
        found.default = Some(found.add(Candidate {
            name: "DOCKER_HOST".to_owned(),
            source: EndpointSource::Environment,
            endpoint,
        }));
    }

    // The selected context's name is known before it is known whether that context exists.
    let chosen = match &selected {
        Selected::Context { name, .. } => Some(name.clone()),
        _ => None,
    };
    for context in contexts {
        let is_chosen = chosen.as_ref() == Some(&context.name);
        let index = found.add(context);
        if is_chosen {
            found.default = Some(index);
        }
    }
    match selected {
        Selected::Context { name, file } if found.default.is_none() => {
            found.default = Some(found.add(Candidate {
                endpoint: Err(EngineError::InvalidConfiguration {
                    path: file,
                    reason: format!(
                        "it selects the context `{}`, which does not exist",
                        clean(&name)
                    ),
                }),
                source: EndpointSource::Context(name.clone()),
                name,
            }));
        }
        // Docker's own tools fall back to the default socket when `config.json` is broken, so it is listed but is not
        // the default.
        Selected::Broken(error) => {
            found.add(Candidate {
                name: "config.json".to_owned(),
                source: EndpointSource::Context("config.json".to_owned()),
                endpoint: Err(error),
            });
        }
        _ => {}
    }

    for (label, address, always) in well_known(environment) {
        let exists = match &address {
            Address::Unix(path) => path.symlink_metadata().is_ok(),
            // A pipe exists only while it is served, and checking for it connects to it.
            _ => true,
        };
        if !always && !exists {
            continue;
        }
        let index = found.add(Candidate {
            name: label.to_owned(),
            source: EndpointSource::Socket(label.to_owned()),
            endpoint: Ok(Endpoint {
                name: label.to_owned(),
                source: EndpointSource::Socket(label.to_owned()),
                address,
            }),
        });
        // The first well-known address is Docker's own default.
        if always && found.default.is_none() {
            found.default = Some(index);
        }
    }
    if let Some(socket) = environment.machine_socket() {
        let exists = socket.symlink_metadata().is_ok();
        let address = Address::Unix(socket);
        // A stopped machine is known by its Docker context.
        if exists || found.has(&address) {
            found.add(Candidate {
                name: MACHINE.to_owned(),
                source: EndpointSource::Machine,
                endpoint: Ok(Endpoint {
                    name: MACHINE.to_owned(),
                    source: EndpointSource::Machine,
                    address,
                }),
            });
        }
    }
    found.finish()
}

/// The name of the engine in Slipway's machine.
const MACHINE: &str = "machine";

/// Collects candidates: one place is listed once, under the best of its names.
#[derive(Default)]
struct Found {
    candidates: Vec<Candidate>,
    default: Option<usize>,
}

impl Found {
    fn position(&self, address: &Address) -> Option<usize> {
        self.candidates.iter().position(|known| {
            known
                .endpoint
                .as_ref()
                .is_ok_and(|known| known.address.same_place(address))
        })
    }

    fn has(&self, address: &Address) -> bool {
        self.position(address).is_some()
    }

    fn add(&mut self, new: Candidate) -> usize {
        if let Ok(endpoint) = &new.endpoint
            && let Some(index) = self.position(&endpoint.address)
        {
            let known = &mut self.candidates[index];
            if new.source.rank() < known.source.rank() {
                *known = new;
            }
            return index;
        }
        self.candidates.push(new);
        self.candidates.len() - 1
    }

    fn finish(mut self) -> Discovery {
        if let Some(index) = self.default {
            self.candidates[..=index].rotate_right(1);
            self.default = Some(0);
        }
        // Two candidates may have the same name, such as a context called `Podman`.
        for index in 0..self.candidates.len() {
            let wanted = self.candidates[index].name.clone();
            let taken = |name: &str, before: &[Candidate]| before.iter().any(|c| c.name == name);
            let mut name = wanted.clone();
            let mut number = 2;
            while taken(&name, &self.candidates[..index]) {
                name = format!("{wanted} ({number})");
                number += 1;
            }
            let candidate = &mut self.candidates[index];
            if let Ok(endpoint) = &mut candidate.endpoint {
                endpoint.name.clone_from(&name);
            }
            candidate.name = name;
        }
        Discovery {
            candidates: self.candidates,
            default: self.default,
        }
    }
}

/// The selection of Docker's own tools.
enum Selected {
    /// `DOCKER_HOST`.
    Host(String),
    /// A context, and the file (or variable) that names it.
    Context { name: String, file: PathBuf },
    /// No selection.
    Nothing,
    /// `config.json` cannot be read.
    Broken(EngineError),
}

impl Selected {
    fn read(environment: &Environment, config_dir: Option<&Path>) -> Self {
        if let Some(host) = environment.variable("DOCKER_HOST") {
            return Self::Host(host.to_owned());
        }
        let (name, file) = if let Some(name) = environment.variable("DOCKER_CONTEXT") {
            (name.to_owned(), PathBuf::from("DOCKER_CONTEXT"))
        } else {
            let Some(file) = config_dir.map(|dir| dir.join("config.json")) else {
                return Self::Nothing;
            };
            match read_json(&file) {
                Ok(Some(config)) => {
                    match field(&config, "currentContext").and_then(Value::as_str) {
                        Some(name) => (name.to_owned(), file),
                        None => return Self::Nothing,
                    }
                }
                Ok(None) => return Self::Nothing,
                Err(error) => return Self::Broken(error),
            }
        };
        // The context `default` means: ignore contexts.
        if name.is_empty() || name == "default" {
            Self::Nothing
        } else {
            Self::Context { name, file }
        }
    }
}

/// `DOCKER_HOST` with its TLS variables.
fn host_address(environment: &Environment, host: &str) -> Result<Address, EngineError> {
    // `docker -H host:port` means TCP, and so does the variable.
    let address: Address = if host.contains("://") {
        host.parse()?
    } else {
        format!("tcp://{host}").parse()?
    };
    let verify = environment.variable("DOCKER_TLS_VERIFY").is_some();
    if !verify && environment.variable("DOCKER_TLS").is_none() {
        return Ok(address);
    }
    let dir = environment
        .variable("DOCKER_CERT_PATH")
        .map(PathBuf::from)
        .or_else(|| environment.docker_config_dir());
    let mut material = dir.map(|dir| tls_material(&dir)).unwrap_or_default();
    material.skip_verify = !verify;
    Ok(address.with_tls(material))
}

/// The certificate files that exist in a directory with Docker's layout.
fn tls_material(dir: &Path) -> TlsMaterial {
    let existing = |name: &str| Some(dir.join(name)).filter(|path| path.is_file());
    TlsMaterial {
        ca: existing("ca.pem"),
        cert: existing("cert.pem"),
        key: existing("key.pem"),
        skip_verify: false,
    }
}

fn read_contexts(config_dir: &Path) -> Vec<Candidate> {
    let meta = config_dir.join("contexts").join("meta");
    let Ok(entries) = meta.read_dir() else {
        return Vec::new();
    };
    let mut contexts: Vec<Candidate> = entries
        .filter_map(Result::ok)
        .take(MAX_CONTEXTS)
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| read_context(config_dir, &entry.path().join("meta.json")))
        .collect();
    contexts.sort_by(|a, b| a.name.cmp(&b.name));
    contexts
}

/// Reads one context. A directory without `meta.json` is not a context.
fn read_context(config_dir: &Path, file: &Path) -> Option<Candidate> {
    let broken = |name: String, error| {
        Some(Candidate {
            source: EndpointSource::Context(name.clone()),
            name,
            endpoint: Err(error),
        })
    };
    let invalid = |reason: &str| EngineError::InvalidConfiguration {
        path: file.to_owned(),
        reason: reason.to_owned(),
    };
    let directory_name = || {
        let name = file.parent().and_then(Path::file_name).unwrap_or_default();
        format!("context {:.12}", name.to_string_lossy())
    };
    let meta = match read_json(file) {
        Ok(Some(meta)) => meta,
        Ok(None) => return None,
        Err(error) => return broken(directory_name(), error),
    };
    let Some(name) = field(&meta, "Name")
        .and_then(Value::as_str)
        .map(clean)
        .filter(|name| !name.is_empty())
    else {
        return broken(directory_name(), invalid("it has no name"));
    };
    let docker = field(&meta, "Endpoints").and_then(|endpoints| field(endpoints, "docker"));
    let Some(docker) = docker else {
        return broken(name, invalid("it has no Docker endpoint"));
    };
    let host = field(docker, "Host")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut address: Address = match host.parse() {
        Ok(address) => address,
        Err(error) => return broken(name, error),
    };
    let skip_verify = field(docker, "SkipTLSVerify")
        .and_then(Value::as_bool)
        .unwrap_or_default();
    let dir = config_dir
        .join("contexts")
        .join("tls")
        .join(context_id(&name))
        .join("docker");
    let mut material = tls_material(&dir);
    material.skip_verify = skip_verify;
    let wants_tls =
        material != TlsMaterial::default() || matches!(address, Address::Tcp { tls: Some(_), .. });
    if wants_tls {
        address = address.with_tls(material);
    }
    let source = EndpointSource::Context(name.clone());
    Some(Candidate {
        endpoint: Ok(Endpoint {
            name: name.clone(),
            source: source.clone(),
            address,
        }),
        name,
        source,
    })
}

/// The directory name of a context: the SHA-256 of its name, in hexadecimal.
fn context_id(name: &str) -> String {
    use std::fmt::Write;

    Sha256::digest(name.as_bytes())
        .iter()
        .fold(String::with_capacity(64), |mut id, byte| {
            let _ = write!(id, "{byte:02x}");
            id
        })
}

/// A field by its name in any case: Go parses JSON this way, and tools rely on it.
fn field<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let object = object.as_object()?;
    object.get(name).or_else(|| {
        object
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

/// Reads a JSON file; `None` if it does not exist.
fn read_json(path: &Path) -> Result<Option<Value>, EngineError> {
    let invalid = |reason: String| EngineError::InvalidConfiguration {
        path: path.to_owned(),
        reason,
    };
    // Opening a pipe would wait for a writer.
    match path.metadata() {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(invalid("it is not a file".to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(invalid(error.to_string())),
    }
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut text))
        .map_err(|error| invalid(error.to_string()))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(invalid(format!("it is larger than {MAX_FILE_BYTES} bytes")));
    }
    // An interrupted tool can leave an empty `config.json`; Docker accepts it.
    if text.trim_ascii().is_empty() {
        return Ok(None);
    }
    // The parser's message would quote the file, which may hold credentials; its position does not.
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        invalid(format!(
            "it is not valid JSON (line {}, column {})",
            error.line(),
            error.column()
        ))
    })
}

/// Well-known sockets: label, address, and whether the candidate is listed even if the socket is missing.
fn well_known(environment: &Environment) -> Vec<(&'static str, Address, bool)> {
    if environment.os == Os::Windows {
        return [
            ("Docker", "docker_engine", true),
            ("Docker Desktop", "dockerDesktopLinuxEngine", false),
            ("Podman", "podman-machine-default", false),
        ]
        .into_iter()
        .map(|(label, pipe, always)| {
            (
                label,
                Address::NamedPipe(format!(r"\\.\pipe\{pipe}")),
                always,
            )
        })
        .collect();
    }
    let mut sockets = vec![(
        "Docker",
        environment.system_path("/var/run/docker.sock"),
        true,
    )];
    if let Some(runtime) = environment.variable("XDG_RUNTIME_DIR").map(PathBuf::from) {
        sockets.push(("Docker (rootless)", runtime.join("docker.sock"), false));
        sockets.push(("Podman", runtime.join("podman/podman.sock"), false));
    }
    sockets.push((
        "Podman (root)",
        environment.system_path("/run/podman/podman.sock"),
        false,
    ));
    if let Some(home) = &environment.home {
        for (label, path) in [
            ("Docker Desktop", ".docker/run/docker.sock"),
            ("Docker Desktop", ".docker/desktop/docker.sock"),
            ("OrbStack", ".orbstack/run/docker.sock"),
            ("Rancher Desktop", ".rd/docker.sock"),
            ("Colima", ".colima/default/docker.sock"),
            ("Lima", ".lima/default/sock/docker.sock"),
            ("Lima", ".lima/docker/sock/docker.sock"),
        ] {
            sockets.push((label, home.join(path), false));
        }
    }
    sockets
        .into_iter()
        .map(|(label, path, always)| (label, Address::Unix(path), always))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct Computer {
        dir: tempfile::TempDir,
        environment: Environment,
    }

    impl Computer {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let environment = Environment {
                home: Some(dir.path().join("home")),
                variables: HashMap::from([(
                    "XDG_RUNTIME_DIR".to_owned(),
                    dir.path().join("xdg").display().to_string(),
                )]),
                os: Os::Linux,
                root: dir.path().to_owned(),
            };
            Self { dir, environment }
        }

        fn file(self, path: &str, text: &str) -> Self {
            let path = self.dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
            self
        }

        fn context(self, name: &str, meta: &str) -> Self {
            let path = format!("home/.docker/contexts/meta/{}/meta.json", context_id(name));
            self.file(&path, meta)
        }

        fn variable(mut self, name: &str, value: &str) -> Self {
            self.environment
                .variables
                .insert(name.to_owned(), value.to_owned());
            self
        }

        /// Each candidate as `name = address` or `name ! reason`, the default marked with `*`.
        fn list(&self) -> Vec<String> {
            let discovery = discover(&self.environment);
            let root = self.dir.path().display().to_string();
            discovery
                .candidates
                .iter()
                .enumerate()
                .map(|(index, candidate)| {
                    let mark = if discovery.default == Some(index) {
                        "*"
                    } else {
                        ""
                    };
                    match &candidate.endpoint {
                        Ok(endpoint) => format!("{mark}{} = {}", endpoint.name, endpoint.address),
                        Err(error) => format!("{mark}{} ! {error}", candidate.name),
                    }
                    .replace(&root, "")
                })
                .collect()
        }
    }

    #[track_caller]
    fn check(computer: &Computer, expected: &[&str]) {
        assert_eq!(computer.list(), expected);
    }

    const REMOTE: &str = r#"{"Name":"remote","Metadata":{},"Endpoints":{"docker":{"Host":"ssh://me@build","SkipTLSVerify":false}}}"#;

    #[test]
    fn with_nothing_the_default_socket_is_the_candidate() {
        check(&Computer::new(), &["*Docker = unix:///var/run/docker.sock"]);
    }

    #[test]
    fn the_machine_is_a_candidate_while_its_socket_is_there() {
        let computer = Computer::new();
        let runtime = computer.dir.path().join("run/user");
        let with_runtime = computer
            .variable("XDG_RUNTIME_DIR", &runtime.display().to_string())
            .file("run/user/slipway/engine.sock", "");
        check(
            &with_runtime,
            &[
                "*Docker = unix:///var/run/docker.sock",
                "machine = unix:///run/user/slipway/engine.sock",
            ],
        );
        assert_eq!(
            discover(&with_runtime.environment).candidates[1].source,
            EndpointSource::Machine
        );
        let without = Computer::new()
            .variable("XDG_RUNTIME_DIR", "")
            .file("home/.local/share/slipway/run/engine.sock", "");
        check(
            &without,
            &[
                "*Docker = unix:///var/run/docker.sock",
                "machine = unix:///home/.local/share/slipway/run/engine.sock",
            ],
        );
    }

    #[test]
    fn the_machines_context_is_the_machine() {
        let computer = Computer::new().variable("XDG_RUNTIME_DIR", "");
        let socket = computer
            .dir
            .path()
            .join("home/.local/share/slipway/run/engine.sock");
        let context = format!(
            r#"{{"Name":"slipway","Endpoints":{{"docker":{{"Host":"unix://{}"}}}}}}"#,
            socket.display()
        );
        // It is not running: only the context points to it.
        let computer = computer.context("slipway", &context);
        check(
            &computer,
            &[
                "*Docker = unix:///var/run/docker.sock",
                "machine = unix:///home/.local/share/slipway/run/engine.sock",
            ],
        );
        // Selected for the docker command, it is the default.
        let computer = computer.variable("DOCKER_CONTEXT", "slipway");
        let machine = "*machine = unix:///home/.local/share/slipway/run/engine.sock";
        check(
            &computer,
            &[machine, "Docker = unix:///var/run/docker.sock"],
        );
        let computer = computer.file("home/.local/share/slipway/run/engine.sock", "");
        assert_eq!(computer.list()[0], machine);
    }

    #[test]
    fn docker_host_wins_over_contexts() {
        let computer = Computer::new()
            .context("remote", REMOTE)
            .variable("DOCKER_HOST", "tcp://10.0.0.1:2375")
            .variable("DOCKER_CONTEXT", "remote");
        check(
            &computer,
            &[
                "*DOCKER_HOST = tcp://10.0.0.1:2375",
                "remote = ssh://me@build",
                "Docker = unix:///var/run/docker.sock",
            ],
        );
    }

    #[test]
    fn the_context_of_the_environment_wins_over_the_file() {
        let computer = Computer::new()
            .context("remote", REMOTE)
            .context(
                "desk",
                r#"{"name":"desk","endpoints":{"Docker":{"host":"unix:///desk.sock"}}}"#,
            )
            .file("home/.docker/config.json", r#"{"currentContext":"remote"}"#);
        let computer = computer.variable("DOCKER_CONTEXT", "desk");
        check(
            &computer,
            &[
                "*desk = unix:///desk.sock",
                "remote = ssh://me@build",
                "Docker = unix:///var/run/docker.sock",
            ],
        );
    }

    #[test]
    fn the_current_context_of_the_file() {
        let computer = Computer::new().context("remote", REMOTE).file(
            "home/.docker/config.json",
            r#"{"CurrentContext":"remote","auths":{}}"#,
        );
        check(
            &computer,
            &[
                "*remote = ssh://me@build",
                "Docker = unix:///var/run/docker.sock",
            ],
        );
        let computer = computer.variable("DOCKER_CONTEXT", "default");
        check(
            &computer,
            &[
                "*Docker = unix:///var/run/docker.sock",
                "remote = ssh://me@build",
            ],
        );
    }

    #[test]
    fn what_is_broken_is_a_candidate_with_its_reason() {
        let computer = Computer::new()
            .file("home/.docker/config.json", "{\"currentContext\":")
            .context("a", "not json")
            .context("b", r#"{"Name":"b","Endpoints":{}}"#)
            .context(
                "c",
                r#"{"Name":"c","Endpoints":{"docker":{"Host":"gopher://x"}}}"#,
            )
            .context("d", r#"["Name"]"#);
        let list = computer.list();
        assert_eq!(list.len(), 6, "{list:#?}");
        assert_eq!(list[0], "*Docker = unix:///var/run/docker.sock");
        for part in [
            "not valid JSON (line 1, column",
            "no Docker endpoint",
            "scheme is not supported",
            "it has no name",
            "config.json ! ",
        ] {
            assert!(
                list.iter().any(|line| line.contains(part)),
                "{part}: {list:#?}"
            );
        }
    }

    #[test]
    fn a_chosen_context_that_is_missing_stays_the_default_with_its_reason() {
        let computer =
            Computer::new().file("home/.docker/config.json", r#"{"currentContext":"gone"}"#);
        check(
            &computer,
            &[
                "*gone ! /home/.docker/config.json cannot be used: it selects the context `gone`, which does not exist",
                "Docker = unix:///var/run/docker.sock",
            ],
        );
    }

    #[test]
    fn a_huge_file_is_not_read() {
        let computer =
            Computer::new().file("home/.docker/config.json", &" ".repeat(2 * 1024 * 1024));
        assert!(
            computer.list()[1].contains("larger than"),
            "{:?}",
            computer.list()
        );
    }

    #[test]
    fn sockets_of_products_are_found_once() {
        let computer = Computer::new()
            .file("var/run/docker.sock", "")
            .file("xdg/podman/podman.sock", "")
            .file("home/.colima/default/docker.sock", "")
            .file("home/.docker/config.json", "{}");
        let socket = computer.dir.path().join("home/.colima/default/docker.sock");
        check(
            &computer,
            &[
                "*Docker = unix:///var/run/docker.sock",
                "Podman = unix:///xdg/podman/podman.sock",
                "Colima = unix:///home/.colima/default/docker.sock",
            ],
        );
        // A context for the same socket gives it its name.
        let computer = computer.context(
            "colima",
            &format!(
                r#"{{"Name":"colima","Endpoints":{{"docker":{{"Host":"unix://{}"}}}}}}"#,
                socket.display()
            ),
        );
        let list = computer.list();
        assert!(
            list.contains(&"colima = unix:///home/.colima/default/docker.sock".to_owned()),
            "{list:?}"
        );
        assert_eq!(list.len(), 3);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_socket_is_the_same_place() {
        let computer = Computer::new().file("home/.docker/run/docker.sock", "");
        let target = computer.dir.path().join("home/.docker/run/docker.sock");
        fs::create_dir_all(computer.dir.path().join("var/run")).unwrap();
        std::os::unix::fs::symlink(target, computer.dir.path().join("var/run/docker.sock"))
            .unwrap();
        check(&computer, &["*Docker = unix:///var/run/docker.sock"]);
    }

    #[test]
    fn tls_of_the_environment_and_of_contexts() {
        let id = context_id("secure");
        let computer = Computer::new()
            .context("secure", r#"{"Name":"secure","Endpoints":{"docker":{"Host":"tcp://h:2376","SkipTLSVerify":true}}}"#)
            .file(&format!("home/.docker/contexts/tls/{id}/docker/ca.pem"), "")
            .file("certs/key.pem", "");
        let certs = computer.dir.path().join("certs");
        let computer = computer
            .variable("DOCKER_HOST", "tcp://e:2376")
            .variable("DOCKER_TLS_VERIFY", "1")
            .variable("DOCKER_CERT_PATH", certs.to_str().unwrap());
        let endpoints = discover(&computer.environment).endpoints();
        let tls = |index: usize| match &endpoints[index].address {
            Address::Tcp { tls: Some(tls), .. } => tls.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(tls(0).key, Some(certs.join("key.pem")));
        assert!(!tls(0).skip_verify);
        assert!(tls(1).ca.is_some());
        assert!(tls(1).skip_verify);
    }

    #[test]
    fn names_are_unique() {
        let computer = Computer::new().context(
            "Docker",
            r#"{"Name":"Docker","Endpoints":{"docker":{"Host":"unix:///other.sock"}}}"#,
        );
        check(
            &computer,
            &[
                "*Docker = unix:///var/run/docker.sock",
                "Docker (2) = unix:///other.sock",
            ],
        );
    }

    #[test]
    fn context_ids_are_those_of_docker() {
        assert_eq!(
            context_id("default"),
            "37a8eec1ce19687d132fe29051dca629d164e2c4958ba141d5f4133a33f0688f"
        );
    }

    #[test]
    fn windows_has_pipes() {
        let mut computer = Computer::new();
        computer.environment.os = Os::Windows;
        check(
            &computer,
            &[
                "*Docker = npipe:////./pipe/docker_engine",
                "Docker Desktop = npipe:////./pipe/dockerDesktopLinuxEngine",
                "Podman = npipe:////./pipe/podman-machine-default",
            ],
        );
    }
}
