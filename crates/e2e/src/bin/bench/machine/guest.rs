//! A guest to compare with, in a QEMU that is started with the command line of Slipway's own.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// A boot on an emulated processor of a computer that has other things to do.
const PATIENCE: Duration = Duration::from_mins(4);

/// QEMU's command line.
#[derive(Debug, Clone)]
pub(super) struct CommandLine(pub(super) Vec<String>);

impl CommandLine {
    /// Gives the option `name` another value. Of several with this name, those whose value begins with `start`.
    fn set(&mut self, name: &str, start: &str, value: impl Into<String>) -> Result<()> {
        let at = self
            .0
            .windows(2)
            .position(|pair| pair[0] == name && pair[1].starts_with(start))
            .with_context(|| format!("Slipway's QEMU has no option {name} {start}"))?;
        self.0[at + 1] = value.into();
        Ok(())
    }

    /// Takes an option away. Of several with this name, the one that has `word` in its value.
    fn remove(&mut self, name: &str, word: &str) {
        let at = self
            .0
            .windows(2)
            .position(|pair| pair[0] == name && pair[1].contains(word));
        if let Some(at) = at {
            self.0.drain(at..at + 2);
        }
    }

    /// The value of an option.
    pub(super) fn value(&self, name: &str) -> &str {
        self.0
            .windows(2)
            .find(|pair| pair[0] == name)
            .map_or("", |pair| &pair[1])
    }
}

/// What a guest boots.
pub(super) struct Boots {
    pub(super) kernel: PathBuf,
    pub(super) initrd: PathBuf,
    pub(super) command_line: String,
    /// The disks; what is written to them is lost.
    pub(super) root: PathBuf,
    pub(super) data: PathBuf,
    /// Ports of this computer, and where they lead in the guest.
    pub(super) forwards: Vec<(u16, u16)>,
}

/// A running guest. Dropping it ends it.
pub(super) struct Guest {
    qemu: Child,
    /// When QEMU was started.
    started: Instant,
    reports: UnixStream,
    console: PathBuf,
}

impl Guest {
    /// Starts QEMU in a directory of its own.
    pub(super) fn start(hardware: &CommandLine, boots: &Boots, directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let mut command_line = hardware.clone();
        let path = |path: &Path| path.display().to_string().replace(',', ",,");
        let (link, console) = (directory.join("link.sock"), directory.join("console.log"));
        let _ = fs::remove_file(&link);
        command_line.set("-kernel", "", path(&boots.kernel))?;
        command_line.set("-initrd", "", path(&boots.initrd))?;
        command_line.set("-append", "", &*boots.command_line)?;
        command_line.set("-serial", "", format!("file:{}", path(&console)))?;
        for (name, disk) in [("root", &boots.root), ("data", &boots.data)] {
            let copy = directory.join(name);
            // A copy that shares what it can.
            let copied = Command::new("cp")
                .args(["--sparse=always", "--reflink=auto"])
                .args([disk, &copy])
                .status()?;
            anyhow::ensure!(copied.success(), "{} cannot be copied", disk.display());
            command_line.set(
                "-blockdev",
                &format!("driver=raw,node-name={name},"),
                format!(
                    "driver=raw,node-name={name},discard=unmap,file.driver=file,file.discard=unmap,file.filename={}",
                    path(&copy)
                ),
            )?;
        }
        // Nobody is on those networks, and systemd would wait for somebody.
        for network in ["ports", "engine"] {
            command_line.remove("-netdev", &format!("id={network}"));
            command_line.remove("-device", &format!("netdev={network}"));
        }
        let mut network = hardware.value("-netdev").to_owned();
        for (here, there) in &boots.forwards {
            // Writing to a String does not fail.
            let _ = write!(network, ",hostfwd=tcp:127.0.0.1:{here}-:{there}");
        }
        command_line.set("-netdev", "user", network)?;
        command_line.set(
            "-chardev",
            "socket,id=link",
            format!("socket,id=link,path={},server=on,wait=off", path(&link)),
        )?;
        command_line.set(
            "-qmp",
            "unix:",
            format!(
                "unix:{},server=on,wait=off",
                path(&directory.join("qmp.sock"))
            ),
        )?;
        let program = command_line.0.remove(0);
        let log = File::create(directory.join("qemu.log"))?;
        let started = Instant::now();
        let mut qemu = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", &program])
            .args(&command_line.0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("setpriv cannot be started")?;
        let reports = loop {
            match UnixStream::connect(&link) {
                Ok(stream) => break stream,
                Err(_) if started.elapsed() < PATIENCE && qemu.try_wait()?.is_none() => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => {
                    let _ = qemu.kill();
                    let _ = qemu.wait();
                    let words = fs::read_to_string(directory.join("qemu.log")).unwrap_or_default();
                    bail!("QEMU does not run ({error}): {}", words.trim());
                }
            }
        };
        Ok(Self {
            qemu,
            started,
            reports,
            console,
        })
    }

    /// Waits until the guest reports that its engine answers. In milliseconds since QEMU was started.
    pub(super) fn wait_for_engine(&self) -> Result<f64> {
        self.reports.set_read_timeout(Some(PATIENCE))?;
        let mut reports = &self.reports;
        match reports.read(&mut [0; 64]) {
            Ok(count) if count > 0 => Ok(self.started.elapsed().as_secs_f64() * 1_000.0),
            other => {
                let console = fs::read(&self.console).unwrap_or_default();
                let console =
                    String::from_utf8_lossy(&console[console.len().saturating_sub(3000)..])
                        .into_owned();
                bail!("the guest's engine does not answer ({other:?}); its console:\n{console}");
            }
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}
