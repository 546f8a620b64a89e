//! Keeps the guest's clock in step with the host's: an emulated clock drifts, and every guest clock stops while this
//! computer sleeps.

use std::time::Duration;

use slipway_link::{Reply, Request};

use crate::guest::{Guest, now_ns};

/// Interval between clock updates.
const EVERY: Duration = Duration::from_secs(10);

/// Sends the guest the time for as long as it is polled.
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
