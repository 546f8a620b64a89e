//! Ctrl-C.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command};
use std::time::Duration;

use slipway_testkit::{Engine, Fault, FaultProxy, Stopwatch};

use crate::slipway::{Ended, Slipway, containers, eventually};

fn interrupt(child: &Child) {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.expect("kill").success());
}

/// Starts a pull or a run with a slow pull, and interrupts it midway.
fn interrupted(engine: &Engine, arguments: &[&str]) -> Ended {
    let slipway = Slipway::with(engine);
    let mut child = slipway.start(arguments);
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut told = String::new();
    while !told.contains("Pulling") {
        let read = stderr.read_line(&mut told).expect("text");
        assert!(read > 0, "it ended: {told}");
    }
    eventually("the registry is asked", || {
        engine.registry().proxy().count("/blobs/") > 0
    });
    let began = Stopwatch::start();
    interrupt(&child);
    std::io::Read::read_to_string(&mut stderr, &mut told).expect("text");
    let output = child.wait_with_output().expect("it ends");
    began.within(Duration::from_secs(2), "cancelling");
    let mut ended = Ended::of(arguments, &output);
    ended.stderr = told;
    ended
}

#[test]
fn a_pull_stops_within_two_seconds_and_leaves_nothing() {
    let engine = Engine::start().expect("an engine");
    engine.registry().set(Fault::Throttle(500_000));
    for line in [
        &["pull", "nginx:latest"][..],
        &["run", "nginx:latest"],
        &["run", "slipway/busybox:latest"],
    ] {
        engine.registry().proxy().clear();
        let ended = interrupted(&engine, line).exits(130);
        assert!(ended.stderr.ends_with("Cancelled\n"), "{ended:#?}");
        assert!(!ended.stderr.contains("error"), "{ended:#?}");
        assert_eq!(ended.stdout, "");
        eventually("the engine has stopped downloading", || {
            engine.registry().proxy().connections() == 0
        });
    }
    assert_eq!(containers(&engine), [""; 0]);
    assert_eq!(engine.docker_ok(&["images", "-q"]), "");
}

/// Starts a container that answers only after ten minutes, and waits until the command is waiting for it.
fn waiting(slipway: &Slipway) -> (Child, BufReader<ChildStderr>, String) {
    let mut child = slipway.start(&["run", "slipway/webapp", "--name", "slow", "-e", "DELAY=600"]);
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut told = String::new();
    while !told.contains("Waiting") {
        let read = stderr.read_line(&mut told).expect("text");
        assert!(read > 0, "it ended: {told}");
    }
    (child, stderr, told)
}

#[test]
fn a_container_that_was_made_is_removed() {
    let engine = Engine::start().expect("an engine");
    engine
        .load_sample("slipway/webapp:latest")
        .expect("a sample");
    let (child, mut stderr, mut told) = waiting(&Slipway::with(&engine));
    assert_eq!(containers(&engine), ["slow"]);
    interrupt(&child);
    std::io::Read::read_to_string(&mut stderr, &mut told).expect("text");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(
        told.ends_with("Cancelled\nnote: The container `slow` was removed\n"),
        "{told}"
    );
    assert_eq!(containers(&engine), [""; 0]);
}

#[test]
fn the_second_time_it_quits_at_once() {
    let engine = Engine::start().expect("an engine");
    engine
        .load_sample("slipway/webapp:latest")
        .expect("a sample");
    let proxy = FaultProxy::in_front_of(&engine).expect("a proxy");
    let (mut child, _stderr, _) = waiting(&Slipway::at(&proxy.host()));
    proxy.set(Fault::StallAfter(0));
    proxy.clear();
    interrupt(&child);
    eventually("it wants to undo what it did", || proxy.count("DELETE") > 0);
    assert!(
        child.try_wait().expect("ours").is_none(),
        "it waits for the engine"
    );
    interrupt(&child);
    let began = Stopwatch::start();
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(130));
    began.within(Duration::from_secs(1), "ending at the second signal");
}
