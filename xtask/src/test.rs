//! `cargo xtask test`, and the tour, which also needs a built app, an engine and a display.

use std::process::Command;

use anyhow::{Result, bail};

use crate::arch::Arch;
use crate::packages::{self, Consent};
use crate::report::Report;
use crate::shell::Beside;
use crate::workspace::{binary, build_release, cargo, target};
use crate::{bundle, npm, shell, targets, welcome_image};
#[cfg(target_os = "linux")]
use crate::{fuzz, guest_image};

/// Name of the end-to-end test that measures how smoothly the window moves: nothing else may run meanwhile.
const MEASURING: &str = "a_flood_leaves_the_window_responsive";

/// The command that `test` calls for [`builds`].
pub(crate) const BUILDS: &str = "builds-of-test";

const TESTS: &str = "unit, property and real-engine tests";

/// Runs everything, and reports at the end how much passed.
pub(crate) fn test(consent: Consent, quick: bool) {
    let mut report = Report::default();
    if everything(&mut report, consent, quick).is_none() {
        println!("The rest needs what failed.");
    }
    if !report.close() {
        std::process::exit(1);
    }
}

/// `None` if a step failed that later ones depend on.
fn everything(report: &mut Report, consent: Consent, quick: bool) -> Option<()> {
    let step = |passed: bool| passed.then_some(());
    step(report.check("system packages", || install_all(consent)))?;
    step(report.check("npm packages", npm::install))?;
    report.check("format", || {
        shell::run(&mut cargo(&["fmt", "--all", "--check"]))
    });
    report.check("types and lints of the window's page", || {
        shell::run(&mut npm::npm(&["run", "--silent", "check"]))
    });
    report.tests(
        "tests of the window's page",
        &mut npm::npm(&["run", "--silent", "test"]),
    );
    // The window embeds the page, so clippy needs it too.
    step(report.check("build of the window's page", npm::build))?;
    report.check("clippy", || {
        shell::run(&mut cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "--deny=warnings",
        ]))
    });
    step(report.check("sample images", build_samples))?;
    step(report.check("welcome image", || welcome_image::welcome_image(consent)))?;
    // Tests of the machine boot it.
    #[cfg(target_os = "linux")]
    step(report.check("the machine's images", || {
        guest_image::guest_image(consent, &[])
    }))?;
    // These tests mostly wait, for containers and the machine: builds take the time that they leave.
    let builds = (!quick).then(|| start_builds(consent));
    report.tests(TESTS, &mut tests());
    let Some(builds) = builds else {
        return Some(());
    };
    report.check("builds beside these tests", || builds?.wait());
    report.tests(
        "end-to-end tests",
        &mut e2e(&[
            "test",
            "--package=slipway-e2e",
            "--no-fail-fast",
            "--",
            "--skip",
            MEASURING,
        ]),
    );
    report.tests(
        "end-to-end tests that measure",
        &mut e2e(&["test", "--package=slipway-e2e", "--test=window", MEASURING]),
    );
    report.check("bundles", || bundle::bundle(consent));
    Some(())
}

/// Starts [`builds`] in a process of its own at the lowest priority.
fn start_builds(consent: Consent) -> Result<Beside> {
    // It has no terminal to ask on.
    packages::install(consent, targets::PACKAGES)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(BUILDS);
    if cfg!(unix) {
        command = shell::nice(&command);
    }
    Beside::start(command, target().join("builds.log"))
}

/// Builds the shipped programs, and checks that the machine's images can be built again to the same bytes and that the
/// code for other systems is in order.
pub(crate) fn builds(consent: Consent) {
    let mut report = Report::default();
    report.check("release build", build_release);
    #[cfg(target_os = "linux")]
    {
        report.check("the machine's images, each built twice", || {
            guest_image::guest_image(consent, &["--check-reproducible".to_owned()])
        });
        report.check("macOS and Windows code", || targets::check(consent));
    }
    if !report.close() {
        std::process::exit(1);
    }
}

fn tests() -> Command {
    cargo(&[
        "test",
        "--workspace",
        "--exclude=slipway-e2e",
        "--no-fail-fast",
        "--quiet",
    ])
}

/// Runs whole what `test` runs a share of: every end of the machine 20 times, every port, and many more random inputs.
pub(crate) fn soak(consent: Consent) -> Result<()> {
    install_all(consent)?;
    npm::build()?;
    build_samples()?;
    welcome_image::welcome_image(consent)?;
    #[cfg(target_os = "linux")]
    guest_image::guest_image(consent, &[])?;
    let mut command = tests();
    command
        .env("SLIPWAY_SOAK", "1")
        .env("PROPTEST_CASES", "20000");
    let mut report = Report::default();
    report.tests(TESTS, &mut command);
    #[cfg(target_os = "linux")]
    report.check("fuzz targets", || fuzz::fuzz(fuzz::SOAK));
    if !report.close() {
        std::process::exit(1);
    }
    Ok(())
}

pub(crate) fn install_all(consent: Consent) -> Result<()> {
    for needs in [
        packages::BUILD,
        packages::DISPLAY,
        packages::ENGINE,
        packages::TEST,
        packages::BUNDLE,
    ] {
        packages::install(consent, needs)?;
    }
    packages::install_machine(consent, &Arch::ALL)
}

/// Plays the main user journey in the real window and saves a screenshot of every step.
pub(crate) fn tour(consent: Consent) -> Result<()> {
    prepare(consent)?;
    shell::run(&mut e2e(&["run", "--package=slipway-e2e", "--bin=tour"]))
}

/// Builds the sample images.
pub(crate) fn samples(consent: Consent) -> Result<()> {
    packages::install(consent, packages::ENGINE)?;
    build_samples()
}

pub(crate) fn prepare(consent: Consent) -> Result<()> {
    install_all(consent)?;
    npm::build()?;
    build_release()?;
    welcome_image::welcome_image(consent)?;
    build_samples()
}

fn build_samples() -> Result<()> {
    if !packages::is_root() {
        bail!("the private engine of the tests needs root: run this with sudo, or as root");
    }
    shell::run(&mut cargo(&[
        "run",
        "--quiet",
        "--package=slipway-testkit",
        "--bin=testkit",
        "--",
        "samples",
    ]))
}

/// A cargo command for the end-to-end crate, with variables that point to the shipped binaries.
pub(crate) fn e2e(arguments: &[&str]) -> Command {
    let mut command = cargo(arguments);
    command
        .env("SLIPWAY_DESKTOP_BIN", binary("release", "slipway-desktop"))
        .env("SLIPWAY_BIN", binary("release", "slipway"))
        .env("SLIPWAY_WELCOME_IMAGES", welcome_image::directory())
        .env("SLIPWAY_BLANK_BIN", binary("release/examples", "blank"));
    command
}
