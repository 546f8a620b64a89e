//! Slipway's own machine: its state and every action on it.
//!
//! `slipwayd` owns the machine and answers all requests. Reading the state starts nothing: while `slipwayd` is not
//! running, the state is read from the machine's files. Logs are available only from `slipwayd`.

pub(crate) mod downtime;
pub(crate) mod follower;
pub(crate) mod held_ports;
pub(crate) mod log;
mod stays_stopped;

use slipway_api::engine::EngineState;
use slipway_api::machine::{
    DockerState, MachineAction, MachineLogSource, MachineSettings, MachineState, MachineView,
};
use slipway_api::{ApiError, ErrorKind};
use slipway_machine::{
    LogText, MachineClient, MachineError, MachinePaths, MachineWatch, Shell, at_rest,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::follower::MachineFollower;

use crate::blocking::blocking;
use crate::connection::Connection;
use crate::error::{cancelled, machine_starting, machine_stopping};
use crate::{Slipway, selection};

impl Slipway {
    /// Whether the machine's engine would be selected if the machine ran and no other engine answered.
    pub async fn machine_helps(&self) -> bool {
        let wanted = match &self.connection {
            Connection::Once(once) => once.wanted.clone(),
            Connection::Followed(_) => self.settings.loaded().await.engine,
        };
        selection::machine_helps(&self.environment, wanted.as_deref()).await
    }

    /// The machine's status as it changes, for a window; `None` before the first read. A command has nothing to follow.
    pub fn machine_views(&self) -> Option<watch::Receiver<Option<MachineView>>> {
        self.machine.as_ref().map(MachineFollower::view)
    }

    /// Starts an action on the machine. Its outcome shows in the machine's state.
    pub async fn machine_act(&self, action: MachineAction) -> Result<(), ApiError> {
        let client = client()?;
        let begun = match action {
            MachineAction::Start => client.start().await,
            MachineAction::Stop => client.stop().await,
            MachineAction::SwitchOff => client.switch_off().await,
            MachineAction::Restart => client.restart().await,
            MachineAction::Delete => client.delete().await,
            MachineAction::Repair => client.repair().await,
        };
        begun.map_err(|error| error.to_api())
    }

    /// Waits until an engine answers. Starts the machine, once, if there is no engine and the machine would provide
    /// one. A command has no state to wait for.
    pub async fn machine_start_if_needed(&self) -> Result<(), ApiError> {
        let Some(mut states) = self.engine_states() else {
            return Ok(());
        };
        let decided = states
            .wait_for(|state| {
                matches!(
                    state,
                    EngineState::Connected { .. } | EngineState::NoEngine { .. }
                )
            })
            .await
            .map(|state| state.clone());
        match decided {
            Ok(EngineState::NoEngine {
                machine_helps: true,
                ..
            }) => self.machine_act(MachineAction::Start).await,
            _ => Ok(()),
        }
    }

    /// An error that says how the machine is, for when there is no engine and the machine's would be selected. `start`
    /// is how the caller starts the machine, in words.
    pub async fn with_machine_offered(&self, error: ApiError, start: &str) -> ApiError {
        let is_silent = error.kind == ErrorKind::NotResponding;
        if !(is_silent || error.kind == ErrorKind::NoEngine) || !self.machine_helps().await {
            return error;
        }
        let Ok(MachineView { state, .. }) = self.machine().await else {
            return error;
        };
        // A connection to an engine that is still starting is held for some time.
        if is_silent && !is_starting(&state) {
            return error;
        }
        offer(error, &state, start)
    }

    /// Whether the machine or the engine in it is starting, so that there will be an engine soon.
    pub async fn machine_is_starting(&self) -> bool {
        self.machine()
            .await
            .is_ok_and(|view| is_starting(&view.state))
    }

    /// Whether the machine is stopping, so that its engine no longer answers.
    pub async fn machine_is_stopping(&self) -> bool {
        self.machine()
            .await
            .is_ok_and(|view| view.state == MachineState::Stopping)
    }

    /// The current status. Starts nothing.
    pub async fn machine(&self) -> Result<MachineView, ApiError> {
        Ok(now(&client()?).await)
    }

    /// Starts the machine and waits until its engine answers. `tell` receives every change; cancelling stops the
    /// machine again. A running machine is left as it is.
    pub async fn machine_start(
        &self,
        cancel: &CancellationToken,
        tell: impl Fn(&MachineView) + Send,
    ) -> Result<MachineView, ApiError> {
        self.machine_begin(MachineAction::Start, cancel, tell).await
    }

    /// Like [`Slipway::machine_start`]; also repairs the machine's disk if that is damaged.
    pub async fn machine_repair(
        &self,
        cancel: &CancellationToken,
        tell: impl Fn(&MachineView) + Send,
    ) -> Result<MachineView, ApiError> {
        self.machine_begin(MachineAction::Repair, cancel, tell)
            .await
    }

    async fn machine_begin(
        &self,
        action: MachineAction,
        cancel: &CancellationToken,
        tell: impl Fn(&MachineView) + Send,
    ) -> Result<MachineView, ApiError> {
        let client = client()?;
        let starting = async {
            self.machine_act(action).await?;
            let mut watch = client.watch().await.map_err(|error| error.to_api())?;
            let mut begun = false;
            until(&mut watch, tell, |view| match &view.state {
                MachineState::Running { docker, .. } => {
                    begun = true;
                    is_up(docker).then_some(Ok(()))
                }
                MachineState::Preparing { .. } | MachineState::Starting { .. } => {
                    begun = true;
                    None
                }
                MachineState::Broken { reason, .. } => Some(Err(reason.clone())),
                // The first status may still be from before the start.
                MachineState::Absent | MachineState::Stopped if begun => Some(Err(stopped())),
                _ => None,
            })
            .await
        };
        let result = tokio::select! {
            result = starting => Some(result),
            () = cancel.cancelled() => None,
        };
        if let Some(result) = result {
            return result;
        }
        // Cancelled: stop what was started. A failure to do so shows in the machine's state.
        if let Err(error) = client.stop().await {
            tracing::debug!(%error, "a start that was cancelled");
        }
        Err(cancelled())
    }

    /// Stops the machine and waits for that, or powers it off without waiting for its containers. A machine that is not
    /// running is left as it is.
    pub async fn machine_stop(
        &self,
        at_once: bool,
        tell: impl Fn(&MachineView) + Send,
    ) -> Result<MachineView, ApiError> {
        let client = client()?;
        let running = client.status_running().await;
        if running.map_err(|error| error.to_api())?.is_none() {
            return self.machine().await;
        }
        self.machine_act(if at_once {
            MachineAction::SwitchOff
        } else {
            MachineAction::Stop
        })
        .await?;
        let mut watch = client.watch().await.map_err(|error| error.to_api())?;
        until(&mut watch, tell, ended).await
    }

    /// Stops the machine, if it is running, and starts it.
    pub async fn machine_restart(
        &self,
        cancel: &CancellationToken,
        tell: impl Fn(&MachineView) + Send + Sync,
    ) -> Result<MachineView, ApiError> {
        self.machine_stop(false, &tell).await?;
        self.machine_start(cancel, &tell).await
    }

    /// Deletes the machine with everything on its disk, and waits for that.
    pub async fn machine_delete(
        &self,
        tell: impl Fn(&MachineView) + Send,
    ) -> Result<MachineView, ApiError> {
        let client = client()?;
        client.delete().await.map_err(|error| error.to_api())?;
        let mut watch = client.watch().await.map_err(|error| error.to_api())?;
        until(&mut watch, tell, |view| match &view.state {
            MachineState::Absent => Some(Ok(())),
            MachineState::Broken { reason, .. } => Some(Err(reason.clone())),
            _ => None,
        })
        .await
    }

    /// Gives unused space back to this computer; returns the bytes freed.
    pub async fn machine_reclaim(&self) -> Result<u64, ApiError> {
        let client = client()?;
        client.reclaim().await.map_err(|error| error.to_api())
    }

    /// Changes the machine's settings. A running machine keeps its own until it is restarted.
    pub async fn machine_settings(
        &self,
        settings: MachineSettings,
    ) -> Result<MachineView, ApiError> {
        let client = client()?;
        client
            .set_settings(settings)
            .await
            .map_err(|error| error.to_api())?;
        client.status().await.map_err(|error| error.to_api())
    }

    /// A log of the machine.
    pub async fn machine_log(
        &self,
        source: MachineLogSource,
        follow: bool,
    ) -> Result<LogText, ApiError> {
        let client = client()?;
        client
            .log(source, follow)
            .await
            .map_err(|error| error.to_api())
    }

    /// A shell in the machine, for diagnosis.
    pub async fn machine_shell(
        &self,
        command: Option<Vec<String>>,
        columns: u16,
        rows: u16,
    ) -> Result<Shell, ApiError> {
        let client = client()?;
        client
            .shell(command, columns, rows)
            .await
            .map_err(|error| error.to_api())
    }
}

/// The current status. Starts nothing.
async fn now(client: &MachineClient) -> MachineView {
    let told = client.status_running().await;
    let paths = client.paths().clone();
    match told {
        Ok(Some(view)) => view,
        Ok(None) => blocking(move || at_rest(&paths)).await,
        Err(error) => blocking(move || out_of_reach(&paths, &error)).await,
    }
}

/// The status of a machine whose owner cannot be reached: the files do not tell whether it is running.
pub(crate) fn out_of_reach(paths: &MachinePaths, error: &MachineError) -> MachineView {
    MachineView {
        state: MachineState::OutOfReach {
            reason: error.to_api(),
        },
        ..at_rest(paths)
    }
}

/// Whether the machine is not running, and will not be unless somebody starts it.
pub(crate) async fn is_over() -> bool {
    let Ok(client) = client() else {
        return true;
    };
    matches!(
        now(&client).await.state,
        MachineState::Absent
            | MachineState::Stopped
            | MachineState::OutOfReach { .. }
            | MachineState::Broken { .. }
    )
}

pub(crate) fn client() -> Result<MachineClient, ApiError> {
    MachineClient::of_user().map_err(|error| error.to_api())
}

/// Reports every change until one of them is final.
async fn until(
    watch: &mut MachineWatch,
    tell: impl Fn(&MachineView),
    mut decide: impl FnMut(&MachineView) -> Option<Result<(), ApiError>>,
) -> Result<MachineView, ApiError> {
    loop {
        let view = watch
            .next()
            .await
            .map_err(|error: MachineError| error.to_api())?;
        tell(&view);
        match decide(&view) {
            Some(Ok(())) => return Ok(view),
            Some(Err(error)) => return Err(error),
            None => {}
        }
    }
}

fn ended(view: &MachineView) -> Option<Result<(), ApiError>> {
    match &view.state {
        MachineState::Absent | MachineState::Stopped => Some(Ok(())),
        MachineState::Broken { reason, .. } => Some(Err(reason.clone())),
        _ => None,
    }
}

fn is_up(docker: &DockerState) -> bool {
    matches!(docker, DockerState::Running { .. })
}

fn is_starting(state: &MachineState) -> bool {
    match state {
        MachineState::Preparing { .. } | MachineState::Starting { .. } => true,
        MachineState::Running { docker, .. } => !is_up(docker),
        _ => false,
    }
}

/// The error of a call that found no engine, while the machine is in this state.
fn offer(error: ApiError, state: &MachineState, start: &str) -> ApiError {
    match state {
        state if is_starting(state) => machine_starting(),
        MachineState::Stopping => machine_stopping(),
        MachineState::Stopped => ApiError {
            kind: ErrorKind::NoEngine,
            message: "Slipway's machine is stopped".to_owned(),
            hint: Some(format!("Start it with {start}")),
            detail: Some(with_cause(&error)),
        },
        MachineState::OutOfReach { reason } | MachineState::Broken { reason, .. } => ApiError {
            kind: ErrorKind::NoEngine,
            ..reason.clone()
        },
        MachineState::Unresponsive { .. } => ApiError {
            kind: ErrorKind::NoEngine,
            message: "Slipway's machine is not responding".to_owned(),
            hint: Some(
                "Try again in a moment, or restart it with `slipway machine restart`".to_owned(),
            ),
            detail: Some(with_cause(&error)),
        },
        _ => ApiError {
            hint: Some(format!(
                "Start Slipway's machine with {start}, or start your own engine"
            )),
            ..error
        },
    }
}

/// An error's message and detail, as the detail of another error.
fn with_cause(error: &ApiError) -> String {
    match &error.detail {
        Some(detail) => format!("{}\n{detail}", error.message),
        None => error.message.clone(),
    }
}

/// It was stopped while it was being started.
fn stopped() -> ApiError {
    ApiError {
        kind: ErrorKind::Conflict,
        message: "The machine was stopped while it was being started".to_owned(),
        hint: Some("Start it again".to_owned()),
        detail: None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use slipway_engine::Environment;
    use slipway_machine::Lease;

    use super::*;

    /// A machine with its own directory, which does not exist yet.
    pub(super) fn places(root: &Path) -> MachinePaths {
        MachinePaths {
            data: root.join("data"),
            runtime: root.join("run"),
            docker_config: None,
            image: None,
        }
    }

    #[tokio::test]
    async fn a_machine_whose_owner_cannot_be_asked_is_not_said_to_be_stopped() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let paths = places(directory.path());
        let client = MachineClient::new(paths.clone());
        assert_eq!(now(&client).await.state, MachineState::Absent);
        let lease = Lease::take(&paths).expect("nobody else has it");
        std::fs::create_dir(paths.machine()).expect("writable");
        std::fs::write(paths.data_disk(), "").expect("writable");
        let MachineState::OutOfReach { reason } = now(&client).await.state else {
            panic!("it has an owner");
        };
        assert_eq!(reason.kind, ErrorKind::NotResponding);
        let hint = reason.hint.expect("a remedy");
        assert!(
            hint.contains(&format!("kill {}", std::process::id())),
            "{hint}"
        );
        drop(lease);
        assert_eq!(now(&client).await.state, MachineState::Stopped);
    }

    /// Which error a call without an engine ends with, by the machine's state.
    #[test]
    fn an_error_without_an_engine_says_how_the_machine_is() {
        let phases = Vec::new();
        let reason = ApiError {
            kind: ErrorKind::Other,
            message: "The machine's disk is damaged".to_owned(),
            hint: Some("`slipway machine repair` repairs it".to_owned()),
            detail: None,
        };
        let docker = |docker| MachineState::Running {
            docker,
            phases: phases.clone(),
        };
        let states = [
            MachineState::Absent,
            MachineState::Stopped,
            MachineState::Preparing {
                what: "Checking the guest image".to_owned(),
                bytes_done: None,
                bytes_total: None,
                phases: phases.clone(),
            },
            MachineState::Starting {
                phase: "Booting Linux".to_owned(),
                phases: phases.clone(),
            },
            docker(DockerState::Starting),
            docker(DockerState::Restarting {
                why: "it died".to_owned(),
            }),
            docker(DockerState::Running {
                version: "28.0".to_owned(),
            }),
            MachineState::Unresponsive { since: 0 },
            MachineState::Stopping,
            MachineState::Broken {
                reason,
                repairable: true,
            },
        ];
        let told: Vec<String> = states
            .iter()
            .map(|state| {
                let error = ApiError {
                    kind: ErrorKind::NoEngine,
                    message: "No engine socket at /var/run/docker.sock".to_owned(),
                    hint: None,
                    detail: None,
                };
                let error = offer(error, state, "`slipway machine start`");
                assert_eq!(error.kind, ErrorKind::NoEngine, "{state:?}");
                let hint = error.hint.unwrap_or_default();
                format!("{state:?}\nerror: {}\nhint: {hint}\n", error.message)
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    /// Discovery and the machine must agree on the socket's path.
    #[test]
    fn discovery_looks_where_the_machine_listens() {
        let paths = MachinePaths::of_user().expect("places");
        assert_eq!(
            Environment::from_process().machine_socket(),
            Some(paths.engine_socket())
        );
    }
}
