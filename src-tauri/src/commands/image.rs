//! Images: list, pull, remove.

use slipway_api::ApiError;
use slipway_api::image::{ImageRemoval, ImageView};
use slipway_api::operation::PullProgress;
use tauri::ipc::Channel;

use crate::Core;

/// All images. [`crate::events::ImagesChanged`] says when to ask again.
#[tauri::command]
#[specta::specta]
pub(crate) async fn image_list(core: Core<'_>) -> Result<Vec<ImageView>, ApiError> {
    core.images().await
}

/// Removes a tag (or an untagged image by id).
#[tauri::command]
#[specta::specta]
pub(crate) async fn image_remove(
    core: Core<'_>,
    reference: String,
    force: bool,
) -> Result<ImageRemoval, ApiError> {
    core.image_remove(&reference, force).await
}

/// Pulls an image. `operation` is a name of the caller's choice by which [`super::run::operation_cancel`] finds it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn image_pull(
    core: Core<'_>,
    reference: String,
    operation: String,
    progress: Channel<PullProgress>,
) -> Result<(), ApiError> {
    let core = core.inner();
    core.operation(&operation, |cancel| async move {
        core.image_pull(&reference, &cancel, move |p| {
            let _ = progress.send(p);
        })
        .await
    })
    .await
}
