//! How the web view paints on Linux.
//!
//! It paints with OpenGL. Without a GPU, that is a software renderer in its process, whose textures are in main memory
//! too and which is slower than the web view's own painting. In that case OpenGL is disabled.

use std::fs;
use std::path::Path;

use webkit2gtk::glib;

/// Directory of the kernel's GPU devices.
const DEVICES: &str = "/dev/dri";
/// Read by the web view before its first view is created. If the variable is set already, it wins: `0` makes the web
/// view paint with OpenGL.
const WITHOUT_OPENGL: &str = "WEBKIT_DISABLE_COMPOSITING_MODE";

/// Makes the web view paint without OpenGL if there is no GPU. Must run before everything else in the process, because
/// no other thread may read the environment meanwhile.
///
/// The view's own setting cannot be used for this. Tauri exposes it only after the page has begun to load, and a web
/// process that switches away from OpenGL gets no mouse wheel on X11, and crashes on Wayland.
pub(crate) fn choose() {
    // `WebDriver` takes screenshots of what OpenGL has painted, and waits for ever if there is nothing.
    let driven = std::env::var_os("TAURI_WEBVIEW_AUTOMATION").is_some();
    if driven || has_gpu(Path::new(DEVICES)) {
        return;
    }
    if let Err(error) = glib::setenv(WITHOUT_OPENGL, "1", false) {
        tracing::warn!(%error, "the web view paints with OpenGL");
    }
}

/// Whether one of the devices can render. A display-only device (`card0`) cannot.
fn has_gpu(devices: &Path) -> bool {
    fs::read_dir(devices).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("renderD"))
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::has_gpu;

    #[test]
    fn a_gpu_has_a_render_node() {
        let devices = std::env::temp_dir().join(format!("slipway-painting-{}", std::process::id()));
        assert!(!has_gpu(&devices), "no directory");
        std::fs::create_dir(&devices).expect("a directory can be made");
        File::create(devices.join("card0")).expect("a file can be made");
        assert!(!has_gpu(&devices), "a card without a renderer");
        File::create(devices.join("renderD128")).expect("a file can be made");
        assert!(has_gpu(&devices), "a renderer");
        std::fs::remove_dir_all(&devices).expect("the directory is ours to remove");
    }
}
