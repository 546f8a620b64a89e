//! Which engines may be on this computer, and which of them Docker's own tools would use.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::{Endpoint, EndpointSource, EngineError};

/// The operating system whose well-known sockets are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Os {
    /// Linux and other Unix systems.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

/// What discovery may look at. Injected, so that a test needs no real home or environment.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The home directory.
    pub home: Option<PathBuf>,
    /// Environment variables.
    pub variables: HashMap<String, String>,
    /// The operating system.
    pub os: Os,
    /// Prepended to absolute system paths such as `/var/run/docker.sock`; `/` outside tests.
    pub root: PathBuf,
}

/// What discovery found.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// All candidates, the default first.
    pub candidates: Vec<Candidate>,
    /// Index of the candidate that Docker's own tools would use. It may carry an error.
    pub default: Option<usize>,
}

/// One engine that may be there, or a configuration of one that cannot be used.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What to call it; unique within one discovery.
    pub name: String,
    /// How we came to know of it.
    pub source: EndpointSource,
    /// The endpoint, or why its configuration cannot be used.
    pub endpoint: Result<Endpoint, EngineError>,
}

impl Environment {
    /// The environment of this process.
    pub fn from_process() -> Self {
        todo!()
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
}

/// Reads the environment, the Docker configuration and its contexts, and looks which well-known
/// sockets exist. Blocking, but only small local files; never fails as a whole.
pub fn discover(environment: &Environment) -> Discovery {
    let _ = environment;
    todo!()
}
