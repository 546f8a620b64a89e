use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use slipway_engine::{
    Changed, ContainerSpec, ContainerState, Engine, EngineError, ListFilter, MountKind, MountSpec,
    Noun, Protocol, PublishedPort, RemoveContainer, ResourceLimits, RestartPolicy, Timestamp,
};

use crate::support::{connect, kind, remove, run, script, wait_for_end, wait_until};

fn published(host_port: Option<u16>) -> PublishedPort {
    PublishedPort {
        container_port: 80,
        protocol: Protocol::Tcp,
        host_ip: Some("127.0.0.1".parse().unwrap()),
        host_port,
    }
}

/// A container that uses every option.
fn everything() -> ContainerSpec {
    ContainerSpec {
        env: vec!["A=b c".to_owned()],
        exposed_ports: vec![(53, Protocol::Udp)],
        published_ports: vec![published(None)],
        mounts: vec![
            MountSpec::Volume {
                name: Some("life-data".to_owned()),
                destination: "/data".to_owned(),
                read_only: true,
            },
            MountSpec::Volume {
                name: None,
                destination: "/anonymous".to_owned(),
                read_only: false,
            },
            MountSpec::Bind {
                source: "/usr/share".to_owned(),
                destination: "/share".to_owned(),
                read_only: true,
            },
            MountSpec::Tmpfs {
                destination: "/scratch".to_owned(),
                size: Some(1 << 20),
            },
        ],
        restart_policy: RestartPolicy::OnFailure {
            max_retries: Some(2),
        },
        limits: ResourceLimits {
            memory: Some(64 << 20),
            nano_cpus: Some(500_000_000),
            pids: Some(50),
        },
        labels: BTreeMap::from([("life".to_owned(), "yes".to_owned())]),
        hostname: Some("box".to_owned()),
        user: Some("0:0".to_owned()),
        working_dir: Some("/tmp".to_owned()),
        tty: true,
        stdin_open: true,
        ..script("life", "trap 'exit 0' TERM; while :; do sleep 1; done")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn life_of_a_container() {
    let engine = connect().await;
    let spec = everything();
    let created = engine.create_container(&spec).await.unwrap();
    let id = created.id.as_str();

    let made = engine.inspect_container(id).await.unwrap();
    assert_eq!(made.state.state, ContainerState::Created);
    assert_eq!(made.state.exit_code, None);
    assert_eq!(made.name, "life");
    assert_eq!(made.image, "slipway/busybox");
    assert_eq!(made.restart_policy, spec.restart_policy);
    assert_eq!(made.limits, spec.limits);
    assert_eq!(Some(&made.command), spec.command.as_ref());
    assert_eq!(made.hostname, spec.hostname);
    assert_eq!(made.user, spec.user);
    assert_eq!(made.working_dir, spec.working_dir);
    assert!(made.tty && made.stdin_open);
    assert!(made.env.contains(&"A=b c".to_owned()));
    assert_eq!(made.platform.as_deref(), Some("linux"));
    assert_eq!(made.mounts.len(), 4, "{:?}", made.mounts);
    let mount = |path: &str| {
        made.mounts
            .iter()
            .find(|mount| mount.destination == path)
            .unwrap()
    };
    assert_eq!(mount("/data").volume.as_deref(), Some("life-data"));
    assert!(mount("/data").read_only);
    assert!(mount("/anonymous").volume.is_some());
    assert_eq!(mount("/share").kind, MountKind::Bind);
    assert_eq!(mount("/scratch").kind, MountKind::Tmpfs);

    assert_eq!(engine.start_container(id).await.unwrap(), Changed::Yes);
    assert_eq!(
        engine.start_container(id).await.unwrap(),
        Changed::AlreadySo
    );
    let running = engine.inspect_container(id).await.unwrap();
    assert_eq!(running.state.state, ContainerState::Running);
    assert!(running.state.started_at.is_some() && running.state.finished_at.is_none());
    assert_eq!(running.configured_ports.len(), 2);
    let port = running
        .ports
        .iter()
        .find(|port| port.container_port == 80)
        .unwrap();
    assert_eq!(port.host_ip, Some("127.0.0.1".parse().unwrap()));
    assert!(port.host_port.is_some());
    assert!(running.networks[0].ipv4.is_some());

    let filter = ListFilter {
        labels: vec!["life=yes".to_owned()],
        ..ListFilter::default()
    };
    let listed = engine.list_containers(&filter).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id, created.id);
    assert_eq!(listed[0].state, ContainerState::Running);
    assert!(listed[0].ports.contains(port));
    assert_eq!(listed[0].image_id, running.image_id);
    assert!(listed[0].created_at.is_some());
    live_on(&engine, id, running.state.started_at).await;
}

/// The rest of its life cycle: paused, renamed, restarted, stopped, removed.
async fn live_on(engine: &Engine, id: &str, started_at: Option<Timestamp>) {
    engine.pause_container(id).await.unwrap();
    let paused = engine.inspect_container(id).await.unwrap();
    assert_eq!(paused.state.state, ContainerState::Paused);
    engine.unpause_container(id).await.unwrap();
    let again = engine.unpause_container(id).await.unwrap_err();
    assert!(!again.to_string().is_empty());

    engine.rename_container(id, "life-2").await.unwrap();
    assert_eq!(engine.inspect_container("life-2").await.unwrap().id, id);

    engine
        .restart_container(id, Some(Duration::from_secs(5)))
        .await
        .unwrap();
    let restarted = engine.inspect_container(id).await.unwrap();
    assert!(restarted.state.started_at > started_at);

    assert_eq!(engine.stop_container(id, None).await.unwrap(), Changed::Yes);
    assert_eq!(
        engine.stop_container(id, None).await.unwrap(),
        Changed::AlreadySo
    );
    let stopped = engine.inspect_container(id).await.unwrap();
    assert_eq!(stopped.state.exit_code, Some(0));
    assert!(stopped.state.finished_at.is_some());
    assert_eq!(
        stopped
            .ports
            .iter()
            .filter(|port| port.host_port.is_some())
            .count(),
        0
    );

    let by_id = ListFilter {
        all: true,
        ids: Some(vec![id.to_owned()]),
        ..ListFilter::default()
    };
    assert_eq!(
        engine.list_containers(&by_id).await.unwrap()[0].exit_code,
        Some(0)
    );
    let none = ListFilter {
        all: true,
        ids: Some(Vec::new()),
        ..ListFilter::default()
    };
    assert!(engine.list_containers(&none).await.unwrap().is_empty());

    remove(engine, id).await;
    let gone = engine.inspect_container(id).await.unwrap_err();
    assert!(
        matches!(
            gone,
            EngineError::NotFound {
                noun: Noun::Container,
                ..
            }
        ),
        "{gone:?}"
    );
    for error in [
        engine.start_container(id).await.unwrap_err(),
        engine.stop_container(id, None).await.unwrap_err(),
        engine.kill_container(id, None).await.unwrap_err(),
        engine
            .remove_container(id, RemoveContainer::default())
            .await
            .unwrap_err(),
    ] {
        assert_eq!(kind(&error), "NotFound", "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken() {
    let engine = connect().await;
    let first = engine
        .create_container(&script("twin", "true"))
        .await
        .unwrap();
    let error = engine
        .create_container(&script("twin", "true"))
        .await
        .unwrap_err();
    match &error {
        EngineError::NameTaken { name, holder } => {
            assert_eq!(name, "twin");
            assert_eq!(holder.as_ref(), Some(&first.id));
        }
        other => panic!("{other:?}"),
    }
    let other = engine
        .create_container(&script("twin-2", "true"))
        .await
        .unwrap();
    let error = engine
        .rename_container(&other.id, "twin")
        .await
        .unwrap_err();
    assert!(
        matches!(&error, EngineError::NameTaken { name, .. } if name == "twin"),
        "{error:?}"
    );
    remove(&engine, &first.id).await;
    remove(&engine, &other.id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken() {
    let engine = connect().await;
    let spec = |name: &str, port| ContainerSpec {
        published_ports: vec![published(port)],
        ..script(name, "sleep 1000")
    };
    let first = run(&engine, &spec("port-1", Some(slipway_testkit::free_port()))).await;
    let ports = engine.inspect_container(&first).await.unwrap().ports;
    let port = ports[0].host_port.unwrap();

    // Taken by a container, and by a program of the host.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = listener.local_addr().unwrap().port();
    for taken in [port, busy] {
        let second = engine
            .create_container(&spec("port-2", Some(taken)))
            .await
            .unwrap()
            .id;
        match engine.start_container(&second).await.unwrap_err() {
            EngineError::PortTaken { host_ip, port, .. } => {
                assert_eq!(port, Some(taken));
                assert_eq!(host_ip, Some("127.0.0.1".parse().unwrap()));
            }
            other => panic!("{other:?}"),
        }
        // The message that the user sees later.
        let detail = engine.inspect_container(&second).await.unwrap();
        assert_eq!(detail.state.state, ContainerState::Created);
        assert!(detail.state.error.is_some());
        remove(&engine, &second).await;
    }
    remove(&engine, &first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_of_containers() {
    let engine = connect().await;
    let id = run(&engine, &script("ends", "exit 3")).await;
    assert_eq!(wait_for_end(&engine, &id).await.state.exit_code, Some(3));
    remove(&engine, &id).await;

    let id = run(&engine, &script("killed", "sleep 1000")).await;
    let busy = engine
        .remove_container(&id, RemoveContainer::default())
        .await
        .unwrap_err();
    assert_eq!(kind(&busy), "Conflict", "{busy:?}");
    engine.kill_container(&id, Some("SIGKILL")).await.unwrap();
    let killed = wait_for_end(&engine, &id).await;
    assert_eq!(killed.state.exit_code, Some(137));
    assert!(!killed.state.oom_killed);
    let not_running = engine.kill_container(&id, None).await.unwrap_err();
    assert_eq!(kind(&not_running), "Conflict", "{not_running:?}");
    remove(&engine, &id).await;

    let hungry = ContainerSpec {
        name: Some("hungry".to_owned()),
        image: "slipway/oom".to_owned(),
        limits: ResourceLimits {
            memory: Some(16 << 20),
            ..ResourceLimits::default()
        },
        ..ContainerSpec::default()
    };
    let id = run(&engine, &hungry).await;
    // The engine reports out-of-memory and the end independently, in either order.
    let killed = wait_until(&engine, &id, |detail| {
        detail.state.oom_killed && detail.state.state == ContainerState::Exited
    })
    .await;
    assert_eq!(killed.state.exit_code, Some(137));
    remove(&engine, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_created_or_started() {
    let engine = connect().await;
    let no_image = ContainerSpec {
        image: "slipway/nowhere".to_owned(),
        ..ContainerSpec::default()
    };
    let error = engine.create_container(&no_image).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::ImageNotFound { reference } if reference == "slipway/nowhere"),
        "{error:?}"
    );

    let no_network = ContainerSpec {
        network: Some("nowhere".to_owned()),
        ..script("lost", "true")
    };
    let id = engine.create_container(&no_network).await.unwrap().id;
    let error = engine.start_container(&id).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::NotFound { noun: Noun::Network, name } if name == "nowhere"),
        "{error:?}"
    );
    remove(&engine, &id).await;

    let no_program = ContainerSpec {
        command: Some(vec!["/no/such/program".to_owned()]),
        ..script("lost-2", "true")
    };
    let id = engine.create_container(&no_program).await.unwrap().id;
    let error = engine.start_container(&id).await.unwrap_err();
    assert!(error.to_string().contains("/no/such/program"), "{error:?}");
    remove(&engine, &id).await;

    let invalid = ContainerSpec {
        name: Some("<b>".to_owned()),
        ..script("x", "true")
    };
    let error = engine.create_container(&invalid).await.unwrap_err();
    assert_eq!(kind(&error), "InvalidRequest", "{error:?}");

    // Crafted ids cannot reach another path.
    for id in ["..", ".", "", "../images/json"] {
        let error = engine.inspect_container(id).await.unwrap_err();
        assert_eq!(kind(&error), "InvalidRequest", "{error:?}");
    }
    let error = engine
        .inspect_image("../containers/json")
        .await
        .unwrap_err();
    assert_eq!(kind(&error), "InvalidRequest", "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_stop_is_waited_for() {
    let engine = connect().await.with_deadline(Duration::from_secs(2));
    let id = run(
        &engine,
        &script("stubborn", "trap '' TERM; while :; do sleep 1; done"),
    )
    .await;
    // Longer than the deadline of plain calls.
    let timeout = Some(Duration::from_secs(3));
    assert_eq!(
        engine.stop_container(&id, timeout).await.unwrap(),
        Changed::Yes
    );
    remove(&engine, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told() {
    let engine = connect().await;
    let dockerd = crate::support::dockerd();
    let id = tokio::task::spawn_blocking(|| {
        dockerd.docker_ok(&[
            "run",
            "-d",
            "--name",
            "patient",
            "--health-cmd",
            "echo cough; exit 4",
            "--health-interval",
            "200ms",
            "--health-retries",
            "1",
            "slipway/busybox",
            "sleep",
            "1000",
        ])
    })
    .await
    .unwrap();
    let detail = wait_until(&engine, &id, |detail| {
        detail
            .state
            .health
            .as_ref()
            .is_some_and(|health| health.failing_streak > 0)
    })
    .await;
    let health = detail.state.health.unwrap();
    assert_eq!(health.health, slipway_engine::Health::Unhealthy);
    assert_eq!(health.last_exit_code, Some(4));
    assert_eq!(health.last_output.as_deref(), Some("cough\n"));
    let filter = ListFilter {
        ids: Some(vec![id.clone()]),
        ..ListFilter::default()
    };
    let listed = engine.list_containers(&filter).await.unwrap();
    assert_eq!(listed[0].health, Some(slipway_engine::Health::Unhealthy));
    remove(&engine, &id).await;
}
