//! Commands, timed from start to end.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

/// How long a command takes whose output nobody reads, in milliseconds.
pub(crate) fn wall(command: &mut Command) -> Result<f64> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
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
    Ok(elapsed.as_secs_f64() * 1_000.0)
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
