//! The window's page: its packages and its build.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{shell, workspace};

/// Where the page's sources are.
pub(crate) fn directory() -> PathBuf {
    workspace::root().join("ui")
}

/// An npm command in the page's directory.
pub(crate) fn npm(arguments: &[&str]) -> Command {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let mut command = Command::new(program);
    command.current_dir(directory()).args(arguments);
    command
}

/// Installs the packages of the lock file, unless they are installed already.
pub(crate) fn install() -> Result<()> {
    if shell::find(if cfg!(windows) { "npm.cmd" } else { "npm" }).is_none() {
        bail!("there is no npm: install Node.js 20 or newer, from https://nodejs.org");
    }
    let lock = std::fs::read(directory().join("package-lock.json"))
        .context("ui/package-lock.json cannot be read")?;
    let stamp = directory().join("node_modules/.slipway-lock");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    println!("Installing the npm packages of ui/package-lock.json");
    shell::run(&mut npm(&[
        "ci",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]))?;
    std::fs::write(stamp, lock)?;
    Ok(())
}

/// Builds the page into `ui/dist`, which the window embeds.
pub(crate) fn build() -> Result<()> {
    install()?;
    shell::run(&mut npm(&["run", "--silent", "build"]))
}
