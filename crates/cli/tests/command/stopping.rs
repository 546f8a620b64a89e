//! Commands while the machine is starting, stopping, or stopped.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use slipway_api::machine::MachineState;

use crate::fake_machine::FakeMachine;
use crate::slipway::{Ended, Slipway};

/// Time until the advice, which appears after five seconds.
const SOON: Duration = Duration::from_mins(1);

#[test]
fn a_machine_that_is_stopping_is_not_said_to_be_missing() {
    let slipway = Slipway::at("unix:///nowhere/docker.sock");
    let machine = FakeMachine::of(&slipway, MachineState::Stopping);
    for line in [&["ps"][..], &["run", "welcome"], &["use", "machine"]] {
        let output = machine.command(&slipway, line).output().expect("it runs");
        Ended::of(line, &output)
            .exits(3)
            .says("machine is stopping", "`slipway machine stop --now`");
    }
}

/// The machine's engine would be used in both cases: when it was chosen, and when nobody chose another one.
#[test]
fn a_machine_that_will_respond_or_can_be_started_is_offered() {
    let slipway = Slipway::at("");
    let starting = MachineState::Starting {
        phase: "Booting Linux".to_owned(),
        phases: Vec::new(),
    };
    for (state, error, hint) in [
        (
            starting,
            "machine is starting: it takes some seconds",
            "`slipway machine start` waits for it",
        ),
        (
            MachineState::Stopped,
            "machine is stopped",
            "`slipway machine start`",
        ),
    ] {
        let machine = FakeMachine::of(&slipway, state);
        for line in [&["ps"][..], &["images"], &["run", "welcome"]] {
            for engine in ["machine", ""] {
                let mut command = machine.command(&slipway, line);
                let output = command.env("SLIPWAY_ENGINE", engine).output();
                let ended = Ended::of(line, &output.expect("it runs")).exits(3);
                let ended = ended.says(error, hint);
                assert_eq!(
                    line[0] == "run" && error.ends_with("stopped"),
                    ended.stderr.contains("--start-machine"),
                    "{ended:#?}"
                );
            }
        }
    }
}

#[test]
fn who_chooses_an_engine_that_is_not_there_is_told_which_there_are() {
    let slipway = Slipway::at("");
    let machine = FakeMachine::of(&slipway, MachineState::Stopped);
    let line = ["use", "nowhere"];
    let output = machine.command(&slipway, &line).output().expect("it runs");
    Ended::of(&line, &output)
        .exits(3)
        .says("`nowhere`", "`slipway engines`");
}

#[test]
fn a_stop_that_takes_long_says_how_it_is_cut_short() {
    let slipway = Slipway::at("unix:///nowhere/docker.sock");
    let machine = FakeMachine::of(&slipway, MachineState::Stopping);
    let began = Instant::now();
    let mut stop = machine
        .command(&slipway, &["machine", "stop"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(stop.stderr.take().expect("a pipe")).lines();
    let mut line = || lines.next().expect("it says more").expect("text");
    assert_eq!(line(), "Stopping");
    let advice = line();
    assert!(advice.contains("`slipway machine stop --now`"), "{advice}");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    machine.becomes(MachineState::Stopped);
    let ended = stop.wait_with_output().expect("it ends");
    assert_eq!(ended.stdout, b"The machine is stopped\n");
}
