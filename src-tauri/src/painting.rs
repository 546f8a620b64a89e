//! How the web view paints on Linux.
//!
//! It paints with OpenGL. Where there is no GPU, that is a software renderer in its process, whose textures lie in
//! memory too and which is slower than the web view's own painting. So there it is told to do without.

use std::fs;
use std::path::Path;

use tauri::WebviewWindow;
use webkit2gtk::{HardwareAccelerationPolicy, SettingsExt as _, WebViewExt as _};

/// Where the kernel shows GPUs to programs.
const DEVICES: &str = "/dev/dri";

/// Has the web view of a window paint without OpenGL, if no GPU would do that work.
pub(crate) fn suit(window: &WebviewWindow) -> tauri::Result<()> {
    // A WebDriver takes pictures of what OpenGL has painted, and waits for ever where nothing has.
    let driven = std::env::var_os("TAURI_WEBVIEW_AUTOMATION").is_some();
    if driven || has_gpu(Path::new(DEVICES)) {
        return Ok(());
    }
    window.with_webview(|view| {
        if let Some(settings) = view.inner().settings() {
            settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
        }
    })
}

/// Whether one of the devices renders. A card that only shows a picture (`card0`) does not.
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
