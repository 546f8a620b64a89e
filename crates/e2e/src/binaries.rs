//! The binaries under test: the ones that users get.

use std::path::{Path, PathBuf};

/// Cargo's target directory, found from where this program was built.
pub fn target_dir() -> PathBuf {
    let program = std::env::current_exe().expect("a running program has a path");
    program
        .ancestors()
        .find(|directory| directory.join("CACHEDIR.TAG").exists())
        .map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
            Path::to_owned,
        )
}

/// The window.
pub fn slipway_desktop() -> PathBuf {
    binary("SLIPWAY_DESKTOP_BIN", "slipway-desktop")
}

/// A window with nothing in it, to compare with.
pub fn blank_window() -> PathBuf {
    binary("SLIPWAY_BLANK_BIN", "examples/blank")
}

/// The command.
pub fn slipway() -> PathBuf {
    binary("SLIPWAY_BIN", "slipway")
}

fn binary(variable: &str, name: &str) -> PathBuf {
    let path = std::env::var_os(variable)
        .map_or_else(|| target_dir().join("release").join(name), PathBuf::from);
    assert!(
        path.is_file(),
        "{} is not built: run `cargo xtask test`, or build with --release",
        path.display()
    );
    path
}
