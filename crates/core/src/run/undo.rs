//! Takes away what a failed or cancelled run made, however long the engine takes to answer.
//!
//! A request to create that got no answer may have made a container all the same, or make it yet. So each run labels
//! its container with an id of its own, and what is found under it is this run's and nobody else's.

use std::time::Duration;

use slipway_engine::{CreatedContainer, Engine, EngineError, ListFilter, RemoveContainer};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::error::invalid;
use crate::operation::Operations;
use crate::view::RUN_LABEL;

/// How long a failed or cancelled run waits for its own clean-up before it leaves that behind.
const PATIENCE: Duration = Duration::from_secs(4);
/// The same for a command, which ends afterwards, and the clean-up with it.
const PATIENCE_OF_COMMAND: Duration = Duration::from_secs(30);
/// First and longest pause between two tries.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// An engine that has not answered for so long is no longer asked to remove something.
const GIVE_UP: Duration = Duration::from_hours(1);
/// A container that was asked for without an answer is looked for this long, from when the engine answers again.
const COMES_YET: Duration = Duration::from_mins(2);

/// A random id, by which a run finds what it made.
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

/// What a run has made so far.
#[derive(Default)]
pub(crate) enum Made {
    /// Nothing, or nothing any more.
    #[default]
    Nothing,
    /// A container was asked for. The request goes on when the run is cancelled: only its answer tells what to take
    /// away.
    Asked(JoinHandle<Result<CreatedContainer, EngineError>>),
    /// A container was asked for, and the answer did not come: it may be there, or come yet.
    Perhaps,
    /// A container, by id.
    Container(String),
}

/// Everything that is needed to take it away.
pub(crate) struct Undo {
    pub(crate) engine: Engine,
    /// The run's own id.
    pub(crate) run: String,
    /// The container's name.
    pub(crate) name: String,
    pub(crate) made: Made,
}

/// How it came out.
enum Undone {
    /// With the volumes that came with it.
    Removed(Vec<String>),
    NothingThere,
    Failed(EngineError),
}

impl Undo {
    /// Takes it away, and says so. An engine that does not answer is not waited for where the process `stays`: the
    /// removal goes on behind.
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
                format!("The container `{name}` is removed as soon as the engine answers")
            }
            Err(_) if stays => {
                format!("Should the engine still make the container `{name}`, it is removed again")
            }
            // The command ends, or Slipway does.
            Ok(_) | Err(_) if is_there => format!(
                "The container `{name}` could not be removed in time: `slipway rm {name}` removes it"
            ),
            Ok(_) | Err(_) => format!(
                "The engine did not say whether it made the container `{name}`: if `slipway ps -a` shows it, \
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

/// Whether a request that failed like this may have been carried out: nobody said that it was not.
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

/// Removes a container with the volumes that have no name. One that is gone already is as wanted.
pub(crate) async fn remove(engine: &Engine, id: &str) -> Result<(), EngineError> {
    let how = RemoveContainer {
        force: true,
        // Anonymous volumes came with it and hold nothing that was there before.
        volumes: true,
    };
    match engine.remove_container(id, how).await {
        Ok(()) | Err(EngineError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes the named volumes that were made for a run, half filled as they may be. Those that existed before do not
/// have its label; nor do Podman's, which so stay behind: better than to remove what may be somebody's.
async fn remove_volumes(engine: &Engine, run: &str) -> Result<Vec<String>, EngineError> {
    let mut removed = Vec::new();
    for volume in engine.list_volumes(&[label(run)]).await? {
        match engine.remove_volume(&volume.name).await {
            Ok(()) => removed.push(volume.name),
            // Somebody else uses it by now, or removed it.
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

/// Removes a container that a run made, and says whether there was one.
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
        /// An engine behind a proxy, which is given up on after a second.
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

        /// Runs something that sleeps, with a fault from a step on, and cancels it there if `cancels`.
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
            ["The container `late` is removed as soon as the engine answers"]
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
                "did not say whether it made the container `late`",
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
