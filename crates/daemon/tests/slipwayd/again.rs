//! However and how often the machine ends: containers with a restart policy come back, volumes keep their data, and
//! nothing is left over.
//!
//! `SLIPWAY_TEST_LIVES` is how often each kind of end is tried: 20 times in a soak, else once.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use slipway_api::machine::MachineState;
use slipway_testkit::{free_port, signal, soak};

use crate::own::{Own, get, image, warnings_about};

fn lives() -> u32 {
    match std::env::var("SLIPWAY_TEST_LIVES") {
        Ok(count) => count.parse().expect("SLIPWAY_TEST_LIVES is a number"),
        Err(_) if soak() => 20,
        Err(_) => 1,
    }
}

/// A machine with a web server that comes back, and a volume that it writes to continuously.
struct Lived {
    own: Own,
    port: u16,
    kept: String,
}

impl Lived {
    async fn new() -> Option<Self> {
        let own = Own::new(&image()?);
        own.client.start().await.expect("accepted");
        own.running().await;
        own.make_tiny_image().await;
        let port = free_port();
        own.docker_line(&format!(
            "run -d --name web --restart always -p {port}:80 -v kept:/data tiny busybox httpd -f -p 80 -h /www"
        ));
        own.docker_line("exec web busybox dd if=/dev/urandom of=/data/bytes bs=1024 count=4096");
        own.docker_line("exec web busybox sync");
        // Writes in progress when the machine ends are protected by the journal.
        own.docker_ok(
            &[
                "run", "-d", "--name", "writer", "--restart", "always", "-v", "kept:/data", "tiny",
                "sh", "-c",
                "while :; do busybox dd if=/dev/zero of=/data/noise bs=1024 count=512 2>/dev/null; busybox rm /data/noise; done",
            ],
            b"",
        );
        let mut lived = Self {
            own,
            port,
            kept: String::new(),
        };
        lived.kept = lived.sum();
        Some(lived)
    }

    fn sum(&self) -> String {
        self.own
            .docker_line("exec web busybox sha256sum /data/bytes")
    }

    /// Everything is as it was.
    async fn is_back(&self) {
        let view = self.own.running().await;
        assert!(get(self.port).contains("from the machine"));
        assert_eq!(self.sum(), self.kept);
        assert_eq!(
            self.own
                .docker_line("inspect --format {{.State.Running}} writer"),
            "true"
        );
        for word in ["network", "disk", "module"] {
            assert_eq!(warnings_about(&view, word), [""; 0]);
        }
        let qemus = self
            .own
            .processes()
            .iter()
            .filter(|(_, line)| line.contains("qemu-system"))
            .count();
        assert_eq!(qemus, 1, "{:?}", self.own.processes());
        assert_eq!(
            self.files(),
            expected(&[
                "calls.sock",
                "console.log",
                "daemon.sock",
                "engine.sock",
                "link.sock",
                "owner.json",
                "ports.sock",
                "qemu.log",
                "qmp.sock",
                "vm-process.json",
            ])
        );
    }

    /// The files beside the sockets.
    fn files(&self) -> BTreeSet<PathBuf> {
        std::fs::read_dir(&self.own.paths.runtime)
            .expect("readable")
            .map(|entry| entry.expect("readable").file_name().into())
            .collect()
    }

    fn nothing_is_left(&self) {
        self.own.nothing_runs();
        assert_eq!(
            self.files(),
            expected(&["console.log", "owner.json", "qemu.log"])
        );
        let lock = std::fs::File::open(self.own.paths.lock()).expect("a file");
        lock.try_lock().expect("nobody has it");
        assert!(std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err());
    }
}

fn expected(names: &[&str]) -> BTreeSet<PathBuf> {
    names.iter().map(PathBuf::from).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_and_volumes_outlive_every_end() {
    let Some(lived) = Lived::new().await else {
        return;
    };
    let own = &lived.own;
    for life in 0..lives() {
        let began = Instant::now();
        own.client.stop().await.expect("accepted");
        let view = own.state(MachineState::Stopped).await;
        assert_eq!(warnings_about(&view, "powered off"), [""; 0]);
        assert!(own.qemu_pid().is_none());
        // Every other time the process is ended as well.
        if life % 2 == 0 {
            own.client.shutdown().await.expect("it ends");
            lived.nothing_is_left();
        }
        own.client.start().await.expect("accepted");
        lived.is_back().await;
        eprintln!("{life}: stopped and started in {:?}", began.elapsed());

        let began = Instant::now();
        let qemu = own.qemu_pid().expect("it runs");
        signal(qemu, "KILL").expect("it runs");
        let view = own
            .wait("ended", |view| {
                !matches!(view.state, MachineState::Running { .. })
            })
            .await;
        if life == 0 {
            // It restarts by itself, once in five minutes.
            let view = own.running().await;
            assert_eq!(warnings_about(&view, "started again").len(), 1, "{view:?}");
        } else {
            eprintln!("{life}: {:?}", view.state);
            own.client.start().await.expect("accepted");
        }
        lived.is_back().await;
        assert_ne!(own.qemu_pid(), Some(qemu));
        eprintln!("{life}: after QEMU's end in {:?}", began.elapsed());

        let began = Instant::now();
        signal(own.daemon_pid().expect("it runs"), "KILL").expect("it runs");
        own.nothing_runs();
        own.client.start().await.expect("a new slipwayd");
        lived.is_back().await;
        eprintln!("{life}: after slipwayd's end in {:?}", began.elapsed());
    }
    own.client.shutdown().await.expect("it ends");
    lived.nothing_is_left();
}

/// The end of a session signals every process at once. A database that needs time to shut down gets it even so.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_session_gives_containers_the_time_that_they_ask_for() {
    let Some(image) = image() else { return };
    let own = Own::new(&image);
    own.client.start().await.expect("accepted");
    own.running().await;
    own.make_tiny_image().await;
    own.docker_ok(
        &[
            "run", "-d", "--name", "slow", "--stop-timeout", "60", "-v", "kept:/data", "tiny", "sh", "-c",
            "trap 'busybox sleep 14; echo saved >/data/end; exit 0' TERM; while :; do busybox sleep 0.1; done",
        ],
        b"",
    );
    let qemu = own.qemu_pid().expect("it runs");
    let daemon = own.daemon_pid().expect("it runs");
    for signalled in ["HUP", "INT", "TERM"] {
        signal(qemu, signalled).expect("it runs");
    }
    // Systems differ in what they send, and some send more than one. None of them may cut the first one short.
    for signalled in ["TERM", "HUP", "INT", "TERM"] {
        signal(daemon, signalled).expect("it runs");
    }
    own.nothing_runs();
    let said = own.log();
    assert!(!said.contains("powered off"), "{said}");
    assert!(!said.contains("ended unexpectedly"), "{said}");

    own.client.start().await.expect("a new slipwayd");
    own.running().await;
    let code = own.docker_line("inspect --format {{.State.ExitCode}} slow");
    assert_eq!(code, "0");
    let end = own.docker_line("run --rm -v kept:/data tiny busybox cat /data/end");
    assert_eq!(end, "saved");
    own.client.shutdown().await.expect("it ends");
    own.nothing_runs();
}
