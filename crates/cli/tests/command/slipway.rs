//! Runs the binary with a separate home directory and configuration.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use slipway_testkit::Engine;
use tempfile::TempDir;

pub(crate) use crate::ended::{Ended, get};

/// The command of a user without any configuration, with one engine.
pub(crate) struct Slipway {
    home: TempDir,
    host: String,
}

impl Slipway {
    pub(crate) fn with(engine: &Engine) -> Self {
        Self::at(&engine.host())
    }

    pub(crate) fn at(host: &str) -> Self {
        Self {
            home: tempfile::tempdir().expect("a temporary directory"),
            host: host.to_owned(),
        }
    }

    /// The home directory, which is also the current one.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_slipway"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .env("XDG_CONFIG_HOME", self.home().join(".config"))
            .env("DOCKER_HOST", &self.host)
            .env("LANG", "C.UTF-8")
            .current_dir(self.home())
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).output().expect("the binary runs");
        Ended::of(arguments, &output)
    }

    /// Runs it and expects success. Returns its output.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        self.run(arguments).exits(0).stdout
    }

    /// Runs it with `--json`, expects success, and returns the document.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--json"]].concat()).exits(0);
        assert_eq!(ended.stderr, "", "{arguments:?}");
        ended.document()
    }

    /// Starts it, with pipes.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs")
    }
}

/// Waits for a state, with a deadline that only a failure reaches.
#[track_caller]
pub(crate) fn eventually(what: &str, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !ready() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Names of all containers of an engine.
pub(crate) fn containers(engine: &Engine) -> Vec<String> {
    let names = engine.docker_ok(&["ps", "-a", "--format", "{{.Names}}"]);
    names.lines().map(str::to_owned).collect()
}
