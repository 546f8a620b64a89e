//! The boot sequence, from the kernel's first process to a dockerd that answers.
//!
//! ```text
//! mounts ─ drivers ─┬─ link (serves whatever else fails)
//!                   └─ root ─ switch ─┬─ data disk ─┬─ containerd
//!                                     │             └─ dockerd ─ answers
//!                                     ├─ the engine's network (another thread) ─ a socket for dockerd
//!                                     └─ modules for dockerd (another thread) ─ firewall ─ network
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rustix::process::{Resource, Rlimit, setrlimit};
use slipway_link::{DiskState, GuestEvent, Phase};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{LocalSet, spawn_blocking, spawn_local};

use crate::data_disk::Unusable;
use crate::error::{Doing, Result};
use crate::machine::Machine;
use crate::{
    clock, data_disk, disk, engine_network, modules, mounts, network, power, power_button, serve,
    service,
};

/// Never returns: the kernel panics when its first process exits.
pub(crate) fn run() -> ! {
    if std::process::id() != 1 {
        eprintln!("slipway-guest is the first process of Slipway's machine and nothing else.");
        std::process::exit(2);
    }
    loop {
        // A panic in a task ends only that task; this handles the rest.
        let ended = catch_unwind(AssertUnwindSafe(boot));
        let why = match ended {
            Ok(Err(error)) => error.to_string(),
            Ok(Ok(())) => "its tasks ended".to_owned(),
            Err(_) => "it panicked".to_owned(),
        };
        eprintln!("slipway-guest: {why}");
        std::thread::sleep(std::time::Duration::from_hours(1));
    }
}

fn boot() -> Result<()> {
    let started_ms = clock::since_kernel_start_ms();
    mounts::early()?;
    let not_loaded = modules::load_in_order(Path::new("/modules"))?;
    let loaded_ms = clock::since_kernel_start_ms();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .doing(|| "The agent's runtime could not be made".into())?;
    LocalSet::new().block_on(&runtime, async {
        let machine = Machine::new();
        let phase = |phase| GuestEvent::Phase { phase };
        machine.news.tell_at(started_ms, phase(Phase::Agent));
        machine.news.tell_at(loaded_ms, phase(Phase::Drivers));
        for failure in not_loaded {
            machine.news.warn(failure);
        }
        let reaping = machine.clone();
        spawn_local(async move {
            let error = reaping.children.reap().await;
            reaping
                .news
                .warn(format!("Nobody waits for processes any more: {error}"));
        });
        spawn_local(listen_for_signals(machine.clone()));
        let serving = spawn_local(serve::serve(machine.clone()));
        if let Err(error) = start_docker(&machine).await {
            let reason = error.to_string();
            eprintln!("slipway-guest: {reason}");
            machine.news.tell(GuestEvent::Failed { reason });
        }
        // Keeps serving, whatever the outcome of the boot.
        let _ = serving.await;
        Ok(())
    })
}

async fn start_docker(machine: &Machine) -> Result<()> {
    let root = disk::find("root").await?;
    mounts::switch_root(&root)?;
    mounts::late()?;
    machine.news.phase(Phase::Root);
    raise_limits(machine);

    let engine_socket = spawn_local(engine_network::listen());
    network::prepare(&machine.news);
    let networking = machine.clone();
    spawn_local(async move {
        match spawn_blocking(modules::load_for_docker).await {
            Ok(Ok(failures)) => failures
                .into_iter()
                .for_each(|failure| networking.news.warn(failure)),
            Ok(Err(error)) => networking.news.warn(error.to_string()),
            Err(error) => networking.news.warn(error.to_string()),
        }
        // The firewall needs some of these modules as well.
        match network::bring_up(&networking.children).await {
            Ok(()) => networking.news.phase(Phase::Network),
            Err(error) => networking
                .news
                .warn(format!("The machine has no network: {error}")),
        }
        // Nothing depends on it. Failures do not matter on machines without such a button.
        if let Ok(Err(error)) = spawn_blocking(modules::load_for_power_button).await {
            networking.news.warn(error.to_string());
        }
        power_button::listen(networking).await;
    });

    let mounted = loop {
        match data_disk::mount(&machine.children, &machine.news).await {
            Ok(mounted) => break mounted,
            Err(Unusable::Broken { reason, repairable }) => {
                machine.news.disk(DiskState::Broken { reason, repairable });
                machine.try_disk_again.notified().await;
            }
            Err(Unusable::Failed(error)) => return Err(error),
        }
    };
    machine.data_mounted.set(true);
    machine.news.phase(Phase::Data);
    spawn_local(service::keep_containerd(machine.clone()));
    spawn_local(service::keep_dockerd(machine.clone(), engine_socket));
    mounted.grow(&machine.children, &machine.news).await;
    Ok(())
}

/// Resource limits that containers inherit.
fn raise_limits(machine: &Machine) {
    const FILES: u64 = 1_048_576;
    let of = |most| Rlimit {
        current: most,
        maximum: most,
    };
    for (resource, limit) in [
        (Resource::Nofile, of(Some(FILES))),
        (Resource::Nproc, of(None)),
        (Resource::Core, of(None)),
        (Resource::Memlock, of(None)),
    ] {
        if let Err(error) = setrlimit(resource, limit) {
            machine
                .news
                .warn(format!("A limit could not be raised: {error}"));
        }
    }
}

/// Ctrl-Alt-Del and SIGTERM power the machine off in order.
async fn listen_for_signals(machine: Machine) {
    let _ = rustix::system::reboot(rustix::system::RebootCommand::CadOff);
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    power::off(&machine).await;
}
