//! The contract of [`slipway_machine::Driver`], tested with each driver.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slipway_link::{HostLink, Reply, Request, Secret, guest_network};
use slipway_machine::{
    DiskLock, Driver, DriverState, GuestImage, GuestPort, MachineError, MachinePaths, Qemu, VmSpec,
    VmStream,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::fake::Fake;
use crate::places::Places;

/// Timeout of a boot on an emulated processor, on a computer that is busy with other work too.
const BOOT: Duration = Duration::from_mins(4);

fn spec(paths: &MachinePaths) -> VmSpec {
    paths.create().expect("directories");
    let image = paths.image.clone().expect("an image");
    let image = GuestImage::check(&image, &paths.verified(), &|_, _| {}).expect("an image");
    std::fs::create_dir_all(paths.machine()).expect("writable");
    let disk = std::fs::File::create(paths.data_disk()).expect("writable");
    disk.set_len(4 << 30).expect("writable");
    VmSpec {
        image,
        data_disk: paths.data_disk(),
        disk_lock: DiskLock::take(paths).expect("nobody uses it"),
        cpus: 1,
        memory_mb: 768,
        accelerator: None,
        runtime: paths.runtime.clone(),
        console_log: paths.console_log(),
    }
}

async fn link(driver: &dyn Driver, secret: u8) -> Result<HostLink, slipway_link::Error> {
    let stream = driver.connect(GuestPort::Link).await?;
    HostLink::connect_within(stream, &Secret::new([secret; 32]), BOOT).await
}

async fn wait_for(driver: &dyn Driver, wanted: impl Fn(&DriverState) -> bool) -> DriverState {
    let mut events = driver.events();
    let state = events.wait_for(wanted);
    tokio::time::timeout(Duration::from_mins(1), state)
        .await
        .expect("the state changes in time")
        .expect("a driver that lives")
        .clone()
}

/// Sends ARP requests for the guest's address until the guest answers.
async fn the_guest_is_on_the_network(mut stream: Box<dyn VmStream>) {
    const ARP: [u8; 2] = [8, 6];
    let address = [2, 0, 0, 0, 0, 1];
    let mut question = [
        &[0xff; 6][..],
        &address,
        &ARP,
        &[0, 1, 8, 0, 6, 4, 0, 1],
        &address,
    ]
    .concat();
    question.extend(guest_network::HOST.octets());
    question.extend([0; 6]);
    question.extend(guest_network::GUEST.octets());
    let deadline = Instant::now() + BOOT;
    loop {
        let length = u32::try_from(question.len()).expect("a short one");
        stream.write_u32(length).await.expect("it is taken");
        stream.write_all(&question).await.expect("it is taken");
        let answer = async {
            let length = stream.read_u32().await.expect("a frame");
            let mut frame = vec![0; length as usize];
            stream.read_exact(&mut frame).await.expect("a frame");
            frame
        };
        if let Ok(frame) = tokio::time::timeout(Duration::from_millis(500), answer).await
            && frame[12..14] == ARP
            && frame[28..32] == guest_network::GUEST.octets()
        {
            return;
        }
        assert!(Instant::now() < deadline, "the guest is not there");
    }
}

/// Tests the contract, including whether the driver has networks besides the outward one.
async fn check(driver: Arc<dyn Driver>, spec: &VmSpec, networked: bool) {
    assert_eq!(driver.state(), DriverState::Off);
    driver.kill().await;
    assert_eq!(
        driver.state(),
        DriverState::Off,
        "killing nothing is nothing"
    );
    assert!(driver.connect(GuestPort::Link).await.is_err());
    driver.request_stop().await.expect("nothing to stop");

    driver
        .prepare(spec, &|_| {})
        .await
        .expect("it can run here");
    driver.start(spec).await.expect("it starts");
    assert_eq!(driver.state(), DriverState::Running);
    let first = link(driver.as_ref(), 7).await.expect("a link");
    let (reply, _) = first.open(&Request::Ping).await.expect("an answer");
    assert!(matches!(reply, Reply::Pong { .. }), "{reply:?}");

    // Links come and go without affecting the machine; no other process can use them.
    drop(first);
    let wrong = link(driver.as_ref(), 8).await;
    assert!(
        matches!(wrong, Err(slipway_link::Error::WrongSecret)),
        "{wrong:?}"
    );
    let again = link(driver.as_ref(), 7).await.expect("another link");
    again.open(&Request::Ping).await.expect("an answer");

    // The other networks exist or are reported as unsupported.
    for port in [GuestPort::PortNetwork, GuestPort::EngineNetwork] {
        match driver.connect(port).await {
            Ok(stream) => the_guest_is_on_the_network(stream).await,
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
                assert!(!networked, "the driver has lost {port:?}");
            }
        }
    }

    let began = Instant::now();
    driver.kill().await;
    assert_eq!(driver.state(), DriverState::Off);
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(again.open(&Request::Ping).await.is_err());
    assert!(driver.connect(GuestPort::Link).await.is_err());

    // A start whose future was dropped leaves nothing that `kill` does not end.
    drop(tokio::time::timeout(Duration::from_millis(1), driver.start(spec)).await);
    driver.kill().await;
    assert_eq!(driver.state(), DriverState::Off);

    // It starts again, and reports when the guest powers itself off.
    driver.start(spec).await.expect("it starts again");
    let link = link(driver.as_ref(), 9)
        .await
        .expect("a new boot has a new secret");
    link.open(&Request::PowerOff).await.expect("it is asked");
    match wait_for(driver.as_ref(), |state| !state.is_up()).await {
        DriverState::Ended { by_guest, .. } => assert!(by_guest),
        other => panic!("{other:?}"),
    }
    driver.kill().await;
    assert_eq!(driver.state(), DriverState::Off);

    // So does its power button, as soon as the guest listens to it.
    driver.start(spec).await.expect("it starts once more");
    let mut events = driver.events();
    let ended = async {
        loop {
            driver.request_stop().await.expect("pressed");
            let ended = events.wait_for(|state| !state.is_up());
            if let Ok(ended) = tokio::time::timeout(Duration::from_secs(1), ended).await {
                return ended.expect("a driver").clone();
            }
        }
    };
    match tokio::time::timeout(Duration::from_secs(90), ended).await {
        Ok(DriverState::Ended { by_guest, .. }) => assert!(by_guest),
        other => panic!("{other:?}"),
    }
    driver.kill().await;
    assert_eq!(driver.state(), DriverState::Off);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fake_keeps_the_contract() {
    let places = Places::new(None);
    check(Fake::new(), &spec(&places.paths), false).await;
}

/// Where `cargo xtask guest-image` puts the image for this computer.
fn real_image() -> Option<PathBuf> {
    GuestImage::find(
        std::env::var_os("SLIPWAY_GUEST_IMAGE")
            .map(PathBuf::from)
            .as_deref(),
    )
    .ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn qemu_keeps_the_contract() {
    let Some(image) = real_image() else {
        assert!(
            std::env::var_os("CI").is_none(),
            "there is no guest image: run `cargo xtask guest-image`"
        );
        eprintln!("NOT TESTED: there is no guest image, run `cargo xtask guest-image`");
        return;
    };
    let places = Places::new(Some(&image));
    let spec = spec(&places.paths);
    let driver = Arc::new(Qemu::new(places.paths.verdict()));
    check(driver, &spec, true).await;
    let left: Vec<_> = std::fs::read_dir(&spec.runtime)
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name())
        .filter(|name| name.to_string_lossy().ends_with(".sock"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let processes = processes_in(&spec.runtime);
    assert!(processes.is_empty(), "{processes:?}");
}

#[tokio::test]
async fn a_qemu_that_is_not_there_or_does_not_start_says_what_to_do() {
    let places = Places::new(None);
    let spec = spec(&places.paths);
    let qemu =
        |program: &str| Qemu::new(places.paths.verdict()).with_program(PathBuf::from(program));
    let error = qemu("/nowhere/qemu")
        .prepare(&spec, &|_| {})
        .await
        .expect_err("it cannot");
    assert!(matches!(error, MachineError::NoQemu { .. }), "{error}");
    assert!(error.hint().expect("a remedy").contains("Install"));

    let error = qemu("/bin/false")
        .prepare(&spec, &|_| {})
        .await
        .expect_err("it cannot");
    assert!(
        matches!(error, MachineError::QemuUnusable { .. }),
        "{error}"
    );

    let driver = qemu("/bin/false");
    let error = driver.start(&spec).await.expect_err("it cannot");
    assert!(matches!(error, MachineError::Ended { .. }), "{error}");
    assert_eq!(driver.state(), DriverState::Off);
}

/// Processes that have a path of `directory` on their command line.
fn processes_in(directory: &std::path::Path) -> Vec<String> {
    let wanted = directory.to_string_lossy().into_owned();
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&wanted))
        .collect()
}
