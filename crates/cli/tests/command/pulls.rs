//! Images: pull, list, remove, and pulls that fail midway.

use slipway_testkit::{Engine, Fault, FaultProxy};

use crate::slipway::{Slipway, containers};

#[test]
fn an_image_comes_and_goes() {
    let engine = Engine::start().expect("an engine");
    let slipway = Slipway::with(&engine);
    let pulled = slipway.json(&["pull", "redis:7"]);
    assert_eq!(pulled["image"], "redis:7");
    assert_eq!(pulled["phase"], "done");
    let ended = slipway.run(&["pull", "slipway/busybox"]).exits(0);
    assert_eq!(ended.stderr, "Pulling slipway/busybox:latest\n");
    // A program that reads it gets the reference, with and without progress.
    assert_eq!(ended.stdout, "slipway/busybox:latest\n");
    assert_eq!(
        slipway.ok(&["pull", "-q", "slipway/busybox"]),
        "slipway/busybox:latest\n"
    );
    let images = slipway.json(&["images"]);
    assert_eq!(images.as_array().map(Vec::len), Some(2));

    slipway.ok(&[
        "run",
        "slipway/busybox",
        "--name",
        "user",
        "-q",
        "--",
        "sleep",
        "100",
    ]);
    slipway
        .run(&["rmi", "slipway/busybox:latest"])
        .exits(1)
        .says("is used by `user`", "Remove what uses it");
    slipway.ok(&["rm", "user"]);
    let ended = slipway
        .run(&["rmi", "nonesuch", "slipway/busybox:latest"])
        .exits(1)
        .says("`nonesuch` does not exist", "slipway images");
    assert_eq!(ended.stdout, "slipway/busybox:latest removed\n");
    let removed = slipway.json(&["rmi", "redis:7"]);
    assert_eq!(removed[0]["untagged"][0], "redis:7");
    assert_eq!(slipway.json(&["images"]), serde_json::json!([]));
    slipway
        .run(&[
            "pull",
            &format!("{}/library/nginx:9.99", engine.registry().address()),
        ])
        .exits(1)
        .says("library/nginx:9.99`", "`9.99`");
    slipway
        .run(&["pull", "Not An Image"])
        .exits(2)
        .says("Not An Image", "");
}

#[test]
fn a_pull_that_is_cut_is_an_error_and_leaves_no_container() {
    // The engine itself would retry for a minute.
    let engine = Engine::options()
        .argument("--max-download-attempts=1")
        .start()
        .expect("an engine");
    let slipway = Slipway::with(&engine);

    engine.registry().set(Fault::ResetAfter(3 << 20));
    let ended = slipway
        .run(&["run", "redis:7", "--json"])
        .exits(1)
        .says("", "");
    assert_eq!(ended.error()["kind"], "network", "{ended:#?}");
    engine.registry().set(Fault::Pass);

    let proxy = FaultProxy::in_front_of(&engine).expect("a proxy");
    let through_proxy = Slipway::at(&proxy.host());
    engine.registry().set(Fault::Throttle(4 << 20));
    let child = through_proxy.start(&["run", "nginx:latest"]);
    crate::slipway::eventually("the pull has begun", || proxy.count("/images/create") > 0);
    proxy.set(Fault::ResetAfter(2000));
    let output = child.wait_with_output().expect("it ends");
    proxy.set(Fault::Pass);
    let ended = crate::slipway::Ended::of(&["run"], &output).exits(1);
    ended.says("broke off", "Try again");
    engine.registry().set(Fault::Pass);
    assert_eq!(containers(&engine), [""; 0]);
    // Nothing blocks another attempt.
    slipway.ok(&["run", "nginx:latest", "-q"]);
}
