//! Volumes: created with a container, listed by label, removed.

use std::collections::BTreeMap;

use slipway_engine::{ContainerSpec, MountSpec};

use crate::support::{connect, kind, remove, script};

#[tokio::test(flavor = "multi_thread")]
async fn volumes_that_come_with_a_container_have_its_label() {
    let engine = connect().await;
    let mount = |name: &str| MountSpec::Volume {
        name: Some(name.to_owned()),
        destination: format!("/{name}"),
        read_only: false,
    };
    let spec = |run: &str, volumes: &[&str]| ContainerSpec {
        mounts: volumes.iter().map(|name| mount(name)).collect(),
        volume_labels: BTreeMap::from([("test.run".to_owned(), run.to_owned())]),
        ..script("with-volumes", "true")
    };
    let names = async |label: &str| -> Vec<String> {
        let volumes = engine.list_volumes(&[label.to_owned()]).await.unwrap();
        volumes.into_iter().map(|volume| volume.name).collect()
    };
    let first = engine
        .create_container(&spec("one", &["volumes-a"]))
        .await
        .unwrap();
    assert_eq!(names("test.run=one").await, ["volumes-a"]);
    let used = engine.remove_volume("volumes-a").await.unwrap_err();
    assert_eq!(kind(&used), "InUse", "{used:?}");
    remove(&engine, &first.id).await;

    // An existing volume keeps its label.
    let second = engine
        .create_container(&spec("two", &["volumes-a", "volumes-b"]))
        .await
        .unwrap();
    assert_eq!(names("test.run=two").await, ["volumes-b"]);
    assert_eq!(names("test.run=one").await, ["volumes-a"]);
    remove(&engine, &second.id).await;
    let all = engine.list_volumes(&[]).await.unwrap();
    for name in ["volumes-a", "volumes-b"] {
        assert!(all.iter().any(|volume| volume.name == name), "{all:?}");
        engine.remove_volume(name).await.unwrap();
    }
    assert_eq!(names("test.run").await, [""; 0]);
    let gone = engine.remove_volume("volumes-a").await.unwrap_err();
    assert_eq!(kind(&gone), "NotFound", "{gone:?}");
}
