//! Commands about the window itself.

use std::ops::RangeInclusive;

use slipway_api::app::AppInfo;
use slipway_api::{ApiError, ErrorKind};
use tauri::{AppHandle, WebviewWindow};
use tauri_plugin_opener::OpenerExt;

use crate::Core;

/// The zoom range of the page, in percent.
const ZOOM: RangeInclusive<u32> = 50..=300;

/// Which Slipway this is.
#[tauri::command]
#[specta::specta]
pub(crate) async fn app_info(core: Core<'_>) -> Result<AppInfo, ApiError> {
    Ok(core.app_info())
}

/// Shows the page larger or smaller, in percent of its own size. The page remembers it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn window_zoom(window: WebviewWindow, percent: u32) -> Result<(), ApiError> {
    let percent = percent.clamp(*ZOOM.start(), *ZOOM.end());
    window
        .set_zoom(f64::from(percent) / 100.0)
        .map_err(|source| ApiError {
            kind: ErrorKind::Other,
            message: "The zoom could not be changed".to_owned(),
            hint: None,
            detail: Some(source.to_string()),
        })
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
