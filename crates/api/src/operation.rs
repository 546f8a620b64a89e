//! Progress of long operations.

use serde::{Deserialize, Serialize};
use specta::Type;

/// How far a pull is. Never goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct PullProgress {
    /// The image, in short form.
    pub image: String,
    /// What most layers are busy with.
    pub phase: PullPhase,
    /// Layers that are complete.
    pub layers_done: u32,
    /// Layers known so far.
    pub layers_total: u32,
    /// Bytes downloaded.
    pub bytes_done: u64,
    /// Bytes to download, as far as they are known yet.
    pub bytes_total: Option<u64>,
}

/// What a pull is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum PullPhase {
    /// Asking the registry.
    Resolving,
    /// Downloading layers.
    Downloading,
    /// Unpacking layers.
    Extracting,
    /// Loading an image that ships with Slipway; nothing is downloaded.
    Loading,
    /// Complete.
    Done,
}

/// How far the removal of several images is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct RemovalProgress {
    /// The image that is being removed.
    pub image: String,
    /// Images that were tried before it.
    pub done: u32,
    /// Images in all.
    pub total: u32,
}
