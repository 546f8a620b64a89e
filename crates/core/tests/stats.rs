//! Resource use of containers on a real engine: no stream is opened twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use slipway_core::{SettingsFile, Slipway};
use slipway_engine::Environment;
use slipway_testkit::{Engine, Fault, FaultProxy};

type Seen = Arc<Mutex<Vec<String>>>;

/// A process that uses the engine behind the proxy.
fn behind(proxy: &FaultProxy) -> Slipway {
    let mut environment = Environment::from_process();
    environment.variables = HashMap::from([("DOCKER_HOST".to_owned(), proxy.host())]);
    environment.home = None;
    let settings = SettingsFile::at("/nonexistent/settings.json".into());
    Slipway::once(environment, settings, None)
}

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
    let slipway = behind(&proxy);

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

#[tokio::test(flavor = "multi_thread")]
async fn a_container_without_samples_does_not_hold_up_the_others() {
    let engine = Engine::start().expect("an engine");
    engine
        .load_sample("slipway/busybox:latest")
        .expect("a sample");
    let [silent, measured] =
        [(); 2].map(|()| engine.docker_ok(&["run", "-d", "slipway/busybox", "sleep", "600"]));
    let proxy = FaultProxy::in_front_of(&engine).expect("a proxy");
    let slipway = behind(&proxy);
    // As dockerd does for a container that is removed between the two requests of a measurement.
    let stream = format!("{silent}/stats?stream=1");
    proxy.set(Fault::Unanswered(stream.clone().leak()));

    let began = Instant::now();
    let samples = slipway.stats_once(&[]).await.expect("the others' samples");
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(proxy.count(&stream), 1);
    let ids: Vec<&str> = samples.iter().map(|(_, sample)| &*sample.id).collect();
    assert_eq!(ids, [measured]);
}
