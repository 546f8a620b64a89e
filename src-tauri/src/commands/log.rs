//! Logs: the window requests the rows that it shows, and is notified when there are more.

use slipway_api::ApiError;
use slipway_api::log::{LogExtent, LogMatches, LogQuery, LogRow};
use tauri::AppHandle;
use tauri::ipc::Channel;
use tauri_plugin_dialog::DialogExt;

use crate::Core;

/// Opens a container's log. Its extent is sent when it changes, at most once a frame.
#[tauri::command]
#[specta::specta]
pub(crate) async fn log_open(
    core: Core<'_>,
    id: String,
    extent: Channel<LogExtent>,
) -> Result<u32, ApiError> {
    core.log_open(&id, move |e| extent.send(e).is_ok()).await
}

/// Rows from `first` on, as many of `count` as are held.
#[tauri::command]
#[specta::specta]
pub(crate) async fn log_rows(
    core: Core<'_>,
    session: u32,
    first: u64,
    count: u32,
) -> Result<Vec<LogRow>, ApiError> {
    core.log_rows(session, first, count)
}

/// Where a query matches.
#[tauri::command]
#[specta::specta]
pub(crate) async fn log_search(
    core: Core<'_>,
    session: u32,
    query: LogQuery,
) -> Result<LogMatches, ApiError> {
    core.log_search(session, query).await
}

/// Opens a view of the lines of a log that match, now and as it grows: a log by itself, whose lines are numbered
/// without gaps. Its extent is sent when it changes.
#[tauri::command]
#[specta::specta]
pub(crate) async fn log_matching(
    core: Core<'_>,
    session: u32,
    query: LogQuery,
    extent: Channel<LogExtent>,
) -> Result<u32, ApiError> {
    core.log_matching(session, &query, move |e| extent.send(e).is_ok())
}

/// Number in the whole log of a line of such a view. `None` if it is not held any more.
#[tauri::command]
#[specta::specta]
pub(crate) async fn log_line(
    core: Core<'_>,
    session: u32,
    line: u64,
) -> Result<Option<u64>, ApiError> {
    core.log_line(session, line)
}

/// Plain text of a range of lines, for the clipboard.
#[tauri::command]
#[specta::specta]
pub(crate) async fn log_text(
    core: Core<'_>,
    session: u32,
    first: u64,
    end: u64,
    timestamps: bool,
) -> Result<String, ApiError> {
    core.log_text(session, first, end, timestamps)
}

/// Closes a log. Closing one that is closed is no error.
#[tauri::command]
#[specta::specta]
pub(crate) async fn log_close(core: Core<'_>, session: u32) -> Result<(), ApiError> {
    core.log_close(session);
    Ok(())
}

/// Asks for a file and writes the whole log of a container to it, as far as the engine has it.
/// `None` when the person changed their mind.
#[tauri::command]
#[specta::specta]
pub(crate) async fn log_save(
    app: AppHandle,
    core: Core<'_>,
    id: String,
    timestamps: bool,
) -> Result<Option<String>, ApiError> {
    let name = core
        .container_name(&id)
        .unwrap_or_else(|| "container".to_owned());
    let (send, chosen) = tokio::sync::oneshot::channel();
    app.dialog()
        .file()
        .set_title("Save log")
        .set_file_name(format!("{name}.log"))
        .save_file(move |path| {
            let _ = send.send(path);
        });
    let Ok(Some(path)) = chosen.await else {
        return Ok(None);
    };
    let Some(path) = path.as_path().map(ToOwned::to_owned) else {
        return Ok(None);
    };
    core.log_save(&id, &path, timestamps).await?;
    Ok(Some(path.display().to_string()))
}
