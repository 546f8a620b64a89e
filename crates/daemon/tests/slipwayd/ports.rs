//! Published ports of containers, on this computer.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::time::Duration;

use slipway_api::ErrorKind;
use slipway_api::machine::{MachinePort, MachinePortState, MachineView};
use slipway_testkit::free_port;

use crate::own::{Own, compile};

/// All of it, with the image `tiny`, on a machine whose `slipwayd` may not bind ports below 1024.
pub(crate) async fn all(own: &Own) {
    udp_goes_both_ways_for_every_peer(own).await;
    ipv6_and_addresses_of_this_computer(own).await;
    a_container_of_two_networks(own).await;
    a_taken_port_names_who_has_it(own).await;
    a_low_port_says_what_it_takes(own).await;
    a_name_of_any_length(own).await;
}

async fn udp_goes_both_ways_for_every_peer(own: &Own) {
    let probe = own.root().join("probe");
    compile(Path::new("tests/slipwayd/probe.c"), &probe);
    own.import(
        "probe",
        &[("probe", &std::fs::read(&probe).expect("readable"))],
    );
    let port = free_port();
    own.docker_line(&format!(
        "run -d --name echo -p {port}:7/udp probe /probe echo 7"
    ));
    listening(own, "echo").await;
    let peers: Vec<UdpSocket> = (0..3)
        .map(|_| {
            let peer = UdpSocket::bind("127.0.0.1:0").expect("a free port");
            peer.connect(("127.0.0.1", port)).expect("an address");
            peer.set_read_timeout(Some(Duration::from_secs(2)))
                .expect("possible");
            peer
        })
        .collect();
    for (number, peer) in peers.iter().enumerate() {
        let mut answer = vec![0; 2000];
        let words = format!("{number}{}", "x".repeat(1200));
        // A datagram may be lost while the container has not opened its socket yet.
        let count = (0..30)
            .find_map(|_| {
                peer.send(words.as_bytes()).expect("somebody is there");
                peer.recv(&mut answer).ok()
            })
            .expect("an answer");
        assert_eq!(String::from_utf8_lossy(&answer[..count]), words);
    }
    own.docker_line("stop --time 0 echo");
    free(own, "echo").await;
    UdpSocket::bind(("127.0.0.1", port)).expect("it is free");
}

async fn ipv6_and_addresses_of_this_computer(own: &Own) {
    let address = address_of_this_computer();
    let [six, other, lan] = [free_port(), free_port(), free_port()];
    own.docker_line(&format!(
        "run -d --name addresses -p [::1]:{six}:80 -p 127.0.0.5:{other}:80 -p {address}:{lan}:80 tiny busybox httpd -f -p 80 -h /www"
    ));
    listening(own, "addresses").await;
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for (at, port) in [
        ("::1", six),
        ("127.0.0.5", other),
        (&address.to_string(), lan),
    ] {
        let at = SocketAddr::new(at.parse().expect("an address"), port);
        assert!(page(at).contains("from the machine"), "{at}");
        // At no other address.
        assert!(TcpStream::connect((here, port)).is_err(), "{port}");
    }
    own.docker_line("stop --time 0 addresses");
    free(own, "addresses").await;
    for at in [
        SocketAddr::new(address, lan),
        SocketAddr::new("::1".parse().expect("an address"), six),
    ] {
        TcpListener::bind(at).expect("it is free");
    }
}

/// Of several container addresses, the one with a route back is used.
async fn a_container_of_two_networks(own: &Own) {
    let port = free_port();
    own.docker_line("network create --internal a-inner");
    own.docker_line("network create b-outer");
    own.docker_line(&format!(
        "run -d --name both --network b-outer -p {port}:80 tiny busybox httpd -f -p 80 -h /www"
    ));
    own.docker_line("network connect a-inner both");
    listening(own, "both").await;
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    assert!(page(at).contains("from the machine"));
    // It came over the network of published ports, from 169.254.76.1.
    let held = TcpStream::connect(at).expect("somebody listens");
    let seen = own.docker_line("exec both busybox cat /proc/net/tcp /proc/net/tcp6");
    assert!(seen.contains("014CFEA9:"), "{seen}");
    drop(held);
    own.docker_line("rm --force both");
    own.docker_line("network rm a-inner b-outer");
    free(own, "both").await;
}

async fn a_taken_port_names_who_has_it(own: &Own) {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    own.docker_line(&format!(
        "run -d --name late -p {port}:80 tiny busybox httpd -f -p 80 -h /www"
    ));
    let name = std::fs::read_to_string("/proc/self/comm").expect("readable");
    let view = own
        .wait("a conflict", |view| !ports(view, "late").is_empty())
        .await;
    match &ports(&view, "late")[0].state {
        MachinePortState::Conflict {
            holder: Some(holder),
        } => {
            assert!(holder.contains(name.trim()), "{holder}");
            assert!(holder.contains(&std::process::id().to_string()), "{holder}");
        }
        other => panic!("{other:?}"),
    }
    drop(taken);
    listening(own, "late").await;
    assert!(page(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).contains("from the machine"));
    own.docker_line("rm --force late");
    free(own, "late").await;
}

async fn a_low_port_says_what_it_takes(own: &Own) {
    let port = free_low_port();
    own.docker_line(&format!(
        "run -d --name low -p {port}:80 tiny busybox httpd -f -p 80 -h /www"
    ));
    let view = own
        .wait("a refusal", |view| !ports(view, "low").is_empty())
        .await;
    match &ports(&view, "low")[0].state {
        MachinePortState::Failed { reason } => {
            assert_eq!(reason.kind, ErrorKind::PermissionDenied, "{reason:?}");
            assert!(reason.message.contains(&port.to_string()), "{reason:?}");
            assert!(
                reason
                    .hint
                    .as_deref()
                    .is_some_and(|hint| hint.contains("1024")),
                "{reason:?}"
            );
        }
        other => panic!("{other:?}"),
    }
    own.docker_line("rm --force low");
    free(own, "low").await;
}

/// Docker does not limit names. The machine's state, in which each port has one, is still told.
async fn a_name_of_any_length(own: &Own) {
    let name = "n".repeat(120_000);
    let publish = [(); 10]
        .map(|()| format!("-p {}:80", free_port()))
        .join(" ");
    let id = own.docker_line(&format!(
        "run -d --name {name} {publish} tiny busybox httpd -f -p 80 -h /www"
    ));
    let view = own.wait("ten ports", |view| view.ports.len() == 10).await;
    for port in &view.ports {
        assert!(name.starts_with(&port.container_name), "{port:?}");
        assert!(port.container_name.len() <= 1000);
    }
    own.docker_line(&format!("rm --force {}", id.trim()));
    own.wait("free", |view| view.ports.is_empty()).await;
}

fn ports(view: &MachineView, container: &str) -> Vec<MachinePort> {
    let of_it = view
        .ports
        .iter()
        .filter(|port| port.container_name == container);
    of_it.cloned().collect()
}

async fn listening(own: &Own, container: &str) {
    own.wait("listening", |view| {
        let ports = ports(view, container);
        !ports.is_empty()
            && ports
                .iter()
                .all(|port| port.state == MachinePortState::Listening)
    })
    .await;
}

async fn free(own: &Own, container: &str) {
    own.wait("free", |view| ports(view, container).is_empty())
        .await;
}

/// The page at an address, from a container that may still be starting.
fn page(at: SocketAddr) -> String {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(at)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    (0..100)
        .find_map(|_| {
            let answer = ask().ok().filter(|answer| !answer.is_empty());
            if answer.is_none() {
                std::thread::sleep(Duration::from_millis(100));
            }
            answer
        })
        .unwrap_or_default()
}

/// An address that others could reach; the loopback if this computer has no other.
fn address_of_this_computer() -> IpAddr {
    let found = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        // Nothing is sent.
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    found.map_or(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 6)), |address| {
        address.ip()
    })
}

/// A free port below 1024.
pub(crate) fn free_low_port() -> u16 {
    (80..1024)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("the tests are run as root")
}
