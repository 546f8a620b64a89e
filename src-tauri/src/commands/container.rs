//! Containers: list, detail, actions, stats.

use slipway_api::ApiError;
use slipway_api::container::{ActionOutcome, ContainerAction, ContainerDetail, ContainerSnapshot};
use slipway_api::stats::StatsView;
use tauri::ipc::Channel;

use crate::Core;

/// All containers. Changes arrive as [`crate::events::ContainersChanged`].
#[tauri::command]
#[specta::specta]
pub(crate) async fn container_list(core: Core<'_>) -> Result<ContainerSnapshot, ApiError> {
    Ok(core.containers())
}

/// Everything about one container.
#[tauri::command]
#[specta::specta]
pub(crate) async fn container_detail(
    core: Core<'_>,
    id: String,
) -> Result<ContainerDetail, ApiError> {
    core.container_detail(&id).await
}

/// Does one thing to many containers, several at a time.
#[tauri::command]
#[specta::specta]
pub(crate) async fn container_act(
    core: Core<'_>,
    ids: Vec<String>,
    action: ContainerAction,
) -> Result<Vec<ActionOutcome>, ApiError> {
    core.container_act(&ids, action).await
}

/// Gives a container another name.
#[tauri::command]
#[specta::specta]
pub(crate) async fn container_rename(
    core: Core<'_>,
    id: String,
    name: String,
) -> Result<(), ApiError> {
    core.container_rename(&id, &name).await
}

/// Streams what these containers use, about once a second, in place of what was watched before.
/// An empty list ends it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn stats_watch(
    core: Core<'_>,
    ids: Vec<String>,
    samples: Channel<Vec<StatsView>>,
) -> Result<(), ApiError> {
    core.stats_watch(ids, move |batch| samples.send(batch).is_ok())
        .await
}
