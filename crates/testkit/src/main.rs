//! Starts the testkit's engine and registry for scripts, builds the sample images, or cleans up.

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use slipway_testkit::{Engine, Error, keep_runs_in, samples, sweep};
use tokio::signal::unix::{SignalKind, signal};

/// Tests' surroundings, for scripts.
#[derive(Parser)]
#[command(name = "testkit")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a private engine and a registry until SIGTERM, SIGINT or the end of stdin.
    ///
    /// Prints one line of JSON when they are ready.
    Serve {
        /// Pull all sample images first. Without it they can be pulled, and are not there yet.
        #[arg(long)]
        samples: bool,
        /// Where runs live; short, because sockets are below it.
        #[arg(long, value_name = "DIR")]
        state_dir: Option<PathBuf>,
    },
    /// Build the cache of sample images.
    Samples,
    /// Clear what dead test processes left behind.
    Sweep {
        /// Where runs live.
        #[arg(long, value_name = "DIR")]
        state_dir: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve { samples, state_dir } => {
            state_dir.into_iter().for_each(keep_runs_in);
            serve(samples)
        }
        Command::Samples => samples::storage().map(|path| println!("{}", path.display())),
        Command::Sweep { state_dir } => {
            state_dir.into_iter().for_each(keep_runs_in);
            sweep().map(|count| println!("{count} cleared"))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(load: bool) -> Result<(), Error> {
    let failed = |action| {
        move |source| Error::File {
            action,
            path: "testkit serve".into(),
            source,
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed("start"))?;
    let engine = Engine::options().start()?;
    if load {
        engine.load_samples()?;
    }
    // Only now: until here a signal ends the process at once, and the reapers clear up.
    let _context = runtime.enter();
    let mut terminate = signal(SignalKind::terminate()).map_err(failed("handle signals of"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed("handle signals of"))?;
    let ready = serde_json::json!({
        "docker_host": engine.host(),
        "registry": engine.registry().address(),
        "pid": engine.pid(),
    });
    let mut out = std::io::stdout();
    writeln!(out, "{ready}")
        .and_then(|()| out.flush())
        .map_err(failed("write to stdout of"))?;

    runtime.block_on(async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = end_of_stdin() => {}
        }
    });
    Ok(())
}

/// Never ends for `/dev/null`, which is what a shell gives to its background jobs.
async fn end_of_stdin() {
    let null = |path: &str| {
        fs::metadata(path).is_ok_and(|it| it.file_type().is_char_device() && it.rdev() == 0x103)
    };
    if null("/proc/self/fd/0") {
        return std::future::pending().await;
    }
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        while std::io::stdin()
            .read(&mut buffer)
            .is_ok_and(|count| count > 0)
        {}
        drop(ended);
    });
    let _ = end.await;
}
