//! Faulty surroundings are reported, and nothing is damaged.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use slipway_api::ErrorKind;
use slipway_api::machine::{Accelerator, MachineState, MachineView};

use crate::own::{Own, image};

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
    assert!(reason.hint.expect("a remedy").contains("unchanged"));
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

/// A `slipwayd` in a mount namespace that `script` prepares.
async fn among_mounts(own: &Own, script: &str) -> Child {
    let script = format!("set -e; {script}; exec \"$0\"");
    let mut daemon = own
        .command_with(&["unshare", "--mount", "--", "sh", "-c", &script])
        .spawn()
        .expect("unshare");
    while !own.client.is_running().await {
        assert!(daemon.try_wait().expect("ours").is_none(), "{}", own.log());
        tokio::task::yield_now().await;
    }
    daemon
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_kvm_it_is_slow_and_says_why() {
    let Some(image) = image() else { return };
    if !Path::new("/dev/kvm").exists() {
        eprintln!("NOT TESTED: this computer has no /dev/kvm");
        return;
    }
    let own = Own::new(&image);
    // Nobody can open a device on such a mount.
    let script = "mount --bind /dev/kvm /dev/kvm; mount -o remount,bind,nodev /dev/kvm";
    let mut daemon = among_mounts(&own, script).await;
    own.client.start().await.expect("accepted");
    let view = own
        .wait("looked how", |view| view.accelerator.is_some())
        .await;
    let accelerator = view.accelerator.expect("one");
    assert_eq!(accelerator.name, Accelerator::Tcg);
    assert_eq!(
        accelerator.reason.as_deref(),
        Some("your user may not use `/dev/kvm`")
    );
    assert!(accelerator.hint.expect("a remedy").contains("usermod"));
    own.client.shutdown().await.expect("it ends");
    assert!(daemon.wait().expect("ours").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_memory_it_is_not_started() {
    let Some(image) = image() else { return };
    let own = Own::new(&image);
    let table = own.root().join("meminfo");
    std::fs::write(&table, "MemTotal: 8000000 kB\nMemAvailable: 300000 kB\n").expect("writable");
    let script = format!("mount --bind {} /proc/meminfo", table.display());
    let mut daemon = among_mounts(&own, &script).await;
    own.client.start().await.expect("accepted");
    let reason = own.broken().await;
    assert!(reason.message.contains("memory"), "{reason:?}");
    assert!(
        reason
            .hint
            .expect("a remedy")
            .contains("memory in its settings")
    );
    assert!(own.qemu_pid().is_none());
    own.client.shutdown().await.expect("it ends");
    assert!(daemon.wait().expect("ours").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_this_computer_has_it_wait_and_loses_nothing() {
    let Some(image) = image() else { return };
    let own = Own::new(&image);
    let data = own.root().join("data");
    std::fs::create_dir(&data).expect("writable");
    let script = format!("mount -t tmpfs -o size=1500m none {}", data.display());
    let mut daemon = among_mounts(&own, &script).await;
    // Reached through the mount namespace of `slipwayd`.
    let filler = PathBuf::from(format!(
        "/proc/{}/root{}/filler",
        daemon.id(),
        data.display()
    ));
    let fill = |megabytes: usize| {
        let mut file = std::fs::File::create(&filler).expect("writable");
        let megabyte = vec![1; 1 << 20];
        (0..megabytes).all(|_| file.write_all(&megabyte).is_ok())
    };

    assert!(fill(800));
    own.client.start().await.expect("accepted");
    let reason = own.broken().await;
    assert_eq!(reason.kind, ErrorKind::NoSpace, "{reason:?}");
    assert!(reason.hint.expect("a remedy").contains("Free some space"));
    assert!(own.qemu_pid().is_none());

    std::fs::remove_file(&filler).expect("ours");
    own.client.start().await.expect("accepted");
    own.running().await;
    own.make_tiny_image().await;
    own.docker_line(
        "run --rm -v kept:/data tiny busybox dd if=/dev/urandom of=/data/bytes bs=1024 count=1024",
    );
    own.docker_line("run -d --name web -v kept:/data tiny busybox httpd -f -p 80");
    let sum = || own.docker_line("exec web busybox sha256sum /data/bytes");
    let kept = sum();

    // The machine is paused midway, and continues when there is room: the writer notices nothing.
    let qemu = own.qemu_pid();
    assert!(!fill(1500), "it is full now");
    let mut writing = own
        .docker_command()
        .args(["exec", "web", "busybox", "dd", "if=/dev/urandom"])
        .args(["of=/data/more", "bs=1024", "count=200000", "conv=fsync"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the docker command");
    let waits = |view: &MachineView| view.warnings.iter().any(|it| it.contains("disk is full"));
    own.wait("waiting", |view| {
        matches!(view.state, MachineState::Unresponsive { .. }) && waits(view)
    })
    .await;
    std::fs::remove_file(&filler).expect("ours");
    let view = own.running().await;
    assert!(!waits(&view), "{view:?}");
    assert!(writing.wait().expect("ours").success(), "{}", own.log());
    assert_eq!(own.qemu_pid(), qemu);
    assert_eq!(sum(), kept);
    let size = own.docker_line("exec web busybox stat -c %s /data/more");
    assert_eq!(size, (200_000 * 1024).to_string());
    own.client.shutdown().await.expect("it ends");
    assert!(daemon.wait().expect("ours").success());
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
    slipway_testkit::signal(daemon.id(), "TERM").expect("it runs");
    assert!(daemon.wait().expect("it ends").success());
}
