//! Images: list, detail, pull, remove.

use slipway_api::ApiError;
use slipway_api::image::{ImageDetail, ImageRemoval, ImageUsage, ImageView, ImagesRemoval};
use slipway_api::operation::{PullProgress, RemovalProgress};
use tauri::ipc::Channel;

use crate::Core;

/// All images. [`crate::events::ImagesChanged`] says when to ask again.
#[tauri::command]
#[specta::specta]
pub(crate) async fn image_list(core: Core<'_>) -> Result<Vec<ImageView>, ApiError> {
    core.images().await
}

/// Everything about one image, by reference or id.
#[tauri::command]
#[specta::specta]
pub(crate) async fn image_detail(
    core: Core<'_>,
    reference: String,
) -> Result<ImageDetail, ApiError> {
    core.image_detail(&reference).await
}

/// Disk space of images, and the images that no container uses. Slow on engines with much to count.
#[tauri::command]
#[specta::specta]
pub(crate) async fn image_usage(core: Core<'_>) -> Result<ImageUsage, ApiError> {
    core.image_usage().await
}

/// Removes images by id, each only if no container uses it by then. `operation` is a name of the caller's choice by
/// which [`super::run::operation_cancel`] finds it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn images_remove_unused(
    core: Core<'_>,
    ids: Vec<String>,
    operation: String,
    progress: Channel<RemovalProgress>,
) -> Result<ImagesRemoval, ApiError> {
    let core = core.inner();
    core.operation(&operation, |cancel| async move {
        core.images_remove_unused(&ids, &cancel, move |p| {
            let _ = progress.send(p);
        })
        .await
    })
    .await
}

/// Removes a tag (or an untagged image by id), if it still names the image with the id `of`.
#[tauri::command]
#[specta::specta]
pub(crate) async fn image_remove(
    core: Core<'_>,
    reference: String,
    of: String,
    force: bool,
) -> Result<ImageRemoval, ApiError> {
    core.image_remove(&reference, Some(&of), force).await
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
