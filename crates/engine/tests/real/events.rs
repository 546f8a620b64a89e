use futures_util::TryStreamExt;
use slipway_engine::{Action, Engine, Event, EventStream, Subject};
use tokio::time::timeout;

use crate::support::{PATIENCE, connect, remove, run, script, wait_for_end};

/// Events of one container until it is removed.
pub(crate) async fn until_removed(events: &mut EventStream, id: &str) -> Vec<Event> {
    let mut seen = Vec::new();
    loop {
        let event = timeout(PATIENCE, events.try_next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        if event.subject != Subject::Container || event.id != id {
            continue;
        }
        let last = event.action == Action::Remove;
        seen.push(event);
        if last {
            return seen;
        }
    }
}

pub(crate) async fn whole_life(engine: &Engine, name: &str) -> Vec<Event> {
    let mut events = engine.events(None).await.unwrap();
    let id = run(engine, &script(name, "exit 5")).await;
    wait_for_end(engine, &id).await;
    remove(engine, &id).await;
    until_removed(&mut events, &id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_a_container_is_told() {
    let engine = connect().await;
    let events = whole_life(&engine, "eventful").await;
    let actions: Vec<_> = events.iter().map(|event| event.action.clone()).collect();
    assert_eq!(
        actions,
        [
            Action::Create,
            Action::Start,
            Action::Die { exit_code: Some(5) },
            Action::Remove,
        ]
    );
    assert!(
        events
            .iter()
            .all(|event| event.name.as_deref() == Some("eventful"))
    );
    assert!(events.windows(2).all(|pair| pair[0].at <= pair[1].at));

    // Missed events can be requested.
    let mut again = engine.events(events[0].at).await.unwrap();
    let repeated = until_removed(&mut again, &events[0].id).await;
    assert_eq!(repeated, events);
}

#[tokio::test(flavor = "multi_thread")]
async fn images_volumes_and_networks() {
    let engine = connect().await;
    let mut events = engine.events(None).await.unwrap();
    let dockerd = crate::support::dockerd();
    tokio::task::spawn_blocking(|| {
        dockerd.docker_ok(&["volume", "create", "events-v"]);
        dockerd.docker_ok(&["volume", "rm", "events-v"]);
        dockerd.docker_ok(&["network", "create", "events-n"]);
        dockerd.docker_ok(&["network", "rm", "events-n"]);
    })
    .await
    .unwrap();
    engine
        .tag_image("slipway/busybox", "events/i", "1")
        .await
        .unwrap();
    engine.remove_image("events/i:1", false).await.unwrap();
    let mut wanted = vec![
        (Subject::Volume, Action::Create),
        (Subject::Volume, Action::Remove),
        (Subject::Network, Action::Create),
        (Subject::Network, Action::Remove),
        (Subject::Image, Action::Tag),
        (Subject::Image, Action::Untag),
    ];
    while !wanted.is_empty() {
        let event = timeout(PATIENCE, events.try_next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        wanted.retain(|(subject, action)| (subject, action) != (&event.subject, &event.action));
    }
}
