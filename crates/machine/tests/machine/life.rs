//! The supervisor's state machine, with the fake driver.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use slipway_api::ErrorKind;
use slipway_api::machine::{DockerState, MachineLogSource, MachineState, MachineView};
use slipway_link::{DockerState as Guests, GuestEvent};
use slipway_machine::{Lease, MachineHandle, Supervisor, downtimes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::fake::Fake;
use crate::places::Places;

/// A supervisor with the fake driver and its own directories.
pub(crate) struct Machine {
    pub(crate) handle: MachineHandle,
    pub(crate) fake: Arc<Fake>,
    pub(crate) places: Places,
    task: tokio::task::JoinHandle<Lease>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self::at(Places::new(None))
    }

    fn at(places: Places) -> Self {
        let lease = Lease::take(&places.paths).expect("nobody else has it");
        let fake = Fake::new();
        let (supervisor, handle) = Supervisor::new(lease, places.paths.clone(), fake.drivers());
        Self {
            handle,
            fake,
            places,
            task: tokio::spawn(supervisor.run()),
        }
    }

    /// Ends the supervisor; another one can be made with the same directories.
    async fn end(self) -> Places {
        self.handle.shutdown().await.expect("it ends");
        self.task.await.expect("no panic");
        self.places
    }

    pub(crate) async fn wait(
        &self,
        what: &str,
        wanted: impl Fn(&MachineView) -> bool,
    ) -> MachineView {
        let (mut view, _watching) = self.handle.watch();
        let found =
            tokio::time::timeout(Duration::from_secs(40), view.wait_for(|view| wanted(view)));
        match found.await {
            Ok(view) => view.expect("a supervisor").clone(),
            Err(late) => panic!("not {what} ({late}): {:?}", self.handle.now()),
        }
    }

    pub(crate) async fn running(&self) -> MachineView {
        self.wait("running", |view| {
            matches!(
                view.state,
                MachineState::Running {
                    docker: DockerState::Running { .. },
                    ..
                }
            )
        })
        .await
    }

    async fn started(self) -> Self {
        self.handle.start().await.expect("accepted");
        self.running().await;
        self
    }

    /// The guest stops answering, and the supervisor notices.
    async fn falls_silent(&self) {
        self.fake.faults.frozen.store(true, Ordering::SeqCst);
        self.wait("unresponsive", |view| {
            matches!(view.state, MachineState::Unresponsive { .. })
        })
        .await;
    }

    async fn stopped(&self) -> MachineView {
        self.wait("stopped", |view| view.state == MachineState::Stopped)
            .await
    }

    async fn broken(&self) -> slipway_api::ApiError {
        let view = self
            .wait("broken", |view| {
                matches!(view.state, MachineState::Broken { .. })
            })
            .await;
        match view.state {
            MachineState::Broken { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_serves_its_engine_and_stops() {
    let machine = Machine::new();
    let view = machine.handle.now();
    assert_eq!(view.state, MachineState::Absent);
    assert_eq!(view.disk, None);
    machine.handle.start().await.expect("accepted");
    let view = machine.running().await;
    let MachineState::Running { docker, phases } = &view.state else {
        panic!("{view:?}");
    };
    assert_eq!(
        *docker,
        DockerState::Running {
            version: "26.1.5".to_owned()
        }
    );
    assert!(
        phases.iter().all(|phase| phase.took_ms.is_some()),
        "{phases:?}"
    );
    assert_eq!(view.disk.expect("a disk").size, 64 << 30);

    let socket = machine.places.paths.engine_socket();
    let mut stream = tokio::net::UnixStream::connect(&socket)
        .await
        .expect("it listens");
    stream
        .write_all(b"GET /_ping HTTP/1.1\r\n\r\n")
        .await
        .expect("writable");
    stream.shutdown().await.expect("half closed");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let contexts = machine
        .places
        .paths
        .docker_config
        .clone()
        .expect("one")
        .join("contexts/meta");
    assert_eq!(std::fs::read_dir(&contexts).expect("contexts").count(), 1);

    machine.handle.stop().await.expect("accepted");
    machine.stopped().await;
    assert_eq!(machine.fake.faults.power_offs.load(Ordering::SeqCst), 1);
    assert!(!socket.exists());
    assert!(machine.places.paths.data_disk().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_found_stopped_by_the_next_owner_and_deleted_without_a_trace() {
    let machine = Machine::new().started().await;
    let paths = machine.places.paths.clone();
    let machine = Machine::at(machine.end().await);
    assert_eq!(machine.handle.now().state, MachineState::Stopped);
    let machine = machine.started().await;
    machine.handle.delete().await.expect("accepted");
    machine
        .wait("absent", |view| view.state == MachineState::Absent)
        .await;
    assert!(!paths.machine().exists());
    let contexts = paths.docker_config.clone().expect("one").join("contexts");
    assert!(!contexts.exists());
    // Its data is deleted, so nothing waited for the guest.
    assert_eq!(machine.fake.faults.power_offs.load(Ordering::SeqCst), 0);
    let left: Vec<_> = std::fs::read_dir(&paths.data)
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name())
        .filter(|name| name.to_string_lossy().starts_with("machine.deleted"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Which containers ended with the machine is told by when its engine was down.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_written_down_when_the_engine_was_down() {
    let machine = Machine::new().started().await;
    let paths = machine.places.paths.clone();
    // It ran none before its first start.
    assert_eq!(downtimes(&paths), []);
    machine.handle.stop().await.expect("accepted");
    machine.stopped().await;
    let [down] = downtimes(&paths)[..] else {
        panic!("{:?}", downtimes(&paths));
    };
    assert_eq!(down.until_ms, None);
    let machine = machine.started().await;
    let ended = downtimes(&paths)[0];
    assert_eq!(ended.from_ms, down.from_ms);
    assert!(ended.until_ms.is_some_and(|until| until > down.from_ms));
    // A machine that ends by itself is started again.
    machine.fake.die();
    machine.wait("down", |_| downtimes(&paths).len() == 2).await;
    machine
        .wait("up again", |_| downtimes(&paths)[1].until_ms.is_some())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_any_state_are_done_or_refused_with_a_reason() {
    let machine = Machine::new();
    let refused = machine.handle.restart().await.expect_err("there is none");
    assert_eq!(refused.to_api().kind, ErrorKind::Conflict);
    assert!(refused.hint().is_some());
    machine.handle.stop().await.expect("it does not run");
    assert!(machine.handle.reclaim().await.is_err());
    assert!(
        machine
            .handle
            .log(MachineLogSource::Kernel, false)
            .await
            .is_err()
    );

    // Starting twice is starting once.
    machine.handle.start().await.expect("accepted");
    machine.handle.start().await.expect("it does");
    machine.running().await;
    machine.handle.start().await.expect("it does");
    assert_eq!(machine.fake.faults.starts.load(Ordering::SeqCst), 1);
    assert_eq!(machine.handle.reclaim().await.expect("it runs"), 0);
    let mut log = machine
        .handle
        .log(MachineLogSource::Agent, false)
        .await
        .expect("it runs");
    assert_eq!(
        log.next().await.expect("readable"),
        Some("größe\n".as_bytes().to_vec())
    );
    assert_eq!(log.next().await.expect("readable"), None);

    // The last request counts.
    machine.handle.stop().await.expect("accepted");
    machine.handle.start().await.expect("accepted");
    machine
        .wait("started again", |view| {
            matches!(view.state, MachineState::Running { .. })
        })
        .await;
    machine.handle.restart().await.expect("accepted");
    machine.handle.stop().await.expect("accepted");
    machine.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_under_way_is_ended_by_stop_delete_and_shutdown() {
    let machine = Machine::new();
    machine.fake.faults.hangs.store(true, Ordering::SeqCst);
    let starting = |view: &MachineView| matches!(&view.state, MachineState::Starting { phase, .. } if phase == "Opening the disk");
    machine.handle.start().await.expect("accepted");
    machine.wait("starting", starting).await;
    machine.handle.stop().await.expect("accepted");
    machine.stopped().await;
    // The disk may have been mounted by then.
    assert_eq!(machine.fake.faults.power_offs.load(Ordering::SeqCst), 1);

    machine.handle.start().await.expect("accepted");
    machine.wait("starting", starting).await;
    machine.handle.delete().await.expect("accepted");
    machine
        .wait("absent", |view| view.state == MachineState::Absent)
        .await;

    machine.handle.start().await.expect("accepted");
    machine.wait("starting", starting).await;
    let fake = machine.fake.clone();
    machine.end().await;
    assert!(!slipway_machine::Driver::state(fake.as_ref()).is_up());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_started_again_once_when_it_ends_by_itself_and_then_says_why_not() {
    let machine = Machine::new().started().await;
    machine.fake.die();
    machine
        .wait("started again", |view| {
            // A computer with little free space warns of that as well.
            let told = |warning: &String| warning.contains("it was killed");
            matches!(view.state, MachineState::Running { .. }) && view.warnings.iter().any(told)
        })
        .await;
    machine.fake.die();
    let reason = machine.broken().await;
    assert!(reason.message.contains("it was killed"), "{reason:?}");
    assert!(reason.hint.is_some());
    // An explicit start is accepted all the same.
    machine.handle.start().await.expect("accepted");
    machine.running().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_it_from_booting_is_told() {
    let machine = Machine::new();
    machine
        .fake
        .faults
        .foreign_disk
        .store(true, Ordering::SeqCst);
    machine.handle.start().await.expect("accepted");
    let reason = machine.broken().await;
    assert!(reason.message.contains("another program"), "{reason:?}");
    let hint = reason.hint.expect("a remedy");
    let disk = machine.places.paths.data_disk();
    assert!(hint.contains("unchanged"), "{hint}");
    assert!(hint.contains(&disk.display().to_string()), "{hint}");
    assert!(!slipway_machine::Driver::state(machine.fake.as_ref()).is_up());

    machine
        .fake
        .faults
        .foreign_disk
        .store(false, Ordering::SeqCst);
    // One end is tolerated, two are not.
    machine.fake.faults.dead_starts.store(2, Ordering::SeqCst);
    machine.handle.start().await.expect("accepted");
    machine.broken().await;
    machine.fake.faults.dead_starts.store(1, Ordering::SeqCst);
    machine.handle.start().await.expect("accepted");
    machine.running().await;
    machine.handle.stop().await.expect("accepted");
    machine
        .wait("stopped", |view| view.state == MachineState::Stopped)
        .await;

    let image = machine.places.paths.image.clone().expect("one");
    std::fs::write(image.join("root.erofs"), "x").expect("writable");
    machine.handle.start().await.expect("accepted");
    let reason = machine.broken().await;
    assert!(reason.message.contains("damaged"), "{reason:?}");
    assert!(!machine.places.paths.engine_socket().exists());
}

/// The kernel of an emulated guest may say that one of its processors does not run; the boot is not waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_boot_whose_kernel_stalls_is_tried_once_more() {
    let machine = Machine::new();
    let faults = &machine.fake.faults;
    faults.stalled_starts.store(1, Ordering::SeqCst);
    let began = std::time::Instant::now();
    machine.handle.start().await.expect("accepted");
    machine.running().await;
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(faults.starts.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_fails_is_not_taken_for_a_broken_disk() {
    let machine = Machine::new();
    let faults = &machine.fake.faults;
    faults.failed_boot.store(true, Ordering::SeqCst);
    machine.handle.start().await.expect("accepted");
    let reason = machine.broken().await;
    assert!(
        reason.message.contains("could not start: /tmp could not"),
        "{reason:?}"
    );
    assert!(!format!("{reason:?}").contains("disk"), "{reason:?}");
    // Its disk may be mounted all the same.
    assert_eq!(faults.power_offs.load(Ordering::SeqCst), 1);
    faults.failed_boot.store(false, Ordering::SeqCst);
    machine.handle.start().await.expect("accepted");
    machine.running().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_disk_is_repaired_only_when_that_is_asked_for() {
    let machine = Machine::new();
    let refused = machine.handle.repair().await.expect_err("there is none");
    assert_eq!(refused.to_api().kind, ErrorKind::Conflict);
    let faults = &machine.fake.faults;
    faults.damaged_disk.store(true, Ordering::SeqCst);
    faults.beyond_repair.store(true, Ordering::SeqCst);
    machine.handle.start().await.expect("accepted");
    let reason = machine.broken().await;
    assert!(reason.message.contains("damaged"), "{reason:?}");
    let hint = reason.hint.expect("a remedy");
    assert!(hint.contains("slipway machine repair"), "{hint}");
    let state = machine.handle.now().state;
    assert!(
        matches!(
            state,
            MachineState::Broken {
                repairable: true,
                ..
            }
        ),
        "{state:?}"
    );

    machine.handle.repair().await.expect("accepted");
    let view = machine
        .wait("given up", |view| {
            matches!(&view.state, MachineState::Broken { reason, repairable: false } if reason.message.contains("gave up"))
        })
        .await;
    assert!(!format!("{view:?}").contains("machine repair"), "{view:?}");

    faults.beyond_repair.store(false, Ordering::SeqCst);
    machine.handle.repair().await.expect("accepted");
    let view = machine.running().await;
    let told = |warning: &String| warning.contains("was repaired");
    assert!(view.warnings.iter().any(told), "{view:?}");
    let refused = machine.handle.repair().await.expect_err("it is in use");
    assert_eq!(refused.to_api().kind, ErrorKind::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_is_silent_is_unresponsive_until_it_is_back() {
    let machine = Machine::new().started().await;
    machine.falls_silent().await;
    assert!(machine.handle.start().await.is_err());
    machine.fake.faults.frozen.store(false, Ordering::SeqCst);
    machine.running().await;
    assert_eq!(machine.fake.faults.starts.load(Ordering::SeqCst), 1);
}

fn was_powered_off(view: &MachineView) -> bool {
    let told = |warning: &String| warning.contains("was powered off");
    view.warnings.iter().any(told)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_without_a_link_is_stopped_in_order_all_the_same() {
    for comes_back in [true, false] {
        let machine = Machine::new().started().await;
        machine.falls_silent().await;
        machine.handle.stop().await.expect("accepted");
        machine
            .fake
            .faults
            .frozen
            .store(!comes_back, Ordering::SeqCst);
        let view = machine.stopped().await;
        let asked = machine.fake.faults.power_offs.load(Ordering::SeqCst);
        assert_eq!(asked, u32::from(comes_back));
        assert_eq!(was_powered_off(&view), !comes_back, "{view:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_is_not_to_be_waited_for_is_cut_short() {
    let machine = Machine::new().started().await;
    machine.fake.faults.stays.store(true, Ordering::SeqCst);
    machine.handle.stop().await.expect("accepted");
    machine
        .wait("asked to stop", |view| {
            view.state == MachineState::Stopping
                && machine.fake.faults.power_offs.load(Ordering::SeqCst) > 0
        })
        .await;
    machine.handle.switch_off().await.expect("accepted");
    let view = machine.stopped().await;
    assert!(was_powered_off(&view), "{view:?}");
    machine.handle.switch_off().await.expect("it is off");

    // One that runs is not asked first.
    machine.handle.start().await.expect("accepted");
    machine.running().await;
    machine.handle.switch_off().await.expect("accepted");
    machine.stopped().await;
    assert_eq!(machine.fake.faults.power_offs.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_disk_cannot_be_written_waits_and_goes_on() {
    let machine = Machine::new().started().await;
    let full = |view: &MachineView| view.warnings.iter().any(|it| it.contains("disk is full"));
    for _ in 0..2 {
        machine.fake.pause();
        machine
            .wait("waiting", |view| {
                matches!(view.state, MachineState::Unresponsive { .. }) && full(view)
            })
            .await;
        let view = machine.running().await;
        assert!(!full(&view), "{view:?}");
    }
    assert_eq!(machine.fake.faults.starts.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_ends_again_and_again_is_no_start_without_end() {
    let machine = Machine::new();
    machine.fake.faults.hangs.store(true, Ordering::SeqCst);
    machine.handle.start().await.expect("accepted");
    machine
        .wait("at its disk", |view| {
            matches!(&view.state, MachineState::Starting { phase, .. } if phase == "Opening the disk")
        })
        .await;
    // A late subscriber has missed some.
    while !matches!(machine.handle.now().state, MachineState::Broken { .. }) {
        machine.fake.say(GuestEvent::Docker {
            state: Guests::Restarting {
                why: "no space left".to_owned(),
                after_ms: 1,
            },
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let reason = machine.broken().await;
    assert!(reason.message.contains("no space left"), "{reason:?}");
    assert!(reason.hint.expect("a remedy").contains("--disk"));
    // Everything that ran in it was asked to end.
    assert_eq!(machine.fake.faults.power_offs.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_link_is_made_again_at_once() {
    let machine = Machine::new().started().await;
    for _ in 0..3 {
        machine.fake.cut_links();
        let mut log = loop {
            // The cut may not have been noticed yet.
            if let Ok(log) = machine.handle.log(MachineLogSource::Agent, false).await {
                break log;
            }
            tokio::task::yield_now().await;
        };
        assert!(log.next().await.is_ok());
    }
    machine.running().await;
    assert_eq!(machine.fake.faults.starts.load(Ordering::SeqCst), 1);
}

/// The guest keeps running, and so does its link.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_ends_is_joined_again() {
    let machine = Machine::new();
    machine.fake.faults.networks.store(true, Ordering::SeqCst);
    let machine = machine.started().await;
    let joined = || machine.fake.networks.lock().expect("no panic").len();
    assert_eq!(joined(), 2, "that of ports and that of the engine");
    let there = &machine.fake.faults.networks;
    there.store(false, Ordering::SeqCst);
    machine.fake.networks.lock().expect("no panic").clear();
    // The next heartbeat notices; the attempt to reconnect fails.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(joined(), 0);
    there.store(true, Ordering::SeqCst);
    let again = async {
        while joined() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // The next one.
    tokio::time::timeout(Duration::from_secs(20), again)
        .await
        .expect("they are joined again");
    machine.running().await;
    assert_eq!(machine.fake.faults.starts.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guest_says_of_its_engine_is_shown() {
    let machine = Machine::new().started().await;
    machine.fake.say(GuestEvent::Docker {
        state: Guests::Restarting {
            why: "exit\u{1b}[31m code 2".to_owned(),
            after_ms: 1,
        },
    });
    machine
        .wait("restarting", |view| {
            matches!(&view.state, MachineState::Running { docker: DockerState::Restarting { why }, .. }
                if why == "exit[31m code 2")
        })
        .await;
    machine.fake.say(GuestEvent::Docker {
        state: Guests::Running,
    });
    machine.running().await;
    machine.fake.say(GuestEvent::Warning {
        message: "x".repeat(5000),
    });
    let view = machine
        .wait("warned", |view| {
            view.warnings
                .iter()
                .any(|warning| warning.starts_with("xxx"))
        })
        .await;
    assert!(view.warnings.iter().all(|warning| warning.len() <= 500));
    // They are this machine's and go with it.
    machine.handle.delete().await.expect("accepted");
    let view = machine
        .wait("absent", |view| view.state == MachineState::Absent)
        .await;
    assert_eq!(view.warnings, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_hold_from_the_next_start_on_and_the_disk_only_grows() {
    let machine = Machine::new().started().await;
    let before = machine.handle.now();
    assert_eq!(before.runs_with, None);
    let mut settings = before.settings.clone();
    settings.memory_mb = 1024;
    settings.disk_gb = 65;
    machine
        .handle
        .set_settings(settings.clone())
        .await
        .expect("possible");
    let changed = machine.handle.now();
    assert!(changed.restart_needed);
    assert_eq!(changed.runs_with, Some(before.settings));
    machine.handle.restart().await.expect("accepted");
    machine
        .wait("restarted", |view| {
            matches!(view.state, MachineState::Running { .. })
                && !view.restart_needed
                && view.runs_with.is_none()
        })
        .await;
    assert_eq!(machine.handle.now().disk.expect("one").size, 65 << 30);
    settings.disk_gb = 64;
    let refused = machine
        .handle
        .set_settings(settings)
        .await
        .expect_err("smaller");
    assert_eq!(refused.to_api().kind, ErrorKind::InvalidInput);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_switches_itself_off_is_stopped_not_broken() {
    let machine = Machine::new().started().await;
    machine.fake.say(GuestEvent::PoweringOff);
    machine
        .wait("stopping", |view| view.state == MachineState::Stopping)
        .await;
    machine.fake.die();
    machine.stopped().await;
    assert_eq!(machine.fake.faults.starts.load(Ordering::SeqCst), 1);
}
