//! Engines: the list, the selected one, and its state.

use slipway_api::app::SettingsView;
use slipway_api::engine::{DiskUsageView, EndpointView, EngineState};
use slipway_api::{ApiError, ErrorKind};
use slipway_engine::Candidate;
use tokio::sync::watch;

use crate::blocking::blocking;
use crate::error::{api_error, machine_stopping};
use crate::session::Changes;
use crate::{Slipway, selection, view};

impl Slipway {
    /// The state of the engine. A command that connects once has no state to follow.
    pub fn engine_state(&self) -> EngineState {
        self.session
            .as_ref()
            .map_or(EngineState::Searching, |session| {
                session.state().borrow().clone()
            })
    }

    /// The state as it changes. `None` for a command.
    pub fn engine_states(&self) -> Option<watch::Receiver<EngineState>> {
        self.session.as_ref().map(crate::session::Session::state)
    }

    /// Changes whenever Docker's configuration or Slipway's settings were written by any program, so that other engines
    /// may exist or another one may be selected. `None` for a command.
    pub fn configuration_changes(&self) -> Option<watch::Receiver<u64>> {
        self.configuration
            .as_ref()
            .map(crate::configuration_watch::ConfigurationWatch::changes)
    }

    /// The settings that the window and the `slipway` command share.
    pub async fn settings_view(&self) -> SettingsView {
        SettingsView {
            engine: self.settings.loaded().await.engine,
        }
    }

    /// Changes of containers, images and volumes. `None` for a command.
    pub fn changes(&self) -> Option<Changes> {
        self.session.as_ref().map(crate::session::Session::changes)
    }

    /// Probes every known endpoint now.
    pub async fn engine_list(&self) -> Vec<EndpointView> {
        let current = self.selected().await.ok();
        selection::list(
            &self.environment,
            current.as_ref().map(|selected| &selected.endpoint),
        )
        .await
    }

    /// Selects an engine, also for later starts. The engine has to answer.
    pub async fn engine_use(&self, name: &str) -> Result<EndpointView, ApiError> {
        let selected = match selection::select(&self.environment, Some(name)).await {
            Ok(selected) => selected,
            Err(error) => return Err(self.unless_stopping(name, error).await),
        };
        self.choose(Some(name.to_owned())).await?;
        self.reselect().await;
        let engine = view::engine(&selected);
        let candidate = Candidate {
            name: selected.endpoint.name.clone(),
            source: selected.endpoint.source.clone(),
            endpoint: Ok(selected.endpoint),
        };
        Ok(EndpointView {
            engine: Some(engine),
            ..view::endpoint(&candidate, None, true)
        })
    }

    /// Explains why a requested engine is not available: the machine may be stopping.
    async fn unless_stopping(&self, name: &str, error: ApiError) -> ApiError {
        let is_machine = name == selection::MACHINE && error.kind == ErrorKind::NoEngine;
        if is_machine && self.machine_is_stopping().await {
            machine_stopping()
        } else {
            error
        }
    }

    /// Clears the selection of [`Self::engine_use`]: Docker's own selection applies again.
    pub async fn engine_use_default(&self) -> Result<(), ApiError> {
        self.choose(None).await?;
        self.reselect().await;
        Ok(())
    }

    async fn reselect(&self) {
        if let Some(configuration) = &self.configuration {
            configuration.choice_is_taken().await;
        }
        if let Some(session) = &self.session {
            session.reselect();
        }
    }

    async fn choose(&self, engine: Option<String>) -> Result<(), ApiError> {
        let file = self.settings.clone();
        blocking(move || file.update(|settings| settings.engine = engine)).await?;
        Ok(())
    }

    /// Looks for the engine now instead of after the current pause.
    pub fn engine_retry(&self) {
        if let Some(session) = &self.session {
            session.retry();
        }
    }

    /// Tells whether the window is visible. While it is not, the engine is not polled.
    pub fn set_watched(&self, watched: bool) {
        if let Some(session) = &self.session {
            session.set_watched(watched);
        }
        if let Some(machine) = &self.machine {
            machine.set_watched(watched);
        }
    }

    /// The engine as it answers now, for a command.
    pub async fn engine_view(&self) -> Result<slipway_api::engine::EngineView, ApiError> {
        Ok(view::engine(&self.selected().await?))
    }

    /// The engine's disk usage. The engine may take long to compute it.
    pub async fn disk_usage(&self) -> Result<DiskUsageView, ApiError> {
        let engine = self.selected().await?.engine;
        let usage = engine
            .disk_usage()
            .await
            .map_err(|error| api_error(&error))?;
        Ok(DiskUsageView {
            images: usage.images,
            containers: usage.containers,
            volumes: usage.volumes,
            build_cache: usage.build_cache,
        })
    }
}
