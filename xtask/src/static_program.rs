//! Our programs that run in the machine or in a container, where there are no libraries: linked statically, for either
//! architecture.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::arch::Arch;
use crate::packages::{self, Consent, Need};
use crate::workspace::{cargo, root, target};
use crate::{shell, targets};

const PROFILE: &str = "guest";

/// Packages to link for another architecture, by architecture.
fn cross_packages(arch: Arch) -> [Need; 2] {
    let reason = "linking what runs in the machine";
    match arch {
        Arch::Amd64 => [
            ("gcc-x86-64-linux-gnu", reason),
            ("libc6-dev-amd64-cross", reason),
        ],
        Arch::Arm64 => [
            ("gcc-aarch64-linux-gnu", reason),
            ("libc6-dev-arm64-cross", reason),
        ],
    }
}

/// Builds the program that has the name of its package in this workspace.
pub(crate) fn build(consent: Consent, package: &str, arch: Arch) -> Result<PathBuf> {
    let triple = format!("{}-unknown-linux-gnu", arch.machine());
    let directory = target().join("guest-agent");
    let mut command = if arch == Arch::of_this_computer()? {
        cargo(&["build"])
    } else {
        packages::install(consent, targets::PACKAGES)?;
        packages::install(consent, &cross_packages(arch))?;
        let mut command = targets::cargo_web()?;
        let variable = triple.to_ascii_uppercase().replace('-', "_");
        command
            .current_dir(root())
            .args(["build", "-Zbuild-std=std,panic_unwind"])
            .env(
                format!("CARGO_TARGET_{variable}_LINKER"),
                format!("{}-linux-gnu-gcc", arch.machine()),
            );
        command
    };
    command
        .args([
            "--quiet",
            "--locked",
            "--package",
            package,
            "--profile",
            PROFILE,
            "--target",
            &triple,
            "--target-dir",
        ])
        .arg(&directory)
        .env("RUSTFLAGS", flags())
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    shell::run(&mut command)
        .with_context(|| format!("{package} for {} cannot be built", arch.name()))?;
    let path = directory.join(&triple).join(PROFILE).join(package);
    check_static(&path)?;
    Ok(path)
}

/// Linked statically, and without paths of the build computer.
fn flags() -> String {
    let mut flags = format!(
        "-Ctarget-feature=+crt-static --remap-path-prefix={}=/slipway",
        root().display()
    );
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    if let Some(home) = home {
        let _ = write!(flags, " --remap-path-prefix={}=/cargo", home.display());
    }
    flags
}

/// Checks that it needs no loader and no library.
fn check_static(path: &Path) -> Result<()> {
    let headers = shell::output(
        Command::new("readelf")
            .args(["--wide", "--program-headers"])
            .arg(path),
    )?;
    ensure!(
        !headers.contains("INTERP"),
        "{} is not linked statically",
        path.display()
    );
    Ok(())
}
