//! Slipway's own machine: state, actions, settings, log.

use slipway_api::ApiError;
use slipway_api::machine::{
    MachineAction, MachineLogSource, MachineSettings, MachineStopEffect, MachineView,
};
use tauri::ipc::Channel;

use crate::Core;

/// The machine now; `None` before the first look. Changes arrive as [`crate::events::MachineChanged`].
#[tauri::command]
#[specta::specta]
pub(crate) async fn machine_state(core: Core<'_>) -> Result<Option<MachineView>, ApiError> {
    Ok(core
        .machine_views()
        .and_then(|views| views.borrow().clone()))
}

/// What stopping it would end.
#[tauri::command]
#[specta::specta]
pub(crate) async fn machine_stop_effect(core: Core<'_>) -> Result<MachineStopEffect, ApiError> {
    Ok(core.machine_stop_effect().await)
}

/// Begins to start, stop, restart or delete it. What comes of it is told by its state.
#[tauri::command]
#[specta::specta]
pub(crate) async fn machine_act(core: Core<'_>, action: MachineAction) -> Result<(), ApiError> {
    core.machine_act(action).await
}

/// Gives space that nothing uses any more back to this computer; how many bytes that was.
#[tauri::command]
#[specta::specta]
pub(crate) async fn machine_reclaim(core: Core<'_>) -> Result<u64, ApiError> {
    core.machine_reclaim().await
}

/// Chooses settings. What runs keeps its own until it is restarted.
#[tauri::command]
#[specta::specta]
pub(crate) async fn machine_settings(
    core: Core<'_>,
    settings: MachineSettings,
) -> Result<MachineView, ApiError> {
    core.machine_settings(settings).await
}

/// Follows one of its logs, in place of the one before: text piece by piece, `null` at the end.
#[tauri::command]
#[specta::specta]
pub(crate) async fn machine_log_open(
    core: Core<'_>,
    source: MachineLogSource,
    text: Channel<Option<String>>,
) -> Result<(), ApiError> {
    core.machine_log_open(source, move |piece| text.send(piece).is_ok())
        .await
}

/// Closes the log that is followed.
#[tauri::command]
#[specta::specta]
pub(crate) async fn machine_log_close(core: Core<'_>) -> Result<(), ApiError> {
    core.machine_log_close();
    Ok(())
}
