//! Resource use of containers on a real engine: no stream is opened twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use slipway_core::{SettingsFile, Slipway};
use slipway_engine::Environment;
use slipway_testkit::{Engine, FaultProxy};

type Seen = Arc<Mutex<Vec<String>>>;

/// A watch by the window, and the ids it has delivered samples of.
async fn watch(slipway: &Slipway, ids: &[String]) -> Seen {
    let seen = Seen::default();
    let sink = Arc::clone(&seen);
    slipway
        .stats_watch(ids.to_vec(), move |batch| {
            let mut seen = sink.lock().expect("no panic");
            seen.extend(batch.into_iter().map(|sample| sample.id));
            true
        })
        .await
        .expect("the engine is there");
    seen
}

async fn until_seen(seen: &Seen, ids: &[String]) {
    let began = Instant::now();
    loop {
        let brought = seen.lock().expect("no panic").clone();
        if ids.iter().all(|id| brought.contains(id)) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{brought:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_of_more_or_fewer_containers_opens_only_what_is_new() {
    let engine = Engine::start().expect("an engine");
    engine
        .load_sample("slipway/busybox:latest")
        .expect("a sample");
    let ids: Vec<String> = (0..3)
        .map(|_| engine.docker_ok(&["run", "-d", "slipway/busybox", "sleep", "600"]))
        .collect();
    let proxy = FaultProxy::in_front_of(&engine).expect("a proxy");
    let mut environment = Environment::from_process();
    environment.variables = HashMap::from([("DOCKER_HOST".to_owned(), proxy.host())]);
    environment.home = None;
    let settings = SettingsFile::at("/nonexistent/settings.json".into());
    let slipway = Slipway::once(environment, settings, None);

    until_seen(&watch(&slipway, &ids).await, &ids).await;
    assert_eq!(proxy.count("stats?stream=1"), 3);
    // One container leaves the screen; the streams that stay deliver to the new watch.
    until_seen(&watch(&slipway, &ids[..2]).await, &ids[..2]).await;
    assert_eq!(proxy.count("stats?stream=1"), 3);
    until_seen(&watch(&slipway, &ids).await, &ids).await;
    assert_eq!(proxy.count("stats?stream=1"), 4);
    // A stream that has ended is opened again when its container is watched again.
    engine.docker_ok(&["restart", "--time", "0", &ids[0]]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    watch(&slipway, &ids[1..]).await;
    until_seen(&watch(&slipway, &ids).await, &ids).await;
    assert_eq!(proxy.count("stats?stream=1"), 5);
}
