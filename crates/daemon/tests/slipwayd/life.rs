//! From nothing to a web page, and back.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Instant;

use slipway_api::machine::{MachineLogSource, MachineState};

use crate::own::{Own, client, get, image};
use crate::ports::free_low_port;
use crate::shell;

#[tokio::test(flavor = "multi_thread")]
async fn it_begins_with_nothing_and_serves_a_page() {
    let Some(image) = image() else { return };
    let own = Own::new(&image);

    // Two concurrent starts get one `slipwayd`.
    let other = client(&own.paths);
    let (first, second) = tokio::join!(own.client.start(), other.start());
    first.expect("accepted");
    second.expect("accepted");
    let began = Instant::now();
    let view = own.running().await;
    eprintln!("running after {:?}: {:?}", began.elapsed(), view.state);
    let daemon = own.daemon_pid().expect("it runs");
    for socket in [own.paths.engine_socket(), own.paths.daemon_socket()] {
        let mode = std::fs::metadata(&socket)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{}", socket.display());
    }
    let late = own.command().output().expect("it starts");
    assert!(late.status.success());
    let said = String::from_utf8_lossy(&late.stderr).into_owned();
    assert!(said.contains(&format!("process {daemon}")), "{said}");

    own.make_tiny_image().await;
    // Root may bind any port.
    let port = free_low_port();
    let published = format!("{port}:80");
    own.docker_ok(
        &[
            "run",
            "-d",
            "--name",
            "web",
            "--restart",
            "always",
            "-p",
            &published,
            "-v",
            "kept:/data",
            "tiny",
            "busybox",
            "httpd",
            "-f",
            "-p",
            "80",
            "-h",
            "/www",
        ],
        b"",
    );
    assert!(get(port).contains("from the machine"));
    // `wc` answers only after the end of its input (half-close).
    let echoed = own.docker_ok(
        &["exec", "-i", "web", "busybox", "wc", "-c"],
        &vec![b'x'; 300_000],
    );
    assert_eq!(echoed, "300000");

    shell::all(&own);
    let mut log = own
        .client
        .log(MachineLogSource::Dockerd, false)
        .await
        .expect("a log");
    assert!(log.next().await.expect("readable").is_some());

    own.docker_ok(&["stop", "--time", "0", "web"], b"");
    own.wait("free", |view| view.ports.is_empty()).await;
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());

    slipway_testkit::signal(own.daemon_pid().expect("it runs"), "TERM").expect("it runs");
    own.nothing_runs();
    let said = std::fs::read_to_string(own.paths.daemon_log()).expect("a log");
    assert!(said.contains("the machine has stopped"), "{said}");
    assert!(!said.contains("powered off"), "{said}");
    for socket in [own.paths.engine_socket(), own.paths.daemon_socket()] {
        assert!(!socket.exists(), "{}", socket.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_the_end_is_answered() {
    let Some(image) = image() else { return };
    let own = Own::new(&image);
    // Several sides end it at once, so one round is not enough.
    for _ in 0..40 {
        let view = own.client.status().await.expect("it is started");
        assert_eq!(view.state, MachineState::Absent);
        own.client.shutdown().await.expect("an answer");
        own.nothing_runs();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_boot_can_be_stopped_and_deleted_and_leaves_nothing() {
    let Some(image) = image() else { return };
    let own = Own::new(&image);
    let booting = |view: &slipway_api::machine::MachineView| {
        matches!(view.state, MachineState::Starting { .. })
    };
    own.client.start().await.expect("accepted");
    own.wait("starting", booting).await;
    own.client.stop().await.expect("accepted");
    own.state(MachineState::Stopped).await;
    assert!(own.qemu_pid().is_none());
    own.client.start().await.expect("accepted");
    own.wait("starting", booting).await;
    own.client.delete().await.expect("accepted");
    own.state(MachineState::Absent).await;
    assert!(!own.paths.machine().exists());
    assert!(!own.root().join("docker").exists());

    // Without a machine and clients it exits by itself. What is known about this computer and the image stays.
    own.nothing_runs();
    let mut left: Vec<_> = std::fs::read_dir(&own.paths.data)
        .expect("it stays")
        .map(|entry| entry.expect("readable").file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["verdict.json", "verified.json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_socket_it_ends_and_the_next_one_can_own_the_machine() {
    // Nothing boots. The machine exists, because an absent one leaves no log.
    let own = Own::new(Path::new("/no/image"));
    std::fs::create_dir_all(own.paths.machine()).expect("writable");
    std::fs::write(own.paths.data_disk(), "").expect("writable");
    let mut daemon = own.command().spawn().expect("it starts");
    while !own.client.is_running().await {
        assert!(daemon.try_wait().expect("ours").is_none(), "{}", own.log());
    }
    // A client is connected, so it does not exit for being idle.
    let watch = own.client.watch_running().await.expect("it is ours");
    let mut watch = watch.expect("it runs");
    watch.next().await.expect("a view");
    // As at the end of a login session.
    std::fs::remove_dir_all(&own.paths.runtime).expect("ours");
    assert!(daemon.wait().expect("it ends").success());
    let log = std::fs::read_to_string(own.paths.daemon_log()).expect("a log");
    assert!(log.contains("the socket was removed"), "{log}");

    own.client.status().await.expect("another one is started");
    own.client.shutdown().await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_other_data_takes_nothing_from_it() {
    let own = Own::new(Path::new("/no/image"));
    let view = own.client.status().await.expect("it is started");
    assert_eq!(view.state, MachineState::Absent);
    let other = own.root().join("other");
    let late = own
        .command()
        .env("XDG_DATA_HOME", &other)
        .output()
        .expect("it starts");
    assert!(!late.status.success());
    let said = String::from_utf8_lossy(&late.stderr).into_owned();
    for data in [&own.paths.data, &other.join("slipway")] {
        assert!(said.contains(&data.display().to_string()), "{said}");
    }
    own.client.status().await.expect("its socket is there");

    let mut places = own.paths.clone();
    places.data = other.join("slipway");
    client(&places)
        .delete()
        .await
        .expect_err("it is not theirs");
    own.client.shutdown().await.expect("it ends");
}
