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

/// A network that is not there is found before anything is pulled, by Run as by the form.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_does_not_exist_is_found_before_the_pull() {
    let engine = Engine::start().expect("an engine");
    engine.docker_ok(&["network", "create", "shop"]);
    let slipway = once(&engine.host());
    let draft = slipway.run_draft("slipway/webapp").await.expect("a draft");
    let mut plan = draft.plan;
    plan.network = Some("nowhere".to_owned());
    let check = slipway.run_check(&plan).await;
    let finding = &check.findings[0];
    assert!(
        finding.blocking && finding.field == "network",
        "{finding:?}"
    );
    assert!(
        finding
            .hint
            .as_deref()
            .is_some_and(|hint| hint.contains("`shop`"))
    );

    let cancel = CancellationToken::new();
    let failed = slipway.run(plan.clone(), &cancel, |_| {}).await;
    let failed = failed.expect_err("it cannot run");
    assert_eq!(failed.field.as_deref(), Some("network"));
    assert!(failed.error.message.contains("`nowhere`"), "{failed:?}");
    let images = engine.docker_ok(&["image", "ls", "--quiet"]);
    assert_eq!(images.trim(), "", "nothing was pulled");

    // By its name and by the beginning of its id.
    let id = engine.docker_ok(&["network", "inspect", "--format", "{{.Id}}", "shop"]);
    for reference in ["shop", &id[..12]] {
        plan.network = Some(reference.to_owned());
        assert_eq!(slipway.run_check(&plan).await.findings, [], "{reference}");
    }
}
