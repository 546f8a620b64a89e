//! Images on the engine.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::error::ApiError;

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
    /// Its environment.
    pub env: Vec<crate::container::ShownVariable>,
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

/// Everything about one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ImageDetail {
    /// As it is listed.
    pub image: ImageView,
    /// What it was built to be.
    pub config: ImageConfig,
    /// How many layers it has.
    pub layers: u32,
    /// User that its process runs as, where it names one.
    pub user: Option<String>,
    /// Working directory.
    pub working_dir: Option<String>,
    /// Signal that asks its process to end, where it names one.
    pub stop_signal: Option<String>,
    /// Health check as Docker writes it, `["CMD-SHELL", "…"]`. Empty if there is none.
    pub healthcheck: Vec<String>,
    /// Labels.
    pub labels: Vec<crate::container::EnvVar>,
}

/// Disk space that images take, and the images that no container uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ImageUsage {
    /// All images in bytes, with shared layers counted once. `None` if the engine does not tell.
    pub total_bytes: Option<u64>,
    /// Images that no container uses, running or stopped; the largest first.
    pub unused: Vec<ImageView>,
    /// Disk space that the unused images take.
    pub reclaimable: ReclaimableBytes,
    /// Of that, the untagged ones alone.
    pub reclaimable_untagged: ReclaimableBytes,
}

/// Bytes that removing images frees. The engine says how much each image shares, but not with which others, so that
/// there are two bounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ReclaimableBytes {
    /// What none of them shares. `None` if the engine did not count it.
    pub at_least: Option<u64>,
    /// Everything that they have.
    pub at_most: u64,
}

/// Result of removing several images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ImagesRemoval {
    /// How many images are gone.
    pub removed: u32,
    /// Bytes by which the images on disk became smaller. `None` if the engine does not tell.
    pub freed_bytes: Option<u64>,
    /// Images that are still there.
    pub kept: Vec<ImageKept>,
    /// Whether it was cancelled before every image was tried.
    pub cancelled: bool,
}

/// An image that was not removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ImageKept {
    /// Its first tag, or its id.
    pub name: String,
    /// Why it was not removed.
    pub error: ApiError,
}
