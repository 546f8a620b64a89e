//! Slipway's machine, with places of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use slipway_e2e::{isolate, process, slipway};

use super::guest::CommandLine;
use super::way::Way;
use crate::report::{Figure, Goal, Series, Unit};

const PATIENCE: Duration = Duration::from_mins(4);
/// What the engine does once it has started is over by then.
const AT_REST: Duration = Duration::from_secs(15);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Slipway's machine. Dropping it ends it.
pub(super) struct Ours {
    home: PathBuf,
    image: PathBuf,
    daemon: Option<Child>,
}

/// What a start took, in milliseconds.
pub(super) struct Started {
    /// From the request until the engine answered at this computer's socket.
    pub(super) answered: f64,
    /// The steps, as Slipway tells them.
    pub(super) phases: Value,
}

impl Ours {
    pub(super) fn new(directory: &Path, image: &Path) -> Result<Self> {
        let ours = Self {
            home: directory.join("ours"),
            image: image.to_owned(),
            daemon: None,
        };
        fs::create_dir_all(&ours.home)?;
        Ok(ours)
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Result<Command> {
        let mut command = Command::new(program);
        isolate(&mut command, &self.home, None)?;
        command
            .env("SLIPWAY_GUEST_IMAGE", &self.image)
            .stdin(Stdio::null());
        Ok(command)
    }

    fn slipway(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(slipway())?.args(arguments).output()?;
        ensure!(
            output.status.success(),
            "slipway {}: {}{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn status(&self) -> Result<Value> {
        Ok(serde_json::from_str(
            &self.slipway(&["machine", "status", "--json"])?,
        )?)
    }

    /// What QEMU uses to run the guest, as `slipway machine status` says it.
    pub(super) fn accelerator(&self) -> Result<String> {
        let status = self.status()?;
        let accelerator = status["accelerator"]["name"].as_str();
        Ok(accelerator.context("it names none")?.to_owned())
    }

    pub(super) fn engine_version(&self) -> Result<String> {
        let output = self
            .docker()?
            .args(["version", "--format", "{{.Server.Version}}"])
            .output()?;
        ensure!(output.status.success(), "docker version fails");
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The machine's engine.
    pub(super) fn engine(&self) -> Way {
        Way::Socket(self.home.join("run/slipway/engine.sock"))
    }

    /// The docker command on the machine's engine.
    pub(super) fn docker(&self) -> Result<Command> {
        let mut command = self.command("docker")?;
        command.args(["--context", "slipway"]);
        Ok(command)
    }

    /// Its disk, when it is off.
    pub(super) fn data_disk(&self) -> PathBuf {
        self.home.join(".local/share/slipway/machine/data.raw")
    }

    /// What a program in the guest prints.
    pub(super) fn in_guest(&self, command: &[&str]) -> Result<String> {
        self.slipway(&[&["machine", "shell", "--"], command].concat())
    }

    /// Starts the machine, with the process that owns it.
    pub(super) fn start(&mut self) -> Result<Started> {
        ensure!(self.daemon.is_none(), "it runs already");
        let program = slipway().with_file_name("slipwayd");
        let began = Instant::now();
        let daemon = self
            .command("setpriv")?
            // It ends the machine in order when it is asked to end, and with this process.
            .args(["--pdeathsig", "TERM", "--"])
            .arg(&program)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("setpriv cannot be started")?;
        self.daemon = Some(daemon);
        let socket = self.home.join("run/slipway/daemon.sock");
        while !socket.exists() {
            ensure!(began.elapsed() < PATIENCE, "slipwayd does not start");
            std::thread::sleep(LOOK_AGAIN);
        }
        let engine = self.engine();
        let answer = std::thread::spawn(move || {
            while !engine.pings() {
                if began.elapsed() > PATIENCE {
                    return None;
                }
                std::thread::sleep(LOOK_AGAIN);
            }
            Some(began.elapsed().as_secs_f64() * 1_000.0)
        });
        let asked = self.slipway(&["machine", "start", "--json"]);
        let answered = answer.join().ok().flatten();
        asked?;
        Ok(Started {
            answered: answered.context("the machine's engine does not answer")?,
            phases: self.status()?["state"]["phases"].clone(),
        })
    }

    /// Stops it. In milliseconds from the request until QEMU is gone: what dockerd takes is in it.
    pub(super) fn stop(&mut self) -> Result<f64> {
        let qemu = self.qemu()?;
        let began = Instant::now();
        self.slipway(&["machine", "stop"])?;
        while process::name(qemu).starts_with("qemu-system") {
            ensure!(began.elapsed() < PATIENCE, "QEMU does not end");
            std::thread::sleep(LOOK_AGAIN);
        }
        let took = began.elapsed().as_secs_f64() * 1_000.0;
        self.end_daemon();
        Ok(took)
    }

    fn end_daemon(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = Command::new("kill").arg(daemon.id().to_string()).status();
            let _ = daemon.wait();
        }
    }

    /// The process that owns the machine.
    pub(super) fn daemon(&self) -> Result<u32> {
        Ok(self.daemon.as_ref().context("it does not run")?.id())
    }

    fn qemu(&self) -> Result<u32> {
        process::tree(self.daemon()?)
            .into_iter()
            .find(|pid| process::name(*pid).starts_with("qemu-system"))
            .context("the machine does not run")
    }

    /// How QEMU was started.
    pub(super) fn command_line(&self) -> Result<CommandLine> {
        let line = fs::read_to_string(format!("/proc/{}/cmdline", self.qemu()?))?;
        Ok(CommandLine(
            line.split_terminator('\0').map(str::to_owned).collect(),
        ))
    }

    /// What the guest uses when the engine has nothing to do.
    pub(super) fn memory_when_idle(&self) -> Result<GuestMemory> {
        std::thread::sleep(AT_REST);
        GuestMemory::parse(&self.in_guest(&["cat", "/proc/meminfo"])?)
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.end_daemon();
    }
}

/// What the memory of a guest is used for, in bytes.
pub(super) struct GuestMemory {
    /// Neither free nor a cache that can be given up: `used` of free(1) until procps 4.
    used: f64,
    /// All but `MemAvailable`: `used` of free(1) since.
    unavailable: f64,
}

impl GuestMemory {
    pub(super) fn parse(meminfo: &str) -> Result<Self> {
        let of = |name: &str| {
            meminfo
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .and_then(|value| value.split_whitespace().next()?.parse::<f64>().ok())
                .map(|kib| kib * 1024.0)
                .with_context(|| format!("the guest's kernel does not tell {name}"))
        };
        let total = of("MemTotal")?;
        let free = of("MemFree")? + of("Buffers")? + of("Cached")? + of("SReclaimable")?;
        if total <= free {
            bail!("the guest's kernel tells nonsense");
        }
        Ok(Self {
            used: total - free,
            unavailable: total - of("MemAvailable")?,
        })
    }

    pub(super) fn figures(&self, debian: &Self) -> Vec<Figure> {
        let series = |what: &str, bytes: f64| Series::of(what, vec![bytes / 1e6]);
        vec![
            Figure::number(
                "memory that the idle guest uses: all but free, buffers, page cache and reclaimable slabs",
                Unit::Megabytes,
                series("Slipway's machine", self.used),
                Some(Goal::AtMost(150.0)),
            )
            .beside(series("Debian", debian.used)),
            Figure::number(
                "the same: all but available",
                Unit::Megabytes,
                series("Slipway's machine", self.unavailable),
                None,
            )
            .beside(series("Debian", debian.unavailable)),
        ]
    }

    pub(super) fn note(&self) -> Value {
        serde_json::json!({ "used": self.used, "unavailable": self.unavailable })
    }
}
