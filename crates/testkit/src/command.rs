//! Runs programs to their end and keeps what they printed for the error message.

use std::process::{Command, Output, Stdio};

use crate::{Error, Result};

/// Runs a program without input; fails unless it exits with 0. `package` is the Debian package to name when it is
/// missing.
pub(crate) fn run(command: &mut Command, package: &'static str) -> Result<Output> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| spawn_error(command, package, source))?;
    if output.status.success() {
        return Ok(output);
    }
    let mut text = String::from_utf8_lossy(&output.stderr).into_owned();
    if text.trim().is_empty() {
        text = String::from_utf8_lossy(&output.stdout).into_owned();
    }
    Err(Error::Failed {
        command: line(command),
        status: output.status.to_string(),
        output: tail(&text),
    })
}

pub(crate) fn spawn_error(
    command: &Command,
    package: &'static str,
    source: std::io::Error,
) -> Error {
    Error::Spawn {
        program: command.get_program().to_string_lossy().into_owned(),
        package,
        source,
    }
}

/// The last lines of a text, enough to see why something failed.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
