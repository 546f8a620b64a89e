//! The private dockerd: it works like any other, several can run on a host, and nothing of it is left behind.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use slipway_testkit::{Engine, shared};

/// Waits for a state, with a deadline that only a failure reaches.
#[track_caller]
fn eventually(what: &str, ready: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !ready() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn get(address: &str) -> String {
    let mut answer = String::new();
    if let Ok(mut stream) = TcpStream::connect(address) {
        let _ = write!(stream, "GET / HTTP/1.0\r\n\r\n");
        let _ = stream.read_to_string(&mut answer);
    }
    answer
}

/// Where a container's port is published on the host.
fn published(engine: &Engine, container: &str, port: &str) -> String {
    let address = engine.docker_ok(&["port", container, port]);
    address
        .lines()
        .next()
        .unwrap_or_default()
        .replace("0.0.0.0", "127.0.0.1")
}

#[test]
fn nginx_from_pull_to_page() {
    let engine = shared();
    engine.docker_ok(&["pull", "nginx"]);
    engine.docker_ok(&[
        "run",
        "-d",
        "--name",
        "page",
        "-p",
        &on_free_port(80),
        "nginx",
    ]);
    let address = published(engine, "page", "80");
    eventually("nginx answers", || {
        get(&address).starts_with("HTTP/1.1 200")
    });
    assert!(get(&address).contains("Welcome to nginx!"));
    assert!(
        engine
            .docker_ok(&["logs", "page"])
            .contains("\"GET / HTTP/1.0\" 200")
    );
    // The two tags are different versions, so that there is something to upgrade to.
    for (image, version) in [("nginx", "nginx/1.26"), ("nginx:1.22", "nginx/1.22")] {
        let output = engine.docker(&["run", "--rm", image, "nginx", "-v"]);
        assert!(
            String::from_utf8_lossy(&output.stderr).contains(version),
            "{image} is {version}"
        );
    }
}

#[test]
fn redis_gets_healthy() {
    let engine = shared();
    engine.docker_ok(&["run", "-d", "--name", "cache", "redis:7"]);
    let health = || engine.docker_ok(&["inspect", "-f", "{{.State.Health.Status}}", "cache"]);
    eventually("redis is healthy", || health() == "healthy");
    assert_eq!(
        engine.docker_ok(&["exec", "cache", "redis-cli", "set", "a", "b"]),
        "OK"
    );
    let mounts = engine.docker_ok(&[
        "inspect",
        "-f",
        "{{range .Mounts}}{{.Type}} {{.Destination}}{{end}}",
        "cache",
    ]);
    assert_eq!(mounts, "volume /data");
}

#[test]
fn postgres_wants_a_password_and_keeps_its_data() {
    let engine = shared();
    let refused = engine.docker(&["run", "--rm", "postgres:15"]);
    assert_eq!(refused.status.code(), Some(1));
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        message.contains("superuser password is not specified"),
        "{message}"
    );

    engine.docker_ok(&[
        "run",
        "-d",
        "--name",
        "db",
        "-e",
        "POSTGRES_PASSWORD=secret",
        "postgres:15",
    ]);
    let health = || engine.docker_ok(&["inspect", "-f", "{{.State.Health.Status}}", "db"]);
    eventually("postgres is healthy", || health() == "healthy");
    let ask = |sql| engine.docker_ok(&["exec", "-u", "postgres", "db", "psql", "-tAc", sql]);
    ask("create table t as select 42 as answer");
    engine.docker_ok(&["restart", "-t", "10", "db"]);
    eventually("postgres answers again", || {
        engine
            .docker(&["exec", "db", "pg_isready", "-q", "-h", "127.0.0.1"])
            .status
            .success()
    });
    assert_eq!(ask("select answer from t"), "42");
}

#[test]
fn the_small_samples() {
    let engine = shared();
    let failed = engine.docker(&["run", "--rm", "slipway/exit1"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("error: no configuration"));

    engine.docker(&["run", "--name", "hungry", "--memory", "16m", "slipway/oom"]);
    let state = engine.docker_ok(&[
        "inspect",
        "-f",
        "{{.State.OOMKilled}} {{.State.ExitCode}}",
        "hungry",
    ]);
    assert_eq!(state, "true 137");

    engine.docker_ok(&["run", "-dit", "--name", "tty", "slipway/tty"]);
    // The prompt itself has no newline, and dockerd logs whole lines only.
    eventually("the last line is there", || {
        engine.docker_ok(&["logs", "tty"]).contains("\nsize")
    });
    assert!(
        engine
            .docker_ok(&["logs", "tty"])
            .contains("\u{1b}[31mcolour 31\u{1b}[0m")
    );

    let started = Instant::now();
    engine.docker_ok(&[
        "run",
        "-d",
        "--name",
        "slow",
        "-e",
        "DELAY=1",
        "-p",
        &on_free_port(8080),
        "slipway/webapp",
    ]);
    let address = published(engine, "slow", "8080");
    eventually("webapp answers", || get(&address).contains("It works"));
    assert!(started.elapsed() >= Duration::from_secs(1), "it waits");
}

#[test]
fn the_flood_is_fast_and_complete() {
    let engine = shared();
    engine.docker_ok(&["pull", "slipway/flood"]);
    let flood = |variables: &[&str], command: &[&str]| {
        let variables = variables.iter().flat_map(|it| ["-e", it]);
        let arguments = ["run", "--rm"]
            .into_iter()
            .chain(variables)
            .chain(["slipway/flood"]);
        engine.docker_ok(&arguments.chain(command.iter().copied()).collect::<Vec<_>>())
    };
    // Through a pipe inside of the container: dockerd's share of the time is another matter.
    let started = Instant::now();
    let count = flood(&["RATE=0", "LINES=1000000"], &["sh", "-c", "flood | wc -l"]);
    let rate = 1e6 / started.elapsed().as_secs_f64();
    assert_eq!(count, "1000000");
    assert!(rate > 200_000.0, "{rate:.0} lines/s");

    let check = r#"flood | awk 'sprintf("%08d", NR) != $2 { print "lost before", $0; exit } END { print NR }'"#;
    assert_eq!(
        flood(&["RATE=0", "LINES=100000"], &["sh", "-c", check]),
        "100000"
    );

    let lines = flood(&["RATE=2000", "LINES=1000", "WIDTH=20"], &[]);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 1000);
    assert_eq!(
        (lines[0], lines[999]),
        ("line 00000001 abcdef", "line 00001000 abcdef")
    );
}

#[test]
fn arm64only_is_for_arm64() {
    let engine = shared();
    let tag = slipway_testkit::samples::ARM64_ONLY;
    engine.docker_ok(&["pull", tag]);
    assert_eq!(
        engine.docker_ok(&["image", "inspect", "-f", "{{.Os}}/{{.Architecture}}", tag]),
        "linux/arm64"
    );
    let manifest = get_path(
        &engine.registry().origin(),
        "/v2/slipway/arm64only/manifests/latest",
    );
    assert!(
        manifest.contains("application/vnd.docker.distribution.manifest.v2+json"),
        "{manifest}"
    );
    let list = get_path(
        &engine.registry().origin(),
        "/v2/library/nginx/manifests/latest",
    );
    assert!(
        list.contains(r#""architecture":"arm64""#) && list.contains(r#""architecture":"amd64""#),
        "{list}"
    );
}

fn get_path(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the registry listens");
    let accept = "application/vnd.docker.distribution.manifest.list.v2+json, \
                  application/vnd.docker.distribution.manifest.v2+json";
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer
}

#[test]
fn two_side_by_side() {
    let first = Engine::start().expect("the first engine starts");
    first.docker_ok(&[
        "run",
        "-d",
        "--name",
        "web",
        "-p",
        &on_free_port(80),
        "nginx:1.22",
    ]);
    let address = published(&first, "web", "80");
    first.docker_ok(&["network", "create", "inner"]);
    first.docker_ok(&[
        "run",
        "-d",
        "--name",
        "peer",
        "--network",
        "inner",
        "nginx:1.22",
    ]);

    let second = Engine::start().expect("the second engine starts");
    assert_eq!(
        second.docker_ok(&["ps", "-aq"]),
        "",
        "the second knows nothing of the first"
    );
    second.docker_ok(&[
        "run",
        "-d",
        "--name",
        "web",
        "-p",
        &on_free_port(80),
        "nginx:1.22",
    ]);
    eventually("the second's page", || {
        get(&published(&second, "web", "80")).contains("Welcome")
    });
    drop(second);

    eventually("the first's page still", || {
        get(&address).contains("Welcome")
    });
    let curl = [
        "run",
        "--rm",
        "--network",
        "inner",
        "nginx:1.22",
        "curl",
        "-s",
        "http://peer/",
    ];
    eventually("names and traffic inside a network", || {
        String::from_utf8_lossy(&first.docker(&curl).stdout).contains("Welcome")
    });
}

#[test]
fn killed_and_started_again() {
    let mut engine = Engine::start().expect("the engine starts");
    engine.docker_ok(&[
        "run",
        "-d",
        "--name",
        "plain",
        "slipway/busybox",
        "sleep",
        "600",
    ]);
    let id = engine.docker_ok(&[
        "run",
        "-d",
        "--name",
        "back",
        "--restart=always",
        "slipway/busybox",
        "sleep",
        "600",
    ]);
    let pid = engine.pid();
    engine.kill9().expect("killed");
    assert!(!engine.pings());
    assert_eq!(engine.pid(), None);
    engine.start_again().expect("started again");
    assert_ne!(engine.pid(), pid);
    assert!(engine.docker_ok(&["ps", "-aq", "--no-trunc"]).contains(&id));
    eventually("the restart policy holds", || {
        engine.docker_ok(&["inspect", "-f", "{{.State.Status}}", "back"]) == "running"
    });

    engine.stop_signal().expect("frozen");
    assert!(!engine.pings());
    engine.cont_signal().expect("thawed");
    eventually("it answers again", || engine.pings());

    engine.stop().expect("stopped");
    engine.start_again().expect("started a third time");
    assert!(engine.docker_ok(&["ps", "-aq", "--no-trunc"]).contains(&id));
}

#[test]
fn containers_outlive_a_crash_with_live_restore() {
    let mut engine = Engine::options()
        .live_restore()
        .start()
        .expect("the engine starts");
    engine.docker_ok(&[
        "run",
        "-d",
        "--name",
        "web",
        "-p",
        &on_free_port(80),
        "nginx",
    ]);
    let inspect = ["inspect", "-f", "{{.State.Pid}}", "web"];
    let pid = engine.docker_ok(&inspect);
    engine.kill9().expect("killed");
    assert!(
        Path::new("/proc").join(&pid).exists(),
        "the container runs on"
    );
    engine.start_again().expect("started again");
    assert_eq!(engine.docker_ok(&inspect), pid);
}

#[test]
fn an_engine_that_is_not_ours() {
    let mut engine = Engine::existing(&shared().host()).expect("it is there");
    assert_eq!(engine.pid(), None);
    let refused = [engine.kill9(), engine.stop_signal(), engine.start_again()];
    assert!(
        refused
            .iter()
            .all(|it| matches!(it, Err(slipway_testkit::Error::NotOurs { .. }))),
        "{refused:?}"
    );
    engine
        .load_sample("slipway/webapp:latest")
        .expect("pulled from the registry by its address");
    drop(engine);
    assert!(shared().pings());
    shared().docker_ok(&["image", "inspect", "slipway/webapp:latest"]);
    assert!(Engine::existing("tcp://127.0.0.1:2375").is_err());
}

/// What an engine leaves on the host while it runs: its run directory, bridges, mounts, cgroups and processes.
fn traces(run: &str) -> Vec<String> {
    let mut traces = Vec::new();
    let path = slipway_testkit::runs_dir().join(run);
    if path.exists() {
        traces.push(path.display().to_string());
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts can be read");
    traces.extend(
        mounts
            .lines()
            .filter(|line| line.contains(&format!("/{run}/")))
            .map(str::to_owned),
    );
    let cgroup = Path::new("/sys/fs/cgroup/memory/slipway-testkit").join(run);
    if cgroup.exists() {
        traces.push(cgroup.display().to_string());
    }
    for entry in fs::read_dir("/proc")
        .expect("processes can be listed")
        .flatten()
    {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        if command.contains(&format!("/{run}/")) {
            traces.push(format!("{}: {command}", entry.path().display()));
        }
    }
    traces
}

fn bridge_of(engine_socket: &Path) -> String {
    let record =
        fs::read_to_string(engine_socket.with_file_name("network")).expect("the run has a network");
    record.split(' ').next().unwrap_or_default().to_owned()
}

fn run_of(engine_socket: &Path) -> String {
    engine_socket
        .parent()
        .and_then(Path::file_name)
        .expect("a socket in a run directory")
        .to_string_lossy()
        .into()
}

#[test]
fn drop_leaves_nothing() {
    let engine = Engine::start().expect("the engine starts");
    let (run, bridge) = (run_of(engine.socket()), bridge_of(engine.socket()));
    engine.docker_ok(&["network", "create", "--subnet", "192.168.231.0/24", "mine"]);
    engine.docker_ok(&[
        "run",
        "-d",
        "--network",
        "mine",
        "-p",
        &on_free_port(80),
        "nginx:1.22",
    ]);
    engine.docker_ok(&[
        "run",
        "-d",
        "--cgroup-parent",
        "/elsewhere",
        "slipway/busybox",
        "sleep",
        "600",
    ]);
    assert!(!traces(&run).is_empty());
    let subnet = || {
        Command::new("ip")
            .args(["-4", "addr"])
            .output()
            .expect("ip runs")
            .stdout
    };
    assert!(String::from_utf8_lossy(&subnet()).contains("192.168.231.1"));
    engine.stop_signal().expect("even frozen");
    drop(engine);
    // A cgroup that a container chose itself is empty now, and nobody else's to remove.
    let rmdir = "find /sys/fs/cgroup -depth -type d -path '*/elsewhere*' -exec rmdir {} +";
    assert!(
        Command::new("sh")
            .args(["-c", rmdir])
            .status()
            .expect("sh runs")
            .success()
    );
    assert_eq!(traces(&run), Vec::<String>::new());
    assert!(!Path::new("/sys/class/net").join(bridge).exists());
    assert!(!String::from_utf8_lossy(&subnet()).contains("192.168.231.1"));
}

/// The bin stands for a test process: it is killed, and then killed together with its reapers.
#[test]
fn a_killed_process_leaves_nothing() {
    for reapers_die_too in [false, true] {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_testkit"))
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("testkit starts");
        let mut line = Vec::new();
        let mut out = serve.stdout.take().expect("stdout is a pipe");
        while !line.ends_with(b"\n") {
            let mut byte = [0];
            assert_eq!(
                out.read(&mut byte).expect("stdout can be read"),
                1,
                "testkit serve ended early"
            );
            line.push(byte[0]);
        }
        let ready: serde_json::Value = serde_json::from_slice(&line).expect("one line of JSON");
        let host = ready["docker_host"].as_str().expect("a host").to_owned();
        let socket = Path::new(host.strip_prefix("unix://").expect("a unix socket"));
        let (run, bridge) = (run_of(socket), bridge_of(socket));
        // Another engine may take the name as soon as it is free; the number is never given twice.
        let number = || fs::read_to_string(format!("/sys/class/net/{bridge}/ifindex")).ok();
        let bridge_number = number().expect("there is a bridge");
        let docker = ["-H", &host, "run", "-d", "slipway/busybox", "sleep", "600"];
        assert!(
            Command::new("docker")
                .args(docker)
                .stdout(Stdio::null())
                .status()
                .expect("docker runs")
                .success()
        );

        if reapers_die_too {
            for entry in fs::read_dir("/proc")
                .expect("processes can be listed")
                .flatten()
            {
                let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                let command = String::from_utf8_lossy(&command);
                if command.contains("testkit-reaper")
                    && command.contains(&format!("/{}-", serve.id()))
                {
                    let pid = entry.file_name();
                    Command::new("kill")
                        .arg("-9")
                        .arg(pid)
                        .status()
                        .expect("kill runs");
                }
            }
        }
        serve.kill().expect("killed");
        serve.wait().expect("collected");
        if reapers_die_too {
            assert!(!traces(&run).is_empty(), "nobody is left to clear up");
            slipway_testkit::sweep().expect("swept");
        }
        eventually("the run is gone", || traces(&run).is_empty());
        assert_ne!(number(), Some(bridge_number), "{bridge} is still there");
    }
}

/// What `-p` takes to publish a port of a container.
fn on_free_port(port: u16) -> String {
    format!("127.0.0.1:{}:{port}", slipway_testkit::free_port())
}
