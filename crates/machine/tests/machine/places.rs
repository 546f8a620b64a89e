//! The paths of a machine in a temporary directory.

use std::path::Path;

use slipway_machine::MachinePaths;

/// The directories of one test. Removed when dropped.
pub(crate) struct Places {
    pub(crate) paths: MachinePaths,
    _root: tempfile::TempDir,
}

impl Places {
    /// Paths with the image at `image`, or with a stand-in that passes the checks.
    pub(crate) fn new(image: Option<&Path>) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let image = image.map_or_else(|| made_up_image(root.path()), Path::to_owned);
        let paths = MachinePaths {
            data: root.path().join("data"),
            runtime: root.path().join("run"),
            docker_config: Some(root.path().join("docker")),
            image: Some(image),
        };
        Self { paths, _root: root }
    }
}

/// Files and a manifest that fits them.
fn made_up_image(root: &Path) -> std::path::PathBuf {
    // The SHA-256 of nothing.
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let image = root.join("image");
    std::fs::create_dir(&image).expect("writable");
    let mut files = serde_json::Map::new();
    for name in ["vmlinuz", "initrd", "root.erofs"] {
        std::fs::write(image.join(name), "").expect("writable");
        files.insert(
            name.to_owned(),
            serde_json::json!({ "size": 0, "sha256": EMPTY }),
        );
    }
    let manifest = serde_json::json!({
        "format": 1, "arch": slipway_machine::guest_arch(), "kernel_version": "0", "command_line": "",
        "files": files,
    });
    std::fs::write(image.join("manifest.json"), manifest.to_string()).expect("writable");
    image
}
