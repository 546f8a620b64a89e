//! A separate session bus: on it, a second start finds the first, and clients find the accessibility tree.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

use crate::{Display, isolate, process};

/// A bus. Dropping it ends it and the programs it started.
pub struct SessionBus {
    daemon: Child,
    address: String,
}

impl SessionBus {
    /// Starts one for a display and a home directory.
    pub fn start(display: &Display, home: &Path) -> Result<Self> {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .args(["dbus-daemon", "--session", "--nofork", "--print-address=1"])
            .env("DISPLAY", display.name())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        // The programs it starts write to the home directory too.
        isolate(&mut command, home, None)?;
        let mut daemon = command.spawn().context("dbus-daemon cannot be started")?;
        let mut address = String::new();
        let output = daemon.stdout.take().context("dbus-daemon has no output")?;
        BufReader::new(output).read_line(&mut address)?;
        Ok(Self {
            daemon,
            address: address.trim().to_owned(),
        })
    }

    /// The value for `DBUS_SESSION_BUS_ADDRESS`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for SessionBus {
    fn drop(&mut self) {
        process::kill_tree(self.daemon.id());
        // It has ended; this only reaps it.
        let _ = self.daemon.wait();
    }
}
