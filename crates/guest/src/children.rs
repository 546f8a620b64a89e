//! All children of the first process: those it started, and orphans.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::log::Log;
use crate::watched::Watched;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Exit(u8),
    Signal(u8),
}

impl Ended {
    /// The exit status in a shell's convention.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Exit(code) => code,
            Self::Signal(signal) => 128_u8.saturating_add(signal),
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exit(code) => write!(formatter, "exit code {code}"),
            Self::Signal(9) => write!(formatter, "killed, perhaps for want of memory"),
            Self::Signal(signal) => write!(formatter, "signal {signal}"),
        }
    }
}

/// Starts children and reaps all of them.
#[derive(Clone, Default)]
pub(crate) struct Children(Rc<RefCell<HashMap<i32, oneshot::Sender<Ended>>>>);

/// A running child.
pub(crate) struct Child {
    pid: Pid,
    ended: oneshot::Receiver<Ended>,
}

impl Child {
    /// Waits for its end. Cancel safe.
    pub(crate) async fn ended(&mut self) -> Ended {
        // The sender is dropped only after it has sent.
        (&mut self.ended).await.unwrap_or(Ended::Exit(255))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // It may have ended in the meantime; its pid is not reused before it is reaped.
        let _ = kill_process(self.pid, signal);
    }
}

impl Children {
    /// Reaps children for ever.
    pub(crate) async fn reap(&self) -> io::Error {
        let mut any = match signal(SignalKind::child()) {
            Ok(any) => any,
            Err(error) => return error,
        };
        loop {
            loop {
                match wait(WaitOptions::NOHANG) {
                    Ok(Some((pid, status))) => {
                        let ended = match (status.exit_status(), status.terminating_signal()) {
                            (Some(code), _) => Ended::Exit(u8::try_from(code).unwrap_or(255)),
                            (_, Some(signal)) => Ended::Signal(u8::try_from(signal).unwrap_or(127)),
                            _ => continue,
                        };
                        let waiting = self.0.borrow_mut().remove(&pid.as_raw_nonzero().get());
                        if let Some(waiting) = waiting {
                            let _ = waiting.send(ended);
                        }
                    }
                    Ok(None) | Err(Errno::CHILD) => break,
                    Err(Errno::INTR) => {}
                    Err(error) => return error.into(),
                }
            }
            if any.recv().await.is_none() {
                return io::ErrorKind::BrokenPipe.into();
            }
        }
    }

    /// Starts a child. Its standard input is empty unless the command sets one.
    pub(crate) fn start(&self, command: &mut Command) -> Result<Child> {
        // No await between spawn and registration, so that its end cannot be missed.
        let child = command.spawn().map_err(|source| Error::Start {
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })?;
        let raw = i32::try_from(child.id()).unwrap_or(i32::MAX);
        let pid = Pid::from_raw(raw).ok_or_else(|| Error::Start {
            program: String::new(),
            source: io::ErrorKind::InvalidData.into(),
        })?;
        let (sender, ended) = oneshot::channel();
        self.0.borrow_mut().insert(raw, sender);
        Ok(Child { pid, ended })
    }

    /// Runs a program to its end; returns its exit status and output.
    pub(crate) async fn run(
        &self,
        program: &str,
        arguments: &[&str],
        patience: Duration,
    ) -> Result<(Ended, String)> {
        self.run_with_input(program, arguments, None, patience)
            .await
    }

    pub(crate) async fn run_with_input(
        &self,
        program: &str,
        arguments: &[&str],
        input: Option<File>,
        patience: Duration,
    ) -> Result<(Ended, String)> {
        let log = Log::default();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(input.map_or_else(Stdio::null, Stdio::from));
        let (mut child, copying) = self.start_logged(&mut command, &log)?;
        let Ok(ended) = timeout(patience, child.ended()).await else {
            child.signal(Signal::KILL);
            child.ended().await;
            return Err(Error::TooSlow {
                program: program.to_owned(),
                seconds: patience.as_secs(),
            });
        };
        // Does not wait for a grandchild that holds the pipe.
        let _ = timeout(Duration::from_millis(200), copying).await;
        Ok((ended, log.tail(4096)))
    }

    /// Runs a program that must succeed.
    pub(crate) async fn run_ok(
        &self,
        program: &str,
        arguments: &[&str],
        patience: Duration,
    ) -> Result<String> {
        match self.run(program, arguments, patience).await? {
            (Ended::Exit(0), output) => Ok(output),
            (how, output) => Err(Error::Failed {
                program: program.to_owned(),
                how: how.to_string(),
                output,
            }),
        }
    }

    /// Starts a child with both outputs going to `log`; the second result resolves when they have ended.
    pub(crate) fn start_logged(
        &self,
        command: &mut Command,
        log: &Log,
    ) -> Result<(Child, tokio::task::JoinHandle<()>)> {
        let failed = |source| Error::Start {
            program: "a pipe".into(),
            source,
        };
        let (reader, writer) = io::pipe().map_err(failed)?;
        let copy = writer.try_clone().map_err(failed)?;
        command.stdout(writer).stderr(copy);
        let child = self.start(command)?;
        // The command holds the other end of the pipe and would keep it open.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let log = log.clone();
        let copying = tokio::task::spawn_local(async move {
            let _ = copy_pipe(reader.into(), &log).await;
        });
        Ok((child, copying))
    }
}

async fn copy_pipe(pipe: OwnedFd, log: &Log) -> io::Result<()> {
    let pipe = Watched::new(pipe)?;
    let mut buffer = vec![0; 8 * 1024];
    loop {
        match pipe.read(&mut buffer).await? {
            0 => return Ok(()),
            count => log.push(&buffer[..count]),
        }
    }
}
