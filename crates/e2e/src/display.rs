//! A virtual display for each test, so that none of them sees another's windows.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

/// An X server without a screen. Dropping it ends it.
pub struct Display {
    server: Child,
    name: String,
}

impl Display {
    /// Starts one.
    pub fn start() -> Result<Self> {
        Self::with(&[])
    }

    /// Starts one that draws into the file `Xvfb_screen0` in a directory, an X window dump.
    pub fn with_picture_in(directory: &Path) -> Result<Self> {
        Self::with(&["-fbdir".as_ref(), directory.as_os_str()])
    }

    fn with(options: &[&OsStr]) -> Result<Self> {
        let mut server = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "Xvfb"])
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1440x900x24",
                "-nolisten",
                "tcp",
            ])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("Xvfb cannot be started")?;
        let mut number = String::new();
        let output = server.stdout.take().context("Xvfb has no output")?;
        BufReader::new(output).read_line(&mut number)?;
        Ok(Self {
            server,
            name: format!(":{}", number.trim()),
        })
    }

    /// What `DISPLAY` has to be to open windows on it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
