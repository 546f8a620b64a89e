//! The one window.

use std::sync::Arc;

use slipway_core::Slipway;
use tauri::webview::{NewWindowResponse, PageLoadEvent};
use tauri::{AppHandle, Manager as _, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

const LABEL: &str = "main";

/// Opens the window. It shows only Slipway's own page; navigation to other pages is blocked.
pub(crate) fn open(app: &AppHandle) -> tauri::Result<WebviewWindow> {
    WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App("index.html".into()))
        .title("Slipway")
        .inner_size(1240.0, 780.0)
        .min_inner_size(720.0, 480.0)
        .on_navigation(is_own_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_page_load(|window, load| {
            // A reloaded page does not know the logs that the previous one had open.
            if load.event() == PageLoadEvent::Started {
                let core = window.state::<Arc<Slipway>>();
                core.log_close_all();
                core.machine_log_close();
            }
        })
        .build()
}

/// Whether the window exists.
pub(crate) fn is_open(app: &AppHandle) -> bool {
    app.get_webview_window(LABEL).is_some()
}

/// Brings the window to the front, because Slipway was started a second time. The window may have been closed a moment
/// ago, while the process is still cleaning up.
pub(crate) fn show(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else {
        if let Err(error) = open(app) {
            tracing::error!(%error, "the window cannot be opened again");
        }
        return;
    };
    for result in [window.unminimize(), window.show(), window.set_focus()] {
        if let Err(error) = result {
            tracing::debug!(%error, "the window cannot be brought to the front");
        }
    }
}

/// `tauri://localhost/…`, or its counterpart on Windows.
fn is_own_page(url: &Url) -> bool {
    match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        "http" | "https" => url.host_str() == Some("tauri.localhost"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_own_page;

    #[test]
    fn only_our_own_page_may_be_shown() {
        for (url, wanted) in [
            ("tauri://localhost/index.html", true),
            ("http://tauri.localhost/", true),
            ("https://example.org/", false),
            ("http://localhost/", false),
            ("file:///etc/passwd", false),
            ("data:text/html,x", false),
        ] {
            assert_eq!(is_own_page(&url.parse().expect("a url")), wanted, "{url}");
        }
    }
}
