//! `cargo xtask run`: from a fresh machine to a running Slipway.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Stdio};

use anyhow::{Context as _, Result};

use crate::display::VirtualDisplay;
use crate::packages::{self, Consent};
use crate::workspace::{binary, cargo, root, target};
use crate::{npm, shell, welcome_image};

/// Exit code of the `slipway` command when no engine answers.
const NO_ENGINE: i32 = 3;

pub(crate) fn run(consent: Consent, arguments: &[String]) -> Result<()> {
    packages::install(consent, packages::BUILD)?;
    npm::build()?;
    println!("Building Slipway");
    shell::run(&mut cargo(&[
        "build",
        "--package=slipway-desktop",
        "--package=slipway-cli",
    ]))?;
    welcome_image::welcome_image(consent)?;
    let display = VirtualDisplay::if_needed(consent)?;
    if let Some(display) = &display {
        println!(
            "There is no display, so Slipway opens on a virtual one, {}. Nobody will see it.",
            display.name()
        );
    }
    let engine = StandIn::if_needed(consent)?;
    let mut command = std::process::Command::new(binary("debug", "slipway-desktop"));
    command
        .current_dir(root())
        .args(arguments.iter().filter(|argument| *argument != "--"));
    if let Some(display) = &display {
        command.env("DISPLAY", display.name());
    }
    if let Some(engine) = &engine {
        command.env("DOCKER_HOST", &engine.docker_host);
    }
    println!("Starting Slipway; end it by closing its window, or with Ctrl-C");
    shell::run(&mut command)
}

/// An engine of our own, as long as no other answers. Dropping it ends it.
struct StandIn {
    server: Child,
    /// The server ends when this closes, however we end.
    lifeline: Option<ChildStdin>,
    docker_host: String,
}

impl StandIn {
    fn if_needed(consent: Consent) -> Result<Option<Self>> {
        let probe = std::process::Command::new(binary("debug", "slipway"))
            .args(["ps", "--quiet"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if probe.code() != Some(NO_ENGINE) || !cfg!(target_os = "linux") {
            return Ok(None);
        }
        println!(
            "No container engine answers on this computer, so a private dockerd is started for as long as Slipway \
             runs, with a few sample images: nginx, redis, postgres."
        );
        packages::install(consent, packages::ENGINE)?;
        shell::run(&mut cargo(&[
            "build",
            "--package=slipway-testkit",
            "--bin=testkit",
        ]))?;
        let mut command = packages::as_root(&binary("debug", "testkit").to_string_lossy())?;
        let mut server = command
            .arg("serve")
            .env("SLIPWAY_TESTKIT_CACHE", target().join("testkit"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the private engine cannot be started")?;
        let lifeline = server.stdin.take();
        let mut line = String::new();
        BufReader::new(server.stdout.take().context("testkit has no output")?)
            .read_line(&mut line)?;
        let ready: serde_json::Value =
            serde_json::from_str(&line).context("the private engine did not start")?;
        let docker_host = ready["docker_host"]
            .as_str()
            .context("the private engine does not say where it is")?
            .to_owned();
        Ok(Some(Self {
            server,
            lifeline,
            docker_host,
        }))
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        // It ends by itself now, after it has cleaned up.
        let _ = self.server.wait();
    }
}
