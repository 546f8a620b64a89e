//! The floor: Slipway's own kernel, root and dockerd, with a shell script as the first process.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::guest::{Boots, CommandLine, Guest};
use super::ours::Ours;

const SCRIPT: &str = include_str!("floor.sh");
const SETTINGS: &str = "/run/containerd.toml";

/// What the floor boots.
pub(super) struct Floor {
    image: PathBuf,
    directory: PathBuf,
    data: PathBuf,
}

impl Floor {
    /// Makes it of a machine that runs: the same programs with the same arguments, and the same modules. dockerd is not told
    /// of the socket on its own network, which the floor has not.
    pub(super) fn of(ours: &Ours, image: &Path, peer: &Path, directory: &Path) -> Result<Self> {
        let arguments = |program: &str| {
            let look = format!("tr '\\0' ' ' < /proc/$(pidof {program})/cmdline");
            ours.in_guest(&["sh", "-c", &look])
        };
        let own_socket = "--host fd:// ";
        let dockerd = arguments("dockerd")?;
        ensure!(dockerd.contains(own_socket), "dockerd: {dockerd}");
        let modules = ours.in_guest(&["sh", "-c", "lsmod | sed 1d | cut -d' ' -f1"])?;
        let modules: Vec<&str> = modules.split_whitespace().collect();
        ensure!(
            modules.contains(&"overlay"),
            "the machine's modules cannot be listed"
        );
        let script = SCRIPT
            .replace("@MODULES@", &modules.join(" "))
            .replace("@CONTAINERD@", arguments("containerd")?.trim())
            .replace("@DOCKERD@", dockerd.replace(own_socket, "").trim());
        let tree = directory.join("tree");
        fs::create_dir_all(tree.join("bin"))?;
        fs::write(tree.join("init"), script)?;
        fs::write(
            tree.join("containerd.toml"),
            ours.in_guest(&["cat", SETTINGS])?,
        )?;
        fs::copy(peer, tree.join("peer"))?;
        fs::copy("/bin/busybox", tree.join("bin/busybox"))
            .context("busybox-static is not installed")?;
        for program in ["init", "peer", "bin/busybox"] {
            let status = Command::new("chmod")
                .arg("755")
                .arg(tree.join(program))
                .status()?;
            ensure!(status.success(), "chmod {program}");
        }
        // The kernel unpacks one archive after the other, so that this script comes over Slipway's agent.
        let mut initrd = fs::read(image.join("initrd"))?;
        initrd.resize(initrd.len().next_multiple_of(4), 0);
        initrd.extend(archive(&tree)?);
        fs::write(directory.join("initrd"), initrd)?;
        Ok(Self {
            image: image.to_owned(),
            directory: directory.to_owned(),
            data: ours.data_disk(),
        })
    }

    /// Starts it with a copy of the machine's disk. The machine has to be off.
    pub(super) fn start(&self, hardware: &CommandLine) -> Result<Guest> {
        Guest::start(
            hardware,
            &Boots {
                kernel: self.image.join("vmlinuz"),
                initrd: self.directory.join("initrd"),
                command_line: hardware.value("-append").to_owned(),
                root: self.image.join("root.erofs"),
                data: self.data.clone(),
                forwards: Vec::new(),
            },
            &self.directory,
        )
    }
}

fn archive(tree: &Path) -> Result<Vec<u8>> {
    let mut cpio = Command::new("cpio")
        .args(["--create", "--format=newc", "--owner=0:0", "--quiet"])
        .current_dir(tree)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cpio is not installed")?;
    if let Some(mut names) = cpio.stdin.take() {
        names.write_all(b"bin\nbin/busybox\ninit\npeer\ncontainerd.toml\n")?;
    }
    let output = cpio.wait_with_output()?;
    ensure!(output.status.success(), "cpio ended with {}", output.status);
    Ok(output.stdout)
}
