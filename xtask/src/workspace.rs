//! Paths in this workspace, and its cargo commands.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::npm;
use crate::packages::{self, Consent};
use crate::shell;

/// The root of the workspace that cargo was called in: with a shared target directory, this program can have been
/// compiled in another clone.
pub(crate) fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR");
    manifest
        .as_deref()
        .map_or(Path::new(env!("CARGO_MANIFEST_DIR")), Path::new)
        .parent()
        .expect("xtask lies in the workspace")
        .to_owned()
}

/// Cargo's target directory, which may lie outside the workspace.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || root().join("target"),
        |directory| root().join(PathBuf::from(directory)),
    )
}

/// The `cargo` that started us, in the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(root())
        .args(arguments)
        .env("SLIPWAY_TESTKIT_CACHE", target().join("testkit"));
    command
}

/// Path of a binary that has been built.
pub(crate) fn binary(profile: &str, name: &str) -> PathBuf {
    target()
        .join(profile)
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Builds the shipped programs: the window, the command and `slipwayd`, in the release profile.
pub(crate) fn build_release() -> Result<()> {
    shell::run(&mut cargo(&RELEASE))
}

const RELEASE: [&str; 5] = [
    "build",
    "--release",
    "--package=slipway-desktop",
    "--package=slipway-cli",
    "--package=slipway-daemon",
];

/// Writes the TypeScript bindings from the table of commands.
pub(crate) fn write_bindings(consent: Consent) -> Result<()> {
    packages::install(consent, packages::BUILD)?;
    npm::build()?;
    shell::run(
        cargo(&["test", "--package=slipway-desktop", "bindings"])
            .env("SLIPWAY_WRITE_BINDINGS", "1"),
    )
}
