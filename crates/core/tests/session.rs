//! Following a real engine: the list is right soon after whatever happens.

use std::collections::HashMap;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use slipway_api::container::{ContainerState, ContainerView};
use slipway_api::engine::EngineState;
use slipway_core::{Change, SettingsFile, Slipway};
use slipway_engine::Environment;
use slipway_testkit::{Engine, Fault, FaultProxy, Stopwatch};

/// When an attempt to connect gives up by itself.
const GIVES_UP: Duration = Duration::from_secs(10);

fn follow(engine: &Engine) -> Slipway {
    follow_at(&engine.host(), "/nonexistent/settings.json".into())
}

fn follow_at(host: &str, settings: PathBuf) -> Slipway {
    let mut environment = Environment::from_process();
    environment.variables = HashMap::from([("DOCKER_HOST".to_owned(), host.to_owned())]);
    environment.home = None;
    Slipway::follow(environment, SettingsFile::at(settings))
}

/// Waits until an engine is connected, and returns how long that took.
async fn connects(slipway: &Slipway, address: &str) -> Duration {
    let began = Instant::now();
    let mut states = slipway.engine_states().expect("it follows");
    let connected = states.wait_for(|state| match state {
        EngineState::Connected { engine } => engine.address == address,
        _ => false,
    });
    tokio::time::timeout(Duration::from_secs(30), connected)
        .await
        .expect("in time")
        .expect("it follows");
    began.elapsed()
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

/// Whoever shows what the disk holds has to hear of volumes too.
#[tokio::test(flavor = "multi_thread")]
async fn volumes_that_come_and_go_are_told() {
    let engine = Engine::start().expect("an engine");
    let slipway = follow(&engine);
    connects(&slipway, &engine.host()).await;
    let mut changes = slipway.changes().expect("it follows");
    let mut volumes = async || {
        let told = async { while !matches!(changes.recv().await, Ok(Change::Volumes)) {} };
        tokio::time::timeout(Duration::from_secs(10), told)
            .await
            .expect("it is told");
    };
    engine.docker_ok(&["volume", "create", "data"]);
    volumes().await;
    engine.docker_ok(&["volume", "rm", "data"]);
    volumes().await;
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

/// Neither a hung engine nor a hung list keeps anybody from using another one.
#[tokio::test(flavor = "multi_thread")]
async fn another_engine_is_used_at_once_however_the_first_one_hangs() {
    let hung = Engine::start().expect("an engine");
    let other = Engine::start().expect("an engine");
    let proxy = FaultProxy::in_front_of(&hung).expect("a proxy");
    let home = tempfile::tempdir().expect("a temporary directory");
    proxy.set(Fault::StallAfter(0));
    let slipway = follow_at(&proxy.host(), home.path().join("settings.json"));
    let asked = Instant::now();
    while proxy.count("GET /version") == 0 {
        assert!(asked.elapsed() < Duration::from_secs(10), "nobody connects");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let began = Instant::now();
    slipway.engine_use(&other.host()).await.expect("it answers");
    connects(&slipway, &other.host()).await;
    assert!(began.elapsed() < GIVES_UP / 2, "{:?}", began.elapsed());
}

/// What was tried before may hang on something that is over: asked to try again, Slipway begins anew.
#[tokio::test(flavor = "multi_thread")]
async fn trying_again_does_not_wait_for_the_attempt_before() {
    let engine = Engine::start().expect("an engine");
    let home = tempfile::tempdir().expect("a temporary directory");
    let path = home.path().join("engine.sock");
    let silent = UnixListener::bind(&path).expect("a socket");
    let host = format!("unix://{}", path.display());
    let slipway = follow_at(&host, home.path().join("settings.json"));
    // Keeps the connection open without a word.
    let accepted = tokio::task::spawn_blocking(move || silent.accept().expect("Slipway connects"));
    let _connection = accepted.await.expect("no panic");
    std::fs::remove_file(&path).expect("ours");
    let socket = engine.host();
    let socket = socket.strip_prefix("unix://").expect("a Unix socket");
    std::os::unix::fs::symlink(socket, &path).expect("writable");
    slipway.engine_retry();
    let took = connects(&slipway, &host).await;
    assert!(took < GIVES_UP / 2, "{took:?}");
}

/// Who uses an image is known from the containers that are followed, also of those that came a moment ago.
#[tokio::test(flavor = "multi_thread")]
async fn images_know_the_followed_containers() {
    let engine = Engine::start().expect("an engine");
    engine
        .load_sample("slipway/busybox:latest")
        .expect("a sample");
    let slipway = follow(&engine);
    engine.docker_ok(&[
        "run",
        "-d",
        "--name",
        "up",
        "slipway/busybox",
        "sleep",
        "600",
    ]);
    engine.docker_ok(&["create", "--name", "down", "slipway/busybox", "true"]);
    shows(&slipway, Duration::from_secs(10), "both", |all| {
        named(all, "up").is_some_and(|c| c.state == ContainerState::Running)
            && named(all, "down").is_some()
    })
    .await;
    let images = slipway.images().await.expect("images");
    let image = images
        .iter()
        .find(|image| image.tags.iter().any(|tag| tag == "slipway/busybox:latest"))
        .expect("the sample is listed");
    let mut users: Vec<(&str, bool)> = image
        .used_by
        .iter()
        .map(|user| (user.name.as_str(), user.running))
        .collect();
    users.sort_unstable();
    assert_eq!(users, [("down", false), ("up", true)]);
}
