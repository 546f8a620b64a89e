//! Removes what a failed or cancelled run created, however long the engine takes to answer.
//!
//! A create request without an answer may have created a container all the same, or may still do so. So each run labels
//! its container with a random id, and only containers with that label are removed.

use std::time::Duration;

use slipway_engine::{CreatedContainer, Engine, EngineError, ListFilter, RemoveContainer};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::error::invalid;
use crate::operation::Operations;
use crate::view::RUN_LABEL;

/// How long a failed or cancelled run waits for its clean-up before that continues in the background.
const PATIENCE: Duration = Duration::from_secs(4);
/// The same for a command, which then exits and so ends the clean-up.
const PATIENCE_OF_COMMAND: Duration = Duration::from_secs(30);
/// First and longest pause between two attempts.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// An engine that has not answered for this long is given up.
const GIVE_UP: Duration = Duration::from_hours(1);
/// How long to look for a container whose create request got no answer, counted from when the engine answers again.
const COMES_YET: Duration = Duration::from_mins(2);

/// A random id that labels what a run creates.
pub(crate) fn run_id() -> Result<String, slipway_api::ApiError> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|error| {
        invalid(
            format!("The system gave no random numbers: {error}"),
            Some("Try again".to_owned()),
        )
    })?;
    Ok(format!("{:032x}", u128::from_ne_bytes(random)))
}

/// The container that a run has created so far.
#[derive(Default)]
pub(crate) enum Made {
    /// Nothing, or nothing any more.
    #[default]
    Nothing,
    /// A create request is in flight. It goes on when the run is cancelled, because only its answer names what to
    /// remove.
    Asked(JoinHandle<Result<CreatedContainer, EngineError>>),
    /// A create request failed without an answer: the container may exist, or still appear.
    Perhaps,
    /// A container, by id.
    Container(String),
}

/// Everything needed for the clean-up.
pub(crate) struct Undo {
    pub(crate) engine: Engine,
    /// The run's own id.
    pub(crate) run: String,
    /// The container's name.
    pub(crate) name: String,
    pub(crate) made: Made,
}

/// The outcome of the clean-up.
enum Undone {
    /// Removed, with the volumes that were created with it.
    Removed(Vec<String>),
    NothingThere,
    Failed(EngineError),
}

impl Undo {
    /// Cleans up and returns what was removed. If the process `stays` and the engine does not answer, the clean-up
    /// continues in the background.
    pub(crate) async fn run(self, stays: bool, operations: &Operations) -> Vec<String> {
        let patience = if stays { PATIENCE } else { PATIENCE_OF_COMMAND };
        self.within(patience, stays, operations).await
    }

    async fn within(self, patience: Duration, stays: bool, operations: &Operations) -> Vec<String> {
        if matches!(self.made, Made::Nothing) {
            return Vec::new();
        }
        let name = self.name.clone();
        let is_there = matches!(self.made, Made::Container(_));
        let undoing = operations.spawn(self.take_away());
        let told = match timeout(patience, undoing).await {
            Ok(Ok(Some(Undone::Removed(volumes)))) => {
                let volumes = volumes
                    .iter()
                    .map(|volume| format!("The new volume `{volume}` was removed"));
                return std::iter::once(format!("The container `{name}` was removed"))
                    .chain(volumes)
                    .collect();
            }
            Ok(Ok(Some(Undone::NothingThere))) => return Vec::new(),
            Ok(Ok(Some(Undone::Failed(error)))) => {
                format!("The container `{name}` could not be removed: {error}")
            }
            Err(_) if stays && is_there => {
                format!("The container `{name}` is removed as soon as the engine responds")
            }
            Err(_) if stays => {
                format!("If the engine still creates the container `{name}`, Slipway removes it")
            }
            // The command exits, or Slipway does.
            Ok(_) | Err(_) if is_there => format!(
                "The container `{name}` could not be removed in time: `slipway rm {name}` removes it"
            ),
            Ok(_) | Err(_) => format!(
                "The engine did not confirm whether it created the container `{name}`: if `slipway ps -a` shows it, \
                 `slipway rm {name}` removes it"
            ),
        };
        vec![told]
    }

    async fn take_away(self) -> Undone {
        let id = match self.made {
            Made::Nothing => return Undone::NothingThere,
            Made::Container(id) => Some(id),
            Made::Perhaps => None,
            Made::Asked(creating) => match creating.await {
                Ok(Ok(created)) => Some(created.id),
                Ok(Err(error)) if !may_be_done(&error) => return Undone::NothingThere,
                Ok(Err(_)) | Err(_) => None,
            },
        };
        let began = Instant::now();
        let mut answers_since = None;
        let mut pause = PAUSE.0;
        loop {
            let tried = match &id {
                Some(id) => remove(&self.engine, id).await.map(|()| true),
                None => remove_labelled(&self.engine, &self.run).await,
            };
            let tried = match tried {
                Ok(true) => remove_volumes(&self.engine, &self.run).await.map(Some),
                Ok(false) => Ok(None),
                Err(error) => Err(error),
            };
            match tried {
                Ok(Some(volumes)) => return Undone::Removed(volumes),
                Ok(None) => {
                    if answers_since.get_or_insert_with(Instant::now).elapsed() > COMES_YET {
                        return Undone::NothingThere;
                    }
                }
                Err(error) if began.elapsed() > GIVE_UP => return Undone::Failed(error),
                Err(error) => tracing::debug!(%error, "a run is not undone yet"),
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }
}

/// Whether a request that failed in this way may have been carried out: no answer ruled it out.
pub(crate) fn may_be_done(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::Unreachable { .. }
            | EngineError::Ssh { .. }
            | EngineError::NotResponding { .. }
            | EngineError::Stalled { .. }
            | EngineError::CutOff { .. }
            | EngineError::Protocol { .. }
            | EngineError::TooLarge { .. }
    )
}

/// Removes a container with its anonymous volumes. It is fine if it is gone already.
pub(crate) async fn remove(engine: &Engine, id: &str) -> Result<(), EngineError> {
    let how = RemoveContainer {
        force: true,
        // Anonymous volumes were created with it and hold no older data.
        volumes: true,
    };
    match engine.remove_container(id, how).await {
        Ok(()) | Err(EngineError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes the named volumes that were created for a run, even partly filled ones. Volumes that existed before lack the
/// run's label. So do Podman's, which are left behind: that is better than removing somebody's data.
async fn remove_volumes(engine: &Engine, run: &str) -> Result<Vec<String>, EngineError> {
    let mut removed = Vec::new();
    for volume in engine.list_volumes(&[label(run)]).await? {
        match engine.remove_volume(&volume.name).await {
            Ok(()) => removed.push(volume.name),
            // It is in use by now, or already removed.
            Err(
                EngineError::InUse { .. }
                | EngineError::Conflict { .. }
                | EngineError::NotFound { .. },
            ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(removed)
}

fn label(run: &str) -> String {
    format!("{RUN_LABEL}={run}")
}

/// Removes a run's container; returns whether there was one.
async fn remove_labelled(engine: &Engine, run: &str) -> Result<bool, EngineError> {
    let filter = ListFilter {
        all: true,
        labels: vec![label(run)],
        ..ListFilter::default()
    };
    let found = engine.list_containers(&filter).await?;
    for container in &found {
        remove(engine, &container.id).await?;
    }
    Ok(!found.is_empty())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use slipway_api::run::{RunEvent, RunFailure, RunPlan, RunStep};
    use slipway_engine::{Endpoint, Environment};
    use slipway_testkit::{Engine as Dockerd, Fault, FaultProxy};
    use tokio::sync::OnceCell;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::connection::{Connection, Once};
    use crate::selection::Selected;
    use crate::{SettingsFile, Slipway};

    const IMAGE: &str = "slipway/busybox:latest";

    struct Stage {
        dockerd: Dockerd,
        proxy: FaultProxy,
        engine: Engine,
        slipway: Slipway,
    }

    impl Stage {
        /// An engine behind a proxy, with a timeout of one second.
        async fn set(stays: bool) -> Arc<Self> {
            let dockerd = Dockerd::start().expect("an engine");
            dockerd.load_sample(IMAGE).expect("a sample");
            dockerd.docker_ok(&["volume", "create", "kept"]);
            let proxy = FaultProxy::in_front_of(&dockerd).expect("a proxy");
            let endpoint = Endpoint::at(proxy.host().parse().expect("an address"));
            let engine = Engine::connect(&endpoint)
                .await
                .expect("it answers")
                .with_deadline(Duration::from_secs(1));
            let environment = Environment::from_process();
            let settings = SettingsFile::at("/nonexistent/settings.json".into());
            let mut slipway = if stays {
                Slipway::follow(environment.clone(), settings)
            } else {
                Slipway::once(environment.clone(), settings, None)
            };
            slipway.connection = Connection::Once(Box::new(Once {
                environment,
                wanted: None,
                selected: OnceCell::new_with(Some(Selected {
                    endpoint,
                    engine: engine.clone(),
                })),
            }));
            Arc::new(Self {
                dockerd,
                proxy,
                engine,
                slipway,
            })
        }

        fn containers(&self) -> String {
            self.dockerd
                .docker_ok(&["ps", "-a", "--format", "{{.Names}}"])
        }

        /// Runs a container that sleeps, with a fault from some step on, and cancels it there if `cancels`.
        async fn fails(&self, at: RunStep, fault: Fault, cancels: bool) -> RunFailure {
            let cancel = CancellationToken::new();
            let emit = |event| {
                if event == (RunEvent::Step { step: at }) {
                    self.proxy.set(fault);
                    if cancels {
                        cancel.cancel();
                    }
                }
            };
            let run = self.slipway.run(plan(), &cancel, emit).await;
            run.expect_err("it cannot succeed")
        }

        async fn eventually(&self, what: &str, right: impl Fn(&Self) -> bool) {
            let began = Instant::now();
            while !right(self) {
                assert!(began.elapsed() < Duration::from_secs(30), "{what}");
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    fn plan() -> RunPlan {
        RunPlan {
            image: IMAGE.to_owned(),
            name: Some("late".to_owned()),
            command: vec!["sleep".to_owned(), "600".to_owned()],
            entrypoint: None,
            env: Vec::new(),
            ports: Vec::new(),
            mounts: ["kept", "late-new"]
                .map(|name| slipway_api::run::MountPlan {
                    kind: slipway_api::container::MountKind::Volume,
                    source: Some(name.to_owned()),
                    target: format!("/{name}"),
                    read_only: false,
                })
                .to_vec(),
            restart: slipway_api::container::RestartPolicy::No,
            memory_bytes: None,
            cpus: None,
            network: None,
            tty: false,
            catalog: None,
            from_image: false,
        }
    }

    /// Answers are held back until the fault is lifted.
    const HELD: Fault = Fault::Delay(Duration::from_hours(1));

    #[tokio::test(flavor = "multi_thread")]
    async fn what_the_engine_made_without_saying_so_is_removed() {
        let stage = Stage::set(false).await;
        let lifted = tokio::spawn({
            let stage = Arc::clone(&stage);
            async move {
                stage
                    .eventually("it is made", |stage| stage.containers() == "late")
                    .await;
                stage
                    .eventually("it is looked for", |stage| stage.proxy.count(RUN_LABEL) > 0)
                    .await;
                stage.proxy.set(Fault::Pass);
            }
        });
        let failure = stage.fails(RunStep::Create, HELD, false).await;
        assert_eq!(failure.error.kind, slipway_api::ErrorKind::NotResponding);
        assert_eq!(
            failure.undone,
            [
                "The container `late` was removed",
                "The new volume `late-new` was removed"
            ]
        );
        assert_eq!(stage.containers(), "");
        assert_eq!(stage.dockerd.docker_ok(&["volume", "ls", "-q"]), "kept");
        lifted.await.expect("the fault is lifted");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_window_goes_on_trying_and_a_command_says_what_is_left() {
        let stage = Stage::set(true).await;
        let failure = stage.fails(RunStep::Wait, Fault::Refuse, true).await;
        assert_eq!(
            failure.undone,
            ["The container `late` is removed as soon as the engine responds"]
        );
        assert_eq!(stage.containers(), "late");
        assert!(stage.slipway.is_busy());
        stage.proxy.set(Fault::Pass);
        stage
            .eventually("it is removed", |stage| stage.containers().is_empty())
            .await;

        let undo = |made| Undo {
            engine: Engine::clone(&stage.engine),
            run: "nothing".to_owned(),
            name: "late".to_owned(),
            made,
        };
        stage.proxy.set(Fault::Refuse);
        for (made, says) in [
            (
                Made::Container("a".repeat(64)),
                "could not be removed in time: `slipway rm late`",
            ),
            (
                Made::Perhaps,
                "did not confirm whether it created the container `late`",
            ),
        ] {
            let told = undo(made)
                .within(Duration::from_millis(300), false, &stage.slipway.operations)
                .await;
            assert!(told[0].contains(says), "{told:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn when_slipway_ends_nothing_is_left() {
        let stage = Stage::set(true).await;
        let run = tokio::spawn({
            let stage = Arc::clone(&stage);
            async move {
                let run = stage.slipway.operation("run", |cancel| {
                    let stage = Arc::clone(&stage);
                    let mut plan = plan();
                    plan.ports.push(slipway_api::run::PortPlan {
                        container_port: 80,
                        protocol: "tcp".to_owned(),
                        host_ip: None,
                        host_port: None,
                        fixed: false,
                    });
                    async move { stage.slipway.run(plan, &cancel, |_| {}).await }
                });
                run.await
            }
        });
        stage
            .eventually("it runs", |stage| stage.containers() == "late")
            .await;
        assert!(stage.slipway.is_busy());
        assert!(stage.slipway.end_operations(Duration::from_secs(20)).await);
        assert_eq!(stage.containers(), "");
        assert!(!stage.slipway.is_busy());
        run.await.expect("no panic").expect_err("it was cancelled");
    }
}
