//! The entry point: one handle for all use-cases.

use std::sync::Arc;

use slipway_api::app::AppInfo;
use slipway_api::{ApiError, ErrorKind};
use slipway_engine::Environment;
use tokio::sync::OnceCell;

use crate::configuration_watch::ConfigurationWatch;
use crate::connection::{Connection, Once};
use crate::container_store::ContainerStore;
use crate::log::LogSessions;
use crate::machine;
use crate::machine::follower::MachineFollower;
use crate::machine::log::OpenMachineLog;
use crate::operation::Operations;
use crate::selection::Selected;
use crate::session::Session;
use crate::settings::SettingsFile;
use crate::stats::StatsWatch;

/// The use-cases. A window makes one with [`Slipway::follow`], a command one with [`Slipway::once`].
pub struct Slipway {
    pub(crate) environment: Environment,
    pub(crate) settings: SettingsFile,
    pub(crate) connection: Connection,
    pub(crate) session: Option<Session>,
    pub(crate) configuration: Option<ConfigurationWatch>,
    pub(crate) store: Arc<ContainerStore>,
    pub(crate) operations: Operations,
    pub(crate) logs: LogSessions,
    pub(crate) stats: StatsWatch,
    pub(crate) machine: Option<MachineFollower>,
    pub(crate) machine_log: OpenMachineLog,
}

impl Slipway {
    /// Starts following the engine: finds it, stays connected, keeps the list of containers. Dropping the handle ends
    /// that. Needs a Tokio runtime.
    pub fn follow(environment: Environment, settings: SettingsFile) -> Self {
        let store = Arc::new(ContainerStore::default());
        // Without a path for the machine's socket there is no machine to follow.
        let machine = environment
            .machine_socket()
            .and_then(|_| machine::client().ok())
            .map(MachineFollower::spawn);
        let (session, selected) = Session::spawn(
            environment.clone(),
            settings.clone(),
            Arc::clone(&store),
            machine.as_ref().map(MachineFollower::view),
        );
        let configuration = ConfigurationWatch::spawn(
            environment.clone(),
            settings.clone(),
            session.nudge(),
            selected.clone(),
        );
        Self {
            environment,
            settings,
            connection: Connection::Followed(selected),
            session: Some(session),
            configuration: Some(configuration),
            store,
            operations: Operations::default(),
            logs: LogSessions::default(),
            stats: StatsWatch::default(),
            machine,
            machine_log: OpenMachineLog::default(),
        }
    }

    /// Connects to the engine on first use, once. `engine` is a name or an address that overrides the settings.
    pub fn once(environment: Environment, settings: SettingsFile, engine: Option<String>) -> Self {
        let wanted = engine.or_else(|| settings.load().engine);
        Self {
            connection: Connection::Once(Box::new(Once {
                environment: environment.clone(),
                wanted,
                selected: OnceCell::new(),
            })),
            environment,
            settings,
            session: None,
            configuration: None,
            store: Arc::default(),
            operations: Operations::default(),
            logs: LogSessions::default(),
            stats: StatsWatch::default(),
            machine: None,
            machine_log: OpenMachineLog::default(),
        }
    }

    pub(crate) async fn selected(&self) -> Result<Selected, ApiError> {
        self.connection.selected().await
    }

    /// The use-cases on the engine that is selected now, whichever is chosen later. What takes several calls and must
    /// not go on with another engine is done with it.
    pub(crate) async fn pinned(&self) -> Result<Self, ApiError> {
        let selected = self.selected().await?;
        let mut pinned = Self::once(
            self.environment.clone(),
            self.settings.clone(),
            Some(selected.endpoint.address.to_string()),
        );
        if let Connection::Once(once) = &mut pinned.connection {
            once.selected = OnceCell::new_with(Some(selected));
        }
        Ok(pinned)
    }

    /// Which Slipway this is and where it runs.
    pub fn app_info(&self) -> AppInfo {
        AppInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            repository: Some(env!("CARGO_PKG_REPOSITORY"))
                .filter(|repository| !repository.is_empty())
                .map(str::to_owned),
        }
    }

    /// Allows only web pages to be opened in the browser, so that text from a container or a registry cannot start a
    /// program.
    pub fn openable_url(&self, url: &str) -> Result<String, ApiError> {
        if is_web_page(url) {
            Ok(url.to_owned())
        } else {
            Err(crate::error::invalid(
                "Only web pages can be opened",
                Some("Copy the address instead".to_owned()),
            ))
        }
    }

    /// The error when no browser could be started.
    pub fn open_failed(&self, url: &str, source: &dyn std::error::Error) -> ApiError {
        ApiError {
            kind: ErrorKind::Other,
            message: "No browser could be started".to_owned(),
            hint: Some(format!("Open {url} in a browser yourself")),
            detail: Some(source.to_string()),
        }
    }
}

/// Whether a text is the address of a web page and nothing else.
fn is_web_page(url: &str) -> bool {
    (url.starts_with("http://") || url.starts_with("https://"))
        && !url.chars().any(|c| c.is_control() || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::is_web_page;

    #[test]
    fn only_web_pages_are_opened() {
        for url in ["http://127.0.0.1:8080/", "https://example.org/a?b=c#d"] {
            assert!(is_web_page(url), "{url}");
        }
        for text in [
            "",
            "file:///etc/passwd",
            "/usr/bin/xterm",
            "javascript:alert(1)",
            "ms-msdt:/id",
            "-e xterm",
            " http://127.0.0.1/",
            "http://127.0.0.1/ --new-window",
            "http://127.0.0.1/\n",
            "http://127.0.0.1/\u{7f}",
            "ftp://example.org/",
        ] {
            assert!(!is_web_page(text), "{text:?}");
        }
    }
}
