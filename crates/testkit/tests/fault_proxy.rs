//! Each fault of the proxy, in front of a server that this test plays itself, and once in front of a real engine.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use slipway_testkit::{Engine, Fault, FaultProxy, Registry, shared};

const BODY: usize = 1000;

/// Answers every request with [`BODY`] bytes of `x`.
fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("accepted");
            std::thread::spawn(move || {
                let (mut seen, mut byte) = (Vec::new(), [0]);
                while stream.read(&mut byte).is_ok_and(|count| count == 1) {
                    seen.push(byte[0]);
                    if seen.ends_with(b"\r\n\r\n") {
                        seen.clear();
                        let body = "x".repeat(BODY);
                        let answer =
                            format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n{body}");
                        if stream.write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    format!("tcp://{address}")
}

/// Both kinds of proxy, and a way to connect to each.
fn check(test: impl Fn(&FaultProxy, &dyn Fn() -> std::io::Result<Box<dyn Client>>)) {
    let unix = FaultProxy::unix(&upstream()).expect("a proxy on a socket");
    test(&unix, &|| {
        Ok(Box::new(UnixStream::connect(unix.address())?))
    });
    let tcp = FaultProxy::tcp(&upstream()).expect("a proxy on a port");
    test(&tcp, &|| Ok(Box::new(TcpStream::connect(tcp.address())?)));
}

trait Client: Read + Write {
    fn patience(&self, patience: Duration);
}

impl Client for UnixStream {
    fn patience(&self, patience: Duration) {
        self.set_read_timeout(Some(patience))
            .expect("a timeout can be set");
    }
}

impl Client for TcpStream {
    fn patience(&self, patience: Duration) {
        self.set_read_timeout(Some(patience))
            .expect("a timeout can be set");
    }
}

fn ask(client: &mut dyn Client, path: &str) {
    // In one piece: garbage answers the first piece and closes.
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    client
        .write_all(request.as_bytes())
        .expect("the request is taken");
}

/// Reads a whole answer, or what comes before the end or the first error.
fn answer(client: &mut dyn Client) -> (Vec<u8>, Option<ErrorKind>) {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    client.patience(Duration::from_millis(300));
    while seen.len() < WHOLE {
        match client.read(&mut buffer) {
            Ok(0) => return (seen, None),
            Ok(count) => seen.extend_from_slice(&buffer[..count]),
            Err(error) => return (seen, Some(error.kind())),
        }
    }
    (seen, None)
}

const WHOLE: usize = BODY + "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".len();

#[test]
fn pass_counts_requests() {
    check(|proxy, connect| {
        let mut client = connect().expect("connected");
        for path in ["/_ping", "/containers/json?all=1", "/_ping"] {
            ask(&mut *client, path);
            assert_eq!(answer(&mut *client).0.len(), WHOLE);
        }
        let seen: Vec<String> = proxy.requests().iter().map(ToString::to_string).collect();
        assert_eq!(
            seen,
            ["GET /_ping", "GET /containers/json?all=1", "GET /_ping"]
        );
        assert_eq!((proxy.count("_ping"), proxy.connections()), (2, 1));
        proxy.clear();
        assert_eq!(proxy.requests(), []);
    });
}

#[test]
fn delay_holds_back() {
    check(|proxy, connect| {
        let mut client = connect().expect("connected");
        proxy.set(Fault::Delay(Duration::from_millis(100)));
        let asked = Instant::now();
        ask(&mut *client, "/");
        assert_eq!(answer(&mut *client).0.len(), WHOLE);
        assert!(asked.elapsed() >= Duration::from_millis(100));
    });
}

#[test]
fn stall_keeps_the_connection_and_flows_on() {
    check(|proxy, connect| {
        let mut client = connect().expect("connected");
        ask(&mut *client, "/");
        assert_eq!(answer(&mut *client).0.len(), WHOLE);
        proxy.set(Fault::StallAfter(10));
        ask(&mut *client, "/");
        let (start, error) = answer(&mut *client);
        assert_eq!((start.len(), error), (10, Some(ErrorKind::WouldBlock)));
        let mut other = connect().expect("new connections are accepted");
        proxy.set(Fault::StallAfter(0));
        ask(&mut *other, "/");
        assert_eq!(answer(&mut *other), (vec![], Some(ErrorKind::WouldBlock)));
        proxy.set(Fault::Pass);
        assert_eq!(answer(&mut *client).0.len(), WHOLE - 10);
        assert_eq!(answer(&mut *other).0.len(), WHOLE);
    });
}

#[test]
fn reset_cuts() {
    check(|proxy, connect| {
        proxy.set(Fault::ResetAfter(10));
        let mut client = connect().expect("connected");
        ask(&mut *client, "/");
        let (start, error) = answer(&mut *client);
        assert!(start.len() <= 10, "{}", start.len());
        if proxy.host().starts_with("tcp") {
            assert_eq!(error, Some(ErrorKind::ConnectionReset));
        } else {
            assert_eq!((start.len(), error), (10, None));
        }
        proxy.set(Fault::Pass);
        let mut idle = connect().expect("connected");
        ask(&mut *idle, "/");
        assert_eq!(answer(&mut *idle).0.len(), WHOLE);
        proxy.set(Fault::ResetAfter(0));
        let (rest, error) = answer(&mut *idle);
        assert!(
            rest.is_empty() && matches!(error, None | Some(ErrorKind::ConnectionReset)),
            "{error:?}"
        );
    });
}

#[test]
fn split_writes_pieces() {
    check(|proxy, connect| {
        proxy.set(Fault::Split(1));
        let mut client = connect().expect("connected");
        ask(&mut *client, "/");
        client.patience(Duration::from_secs(1));
        let (mut total, mut reads, mut buffer) = (0, 0, [0; 4096]);
        while total < WHOLE {
            total += client.read(&mut buffer).expect("it flows");
            reads += 1;
        }
        assert!(reads > WHOLE / 10, "{reads} reads for {WHOLE} pieces");
    });
}

#[test]
fn throttle_keeps_the_rate() {
    check(|proxy, connect| {
        proxy.set(Fault::Throttle(5000));
        let mut client = connect().expect("connected");
        let asked = Instant::now();
        ask(&mut *client, "/");
        assert_eq!(answer(&mut *client).0.len(), WHOLE);
        let took = asked.elapsed();
        assert!(
            took > Duration::from_millis(150) && took < Duration::from_secs(2),
            "{took:?} for 200 ms"
        );
    });
}

#[test]
fn garbage_is_no_http_or_no_json() {
    check(|proxy, connect| {
        proxy.set(Fault::Garbage);
        let mut client = connect().expect("connected");
        ask(&mut *client, "/");
        let (seen, _) = answer(&mut *client);
        assert!(!seen.is_empty() && !seen.starts_with(b"HTTP/"));
        proxy.set(Fault::HttpGarbage);
        let mut client = connect().expect("connected");
        for _ in 0..2 {
            ask(&mut *client, "/containers/json");
            client.patience(Duration::from_secs(1));
            let mut buffer = [0; 4096];
            let count = client.read(&mut buffer).expect("an answer");
            let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
            let (head, body) = text.split_once("\r\n\r\n").expect("a head");
            assert!(
                head.starts_with("HTTP/1.1 200 OK")
                    && head.contains(&format!("Content-Length: {}", body.len()))
            );
            assert!(serde_json::from_str::<serde_json::Value>(body).is_err());
        }
    });
}

#[test]
fn refuse_is_a_dead_engine_and_pass_brings_it_back() {
    check(|proxy, connect| {
        let mut open = connect().expect("connected");
        ask(&mut *open, "/");
        assert_eq!(answer(&mut *open).0.len(), WHOLE);
        proxy.set(Fault::Refuse);
        assert_eq!(
            connect().err().map(|it| it.kind()),
            Some(ErrorKind::ConnectionRefused)
        );
        assert!(
            matches!(answer(&mut *open), (rest, None | Some(ErrorKind::ConnectionReset)) if rest.is_empty())
        );
        proxy.set(Fault::Pass);
        let mut again = connect().expect("connected again");
        ask(&mut *again, "/");
        assert_eq!(answer(&mut *again).0.len(), WHOLE);
    });
}

#[test]
fn the_docker_cli_through_the_proxy() {
    let proxy = FaultProxy::in_front_of(shared()).expect("a proxy");
    let docker = |arguments: &[&str]| {
        let output = shared()
            .docker_command()
            .env("DOCKER_HOST", proxy.host())
            .args(arguments)
            .output();
        let output = output.expect("docker runs");
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    };
    // An upload, a stream, and two upgrades (attach and exec) on the way.
    assert_eq!(
        docker(&["run", "--rm", "slipway/busybox", "echo", "hello"]),
        "hello"
    );
    docker(&[
        "run",
        "-d",
        "--name",
        "upgraded",
        "slipway/busybox",
        "sleep",
        "600",
    ]);
    proxy.clear();
    assert_eq!(docker(&["exec", "upgraded", "echo", "hello"]), "hello");
    assert_eq!(
        (proxy.count("POST"), proxy.count("/start")),
        (2, 1),
        "{:?}",
        proxy.requests()
    );
    proxy.set(Fault::Split(7));
    assert!(docker(&["ps"]).contains("upgraded"));
}

#[test]
fn a_pull_is_cut_and_then_comes_through() {
    let engine = Engine::options()
        .argument("--max-download-attempts=1")
        .start()
        .expect("an engine of its own");
    engine.registry().set(Fault::ResetAfter(200_000));
    assert!(!engine.docker(&["pull", "nginx:1.22"]).status.success());
    engine.registry().set(Fault::Throttle(400_000));
    let mut pull = engine.docker_command();
    let mut pull = pull
        .args(["pull", "nginx:1.22"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("docker runs");
    let deadline = Instant::now() + Duration::from_secs(10);
    while engine.registry().proxy().count("/blobs/") == 0 {
        assert!(Instant::now() < deadline, "no layer is asked for");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(
        pull.try_wait().expect("it can be asked").is_none(),
        "still pulling"
    );
    pull.kill().expect("cancelled");
    pull.wait().expect("collected");
    engine.registry().set(Fault::Pass);
    engine.docker_ok(&["pull", "nginx:1.22"]);
}

#[test]
fn registries_do_not_share_what_is_pushed() {
    let (first, second) = (
        Registry::start().expect("one"),
        Registry::empty().expect("another"),
    );
    let catalog = |address: &str| {
        let mut stream = TcpStream::connect(address).expect("it listens");
        write!(
            stream,
            "GET /v2/_catalog HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("answered");
        text
    };
    let engine = shared();
    let name = format!("{}/mine:1", first.address());
    engine.docker_ok(&["pull", "slipway/busybox"]);
    engine.docker_ok(&["tag", "slipway/busybox", &name]);
    engine.docker_ok(&["push", &name]);
    assert!(catalog(&first.origin()).contains("\"mine\""));
    assert!(catalog(&first.address()).contains("library/postgres"));
    assert!(catalog(&second.origin()).contains(r#"{"repositories":[]}"#));
    assert!(!catalog(&Registry::start().expect("a third").origin()).contains("\"mine\""));
}
