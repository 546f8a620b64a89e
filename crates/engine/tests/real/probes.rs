use std::time::{Duration, Instant};

use slipway_engine::{Endpoint, Probe, ProbeFailure, Product, TlsMaterial, probe_all};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

use crate::support::{connect, docker_version, dockerd, endpoint};

/// A server that gives each client the same answer to any request; none without `answer`.
async fn server(answer: Option<&'static str>) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            match answer {
                Some(answer) => {
                    tokio::spawn(async move {
                        let mut request = [0; 4096];
                        while matches!(stream.read(&mut request).await, Ok(1..)) {
                            if stream.write_all(answer.as_bytes()).await.is_err() {
                                break;
                            }
                        }
                    });
                }
                None => silent.push(stream),
            }
        }
    });
    endpoint(&format!("tcp://127.0.0.1:{port}"))
}

const HTML: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>";
const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
const OLD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n{\"Version\":\"19.03.15\",\"ApiVersion\":\"1.40\"}   ";

fn failure(probe: &Probe) -> &ProbeFailure {
    probe.outcome.as_ref().unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_outcome() {
    connect().await;
    let dir = tempfile::tempdir().unwrap();
    let stale = dir.path().join("stale.sock");
    drop(UnixListener::bind(&stale).unwrap());
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed_port = closed.local_addr().unwrap().port();
    drop(closed);

    let plain = server(Some(HTML)).await;
    let mut tls = plain.clone();
    tls.address = tls.address.with_tls(TlsMaterial {
        skip_verify: true,
        ..TlsMaterial::default()
    });
    let endpoints = [
        endpoint(&dockerd().host()),
        endpoint(&format!("unix://{}/none.sock", dir.path().display())),
        endpoint(&format!("unix://{}", stale.display())),
        endpoint(&format!("tcp://127.0.0.1:{closed_port}")),
        server(None).await,
        plain,
        server(Some(NOT_FOUND)).await,
        server(Some("SSH-2.0-OpenSSH_9.2\r\n")).await,
        server(Some(OLD)).await,
        tls,
        endpoint("tcp://nowhere.invalid:2375"),
        endpoint("ssh://nowhere.invalid"),
    ];
    let begin = Instant::now();
    let probes = probe_all(&endpoints).await;
    // Concurrently: as long as the one that never answers.
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(probes.len(), endpoints.len());

    let answer = probes[0].outcome.as_ref().unwrap();
    assert_eq!(answer.product, Product::Docker);
    assert_eq!(
        answer.api_version,
        docker_version("{{.Server.APIVersion}}").await
    );
    assert_eq!(answer.version, docker_version("{{.Server.Version}}").await);
    assert!(answer.latency < Duration::from_secs(3));

    assert!(matches!(failure(&probes[1]), ProbeFailure::NoSocket));
    assert!(matches!(failure(&probes[2]), ProbeFailure::NotListening));
    assert!(matches!(failure(&probes[3]), ProbeFailure::NotListening));
    assert!(matches!(
        failure(&probes[4]),
        ProbeFailure::NotResponding { .. }
    ));
    for probe in &probes[5..8] {
        assert!(
            matches!(failure(probe), ProbeFailure::NotAnEngine),
            "{probe:?}"
        );
    }
    assert!(
        matches!(failure(&probes[8]), ProbeFailure::TooOld { api_version, .. } if api_version == "1.40"),
        "{:?}",
        probes[8]
    );
    assert!(
        matches!(failure(&probes[9]), ProbeFailure::Tls(_)),
        "{:?}",
        probes[9]
    );
    assert!(
        matches!(failure(&probes[10]), ProbeFailure::NameResolution(_)),
        "{:?}",
        probes[10]
    );
    assert!(
        matches!(failure(&probes[11]), ProbeFailure::Ssh(_)),
        "{:?}",
        probes[11]
    );
    for probe in &probes[1..] {
        assert!(failure(probe).hint(&probe.endpoint).is_some(), "{probe:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_engine_does_not_respond() {
    let dockerd = tokio::task::spawn_blocking(|| {
        slipway_testkit::Engine::options()
            .without_registry()
            .start()
            .unwrap()
    })
    .await
    .unwrap();
    dockerd.stop_signal().unwrap();
    let probe = slipway_engine::probe(&endpoint(&dockerd.host())).await;
    assert!(
        matches!(failure(&probe), ProbeFailure::NotResponding { .. }),
        "{probe:?}"
    );
    dockerd.cont_signal().unwrap();
    let probe = slipway_engine::probe(&endpoint(&dockerd.host())).await;
    assert!(probe.outcome.is_ok(), "{probe:?}");
}
