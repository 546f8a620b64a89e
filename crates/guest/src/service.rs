//! Supervises containerd and dockerd: starts, watches and restarts them.

use std::fs;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use slipway_link::guest_network;
use slipway_link::{DockerState, GuestEvent, Phase, Service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::children::Child;
use crate::error::Result;
use crate::log::Log;
use crate::machine::Machine;

pub(crate) const DOCKER_SOCKET: &str = "/run/docker.sock";
const CONTAINERD_SOCKET: &str = "/run/containerd/containerd.sock";
const CONTAINERD_SETTINGS: &str = "/run/containerd.toml";

/// First pause before a restart; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A program that ran for this long counts as started successfully.
const RAN_WELL: Duration = Duration::from_mins(1);
/// How long dockerd may take to stop all containers. Each has its own stop timeout, 10 s by default; then dockerd kills
/// it.
pub(crate) const CONTAINERS_PATIENCE: Duration = Duration::from_mins(5);
/// Timeout for dockerd without containers.
const DOCKERD_PATIENCE: Duration = Duration::from_secs(10);
const CONTAINERD_PATIENCE: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const COUNT_AGAIN: Duration = Duration::from_millis(500);
/// `containerd-shim-runc-v2`, truncated as the kernel does for process names.
const SHIM: &str = "containerd-shim";

/// containerd plug-ins that dockerd does not use: each costs start-up time and memory.
const CONTAINERD: &str = r#"version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = -999
disabled_plugins = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.restart",
  "io.containerd.internal.v1.tracing",
  "io.containerd.nri.v1.nri",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
address = "/run/containerd/containerd.sock"
"#;

fn containerd() -> Command {
    let mut command = Command::new("/usr/bin/containerd");
    command.args(["--config", CONTAINERD_SETTINGS]);
    command
}

/// Passes its standard input as a socket, in systemd's protocol, and executes its arguments.
const WITH_SOCKET: &str = r#"exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@""#;

/// dockerd, with an additional listening socket if there is one.
fn dockerd(socket: Option<OwnedFd>) -> Command {
    const DOCKERD: &str = "/usr/sbin/dockerd";
    let mut command = match socket {
        Some(socket) => {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", WITH_SOCKET, "sh", DOCKERD]);
            command.args(["--host", "fd://"]).stdin(socket);
            command
        }
        None => Command::new(DOCKERD),
    };
    command.args(["--host", "unix:///run/docker.sock"]);
    command.args(["--containerd", CONTAINERD_SOCKET]);
    command.args(["--group", "root"]);
    command.arg("--userland-proxy=false");
    // The path between this computer and a container allows long packets. On the way out, TCP negotiates its segment
    // size, and an oversized datagram gets an error.
    let mtu = guest_network::MTU;
    command.args(["--mtu", &mtu.to_string()]);
    command.arg(format!(
        "--default-network-opt=bridge=com.docker.network.driver.mtu={mtu}"
    ));
    // Values that it would otherwise find out by itself.
    command.args(["--storage-driver", "overlay2"]);
    command.args(["--exec-opt", "native.cgroupdriver=cgroupfs"]);
    command.args(["--shutdown-timeout", "8"]);
    command
}

/// Keeps containerd running until the machine shuts down.
pub(crate) async fn keep_containerd(machine: Machine) {
    if let Err(error) = fs::write(CONTAINERD_SETTINGS, CONTAINERD) {
        machine.news.warn(format!(
            "containerd's settings could not be written: {error}"
        ));
    }
    let told = machine.clone();
    tokio::task::spawn_local(async move {
        while UnixStream::connect(CONTAINERD_SOCKET).await.is_err() {
            sleep(LOOK_AGAIN).await;
        }
        told.news.phase(Phase::Containerd);
    });
    let mut pause = FIRST_PAUSE;
    while !machine.stopping.get() {
        let started = Instant::now();
        let why = match start(&machine, &mut containerd(), &machine.containerd_log) {
            Ok(mut child) => {
                tokio::select! {
                    ended = child.ended() => ended.to_string(),
                    () = machine.end_containerd.notified() => {
                        end(&mut child, CONTAINERD_PATIENCE).await;
                        "it was told to end".to_owned()
                    }
                }
            }
            Err(why) => why,
        };
        if machine.stopping.get() {
            return;
        }
        let service = Service::Containerd;
        machine.news.tell(GuestEvent::Restarted { service, why });
        sleep(next_pause(&mut pause, started.elapsed())).await;
    }
}

/// Keeps dockerd running until the machine shuts down. It listens at its own socket, and at a second one once that is
/// ready.
pub(crate) async fn keep_dockerd(machine: Machine, socket: JoinHandle<Result<Option<OwnedFd>>>) {
    let socket = match socket.await {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) => {
            machine.news.warn(error.to_string());
            None
        }
        Err(error) => {
            machine.news.warn(error.to_string());
            None
        }
    };
    if socket.is_some() {
        machine.news.tell(GuestEvent::EngineNetwork);
    }
    let mut pause = FIRST_PAUSE;
    let mut first = true;
    machine.dockerd_runs.set(true);
    while !machine.stopping.get() {
        machine.news.docker(DockerState::Starting);
        // Its pid may belong to another process by now.
        let _ = fs::remove_file("/run/docker.pid");
        let started = Instant::now();
        // The socket is kept, so that waiting connections are served by the next dockerd.
        let copy = socket.as_ref().map(OwnedFd::try_clone).transpose();
        let command = copy.map(dockerd).map_err(|error| error.to_string());
        let child =
            command.and_then(|mut command| start(&machine, &mut command, &machine.dockerd_log));
        let why = match child {
            Ok(child) => watch_dockerd(&machine, child, &mut first).await,
            Err(why) => why,
        };
        machine.docker_answers.set(false);
        if machine.stopping.get() {
            break;
        }
        let after = next_pause(&mut pause, started.elapsed());
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        machine
            .news
            .docker(DockerState::Restarting { why, after_ms });
        tokio::select! {
            () = sleep(after) => {}
            // There is nothing to end; the wait is over.
            () = machine.end_dockerd.notified() => {}
        }
    }
    machine.news.docker(DockerState::Stopped);
    machine.dockerd_runs.set(false);
    machine.dockerd_ended.notify_waiters();
}

async fn watch_dockerd(machine: &Machine, mut child: Child, first: &mut bool) -> String {
    let answers = async {
        while !answers().await {
            sleep(LOOK_AGAIN).await;
        }
    };
    tokio::select! {
        ended = child.ended() => return last_words(ended, &machine.dockerd_log),
        () = machine.end_dockerd.notified() => {
            end_dockerd(&mut child).await;
            return "it was told to end".into();
        }
        () = answers => {}
    }
    machine.docker_answers.set(true);
    if std::mem::take(first) {
        machine.news.phase(Phase::Docker);
    }
    machine.news.docker(DockerState::Running);
    tokio::select! {
        ended = child.ended() => last_words(ended, &machine.dockerd_log),
        () = machine.end_dockerd.notified() => {
            end_dockerd(&mut child).await;
            "it was told to end".into()
        }
    }
}

/// Why a program ended: its last output, if it exited by itself.
fn last_words(ended: crate::children::Ended, log: &Log) -> String {
    let tail = log.tail(600);
    let last = tail.lines().next_back().unwrap_or_default();
    format!("{ended}; the last it said was: {last}")
}

fn start(machine: &Machine, command: &mut Command, log: &Log) -> Result<Child, String> {
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", "/root");
    machine
        .children
        .start_logged(command, log)
        .map(|(child, _)| child)
        .map_err(|error| error.to_string())
}

async fn end(child: &mut Child, patience: Duration) {
    child.signal(Signal::TERM);
    if timeout(patience, child.ended()).await.is_err() {
        child.signal(Signal::KILL);
        child.ended().await;
    }
}

/// Ends dockerd, which stops all containers first.
async fn end_dockerd(child: &mut Child) {
    child.signal(Signal::TERM);
    let began = Instant::now();
    let mut containers_seen = began;
    loop {
        if timeout(COUNT_AGAIN, child.ended()).await.is_ok() {
            return;
        }
        if containers_run() {
            containers_seen = Instant::now();
        }
        if containers_seen.elapsed() > DOCKERD_PATIENCE || began.elapsed() > CONTAINERS_PATIENCE {
            child.signal(Signal::KILL);
            child.ended().await;
            return;
        }
    }
}

/// Whether a container is running: each has a shim for as long as it runs.
fn containers_run() -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .map(|process| process.path().join("comm"))
        .any(|comm| fs::read_to_string(comm).is_ok_and(|name| name.trim() == SHIM))
}

fn next_pause(pause: &mut Duration, ran: Duration) -> Duration {
    if ran > RAN_WELL {
        *pause = FIRST_PAUSE;
    }
    let now = *pause;
    *pause = (now * 2).min(LONGEST_PAUSE);
    now
}

/// Whether dockerd answers a ping. While it starts, it accepts the connection and answers later.
async fn answers() -> bool {
    let ask = async {
        let mut stream = UnixStream::connect(DOCKER_SOCKET).await?;
        stream
            .write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")
            .await?;
        let mut status = [0; 12];
        stream.read_exact(&mut status).await?;
        std::io::Result::Ok(status.ends_with(b" 200"))
    };
    ask.await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_a_program_has_run_well() {
        let mut pause = FIRST_PAUSE;
        let short = Duration::from_secs(1);
        let pauses: Vec<_> = (0..8)
            .map(|_| next_pause(&mut pause, short).as_millis())
            .collect();
        assert_eq!(pauses, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(next_pause(&mut pause, RAN_WELL * 2), FIRST_PAUSE);
    }
}
