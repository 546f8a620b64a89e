//! Following a real engine: the list is right soon after whatever happens.

use std::collections::HashMap;
use std::time::Duration;

use slipway_api::container::{ContainerState, ContainerView};
use slipway_core::{SettingsFile, Slipway};
use slipway_engine::Environment;
use slipway_testkit::{Engine, Stopwatch};

fn follow(engine: &Engine) -> Slipway {
    let mut environment = Environment::from_process();
    environment.variables = HashMap::from([("DOCKER_HOST".to_owned(), engine.host())]);
    environment.home = None;
    Slipway::follow(
        environment,
        SettingsFile::at("/nonexistent/settings.json".into()),
    )
}

async fn shows(
    slipway: &Slipway,
    within: Duration,
    what: &str,
    right: impl Fn(&[ContainerView]) -> bool,
) -> Duration {
    let began = Stopwatch::start();
    loop {
        let containers = slipway.containers().containers;
        if right(&containers) {
            return began.elapsed();
        }
        began.within(within, what);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn named<'a>(containers: &'a [ContainerView], name: &str) -> Option<&'a ContainerView> {
    containers.iter().find(|container| container.name == name)
}

/// dockerd tells of a death before its own list knows of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_death_shows_within_a_second() {
    let engine = Engine::start().expect("an engine");
    engine
        .load_sample("slipway/busybox:latest")
        .expect("a sample");
    let slipway = follow(&engine);
    engine.docker_ok(&[
        "run",
        "-d",
        "--name",
        "doomed",
        "slipway/busybox",
        "sleep",
        "600",
    ]);
    shows(&slipway, Duration::from_secs(10), "the start", |all| {
        named(all, "doomed").is_some_and(|c| c.state == ContainerState::Running)
    })
    .await;
    engine.docker_ok(&["kill", "doomed"]);
    shows(&slipway, Duration::from_secs(1), "the death", |all| {
        named(all, "doomed").is_some_and(|c| {
            c.state == ContainerState::Exited && c.reason.as_deref() == Some("killed")
        })
    })
    .await;
}

/// Only inspect knows that memory ran out, and it may know a little late.
#[tokio::test(flavor = "multi_thread")]
async fn running_out_of_memory_is_told_from_being_killed() {
    let engine = Engine::start().expect("an engine");
    engine.load_sample("slipway/oom:latest").expect("a sample");
    let slipway = follow(&engine);
    engine.docker_ok(&[
        "run",
        "-d",
        "--name",
        "hungry",
        "--memory",
        "16m",
        "slipway/oom",
    ]);
    let wanted = Some("out of memory (limit 16 MB)");
    shows(&slipway, Duration::from_secs(5), "the reason", |all| {
        named(all, "hungry").is_some_and(|c| c.reason.as_deref() == wanted)
    })
    .await;
}
