//! Engines: state, list, selection.

use slipway_api::ApiError;
use slipway_api::app::SettingsView;
use slipway_api::engine::{DiskUsageView, EndpointView, EngineState};

use crate::Core;

/// What is true of the engine now. Changes arrive as [`crate::events::EngineStateChanged`].
#[tauri::command]
#[specta::specta]
pub(crate) async fn engine_state(core: Core<'_>) -> Result<EngineState, ApiError> {
    Ok(core.engine_state())
}

/// Every endpoint that Slipway knows, probed now.
#[tauri::command]
#[specta::specta]
pub(crate) async fn engine_list(core: Core<'_>) -> Result<Vec<EndpointView>, ApiError> {
    Ok(core.engine_list().await)
}

/// Uses another engine from now on.
#[tauri::command]
#[specta::specta]
pub(crate) async fn engine_use(core: Core<'_>, name: String) -> Result<(), ApiError> {
    core.engine_use(&name).await.map(drop)
}

/// Forgets the choice: an engine is selected automatically from now on.
#[tauri::command]
#[specta::specta]
pub(crate) async fn engine_use_default(core: Core<'_>) -> Result<(), ApiError> {
    core.engine_use_default().await
}

/// The settings that the window and the `slipway` command share. Changes arrive as
/// [`crate::events::ConfigurationChanged`].
#[tauri::command]
#[specta::specta]
pub(crate) async fn settings(core: Core<'_>) -> Result<SettingsView, ApiError> {
    Ok(core.settings_view().await)
}

/// Looks for the engine now instead of after the current pause.
#[tauri::command]
#[specta::specta]
pub(crate) async fn engine_retry(core: Core<'_>) -> Result<(), ApiError> {
    core.engine_retry();
    Ok(())
}

/// What the engine keeps on its disk. It may take long to add that up.
#[tauri::command]
#[specta::specta]
pub(crate) async fn engine_disk_usage(core: Core<'_>) -> Result<DiskUsageView, ApiError> {
    core.disk_usage().await
}

/// Says whether anybody sees the window. While nobody does, the engine is left in peace.
#[tauri::command]
#[specta::specta]
pub(crate) async fn window_watched(core: Core<'_>, watched: bool) -> Result<(), ApiError> {
    core.set_watched(watched);
    Ok(())
}
