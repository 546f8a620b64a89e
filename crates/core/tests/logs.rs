//! Open logs on a real engine: every line once, in order, and nothing read twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use slipway_api::log::{LogExtent, LogOlder, LogQuery};
use slipway_core::{SettingsFile, Slipway};
use slipway_engine::Environment;
use slipway_testkit::{Engine, FaultProxy};

type Told = Arc<Mutex<Vec<LogExtent>>>;

fn slipway(host: String) -> Slipway {
    let mut environment = Environment::from_process();
    environment.variables = HashMap::from([("DOCKER_HOST".to_owned(), host)]);
    environment.home = None;
    let settings = SettingsFile::at("/nonexistent/settings.json".into());
    Slipway::once(environment, settings, None)
}

async fn open(slipway: &Slipway, id: &str) -> (u32, Told) {
    let told = Told::default();
    let sink = Arc::clone(&told);
    let session = slipway
        .log_open(id, move |extent| {
            sink.lock().expect("no panic").push(extent);
            true
        })
        .await
        .expect("there is a log");
    (session, told)
}

/// Waits until an extent is as wanted.
async fn until(told: &Told, wanted: impl Fn(&LogExtent) -> bool) -> LogExtent {
    let began = Instant::now();
    loop {
        let last = told.lock().expect("no panic").last().cloned();
        if let Some(extent) = last.clone().filter(|extent| wanted(extent)) {
            return extent;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{last:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn flood(engine: &Engine, lines: u32, rate: u32) -> String {
    engine
        .load_sample("slipway/flood:latest")
        .expect("a sample");
    let (lines, rate) = (format!("LINES={lines}"), format!("RATE={rate}"));
    engine.docker_ok(&["run", "-d", "-e", &lines, "-e", &rate, "slipway/flood"])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_log_that_grows_is_there_once() {
    let engine = Engine::start().expect("an engine");
    // The container writes for two seconds; the log is opened in the middle.
    let id = flood(&engine, 40_000, 20_000);
    let slipway = slipway(engine.host());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (session, told) = open(&slipway, &id).await;
    let extent = until(&told, |it| !it.following && it.older == LogOlder::None).await;
    assert_eq!(extent.end - extent.first, 40_000);
    let text = slipway
        .log_text(session, extent.first, extent.end, false)
        .expect("it is open");
    let numbers = text
        .lines()
        .map(|line| line[5..13].parse::<u32>().expect("a number"));
    assert!(numbers.eq(1..=40_000));
    let query = LogQuery {
        text: "line 00000001".to_owned(),
        regex: false,
        match_case: true,
    };
    let found = slipway.log_search(session, query).await.expect("words");
    assert_eq!(found.lines, [extent.first]);
}

/// Only matching lines, from existing lines and from new ones.
#[tokio::test(flavor = "multi_thread")]
async fn matching_lines_are_a_log_of_their_own() {
    let engine = Engine::start().expect("an engine");
    let id = flood(&engine, 20_000, 10_000);
    let slipway = slipway(engine.host());
    let (session, _) = open(&slipway, &id).await;
    let query = LogQuery {
        text: "line 000..77[0-9] ".to_owned(),
        regex: true,
        match_case: true,
    };
    let told = Told::default();
    let sink = Arc::clone(&told);
    let matching = slipway
        .log_matching(session, &query, move |extent| {
            sink.lock().expect("no panic").push(extent);
            true
        })
        .expect("the log is open");
    let extent = until(&told, |it| !it.following && it.older == LogOlder::None).await;
    // Ten in each thousand.
    assert_eq!(extent.end - extent.first, 200);
    let text = slipway
        .log_text(matching, extent.first, extent.end, false)
        .expect("it is open");
    let numbers = text
        .lines()
        .map(|line| line[5..13].parse::<u32>().expect("a number"));
    assert!(numbers.eq((1..=20_000).filter(|number| number % 1000 / 10 == 77)));
    let rows = slipway
        .log_rows(matching, extent.first + 10, 1)
        .expect("it is open");
    assert_eq!(rows[0].line, extent.first + 10);
    let number = slipway
        .log_line(matching, extent.first + 10)
        .expect("it is open")
        .expect("it is held");
    let among_others = slipway.log_rows(session, number, 1).expect("it is open");
    assert_eq!(among_others[0].spans, rows[0].spans);
    // It ends with the log that it is a view of.
    slipway.log_close(session);
    assert!(slipway.log_rows(matching, 0, 1).is_err(), "it is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_opened_again_soon_is_not_read_again() {
    let engine = Engine::start().expect("an engine");
    let id = flood(&engine, 0, 500);
    let proxy = FaultProxy::in_front_of(&engine).expect("a proxy");
    let slipway = slipway(proxy.host());

    let (session, told) = open(&slipway, &id).await;
    let before = until(&told, |it| it.end - it.first > 100).await;
    slipway.log_close(session);
    assert!(slipway.log_rows(session, 0, 1).is_err(), "it is closed");
    let count = told.lock().expect("no panic").len();
    let (again, told_again) = open(&slipway, &id).await;
    let after = until(&told_again, |it| it.end > before.end).await;
    assert!(after.first <= before.first);
    assert_eq!(proxy.count("/logs"), 1);
    assert_eq!(
        told.lock().expect("no panic").len(),
        count,
        "told after it was closed"
    );

    // Nothing of a closed page is kept.
    slipway.log_close_all();
    assert!(slipway.log_rows(again, 0, 1).is_err(), "it is closed");
    open(&slipway, &id).await;
    assert_eq!(proxy.count("/logs"), 2);
}
