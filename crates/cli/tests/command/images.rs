//! Image details, and the removal of unused images.

use serde_json::json;
use slipway_testkit::Engine;

use crate::slipway::Slipway;

#[test]
fn images_that_no_container_uses_are_removed_with_all_their_references() {
    let engine = Engine::start().expect("an engine");
    for sample in ["slipway/busybox:latest", "slipway/flood:latest"] {
        engine.load_sample(sample).expect("a sample");
    }
    engine.docker_ok(&["tag", "slipway/flood:latest", "other.example/flood:2"]);
    engine.docker_ok(&["create", "--name", "user", "slipway/busybox:latest"]);
    let slipway = Slipway::with(&engine);

    let detail = slipway.json(&["images", "other.example/flood:2"]);
    let tags = detail["image"]["tags"].as_array().expect("an array");
    assert!(tags.contains(&json!("slipway/flood:latest")), "{tags:?}");
    assert!(tags.contains(&json!("other.example/flood:2")), "{tags:?}");
    let users = slipway.json(&["images", "slipway/busybox"]);
    assert_eq!(users["image"]["used_by"][0]["name"], "user");
    assert!(
        slipway
            .ok(&["images", "slipway/busybox"])
            .contains("user (stopped)")
    );

    let unconfirmed = slipway.run(&["rmi", "--unused"]).exits(2).stderr;
    assert!(
        unconfirmed.contains("Add `--yes`: 1 image will be removed, which frees "),
        "{unconfirmed}"
    );
    let removal = slipway.json(&["rmi", "--unused", "--yes"]);
    assert_eq!(removal["removed"], 1, "{removal}");
    assert_eq!(removal["kept"], json!([]));
    assert!(
        removal["freed_bytes"]
            .as_u64()
            .is_some_and(|bytes| bytes > 0),
        "{removal}"
    );
    let left = engine.docker_ok(&["images", "--format", "{{.Repository}}"]);
    assert_eq!(left.trim(), "slipway/busybox");
}
