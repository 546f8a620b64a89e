use bytes::Bytes;
use slipway_engine::{Engine, Protocol};

use crate::support::{connect, endpoint, kind, remove, run, script, spoken_api};

#[tokio::test(flavor = "multi_thread")]
async fn images_are_listed_inspected_and_removed() {
    let engine = connect().await;
    let images = engine.list_images().await.unwrap();
    let nginx = images
        .iter()
        .find(|image| image.tags.contains(&"nginx:1.22".to_owned()))
        .unwrap();
    assert!(nginx.size > 0 && nginx.created_at.is_some());

    let detail = engine.inspect_image("nginx:1.22").await.unwrap();
    assert_eq!(detail.id, nginx.id);
    assert_eq!(engine.inspect_image(&nginx.id).await.unwrap().id, nginx.id);
    assert!(
        detail.exposed_ports.contains(&(80, Protocol::Tcp)),
        "{:?}",
        detail.exposed_ports
    );
    assert_eq!(
        (detail.os.as_str(), detail.arch.as_str()),
        ("linux", "amd64")
    );
    assert!(detail.layers > 0);

    engine
        .tag_image("slipway/busybox", "images/a", "1")
        .await
        .unwrap();
    let used = run(&engine, &script("user-of-image", "sleep 1000")).await;
    let removed = engine.remove_image("images/a:1", false).await.unwrap();
    assert_eq!(removed.untagged, ["images/a:1"]);
    assert!(removed.deleted.is_empty());
    let error = engine
        .remove_image("slipway/busybox", false)
        .await
        .unwrap_err();
    assert_eq!(kind(&error), "InUse", "{error:?}");
    remove(&engine, &used).await;

    let error = engine.inspect_image("slipway/nowhere:1").await.unwrap_err();
    assert_eq!(kind(&error), "ImageNotFound", "{error:?}");
    let error = engine
        .remove_image("slipway/nowhere:1", true)
        .await
        .unwrap_err();
    assert_eq!(kind(&error), "ImageNotFound", "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_loaded_from_an_archive() {
    // A separate engine: another name for an image that other tests use would change what removing it means to them.
    let dockerd = tokio::task::spawn_blocking(|| {
        let dockerd = slipway_testkit::Engine::start().unwrap();
        dockerd.load_sample("slipway/busybox:latest").unwrap();
        dockerd
    })
    .await
    .unwrap();
    let engine = Engine::connect(&endpoint(&dockerd.host())).await.unwrap();
    let archive = tokio::task::block_in_place(|| archive(&dockerd));
    let name = "slipway/busybox:archived";
    for _ in 0..2 {
        // The second time everything is there already.
        assert_eq!(engine.load_image(archive.clone()).await.unwrap(), [name]);
    }
    assert_eq!(engine.inspect_image(name).await.unwrap().arch, "amd64");
    engine.remove_image(name, false).await.unwrap();

    let half = archive.slice(..archive.len() / 2);
    for damaged in [half, Bytes::from_static(&[7; 4096]), Bytes::new()] {
        let error = engine.load_image(damaged).await.unwrap_err();
        assert!(
            ["Engine", "InvalidRequest", "NotFound"].contains(&kind(&error).as_str()),
            "{error:?}"
        );
        assert!(!error.to_string().is_empty());
    }
    let large = Bytes::from(vec![0; (64 << 20) + 1]);
    let error = engine.load_image(large).await.unwrap_err();
    assert_eq!(kind(&error), "InvalidRequest", "{error:?}");
    assert_eq!(
        kind(&engine.inspect_image(name).await.unwrap_err()),
        "ImageNotFound"
    );
}

/// The output of `docker save` for an image.
fn archive(dockerd: &slipway_testkit::Engine) -> Bytes {
    dockerd.docker_ok(&["tag", "slipway/busybox", "slipway/busybox:archived"]);
    let saved = dockerd.docker(&["save", "slipway/busybox:archived"]);
    assert!(saved.status.success());
    dockerd.docker_ok(&["rmi", "slipway/busybox:archived"]);
    saved.stdout.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_tells_about_itself() {
    let engine = connect().await;
    let info = engine.info();
    assert_eq!(info.product, slipway_engine::Product::Docker);
    assert_eq!(info.api_version, spoken_api().await);
    assert_eq!((info.os.as_str(), info.arch.as_str()), ("linux", "amd64"));
    assert!(info.cpus.is_some() && info.memory_bytes.is_some());
    let system = engine.system_info().await.unwrap();
    assert_eq!(system.cpus, info.cpus);
    assert!(system.storage_driver.is_some() && system.kernel.is_some());
    assert!(engine.ping(crate::support::PATIENCE).await.is_ok());
}
