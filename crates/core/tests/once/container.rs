//! Details of one container, against a real engine.

use slipway_api::container::{ContainerState, Ending, Exposed, MountKind};
use slipway_testkit::{Engine, free_port};

use crate::once;

/// The line has only what was requested and nothing that comes from the image, and creates the same container again.
#[tokio::test(flavor = "multi_thread")]
async fn the_docker_run_line_says_what_the_image_does_not() {
    let engine = Engine::start().expect("an engine");
    engine
        .load_sample("slipway/webapp:latest")
        .expect("a sample");
    let slipway = once(&engine.host());
    let image = "slipway/webapp:latest";
    for (options, words, line) in [
        (&[][..], &[][..], "slipway/webapp:latest"),
        (&[], &["sleep", "9"], "slipway/webapp:latest sleep 9"),
        (&["-e", "A=b c"], &[], "-e 'A=b c' slipway/webapp:latest"),
        (&["-e", "DELAY=0"], &[], "slipway/webapp:latest"),
        (&["-e", "DELAY=3"], &[], "-e DELAY=3 slipway/webapp:latest"),
        (
            &["--entrypoint", "sh"],
            &["-c", "exit 3"],
            "--entrypoint sh slipway/webapp:latest -c 'exit 3'",
        ),
        (
            &["--health-cmd", "true", "--health-interval", "90s"],
            &[],
            "--health-cmd true --health-interval 90s slipway/webapp:latest",
        ),
        (
            &["--tmpfs", "/run"],
            &[],
            "--tmpfs /run slipway/webapp:latest",
        ),
    ] {
        let create = [&["create", "--name", "it"][..], options, &[image], words].concat();
        engine.docker_ok(&create);
        let detail = slipway.container_detail("it").await.expect("it is there");
        let told = detail.docker_run.replace(" \\\n ", "");
        assert_eq!(told, format!("docker run -d --name it {line}"));
        assert_eq!(detail.container.status, "Created");
        engine.docker_ok(&["rm", "it"]);
    }
}

/// A health check that has a password shows it only where secrets are shown, however it is quoted there.
#[tokio::test(flavor = "multi_thread")]
async fn the_secrets_in_a_health_check_are_masked() {
    let engine = Engine::start().expect("an engine");
    engine
        .load_sample("slipway/busybox:latest")
        .expect("a sample");
    let secret = "it's a long-secret";
    for (name, value) in [("DB_PASSWORD", secret), ("ROOT_PASSWORD", "it's a long")] {
        engine.docker_ok(&[
            "create",
            "--name",
            &name.to_lowercase(),
            "-e",
            &format!("DB_PASSWORD={secret}"),
            "-e",
            "ROOT_PASSWORD=it's a long",
            "--health-cmd",
            &format!("ping -p \"{value}\""),
            "slipway/busybox",
        ]);
        let slipway = once(&engine.host());
        let detail = slipway.container_detail(&name.to_lowercase()).await;
        let detail = detail.expect("it is there");
        let shown = detail.docker_run.replace(" \\\n ", "");
        assert!(shown.contains(r#"--health-cmd 'ping -p "***"'"#), "{shown}");
        assert!(!shown.contains("long"), "{shown}");
        let full = detail.docker_run_full.replace(" \\\n ", "");
        let quoted = value.replace('\'', r"'\''");
        assert!(full.contains(&format!("ping -p \"{quoted}\"")), "{full}");
    }
}

/// Engine lists lack a stopped container's exposed ports, its published ports, and its tmpfs mounts.
#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_container_is_told_in_full() {
    let engine = Engine::start().expect("an engine");
    engine
        .load_sample("slipway/busybox:latest")
        .expect("a sample");
    let options = [
        "run", "--name", "it", "--expose", "5432", "-p", "8123:80", "--tmpfs", "/run",
    ];
    let program = ["slipway/busybox", "sh", "-c", "echo no space >&2; exit 3"];
    let ended = engine.docker(&[&options[..], &program].concat());
    assert_eq!(ended.status.code(), Some(3));
    let slipway = once(&engine.host());
    let detail = slipway.container_detail("it").await.expect("it is there");
    let ports: Vec<_> = detail
        .container
        .ports
        .iter()
        .map(|port| (port.container_port, port.host_port, port.open_to_network))
        .collect();
    assert_eq!(ports, [(80, Some(8123), true), (5432, None, false)]);
    assert!(
        detail
            .container
            .ports
            .iter()
            .all(|port| port.exposed == Exposed::None && port.url.is_none())
    );
    let mount = &detail.container.mounts[0];
    assert_eq!(
        (mount.kind, mount.target.as_str()),
        (MountKind::Tmpfs, "/run")
    );
    assert_eq!(detail.container.ending, Some(Ending::Failed));
    assert_eq!(detail.last_lines.as_deref(), Some("no space\n"));
}

/// The engine keeps the time of the run before, and makes up an exit code.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_start_is_not_told_as_the_end_of_the_run_before() {
    let engine = Engine::start().expect("an engine");
    engine
        .load_sample("slipway/busybox:latest")
        .expect("a sample");
    let publish = format!("127.0.0.1:{}:80", free_port());
    let run = |name, program: &[&str]| {
        let options = [
            "run",
            "-d",
            "--name",
            name,
            "-p",
            &publish,
            "slipway/busybox",
        ];
        engine.docker_ok(&[&options[..], program].concat())
    };
    run("first", &["true"]);
    engine.docker_ok(&["wait", "first"]);
    run("second", &["sleep", "600"]);
    let slipway = once(&engine.host());
    assert!(!engine.docker(&["start", "first"]).status.success());
    let failed = slipway
        .container_detail("first")
        .await
        .expect("it is there");
    assert_eq!(failed.container.ending, Some(Ending::NotStarted));
    let list = slipway.container_list(true).await.expect("a list");
    let listed = list.iter().find(|container| container.name == "first");
    let reason = listed.and_then(|listed| listed.reason.clone());
    assert_eq!(reason, failed.start_error);
    assert!(reason.is_some_and(|reason| reason.ends_with("is already in use")));
    assert_eq!(
        listed.and_then(|listed| listed.ending),
        Some(Ending::NotStarted)
    );
}

/// One whose first start failed is no less a failure than one that ran before.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_failed_is_in_the_list() {
    let engine = Engine::start().expect("an engine");
    engine
        .load_sample("slipway/busybox:latest")
        .expect("a sample");
    let image = "slipway/busybox";
    engine.docker_ok(&["create", "--name", "waiting", image]);
    let publish = format!("127.0.0.1:{}:80", free_port());
    let run = ["run", "-d", "-p", &publish];
    engine.docker_ok(&[&run[..], &[image, "sleep", "600"]].concat());
    let failed = engine.docker(&[&run[..], &["--name", "failed", image]].concat());
    assert!(!failed.status.success());
    let list = once(&engine.host()).container_list(true).await;
    let list = list.expect("a list");
    let ending = |name| {
        let listed = list.iter().find(|container| container.name == name);
        listed.map(|listed| (listed.state, listed.ending))
    };
    assert_eq!(
        ending("failed"),
        Some((ContainerState::Created, Some(Ending::NotStarted)))
    );
    assert_eq!(ending("waiting"), Some((ContainerState::Created, None)));
}
