//! Invalid input is refused with the right exit code, a message, a hint, and nothing left behind.

use std::net::TcpListener;

use slipway_testkit::shared;

use crate::slipway::{Slipway, containers};

/// Runs `slipway run …` as a container called `name`, and expects a refusal.
#[track_caller]
fn check(name: &str, arguments: &[&str], code: i32, kind: &str, error: &str, hint: &str) {
    let engine = shared();
    let slipway = Slipway::with(engine);
    let line = [&["run", "--json", "--name", name], arguments].concat();
    let ended = slipway.run(&line).exits(code).says(error, hint);
    assert_eq!(ended.stdout, "", "nothing to read");
    assert_eq!(ended.error()["kind"], kind, "{ended:#?}");
    assert!(!containers(engine).contains(&name.to_owned()), "{ended:#?}");
}

#[test]
fn names() {
    check(
        "my app",
        &["nginx:latest"],
        2,
        "invalid_input",
        "`my app` is not a valid",
        "`my-app`",
    );
    check(
        "",
        &["nginx:latest"],
        2,
        "invalid_input",
        "name is empty",
        "--name",
    );
    let slipway = Slipway::with(shared());
    slipway.ok(&[
        "run",
        "slipway/busybox",
        "--name",
        "clash",
        "-q",
        "--",
        "sleep",
        "100",
    ]);
    let ended = slipway
        .run(&[
            "run",
            "slipway/busybox",
            "--name",
            "clash",
            "--json",
            "--",
            "sleep",
            "100",
        ])
        .exits(1)
        .says("Another container is named `clash`", "`clash-2`");
    assert_eq!(ended.error()["kind"], "name_taken");
    let ended = slipway
        .run(&["rename", "clash", "not a name", "--json"])
        .exits(2)
        .says("is not a valid container name", "`not-a-name`");
    assert_eq!(ended.error()["kind"], "invalid_input");
    slipway.ok(&["rm", "clash"]);
}

#[test]
fn ports() {
    for (spec, error, hint) in [
        ("0:80", "0 is not a valid host port", "1 to 65535"),
        ("70000:80", "70000 is not a valid host port", "1 to 65535"),
        ("8000-8010:80", "range", "one -p for each"),
        ("http:80", "`http` is not a valid port", "8080:80"),
    ] {
        check(
            "bad-port",
            &["nginx:latest", "-p", spec],
            2,
            "invalid_input",
            error,
            hint,
        );
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    check(
        "port-of-process",
        &["nginx:latest", "-p", &format!("{port}:80")],
        1,
        "port_taken",
        &format!("Port {port} is in use by `"),
        "stop what uses",
    );
    check(
        "port-of-process",
        &["nginx:latest", "-p", &format!("{port}:80")],
        1,
        "port_taken",
        &format!("(process {})", std::process::id()),
        "Use port",
    );
}

#[test]
fn a_port_of_another_container() {
    let slipway = Slipway::with(shared());
    let run = slipway.json(&["run", "slipway/webapp", "--name", "holder"]);
    let port = run["ports"][0]["host_port"].as_u64().expect("published");
    check(
        "port-of-holder",
        &["slipway/webapp", "-p", &format!("{port}:8080")],
        1,
        "port_taken",
        &format!("Port {port} is in use by `holder`"),
        "Use port",
    );
    // A port without an explicit host port moves.
    let second = slipway.json(&["run", "slipway/webapp", "--name", "second"]);
    assert_ne!(second["ports"][0]["host_port"], port);
    assert_eq!(second["ready"], true);
    slipway.ok(&["rm", "holder", "second"]);
}

#[test]
fn images() {
    let invalid = "invalid_input";
    check(
        "bad-image",
        &["Not An Image"],
        2,
        invalid,
        "Not An Image",
        "",
    );
    // By the registry's address: for a name on Docker Hub, the engine would fall back to Docker Hub after its mirror.
    let tag = format!("{}/library/nginx:9.99", shared().registry().address());
    check(
        "bad-tag",
        &[&tag],
        1,
        "image_not_found",
        "library/nginx:9.99",
        "tag `9.99`",
    );
    let repository = format!("{}/nobody/nothing", shared().registry().address());
    check(
        "bad-repository",
        &[&repository],
        1,
        "image_not_found",
        "nobody/nothing",
        "Check the name",
    );
    check(
        "no-env",
        &["wordpress"],
        2,
        invalid,
        "WORDPRESS_DB_PASSWORD",
        "-e WORDPRESS_DB_PASSWORD=",
    );
    check(
        "exits",
        &["slipway/exit1"],
        1,
        "container_failed",
        "exited right after it started: exit code 1",
        "no configuration found",
    );
    check(
        "too-small",
        &["nginx:latest", "--memory", "1k"],
        2,
        invalid,
        "too small",
        "6 MB",
    );
    check(
        "no-folder",
        &["nginx:latest", "-v", "./nope:/x"],
        2,
        invalid,
        "does not exist on the engine's host",
        "Create the folder",
    );
    check(
        "no-cpu",
        &["nginx:latest", "--cpus", "none"],
        2,
        invalid,
        "CPUs",
        "0.5",
    );
}

/// The engine does not preserve the order between the two outputs: standard error explains the end, even if other
/// output follows it in the log.
#[test]
fn what_a_container_complained_of_is_its_last_word() {
    let script = "echo 'error: no licence' >&2; sleep 0.1; seq 40; echo bye; exit 3";
    check(
        "complains",
        &["slipway/busybox", "--", "sh", "-c", script],
        1,
        "container_failed",
        "exited right after it started: exit code 3",
        "Last line of its log: error: no licence",
    );
}

/// The sample claims to be for arm64, but its content runs here: its shell is replaced by one that does not.
#[test]
fn an_image_for_another_architecture() {
    use std::os::unix::fs::PermissionsExt as _;
    let engine = shared();
    let slipway = Slipway::with(engine);
    let mut program = [0_u8; 64];
    // A 64-bit little-endian ELF executable for AArch64.
    program[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    program[16] = 2;
    program[18] = 0xb7;
    let path = slipway.home().join("sh");
    std::fs::write(&path, program).expect("writable");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ours");
    let line = [
        "run",
        "slipway/arm64only",
        "--name",
        "foreign",
        "-v",
        "./sh:/foreign",
        "--json",
        "--",
        "/foreign",
    ];
    let ended = slipway.run(&line).exits(1).says(
        "is not built for this engine, which runs amd64",
        "another tag",
    );
    assert_eq!(ended.error()["kind"], "wrong_architecture");
    assert!(!containers(engine).contains(&"foreign".to_owned()));
}

#[test]
fn command_lines() {
    let slipway = Slipway::with(shared());
    slipway
        .run(&["run"])
        .exits(2)
        .says("not provided: <IMAGE>", "slipway run --help");
    slipway.run(&["sotp", "x"]).exits(2).says("sotp", "stop");
    slipway
        .run(&["search", "x", "--category", "toys"])
        .exits(2)
        .says("`toys`", "databases");
    let ended = slipway
        .run(&["ps", "--jsno", "--json"])
        .exits(2)
        .says("--jsno", "--json");
    assert_eq!(ended.error()["kind"], "invalid_input");
}

/// The engine's refusal names the field that it is about, which the window marks.
#[test]
fn a_refusal_names_its_field() {
    let slipway = Slipway::with(shared());
    for (name, arguments, code, field, error) in [
        (
            "many-cpus",
            &["nginx:latest", "--cpus", "999"][..],
            2,
            "cpus",
            "The engine has",
        ),
        (
            "no-network",
            &["slipway/busybox", "--network", "there-is-none"],
            2,
            "network",
            "there-is-none",
        ),
        (
            "no-program",
            &["slipway/busybox", "--entrypoint", "/there-is-none"],
            2,
            "entrypoint",
            "/there-is-none",
        ),
        (
            "no-source",
            &["slipway/busybox", "-v", "/there/is/none:/x"],
            2,
            "mounts.0.source",
            "The folder `/there/is/none` does not exist",
        ),
        (
            "no-address",
            &["slipway/busybox", "-p", "192.0.2.1:8080:80"],
            1,
            "ports.0.host_ip",
            "",
        ),
    ] {
        let line = [&["run", "--json", "--name", name], arguments].concat();
        let ended = slipway.run(&line).exits(code);
        let failure = ended.failure();
        assert_eq!(failure["field"], field, "{ended:#?}");
        let message = failure["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(error), "{ended:#?}");
        assert!(
            !containers(shared()).contains(&name.to_owned()),
            "{ended:#?}"
        );
    }
}
