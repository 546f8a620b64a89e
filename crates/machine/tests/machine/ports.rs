//! Published ports: from the engine's event to a connection, and back to a closed port.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use serde_json::json;
use slipway_api::machine::{MachinePortState, MachineView};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::fake::{INSPECT_FAILS, INSPECT_HANGS, REALLY, container, free_address};
use crate::life::Machine;

async fn running() -> Machine {
    let machine = Machine::new();
    machine.handle.start().await.expect("accepted");
    machine.running().await;
    machine
}

fn publish(machine: &Machine, id: &str, ports: &[(u16, &str, &str, u16)]) {
    machine
        .fake
        .containers
        .lock()
        .expect("no panic")
        .insert(id.to_owned(), container(id, ports));
    machine.fake.container_event("start", id);
}

fn end(machine: &Machine, id: &str) {
    machine.fake.containers.lock().expect("no panic").remove(id);
    machine.fake.container_event("die", id);
}

async fn listening(machine: &Machine, count: usize) -> MachineView {
    machine
        .wait("listening", |view| {
            view.ports.len() == count
                && view
                    .ports
                    .iter()
                    .all(|port| port.state == MachinePortState::Listening)
        })
        .await
}

/// A server in the "container": reads to the end, then answers with the number of bytes.
async fn counting_server() -> u16 {
    let listener = TcpListener::bind((REALLY, 0)).await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 * 1024];
                let mut total = 0;
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    total += count;
                }
                let _ = stream.write_all(format!("{total} bytes").as_bytes()).await;
            });
        }
    });
    port
}

async fn ask(address: SocketAddr, bytes: usize) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&vec![7; bytes]).await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_with_half_close_and_free_again_when_the_container_ends() {
    let machine = running().await;
    let within = counting_server().await;
    let address = free_address("127.0.0.1");
    // A busy computer may be late once, but not always.
    let mut took = Vec::new();
    for _ in 0..10 {
        let began = Instant::now();
        publish(&machine, "web", &[(within, "tcp", "", address.port())]);
        listening(&machine, 1).await;
        took.push(began.elapsed());
        end(&machine, "web");
        machine.wait("free", |view| view.ports.is_empty()).await;
    }
    let best = took.iter().min().expect("ten");
    assert!(*best < Duration::from_millis(100), "{took:?}");
    publish(&machine, "web", &[(within, "tcp", "", address.port())]);
    let view = listening(&machine, 1).await;
    assert_eq!(view.ports[0].host_ip, "127.0.0.1");
    assert_eq!(view.ports[0].container_name, "web");
    assert_eq!(
        ask(address, 3 << 20).await.expect("it answers"),
        "3145728 bytes"
    );

    end(&machine, "web");
    machine.wait("free", |view| view.ports.is_empty()).await;
    assert!(TcpStream::connect(address).await.is_err());
    // The same port moves to the next container.
    publish(&machine, "next", &[(within, "tcp", "", address.port())]);
    listening(&machine, 1).await;
    assert_eq!(ask(address, 1).await.expect("it answers"), "1 bytes");
    machine.handle.stop().await.expect("accepted");
    machine.wait("free", |view| view.ports.is_empty()).await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv6_and_addresses_that_were_asked_for() {
    let machine = running().await;
    let within = counting_server().await;
    let v6 = free_address("::1");
    publish(&machine, "six", &[(within, "tcp", "::1", v6.port())]);
    listening(&machine, 1).await;
    assert_eq!(ask(v6, 5).await.expect("it answers"), "5 bytes");

    let other = free_address("127.0.0.3");
    publish(
        &machine,
        "other",
        &[(within, "tcp", "127.0.0.3", other.port())],
    );
    listening(&machine, 2).await;
    assert_eq!(ask(other, 5).await.expect("it answers"), "5 bytes");
    let elsewhere = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), other.port());
    assert!(TcpStream::connect(elsewhere).await.is_err());

    publish(&machine, "nowhere", &[(within, "tcp", "192.0.2.1", 8080)]);
    let view = machine
        .wait("failed", |view| {
            view.ports
                .iter()
                .any(|port| matches!(port.state, MachinePortState::Failed { .. }))
        })
        .await;
    let failed = view
        .ports
        .iter()
        .find(|port| port.container == "nowhere")
        .expect("it is there");
    let MachinePortState::Failed { reason } = &failed.state else {
        panic!("{failed:?}");
    };
    assert!(
        reason.message.contains("192.0.2.1") && reason.hint.is_some(),
        "{reason:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_says_who_has_it_and_is_taken_when_it_is_free() {
    let machine = running().await;
    let within = counting_server().await;
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = holder.local_addr().expect("bound");
    publish(&machine, "web", &[(within, "tcp", "", address.port())]);
    let view = machine
        .wait("in conflict", |view| {
            matches!(
                view.ports.first().map(|port| &port.state),
                Some(MachinePortState::Conflict { .. })
            )
        })
        .await;
    let MachinePortState::Conflict { holder: who } = &view.ports[0].state else {
        panic!("{view:?}");
    };
    if cfg!(target_os = "linux") {
        let who = who.as_ref().expect("our own process");
        assert!(who.contains(&std::process::id().to_string()), "{who}");
    }
    drop(holder);
    listening(&machine, 1).await;
    assert_eq!(ask(address, 2).await.expect("it answers"), "2 bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_cannot_be_inspected_keeps_no_other_from_its_port() {
    let machine = running().await;
    let within = counting_server().await;
    let [web, late] = [free_address("127.0.0.1"), free_address("127.0.0.1")];
    let insert = |id: &str, answer| {
        let mut containers = machine.fake.containers.lock().expect("no panic");
        containers.insert(id.to_owned(), answer);
    };
    insert("a-fails", json!({"message": INSPECT_FAILS}));
    insert("a-hangs", json!(INSPECT_HANGS));
    machine.fake.container_event("start", "a-fails");
    machine.fake.container_event("start", "a-hangs");
    publish(&machine, "web", &[(within, "tcp", "", web.port())]);
    listening(&machine, 1).await;
    assert_eq!(ask(web, 2).await.expect("it answers"), "2 bytes");

    // Without another event, as soon as it can be inspected.
    insert(
        "a-fails",
        container("a-fails", &[(within, "tcp", "", late.port())]),
    );
    listening(&machine, 2).await;
    assert_eq!(ask(late, 3).await.expect("it answers"), "3 bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn udp_goes_both_ways_for_every_peer() {
    let machine = running().await;
    let server = UdpSocket::bind((REALLY, 0)).await.expect("a free port");
    let within = server.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        while let Ok((size, peer)) = server.recv_from(&mut buffer).await {
            buffer[..size].reverse();
            let _ = server.send_to(&buffer[..size], peer).await;
        }
    });
    let address = UdpSocket::bind("127.0.0.1:0")
        .await
        .and_then(|socket| socket.local_addr())
        .expect("a free port");
    publish(&machine, "dns", &[(within, "udp", "", address.port())]);
    listening(&machine, 1).await;
    let mut peers = Vec::new();
    for number in 0..20_u8 {
        let peer = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        peer.connect(address).await.expect("an address");
        peer.send(&[number, 1, 2]).await.expect("sent");
        peers.push((number, peer));
    }
    for (number, peer) in peers {
        let mut buffer = [0; 16];
        let received = tokio::time::timeout(Duration::from_secs(10), peer.recv(&mut buffer)).await;
        let size = received.expect("in time").expect("an answer");
        assert_eq!(buffer[..size], [2, 1, number]);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_short_connections_leave_nothing() {
    let machine = running().await;
    let within = counting_server().await;
    let address = free_address("127.0.0.1");
    publish(&machine, "web", &[(within, "tcp", "", address.port())]);
    listening(&machine, 1).await;
    let open = || {
        std::fs::read_dir("/proc/self/fd")
            .expect("readable")
            .count()
    };
    ask(address, 1).await.expect("it answers");
    let before = open();
    let mut batches = tokio::task::JoinSet::new();
    for _ in 0..20 {
        batches.spawn(async move {
            for _ in 0..500 {
                assert_eq!(ask(address, 3).await.expect("it answers"), "3 bytes");
            }
        });
    }
    while let Some(batch) = batches.join_next().await {
        batch.expect("no failure");
    }
    // Other tests of this process open and close descriptors meanwhile.
    let deadline = Instant::now() + Duration::from_secs(20);
    while open() > before + 100 {
        assert!(
            Instant::now() < deadline,
            "{before} before, {} after",
            open()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
