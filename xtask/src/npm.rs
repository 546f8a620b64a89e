//! The window's page: its packages and its build.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{shell, workspace};

/// The page's source directory.
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
        bail!(
            "there is no npm: install Node.js 22.12 or newer (or 20.19), from https://nodejs.org"
        );
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

/// Builds the page into `ui/dist`, which the window embeds, unless it is up to date: the window is rebuilt whenever a
/// file there is written.
pub(crate) fn build() -> Result<()> {
    install()?;
    let stamp = directory().join("node_modules/.slipway-build");
    let sources = sources_hash()?.to_string();
    let is_built = directory().join("dist/index.html").exists();
    if is_built && std::fs::read_to_string(&stamp).is_ok_and(|built| built == sources) {
        return Ok(());
    }
    shell::run(&mut npm(&["run", "--silent", "build"]))?;
    std::fs::write(stamp, sources)?;
    Ok(())
}

/// A hash of everything that the page is built from.
fn sources_hash() -> Result<u64> {
    let mut files = Vec::new();
    let mut directories = vec![directory()];
    while let Some(next) = directories.pop() {
        for entry in std::fs::read_dir(next)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default();
            if path.is_dir() {
                if name != "node_modules" && name != "dist" {
                    directories.push(path);
                }
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        std::fs::read(&file)?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}
