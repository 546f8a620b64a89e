//! A window that nobody drives: started as a desktop starts it, watched from outside.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use slipway_e2e::{Display, isolate, process};

use crate::screen::Screen;

/// How one is started on a screen.
pub(crate) type Start<'a> = Box<dyn Fn(&Screen) -> Result<BareWindow> + 'a>;

/// A running window. Dropping it ends its processes.
pub(crate) struct BareWindow {
    child: Child,
    pub(crate) started: Instant,
}

impl BareWindow {
    pub(crate) fn start(
        binary: &Path,
        display: &Display,
        home: &Path,
        docker_host: Option<&str>,
    ) -> Result<Self> {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(binary)
            .env("DISPLAY", display.name())
            .env_remove("TAURI_WEBVIEW_AUTOMATION")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        isolate(&mut command, home, docker_host)?;
        let started = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("{} cannot be started", binary.display()))?;
        Ok(Self { child, started })
    }

    /// The window's process and those of its web view.
    pub(crate) fn processes(&self) -> Vec<u32> {
        process::tree(self.child.id())
    }
}

impl Drop for BareWindow {
    fn drop(&mut self) {
        for pid in self.processes() {
            // Its web processes may have ended already.
            let _ = Command::new("kill")
                .args(["-KILL", &pid.to_string()])
                .stderr(Stdio::null())
                .status();
        }
        let _ = self.child.wait();
    }
}
