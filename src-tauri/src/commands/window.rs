//! What belongs to the window itself.

use slipway_api::ApiError;
use slipway_api::app::AppInfo;
use tauri::AppHandle;
use tauri_plugin_opener::OpenerExt;

use crate::Core;

/// Which Slipway this is.
#[tauri::command]
#[specta::specta]
pub(crate) async fn app_info(core: Core<'_>) -> Result<AppInfo, ApiError> {
    Ok(core.app_info())
}

/// Opens a web page in the person's browser.
#[tauri::command]
#[specta::specta]
pub(crate) async fn open_url(app: AppHandle, core: Core<'_>, url: String) -> Result<(), ApiError> {
    let url = core.openable_url(&url)?;
    app.opener()
        .open_url(&url, None::<&str>)
        .map_err(|source| core.open_failed(&url, &source))
}
