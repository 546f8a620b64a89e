//! While the machine stops.

use slipway_api::machine::MachineState;

use crate::fake_machine::FakeMachine;
use crate::slipway::{Ended, Slipway};

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
