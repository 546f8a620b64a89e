//! `slipway`: runs containers from a terminal or a script, with the same use-cases as the window.
//!
//! It parses the command line, calls `slipway-core`, and prints the result: tables for people, one JSON document for
//! programs (`--json`). It makes no decisions about containers, keeps no state, and starts no engine except that of
//! Slipway's own machine, on request.
//!
//! Exit codes: 0 done, 1 failed, 2 the command line cannot be used, 3 no engine, or none that answers or may be used,
//! 130 cancelled; `slipway machine shell` exits with the code of what it ran.

mod arguments;
mod completions;
mod containers;
mod engines;
mod escapes;
mod exit;
mod failure;
mod images;
mod inspect;
mod interrupt;
mod log_export;
mod logs;
mod machine;
mod moment;
mod mount_spec;
mod numbers;
mod output;
mod port_spec;
mod progress;
mod raw_terminal;
mod run;
mod run_options;
mod search;
mod size;
mod stats;
mod table;
mod text;

use std::process::ExitCode;

use clap::Parser as _;
use slipway_core::{SettingsFile, Slipway};
use slipway_engine::Environment;

use crate::arguments::{Arguments, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return failure::usage(&error).into(),
    };
    let output = Output::of_process(&arguments.global);
    if arguments.global.verbose > 0 {
        trace(arguments.global.verbose, &output);
    }
    let exit = match execute(arguments, &output) {
        Ok(exit) => exit,
        Err(failure) => failure.report(&output),
    };
    exit.into()
}

fn execute(arguments: Arguments, output: &Output) -> Result<Exit, Failure> {
    let Arguments { global, command } = arguments;
    let engine = global.engine.filter(|engine| !engine.is_empty());
    let slipway = || {
        Slipway::once(
            Environment::from_process(),
            SettingsFile::of_user(),
            engine.clone(),
        )
    };
    // One thread: a command waits for one engine, and starting more threads costs as much as listing a hundred
    // containers.
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failure::other("Slipway cannot start", &error))
    };
    match command {
        Command::Completions(what) => completions::completions(&what, output),
        Command::Man => completions::man(output),
        Command::Search(what) => search::search(&what, &slipway(), output),
        command => {
            let runtime = runtime()?;
            // The commands about engines list all of them.
            let chooses = matches!(command, Command::Use(_));
            let start = if matches!(command, Command::Run(_)) {
                "`slipway machine start`, or add --start-machine to this command"
            } else {
                "`slipway machine start`"
            };
            let result = runtime.block_on(async {
                let opened = slipway();
                let result = with_engine(command, &opened, &slipway, output).await;
                match result {
                    Err(Failure::Api(error)) if !chooses => {
                        Err(opened.with_machine_offered(*error, start).await.into())
                    }
                    result => result,
                }
            });
            // Work still in progress, such as a name lookup, is no longer needed.
            runtime.shutdown_background();
            result
        }
    }
}

async fn with_engine(
    command: Command,
    slipway: &Slipway,
    open: &dyn Fn() -> Slipway,
    output: &Output,
) -> Result<Exit, Failure> {
    match command {
        Command::Run(what) => run::run(what, slipway, output).await,
        Command::Ps(what) => containers::list(&what, slipway, output).await,
        Command::Inspect(what) => inspect::inspect(&what, slipway, output).await,
        Command::Ports(what) => containers::ports(&what, slipway, output).await,
        Command::Start(which) => containers::act(&containers::START, &which, slipway, output).await,
        Command::Stop(which) => containers::act(&containers::STOP, &which, slipway, output).await,
        Command::Restart(which) => {
            containers::act(&containers::RESTART, &which, slipway, output).await
        }
        Command::Pause(which) => containers::act(&containers::PAUSE, &which, slipway, output).await,
        Command::Unpause(which) => {
            containers::act(&containers::UNPAUSE, &which, slipway, output).await
        }
        Command::Kill(which) => containers::act(&containers::KILL, &which, slipway, output).await,
        Command::Rm(what) => {
            containers::act(&containers::REMOVE, &what.which, slipway, output).await
        }
        Command::Rename(what) => containers::rename(&what, slipway, output).await,
        Command::Logs(what) => logs::logs(&what, slipway, output).await,
        Command::Stats(what) => stats::stats(&what, slipway, output).await,
        Command::Pull(what) => images::pull(&what, slipway, output).await,
        Command::Images(what) => images::images(&what, slipway, output).await,
        Command::Rmi(what) => images::remove(&what, slipway, output).await,
        Command::Engines => engines::list(slipway, output).await,
        Command::Use(what) => engines::choose(&what, slipway, open, output).await,
        Command::Settings(what) => engines::settings(&what, slipway, open, output).await,
        Command::Machine(what) => machine::machine(what, slipway, output).await,
        Command::Doctor => engines::doctor(slipway, output).await,
        Command::Version => engines::version(slipway, output).await,
        // These need no engine and were handled before.
        Command::Search(_) | Command::Completions(_) | Command::Man => Ok(Exit::Done),
    }
}

/// Logs what Slipway does to standard error.
fn trace(verbose: u8, output: &Output) {
    let filter = if verbose > 1 {
        "slipway=trace"
    } else {
        "slipway=debug"
    };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(output.colors_stderr())
        .init();
}
