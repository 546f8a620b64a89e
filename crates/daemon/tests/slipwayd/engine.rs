//! The machine's engine at its socket behaves like a local one, tested with the docker command. Its ports are in
//! `ports.rs`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use slipway_testkit::soak;

use crate::own::{Own, image};
use crate::ports;

type Step = fn(&Own);

#[tokio::test(flavor = "multi_thread")]
async fn the_docker_command_works_as_with_an_engine_of_this_computer() {
    let Some(image) = image() else { return };
    let own = Own::new(&image);
    // Root, but without the right to bind ports below 1024, like a normal user.
    let mut daemon = own.command_with(&["setpriv", "--bounding-set=-net_bind_service", "--"]);
    let mut daemon = daemon.spawn().expect("setpriv");
    while !own.client.is_running().await {
        assert!(daemon.try_wait().expect("ours").is_none(), "{}", own.log());
        tokio::task::yield_now().await;
    }
    own.client.start().await.expect("accepted");
    own.running().await;
    own.make_tiny_image().await;

    own.docker_line("run -d --name web tiny busybox httpd -f -p 80 -h /www");
    let began = |what: &str| {
        let began = Instant::now();
        let what = what.to_owned();
        move || eprintln!("{what} took {:?}", began.elapsed())
    };
    let steps: [(&str, Step); 9] = [
        ("outputs and exit codes", outputs_and_exit_codes),
        ("shared mounts", mounts_are_shared),
        ("a terminal", a_terminal),
        ("half-close", what_is_sent_is_answered_after_its_end),
        ("attach", attached_twice),
        ("logs and events", logs_and_events_as_they_come),
        ("build", a_build),
        ("compose", compose),
        ("cp", much_in_and_out),
    ];
    for (what, step) in steps {
        let done = began(what);
        step(&own);
        done();
    }
    let done = began("the way");
    the_engines_own_network_carries_it(&own).await;
    done();
    let done = began("ports");
    ports::all(&own).await;
    done();

    own.client.shutdown().await.expect("it ends");
    assert!(daemon.wait().expect("ours").success());
}

/// Each call is an interrupt of a network interface, and none of the link.
async fn the_engines_own_network_carries_it(own: &Own) {
    const CALLS: u64 = 300;
    let before = interrupts(own).await;
    let mut engine = UnixStream::connect(own.paths.engine_socket()).expect("it listens");
    for _ in 0..CALLS {
        engine
            .write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n")
            .expect("it is taken");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nOK") {
            let mut some = [0; 1024];
            let count = engine.read(&mut some).expect("an answer");
            assert_ne!(count, 0, "{}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&some[..count]);
        }
    }
    let after = interrupts(own).await;
    let most_of = |kind: &str| {
        let devices = after.iter().filter(|(name, _)| name.contains(kind));
        let gained = devices.map(|(name, count)| count - before[name]);
        gained.max().expect("such a device")
    };
    let (network, link) = (most_of("-input"), most_of("-virtqueues"));
    assert!(network > CALLS / 2, "{network}: {before:?} {after:?}");
    assert!(link < CALLS / 2, "{link}: {before:?} {after:?}");
}

/// Interrupts in the machine so far, by virtio device.
async fn interrupts(own: &Own) -> BTreeMap<String, u64> {
    let table = own.in_the_machine(&["cat", "/proc/interrupts"]).await;
    let mut counts = BTreeMap::new();
    for line in table.lines().filter(|line| line.contains("virtio")) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let name = words.last().expect("a device").to_string();
        let counted = words[1..].iter().map_while(|word| word.parse::<u64>().ok());
        counts.insert(name, counted.sum());
    }
    counts
}

fn outputs_and_exit_codes(own: &Own) {
    let output = own.docker(
        &[
            "run",
            "--rm",
            "tiny",
            "sh",
            "-c",
            "echo out; echo err >&2; exit 7",
        ],
        b"",
    );
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "out\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "err\n");
    let output = own.docker(&["exec", "web", "sh", "-c", "exit 9"], b"");
    assert_eq!(output.status.code(), Some(9));
}

/// Docker refuses shared mount propagation if the guest's mounts are private.
fn mounts_are_shared(own: &Own) {
    let mount = "type=bind,source=/data,target=/there,bind-propagation=rshared";
    own.docker_ok(
        &[
            "run", "--rm", "--mount", mount, "tiny", "sh", "-c", "exit 0",
        ],
        b"",
    );
}

/// The docker command in a terminal of 33 rows and 77 columns.
fn a_terminal(own: &Own) {
    let mut command = Command::new("script");
    let line = "stty rows 33 cols 77; docker --context slipway exec -it web sh -c \
                'busybox stty size; busybox tty; read -r line; echo \"[$line]\"; exit 5'";
    command.args(["-q", "-e", "-c", line, "/dev/null"]);
    let mut child = own
        .with_context(&mut command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script");
    let mut keys = child.stdin.take().expect("piped");
    let mut screen = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = || {
        let mut line = String::new();
        screen.read_line(&mut line).expect("readable");
        line.trim().to_owned()
    };
    assert_eq!(line(), "33 77");
    assert!(line().starts_with("/dev/pts/"));
    keys.write_all(b"typed\r").expect("open");
    // Interactive input and output.
    assert_eq!(line(), "typed");
    assert_eq!(line(), "[typed]");
    drop(keys);
    assert_eq!(child.wait().expect("ours").code(), Some(5));
}

fn what_is_sent_is_answered_after_its_end(own: &Own) {
    assert_eq!(
        own.docker_ok(&["run", "-i", "--rm", "tiny", "busybox", "cat"], b"x\n"),
        "x"
    );
    let much = vec![b'x'; 3 << 20];
    for command in [
        &["run", "-i", "--rm", "tiny", "busybox", "wc", "-c"][..],
        &["exec", "-i", "web", "busybox", "wc", "-c"],
    ] {
        assert_eq!(own.docker_ok(command, &much), much.len().to_string());
    }
}

/// A container created detached gets its input from a later client.
fn attached_twice(own: &Own) {
    own.docker_line("create -i --name cat tiny busybox cat");
    assert_eq!(
        own.docker_ok(&["start", "-a", "-i", "cat"], b"one\n"),
        "one"
    );
    assert_eq!(
        own.docker_ok(&["start", "-a", "-i", "cat"], b"two\n"),
        "two"
    );
    own.docker_line("rm cat");
}

/// A docker command whose output is read while it runs.
struct Lines {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Lines {
    fn of(own: &Own, arguments: &str) -> Self {
        let mut command = own.docker_command();
        command.args(arguments.split_ascii_whitespace());
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the docker command");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, lines }
    }

    fn next(&mut self) -> String {
        self.lines.next().expect("more").expect("readable")
    }

    /// Kills it if it does not end by itself.
    fn end(mut self) {
        let _ = self.child.kill();
        self.child.wait().expect("ours");
    }
}

fn logs_and_events_as_they_come(own: &Own) {
    let mut events = Lines::of(
        own,
        "events --since 0 --filter container=talks --format {{.Action}}",
    );
    own.docker_ok(
        &[
            "run",
            "-d",
            "--name",
            "talks",
            "tiny",
            "sh",
            "-c",
            "echo one; until [ -e /go ]; do busybox sleep 0.1; done; echo two",
        ],
        b"",
    );
    let mut log = Lines::of(own, "logs --follow talks");
    assert_eq!(log.next(), "one");
    assert_eq!([events.next(), events.next()], ["create", "start"]);
    own.docker_line("exec talks busybox touch /go");
    assert_eq!(log.next(), "two");
    assert!(log.lines.next().is_none(), "it ends with its container");
    assert!(log.child.wait().expect("ours").success());
    while events.next() != "die" {}
    events.end();
    own.docker_line("rm talks");
}

/// With `BuildKit`, which speaks HTTP/2 over a hijacked connection.
fn a_build(own: &Own) {
    let Some(docker) = docker_with_buildkit() else {
        assert!(
            std::env::var_os("CI").is_none(),
            "no docker command here has BuildKit: install docker-buildx"
        );
        eprintln!("NOT TESTED: no docker command here has BuildKit");
        return;
    };
    let context = own.root().join("context");
    std::fs::create_dir_all(&context).expect("writable");
    std::fs::write(context.join("words"), "built\n").expect("writable");
    std::fs::write(
        context.join("Dockerfile"),
        "FROM tiny\nCOPY words /words\nRUN [\"busybox\", \"cp\", \"/words\", \"/www/built\"]\nCMD [\"busybox\", \"cat\", \"/www/built\"]\n",
    )
    .expect("writable");
    let output = own
        .with_context(&mut Command::new(docker))
        .env("DOCKER_BUILDKIT", "1")
        .args([
            "--context",
            "slipway",
            "build",
            "--progress",
            "plain",
            "-t",
            "built",
        ])
        .arg(&context)
        .output()
        .expect("the docker command");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("load build definition"),
        "not by BuildKit: {said}"
    );
    assert_eq!(own.docker_line("run --rm built"), "built");
}

/// Old versions have it built in, newer ones as a plug-in.
fn docker_with_buildkit() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths)
        .map(|path| path.join("docker"))
        .filter(|docker| docker.is_file())
        .find(|docker| {
            let says = |argument: &str| {
                let output = Command::new(docker).args(argument.split(' ')).output();
                output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            };
            says("--version").is_ok_and(|version| version.contains("version 20."))
                || says("buildx version").is_ok_and(|version| version.contains("buildx"))
        })
}

fn compose(own: &Own) {
    let directory = own.root().join("composed");
    std::fs::create_dir_all(&directory).expect("writable");
    std::fs::write(
        directory.join("docker-compose.yml"),
        "version: '3'\nservices:\n  page:\n    image: tiny\n    command: busybox httpd -f -p 80 -h /www\n  asks:\n    image: tiny\n    depends_on: [page]\n    command: sh -c 'until busybox wget -q -O - http://page; do busybox sleep 0.2; done'\n",
    )
    .expect("writable");
    let compose = |arguments: &[&str]| {
        let mut command = Command::new("docker-compose");
        let output = own
            .with_context(&mut command)
            .env("DOCKER_HOST", own.paths.engine_address())
            .env("COMPOSE_HTTP_TIMEOUT", "300")
            .args(arguments)
            .current_dir(&directory)
            .output()
            .expect("docker-compose");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let said = compose(&["up", "--abort-on-container-exit"]);
    assert!(said.contains("from the machine"), "{said}");
    compose(&["down", "--timeout", "1"]);
    assert_eq!(
        own.docker_line("ps -aq --filter label=com.docker.compose.project=composed"),
        ""
    );
}

/// `SLIPWAY_TEST_COPY_MB` sets the amount: a gigabyte in a soak, else 64 MB.
fn much_in_and_out(own: &Own) {
    let megabytes: u64 = match std::env::var("SLIPWAY_TEST_COPY_MB") {
        Ok(count) => count.parse().expect("SLIPWAY_TEST_COPY_MB is a number"),
        Err(_) if soak() => 1024,
        Err(_) => 64,
    };
    let file = own.root().join("large");
    let random = std::fs::File::open("/dev/urandom").expect("readable");
    std::io::copy(
        &mut random.take(megabytes << 20),
        &mut std::fs::File::create(&file).expect("writable"),
    )
    .expect("room for it");
    let sum = |path: &Path| {
        let output = Command::new("sha256sum")
            .stdin(std::fs::File::open(path).expect("readable"))
            .output();
        let output = output.expect("sha256sum").stdout;
        String::from_utf8_lossy(&output)
            .split(' ')
            .next()
            .expect("a word")
            .to_owned()
    };
    let before = sum(&file);
    let began = Instant::now();
    own.docker_line(&format!("cp {} web:/large", file.display()));
    eprintln!("in after {:?}", began.elapsed());
    std::fs::remove_file(&file).expect("ours");
    let within = own.docker_line("exec web busybox sha256sum /large");
    assert!(within.starts_with(&before), "{within} rather than {before}");
    let began = Instant::now();
    own.docker_line(&format!("cp web:/large {}", file.display()));
    eprintln!("out after {:?}", began.elapsed());
    assert_eq!(sum(&file), before);
    std::fs::remove_file(&file).expect("ours");
    own.docker_line("exec web busybox rm /large");
}
