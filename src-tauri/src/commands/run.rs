//! From an image to a running container.

use slipway_api::ApiError;
use slipway_api::run::{PlanCheck, RunDraft, RunEvent, RunFailure, RunOutcome, RunPlan};
use tauri::ipc::Channel;

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

/// Cancels a pull or a run. Cancelling what has ended is no error.
#[tauri::command]
#[specta::specta]
pub(crate) async fn operation_cancel(core: Core<'_>, operation: String) -> Result<(), ApiError> {
    core.operation_cancel(&operation);
    Ok(())
}
