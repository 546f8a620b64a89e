//! Slipway's machine against the least that boots the same engine, and against a Debian as it comes, all with the same
//! virtual hardware.
//!
//! ```text
//!             Slipway's machine       the floor                       Debian
//! boots       its own Linux           the same kernel, root, dockerd  Debian's kernel, systemd, docker.io
//! first       slipway-guest           a shell script                  systemd
//! reached by  networks of its own                                     QEMU's hostfwd, `ssh -L`
//! ```

mod boot;
mod connections;
mod debian;
mod floor;
mod forward;
mod guest;
mod ours;
mod way;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use self::debian::Debian;
use self::ours::Ours;
use crate::computer;
use crate::report::Outcome;

/// Where dockerd listens in Debian's guest, and where the far end does, in each.
const ENGINE_PORT: u16 = 2375;
const PEER_PORT: u16 = 7700;

/// Boots, forwards, memory, many connections, the end.
pub(crate) fn measure() -> Result<Outcome> {
    let peer = file("SLIPWAY_PEER_BIN", "target/bench/peer")?;
    let image = file("SLIPWAY_GUEST_IMAGE", "the machine's image")?;
    let debian = Debian::made(&file("SLIPWAY_BENCH_DEBIAN", "the Debian to compare with")?);
    let directory = tempfile::Builder::new().prefix("slipway-bench").tempdir()?;
    let mut ours = Ours::new(directory.path(), &image)?;

    // The first boot makes the disk and finds out which accelerators work; it is not counted.
    ours.start()?;
    let hardware = ours.command_line()?;
    ours.stop()?;
    let boots = boot::measure(
        &mut ours,
        &hardware,
        directory.path(),
        &image,
        &peer,
        &debian,
    )?;

    ours.start()?;
    let memory = ours.memory_when_idle()?;
    let guest = debian.start(&hardware, &directory.path().join("debian"))?;
    guest.wait_for_engine()?;
    let debian_memory = debian.memory_when_idle()?;
    let forwards = forward::measure(&ours, &debian, &peer)?;
    drop(guest);
    let connections = connections::measure(&ours)?;
    let accelerator = ours.accelerator()?;
    let dockerd = ours.engine_version()?;
    let qemu = computer::said(&hardware.0[0], &["--version"]);
    let mut figures = boots.figures();
    figures.extend(memory.figures(&debian_memory));
    figures.extend(forwards.figures());
    figures.extend(connections.figures());
    figures.extend(boots.stop_figures());
    Ok(Outcome {
        name: "machine",
        method: format!(
            "Slipway's machine, the floor and Debian have the same virtual hardware: the other two are started with \
             the command line of Slipway's QEMU, with other disks and without the networks of published ports and of the engine. A boot counts from the request to start (for the \
             others: from the start of QEMU) until the engine answers `/_ping`. Forwards lead to the same program \
             in a container of either guest; the ways take turns. {}, accelerator {accelerator}, dockerd {dockerd} \
             in Slipway's machine.",
            qemu.lines().next().unwrap_or_default(),
        ),
        figures,
        notes: json!({
            "accelerator": accelerator,
            "phases": boots.phases(),
            "memory": [memory.note(), debian_memory.note()],
            "connections": connections.note(),
        }),
    })
}

/// What `cargo xtask bench` has made.
fn file(variable: &str, what: &str) -> Result<PathBuf> {
    let path = std::env::var_os(variable)
        .map(PathBuf::from)
        .with_context(|| {
            format!("{variable} does not say where {what} is: run `cargo xtask bench machine`")
        })?;
    ensure!(
        path.exists(),
        "{} is missing: run `cargo xtask bench machine`",
        path.display()
    );
    Ok(path)
}
