//! A Debian as it comes: its own kernel, systemd, docker.io and sshd. `cargo xtask bench machine` has made it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::guest::{Boots, CommandLine, Guest};
use super::ours::GuestMemory;
use super::way::Way;
use super::{ENGINE_PORT, PEER_PORT};

const PATIENCE: Duration = Duration::from_mins(2);
const AT_REST: Duration = Duration::from_secs(15);
const SSH_PORT: u16 = 22;

/// The disk and the kernel, and where the guest's ports are on this computer.
pub(super) struct Debian {
    directory: PathBuf,
    ssh: u16,
    engine: u16,
    peer: u16,
}

/// An `ssh` that forwards. Dropping it ends it.
pub(super) struct SshForward {
    ssh: Child,
    pub(super) engine: Way,
    pub(super) peer: Way,
}

impl Debian {
    /// What was made in `directory`.
    pub(super) fn made(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            ssh: slipway_testkit::free_port(),
            engine: slipway_testkit::free_port(),
            peer: slipway_testkit::free_port(),
        }
    }

    pub(super) fn start(&self, hardware: &CommandLine, directory: &Path) -> Result<Guest> {
        std::fs::create_dir_all(directory)?;
        let empty = directory.join("empty");
        File::create(&empty)?.set_len(1 << 30)?;
        let console = hardware
            .value("-append")
            .split_whitespace()
            .rfind(|word| word.starts_with("console="))
            .unwrap_or("console=ttyS0")
            .to_owned();
        Guest::start(
            hardware,
            &Boots {
                kernel: self.directory.join("vmlinuz"),
                initrd: self.directory.join("initrd"),
                command_line: format!("root=/dev/vda rw quiet {console}"),
                root: self.directory.join("root.raw"),
                data: empty,
                forwards: vec![
                    (self.ssh, SSH_PORT),
                    (self.engine, ENGINE_PORT),
                    (self.peer, PEER_PORT),
                ],
            },
            directory,
        )
    }

    /// The engine, by QEMU's own forward.
    pub(super) fn engine(&self) -> Way {
        Way::Port(self.engine)
    }

    /// What a container publishes at [`PEER_PORT`], by QEMU's own forward.
    pub(super) fn peer(&self) -> Way {
        Way::Port(self.peer)
    }

    /// The docker command on its engine.
    pub(super) fn docker(&self) -> Command {
        let mut command = Command::new("docker");
        command
            .args(["--host", &format!("tcp://127.0.0.1:{}", self.engine)])
            .env_remove("DOCKER_CONTEXT");
        command
    }

    fn ssh_command(&self) -> Command {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--", "ssh", "-q", "-F", "none", "-i"])
            .arg(self.directory.join("key"))
            .args([
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
            ])
            .args(["-o", "ExitOnForwardFailure=yes", "-o", "ConnectTimeout=60"])
            .args(["-p", &self.ssh.to_string()])
            .stdin(Stdio::null());
        command
    }

    /// What a program in the guest prints.
    fn in_guest(&self, command: &str) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let output = self
                .ssh_command()
                .args(["root@127.0.0.1", command])
                .output()?;
            if output.status.success() {
                return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
            }
            // Its engine may answer before its sshd does.
            ensure!(
                Instant::now() < deadline,
                "ssh to the Debian guest: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// What the guest uses when the engine has nothing to do.
    pub(super) fn memory_when_idle(&self) -> Result<GuestMemory> {
        std::thread::sleep(AT_REST);
        GuestMemory::parse(&self.in_guest("cat /proc/meminfo")?)
    }

    /// `ssh -L` to the engine's socket and to a container's address.
    pub(super) fn forward_by_ssh(&self, container: &str, directory: &Path) -> Result<SshForward> {
        // Waits until sshd answers.
        self.in_guest("true")?;
        let socket = directory.join("ssh-engine.sock");
        let peer = slipway_testkit::free_port();
        let ssh = self
            .ssh_command()
            .arg("-N")
            .args(["-L", &format!("{}:/run/docker.sock", socket.display())])
            .args(["-L", &format!("127.0.0.1:{peer}:{container}:{PEER_PORT}")])
            .arg("root@127.0.0.1")
            .spawn()
            .context("ssh cannot be started")?;
        let forward = SshForward {
            ssh,
            engine: Way::Socket(socket),
            peer: Way::Port(peer),
        };
        let deadline = Instant::now() + PATIENCE;
        while !forward.engine.pings() {
            ensure!(Instant::now() < deadline, "`ssh -L` does not forward");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(forward)
    }
}

impl Drop for SshForward {
    fn drop(&mut self) {
        let _ = self.ssh.kill();
        let _ = self.ssh.wait();
    }
}
