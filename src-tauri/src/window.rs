//! The one window.

use std::sync::Arc;

use slipway_core::Slipway;
use tauri::webview::{NewWindowResponse, PageLoadEvent};
use tauri::{AppHandle, Manager as _, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

const LABEL: &str = "main";

/// Opens the window. It shows Slipway's own page and nothing else, wherever a link may point.
pub(crate) fn open(app: &AppHandle) -> tauri::Result<WebviewWindow> {
    WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App("index.html".into()))
        .title("Slipway")
        .inner_size(1240.0, 780.0)
        .min_inner_size(720.0, 480.0)
        .on_navigation(is_own_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_page_load(|window, load| {
            // A page that is loaded again knows nothing of the logs that the one before had open.
            if load.event() == PageLoadEvent::Started {
                let core = window.state::<Arc<Slipway>>();
                core.log_close_all();
                core.machine_log_close();
            }
        })
        .build()
}

/// Whether there is a window.
pub(crate) fn is_open(app: &AppHandle) -> bool {
    app.get_webview_window(LABEL).is_some()
}

/// Brings the window to the front: somebody started Slipway a second time. It may have been closed a moment ago, while
/// the process stayed to tidy up.
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

/// `tauri://localhost/…`, or what stands for it on Windows.
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
