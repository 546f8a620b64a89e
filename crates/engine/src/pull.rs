//! Pulling an image, with progress that never goes backwards.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, stream};
use http::Method;
use serde::Deserialize;

use crate::byte_stream::JsonStream;
use crate::error::{About, classify};
use crate::text::clean;
use crate::{Engine, EngineError, Noun, Product, json};

/// What to pull.
#[derive(Clone, Default)]
pub struct PullRequest {
    /// The reference, with tag or digest (`latest` is assumed without): `nginx:1.27`.
    pub reference: String,
    /// Platform such as `linux/arm64`; the engine's own if `None`.
    pub platform: Option<String>,
    /// Value of the `X-Registry-Auth` header: base64url of the credentials as JSON.
    pub auth: Option<String>,
    /// Idle timeout after which the pull counts as stalled; a minute if `None`, and longer while unpacking.
    pub stall_after: Option<Duration>,
}

impl fmt::Debug for PullRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PullRequest")
            .field("reference", &self.reference)
            .field("platform", &self.platform)
            .field("auth", &self.auth.as_ref().map(|_| "…"))
            .field("stall_after", &self.stall_after)
            .finish()
    }
}

/// The phase of a pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PullPhase {
    /// Contacting the registry.
    Resolving,
    /// Downloading layers.
    Downloading,
    /// Everything is downloaded; unpacking.
    Extracting,
}

/// Progress of a pull. Neither bytes nor layers ever go backwards.
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

/// An event of a pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullEvent {
    /// Progress.
    Progress(PullProgress),
    /// The image is here. The last item of the stream.
    Done {
        /// The digest, if the engine reports it.
        digest: Option<String>,
        /// Whether the engine had it already.
        up_to_date: bool,
    },
}

/// A running pull. Dropping it cancels the pull.
pub type PullStream = Pin<Box<dyn Stream<Item = Result<PullEvent, EngineError>> + Send>>;

/// Idle timeout while the engine resolves and downloads.
const STALL: Duration = Duration::from_mins(1);

/// Idle timeout while it unpacks: Podman is silent meanwhile, and a layer can be large.
const UNPACKING_STALL: Duration = Duration::from_mins(10);

/// Limit of layers. No image has more (Docker allows 127); an engine that invents layers must not fill memory.
const MAX_LAYERS: usize = 4096;

#[derive(Deserialize)]
struct Message {
    status: Option<String>,
    id: Option<String>,
    #[serde(rename = "progressDetail")]
    progress: Option<WireProgress>,
    error: Option<String>,
    #[serde(rename = "errorDetail")]
    error_detail: Option<WireError>,
}

#[derive(Deserialize)]
struct WireProgress {
    current: Option<i64>,
    total: Option<i64>,
    /// `s` where the numbers are seconds: the containerd store extracting.
    units: Option<String>,
}

#[derive(Deserialize)]
struct WireError {
    message: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum LayerState {
    Pending,
    Downloaded,
    Done,
}

#[derive(Debug)]
struct Layer {
    state: LayerState,
    done: u64,
    total: u64,
}

/// The accumulated state of all messages so far.
#[derive(Debug)]
struct Tally {
    layers: HashMap<String, Layer>,
    phase: PullPhase,
    digest: Option<String>,
    /// Set by the final status: whether the engine had the image already.
    finished: Option<bool>,
}

impl Tally {
    fn new() -> Self {
        Self {
            layers: HashMap::new(),
            phase: PullPhase::Resolving,
            digest: None,
            finished: None,
        }
    }

    /// Processes a message that is not an error.
    fn apply(&mut self, message: Message) {
        let status = message.status.unwrap_or_default();
        if let Some(digest) = status.strip_prefix("Digest: ") {
            self.digest = Some(clean(digest));
            return;
        }
        if let Some(outcome) = status.strip_prefix("Status: ") {
            self.finished = Some(outcome.starts_with("Image is up to date"));
            return;
        }
        let state = match status.as_str() {
            "Pulling fs layer" | "Waiting" | "Downloading" => LayerState::Pending,
            retry if retry.starts_with("Retrying in") => LayerState::Pending,
            "Verifying Checksum" | "Download complete" | "Extracting" => LayerState::Downloaded,
            "Pull complete" | "Already exists" => LayerState::Done,
            // `Pulling from library/nginx` has the tag as its id, which is not a layer.
            _ => return,
        };
        let Some(id) = message.id else {
            return;
        };
        if !self.layers.contains_key(&id) && self.layers.len() >= MAX_LAYERS {
            return;
        }
        let layer = self.layers.entry(id).or_insert(Layer {
            state,
            done: 0,
            total: 0,
        });
        // A retried download starts at zero; the reported progress does not.
        layer.state = layer.state.max(state);
        if status == "Downloading"
            && let Some(progress) = message.progress
            && progress.units.is_none_or(|units| units.is_empty())
        {
            let natural = |number: Option<i64>| {
                number
                    .and_then(|number| u64::try_from(number).ok())
                    .unwrap_or_default()
            };
            layer.done = layer.done.max(natural(progress.current));
            layer.total = layer.total.max(natural(progress.total)).max(layer.done);
        }
        if layer.state > LayerState::Pending {
            layer.done = layer.total;
        }
        let phase = if self
            .layers
            .values()
            .all(|layer| layer.state > LayerState::Pending)
        {
            PullPhase::Extracting
        } else {
            PullPhase::Downloading
        };
        // The first layers may exist already, so this phase may start too early; but it never goes back from
        // downloading to resolving.
        self.phase = match (self.phase, phase) {
            (PullPhase::Resolving, PullPhase::Extracting) => PullPhase::Resolving,
            (_, phase) => phase,
        };
    }

    fn progress(&self) -> PullProgress {
        let layers = self.layers.values();
        PullProgress {
            phase: self.phase,
            bytes_done: layers
                .clone()
                .map(|layer| layer.done)
                .fold(0, u64::saturating_add),
            bytes_total: layers
                .clone()
                .map(|layer| layer.total)
                .fold(0, u64::saturating_add),
            layers_done: layers
                .filter(|layer| layer.state == LayerState::Done)
                .count(),
            layers_total: self.layers.len(),
        }
    }
}

/// A pull in progress.
struct Pull {
    stream: JsonStream,
    tally: Tally,
    last: Option<PullProgress>,
    about: About,
    /// Docker says when it is done; Podman's stream just ends.
    product: Product,
    stall_after: Option<Duration>,
    over: bool,
}

impl Pull {
    async fn next(&mut self) -> Result<Option<PullEvent>, EngineError> {
        if self.over {
            return Ok(None);
        }
        loop {
            // All messages that have arrived make one event, so that a fast engine does not flood the window.
            while let Some(line) = self.stream.next_ready() {
                let message: Message = json::object(line, "the progress of a pull")?;
                let error = match message.error_detail {
                    Some(WireError {
                        message: Some(text),
                    }) => Some(text),
                    _ => message.error.clone(),
                };
                if let Some(text) = error.filter(|text| !text.is_empty()) {
                    return Err(classify(0, &text, &self.about));
                }
                self.tally.apply(Message {
                    error_detail: None,
                    ..message
                });
            }
            let progress = self.tally.progress();
            if self.last != Some(progress) {
                self.last = Some(progress);
                return Ok(Some(PullEvent::Progress(progress)));
            }
            let stall = match progress.phase {
                PullPhase::Extracting => UNPACKING_STALL,
                _ => STALL,
            };
            self.stream.watch(self.stall_after.unwrap_or(stall));
            if !self.stream.receive().await? {
                self.over = true;
                return match (self.tally.finished, self.product) {
                    (Some(up_to_date), _) => Ok(Some(PullEvent::Done {
                        digest: self.tally.digest.take(),
                        up_to_date,
                    })),
                    (None, Product::Podman) => Ok(Some(PullEvent::Done {
                        digest: None,
                        up_to_date: false,
                    })),
                    (None, Product::Docker) => Err(EngineError::CutOff { what: WHAT }),
                };
            }
        }
    }
}

const WHAT: &str = "the download";

/// Splits a reference for the API, which wants the repository and, apart from it, the digest or
/// the tag. Without a tag the engine would pull all of them.
fn repository_and_tag(reference: &str) -> (&str, &str) {
    let (name, digest) = match reference.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (reference, None),
    };
    // A colon before the last slash is that of a port.
    let path = name.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match name[path..].find(':') {
        Some(colon) => (&name[..path + colon], &name[path + colon + 1..]),
        None => (name, "latest"),
    };
    (repository, digest.unwrap_or(tag))
}

impl Engine {
    /// Pulls an image. The stream ends with [`PullEvent::Done`] or an error, and nothing after it.
    ///
    /// Returns when the engine begins to answer, which Docker does once it has found the image in the registry.
    pub async fn pull_image(&self, request: &PullRequest) -> Result<PullStream, EngineError> {
        let (repository, tag) = repository_and_tag(&request.reference);
        if repository.is_empty() || tag.is_empty() {
            return Err(EngineError::InvalidRequest {
                message: format!("`{}` is not an image reference", clean(&request.reference)),
            });
        }
        let stall_after = request.stall_after;
        let mut call = self
            .call(Method::POST, &["images", "create"])
            .about(Noun::Image, &request.reference)
            .deadline(stall_after.unwrap_or(STALL))
            .query("fromImage", repository)
            .query("tag", tag);
        if let Some(platform) = &request.platform {
            call = call.query("platform", platform);
        }
        if let Some(auth) = &request.auth {
            call = call.header("X-Registry-Auth", auth.clone());
        }
        let pull = Pull {
            stream: JsonStream::new(call.stream(WHAT).await?),
            tally: Tally::new(),
            last: None,
            about: About {
                noun: Noun::Image,
                name: request.reference.clone(),
            },
            product: self.info().product,
            stall_after,
            over: false,
        };
        Ok(Box::pin(stream::try_unfold(pull, |mut pull| async move {
            Ok(pull.next().await?.map(|event| (event, pull)))
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(lines: &str) -> (Vec<PullProgress>, Tally) {
        let mut tally = Tally::new();
        let mut seen = Vec::new();
        for line in lines.lines() {
            tally.apply(serde_json::from_str(line).unwrap());
            seen.push(tally.progress());
        }
        (seen, tally)
    }

    #[track_caller]
    fn check_never_backwards(seen: &[PullProgress]) {
        for pair in seen.windows(2) {
            assert!(pair[0].bytes_done <= pair[1].bytes_done, "{pair:?}");
            assert!(pair[0].bytes_total <= pair[1].bytes_total, "{pair:?}");
            assert!(pair[0].layers_done <= pair[1].layers_done, "{pair:?}");
            assert!(pair[0].layers_total <= pair[1].layers_total, "{pair:?}");
        }
        for progress in seen {
            assert!(progress.bytes_done <= progress.bytes_total, "{progress:?}");
        }
    }

    #[test]
    fn docker_with_a_retry() {
        let (seen, tally) = play(include_str!("../tests/fixtures/pull-docker-20.10.jsonl"));
        check_never_backwards(&seen);
        let last = seen.last().unwrap();
        assert_eq!((last.bytes_done, last.bytes_total), (3000, 3000));
        assert_eq!((last.layers_done, last.layers_total), (3, 3));
        assert_eq!(last.phase, PullPhase::Extracting);
        assert_eq!(tally.digest.as_deref(), Some("sha256:abc"));
        assert_eq!(tally.finished, Some(false));
    }

    #[test]
    fn seconds_are_not_bytes() {
        let (seen, _) = play(
            r#"{"status":"Downloading","progressDetail":{"current":10,"total":20},"id":"a"}
{"status":"Download complete","progressDetail":{"hidecounts":true},"id":"a"}
{"status":"Extracting","progressDetail":{"current":7,"units":"s"},"id":"a"}"#,
        );
        check_never_backwards(&seen);
        assert_eq!(seen[2].bytes_done, 20);
        assert_eq!(seen[2].phase, PullPhase::Extracting);
    }

    #[test]
    fn nonsense_is_survived() {
        let (seen, _) = play(
            r#"{"status":"Downloading","progressDetail":{"current":-5,"total":-1},"id":"a"}
{"status":"Downloading","progressDetail":{"current":9223372036854775807,"total":3},"id":"a"}
{"status":"Downloading","progressDetail":{"current":9223372036854775807,"total":3},"id":"b"}
{"status":"Downloading","progressDetail":{"current":9223372036854775807,"total":3},"id":"c"}
{"status":"Dancing","id":"d"}
{}"#,
        );
        check_never_backwards(&seen);
        assert_eq!(seen.last().unwrap().layers_total, 3);
    }

    #[track_caller]
    fn check_reference(reference: &str, repository: &str, tag: &str) {
        assert_eq!(
            repository_and_tag(reference),
            (repository, tag),
            "{reference}"
        );
    }

    #[test]
    fn references() {
        check_reference("nginx", "nginx", "latest");
        check_reference("nginx:1.27", "nginx", "1.27");
        check_reference("r.example:5000/org/app", "r.example:5000/org/app", "latest");
        check_reference("r.example:5000/org/app:1", "r.example:5000/org/app", "1");
        check_reference("nginx@sha256:ab", "nginx", "sha256:ab");
        check_reference("nginx:1@sha256:ab", "nginx", "sha256:ab");
        check_reference("", "", "latest");
    }

    #[test]
    fn credentials_do_not_show() {
        let request = PullRequest {
            auth: Some("c2VjcmV0".to_owned()),
            ..PullRequest::default()
        };
        assert!(!format!("{request:?}").contains("c2VjcmV0"));
    }
}
