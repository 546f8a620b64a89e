//! What is not as it should be is told, and nothing is damaged.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Stdio;

use slipway_api::ErrorKind;
use slipway_api::machine::MachineState;

use crate::own::{Own, image, signal};

fn link_or_copy(from: &Path, to: &Path) {
    if std::fs::hard_link(from, to).is_err() {
        std::fs::copy(from, to).expect("writable");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_was_tampered_with_is_refused() {
    let Some(image) = image() else { return };
    let copy = tempfile::tempdir().expect("a temporary directory");
    for name in ["manifest.json", "vmlinuz", "root.erofs"] {
        link_or_copy(&image.join(name), &copy.path().join(name));
    }
    let mut initrd = std::fs::read(image.join("initrd")).expect("readable");
    let middle = initrd.len() / 2;
    initrd[middle] ^= 1;
    std::fs::write(copy.path().join("initrd"), &initrd).expect("writable");
    let own = Own::new(copy.path());
    own.client.start().await.expect("accepted");
    let reason = own.broken().await;
    assert!(reason.message.contains("initrd"), "{reason:?}");
    assert!(
        reason
            .hint
            .expect("a remedy")
            .contains("Install Slipway again")
    );
    initrd.truncate(middle);
    std::fs::write(copy.path().join("initrd"), &initrd).expect("writable");
    own.client.start().await.expect("accepted");
    own.wait("refused anew", |view| {
        matches!(&view.state, MachineState::Broken { reason, .. } if reason.message.contains("bytes rather than"))
    })
    .await;
    assert!(own.qemu_pid().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_of_another_program_is_neither_used_nor_touched() {
    let Some(image) = image() else { return };
    let own = Own::new(&image);
    own.paths.create().expect("directories");
    std::fs::create_dir_all(own.paths.machine()).expect("writable");
    let mut disk = std::fs::File::create(own.paths.data_disk()).expect("writable");
    disk.set_len(64 << 30).expect("writable");
    disk.seek(SeekFrom::Start(40 << 20)).expect("seekable");
    disk.write_all(b"somebody's database").expect("writable");
    disk.seek(SeekFrom::Start(0)).expect("seekable");
    disk.write_all(b"something of somebody else")
        .expect("writable");
    let before = first_bytes(&own.paths.data_disk());
    own.client.start().await.expect("accepted");
    let reason = own.broken().await;
    assert!(reason.message.contains("cannot use its disk"), "{reason:?}");
    assert!(reason.hint.expect("a remedy").contains("not touched"));
    assert_eq!(first_bytes(&own.paths.data_disk()), before);
    assert!(own.qemu_pid().is_none());
}

fn first_bytes(path: &Path) -> Vec<u8> {
    let mut bytes = vec![0; 64 << 20];
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .expect("readable");
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn without_qemu_it_says_how_to_install_it() {
    let Some(image) = image() else { return };
    let own = Own::new(&image);
    let mut daemon = own
        .command()
        .env("PATH", "/nowhere")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    while !own.client.is_running().await {
        assert!(daemon.try_wait().expect("ours").is_none(), "{}", own.log());
        tokio::task::yield_now().await;
    }
    own.client.start().await.expect("accepted");
    let reason = own.broken().await;
    assert!(reason.message.contains("is not installed"), "{reason:?}");
    assert!(reason.hint.expect("a remedy").contains("Install"));

    let mut settings = own.client.settings().await.expect("settings");
    settings.cpus = 0;
    let refused = own
        .client
        .set_settings(settings)
        .await
        .expect_err("none at all");
    assert_eq!(refused.to_api().kind, ErrorKind::InvalidInput);
    signal(daemon.id(), "TERM");
    assert!(daemon.wait().expect("it ends").success());
}
