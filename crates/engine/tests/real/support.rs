//! Shared by the tests: one engine with its sample images, and waiting for states.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use slipway_engine::{
    ContainerDetail, ContainerSpec, ContainerState, Endpoint, Engine, EngineError, RemoveContainer,
};

/// How long a test waits for something that takes a moment.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The dockerd of all tests, with the images that they run.
pub(crate) fn dockerd() -> &'static slipway_testkit::Engine {
    static LOADED: OnceLock<()> = OnceLock::new();
    let dockerd = slipway_testkit::shared();
    LOADED.get_or_init(|| {
        for image in [
            "slipway/busybox",
            "slipway/flood",
            "slipway/tty",
            "slipway/exit1",
            "slipway/oom",
            "nginx:1.22",
        ] {
            dockerd.load_sample(image).unwrap();
        }
    });
    dockerd
}

/// A value from `docker version`, by a template such as `{{.Server.Version}}`.
pub(crate) async fn docker_version(template: &'static str) -> String {
    tokio::task::spawn_blocking(move || dockerd().docker_ok(&["version", "--format", template]))
        .await
        .unwrap()
}

/// The API version in use with the engine: its newest, unless that is newer than what we support.
pub(crate) async fn spoken_api() -> String {
    let newest = docker_version("{{.Server.APIVersion}}").await;
    let number = |version: &str| -> u32 { version.strip_prefix("1.").unwrap().parse().unwrap() };
    format!("1.{}", number(&newest).min(number("1.47")))
}

pub(crate) fn endpoint(host: &str) -> Endpoint {
    Endpoint::at(host.parse().unwrap())
}

pub(crate) async fn connect() -> Engine {
    let host = tokio::task::spawn_blocking(|| dockerd().host())
        .await
        .unwrap();
    Engine::connect(&endpoint(&host)).await.unwrap()
}

/// A container of `busybox` that runs a shell script.
pub(crate) fn script(name: &str, script: &str) -> ContainerSpec {
    ContainerSpec {
        name: Some(name.to_owned()),
        image: "slipway/busybox".to_owned(),
        command: Some(vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()]),
        ..ContainerSpec::default()
    }
}

pub(crate) async fn run(engine: &Engine, spec: &ContainerSpec) -> String {
    let id = engine.create_container(spec).await.unwrap().id;
    engine.start_container(&id).await.unwrap();
    id
}

pub(crate) async fn remove(engine: &Engine, id: &str) {
    let how = RemoveContainer {
        force: true,
        volumes: true,
    };
    engine.remove_container(id, how).await.unwrap();
}

/// Inspects until the container is in the expected state.
pub(crate) async fn wait_until(
    engine: &Engine,
    id: &str,
    wanted: impl Fn(&ContainerDetail) -> bool,
) -> ContainerDetail {
    let begin = Instant::now();
    loop {
        let detail = engine.inspect_container(id).await.unwrap();
        if wanted(&detail) {
            return detail;
        }
        assert!(begin.elapsed() < PATIENCE, "{:?}", detail.state);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn wait_for_end(engine: &Engine, id: &str) -> ContainerDetail {
    wait_until(engine, id, |detail| {
        detail.state.state == ContainerState::Exited
    })
    .await
}

/// The variant of an error, for readable assertions.
pub(crate) fn kind(error: &EngineError) -> String {
    let debug = format!("{error:?}");
    debug
        .split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default()
        .to_owned()
}
