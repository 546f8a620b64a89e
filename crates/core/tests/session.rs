//! Following a real engine: the list is correct soon after every kind of change.

use std::collections::HashMap;
use std::io::{Seek as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use slipway_api::container::{ContainerAction, ContainerState, ContainerView, Ending};
use slipway_api::engine::EngineState;
use slipway_core::{Change, SettingsFile, Slipway};
use slipway_engine::Environment;
use slipway_testkit::{Engine, Fault, FaultProxy, Podman, Stopwatch};

/// Timeout of a connection attempt.
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

/// dockerd reports a death before its own list shows it.
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

/// dockerd reports a pause before its own list shows it, by as long as its disk takes.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_shows_also_where_the_disk_is_slow() {
    let engine = with_a_deaf_container("web");
    let slipway = follow(&engine);
    connects(&slipway, &engine.host()).await;
    let disk = engine.socket().parent().expect("a directory");
    let busy = Arc::new(AtomicBool::new(true));
    let writers: Vec<_> = (0..12)
        .map(|_| {
            let busy = Arc::clone(&busy);
            let mut file = tempfile::tempfile_in(disk).expect("writable");
            std::thread::spawn(move || {
                let bytes = vec![7; 8 << 20];
                while busy.load(Ordering::Relaxed) {
                    let written = file.rewind().and_then(|()| file.write_all(&bytes));
                    written.and_then(|()| file.sync_all()).expect("room");
                }
            })
        })
        .collect();
    for _ in 0..15 {
        for (verb, state) in [
            ("pause", ContainerState::Paused),
            ("unpause", ContainerState::Running),
        ] {
            engine.docker_ok(&[verb, "web"]);
            shows(&slipway, Duration::from_secs(5), verb, |all| {
                named(all, "web").is_some_and(|c| c.state == state)
            })
            .await;
        }
    }
    busy.store(false, Ordering::Relaxed);
    for writer in writers {
        writer.join().expect("no panic");
    }
}

/// An engine with a container that does not react to SIGTERM.
fn with_a_deaf_container(name: &str) -> Engine {
    let engine = Engine::start().expect("an engine");
    engine
        .load_sample("slipway/busybox:latest")
        .expect("a sample");
    run_deaf(&engine, name);
    engine
}

fn run_deaf(engine: &Engine, name: &str) {
    let run = ["run", "-d", "--stop-timeout", "1", "--name", name];
    engine.docker_ok(&[&run[..], &["slipway/busybox", "sleep", "600"]].concat());
}

fn end_of(containers: &[ContainerView], name: &str) -> Option<(Ending, String)> {
    let container = named(containers, name)?;
    Some((container.ending?, container.reason.clone()?))
}

/// A requested end is no problem, whoever requested it, and also before Slipway listened.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_told_from_a_failure() {
    let engine = with_a_deaf_container("before");
    run_deaf(&engine, "while");
    engine.docker_ok(&["stop", "before"]);
    let slipway = follow(&engine);
    let stopped = Some((Ending::Stopped, "stopped (killed after 1 s)".to_owned()));
    shows(
        &slipway,
        Duration::from_secs(10),
        "the stop before",
        |all| end_of(all, "before") == stopped,
    )
    .await;
    engine.docker_ok(&["stop", "while"]);
    shows(&slipway, Duration::from_secs(5), "the stop", |all| {
        end_of(all, "while") == stopped
    })
    .await;
    let detail = slipway.container_detail("while").await.expect("it exists");
    assert_eq!(detail.container.exit_code, Some(137));
    assert_eq!(detail.container.ending, Some(Ending::Stopped));
    assert_eq!(detail.last_lines, None);
    // The same exit code in the next run is another end.
    engine.docker_ok(&["start", "while"]);
    engine.docker_ok(&["kill", "while"]);
    shows(&slipway, Duration::from_secs(5), "the kill", |all| {
        end_of(all, "while") == Some((Ending::Killed, "killed".to_owned()))
    })
    .await;
}

/// Podman omits the stop event if its cleanup is faster than the stop; then the container counts as killed, which is no
/// problem either.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_no_problem_on_podman() {
    let podman = tokio::task::spawn_blocking(|| Podman::start().expect("Podman"))
        .await
        .expect("no panic");
    podman
        .load_sample("slipway/busybox:latest")
        .expect("a sample");
    let image = "docker.io/slipway/busybox:latest";
    let run = |name: &str| {
        let output = podman.podman(&["run", "-d", "--name", name, image, "sleep", "600"]);
        assert!(output.status.success(), "{output:?}");
    };
    let stop = |name: &str| {
        let output = podman.podman(&["stop", "--time", "1", name]);
        assert!(output.status.success(), "{output:?}");
    };
    run("before");
    stop("before");
    let slipway = follow_at(&podman.host(), "/nonexistent/settings.json".into());
    let stopped = |all: &[ContainerView], name: &str| {
        named(all, name).is_some_and(|c| {
            c.state == ContainerState::Exited
                && matches!(c.ending, Some(Ending::Stopped | Ending::Killed))
        })
    };
    shows(
        &slipway,
        Duration::from_secs(20),
        "the stop before",
        |all| stopped(all, "before"),
    )
    .await;
    run("while");
    stop("while");
    shows(&slipway, Duration::from_secs(20), "the stop", |all| {
        stopped(all, "while")
    })
    .await;
}

/// An engine that was shut down has forgotten why its containers ended, and an exit code does not tell. Memory that ran
/// out meanwhile is not taken for the shutdown.
#[tokio::test(flavor = "multi_thread")]
async fn containers_that_go_down_with_the_engine_have_no_problem() {
    let mut engine = with_a_deaf_container("deaf");
    engine.load_sample("slipway/oom:latest").expect("a sample");
    for (name, code) in [("polite", 0), ("sullen", 3)] {
        let script = format!("trap 'exit {code}' TERM; while true; do sleep 0.1; done");
        let image = "slipway/busybox";
        engine.docker_ok(&["run", "-d", "--name", name, image, "sh", "-c", &script]);
    }
    let hold = "while [ ! -e /go ]; do sleep 0.1; done; exec oom";
    engine.docker_ok(&[
        "run",
        "-d",
        "--name",
        "hungry",
        "--memory",
        "16m",
        "slipway/oom",
        "sh",
        "-c",
        hold,
    ]);
    let names = ["deaf", "polite", "sullen", "hungry"];
    let proxy = FaultProxy::in_front_of(&engine).expect("a proxy");
    let slipway = follow_at(&proxy.host(), "/nonexistent/settings.json".into());
    shows(&slipway, Duration::from_secs(10), "the start", |all| {
        names
            .iter()
            .all(|name| named(all, name).is_some_and(|c| c.state == ContainerState::Running))
    })
    .await;
    proxy.set(Fault::Refuse);
    let mut states = slipway.engine_states().expect("it follows");
    states
        .wait_for(|state| !matches!(state, EngineState::Connected { .. }))
        .await
        .expect("it follows");
    let engine = tokio::task::spawn_blocking(move || {
        engine.docker_ok(&["exec", "hungry", "touch", "/go"]);
        engine.docker_ok(&["wait", "hungry"]);
        engine.stop().expect("it stops");
        engine.start_again().expect("it starts");
        engine
    });
    let _engine = engine.await.expect("no panic");
    proxy.set(Fault::Pass);
    shows(&slipway, Duration::from_secs(20), "the ends", |all| {
        let stopped = Some((Ending::Stopped, "stopped with the engine".to_owned()));
        names[..3].iter().all(|name| end_of(all, name) == stopped)
            && named(all, "hungry").is_some_and(|c| c.ending == Some(Ending::OutOfMemory))
    })
    .await;
}

/// A crash loop is counted, and its exit code is known also while it runs for a moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loop_is_counted() {
    let engine = Engine::start().expect("an engine");
    engine
        .load_sample("slipway/busybox:latest")
        .expect("a sample");
    let slipway = follow(&engine);
    connects(&slipway, &engine.host()).await;
    let crash = ["sh", "-c", "echo no such host: db >&2; sleep 0.2; exit 3"];
    let run = [
        "run",
        "-d",
        "--name",
        "loop",
        "--restart",
        "always",
        "slipway/busybox",
    ];
    engine.docker_ok(&[&run[..], &crash].concat());
    shows(&slipway, Duration::from_secs(20), "it restarts", |all| {
        named(all, "loop").is_some_and(|c| {
            c.state == ContainerState::Restarting
                && c.restart_count.is_some_and(|count| count >= 2)
                && c.exit_code == Some(3)
        })
    })
    .await;
    shows(&slipway, Duration::from_secs(20), "it runs", |all| {
        named(all, "loop").is_some_and(|c| {
            c.state == ContainerState::Running
                && c.restart_count.is_some_and(|count| count >= 2)
                && c.last_exit_code == Some(3)
        })
    })
    .await;
    let detail = slipway.container_detail("loop").await.expect("it exists");
    let lines = detail.last_lines.expect("it wrote something");
    assert!(lines.contains("no such host: db"), "{lines}");
}

/// A first start that fails leaves a container that never ran; the list says why, whoever started it.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_fails_is_told() {
    let engine = Engine::start().expect("an engine");
    engine
        .load_sample("slipway/busybox:latest")
        .expect("a sample");
    let publish = format!("127.0.0.1:{}:80", slipway_testkit::free_port());
    let made = |verb: &str, name: &str| {
        let program = ["slipway/busybox", "sleep", "600"];
        let options = [verb, "--name", name, "-p", &publish];
        let detach: &[&str] = if verb == "run" { &["-d"] } else { &[] };
        engine.docker(&[&options[..], detach, &program].concat())
    };
    made("create", "waiting");
    made("run", "first");
    let slipway = follow(&engine);
    connects(&slipway, &engine.host()).await;
    assert!(!made("run", "second").status.success());
    let failed = |name: &'static str| {
        move |all: &[ContainerView]| {
            named(all, name).is_some_and(|c| {
                c.state == ContainerState::Created
                    && c.ending == Some(Ending::NotStarted)
                    && c.reason.as_ref().is_some_and(|why| why.contains("in use"))
            })
        }
    };
    let within = Duration::from_secs(10);
    shows(&slipway, within, "a failed `docker run`", failed("second")).await;

    let waiting = named(&slipway.containers().containers, "waiting").cloned();
    let waiting = waiting.expect("it is there");
    assert_eq!(waiting.ending, None);
    let started = slipway
        .container_act(&[waiting.id], ContainerAction::Start)
        .await
        .expect("an outcome");
    assert!(started[0].error.is_some());
    shows(&slipway, within, "a failed Start", failed("waiting")).await;

    // A list of the engine does not take it back, and a start that succeeds does.
    engine.docker_ok(&["rm", "-f", "first"]);
    shows(&slipway, within, "the port is free", |all| {
        named(all, "first").is_none()
    })
    .await;
    assert!(failed("waiting")(&slipway.containers().containers));
    engine.docker_ok(&["start", "waiting"]);
    shows(&slipway, within, "it runs", |all| {
        named(all, "waiting")
            .is_some_and(|c| c.state == ContainerState::Running && c.reason.is_none())
    })
    .await;
}

/// Views of disk usage need events about volumes too.
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

/// Neither a hung engine nor a hung list prevents a switch to another engine.
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

/// Noticing the choice that this process has just written is no reason to connect again.
#[tokio::test(flavor = "multi_thread")]
async fn choosing_an_engine_connects_once() {
    let first = Engine::start().expect("an engine");
    let other = Engine::start().expect("an engine");
    let proxy = FaultProxy::in_front_of(&other).expect("a proxy");
    let home = Home::new();
    std::fs::create_dir_all(home.directory.path().join(".config/slipway")).expect("writable");
    home.create_context("one", &first);
    home.use_context("one");
    let slipway = home.follow();
    connects(&slipway, &first.host()).await;
    let mut changes = slipway.configuration_changes().expect("it follows");
    changes.mark_unchanged();
    // Connecting takes longer than it takes to notice that the choice was written.
    proxy.set(Fault::Delay(Duration::from_millis(400)));
    slipway.engine_use(&proxy.host()).await.expect("it answers");
    tokio::time::timeout(Duration::from_secs(10), changes.changed())
        .await
        .expect("the system tells")
        .expect("it follows");
    connects(&slipway, &proxy.host()).await;
    // Another connection would have begun when the choice was noticed. The first one is the check of the choice.
    assert_eq!(proxy.count("GET /version"), 2, "{:?}", proxy.requests());
    assert_eq!(proxy.count("/events"), 1, "{:?}", proxy.requests());
}

/// A previous attempt may hang on a dead connection: a retry starts over.
#[tokio::test(flavor = "multi_thread")]
async fn trying_again_does_not_wait_for_the_attempt_before() {
    let engine = Engine::start().expect("an engine");
    let home = tempfile::tempdir().expect("a temporary directory");
    let path = home.path().join("engine.sock");
    let silent = UnixListener::bind(&path).expect("a socket");
    let host = format!("unix://{}", path.display());
    let slipway = follow_at(&host, home.path().join("settings.json"));
    // Keeps the connection open and sends nothing.
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

/// The containers that use an image come from the followed list, including those created a moment ago.
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

/// A user's configuration: a home directory with Docker contexts, and Slipway's settings.
struct Home {
    directory: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self { directory }
    }

    fn settings(&self) -> SettingsFile {
        SettingsFile::at(self.directory.path().join(".config/slipway/settings.json"))
    }

    fn follow(&self) -> Slipway {
        let mut environment = Environment::from_process();
        environment.variables = HashMap::new();
        environment.home = Some(self.directory.path().to_owned());
        // No well-known socket of this computer is a candidate.
        environment.root = self.directory.path().join("root");
        Slipway::follow(environment, self.settings())
    }

    /// As `docker context create` does.
    fn create_context(&self, name: &str, engine: &Engine) {
        let directory = self
            .directory
            .path()
            .join(".docker/contexts/meta")
            .join(name);
        std::fs::create_dir_all(&directory).expect("writable");
        let meta = serde_json::json!({
            "Name": name,
            "Metadata": {},
            "Endpoints": { "docker": { "Host": engine.host(), "SkipTLSVerify": false } },
        });
        std::fs::write(directory.join("meta.json"), meta.to_string()).expect("writable");
    }

    /// As `docker context use` does: a new file replaces the old one.
    fn use_context(&self, name: &str) {
        let directory = self.directory.path().join(".docker");
        let config = serde_json::json!({ "currentContext": name });
        let new = directory.join("config.json.new");
        std::fs::write(&new, config.to_string()).expect("writable");
        std::fs::rename(new, directory.join("config.json")).expect("writable");
    }
}

/// Changes made in a terminal show in the window: new contexts, the selected context, and Slipway's own selection.
#[tokio::test(flavor = "multi_thread")]
async fn contexts_and_settings_that_are_written_elsewhere_take_effect() {
    let first = Engine::start().expect("an engine");
    let second = Engine::start().expect("an engine");
    let home = Home::new();
    std::fs::create_dir(home.directory.path().join(".config")).expect("writable");
    let slipway = home.follow();
    let mut states = slipway.engine_states().expect("it follows");
    states
        .wait_for(|state| matches!(state, EngineState::NoEngine { chosen: None, .. }))
        .await
        .expect("it follows");

    // Docker's directory does not exist yet; it is created with the context, whose engine is the only one.
    let mut changes = slipway.configuration_changes().expect("it follows");
    home.create_context("one", &first);
    tokio::time::timeout(Duration::from_secs(10), changes.changed())
        .await
        .expect("the system tells")
        .expect("it follows");
    connects(&slipway, &first.host()).await;

    // Another engine is not used before it is selected.
    changes.mark_unchanged();
    home.create_context("two", &second);
    tokio::time::timeout(Duration::from_secs(10), changes.changed())
        .await
        .expect("the system tells")
        .expect("it follows");
    assert!(
        matches!(slipway.engine_state(), EngineState::Connected { engine } if engine.address == first.host())
    );
    home.use_context("two");
    connects(&slipway, &second.host()).await;

    // `slipway use one`, in a separate process.
    home.settings()
        .update(|settings| settings.engine = Some("one".to_owned()))
        .expect("writable");
    connects(&slipway, &first.host()).await;
    assert_eq!(slipway.settings_view().await.engine.as_deref(), Some("one"));
}

/// A selected engine is not replaced by another one; engines that respond are listed beside it.
#[tokio::test(flavor = "multi_thread")]
async fn a_chosen_engine_is_waited_for_and_others_are_offered() {
    let engine = Engine::start().expect("an engine");
    let home = Home::new();
    home.create_context("one", &engine);
    home.settings()
        .update(|settings| settings.engine = Some("machine".to_owned()))
        .expect("writable");
    let slipway = home.follow();
    let mut states = slipway.engine_states().expect("it follows");
    let offered = states.wait_for(|state| {
        matches!(
            state,
            EngineState::NoEngine { chosen: Some(chosen), machine_helps: true, tried, .. }
                if chosen == "machine" && tried.iter().any(|it| it.name == "one" && it.engine.is_some())
        )
    });
    tokio::time::timeout(Duration::from_secs(20), offered)
        .await
        .expect("in time")
        .expect("it follows");
}
