//! `cargo xtask run`: from a fresh machine to a running Slipway.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::display::VirtualDisplay;
use crate::packages::{self, Consent};
use crate::workspace::{binary, cargo, root};
use crate::{npm, shell, welcome_image};

/// Exit code of the `slipway` command when no engine answers.
const NO_ENGINE: i32 = 3;

/// Makes the window start the machine at its own start, if no engine answers.
const START_MACHINE: &str = "SLIPWAY_START_MACHINE";

pub(crate) fn run(consent: Consent, arguments: &[String]) -> Result<()> {
    packages::install(consent, packages::BUILD)?;
    npm::build()?;
    println!("Building Slipway");
    shell::run(&mut cargo(&[
        "build",
        "--package=slipway-desktop",
        "--package=slipway-cli",
        "--package=slipway-daemon",
    ]))?;
    welcome_image::welcome_image(consent)?;
    let display = VirtualDisplay::if_needed(consent)?;
    if let Some(display) = &display {
        println!(
            "There is no display, so Slipway opens on a virtual one, {}. Nobody will see it.",
            display.name()
        );
    }
    let machine = Engine::look()? == Engine::Machine && prepare_machine(consent);
    let mut command = Command::new(binary("debug", "slipway-desktop"));
    command
        .current_dir(root())
        .args(arguments.iter().filter(|argument| *argument != "--"));
    if let Some(display) = &display {
        command.env("DISPLAY", display.name());
    }
    if machine {
        command.env(START_MACHINE, "1");
    }
    println!("Starting Slipway; end it by closing its window, or with Ctrl-C");
    let ended = shell::run(&mut command);
    if machine && runs() {
        println!(
            "Slipway's machine goes on, with its containers. `{}` stops it.",
            slipway_machine("stop")
        );
    }
    ended
}

/// The engine that the window will use.
#[derive(PartialEq, Eq)]
enum Engine {
    /// One that answers, or one that was selected: the window reports its problems.
    Given,
    /// Slipway's machine, which is not running yet.
    Machine,
}

impl Engine {
    fn look() -> Result<Self> {
        if !cfg!(target_os = "linux") {
            // So far, the machine starts on Linux only.
            return Ok(Self::Given);
        }
        let probe = Command::new(binary("debug", "slipway"))
            .args(["ps", "--json"])
            .output()
            .context("the `slipway` command cannot be started")?;
        if probe.status.code() != Some(NO_ENGINE) {
            return Ok(Self::Given);
        }
        // The command offers the machine if starting it would help.
        let offered = String::from_utf8_lossy(&probe.stderr)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .any(|document| {
                document["error"]["hint"]
                    .as_str()
                    .is_some_and(|hint| hint.contains("slipway machine start"))
            });
        Ok(if offered { Self::Machine } else { Self::Given })
    }
}

/// Builds the machine's image. If that is not possible, the window opens without it.
fn prepare_machine(consent: Consent) -> bool {
    if let Err(error) = build_machine(consent) {
        println!(
            "No container engine answers on this computer, and Slipway's own machine cannot be built here: {error:#}\n\
             Slipway's window says which engine to install."
        );
        return false;
    }
    println!(
        "\nNo container engine answers on this computer, so Slipway starts its own machine. The window's Engine screen \
         shows how far it is.\n\
         From another shell:\n  \
         {slipway} run welcome\n  \
         docker --context slipway ps\n\
         It goes on when the window is closed. `{stop}` stops it, `{delete}` removes it with all that is in it.\n",
        slipway = slipway().display(),
        stop = slipway_machine("stop"),
        delete = slipway_machine("delete"),
    );
    true
}

#[cfg(target_os = "linux")]
fn build_machine(consent: Consent) -> Result<()> {
    use crate::arch::Arch;
    use crate::guest_image;

    let arch = Arch::of_this_computer()?;
    packages::install_machine(consent, &[arch])?;
    guest_image::guest_image(consent, &["--arch".to_owned(), arch.name().to_owned()])
}

#[cfg(not(target_os = "linux"))]
fn build_machine(_consent: Consent) -> Result<()> {
    anyhow::bail!("it starts on Linux only, so far")
}

/// The path of the built command, as short as possible from the current directory.
fn slipway() -> std::path::PathBuf {
    let path = binary("debug", "slipway");
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).map(Path::to_owned).unwrap_or(path)
}

fn slipway_machine(what: &str) -> String {
    format!("{} machine {what}", slipway().display())
}

/// Whether the machine runs.
fn runs() -> bool {
    shell::output(Command::new(binary("debug", "slipway")).args(["machine", "status", "--json"]))
        .ok()
        .and_then(|text| serde_json::from_str::<Value>(&text).ok())
        .is_some_and(|view| !matches!(view["state"]["is"].as_str(), Some("absent" | "stopped")))
}
