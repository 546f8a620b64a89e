//! Runs the binary with a home and a configuration of its own.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use slipway_testkit::Engine;
use tempfile::TempDir;

/// The command, as a person without any configuration has it, aimed at one engine.
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

    /// Runs it and wants it to succeed. Returns what it printed.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        self.run(arguments).exits(0).stdout
    }

    /// Runs it with `--json`, wants it to succeed, and returns the document.
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

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    #[expect(dead_code, reason = "shown when a test fails")]
    arguments: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(arguments: &[&str], output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            arguments: arguments.join(" "),
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Standard output, which has to be exactly one JSON document.
    #[track_caller]
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// The error that `--json` writes to standard error, after the lines for people.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        let line = self.stderr.lines().find(|line| line.starts_with('{'));
        let line = line.unwrap_or_else(|| panic!("no error document: {self:#?}"));
        let document: Value = serde_json::from_str(line).expect("JSON");
        document["error"].clone()
    }

    /// Wants an `error:` line with these words and a `hint:` line with those.
    #[track_caller]
    pub(crate) fn says(self, error: &str, hint: &str) -> Self {
        let line = |label: &str| {
            let mut lines = self.stderr.lines();
            lines.find_map(|line| line.strip_prefix(label).map(str::to_owned))
        };
        let told = line("error: ").unwrap_or_else(|| panic!("no error: {self:#?}"));
        assert!(told.contains(error), "not `{error}`: {self:#?}");
        let hinted = line("hint: ").unwrap_or_else(|| panic!("no hint: {self:#?}"));
        assert!(hinted.contains(hint), "not `{hint}`: {self:#?}");
        self
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

/// The status line and body of a page.
pub(crate) fn get(url: &str) -> String {
    use std::io::{Read as _, Write as _};
    let address = url.strip_prefix("http://").expect("an http address");
    let (address, path) = address.split_once('/').unwrap_or((address, ""));
    let mut answer = String::new();
    if let Ok(mut stream) = std::net::TcpStream::connect(address) {
        let _ = write!(stream, "GET /{path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
        let _ = stream.read_to_string(&mut answer);
    }
    answer
}

/// Names of all containers of an engine.
pub(crate) fn containers(engine: &Engine) -> Vec<String> {
    let names = engine.docker_ok(&["ps", "-a", "--format", "{{.Names}}"]);
    names.lines().map(str::to_owned).collect()
}
