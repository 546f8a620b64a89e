//! From the request to start until the engine answers, and from the request to stop until nothing is left.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::debian::Debian;
use super::floor::Floor;
use super::guest::CommandLine;
use super::ours::Ours;
use crate::report::{Figure, Goal, Series, Unit};

const ROUNDS: usize = 5;
/// Debian takes its time, and its goal is far off.
const ROUNDS_OF_DEBIAN: usize = 3;

/// What was measured.
pub(super) struct BootTimes {
    ours: Series,
    floor: Series,
    debian: Series,
    stop: Series,
    phases: Vec<Value>,
}

/// Boots each in turn. Slipway's machine has been booted before.
pub(super) fn measure(
    ours: &mut Ours,
    hardware: &CommandLine,
    directory: &Path,
    image: &Path,
    peer: &Path,
    debian: &Debian,
) -> Result<BootTimes> {
    ours.start()?;
    let floor = Floor::of(ours, image, peer, &directory.join("floor"))?;
    ours.stop()?;
    let mut times = BootTimes {
        ours: Series::new("Slipway's machine"),
        floor: Series::new("the floor"),
        debian: Series::new("Debian"),
        stop: Series::new("Slipway's machine"),
        phases: Vec::new(),
    };
    for round in 0..ROUNDS {
        for place in 0..3 {
            match (round + place) % 3 {
                0 => {
                    let started = ours.start()?;
                    tell("Slipway's machine", started.answered);
                    times.ours.push(started.answered);
                    times.phases.push(started.phases);
                    times.stop.push(ours.stop()?);
                }
                1 => {
                    let took = floor.start(hardware)?.wait_for_engine()?;
                    tell("the floor", took);
                    times.floor.push(took);
                }
                _ if round < ROUNDS_OF_DEBIAN => {
                    let guest = debian.start(hardware, &directory.join("debian"))?;
                    let took = guest.wait_for_engine()?;
                    tell("Debian", took);
                    times.debian.push(took);
                }
                _ => {}
            }
        }
    }
    Ok(times)
}

/// So that somebody who waits sees that it goes on.
fn tell(who: &str, milliseconds: f64) {
    println!("  {who} booted in {:.1} s", milliseconds / 1_000.0);
}

impl BootTimes {
    pub(super) fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::ratio(
                "start of the machine until its engine answers",
                Unit::Milliseconds,
                self.ours.clone(),
                self.floor.clone(),
                Some(Goal::AtMost(1.1)),
            ),
            Figure::ratio(
                "the same, against a Debian",
                Unit::Milliseconds,
                self.ours.clone(),
                self.debian.clone(),
                Some(Goal::AtMost(0.5)),
            ),
        ]
    }

    pub(super) fn stop_figures(&self) -> Vec<Figure> {
        vec![Figure::number(
            "stop of the machine without containers until QEMU is gone, dockerd's own end included",
            Unit::Milliseconds,
            self.stop.clone(),
            Some(Goal::AtMost(2_000.0)),
        )]
    }

    /// The steps of each boot of Slipway's machine.
    pub(super) fn phases(&self) -> &[Value] {
        &self.phases
    }
}
