//! Shutdown: containers and dockerd, the data disk, power off.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::system::{RebootCommand, reboot};
use slipway_link::GuestEvent;
use tokio::time::{sleep, timeout};

use crate::machine::Machine;
use crate::{mounts, service};

/// A little more than dockerd's own timeout.
const DOCKERD_PATIENCE: Duration =
    service::CONTAINERS_PATIENCE.saturating_add(Duration::from_secs(2));
/// Time for the last messages to reach the host.
const LAST_WORDS: Duration = Duration::from_millis(20);

/// Stops everything and powers the machine off. A second call has no effect.
pub(crate) async fn off(machine: &Machine) {
    if machine.stopping.replace(true) {
        return std::future::pending().await;
    }
    machine.news.tell(GuestEvent::PoweringOff);
    if machine.dockerd_runs.get() {
        let ended = machine.dockerd_ended.notified();
        machine.end_dockerd.notify_one();
        if timeout(DOCKERD_PATIENCE, ended).await.is_err() {
            machine
                .news
                .warn("Docker did not stop in time and was ended");
        }
    }
    kill_everybody();
    sleep(LAST_WORDS).await;
    if machine.data_mounted.get() {
        off_the_disk(machine).await;
    }
    rustix::fs::sync();
    if let Err(error) = reboot(RebootCommand::PowerOff) {
        machine
            .news
            .warn(format!("The machine cannot be powered off: {error}"));
    }
}

/// Time for the kernel to release the disk after processes were killed.
async fn off_the_disk(machine: &Machine) {
    for _ in 0..50 {
        match mounts::data_off() {
            Ok(()) => return,
            Err(error) => machine.news.log(&error.to_string()),
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Kills every process but the first.
fn kill_everybody() {
    let Ok(processes) = fs::read_dir("/proc") else {
        return;
    };
    for entry in processes.flatten() {
        let raw = entry.file_name().to_string_lossy().parse().unwrap_or(0);
        if raw > 1
            && let Some(pid) = Pid::from_raw(raw)
        {
            // Kernel threads ignore signals.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}
