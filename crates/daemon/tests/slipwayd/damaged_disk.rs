//! A disk with damage that cannot be repaired safely is reported, left as it is, and repaired on request.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use slipway_api::machine::MachineState;

use crate::own::{Own, image, warnings_about};

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_disk_is_repaired_when_that_is_asked_for() {
    let Some(image) = image() else { return };
    let own = Own::new(&image);
    own.client.start().await.expect("accepted");
    own.running().await;
    own.make_tiny_image().await;
    own.docker_line(
        "run --rm -v kept:/data tiny busybox dd if=/dev/urandom of=/data/bytes bs=1024 count=1024",
    );
    let sum = || own.docker_line("run --rm -v kept:/data tiny busybox sha256sum /data/bytes");
    let kept = sum();
    own.in_the_machine(&["busybox", "mkdir", "/data/directory"])
        .await;
    let words = "echo words > /data/directory/file";
    own.in_the_machine(&["busybox", "sh", "-c", words]).await;
    own.client.stop().await.expect("accepted");
    own.state(MachineState::Stopped).await;

    // The directory's blocks are overwritten, and the kernel has noticed.
    let disk = own.paths.data_disk();
    let block: u64 = debugfs(&own, "blocks /directory")
        .parse()
        .expect("one block");
    let damage = [0xA5; 4096];
    File::options()
        .write(true)
        .open(&disk)
        .and_then(|disk| disk.write_all_at(&damage, block * 4096))
        .expect("writable");
    debugfs(&own, "set_super_value state 2");

    own.client.start().await.expect("accepted");
    let reason = own.broken().await;
    assert!(reason.message.contains("damaged"), "{reason:?}");
    let hint = reason.hint.expect("a remedy");
    assert!(hint.contains("slipway machine repair"), "{hint}");
    assert!(own.qemu_pid().is_none());
    let mut now = [0; 4096];
    File::open(&disk)
        .and_then(|disk| disk.read_exact_at(&mut now, block * 4096))
        .expect("readable");
    assert!(now == damage, "it is left as it is");

    own.client.repair().await.expect("accepted");
    let view = own.running().await;
    assert_eq!(warnings_about(&view, "was repaired").len(), 1, "{view:?}");
    assert!(own.log().contains("e2fsck: "), "{}", own.log());
    assert_eq!(sum(), kept);
    let found = "busybox cat /data/lost+found/*";
    assert_eq!(
        own.in_the_machine(&["busybox", "sh", "-c", found]).await,
        "words"
    );

    // From now on the disk is fine.
    own.client.stop().await.expect("accepted");
    own.state(MachineState::Stopped).await;
    own.client.start().await.expect("accepted");
    let view = own.running().await;
    assert_eq!(warnings_about(&view, "disk"), [""; 0]);
    own.client.delete().await.expect("accepted");
    own.state(MachineState::Absent).await;
}

fn debugfs(own: &Own, request: &str) -> String {
    let output = Command::new("/usr/sbin/debugfs")
        .args(["-w", "-R", request])
        .arg(own.paths.data_disk())
        .output()
        .expect("debugfs (package e2fsprogs)");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
