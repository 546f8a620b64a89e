//! The command with its own machine.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::ended::Ended;

/// Timeout of a boot on an emulated processor, on a computer that is busy with other work too.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// Directories of one test. Dropping it ends everything that runs there.
pub(crate) struct Own {
    home: TempDir,
}

impl Own {
    /// `None` after reporting what is missing.
    pub(crate) fn new() -> Option<Self> {
        let target = target();
        for (needed, how) in [
            ("debug/slipwayd", "cargo build -p slipway-daemon"),
            ("welcome/amd64.tar", "cargo xtask welcome-image"),
            ("guest", "cargo xtask guest-image"),
        ] {
            if !target.join(needed).exists() {
                let missing = format!("{} is missing: run `{how}`", target.join(needed).display());
                assert!(std::env::var_os("CI").is_none(), "{missing}");
                eprintln!("NOT TESTED: {missing}");
                return None;
            }
        }
        Some(Self {
            home: tempfile::tempdir().expect("a temporary directory"),
        })
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// What the machine keeps.
    pub(crate) fn data(&self) -> PathBuf {
        self.home().join("data/slipway")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_slipway"));
        command.args(arguments);
        self.equip(&mut command);
        command
    }

    /// Sets a program's home directory, and selects the machine's engine, because the computer may have another one.
    pub(crate) fn equip(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .env("XDG_DATA_HOME", self.home().join("data"))
            .env("XDG_RUNTIME_DIR", self.home().join("run"))
            .env("SLIPWAY_ENGINE", "machine")
            .env("SLIPWAY_WELCOME_IMAGES", target().join("welcome"))
            .env("LANG", "C.UTF-8")
            .current_dir(self.home())
            .stdin(Stdio::null());
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).output().expect("the binary runs");
        Ended::of(arguments, &output)
    }

    /// Runs it and expects success. Returns its output.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        if ended.code != Some(0) {
            eprintln!("{}", self.log());
        }
        ended.exits(0).stdout
    }

    /// Runs it with `--json`, expects success, and returns the document.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--json"]].concat());
        if ended.code != Some(0) {
            eprintln!("{}", self.log());
        }
        ended.exits(0).document()
    }

    /// The machine's state: `absent`, `stopped`, `running`.
    #[track_caller]
    pub(crate) fn state(&self) -> String {
        let state = self.json(&["machine", "status"])["state"]["is"].clone();
        state.as_str().expect("a word").to_owned()
    }

    /// Starts it, with pipes.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs")
    }

    /// The process that owns the machine.
    pub(crate) fn daemon(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.data().join("machine.lock")).ok()?;
        let pid = text.lines().next()?.parse().ok()?;
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        (name.trim() == "slipwayd").then_some(pid)
    }

    /// Whether our QEMU is running.
    pub(crate) fn qemu_runs(&self) -> bool {
        let wanted = self.home().to_string_lossy().into_owned();
        std::fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
            .any(|line| {
                let line = String::from_utf8_lossy(&line);
                line.contains("qemu-system") && line.contains(&wanted)
            })
    }

    /// The log of `slipwayd`, for a failure message.
    pub(crate) fn log(&self) -> String {
        let text = std::fs::read(self.data().join("slipwayd.log")).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(6000)..]).into_owned()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // QEMU ends with it.
        if let Some(pid) = self.daemon() {
            let _ = slipway_testkit::signal(pid, "KILL");
        }
    }
}

fn target() -> PathBuf {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_slipway"));
    let target = program.ancestors().nth(2).expect("target/debug/slipway");
    target.to_owned()
}

/// Waits for a state, with a deadline that only a failure reaches.
#[track_caller]
pub(crate) fn eventually(what: &str, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !ready() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
