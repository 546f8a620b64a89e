//! Images: list, detail, pull, remove.

use std::collections::HashMap;

use futures_util::StreamExt as _;
use slipway_api::container::ContainerState;
use slipway_api::container::EnvVar;
use slipway_api::engine::EngineState;
use slipway_api::image::{ImageDetail, ImageRemoval, ImageUser, ImageView};
use slipway_api::operation::{PullPhase, PullProgress};
use slipway_api::{ApiError, ErrorKind};
use slipway_catalog::{Catalog, ImageReference};
use slipway_engine::{
    self as domain, Engine, EngineError, ListFilter, PullEvent, PullRequest, Timestamp,
};
use tokio_util::sync::CancellationToken;

use crate::error::{api_error, cancelled, not_found, reference_error};
use crate::selection::MACHINE;
use crate::{Slipway, shipped_image, view};

impl Slipway {
    /// All images, newest first, each with the containers that use it.
    pub async fn images(&self) -> Result<Vec<ImageView>, ApiError> {
        let engine = self.selected().await?.engine;
        let (images, containers) =
            tokio::try_join!(engine.list_images(), self.image_users(&engine))
                .map_err(|error| api_error(&error))?;
        let mut users: HashMap<String, Vec<ImageUser>> = HashMap::new();
        for (image, user) in containers {
            users.entry(image).or_default().push(user);
        }
        let mut views: Vec<ImageView> = images
            .into_iter()
            .map(|image| ImageView {
                used_by: users.remove(&image.id).unwrap_or_default(),
                id: image.id,
                tags: image.tags,
                digests: image.digests,
                size_bytes: image.size,
                created_at: written(image.created_at),
            })
            .collect();
        views.sort_by(|a, b| {
            b.created_at
                .cmp(&a.created_at)
                .then_with(|| a.tags.cmp(&b.tags))
        });
        Ok(views)
    }

    /// Everything about one image, by reference or id.
    pub async fn image_detail(&self, reference: &str) -> Result<ImageDetail, ApiError> {
        let engine = self.selected().await?.engine;
        let (detail, users) =
            tokio::try_join!(engine.inspect_image(reference), self.image_users(&engine))
                .map_err(|error| image_error(reference, &error))?;
        let config = view::image_config(&detail);
        let used_by = users
            .into_iter()
            .filter(|(image, _)| *image == detail.id)
            .map(|(_, user)| user)
            .collect();
        Ok(ImageDetail {
            image: ImageView {
                id: detail.id,
                tags: detail.tags,
                digests: detail.digests,
                size_bytes: detail.size,
                created_at: written(detail.created_at),
                used_by,
            },
            config,
            layers: u32::try_from(detail.layers).unwrap_or(u32::MAX),
            user: detail.user,
            working_dir: detail.working_dir,
            stop_signal: detail.stop_signal,
            healthcheck: detail.healthcheck,
            labels: detail
                .labels
                .into_iter()
                .map(|(name, value)| EnvVar { name, value })
                .collect(),
        })
    }

    /// Every container that was made from an image, by the image's id. Taken from the followed containers if possible:
    /// a long list costs the engine a tenth of a second.
    async fn image_users(&self, engine: &Engine) -> Result<Vec<(String, ImageUser)>, EngineError> {
        if matches!(self.engine_state(), EngineState::Connected { .. }) {
            let followed = self.store.snapshot().containers.into_iter();
            return Ok(followed
                .filter(|container| !container.image_id.is_empty())
                .map(|container| {
                    let user = ImageUser {
                        // A paused container has processes too: its image cannot be removed, not even with force.
                        running: matches!(
                            container.state,
                            ContainerState::Running | ContainerState::Paused
                        ),
                        id: container.id,
                        name: container.name,
                    };
                    (container.image_id, user)
                })
                .collect());
        }
        let everything = ListFilter {
            all: true,
            ..ListFilter::default()
        };
        let listed = engine.list_containers(&everything).await?.into_iter();
        Ok(listed
            .filter_map(|container| {
                let user = ImageUser {
                    running: matches!(
                        container.state,
                        domain::ContainerState::Running | domain::ContainerState::Paused
                    ),
                    id: container.id,
                    name: container.name,
                };
                Some((container.image_id?, user))
            })
            .collect())
    }

    /// Removes a tag, or an image by id. An image that a container uses is refused, with the container's name.
    ///
    /// With `of` (an image id) the reference is removed only if it still names that image: a tag may have moved since it
    /// was listed, and another engine may have been selected.
    pub async fn image_remove(
        &self,
        reference: &str,
        of: Option<&str>,
        force: bool,
    ) -> Result<ImageRemoval, ApiError> {
        let engine = self.selected().await?.engine;
        if let Some(of) = of.filter(|of| *of != reference) {
            let named = engine
                .inspect_image(reference)
                .await
                .map_err(|error| image_error(reference, &error))?;
            let digest = |id| str::trim_start_matches(id, "sha256:");
            if digest(&named.id) != digest(of) {
                return Err(ApiError {
                    kind: ErrorKind::Conflict,
                    message: format!("`{reference}` now names another image"),
                    hint: Some("Refresh the list and try again".to_owned()),
                    detail: None,
                });
            }
        }
        match engine.remove_image(reference, force).await {
            Ok(removed) => Ok(ImageRemoval {
                untagged: removed.untagged,
                deleted: removed.deleted,
            }),
            Err(error @ (EngineError::InUse { .. } | EngineError::Conflict { .. })) => {
                Err(self.image_in_use(reference, &error).await)
            }
            Err(error) => Err(image_error(reference, &error)),
        }
    }

    async fn image_in_use(&self, reference: &str, error: &EngineError) -> ApiError {
        let users: Vec<String> = self
            .images()
            .await
            .unwrap_or_default()
            .into_iter()
            .filter(|image| image.id == reference || image.tags.iter().any(|tag| tag == reference))
            .flat_map(|image| image.used_by)
            .map(|user| format!("`{}`", user.name))
            .collect();
        if users.is_empty() {
            return api_error(error);
        }
        ApiError {
            kind: ErrorKind::Conflict,
            message: format!("`{reference}` is used by {}", users.join(", ")),
            hint: Some("Remove what uses it first".to_owned()),
            detail: Some(error.to_string()),
        }
    }

    /// Pulls an image. `progress` is called whenever it moved.
    pub async fn image_pull(
        &self,
        reference: &str,
        cancel: &CancellationToken,
        progress: impl Fn(PullProgress) + Send,
    ) -> Result<(), ApiError> {
        let reference: ImageReference = reference
            .trim()
            .parse()
            .map_err(|error| reference_error(&error))?;
        let engine = self.selected().await?.engine;
        pull(&engine, &reference.with_default_tag(), cancel, progress).await
    }
}

/// An error about an image that should be on the engine. No registry was involved, so the hint must not mention one.
fn image_error(reference: &str, error: &EngineError) -> ApiError {
    match error {
        EngineError::NotFound { .. } | EngineError::ImageNotFound { .. } => {
            not_found(&format!("The image `{reference}`"))
        }
        _ => api_error(error),
    }
}

fn written(at: Option<Timestamp>) -> String {
    at.map(|at| at.to_string()).unwrap_or_default()
}

/// Pulls an image (or loads it, if it ships with Slipway) until it is complete or cancelled; cancelling stops the
/// engine's download.
pub(crate) async fn pull(
    engine: &Engine,
    reference: &ImageReference,
    cancel: &CancellationToken,
    progress: impl Fn(PullProgress) + Send,
) -> Result<(), ApiError> {
    if shipped_image::is_shipped(reference) {
        return tokio::select! {
            result = shipped_image::load(engine, reference, progress) => result,
            () = cancel.cancelled() => Err(cancelled()),
        };
    }
    let image = reference.familiar();
    let request = PullRequest {
        // Fully qualified, because Podman would otherwise ask which registry is meant.
        reference: reference.to_string(),
        ..PullRequest::default()
    };
    let mut latest = PullProgress {
        image,
        phase: PullPhase::Resolving,
        layers_done: 0,
        layers_total: 0,
        bytes_done: 0,
        bytes_total: None,
    };
    progress(latest.clone());
    let pulling = async {
        let mut events = engine
            .pull_image(&request)
            .await
            .map_err(|error| pull_error(engine, reference, &error))?;
        while let Some(event) = events.next().await {
            match event.map_err(|error| pull_error(engine, reference, &error))? {
                PullEvent::Progress(at) => {
                    latest.phase = match at.phase {
                        domain::PullPhase::Resolving => PullPhase::Resolving,
                        domain::PullPhase::Downloading => PullPhase::Downloading,
                        domain::PullPhase::Extracting => PullPhase::Extracting,
                    };
                    latest.layers_done = u32::try_from(at.layers_done).unwrap_or(u32::MAX);
                    latest.layers_total = u32::try_from(at.layers_total).unwrap_or(u32::MAX);
                    latest.bytes_done = at.bytes_done;
                    latest.bytes_total = (at.bytes_total > 0).then_some(at.bytes_total);
                    progress(latest.clone());
                }
                PullEvent::Done { .. } => {
                    latest.phase = PullPhase::Done;
                    latest.layers_done = latest.layers_total;
                    progress(latest.clone());
                }
            }
        }
        Ok(())
    };
    tokio::select! {
        result = pulling => result,
        () = cancel.cancelled() => Err(cancelled()),
    }
}

/// A failed pull, with the reference as the user knows it.
fn pull_error(engine: &Engine, reference: &ImageReference, error: &EngineError) -> ApiError {
    let mut shown = api_error(error);
    let familiar = reference.familiar();
    match error {
        EngineError::ImageNotFound { .. } => {
            shown.message = format!("The registry has no image `{familiar}`");
            shown.hint = Some(match reference.tag() {
                Some(tag) if tag != "latest" => {
                    format!("Check the name and the tag `{tag}`; not every image has one called that")
                }
                _ => "Check the name; not every image has a tag `latest`, and private ones need a login".to_owned(),
            });
        }
        EngineError::CutOff { .. } | EngineError::Stalled { .. } => {
            shown.message = format!("The pull of `{familiar}` broke off");
            shown.hint =
                Some("Try again: layers that are complete are kept by the engine".to_owned());
            shown.detail = Some(error.to_string());
        }
        EngineError::RegistryUnreachable { .. } if engine.info().name == MACHINE => {
            shown.hint = Some(
                "Check this computer's network and DNS: Slipway's machine uses them to reach the internet".to_owned(),
            );
        }
        _ => {}
    }
    shown.message = naming(&familiar, &shown.message);
    let may_be_mistyped = matches!(
        error,
        EngineError::ImageNotFound { .. }
            | EngineError::Unauthorized { .. }
            | EngineError::RegistryUnreachable { .. }
    );
    if may_be_mistyped && let Some(meant) = meant(reference) {
        shown.hint = Some(match shown.hint {
            Some(hint) => format!("{meant} {hint}"),
            None => meant,
        });
    }
    shown
}

/// A message that says which image could not be pulled.
fn naming(image: &str, message: &str) -> String {
    if message.contains(image) {
        return message.to_owned();
    }
    let reason = match message.strip_prefix("The ") {
        Some(rest) => format!("the {rest}"),
        None => message.to_owned(),
    };
    format!("`{image}` could not be pulled: {reason}")
}

/// The suggestion for a name that almost matches a catalog entry.
fn meant(reference: &ImageReference) -> Option<String> {
    let name = reference.repository().strip_prefix("library/")?;
    if !reference.is_docker_hub() {
        return None;
    }
    let entry = Catalog::bundled().meant(name)?;
    Some(if shipped_image::is_shipped(&entry.reference()) {
        format!(
            "Did you mean `{}`, which ships with Slipway and needs no network?",
            entry.slug
        )
    } else {
        format!("Did you mean `{}`?", entry.slug)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_pull_names_its_image() {
        let check = |message: &str, wanted: &str| assert_eq!(naming("a/b:1", message), wanted);
        check(
            "The engine's disk is full",
            "`a/b:1` could not be pulled: the engine's disk is full",
        );
        check(
            "Docker does not respond",
            "`a/b:1` could not be pulled: Docker does not respond",
        );
        check(
            "The registry has no image `a/b:1`",
            "The registry has no image `a/b:1`",
        );
    }

    #[test]
    fn a_mistyped_name_is_answered_with_what_was_meant() {
        let check = |typed: &str, wanted: Option<&str>| {
            let hint = meant(&typed.parse().expect("a reference"));
            match (hint, wanted) {
                (Some(hint), Some(wanted)) => assert!(hint.contains(wanted), "{hint}"),
                (hint, wanted) => assert_eq!(hint.as_deref(), wanted, "{typed}"),
            }
        };
        check("welcom", Some("`welcome`, which ships with Slipway"));
        check("postgress:17", Some("Did you mean `postgres`?"));
        check("postgres", None);
        check("ghcr.io/library/welcom", None);
        check("somebody/welcom", None);
    }
}
