//! Removal of images, against real engines.

use std::collections::HashMap;

use slipway_api::ErrorKind;
use slipway_core::Slipway;
use slipway_testkit::{Engine, Podman};
use tokio_util::sync::CancellationToken;

use crate::once;

/// Ids of the images by tag.
async fn ids(slipway: &Slipway) -> HashMap<String, String> {
    let images = slipway.images().await.expect("a list");
    images
        .into_iter()
        .flat_map(|image| {
            image
                .tags
                .into_iter()
                .map(move |tag| (tag, image.id.clone()))
        })
        .collect()
}

/// `app:1` is moved from one image to another by `retag`.
async fn a_moved_tag_stays(host: &str, tag: &str, retag: impl FnOnce()) {
    let slipway = once(host);
    let before = ids(&slipway).await[tag].clone();
    retag();
    let after = ids(&slipway).await[tag].clone();
    assert_ne!(before, after);

    let refused = slipway.image_remove(tag, Some(&before), false).await;
    let error = refused.expect_err("it names another image");
    assert_eq!(error.kind, ErrorKind::Conflict, "{error:?}");
    assert!(error.message.contains("names another image"), "{error:?}");

    // The image that lost its tag, and one that is gone.
    let nobody = format!("sha256:{}", "0".repeat(64));
    let cancel = CancellationToken::new();
    let listed = [before, nobody];
    let removal = slipway.images_remove_unused(&listed, &cancel, |_| {}).await;
    let removal = removal.expect("an engine");
    assert_eq!((removal.removed, removal.kept.len()), (1, 0), "{removal:?}");
    assert_eq!(ids(&slipway).await.get(tag), Some(&after));

    let removed = slipway.image_remove(tag, Some(&after), false).await;
    assert_eq!(removed.expect("it is removed").untagged.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_moved_is_not_removed_with_the_image_that_had_it() {
    let engine = Engine::start().expect("an engine");
    for sample in ["redis:8", "slipway/busybox:latest"] {
        engine.load_sample(sample).expect("a sample");
    }
    engine.docker_ok(&["tag", "slipway/busybox", "app:1"]);
    a_moved_tag_stays(&engine.host(), "app:1", || {
        engine.docker_ok(&["tag", "redis:8", "app:1"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_moved_is_not_removed_on_podman() {
    let engine = Podman::start().expect("Podman");
    for sample in ["redis:8", "slipway/busybox:latest"] {
        engine.load_sample(sample).expect("a sample");
    }
    let podman = |arguments: &[&str]| {
        let output = engine.podman(arguments);
        assert!(output.status.success(), "{output:?}");
    };
    podman(&["tag", "docker.io/slipway/busybox:latest", "localhost/app:1"]);
    a_moved_tag_stays(&engine.host(), "localhost/app:1", || {
        podman(&["tag", "docker.io/library/redis:8", "localhost/app:1"]);
    })
    .await;
}
