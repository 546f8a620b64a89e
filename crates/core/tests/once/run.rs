//! Runs, against a real engine.

use slipway_testkit::Engine;
use tokio_util::sync::CancellationToken;

use crate::once;

/// Nothing is known of an image before it is pulled, and one press of Run has to be enough all the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_pulled_is_run_with_what_it_declares() {
    let engine = Engine::start().expect("an engine");
    let slipway = once(&engine.host());
    let run = async || {
        let draft = slipway.run_draft("slipway/webapp").await.expect("a draft");
        let is_known = draft.image.is_some();
        assert_eq!(draft.plan.from_image, !is_known);
        assert_eq!(draft.plan.ports.is_empty(), !is_known);
        let cancel = CancellationToken::new();
        let outcome = slipway.run(draft.plan, &cancel, |_| {}).await;
        (is_known, outcome.expect("it runs"))
    };
    for expected in [false, true] {
        let (is_known, outcome) = run().await;
        assert_eq!(is_known, expected);
        let port = &outcome.container.ports[0];
        assert_eq!(port.container_port, 8080);
        assert_eq!(port.host_ip.as_deref(), Some("127.0.0.1"));
        assert_eq!(outcome.url, port.url);
        assert!(outcome.ready && outcome.url.is_some());
    }
}
