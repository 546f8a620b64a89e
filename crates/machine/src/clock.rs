//! Keeps the guest's clock with ours: an emulated clock drifts, and none goes on while this computer sleeps.

use std::time::Duration;

use slipway_link::{Reply, Request};

use crate::guest::{Guest, now_ns};

/// How often the time is told.
const EVERY: Duration = Duration::from_secs(10);

/// Tells the guest the time for as long as it is polled.
pub(crate) async fn keep(guest: Guest) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let request = Request::Clock {
            unix_time_ns: now_ns(),
        };
        match guest.ask(&request).await {
            Ok((
                Reply::Clock {
                    offset_ns,
                    stepped: true,
                },
                _,
            )) => tracing::info!(
                offset_ms = offset_ns / 1_000_000,
                "the machine's clock was set"
            ),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "the machine was not told the time"),
        }
    }
}
