//! Images that the engine has.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Engine, EngineError, Protocol, Timestamp};

/// An image as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Id, `sha256:…`.
    pub id: String,
    /// Tags, `nginx:1.27`. Empty for a dangling image.
    pub tags: Vec<String>,
    /// Digests, `nginx@sha256:…`.
    pub digests: Vec<String>,
    /// When it was built.
    pub created_at: Option<Timestamp>,
    /// Size in bytes with all layers; shared layers count in each image that has them.
    pub size: u64,
    /// How many containers use it, where the engine tells.
    pub containers: Option<u64>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// One image in full.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageDetail {
    /// Id, `sha256:…`.
    pub id: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Digests.
    pub digests: Vec<String>,
    /// When it was built.
    pub created_at: Option<Timestamp>,
    /// Size in bytes with all layers.
    pub size: u64,
    /// How many layers it has.
    pub layers: usize,
    /// Operating system.
    pub os: String,
    /// Architecture.
    pub arch: String,
    /// Variant of the architecture, such as `v8`.
    pub variant: Option<String>,
    /// Ports that it exposes.
    pub exposed_ports: Vec<(u16, Protocol)>,
    /// Paths that it declares as volumes.
    pub volumes: Vec<String>,
    /// Environment, `KEY=value`.
    pub env: Vec<String>,
    /// Command.
    pub command: Vec<String>,
    /// Entry point.
    pub entrypoint: Vec<String>,
    /// Health check: the test as Docker writes it, `["CMD-SHELL", "…"]`. Empty if there is none.
    pub healthcheck: Vec<String>,
    /// How often the health check runs, where the image says.
    pub healthcheck_interval: Option<Duration>,
    /// User.
    pub user: Option<String>,
    /// Working directory.
    pub working_dir: Option<String>,
    /// Signal that asks it to end.
    pub stop_signal: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The engine's whole answer.
    pub raw: serde_json::Value,
}

/// What came of removing an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemovedImages {
    /// Tags and digests that are gone.
    pub untagged: Vec<String>,
    /// Ids of images and layers that are gone.
    pub deleted: Vec<String>,
}

impl Engine {
    /// Lists images, without intermediate ones.
    pub async fn list_images(&self) -> Result<Vec<Image>, EngineError> {
        todo!()
    }

    /// Reads everything about one image, by reference or id.
    pub async fn inspect_image(&self, reference: &str) -> Result<ImageDetail, EngineError> {
        let _ = reference;
        todo!()
    }

    /// Removes a tag, and the image with its last tag.
    pub async fn remove_image(
        &self,
        reference: &str,
        force: bool,
    ) -> Result<RemovedImages, EngineError> {
        let _ = (reference, force);
        todo!()
    }
}
