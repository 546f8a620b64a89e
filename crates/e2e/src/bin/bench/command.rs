//! Commands, timed from start to end.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use slipway_e2e::process;

/// What a command took, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    /// From spawn to exit.
    pub(crate) wall: f64,
    /// Of processors. A busy computer hardly changes this one.
    pub(crate) cpu: f64,
}

/// What a command takes whose output nobody reads. No other child may end meanwhile.
pub(crate) fn time(command: &mut Command) -> Result<Took> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let before = process::cpu_time_of_ended_children();
    let started = Instant::now();
    let status = command
        .status()
        .with_context(|| format!("{} cannot be started", command.get_program().display()))?;
    let elapsed = started.elapsed();
    ensure!(
        status.success(),
        "{} ended with {status}",
        command.get_program().display()
    );
    let cpu = process::cpu_time_of_ended_children().saturating_sub(before);
    Ok(Took {
        wall: elapsed.as_secs_f64() * 1_000.0,
        cpu: cpu.as_secs_f64() * 1_000.0,
    })
}

/// Runs each of some things in turn, `rounds` times, beginning with another one each time: what else the computer
/// does meanwhile hits all of them alike.
pub(crate) fn in_turn<T: ?Sized>(
    rounds: usize,
    things: &mut [&mut T],
    mut each: impl FnMut(&mut T) -> Result<()>,
) -> Result<()> {
    for round in 0..rounds {
        for place in 0..things.len() {
            let at = (round + place) % things.len();
            each(things[at])?;
        }
    }
    Ok(())
}
