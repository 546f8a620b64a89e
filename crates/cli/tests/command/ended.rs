//! The output and the exit status of a command.

use std::process::Output;

use serde_json::Value;

/// A command's result.
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
        self.failure()["error"].clone()
    }

    /// The whole document that `--json` writes to standard error.
    #[track_caller]
    pub(crate) fn failure(&self) -> Value {
        let line = self.stderr.lines().find(|line| line.starts_with('{'));
        let line = line.unwrap_or_else(|| panic!("no error document: {self:#?}"));
        serde_json::from_str(line).expect("JSON")
    }

    /// Expects an `error:` line and a `hint:` line with these texts.
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
