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
        match tokio::time::timeout(LOOK, stays_stopped(&endpoint)).await {
            Ok(Ok(names)) => names,
            Ok(Err(error)) => {
                tracing::debug!(%error, "the machine's containers");
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }
}

async fn stays_stopped(endpoint: &Endpoint) -> Result<Vec<String>, EngineError> {
    let engine = Engine::connect(endpoint).await?;
    let running = engine.list_containers(&ListFilter::default()).await?;
    let details = futures_util::stream::iter(running)
        .map(|container| {
            let engine = engine.clone();
            async move { engine.inspect_container(&container.id).await }
        })
        .buffered(PARALLEL);
    Ok(details
        // One that has ended meanwhile is not ended by the stop.
        .filter_map(async |detail| detail.ok())
        .filter(|detail| {
            // The engine removes the others when they end.
            let stays = detail.restart_policy == RestartPolicy::No && !detail.auto_remove;
            std::future::ready(stays)
        })
        .map(|detail| detail.name)
        .collect()
        .await)
}
