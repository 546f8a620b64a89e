//! The use-cases of a command, which connects once, against real engines.

mod container;
mod image;
mod needed_service;
mod run;

use std::collections::HashMap;

use slipway_core::{SettingsFile, Slipway};
use slipway_engine::Environment;

/// The use-cases on the engine at this address, without anybody's configuration.
fn once(host: &str) -> Slipway {
    let mut environment = Environment::from_process();
    environment.variables = HashMap::from([("DOCKER_HOST".to_owned(), host.to_owned())]);
    environment.home = None;
    Slipway::once(
        environment,
        SettingsFile::at("/nonexistent/settings.json".into()),
        None,
    )
}
