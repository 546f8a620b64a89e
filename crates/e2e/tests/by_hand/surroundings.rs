//! The shared engine of the tests: more of everything than fits into a window.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, ensure};
use slipway_e2e::Desk;
use slipway_testkit::Engine;

/// So many containers that do not run.
const CONTAINERS: usize = 36;
const IMAGES: usize = 30;
/// The log of the container that writes one.
pub(crate) const LINES: usize = 600;
/// The running container: with a log, and with more variables than fit.
pub(crate) const TALKER: &str = "a-talker";
const VARIABLES: usize = 40;

/// A stopped container.
pub(crate) fn container(number: usize) -> String {
    format!("idle-{number:02}")
}

/// A repository that one of the images has.
pub(crate) fn image(number: usize) -> String {
    format!("hand/image-{number:02}")
}

/// A line of the talker's log.
pub(crate) fn line(number: usize) -> String {
    format!("line {number:04} of the log")
}

/// Slipway on the shared engine.
pub(crate) fn open() -> Result<Desk> {
    static FILLED: OnceLock<()> = OnceLock::new();
    let engine = slipway_testkit::shared();
    FILLED.get_or_init(|| fill(engine).expect("an engine with content"));
    Desk::open(&engine.host())
}

fn fill(engine: &Engine) -> Result<()> {
    engine.load_sample("slipway/busybox:latest")?;
    let script = format!(
        "i=1; while [ $i -le {LINES} ]; do printf 'line %04d of the log\\n' $i; i=$((i+1)); done; sleep 3600"
    );
    let variables: Vec<String> = (0..VARIABLES)
        .map(|number| format!("--env=VARIABLE_{number:02}=value {number}"))
        .collect();
    let mut run = vec!["run", "-d", "--init", "--name", TALKER];
    run.extend(variables.iter().map(String::as_str));
    run.extend(["slipway/busybox", "sh", "-c", &script]);
    engine.docker_ok(&run);
    for number in 0..CONTAINERS {
        let name = container(number);
        engine.docker_ok(&["create", "--name", &name, "slipway/busybox", "true"]);
    }
    // An image of one file each: no two of them are the same.
    let directory = tempfile::tempdir()?;
    for number in 0..IMAGES {
        let file = directory.path().join("number");
        fs::write(&file, number.to_string())?;
        let archive = directory.path().join("image.tar");
        let packed = Command::new("tar")
            .arg("-cf")
            .arg(&archive)
            .arg("-C")
            .arg(directory.path())
            .arg("number")
            .stderr(Stdio::null())
            .status()
            .context("tar cannot be started")?;
        ensure!(packed.success(), "tar failed");
        let archive = archive.display().to_string();
        engine.docker_ok(&["import", &archive, &image(number)]);
    }
    Ok(())
}
