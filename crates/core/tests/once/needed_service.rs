//! A service that another container needs, against a real engine.

use slipway_api::run::RunPlan;
use slipway_testkit::{Engine, Podman};
use tokio_util::sync::CancellationToken;

use crate::once;

fn value<'p>(plan: &'p RunPlan, name: &str) -> Option<&'p str> {
    let set = plan.env.iter().find(|variable| variable.name == name);
    set.map(|variable| variable.value.as_str())
}

/// Asks Redis at the host that a plan names, from its network.
fn ping(engine: &Engine, plan: &RunPlan) -> String {
    let address = value(plan, "PAPERLESS_REDIS").expect("it is filled in");
    let host = address
        .strip_prefix("redis://")
        .and_then(|rest| rest.strip_suffix(":6379"))
        .expect("an address of Redis");
    let network = plan.network.as_deref().expect("a network");
    let ask = format!("(echo PING; sleep 1) | nc {host} 6379");
    engine.docker_ok(&[
        "run",
        "--rm",
        "--network",
        network,
        "slipway/busybox",
        "sh",
        "-c",
        &ask,
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_reaches_by_name_what_was_run_for_it() {
    let engine = Engine::start().expect("an engine");
    for sample in ["redis:8", "slipway/busybox:latest"] {
        engine.load_sample(sample).expect("a sample");
    }
    // The name is taken, so the new container has another one.
    engine.docker_ok(&["create", "--name", "redis", "slipway/busybox"]);
    let slipway = once(&engine.host());
    let plan = slipway
        .run_draft("paperless-ngx")
        .await
        .expect("a draft")
        .plan;
    let needs = slipway.run_needs(&plan).await.expect("its needs");
    assert_eq!(needs.len(), 1);
    assert_eq!(needs[0].entry.slug, "redis");
    assert_eq!(needs[0].network, "paperless-ngx-network");
    assert!(!needs[0].network_exists);
    assert_eq!(needs[0].running, []);

    let cancel = CancellationToken::new();
    let filled = slipway
        .run_needed(plan.clone(), "redis", &cancel, |_| {})
        .await
        .expect("it runs");
    assert_eq!(
        value(&filled, "PAPERLESS_REDIS"),
        Some("redis://redis-2:6379")
    );
    assert_eq!(ping(&engine, &filled), "+PONG");

    // Once it is running, it can be reused.
    let needs = slipway.run_needs(&plan).await.expect("its needs");
    assert!(needs[0].network_exists);
    assert_eq!(needs[0].running[0].name, "redis-2");
    let id = &needs[0].running[0].id;
    let used = slipway
        .run_use(plan, "redis", id)
        .await
        .expect("it is used");
    assert_eq!(used, filled);
}

/// The same on Podman, whose lists name images and networks in another way.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_container_needs_is_run_on_podman() {
    let podman = tokio::task::spawn_blocking(|| Podman::start().expect("Podman"))
        .await
        .expect("no panic");
    podman.load_sample("redis:8").expect("a sample");
    let slipway = once(&podman.host());
    let draft = slipway.run_draft("paperless-ngx").await;
    let plan = draft.expect("a draft").plan;
    let cancel = CancellationToken::new();
    let filled = slipway
        .run_needed(plan.clone(), "redis", &cancel, |_| {})
        .await
        .expect("it runs");
    assert_eq!(
        value(&filled, "PAPERLESS_REDIS"),
        Some("redis://redis:6379")
    );
    let network = filled.network.as_deref().expect("a network");
    let run = |arguments: &[&str]| {
        let output = podman.podman(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let format = format!("{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}");
    let address = run(&["inspect", "--format", &format, "redis"]);
    let image = "docker.io/library/redis:8";
    let ask = ["run", "--rm", "--network", network, image];
    let words = ["redis-cli", "-h", &address, "ping"];
    assert_eq!(run(&[&ask[..], &words].concat()), "PONG");

    let needs = slipway.run_needs(&plan).await.expect("its needs");
    assert!(needs[0].network_exists);
    assert_eq!(needs[0].running[0].name, "redis");
    let id = &needs[0].running[0].id;
    let used = slipway.run_use(plan, "redis", id).await;
    assert_eq!(used.expect("it is used"), filled);
}

/// Data of an earlier service needs the password that it was first started with.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_run_for_a_container_starts_without_old_data() {
    let engine = Engine::start().expect("an engine");
    engine.load_sample("redis:8").expect("a sample");
    engine.docker_ok(&["volume", "create", "redis-data"]);
    let slipway = once(&engine.host());
    let draft = slipway.run_draft("paperless-ngx").await.expect("a draft");
    let told = draft.check.findings.iter();
    let told = told.filter(|found| found.message.contains("`redis-data` has data already"));
    assert_eq!(told.count(), 1, "{:#?}", draft.check.findings);
    let cancel = CancellationToken::new();
    slipway
        .run_needed(draft.plan, "redis", &cancel, |_| {})
        .await
        .expect("it runs");
    let format = "{{range .Mounts}}{{.Name}} {{end}}";
    let volumes = engine.docker_ok(&["inspect", "--format", format, "redis"]);
    assert_eq!(volumes.trim(), "redis-data-2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_runs_is_attached_to_the_shared_network() {
    let engine = Engine::start().expect("an engine");
    for sample in ["redis:8", "slipway/busybox:latest"] {
        engine.load_sample(sample).expect("a sample");
    }
    engine.docker_ok(&["run", "-d", "--name", "cache", "redis:8"]);
    let slipway = once(&engine.host());
    let plan = slipway
        .run_draft("paperless-ngx")
        .await
        .expect("a draft")
        .plan;
    let used = slipway
        .run_use(plan, "redis", "cache")
        .await
        .expect("it is used");
    assert_eq!(value(&used, "PAPERLESS_REDIS"), Some("redis://cache:6379"));
    assert_eq!(ping(&engine, &used), "+PONG");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_was_made_for_nothing_goes_again() {
    let engine = Engine::start().expect("an engine");
    let slipway = once(&engine.host());
    let plan = slipway
        .run_draft("paperless-ngx")
        .await
        .expect("a draft")
        .plan;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let failed = slipway.run_needed(plan, "redis", &cancel, |_| {}).await;
    let undone = failed.expect_err("it was cancelled").undone;
    assert_eq!(undone, ["The network `paperless-ngx-network` was removed"]);
    let networks = engine.docker_ok(&["network", "ls", "--format", "{{.Name}}"]);
    assert!(!networks.contains("paperless"), "{networks}");
}

/// A container with the network of its host cannot be attached to another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_nothing_could_be_attached_to_goes_again() {
    let engine = Engine::start().expect("an engine");
    engine.load_sample("redis:8").expect("a sample");
    let run = ["run", "-d", "--name", "cache", "--network", "host"];
    engine.docker_ok(&[&run[..], &["redis:8", "sleep", "600"]].concat());
    let slipway = once(&engine.host());
    let draft = slipway.run_draft("paperless-ngx").await;
    let used = slipway
        .run_use(draft.expect("a draft").plan, "redis", "cache")
        .await;
    assert!(used.is_err(), "{used:?}");
    let networks = engine.docker_ok(&["network", "ls", "--format", "{{.Name}}"]);
    assert!(!networks.contains("paperless"), "{networks}");
}
