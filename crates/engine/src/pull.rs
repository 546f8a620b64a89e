//! Pulling an image, with progress that never goes backwards.

use std::fmt;
use std::pin::Pin;

use futures_util::Stream;

use crate::{Engine, EngineError};

/// What to pull.
#[derive(Clone, Default)]
pub struct PullRequest {
    /// The reference, with tag or digest (`latest` is assumed without): `nginx:1.27`.
    pub reference: String,
    /// Platform such as `linux/arm64`; the engine's own if `None`.
    pub platform: Option<String>,
    /// Value of the `X-Registry-Auth` header: base64url of the credentials as JSON.
    pub auth: Option<String>,
}

impl fmt::Debug for PullRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PullRequest")
            .field("reference", &self.reference)
            .field("platform", &self.platform)
            .field("auth", &self.auth.as_ref().map(|_| "…"))
            .finish()
    }
}

/// What the engine is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PullPhase {
    /// Asking the registry.
    Resolving,
    /// Receiving layers.
    Downloading,
    /// All is here; unpacking.
    Extracting,
}

/// How far a pull is. Neither bytes nor layers ever go backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullProgress {
    /// What the engine is busy with.
    pub phase: PullPhase,
    /// Bytes received.
    pub bytes_done: u64,
    /// Bytes to receive, of the layers known so far. Grows as layers appear.
    pub bytes_total: u64,
    /// Layers that are done.
    pub layers_done: usize,
    /// Layers known so far.
    pub layers_total: usize,
}

/// What happens during a pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullEvent {
    /// Progress.
    Progress(PullProgress),
    /// The image is here. The last item of the stream.
    Done {
        /// The digest, where the engine tells.
        digest: Option<String>,
        /// Whether the engine had it already.
        up_to_date: bool,
    },
}

/// A running pull. Dropping it cancels the pull.
pub type PullStream = Pin<Box<dyn Stream<Item = Result<PullEvent, EngineError>> + Send>>;

impl Engine {
    /// Pulls an image. The stream ends with [`PullEvent::Done`] or an error, and nothing after it.
    pub async fn pull_image(&self, request: &PullRequest) -> Result<PullStream, EngineError> {
        let _ = request;
        todo!()
    }
}
