//! Engines: which there are, which is used, how it is.

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
    /// What is true of the engine now. A command that reaches the engine once has no state to tell.
    pub fn engine_state(&self) -> EngineState {
        self.session
            .as_ref()
            .map_or(EngineState::Searching, |session| {
                session.state().borrow().clone()
            })
    }

    /// The same as it changes. `None` for a command.
    pub fn engine_states(&self) -> Option<watch::Receiver<EngineState>> {
        self.session.as_ref().map(crate::session::Session::state)
    }

    /// Changes whenever other engines may be known, or another one chosen: Docker's configuration or Slipway's settings
    /// were written, by whatever program. `None` for a command.
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

    /// Every endpoint that is known, probed now.
    pub async fn engine_list(&self) -> Vec<EndpointView> {
        let current = self.selected().await.ok();
        selection::list(
            &self.environment,
            current.as_ref().map(|selected| &selected.endpoint),
        )
        .await
    }

    /// Uses another engine from now on, also after a restart. It has to answer.
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

    /// Why an engine that was asked for is not to be had: the machine may be on its way to a stop.
    async fn unless_stopping(&self, name: &str, error: ApiError) -> ApiError {
        let is_machine = name == selection::MACHINE && error.kind == ErrorKind::NoEngine;
        if is_machine && self.machine_is_stopping().await {
            machine_stopping()
        } else {
            error
        }
    }

    /// Forgets the choice of [`Self::engine_use`]: Docker's own choice counts again.
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

    /// Says whether anybody sees the window. While nobody does, the engine is left in peace.
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

    /// What the engine keeps on its disk. That may take it long.
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
