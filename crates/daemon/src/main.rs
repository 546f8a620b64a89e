//! `slipwayd`: the process that owns Slipway's machine.
//!
//! It holds the machine's lock, so there is only one; a second one reports that and exits. It outlives the window and
//! the command that started it, shuts the machine down when it is asked to end (a signal, or through its socket)
//! or when its socket is removed, and exits by itself when it owns nothing and no client is connected. About containers
//! it knows only which ports they publish.

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

/// Idle time, without a client and a running machine, after which it exits.
const IDLE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let paths = match MachinePaths::of_user() {
        Ok(paths) => paths,
        Err(error) => return fail(&error),
    };
    // The lock comes before the log: without the lock, the log belongs to another process. Nothing is logged before.
    let log = || {
        if let Err(error) = trace(&paths) {
            eprintln!("There will be no log: {error}");
        }
    };
    let lease = match Lease::take_and(&paths, log) {
        Ok(lease) => lease,
        Err(error @ MachineError::Owned { .. }) => {
            // A second instance is no failure: the first one serves its clients.
            eprintln!("{error}");
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(&error),
    };
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
            // An abandoned check of the image must not delay the exit.
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

/// Owns the machine until a shutdown is requested, or nothing is left to own.
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
        // Without its socket nothing could stop the machine, and another start needs the lock.
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
        // A client requested the shutdown, and its answer is still to be sent.
        ended = &mut supervising => {
            let ended = ended.map_err(|error| MachineError::NoDaemon {
                reason: format!("had to end: {error}"),
            });
            lease = Some(ended?);
        }
    }
    // Send the answer to the shutdown request before the socket is removed.
    let mut clients = clients;
    let answered = clients.wait_for(|count| *count == 0);
    let _ = tokio::time::timeout(Duration::from_millis(500), answered).await;
    serving.abort();
    let _ = serving.await;
    let absent = machine.now().state == MachineState::Absent;
    tracing::info!("slipwayd ends");
    // Released last, after the sockets are removed.
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

/// Waits until the machine has not run and no client was connected for [`IDLE`]. Never returns if the supervisor has
/// ended.
async fn nothing_to_own(machine: MachineHandle, mut clients: watch::Receiver<usize>) {
    let (mut view, watching) = machine.watch();
    // This handle does not count as a watcher.
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
    // Their handlers stay for the life of the process: a second signal does not cut short what the first one began.
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hang_up), Ok(mut quit)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
        signal(SignalKind::hangup()),
        signal(SignalKind::quit()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hang_up.recv() => {}
        _ = quit.recv() => {}
    }
}

#[cfg(not(unix))]
async fn asked_to_end() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// Starts a separate session, so that it survives the terminal it was started from. If a user runs it in a terminal
/// directly, it already leads a process group and stays there.
#[cfg(unix)]
fn detach() {
    // Fails for the leader of a process group, such as one started from a shell.
    let _ = rustix::process::setsid();
    // Each published port and each connection needs a descriptor or two.
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
