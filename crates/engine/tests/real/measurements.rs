//! Numbers for docs/PERFORMANCE.md. They take a minute and are meaningful only in a release build: `cargo test
//! --release -p slipway-engine --test real -- --ignored --nocapture measurements`

use std::process::Stdio;
use std::time::Instant;

use futures_util::TryStreamExt;
use futures_util::stream::{self, StreamExt};
use slipway_engine::{ContainerSpec, ListFilter, LogOptions, Protocol, PublishedPort};

use crate::support::{connect, dockerd, remove, run, script};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn a_million_log_lines() {
    let engine = connect().await;
    let spec = ContainerSpec {
        name: Some("measured".to_owned()),
        image: "slipway/flood".to_owned(),
        env: ["RATE=0", "LINES=1000000", "WIDTH=100"]
            .map(str::to_owned)
            .to_vec(),
        ..ContainerSpec::default()
    };
    let id = run(&engine, &spec).await;
    while wait_for_end_or_not(&engine, &id).await {}
    for timestamps in [true, false] {
        let name = id.clone();
        let theirs = tokio::task::spawn_blocking(move || {
            let mut command = dockerd().docker_command();
            command.arg("logs");
            if timestamps {
                command.arg("--timestamps");
            }
            command
                .arg(name)
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let begin = Instant::now();
            assert!(command.status().unwrap().success());
            begin.elapsed()
        })
        .await
        .unwrap();
        let options = LogOptions {
            timestamps,
            ..LogOptions::default()
        };
        let begin = Instant::now();
        let mut stream = engine.logs(&id, &options).await.unwrap();
        let (mut lines, mut chunks) = (0, 0);
        while let Some(chunk) = stream.try_next().await.unwrap() {
            lines += chunk.lines.len();
            chunks += 1;
        }
        let ours = begin.elapsed();
        assert_eq!(lines, 1_000_000);
        println!(
            "timestamps {timestamps}: ours {ours:?} in {chunks} chunks, docker logs {theirs:?}, ratio {:.2}",
            theirs.as_secs_f64() / ours.as_secs_f64()
        );
    }
    remove(&engine, &id).await;
}

async fn wait_for_end_or_not(engine: &slipway_engine::Engine, id: &str) -> bool {
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    engine
        .inspect_container(id)
        .await
        .unwrap()
        .state
        .finished_at
        .is_none()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn a_list_of_a_thousand() {
    let engine = connect().await;
    let ids: Vec<String> = stream::iter(0..1000_u16)
        .map(|number| {
            let engine = engine.clone();
            async move {
                let spec = ContainerSpec {
                    published_ports: vec![PublishedPort {
                        container_port: 80,
                        protocol: Protocol::Tcp,
                        host_ip: None,
                        host_port: Some(20_000 + number),
                    }],
                    labels: (0..6)
                        .map(|n| (format!("com.example.label-{n}"), "value".repeat(4)))
                        .collect(),
                    ..script(&format!("many-{number}"), "true")
                };
                engine.create_container(&spec).await.unwrap().id
            }
        })
        .buffer_unordered(8)
        .collect()
        .await;
    let all = ListFilter {
        all: true,
        ..ListFilter::default()
    };
    for _ in 0..5 {
        let begin = Instant::now();
        let list = engine.list_containers(&all).await.unwrap();
        println!("{} containers listed in {:?}", list.len(), begin.elapsed());
    }
    let theirs = tokio::task::spawn_blocking(|| {
        let begin = Instant::now();
        dockerd().docker_ok(&["ps", "-aq"]);
        begin.elapsed()
    })
    .await
    .unwrap();
    println!("docker ps -aq: {theirs:?}");
    for id in ids {
        remove(&engine, &id).await;
    }
}
