//! Programs that the host runs in the guest for diagnosis.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use slipway_link::{LinkStream, RefusalKind, Reply, Responder, ShellInput, ShellOutput};

use crate::children::Child;
use crate::machine::Machine;
use crate::watched::Watched;

const BUSYBOX: &str = "/usr/bin/busybox";
const CHUNK: usize = 16 * 1024;

/// The command, and the size of the terminal.
pub(crate) struct Wanted {
    pub(crate) command: Option<Vec<String>>,
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

/// A program, with our end of its input and output.
struct Started {
    child: Child,
    input: Option<Watched>,
    output: Watched,
    error_output: Option<Watched>,
}

pub(crate) async fn run(machine: &Machine, wanted: Wanted, responder: Responder) {
    let started = if wanted.columns == 0 || wanted.rows == 0 {
        with_pipes(machine, &wanted)
    } else {
        with_terminal(machine, &wanted)
    };
    match started {
        Ok(mut started) => {
            let link = responder.accept(Reply::Connected);
            if carry(&link, &mut started).await.is_err() {
                // The host is gone, so nothing reads the output any more.
                started.child.signal(Signal::HUP);
                started.child.signal(Signal::KILL);
            }
        }
        Err(error) => responder.refuse(RefusalKind::Failed, error.to_string()),
    }
}

fn program(wanted: &Wanted) -> Vec<&str> {
    match &wanted.command {
        Some(command) if !command.is_empty() => command.iter().map(String::as_str).collect(),
        _ => vec![BUSYBOX, "sh", "-l"],
    }
}

fn with_environment(command: &mut Command) -> &mut Command {
    command
        .current_dir("/root")
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", "/root")
        .env("TERM", "xterm-256color")
        .env("PS1", "slipway:\\w# ")
}

fn with_terminal(
    machine: &Machine,
    wanted: &Wanted,
) -> Result<Started, Box<dyn std::error::Error>> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    resize(&master, wanted.columns, wanted.rows)?;
    let name = ptsname(&master, Vec::new())?;
    let slave = File::options()
        .read(true)
        .write(true)
        .open(name.to_string_lossy().as_ref())?;
    // busybox makes it the controlling terminal, so that Ctrl-C works.
    let mut command = Command::new(BUSYBOX);
    with_environment(&mut command)
        .args(["setsid", "-c"])
        .args(program(wanted))
        .stdin(slave.try_clone()?)
        .stdout(slave.try_clone()?)
        .stderr(slave);
    let child = machine.children.start(&mut command)?;
    drop(command);
    Ok(Started {
        child,
        input: Some(Watched::new(master.try_clone()?)?),
        output: Watched::new(master)?,
        error_output: None,
    })
}

fn with_pipes(machine: &Machine, wanted: &Wanted) -> Result<Started, Box<dyn std::error::Error>> {
    let (their_input, input) = io::pipe()?;
    let (output, their_output) = io::pipe()?;
    let (error_output, their_error_output) = io::pipe()?;
    let program = program(wanted);
    let mut command = Command::new(program[0]);
    with_environment(&mut command)
        .args(&program[1..])
        .stdin(Stdio::from(their_input))
        .stdout(their_output)
        .stderr(their_error_output);
    let child = machine.children.start(&mut command)?;
    drop(command);
    Ok(Started {
        child,
        input: Some(Watched::new(input)?),
        output: Watched::new(output)?,
        error_output: Some(Watched::new(error_output)?),
    })
}

fn resize(terminal: impl AsFd, columns: u16, rows: u16) -> rustix::io::Result<()> {
    tcsetwinsize(
        terminal,
        Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        },
    )
}

/// Forwards input and output until the program has ended. An error means that the host is gone.
async fn carry(link: &LinkStream, started: &mut Started) -> io::Result<()> {
    let Started {
        child,
        input,
        output,
        error_output,
    } = started;
    let typed = async {
        while let Some(message) = link.receive_bytes().await? {
            match (ShellInput::decode(&message), &input) {
                (Some(ShellInput::Bytes(bytes)), Some(to)) => {
                    // Input that the program does not read is lost.
                    let _ = to.write_all(&bytes).await;
                }
                (Some(ShellInput::Resize { columns, rows }), Some(to)) => {
                    let _ = resize(to.file(), columns, rows);
                }
                (Some(ShellInput::End), _) => *input = None,
                _ => {}
            }
        }
        *input = None;
        // The program continues without input until it ends by itself.
        std::future::pending::<io::Result<()>>().await
    };
    let printed = async {
        let errors = async {
            match error_output {
                Some(from) => print(from, link, ShellOutput::ErrorBytes).await,
                None => Ok(()),
            }
        };
        tokio::try_join!(print(output, link, ShellOutput::Bytes), errors)?;
        io::Result::Ok(())
    };
    let ended = async {
        let ended = child.ended().await;
        Ok::<_, io::Error>(ended)
    };
    let both = async {
        let (ended, ()) = tokio::try_join!(ended, printed)?;
        io::Result::Ok(ended)
    };
    let ended = tokio::select! {
        ended = both => ended?,
        gone = typed => return gone,
    };
    let code = ended.code();
    link.send_bytes(&ShellOutput::Exit { code }.encode())
        .await?;
    link.finish()?;
    // Unread input would turn the end into a reset.
    while link.receive_bytes().await?.is_some() {}
    Ok(())
}

async fn print(
    from: &Watched,
    link: &LinkStream,
    wrap: impl Fn(Vec<u8>) -> ShellOutput,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    // Reading from a terminal that no process has open returns an error.
    while let Ok(count) = from.read(&mut buffer).await {
        if count == 0 {
            break;
        }
        let output = wrap(buffer[..count].to_vec());
        link.send_bytes(&output.encode()).await?;
    }
    Ok(())
}
