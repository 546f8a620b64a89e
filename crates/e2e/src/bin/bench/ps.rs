//! The list of containers on the command line.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use slipway_e2e::{isolate, slipway};
use slipway_testkit::Engine;

use crate::command::{in_turn, wall};
use crate::population::CONTAINERS;
use crate::report::{Figure, Goal, Outcome, Series, Unit};

const ROUNDS: usize = 15;

struct Contender<'a> {
    command: Box<dyn Fn() -> Result<Command> + 'a>,
    series: Series,
}

/// `slipway ps -a --json` against `docker ps -a`.
pub(crate) fn measure(engine: &Engine) -> Result<Outcome> {
    let home = tempfile::tempdir()?;
    let ours = || {
        let mut command = Command::new(slipway());
        isolate(&mut command, home.path(), Some(&engine.host()))?;
        command.args(["ps", "-a", "--json"]);
        Ok(command)
    };
    let docker = |arguments: &'static [&'static str]| {
        move || {
            let mut command = engine.docker_command();
            command.args(arguments);
            Ok(command)
        }
    };
    let output = ours()?.output().context("slipway cannot be started")?;
    let listed: Value = serde_json::from_slice(&output.stdout).context("slipway ps --json")?;
    let count = listed
        .as_array()
        .or_else(|| listed.as_object()?.values().find_map(Value::as_array))
        .map_or(0, Vec::len);
    ensure!(count >= CONTAINERS, "slipway lists only {count} containers");

    let mut contenders = [
        Contender {
            command: Box::new(ours),
            series: Series::new("slipway ps -a --json"),
        },
        Contender {
            command: Box::new(docker(&["ps", "-a"])),
            series: Series::new("`docker ps -a`"),
        },
        Contender {
            command: Box::new(docker(&["ps", "-a", "--format", "json"])),
            series: Series::new("`docker ps -a --format json`"),
        },
    ];
    for contender in &contenders {
        wall(&mut (contender.command)()?)?;
    }
    let [ours, table, json] = &mut contenders;
    in_turn(ROUNDS, &mut [ours, table, json], |contender| {
        contender.series.push(wall(&mut (contender.command)()?)?);
        Ok(())
    })?;
    let [ours, table, json] = contenders.map(|contender| contender.series);
    Ok(Outcome {
        name: "ps",
        method: "The commands are started in turn, from spawn to exit, their output thrown away; a first round warms \
                 up and is not counted.",
        figures: vec![
            Figure::ratio(
                "`slipway ps -a --json`, 1,000 containers",
                Unit::Milliseconds,
                ours.clone(),
                table,
                Some(Goal::AtMost(1.0)),
            ),
            Figure::ratio("the same", Unit::Milliseconds, ours, json, None),
        ],
        notes: json!({ "containers": count, "rounds": ROUNDS }),
    })
}
