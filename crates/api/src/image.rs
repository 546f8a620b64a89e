//! Images on the engine.

use serde::{Deserialize, Serialize};
use specta::Type;

/// An image in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ImageView {
    /// `sha256:…`.
    pub id: String,
    /// Its tags in short form, for example `nginx:1.27`. Empty for an untagged image.
    pub tags: Vec<String>,
    /// Its digests, `nginx@sha256:…`.
    pub digests: Vec<String>,
    /// Size on disk in bytes. Layers are shared: sizes do not add up.
    pub size_bytes: u64,
    /// When it was built, RFC 3339 in UTC.
    pub created_at: String,
    /// Containers that use it.
    pub used_by: Vec<ImageUser>,
}

/// A container that uses an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ImageUser {
    /// Full id of the container.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it has processes: running or paused.
    pub running: bool,
}

/// What an image was built to be, as far as running it is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ImageConfig {
    /// Ports it EXPOSEs.
    pub ports: Vec<ImagePort>,
    /// Paths it declares as volumes.
    pub volumes: Vec<String>,
    /// Its environment, `NAME=value`.
    pub env: Vec<crate::container::EnvVar>,
    /// Entrypoint and default command.
    pub command: Vec<String>,
    /// Whether it brings a health check.
    pub has_healthcheck: bool,
    /// Operating system and architecture, for example `linux/amd64`.
    pub platform: String,
    /// Size on disk in bytes.
    pub size_bytes: u64,
}

/// A port that an image EXPOSEs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ImagePort {
    /// Port number.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
}

/// What removing an image did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ImageRemoval {
    /// Tags that are gone.
    pub untagged: Vec<String>,
    /// Image and layer ids that are gone.
    pub deleted: Vec<String>,
}
