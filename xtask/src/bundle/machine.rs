//! Boots the machine of an unpacked package and runs a container in it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::shell;

/// Timeout for an idle `slipwayd` to exit.
const END_PATIENCE: Duration = Duration::from_secs(30);

/// Lines of each log that are shown after a failure: a kernel panic takes about 60.
const LOG_LINES: usize = 80;

/// From no machine to a page that answers, and back to no machine.
pub(super) fn check(package: &Path) -> Result<()> {
    println!("Starting the machine of {}", package.display());
    let installed = Installed::new(package)?;
    start_and_run(&installed).inspect_err(|_| installed.print_logs())
}

fn start_and_run(installed: &Installed) -> Result<()> {
    let began = Instant::now();
    shell::run(&mut installed.slipway(&["machine", "start"]))?;
    let started = began.elapsed();
    let run = shell::output(&mut installed.slipway(&["run", "welcome", "--json"]))?;
    let run: Value = serde_json::from_str(&run).context("`slipway run --json` prints no JSON")?;
    let url = run["url"]
        .as_str()
        .context("the container has no address")?;
    let page = get(url).with_context(|| format!("{url} does not answer"))?;
    ensure!(
        page.starts_with("HTTP/1.1 200"),
        "{url} answers: {}",
        page.lines().next().unwrap_or_default()
    );
    println!(
        "  started in {:.1} s, {url} answered after {:.1} s",
        started.as_secs_f32(),
        began.elapsed().as_secs_f32()
    );
    shell::run(&mut installed.slipway(&["machine", "delete", "--yes"]))
}

/// The command of a package, with a separate home directory. Dropping it removes the machine and the home.
struct Installed {
    program: PathBuf,
    home: PathBuf,
}

impl Installed {
    fn new(package: &Path) -> Result<Self> {
        // Short, because sockets are below it.
        let home = std::env::temp_dir().join(format!("slipway-bundle-{}", std::process::id()));
        std::fs::create_dir(&home).with_context(|| format!("{} cannot be made", home.display()))?;
        Ok(Self {
            program: package.join("usr/bin/slipway"),
            home,
        })
    }

    fn slipway(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("XDG_RUNTIME_DIR", self.home.join("run"))
            // This computer may have another engine.
            .env("SLIPWAY_ENGINE", "machine");
        command
    }

    /// The end of the logs of the guest and its programs, to show why a machine ended.
    fn print_logs(&self) {
        for log in [
            "run/slipway/console.log",
            "run/slipway/qemu.log",
            ".local/share/slipway/slipwayd.log",
        ] {
            let Ok(text) = std::fs::read(self.home.join(log)) else {
                continue;
            };
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<&str> = text.lines().collect();
            println!("  the end of {log}:");
            for line in &lines[lines.len().saturating_sub(LOG_LINES)..] {
                println!("    {line}");
            }
        }
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        // It is gone already, unless an earlier step failed.
        let _ = self.slipway(&["machine", "delete", "--yes"]).output();
        // The lock is released when the machine's owner exits.
        let lock = self.home.join(".local/share/slipway/machine.lock");
        let began = Instant::now();
        while lock.exists() && began.elapsed() < END_PATIENCE {
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

/// The status line and what follows it.
fn get(url: &str) -> Result<String> {
    let address = url.strip_prefix("http://").context("no http address")?;
    let (address, path) = address.split_once('/').unwrap_or((address, ""));
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(stream, "GET /{path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
