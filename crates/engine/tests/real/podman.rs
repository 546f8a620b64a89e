use std::time::Duration;

use futures_util::TryStreamExt;
use slipway_engine::{
    Action, Changed, ContainerSpec, ContainerState, Engine, EngineError, ListFilter, LogOptions,
    LogOutput, MountSpec, Product, Protocol, PublishedPort, Subject,
};
use slipway_testkit::Podman;
use tokio::time::timeout;

use crate::pulls::{check_never_backwards, finish, request};
use crate::support::{PATIENCE, endpoint, kind, remove, run, wait_for_end};

/// One test for everything, because starting Podman takes longer than all of this.
#[tokio::test(flavor = "multi_thread")]
async fn podman() {
    let podman = tokio::task::spawn_blocking(|| Podman::start().unwrap())
        .await
        .unwrap();
    let engine = Engine::connect(&endpoint(&podman.host())).await.unwrap();
    assert_eq!(engine.info().product, Product::Podman);
    assert_eq!(engine.info().api_version, "1.41");
    assert!(engine.info().cpus.is_some());
    let probe = slipway_engine::probe(&endpoint(&podman.host())).await;
    assert_eq!(probe.outcome.unwrap().product, Product::Podman);

    pulls(&engine).await;
    containers(&engine).await;
    logs(&engine).await;
    events(&engine).await;
    stats(&engine).await;
}

fn script(name: &str, script: &str) -> ContainerSpec {
    ContainerSpec {
        image: "docker.io/slipway/busybox:latest".to_owned(),
        ..crate::support::script(name, script)
    }
}

async fn pulls(engine: &Engine) {
    let reference = "docker.io/slipway/busybox:latest";
    let pull = engine.pull_image(&request(reference)).await.unwrap();
    let (progress, result) = finish(pull).await;
    check_never_backwards(&progress);
    result.unwrap();
    let image = engine.inspect_image(reference).await.unwrap();
    assert_eq!(image.arch, "amd64");
    let images = engine.list_images().await.unwrap();
    assert!(
        images
            .iter()
            .any(|it| it.tags.contains(&reference.to_owned())),
        "{images:?}"
    );

    let missing = match engine
        .pull_image(&request("docker.io/slipway/nowhere:1"))
        .await
    {
        Ok(pull) => finish(pull).await.1.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(kind(&missing), "ImageNotFound", "{missing:?}");
}

async fn containers(engine: &Engine) {
    let spec = ContainerSpec {
        published_ports: vec![PublishedPort {
            container_port: 80,
            protocol: Protocol::Tcp,
            host_ip: Some("127.0.0.1".parse().unwrap()),
            host_port: None,
        }],
        mounts: vec![MountSpec::Volume {
            name: Some("pod-data".to_owned()),
            destination: "/data".to_owned(),
            read_only: false,
        }],
        ..script("pod", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
    };
    let id = engine.create_container(&spec).await.unwrap().id;
    assert_eq!(engine.start_container(&id).await.unwrap(), Changed::Yes);
    assert_eq!(
        engine.start_container(&id).await.unwrap(),
        Changed::AlreadySo
    );

    let listed = engine
        .list_containers(&ListFilter::default())
        .await
        .unwrap();
    assert_eq!(listed[0].id, id);
    assert_eq!(listed[0].name, "pod");
    assert_eq!(listed[0].state, ContainerState::Running);
    let port = listed[0].ports[0];
    assert!(port.host_port.is_some(), "{:?}", listed[0].ports);

    let detail = engine.inspect_container(&id).await.unwrap();
    assert_eq!(detail.state.state, ContainerState::Running);
    assert_eq!(detail.mounts[0].volume.as_deref(), Some("pod-data"));
    let volumes = engine.list_volumes(&[]).await.unwrap();
    assert_eq!(volumes[0].name, "pod-data", "{volumes:?}");
    assert_eq!(detail.ports[0].host_port, port.host_port);
    assert!(!detail.tty);

    let clash = engine
        .create_container(&script("pod", "true"))
        .await
        .unwrap_err();
    assert!(
        matches!(&clash, EngineError::NameTaken { name, .. } if name == "pod"),
        "{clash:?}"
    );
    let second = ContainerSpec {
        published_ports: vec![PublishedPort {
            host_port: port.host_port,
            ..spec.published_ports[0]
        }],
        ..script("pod-2", "sleep 1000")
    };
    let second = engine.create_container(&second).await.unwrap().id;
    let taken = engine.start_container(&second).await.unwrap_err();
    assert!(
        matches!(&taken, EngineError::PortTaken { port: p, .. } if *p == port.host_port),
        "{taken:?}"
    );
    remove(engine, &second).await;

    engine.pause_container(&id).await.unwrap();
    engine.unpause_container(&id).await.unwrap();
    engine.rename_container(&id, "pod-3").await.unwrap();
    assert_eq!(engine.inspect_container("pod-3").await.unwrap().id, id);
    let grace = Some(Duration::from_secs(5));
    assert_eq!(
        engine.stop_container(&id, grace).await.unwrap(),
        Changed::Yes
    );
    assert_eq!(
        engine.stop_container(&id, None).await.unwrap(),
        Changed::AlreadySo
    );
    let stopped = engine.inspect_container(&id).await.unwrap();
    assert_eq!(stopped.state.state, ContainerState::Exited);
    assert_eq!(stopped.state.exit_code, Some(0));
    remove(engine, &id).await;
    let gone = engine.inspect_container(&id).await.unwrap_err();
    assert_eq!(kind(&gone), "NotFound", "{gone:?}");
    let no_image = ContainerSpec {
        image: "docker.io/slipway/nowhere:1".to_owned(),
        ..ContainerSpec::default()
    };
    let error = engine.create_container(&no_image).await.unwrap_err();
    assert_eq!(kind(&error), "ImageNotFound", "{error:?}");
}

async fn logs(engine: &Engine) {
    let id = run(
        engine,
        &script("pod-log", "echo öut; sleep 0.2; echo err >&2"),
    )
    .await;
    wait_for_end(engine, &id).await;
    let lines = crate::logs::read(engine, &id, &LogOptions::default()).await;
    let texts: Vec<_> = lines
        .iter()
        .map(|(text, output, _)| (text.as_str(), *output))
        .collect();
    assert_eq!(
        texts,
        [("öut", LogOutput::Stdout), ("err", LogOutput::Stderr)]
    );
    assert!(lines.iter().all(|(_, _, time)| time.is_some()), "{lines:?}");
    remove(engine, &id).await;

    // Podman does not begin its answer before the first line.
    let id = run(engine, &script("pod-late", "sleep 1; echo late")).await;
    let options = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let lines = timeout(PATIENCE, crate::logs::read(engine, &id, &options))
        .await
        .unwrap();
    assert_eq!(lines[0].0, "late");
    remove(engine, &id).await;
}

async fn events(engine: &Engine) {
    // Nothing happens, so Podman sends nothing; the subscription is active all the same.
    let mut events = timeout(PATIENCE, engine.events(None))
        .await
        .unwrap()
        .unwrap();
    let id = run(engine, &script("pod-event", "exit 5")).await;
    wait_for_end(engine, &id).await;
    remove(engine, &id).await;
    let mut actions = Vec::new();
    while !actions.contains(&Action::Remove) {
        let event = timeout(PATIENCE, events.try_next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        if event.subject == Subject::Container && event.id == id {
            actions.push(event.action);
        }
    }
    for action in [
        Action::Create,
        Action::Start,
        Action::Die { exit_code: Some(5) },
    ] {
        assert!(actions.contains(&action), "{actions:?}");
    }
}

async fn stats(engine: &Engine) {
    let id = run(engine, &script("pod-busy", "while :; do :; done")).await;
    let mut stream = engine.stats_stream(&id).await.unwrap();
    let mut percent = None;
    for _ in 0..4 {
        let sample = timeout(PATIENCE, stream.try_next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        println!("{sample:?}");
        percent = sample.cpu_percent;
        assert!(sample.memory_used.is_some());
    }
    assert!(percent.is_some_and(|percent| percent > 5.0), "{percent:?}");
    drop(stream);
    let once = engine.stats_once(&id).await.unwrap();
    assert!(once.memory_used.is_some() && once.pids.is_some());
    remove(engine, &id).await;
}
