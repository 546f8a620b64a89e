//! Type-checks and lints the code for macOS and Windows, on Linux.
//!
//! It takes a compiler whose standard library can be built for another system without downloading it: Debian
//! packages one for its browsers. Nothing is linked, so neither system's own libraries are needed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::packages::{self, Consent, Need};
use crate::workspace::{root, target};
use crate::{npm, shell};

/// A compiler that builds its own standard library.
pub(crate) const PACKAGES: &[Need] = &[
    ("rustc-web", "code for other systems"),
    ("cargo-web", "code for other systems"),
    ("rust-web-src", "code for other systems"),
];

const TARGETS: &[&str] = &["aarch64-apple-darwin", "x86_64-pc-windows-msvc"];

pub(crate) fn check(consent: Consent) -> Result<()> {
    packages::install(consent, PACKAGES)?;
    npm::build()?;
    let stub = do_nothing()?;
    for triple in TARGETS {
        println!("Checking for {triple}");
        let mut command = cargo_web()?;
        command
            .current_dir(root())
            .args([
                "check",
                "--quiet",
                "-Zbuild-std=std,panic_abort,panic_unwind",
                "--package=slipway-desktop",
                "--package=slipway-cli",
                "--package=slipway-daemon",
                "--target",
                triple,
                "--target-dir",
            ])
            .arg(target().join("other-systems"))
            .env("RUSTFLAGS", "--deny=warnings");
        // A dependency compiles a little Objective-C, and ring some C and assembly; nothing of it is linked here.
        let variable = triple.replace('-', "_");
        command
            .env(format!("CC_{variable}"), &stub)
            .env(format!("AR_{variable}"), &stub);
        shell::run(&mut command)
            .with_context(|| format!("the code for {triple} is not in order"))?;
    }
    Ok(())
}

/// The cargo command for [`PACKAGES`], with that compiler.
pub(crate) fn cargo_web() -> Result<Command> {
    // Its rustc and cargo must not be mixed with rustup's.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        std::iter::once("/usr/bin".into()).chain(std::env::split_paths(&path)),
    )?;
    let mut command = Command::new("/usr/bin/cargo");
    command
        .env("PATH", path)
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO");
    Ok(command)
}

/// A fake C compiler that writes empty files: enough for build scripts of code that is only checked.
fn do_nothing() -> Result<std::path::PathBuf> {
    let path = target().join("do-nothing-cc");
    std::fs::create_dir_all(target())?;
    std::fs::write(
        &path,
        "#!/bin/sh\nout=\nwhile [ $# -gt 0 ]; do case $1 in -o) out=$2; shift;; -Fo*) out=${1#-Fo};; [-/][oO][uU][tT]:*) out=${1#*:};; esac; shift; done\n\
         [ -z \"$out\" ] || : > \"$out\"\n",
    )?;
    make_executable(&path)?;
    Ok(path)
}

#[cfg(unix)]
fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(not(unix))]
fn make_executable(_path: &Path) -> Result<()> {
    Ok(())
}
