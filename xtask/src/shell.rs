//! Running other programs.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};

/// Whether a program is on the PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // System programs such as dockerd are outside of a user's PATH.
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// Runs a command to its end and fails if it does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("{} ended with {status}", words(command));
    }
    Ok(())
}

/// Runs a command and returns its exit status.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus> {
    command
        .status()
        .with_context(|| format!("{} cannot be started", words(command)))
}

/// Runs a command, shows its output, and returns its standard output too.
pub(crate) fn tee(command: &mut Command) -> Result<(ExitStatus, String)> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} cannot be started", words(command)))?;
    let mut text = String::new();
    if let Some(output) = child.stdout.take() {
        let mut stdout = std::io::stdout().lock();
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            stdout.write_all(&line)?;
            text.push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    Ok((child.wait()?, text))
}

/// Standard output of a command that must succeed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("{} cannot be started", words(command)))?;
    if !output.status.success() {
        bail!("{} ended with {}", words(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The same command at the lowest priority.
pub(crate) fn nice(command: &Command) -> Command {
    let mut nice = Command::new("nice");
    nice.args(["-n", "19"])
        .arg(command.get_program())
        .args(command.get_args());
    if let Some(directory) = command.get_current_dir() {
        nice.current_dir(directory);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => nice.env(name, value),
            None => nice.env_remove(name),
        };
    }
    nice
}

/// A command that runs beside others. Dropping it ends the command.
pub(crate) struct Beside {
    child: Child,
    words: String,
    log: PathBuf,
}

impl Beside {
    /// Starts it with its output going to a file.
    pub(crate) fn start(mut command: Command, log: PathBuf) -> Result<Self> {
        let output =
            File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        let words = words(&command);
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("{words} cannot be started"))?;
        Ok(Self { child, words, log })
    }

    /// Waits for the end, then prints the output, and fails if the command did.
    pub(crate) fn wait(mut self) -> Result<()> {
        let status = self.child.wait()?;
        print!("{}", std::fs::read_to_string(&self.log)?);
        if !status.success() {
            bail!("{} ended with {status}", self.words);
        }
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // After `wait` both do nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn words(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}
