use std::time::{Duration, Instant};

use slipway_engine::{Engine, EngineError, ListFilter, LogOptions};
use slipway_testkit::{Fault, FaultProxy};

use crate::support::{
    connect, dockerd, endpoint, kind, remove, run, script, spoken_api, wait_for_end,
};

const ALL: ListFilter = ListFilter {
    all: true,
    ids: None,
    labels: Vec::new(),
    ancestor: None,
    volume: None,
    network: None,
};

async fn proxied() -> (FaultProxy, Engine) {
    // The engine must exist before the proxy.
    connect().await;
    let proxy = FaultProxy::in_front_of(dockerd()).unwrap();
    let engine = Engine::connect(&endpoint(&proxy.host())).await.unwrap();
    (proxy, engine)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_hangs() {
    let (proxy, engine) = proxied().await;
    // Before the answer, and in the middle of its body.
    for bytes in [0, 220] {
        proxy.set(Fault::StallAfter(bytes));
        let deadline = Duration::from_millis(700);
        let begin = Instant::now();
        let error = engine
            .with_deadline(deadline)
            .system_info()
            .await
            .unwrap_err();
        assert!(
            matches!(error, EngineError::NotResponding { after } if after == deadline),
            "{error:?}"
        );
        assert!(begin.elapsed() < deadline * 3, "{:?}", begin.elapsed());
        assert!(engine.ping(deadline).await.is_err());
    }
    proxy.set(Fault::Pass);
    engine.ping(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_talks_nonsense() {
    let (proxy, engine) = proxied().await;
    for fault in [Fault::Garbage, Fault::HttpGarbage] {
        proxy.set(fault);
        let error = engine.list_containers(&ALL).await.unwrap_err();
        assert_eq!(kind(&error), "Protocol", "{fault:?}: {error:?}");
        let error = engine.inspect_container("web").await.unwrap_err();
        assert_eq!(kind(&error), "Protocol", "{fault:?}: {error:?}");
        let error = Engine::connect(&endpoint(&proxy.host())).await.unwrap_err();
        assert_eq!(kind(&error), "NotAnEngine", "{fault:?}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_ends_is_given_up_for_its_size() {
    let (proxy, engine) = proxied().await;
    proxy.set(Fault::Endless);
    let error = engine.list_containers(&ALL).await.unwrap_err();
    assert_eq!(kind(&error), "TooLarge", "{error:?}");
    let error = engine.inspect_container("web").await.unwrap_err();
    assert_eq!(kind(&error), "TooLarge", "{error:?}");
    proxy.set(Fault::Pass);
    engine.list_containers(&ALL).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_dies() {
    let (_, _) = proxied().await;
    let proxy = FaultProxy::tcp(&dockerd().host()).unwrap();
    let engine = Engine::connect(&endpoint(&proxy.host())).await.unwrap();
    for bytes in [0, 220] {
        proxy.set(Fault::ResetAfter(bytes));
        let error = engine.system_info().await.unwrap_err();
        assert_eq!(kind(&error), "Unreachable", "{bytes}: {error:?}");
    }
    proxy.set(Fault::Refuse);
    let error = engine.list_containers(&ALL).await.unwrap_err();
    assert!(
        ["Unreachable", "NotListening"].contains(&kind(&error).as_str()),
        "{error:?}"
    );
    let error = engine.list_containers(&ALL).await.unwrap_err();
    assert_eq!(kind(&error), "NotListening", "{error:?}");
    // When it is back, calls succeed again.
    proxy.set(Fault::Pass);
    engine.list_containers(&ALL).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_answers_byte_by_byte() {
    let (proxy, engine) = proxied().await;
    proxy.set(Fault::Split(1));
    let id = run(&engine, &script("crumbs", "echo öne; echo two >&2")).await;
    wait_for_end(&engine, &id).await;
    let listed = engine.list_containers(&ALL).await.unwrap();
    assert!(listed.iter().any(|container| container.id == id));
    let lines = crate::logs::read(&engine, &id, &LogOptions::default()).await;
    let mut texts: Vec<_> = lines.iter().map(|(text, ..)| text.as_str()).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["two", "öne"]);
    assert!(lines.iter().all(|(_, _, time)| time.is_some()));
    remove(&engine, &id).await;
    let events = crate::events::whole_life(&engine, "crumbs-2").await;
    assert_eq!(events.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_has_the_version() {
    let (proxy, engine) = proxied().await;
    proxy.clear();
    engine.list_containers(&ALL).await.unwrap();
    engine.list_images().await.unwrap();
    engine.ping(Duration::from_secs(5)).await.unwrap();
    drop(engine.events(None).await.unwrap());
    let requests = proxy.requests();
    assert!(requests.len() >= 4);
    let version = format!(" /v{}/", spoken_api().await);
    for request in requests {
        assert!(request.to_string().contains(&version), "{request}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_stream_leaves_no_connection() {
    let (proxy, engine) = proxied().await;
    let before = proxy.connections();
    let events = engine.events(None).await.unwrap();
    assert!(proxy.connections() >= before.max(1));
    drop(events);
    drop(engine);
    let begin = Instant::now();
    while proxy.connections() > 0 {
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "{}",
            proxy.connections()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
