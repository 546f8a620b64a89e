//! Engines: the endpoints, the one in use, and its state.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::error::ApiError;

/// An endpoint at which an engine was looked for, with what was found there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct EndpointView {
    /// Unique name to select it by, for example `default`, `work` or `podman`.
    pub name: String,
    /// Where it was learnt of, in words: "Docker context", "`DOCKER_HOST`", "Podman socket".
    pub source: String,
    /// The address, for example `unix:///var/run/docker.sock`.
    pub address: String,
    /// Whether Slipway uses this one now.
    pub current: bool,
    /// The engine that answers there.
    pub engine: Option<EngineView>,
    /// Why none does.
    pub error: Option<ApiError>,
}

/// An engine that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct EngineView {
    /// Name of the endpoint it answers at.
    pub endpoint: String,
    /// The endpoint's address.
    pub address: String,
    /// `Docker` or `Podman`.
    pub product: String,
    /// Version of the engine, for example `29.1.0`.
    pub version: String,
    /// Version of its API that Slipway speaks with it, for example `1.47`.
    pub api_version: String,
    /// Operating system of its containers, for example `linux`.
    pub os: String,
    /// Architecture of its containers, for example `amd64`.
    pub arch: String,
    /// Number of CPUs it may use.
    pub cpus: Option<u32>,
    /// Memory of the machine it runs on, in bytes.
    pub memory_bytes: Option<u64>,
}

/// What is true of the engine now. Derived from its answers, never remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EngineState {
    /// Slipway has just started and looks for engines.
    Searching,
    /// The engine answers and its events are followed.
    Connected {
        /// The engine.
        engine: EngineView,
    },
    /// The engine accepts connections but does not answer. What is shown is what was last known.
    NotResponding {
        /// The engine.
        engine: EngineView,
        /// What happened and what to do.
        error: ApiError,
    },
    /// The engine went away; Slipway keeps trying to reach it.
    Reconnecting {
        /// The engine as it was.
        engine: EngineView,
        /// Why it cannot be reached.
        error: ApiError,
    },
    /// No engine answers. Slipway keeps looking.
    NoEngine {
        /// Why, for the one that would have been used.
        error: ApiError,
        /// Every endpoint that was tried, and why it failed.
        tried: Vec<EndpointView>,
        /// Whether Slipway's machine would be used if it ran: no other engine was chosen explicitly.
        machine_helps: bool,
        /// The engine that the user chose, here or with Docker's own settings; no other is used in its place.
        chosen: Option<String>,
    },
}

/// What an engine keeps on its disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct DiskUsageView {
    /// Images, layers that several share counted once.
    pub images: u64,
    /// What containers have written outside volumes.
    pub containers: u64,
    /// Volumes.
    pub volumes: u64,
    /// What builds left to be faster the next time.
    pub build_cache: u64,
}
