//! The Docker Engine API in our nouns, over any endpoint: it finds engines, reaches them (Unix
//! socket, named pipe, TCP, TLS, ssh, or a dialer that the caller brings) and speaks to them.
//!
//! It never starts a daemon or a virtual machine, keeps no state beside its connections, and its
//! types are domain types: nothing here is serialised outward.
//!
//! An engine is a network peer that may be slow, old, another product or hostile. So every plain
//! call has a deadline for its whole answer and a limit on its size, every field of an answer may
//! be absent, and text from an engine is cleaned before it becomes part of an error.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod byte_stream;
mod connect;
mod container;
mod container_detail;
mod container_spec;
mod discovery;
mod disk_usage;
mod endpoint;
mod engine;
mod error;
mod event;
mod image;
mod json;
mod log;
mod log_decoder;
mod network;
mod probe;
mod pull;
mod refusal;
pub mod size;
mod ssh;
mod stats;
mod system;
mod text;
mod timestamp;
mod tls;
mod transport;
mod volume;

pub use connect::{Connection, Dialer};
pub use container::{
    Changed, Container, ContainerState, Health, ListFilter, Mount, MountKind, NetworkAttachment,
    Port, Protocol, RemoveContainer,
};
pub use container_detail::{
    Binding, ConfiguredPort, ContainerDetail, HealthCheck, HealthDetail, ResourceLimits,
    RestartPolicy, StateDetail,
};
pub use container_spec::{ContainerSpec, CreatedContainer, MountSpec, PublishedPort};
pub use discovery::{Candidate, Discovery, Environment, Os, discover};
pub use disk_usage::DiskUsage;
pub use endpoint::{Address, Endpoint, EndpointSource, TlsMaterial};
pub use engine::{Engine, EngineInfo, Product};
pub use error::{EngineError, Noun, SharedError};
pub use event::{Action, Event, EventStream, Subject};
pub use image::{Image, ImageDetail, ImageDiskUsage, RemovedImages};
pub use log::{LogOptions, LogStream, Tail};
pub use log_decoder::{LineRef, LogChunk, LogDecoder, LogOutput, MAX_LINE_BYTES};
pub use network::Network;
pub use probe::{PROBE_DEADLINE, Probe, ProbeAnswer, ProbeFailure, probe, probe_all};
pub use pull::{PullEvent, PullPhase, PullProgress, PullRequest, PullStream};
pub use stats::{CpuReading, StatsSample, StatsStream};
pub use system::SystemInfo;
pub use timestamp::Timestamp;
pub use volume::Volume;
