//! `slipwayd`: the process that owns Slipway's machine.
//!
//! It holds the machine's lock, so there is one; a second one says so and ends. It outlives the window and the command that
//! started it, stops the machine in order when it is asked to end (SIGTERM, SIGINT, or through its socket) or when its socket
//! is taken away, and ends by itself when it owns nothing and nobody is connected. Of containers it knows which ports they
//! publish and nothing else.

mod log_file;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use slipway_api::machine::MachineState;
use slipway_machine::{
    ControlSocket, Lease, MachineError, MachineHandle, MachinePaths, Supervisor, drivers,
};
use tokio::sync::{Notify, watch};

use crate::log_file::LogFile;

/// How long nobody has to be connected, and nothing to run, before it ends by itself.
const IDLE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let paths = match MachinePaths::of_user() {
        Ok(paths) => paths,
        Err(error) => return fail(&error),
    };
    // The lock comes before the log: whose it is not must not write to it.
    let lease = match Lease::take(&paths) {
        Ok(lease) => lease,
        Err(error @ MachineError::Owned { .. }) => {
            // Who wanted one has one.
            eprintln!("{error}");
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(&error),
    };
    if let Err(error) = trace(&paths) {
        eprintln!("There will be no log: {error}");
    }
    #[cfg(unix)]
    detach();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("slipwayd")
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(own(lease, paths));
            // A check of the image that nobody waits for any more does not keep us.
            runtime.shutdown_timeout(Duration::from_secs(1));
            outcome
        }
        Err(source) => Err(MachineError::File {
            doing: "Starting",
            path: "slipwayd".into(),
            source,
        }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &MachineError) -> ExitCode {
    tracing::error!(%error, "slipwayd ends");
    eprintln!("{error}");
    if let Some(hint) = error.hint() {
        eprintln!("{hint}");
    }
    ExitCode::FAILURE
}

/// Owns the machine until somebody asks for the end, or nothing is left to own.
async fn own(lease: Lease, paths: MachinePaths) -> Result<(), MachineError> {
    let control = ControlSocket::listen(&paths.daemon_socket())?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        process = std::process::id(),
        data = %paths.data.display(),
        "slipwayd owns the machine"
    );
    let (supervisor, machine) = Supervisor::new(lease, paths.clone(), drivers(&paths));
    let mut supervising = tokio::spawn(supervisor.run());
    let mut lease = None;
    let clients = control.clients();
    let lost = control.lost();
    let shutdown = Arc::new(Notify::new());
    let serving = tokio::spawn(control.serve(machine.clone(), shutdown.clone()));
    tokio::select! {
        () = asked_to_end() => {
            tracing::info!("asked to end by a signal");
            machine.shutdown().await?;
        }
        () = shutdown.notified() => tracing::info!("asked to end by a client"),
        // What nobody can reach nobody could stop, and a start anew needs the lock.
        () = lost => {
            tracing::error!(
                socket = %paths.daemon_socket().display(),
                "the socket was removed, as at the end of a login; the machine is stopped"
            );
            machine.shutdown().await?;
        }
        () = nothing_to_own(machine.clone(), clients.clone()) => {
            tracing::info!("nothing to own and nobody there");
            machine.shutdown().await?;
        }
        // A client asked for the end, and is about to be told.
        ended = &mut supervising => {
            let ended = ended.map_err(|error| MachineError::NoDaemon {
                reason: format!("had to end: {error}"),
            });
            lease = Some(ended?);
        }
    }
    // Who asked for the end gets the answer before the socket goes.
    let mut clients = clients;
    let answered = clients.wait_for(|count| *count == 0);
    let _ = tokio::time::timeout(Duration::from_millis(500), answered).await;
    serving.abort();
    let _ = serving.await;
    let absent = machine.now().state == MachineState::Absent;
    tracing::info!("slipwayd ends");
    // Let go of at the very end, when the sockets are gone.
    if lease.is_none() {
        lease = supervising.await.ok();
    }
    if let Some(lease) = lease
        && absent
    {
        lease.leave_nothing(&paths);
    }
    Ok(())
}

/// Waits until the machine has not run and nobody was connected for [`IDLE`]. A supervisor that has ended needs nobody to end it.
async fn nothing_to_own(machine: MachineHandle, mut clients: watch::Receiver<usize>) {
    let (mut view, watching) = machine.watch();
    // This is not somebody who looks.
    drop(watching);
    loop {
        let busy =
            |clients: &watch::Receiver<usize>| *clients.borrow() > 0 || !machine.is_at_rest();
        if busy(&clients) {
            tokio::select! {
                changed = clients.changed() => if changed.is_err() { return },
                changed = view.changed() => if changed.is_err() { return std::future::pending().await },
            }
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(IDLE) => return,
            changed = clients.changed() => if changed.is_err() { return },
            changed = view.changed() => if changed.is_err() { return std::future::pending().await },
        }
    }
}

#[cfg(unix)]
async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(not(unix))]
async fn asked_to_end() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// A session of its own: the end of the terminal that it was started from is not its end. Who runs it in a terminal on purpose
/// leads a group already and stays there.
#[cfg(unix)]
fn detach() {
    // Fails for the leader of a process group, such as one started from a shell.
    let _ = rustix::process::setsid();
    // Each published port and each connection takes a descriptor or two.
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, limit);
}

fn trace(paths: &MachinePaths) -> std::io::Result<()> {
    let filter = std::env::var("SLIPWAYD_LOG").unwrap_or_else(|_| "info".to_owned());
    let log = LogFile::open(paths.daemon_log())?;
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_ansi(false)
        .with_writer(log)
        .init();
    Ok(())
}
