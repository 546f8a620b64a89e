//! A fake `slipwayd` that reports any state of its machine.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};

use slipway_api::machine::{
    MachineAnswer, MachineDriver, MachineHost, MachineRequest, MachineSettings, MachineState,
    MachineView,
};

use crate::slipway::Slipway;

/// The machine of one home directory; its state can be set, and watchers are notified.
pub(crate) struct FakeMachine {
    runtime: PathBuf,
    states: Sender<MachineState>,
}

impl FakeMachine {
    pub(crate) fn of(slipway: &Slipway, state: MachineState) -> Self {
        let runtime = slipway.home().join("run");
        let sockets = runtime.join("slipway");
        std::fs::create_dir_all(&sockets).expect("writable");
        let socket = sockets.join("daemon.sock");
        // It takes the place of another fake, whose thread ends with the test.
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(socket).expect("it can listen");
        let (states, later) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that only probes the socket hangs up.
                let _ = answer(stream.expect("a connection"), &state, &later);
            }
        });
        Self { runtime, states }
    }

    pub(crate) fn becomes(&self, state: MachineState) {
        self.states.send(state).expect("it listens");
    }

    /// The command with this machine as the engine.
    pub(crate) fn command(&self, slipway: &Slipway, arguments: &[&str]) -> Command {
        let mut command = slipway.command(arguments);
        command
            .env("XDG_RUNTIME_DIR", &self.runtime)
            .env("SLIPWAY_ENGINE", "machine");
        command
    }
}

fn answer(
    stream: UnixStream,
    state: &MachineState,
    later: &Receiver<MachineState>,
) -> std::io::Result<()> {
    let mut line = String::new();
    let mut reader = BufReader::new(stream);
    reader.read_line(&mut line)?;
    let mut stream = reader.into_inner();
    let mut tell = |answer: &MachineAnswer| {
        let mut line = serde_json::to_vec(answer)?;
        line.push(b'\n');
        stream.write_all(&line)
    };
    match serde_json::from_str(&line)? {
        MachineRequest::Status => tell(&status(state.clone())),
        MachineRequest::Watch => {
            tell(&status(state.clone()))?;
            tell(&status(later.recv().map_err(std::io::Error::other)?))
        }
        _ => tell(&MachineAnswer::Done),
    }
}

fn status(state: MachineState) -> MachineAnswer {
    MachineAnswer::Status {
        machine: Box::new(MachineView {
            state,
            driver: MachineDriver::Qemu,
            accelerator: None,
            settings: MachineSettings::default(),
            restart_needed: false,
            runs_with: None,
            engine_socket: String::new(),
            started_at: None,
            disk: None,
            stats: None,
            ports: Vec::new(),
            warnings: Vec::new(),
            host: MachineHost {
                cpus: 2,
                memory_mb: None,
            },
        }),
    }
}
