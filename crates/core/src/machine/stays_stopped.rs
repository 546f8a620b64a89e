//! What a stop of the machine ends for good.

use std::time::Duration;

use futures_util::StreamExt as _;
use slipway_engine::{
    Address, Endpoint, EndpointSource, Engine, EngineError, ListFilter, RestartPolicy,
};

use crate::{Slipway, selection};

/// A stop is not kept waiting for an engine that is in no mood to answer.
const LOOK: Duration = Duration::from_secs(3);

/// Containers are looked at this many at a time.
const PARALLEL: usize = 8;

impl Slipway {
    /// Names of the containers in the machine that run now and that no start of the machine starts again, because they have
    /// no restart policy. Empty where its engine does not answer.
    pub async fn machine_stays_stopped(&self) -> Vec<String> {
        let Some(socket) = self.environment.machine_socket() else {
            return Vec::new();
        };
        let endpoint = Endpoint {
            name: selection::MACHINE.to_owned(),
            source: EndpointSource::Machine,
            address: Address::Unix(socket),
        };
        let mut names = Vec::new();
        // What is known by then is told.
        if let Ok(Err(error)) =
            tokio::time::timeout(LOOK, stays_stopped(&endpoint, &mut names)).await
        {
            tracing::debug!(%error, "the machine's containers");
        }
        names.sort_unstable();
        names
    }
}

async fn stays_stopped(endpoint: &Endpoint, names: &mut Vec<String>) -> Result<(), EngineError> {
    let engine = Engine::connect(endpoint).await?;
    let running = engine.list_containers(&ListFilter::default()).await?;
    let mut details = futures_util::stream::iter(running)
        .map(|container| {
            let engine = engine.clone();
            async move { engine.inspect_container(&container.id).await }
        })
        .buffer_unordered(PARALLEL);
    while let Some(detail) = details.next().await {
        // One that has ended meanwhile is not ended by the stop.
        let Ok(detail) = detail else { continue };
        // The engine removes the others when they end.
        if detail.restart_policy == RestartPolicy::No && !detail.auto_remove {
            names.push(detail.name);
        }
    }
    Ok(())
}
