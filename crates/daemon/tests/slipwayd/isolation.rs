//! No container can reach the machine's engine, its agent, or services on this computer's loopback. No other user of
//! this computer can reach the machine.
//!
//! `--privileged` containers are not tested: they are root in the machine by design.
//!
//! `cargo xtask soak` scans every port. A usual run scans the share of them in [`ports`], which takes a fifth of the time.

use std::net::{TcpListener, UdpSocket};
use std::ops::RangeInclusive;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use slipway_api::machine::MachineState;
use slipway_testkit::{free_port, soak};

use crate::own::{Own, compile, image, warnings_about};

/// Port of a container that listens in the machine's own network on purpose: every scan of the machine must find it.
const CONTROL: u16 = 45_999;

/// Addresses of this computer and the machine on the network of published ports. The engine's network uses the same
/// addresses.
const PORTS_HERE: &str = "169.254.76.1";
const PORTS_THERE: &str = "169.254.76.2";

/// Port of the engine on its own network.
const ENGINE: u16 = 2375;

/// The ports that a scan tries: all of them in a soak, else the well-known ones, with the engine's among them, and some of
/// those that Linux gives to connections, with the control among them.
fn ports() -> Vec<RangeInclusive<u16>> {
    if soak() {
        vec![1..=u16::MAX]
    } else {
        vec![1..=4_096, 40_960..=49_151]
    }
}

/// The number of ports that a scan tries.
fn port_count() -> u32 {
    ports().into_iter().flatten().map(|_| 1).sum()
}

/// The result of a scan.
#[derive(Debug, Default, PartialEq, Eq)]
struct Scan {
    open: Vec<u16>,
    refused: u32,
    denied: u32,
    silent: u32,
}

impl Scan {
    /// The result for an address over all its ranges, from the complete output.
    fn of(output: &str, address: &str) -> Self {
        let head = format!("tcp {address}\n");
        let mut all = Self::default();
        for block in output.split(&head).skip(1) {
            let words: Vec<&str> = block.split_ascii_whitespace().collect();
            let after = |name: &str| {
                let at = words.iter().position(|word| *word == name).expect(output);
                words[at + 1..]
                    .iter()
                    .map_while(|word| word.parse().ok())
                    .collect::<Vec<u32>>()
            };
            all.open.extend(
                after("open")
                    .into_iter()
                    .map(|port| u16::try_from(port).expect("a port")),
            );
            all.refused += after("refused")[0];
            all.denied += after("denied")[0];
            all.silent += after("silent")[0];
        }
        all
    }

    /// Every port of the machine accepted or refused, and only the expected one accepted.
    fn is_the_control_alone(&self) {
        assert_eq!(self.open, [CONTROL], "{self:?}");
        let refused = port_count() - 1;
        assert_eq!((self.refused, self.denied, self.silent), (refused, 0, 0));
    }

    /// The one port that was scanned refused.
    fn is_one_refusal(&self) {
        assert_eq!((self.open.len(), self.refused), (0, 1), "{self:?}");
    }

    /// No port of this computer answered.
    fn is_nothing(&self) {
        assert_eq!((self.open.len(), self.refused), (0, 0), "{self:?}");
        assert_eq!(self.denied + self.silent, port_count());
    }
}

/// The commands of the probe that scan an address. A port that stays silent is tried `passes` times.
fn scan(address: &str, passes: u32) -> Vec<String> {
    ports()
        .into_iter()
        .map(|range| format!("tcp {address} {} {} {passes}", range.start(), range.end()))
        .collect()
}

/// A service on this computer that trusts every client.
struct Trusting {
    port: u16,
    heard: mpsc::Receiver<String>,
}

impl Trusting {
    fn new() -> Self {
        let (sender, heard) = mpsc::channel();
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = tcp.local_addr().expect("bound").port();
        let six = TcpListener::bind(("::1", port)).expect("a free port");
        let udp = UdpSocket::bind(("127.0.0.1", port)).expect("a free port");
        for (listener, name) in [(tcp, "tcp"), (six, "tcp over IPv6")] {
            let sender = sender.clone();
            thread::spawn(move || {
                while let Ok((_, from)) = listener.accept() {
                    eprintln!("{name} from {from}");
                    let _ = sender.send(name.to_owned());
                }
            });
        }
        thread::spawn(move || {
            let mut bytes = [0; 100];
            while let Ok((count, _)) = udp.recv_from(&mut bytes) {
                let _ = sender.send(String::from_utf8_lossy(&bytes[..count]).into_owned());
            }
        });
        Self { port, heard }
    }
}

/// Starts `slipwayd` with a umask under which sockets are open to others unless they have a mode of their own.
async fn with_an_open_umask(own: &Own) -> Child {
    let mut daemon = own.command_with(&["sh", "-c", "umask 0; exec \"$@\"", "sh"]);
    let mut daemon = daemon.spawn().expect("sh");
    while !own.client.is_running().await {
        assert!(daemon.try_wait().expect("ours").is_none(), "{}", own.log());
        tokio::task::yield_now().await;
    }
    daemon
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_reach_neither_the_engine_nor_this_computer() {
    let Some(image) = image() else { return };
    let own = Own::new(&image);
    let mut daemon = with_an_open_umask(&own).await;
    own.client.start().await.expect("accepted");
    let view = own.running().await;
    assert_eq!(warnings_about(&view, "network"), [""; 0]);
    let probe = own.root().join("probe");
    compile(Path::new("tests/slipwayd/probe.c"), &probe);
    others_cannot_open_the_sockets(&own);
    qemu_is_in_its_sandbox(&own);
    nothing_listens_but(&own, &[]);

    own.import(
        "probe",
        &[("probe", &std::fs::read(&probe).expect("readable"))],
    );
    let run = |options: &str, what: &[String]| {
        let began = Instant::now();
        let what = what.join(" + ");
        let output = own.docker_line(&format!("run --rm {options} probe /probe {what}"));
        eprintln!("{options} {what} took {:?}:\n{output}", began.elapsed());
        output
    };
    // The engine's network namespace has no id in the machine's, through which a container with the machine's network
    // could move an interface into it; that of the way out and each container's have one.
    let namespaces = || run("--net=host", &["namespaces".to_owned()]);
    assert_eq!(namespaces(), "namespaces 1");
    own.docker_line("run -d --name sleeps probe /probe listen 1");
    assert_eq!(namespaces(), "namespaces 2");
    own.docker_line("rm --force sleeps");
    own.docker_line(&format!(
        "run -d --name control --net=host probe /probe listen {CONTROL}"
    ));
    own.until_it_says("control", "listening");
    let published = free_port();
    own.docker_line(&format!(
        "run -d --name published -p {published}:80 probe /probe listen 80"
    ));
    own.wait("published", |view| !view.ports.is_empty()).await;
    nothing_listens_but(&own, &[published]);
    own.docker_line("rm --force published");
    own.wait("free", |view| view.ports.is_empty()).await;
    nothing_listens_but(&own, &[]);

    let trusting = Trusting::new();
    let port = trusting.port;
    let datagrams = ["10.0.2.2", "255.255.255.255", "127.0.0.2"]
        .map(|address| format!("udp {address} {port} datagram"));

    // The bridge's address is also the one for `host.docker.internal`.
    let mut what = [
        scan("172.17.0.1", 3),
        scan("10.0.2.2", 1),
        scan(PORTS_HERE, 1),
        scan(PORTS_THERE, 3),
    ]
    .concat();
    what.extend(datagrams.clone());
    let found = run("", &what);
    Scan::of(&found, "172.17.0.1").is_the_control_alone();
    Scan::of(&found, "10.0.2.2").is_nothing();
    Scan::of(&found, PORTS_HERE).is_nothing();
    Scan::of(&found, PORTS_THERE).is_the_control_alone();

    let mut what = [
        scan("127.0.0.1", 3),
        scan("::1", 3),
        scan("10.0.2.2", 1),
        scan(PORTS_HERE, 1),
    ]
    .concat();
    what.push(format!("tcp {PORTS_THERE} {ENGINE} {ENGINE} 1"));
    what.extend(datagrams.clone());
    for address in ["10.0.2.2", "255.255.255.255", "127.0.0.1"] {
        what.extend(frames(address, port, "frame"));
    }
    what.extend(
        ["fe80::2%eth0", "fec0::2"].map(|address| format!("tcp {address} {port} {port} 1")),
    );
    let found = run("--net=host", &what);
    Scan::of(&found, "127.0.0.1").is_the_control_alone();
    Scan::of(&found, "::1").is_the_control_alone();
    Scan::of(&found, "10.0.2.2").is_nothing();
    Scan::of(&found, PORTS_HERE).is_nothing();
    Scan::of(&found, PORTS_THERE).is_one_refusal();
    // A container in the machine's network does not have the engine's network, and sees no packet of it.
    let interfaces = own.in_the_machine(&["ls", "/sys/class/net"]).await;
    assert!(interfaces.contains("eth1"), "{interfaces}");
    assert!(!interfaces.contains("eth2"), "{interfaces}");

    let mut what = [scan("10.0.2.15", 3), scan("10.0.2.2", 1)].concat();
    what.push("vsock".to_owned());
    what.extend(datagrams);
    let found = run("--privileged", &what);
    Scan::of(&found, "10.0.2.15").is_the_control_alone();
    Scan::of(&found, "10.0.2.2").is_nothing();
    assert!(found.contains("\nvsock\nopen\n"), "{found}");
    let ports = run("--privileged", &["serial".to_owned()]);
    assert!(ports.contains("vport"), "{ports}");
    for line in ports.lines() {
        assert!(line.ends_with("busy"), "{line}");
    }

    without_the_firewall(&own, &run, &trusting).await;

    // The machine's data is removed with it.
    own.client.delete().await.expect("accepted");
    let view = own.state(MachineState::Absent).await;
    assert_eq!(view.warnings, [""; 0]);
    own.client.shutdown().await.expect("it ends");
    assert!(daemon.wait().expect("it ends").success());
}

/// Removes the firewall, to show that it is what blocks the machine's routes to this computer. It is not needed on the
/// network of published ports, where nothing listens here, and on the engine's, to which there is no route.
async fn without_the_firewall(
    own: &Own,
    run: &dyn Fn(&str, &[String]) -> String,
    trusting: &Trusting,
) {
    let port = trusting.port;
    let flush = "nft flush ruleset && for at in /proc/1/fd/*; do case $(readlink $at) in \
                 net:*) nsenter --net=$at nft flush ruleset;; esac; done";
    assert_eq!(own.in_the_machine(&["sh", "-c", flush]).await, "");
    let found = run("--privileged", &scan(PORTS_HERE, 1));
    let found = Scan::of(&found, PORTS_HERE);
    assert_eq!((found.open.len(), found.silent), (0, port_count()));
    let engine = format!("tcp {PORTS_THERE} {ENGINE} {ENGINE} 1");
    let found = run("--privileged --net=host", &[engine]);
    Scan::of(&found, PORTS_THERE).is_one_refusal();
    let mut what = vec![
        format!("tcp 10.0.2.2 {port} {port} 3"),
        format!("udp 10.0.2.2 {port} datagram"),
    ];
    what.extend(frames("10.0.2.2", port, "control"));
    let found = run("--net=host", &what);
    assert_eq!(Scan::of(&found, "10.0.2.2").open, [port]);
    let mut heard: Vec<String> = (0..8)
        .map(|_| {
            let heard = trusting.heard.recv_timeout(Duration::from_mins(1));
            heard.unwrap_or_else(|_| panic!("a control; of the others: {found}"))
        })
        .collect();
    heard.sort_unstable();
    let udp = [
        "control:bypass",
        "control:packet",
        "control:xdp",
        "datagram",
    ];
    assert_eq!(heard, [&udp[..], &["tcp"; 4]].concat());
}

/// The commands of the probe that send frames past the machine's rules for sockets, in every way that a container has.
fn frames(address: &str, port: u16, words: &str) -> Vec<String> {
    ["packet", "bypass", "xdp"]
        .iter()
        .flat_map(|how| {
            ["udp", "tcp"]
                .map(|protocol| format!("frame {how} {protocol} {address} {port} {words}:{how}"))
        })
        .collect()
}

/// Another user of this computer is blocked by the modes of the directories and sockets.
fn others_cannot_open_the_sockets(own: &Own) {
    let open_to_all = |path: &Path| {
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(path, mode).expect("ours");
    };
    // Parent directories outside of Slipway would hide its own modes.
    for directory in [
        own.root().to_owned(),
        own.root().join("run"),
        own.root().join("data"),
    ] {
        open_to_all(&directory);
    }
    let of_another = |socket: &Path| {
        let output = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .args([own.root().join("probe").as_os_str(), "socket".as_ref()])
            .arg(socket)
            .output()
            .expect("setpriv");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let refused = |when: &str| {
        let sockets = [
            "engine.sock",
            "daemon.sock",
            "qmp.sock",
            "link.sock",
            "ports.sock",
            "calls.sock",
        ];
        for name in sockets {
            let socket = own.paths.runtime.join(name);
            assert!(socket.exists(), "{}", socket.display());
            assert_eq!(of_another(&socket), "Permission denied", "{name} {when}");
        }
    };
    refused("in a directory of ours");
    open_to_all(&own.paths.runtime);
    refused("by its own mode");
    // The scan method itself can succeed.
    let open = own.root().join("open.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&open).expect("writable");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o666)).expect("ours");
    assert_eq!(of_another(&open), "connected");
}

fn qemu_is_in_its_sandbox(own: &Own) {
    let pid = own.qemu_pid().expect("it runs");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("readable");
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.lines().any(|one| one == line), "{line}: {status}");
    }
}

/// The ports of this computer on which `slipwayd` and QEMU listen.
fn nothing_listens_but(own: &Own, ports: &[u16]) {
    let output = Command::new("ss")
        .args(["-H", "-l", "-n", "-t", "-u", "-p"])
        .output()
        .expect("ss");
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let ours =
        [own.daemon_pid(), own.qemu_pid()].map(|pid| format!("pid={},", pid.expect("it runs")));
    let mut found: Vec<String> = output
        .lines()
        .filter(|line| ours.iter().any(|pid| line.contains(pid)))
        .filter_map(|line| line.split_ascii_whitespace().nth(4).map(str::to_owned))
        .collect();
    found.sort();
    let wanted: Vec<String> = ports
        .iter()
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    assert_eq!(found, wanted);
}
