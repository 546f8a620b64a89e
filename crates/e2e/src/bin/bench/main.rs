//! Measures Slipway against what it is compared with, all in one run: `cargo xtask bench [NAME…]`.
//!
//! Each benchmark writes `target/bench/NAME.json` and prints its figures; a run of all that a table in
//! `docs/PERFORMANCE.md` has in it also renews the table. It does not judge: a missed goal is printed and recorded, and
//! the exit code stays 0. Nothing leaves the computer, everything that is started ends with this program, and it gives
//! up after half an hour.

mod bare_window;
mod command;
mod computer;
mod document;
mod idle;
mod logs;
mod machine;
mod memory;
mod population;
mod ps;
mod report;
mod screen;
mod size;
mod start;
mod x11;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use slipway_e2e::target_dir;
use slipway_testkit::Engine;

use crate::report::Outcome;

/// In the order in which they run.
const NAMES: &[&str] = &["size", "ps", "start", "memory", "idle", "logs", "machine"];
/// These need no engine with many containers.
const WITHOUT_CONTAINERS: &[&str] = &["size", "machine"];
const PATIENCE: Duration = Duration::from_mins(30);

#[tokio::main]
async fn main() -> ExitCode {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = chosen.iter().find(|name| !NAMES.contains(&name.as_str())) {
        eprintln!("error: there is no benchmark `{unknown}`");
        eprintln!("hint: there are {}", NAMES.join(", "));
        return ExitCode::from(2);
    }
    // What hangs is mostly a child process, so this cannot be left to the runtime. All children end with us.
    std::thread::spawn(|| {
        std::thread::sleep(PATIENCE);
        eprintln!("error: not done after half an hour");
        std::process::exit(1);
    });
    match run(&chosen).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what was chosen, or everything. Whether all of it could be measured.
async fn run(chosen: &[String]) -> Result<bool> {
    let names: Vec<&str> = NAMES
        .iter()
        .copied()
        .filter(|name| chosen.is_empty() || chosen.iter().any(|it| it == name))
        .collect();
    let engine = if names.iter().any(|name| !WITHOUT_CONTAINERS.contains(name)) {
        println!("Making {} containers", population::CONTAINERS);
        let started = Instant::now();
        let engine = Engine::options().start()?;
        population::populate(&engine)?;
        println!("  in {:.0} s", started.elapsed().as_secs_f64());
        Some(engine)
    } else {
        None
    };
    let machine = computer::facts(engine.as_ref());
    let directory = target_dir().join("bench");
    let mut outcomes = Vec::new();
    for name in &names {
        let load = computer::load();
        println!("\n{name} (load {load:.1})");
        let started = Instant::now();
        match measure(name, engine.as_ref()).await {
            Ok(mut outcome) => {
                outcome.notes["load_before"] = load.into();
                outcome.notes["seconds"] = started.elapsed().as_secs_f64().into();
                outcome.print();
                outcome.write(&directory, &machine)?;
                outcomes.push(outcome);
            }
            Err(error) => println!("  could not be measured: {error:#}"),
        }
    }
    println!("\nResults are in {}", directory.display());
    for table in &document::TABLES {
        let rows: Vec<&Outcome> = outcomes
            .iter()
            .filter(|outcome| table.names.contains(&outcome.name))
            .collect();
        if rows.len() == table.names.len() {
            document::renew(table, &machine, &rows)?;
            println!(
                "docs/PERFORMANCE.md: the figures of {} are renewed",
                table.names.join(", ")
            );
        }
    }
    Ok(outcomes.len() == names.len())
}

async fn measure(name: &str, engine: Option<&Engine>) -> Result<Outcome> {
    match name {
        "size" => return size::measure(),
        "machine" => return machine::measure(),
        _ => {}
    }
    let engine = engine.context("no engine was started")?;
    match name {
        "ps" => ps::measure(engine),
        "start" => start::measure(engine).await,
        "memory" => memory::measure(engine).await,
        "idle" => idle::measure(engine).await,
        _ => logs::measure(engine).await,
    }
}
