//! `cargo xtask bench`: the benchmarks and what they compare with.

use std::path::PathBuf;

use anyhow::Result;

use crate::packages::Consent;
use crate::test::{e2e, prepare};
use crate::workspace::cargo;
use crate::{bundle, shell, test};

/// The benchmark that needs a guest and no window.
const MACHINE: &str = "machine";
/// The one that needs a package.
const SIZE: &str = "size";

/// Runs the benchmarks. `names` selects some of them.
pub(crate) fn bench(consent: Consent, names: &[String]) -> Result<()> {
    let machine = names.is_empty() || names.iter().any(|name| name == MACHINE);
    let others = names.is_empty() || names.iter().any(|name| name != MACHINE);
    if others {
        prepare(consent)?;
        // The comparison for the window.
        shell::run(&mut cargo(&[
            "build",
            "--release",
            "--package=slipway-desktop",
            "--example=blank",
        ]))?;
    } else {
        test::install_all(consent)?;
    }
    let mut command = e2e(&[
        "run",
        "--release",
        "--package=slipway-e2e",
        "--bin=bench",
        "--",
    ]);
    command.args(names);
    if names.is_empty() || names.iter().any(|name| name == SIZE) {
        command.env("SLIPWAY_BENCH_DEB", bundle::pack(consent, "deb")?);
    }
    if machine {
        for (variable, path) in prepare_machine(consent)? {
            command.env(variable, path);
        }
    }
    shell::run(&mut command)
}

/// The benchmark of the machine, and its comparison.
#[cfg(target_os = "linux")]
fn prepare_machine(consent: Consent) -> Result<Vec<(&'static str, PathBuf)>> {
    use crate::arch::Arch;
    use crate::{bench_debian, guest_image, packages, static_program};

    packages::install(consent, packages::ENGINE)?;
    packages::install(consent, packages::BENCH_MACHINE)?;
    shell::run(&mut cargo(&[
        "build",
        "--release",
        "--package=slipway-cli",
        "--package=slipway-daemon",
    ]))?;
    let arch = Arch::of_this_computer()?;
    guest_image::guest_image(consent, &["--arch".to_owned(), arch.name().to_owned()])?;
    let peer = static_program::build(consent, "slipway-peer", arch)?;
    let debian = bench_debian::make(&peer)?;
    Ok(vec![
        ("SLIPWAY_GUEST_IMAGE", guest_image::of_arch(arch)),
        ("SLIPWAY_PEER_BIN", peer),
        ("SLIPWAY_BENCH_DEBIAN", debian),
    ])
}

#[cfg(not(target_os = "linux"))]
fn prepare_machine(_: Consent) -> Result<Vec<(&'static str, PathBuf)>> {
    anyhow::bail!(
        "the machine is measured on Linux, against a Debian that is made with Debian's tools"
    )
}
