//! Which containers a stop of the machine ends, and which of them its next start does not restart.

use std::time::Duration;

use futures_util::StreamExt as _;
use slipway_api::machine::MachineStopEffect;
use slipway_engine::{
    Address, Endpoint, EndpointSource, Engine, EngineError, ListFilter, RestartPolicy,
};

use crate::{Slipway, selection};

/// Timeout for the engine; a stop must not wait for one that does not respond.
const LOOK: Duration = Duration::from_secs(3);

/// Limit of concurrent inspects.
const PARALLEL: usize = 8;

impl Slipway {
    /// The running containers in the machine, and those that its next start leaves stopped. Unknown if its engine does
    /// not respond.
    pub async fn machine_stop_effect(&self) -> MachineStopEffect {
        let mut effect = MachineStopEffect::default();
        let Some(socket) = self.environment.machine_socket() else {
            return effect;
        };
        let endpoint = Endpoint {
            name: selection::MACHINE.to_owned(),
            source: EndpointSource::Machine,
            address: Address::Unix(socket),
        };
        // Report what is known by then.
        if let Ok(Err(error)) = tokio::time::timeout(LOOK, find(&endpoint, &mut effect)).await {
            tracing::debug!(%error, "the machine's containers");
        }
        effect.stays_stopped.sort_unstable();
        effect
    }
}

async fn find(endpoint: &Endpoint, effect: &mut MachineStopEffect) -> Result<(), EngineError> {
    let engine = Engine::connect(endpoint).await?;
    let running = engine.list_containers(&ListFilter::default()).await?;
    effect.running = Some(u32::try_from(running.len()).unwrap_or(u32::MAX));
    let mut details = futures_util::stream::iter(running)
        .map(|container| {
            let engine = engine.clone();
            async move { engine.inspect_container(&container.id).await }
        })
        .buffer_unordered(PARALLEL);
    while let Some(detail) = details.next().await {
        // A container that has ended meanwhile is not ended by the stop.
        let Ok(detail) = detail else { continue };
        // The engine removes the others when they end.
        if detail.restart_policy == RestartPolicy::No && !detail.auto_remove {
            effect.stays_stopped.push(detail.name);
        }
    }
    Ok(())
}
