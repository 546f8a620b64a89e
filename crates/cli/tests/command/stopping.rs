//! Commands while the machine is stopping.

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
