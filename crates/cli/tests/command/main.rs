//! The `slipway` binary against a real engine: what it prints, how it exits, and what it leaves behind.

mod bad_input;
mod ended;
#[cfg(unix)]
mod fake_machine;
mod images;
mod interrupted;
mod journey;
mod needed;
mod no_engine;
mod output;
mod pulls;
mod slipway;
#[cfg(unix)]
mod stopping;
mod welcome;
