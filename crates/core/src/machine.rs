//! Slipway's own machine: how it is, and everything that is done to it.
//!
//! All of it is asked of `slipwayd`, which owns the machine. Looking alone starts nothing: while `slipwayd` does not run,
//! what can be said of the machine is read from its files.

use slipway_api::machine::{
    DockerState, MachineDisk, MachineLogSource, MachineSettings, MachineState, MachineView,
};
use slipway_api::{ApiError, ErrorKind};
use slipway_machine::{LogText, MachineClient, MachineError, MachinePaths, MachineWatch, Shell};
use tokio_util::sync::CancellationToken;

use crate::blocking::blocking;
use crate::connection::Connection;
use crate::error::cancelled;
use crate::{Slipway, selection};

impl Slipway {
    /// Whether the machine's engine would be used if the machine ran and no other engine answered.
    pub async fn machine_helps(&self) -> bool {
        let wanted = match &self.connection {
            Connection::Once(once) => once.wanted.clone(),
            Connection::Followed(_) => self.settings.loaded().await.engine,
        };
        selection::machine_helps(&self.environment, wanted.as_deref()).await
    }

    /// The machine now. Starts nothing.
    pub async fn machine(&self) -> Result<MachineView, ApiError> {
        let client = client()?;
        if client.is_running().await {
            // It may end just now, which leaves the files.
            if let Ok(view) = client.status().await {
                return Ok(view);
            }
        }
        let paths = client.paths().clone();
        Ok(blocking(move || at_rest(&paths)).await)
    }

    /// Starts the machine and waits until its engine answers. `tell` is told of every change; cancelling stops it
    /// again. One that runs already is left as it is.
    pub async fn machine_start(
        &self,
        cancel: &CancellationToken,
        tell: impl Fn(&MachineView) + Send,
    ) -> Result<MachineView, ApiError> {
        let client = client()?;
        let starting = async {
            client.start().await.map_err(|error| error.to_api())?;
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
                MachineState::Broken { reason } => Some(Err(reason.clone())),
                // What was true before the start may be told first.
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
        // What has been begun is taken back; that it could not be is in the state of the machine.
        if let Err(error) = client.stop().await {
            tracing::debug!(%error, "a start that was cancelled");
        }
        Err(cancelled())
    }

    /// Stops the machine and waits until it has. One that does not run is left as it is.
    pub async fn machine_stop(
        &self,
        tell: impl Fn(&MachineView) + Send,
    ) -> Result<MachineView, ApiError> {
        let client = client()?;
        if !client.is_running().await {
            return self.machine().await;
        }
        client.stop().await.map_err(|error| error.to_api())?;
        let mut watch = client.watch().await.map_err(|error| error.to_api())?;
        until(&mut watch, tell, ended).await
    }

    /// Stops the machine, if it runs, and starts it.
    pub async fn machine_restart(
        &self,
        cancel: &CancellationToken,
        tell: impl Fn(&MachineView) + Send + Sync,
    ) -> Result<MachineView, ApiError> {
        self.machine_stop(&tell).await?;
        self.machine_start(cancel, &tell).await
    }

    /// Removes the machine with everything on its disk, and waits until it is gone.
    pub async fn machine_delete(
        &self,
        tell: impl Fn(&MachineView) + Send,
    ) -> Result<MachineView, ApiError> {
        let client = client()?;
        client.delete().await.map_err(|error| error.to_api())?;
        let mut watch = client.watch().await.map_err(|error| error.to_api())?;
        until(&mut watch, tell, |view| match &view.state {
            MachineState::Absent => Some(Ok(())),
            MachineState::Broken { reason } => Some(Err(reason.clone())),
            _ => None,
        })
        .await
    }

    /// Gives space that nothing uses any more back to this computer; how many bytes that was.
    pub async fn machine_reclaim(&self) -> Result<u64, ApiError> {
        let client = client()?;
        client.reclaim().await.map_err(|error| error.to_api())
    }

    /// Chooses settings for the machine. What runs keeps its own until it is restarted.
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

fn client() -> Result<MachineClient, ApiError> {
    MachineClient::of_user().map_err(|error| error.to_api())
}

/// Tells of every change until one of them decides.
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
        MachineState::Broken { reason } => Some(Err(reason.clone())),
        _ => None,
    }
}

fn is_up(docker: &DockerState) -> bool {
    matches!(docker, DockerState::Running { .. })
}

/// Somebody stopped it while it was being started.
fn stopped() -> ApiError {
    ApiError {
        kind: ErrorKind::Conflict,
        message: "The machine was stopped while it was being started".to_owned(),
        hint: Some("Start it again".to_owned()),
        detail: None,
    }
}

/// What the files say of a machine that nobody owns now, and which therefore does not run.
fn at_rest(paths: &MachinePaths) -> MachineView {
    let settings: MachineSettings = std::fs::read(paths.settings())
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let disk = std::fs::metadata(paths.data_disk())
        .ok()
        .map(|metadata| MachineDisk {
            size: metadata.len(),
            used_on_host: allocated(&metadata),
            used_in_guest: None,
            free_on_host: None,
        });
    MachineView {
        state: if disk.is_some() {
            MachineState::Stopped
        } else {
            MachineState::Absent
        },
        driver: settings.driver,
        accelerator: None,
        settings,
        restart_needed: false,
        engine_socket: paths.engine_address(),
        started_at: None,
        disk,
        stats: None,
        ports: Vec::new(),
        warnings: Vec::new(),
    }
}

#[cfg(unix)]
fn allocated(metadata: &std::fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    // In units of 512 bytes, whatever the file system's own are.
    metadata.blocks().saturating_mul(512)
}

#[cfg(not(unix))]
fn allocated(metadata: &std::fs::Metadata) -> u64 {
    metadata.len()
}

#[cfg(test)]
mod tests {
    use slipway_engine::Environment;

    use super::*;

    #[test]
    fn a_machine_at_rest_is_known_by_its_files() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let paths = MachinePaths {
            data: directory.path().join("data"),
            runtime: directory.path().join("run"),
            docker_config: None,
            image: None,
        };
        let none = at_rest(&paths);
        assert_eq!(none.state, MachineState::Absent);
        assert_eq!(none.settings, MachineSettings::default());
        std::fs::create_dir_all(paths.machine()).expect("writable");
        std::fs::write(paths.settings(), "{\"cpus\": 3}").expect("writable");
        let disk = std::fs::File::create(paths.data_disk()).expect("writable");
        disk.set_len(1 << 30).expect("sparse");
        let there = at_rest(&paths);
        assert_eq!(there.state, MachineState::Stopped);
        assert_eq!(there.settings.cpus, 3);
        let disk = there.disk.expect("there is one");
        assert_eq!(disk.size, 1 << 30);
        assert!(disk.used_on_host < 1 << 20, "{disk:?}");
    }

    /// Discovery and the machine have to mean the same socket.
    #[test]
    fn discovery_looks_where_the_machine_listens() {
        let paths = MachinePaths::of_user().expect("places");
        assert_eq!(
            Environment::from_process().machine_socket(),
            Some(paths.engine_socket())
        );
    }
}
