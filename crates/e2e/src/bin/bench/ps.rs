//! The list of containers on the command line.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use slipway_e2e::{isolate, slipway};
use slipway_testkit::Engine;

use crate::command::{in_turn, time};
use crate::population::CONTAINERS;
use crate::report::{Figure, Goal, Outcome, Series, Unit};

const ROUNDS: usize = 15;

struct Contender<'a> {
    command: Box<dyn Fn() -> Result<Command> + 'a>,
    wall: Series,
    cpu: Series,
}

impl<'a> Contender<'a> {
    fn new(what: &str, command: impl Fn() -> Result<Command> + 'a) -> Self {
        Self {
            command: Box::new(command),
            wall: Series::new(what),
            cpu: Series::new(what),
        }
    }
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

    let mut ours = Contender::new("slipway ps -a --json", ours);
    let mut table = Contender::new("`docker ps -a`", docker(&["ps", "-a"]));
    let mut json = Contender::new(
        "`docker ps -a --format json`",
        docker(&["ps", "-a", "--format", "json"]),
    );
    for contender in [&ours, &table, &json] {
        time(&mut (contender.command)()?)?;
    }
    in_turn(
        ROUNDS,
        &mut [&mut ours, &mut table, &mut json],
        |contender| {
            let took = time(&mut (contender.command)()?)?;
            contender.wall.push(took.wall);
            contender.cpu.push(took.cpu);
            Ok(())
        },
    )?;
    Ok(Outcome {
        name: "ps",
        method: "The commands are started in turn, from spawn to exit, their output thrown away; a first round warms \
                 up and is not counted.".into(),
        figures: vec![
            Figure::ratio(
                "`slipway ps -a --json`, 1,000 containers",
                Unit::Milliseconds,
                ours.wall.clone(),
                table.wall,
                Some(Goal::AtMost(1.0)),
            ),
            Figure::ratio(
                "the same, against the same format",
                Unit::Milliseconds,
                ours.wall,
                json.wall,
                None,
            ),
            Figure::ratio(
                "the same, processor time of the command",
                Unit::Milliseconds,
                ours.cpu,
                table.cpu,
                None,
            ),
        ],
        notes: json!({ "containers": count, "rounds": ROUNDS }),
    })
}
