//! From an image to a running container.

use slipway_api::ApiError;
use slipway_api::run::{
    NeededService, PlanCheck, RunDraft, RunEvent, RunFailure, RunOutcome, RunPlan,
};
use tauri::AppHandle;
use tauri::ipc::Channel;
use tauri_plugin_dialog::DialogExt as _;

use crate::Core;

/// A plan for a catalog entry (by slug) or an image reference, ready to run as it is.
#[tauri::command]
#[specta::specta]
pub(crate) async fn run_draft(core: Core<'_>, what: String) -> Result<RunDraft, ApiError> {
    core.run_draft(&what).await
}

/// What stands in the way of a plan, and the plan as a `docker run` line.
#[tauri::command]
#[specta::specta]
pub(crate) async fn run_check(core: Core<'_>, plan: RunPlan) -> Result<PlanCheck, ApiError> {
    Ok(core.run_check(&plan).await)
}

/// Runs a plan to the end: pull, create, start, wait. `operation` is a name of the caller's choice by which
/// [`operation_cancel`] finds it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn run_start(
    core: Core<'_>,
    plan: RunPlan,
    operation: String,
    events: Channel<RunEvent>,
) -> Result<RunOutcome, RunFailure> {
    let core = core.inner();
    core.operation(&operation, |cancel| async move {
        core.run(plan, &cancel, move |event| {
            let _ = events.send(event);
        })
        .await
    })
    .await
}

/// What a plan's image needs beside it, with the containers that could be it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn run_needs(
    core: Core<'_>,
    plan: RunPlan,
) -> Result<Vec<NeededService>, ApiError> {
    core.run_needs(&plan).await
}

/// Runs what a plan's image needs (a slug of the catalog), and returns the plan on the network that both share, with
/// what names the service in its variables. [`operation_cancel`] finds it by `operation`.
#[tauri::command]
#[specta::specta]
pub(crate) async fn run_needed(
    core: Core<'_>,
    plan: RunPlan,
    needed: String,
    operation: String,
    events: Channel<RunEvent>,
) -> Result<RunPlan, RunFailure> {
    let core = core.inner();
    core.operation(&operation, |cancel| async move {
        core.run_needed(plan, &needed, &cancel, move |event| {
            let _ = events.send(event);
        })
        .await
    })
    .await
}

/// The same with a container that runs, by id.
#[tauri::command]
#[specta::specta]
pub(crate) async fn run_use(
    core: Core<'_>,
    plan: RunPlan,
    needed: String,
    container: String,
) -> Result<RunPlan, ApiError> {
    core.run_use(plan, &needed, &container).await
}

/// Asks for a folder of this computer, to mount it. `None` when the dialog was cancelled.
#[tauri::command]
#[specta::specta]
pub(crate) async fn pick_folder(app: AppHandle) -> Result<Option<String>, ApiError> {
    let (send, chosen) = tokio::sync::oneshot::channel();
    app.dialog()
        .file()
        .set_title("Folder to mount")
        .pick_folder(move |path| {
            let _ = send.send(path);
        });
    let Ok(Some(folder)) = chosen.await else {
        return Ok(None);
    };
    Ok(folder.as_path().map(|path| path.display().to_string()))
}

/// Cancels a pull or a run. Cancelling what has ended is no error.
#[tauri::command]
#[specta::specta]
pub(crate) async fn operation_cancel(core: Core<'_>, operation: String) -> Result<(), ApiError> {
    core.operation_cancel(&operation);
    Ok(())
}
