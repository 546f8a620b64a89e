//! A user at a terminal.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use crate::own::{Own, PATIENCE};

/// The command in a terminal that `script` makes.
pub(crate) struct Terminal {
    child: Child,
    keys: Option<ChildStdin>,
    screen: mpsc::Receiver<Vec<u8>>,
    shown: String,
}

impl Terminal {
    pub(crate) fn open(own: &Own, arguments: &str) -> Self {
        let mut command = Command::new("script");
        own.equip(&mut command);
        let mut child = command
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .args(["--quiet", "--return", "--command"])
            .arg(format!("{} {arguments}", env!("CARGO_BIN_EXE_slipway")))
            .arg("/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script, of util-linux");
        let mut out = child.stdout.take().expect("a pipe");
        let (sender, screen) = mpsc::channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut chunk) {
                let _ = sender.send(chunk[..count].to_vec());
            }
        });
        Self {
            keys: child.stdin.take(),
            child,
            screen,
            shown: String::new(),
        }
    }

    /// Waits until the screen has shown these words.
    #[track_caller]
    pub(crate) fn shows(&mut self, words: &str) -> &mut Self {
        let deadline = Instant::now() + PATIENCE;
        while !self.shown.contains(words) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(chunk) => self.shown.push_str(&String::from_utf8_lossy(&chunk)),
                Err(error) => panic!("not shown: {words} ({error})\n{}", self.shown),
            }
        }
        self
    }

    pub(crate) fn types(&mut self, keys: &str) -> &mut Self {
        let stdin = self.keys.as_mut().expect("it is open");
        stdin.write_all(keys.as_bytes()).expect("a terminal");
        self
    }

    /// Waits for the end. Returns the exit code and all output.
    pub(crate) fn ends(mut self) -> (Option<i32>, String) {
        while let Ok(chunk) = self.screen.recv_timeout(PATIENCE) {
            self.shown.push_str(&String::from_utf8_lossy(&chunk));
        }
        drop(self.keys.take());
        let status = self.child.wait().expect("it ends");
        (status.code(), self.shown)
    }
}
