//! Slipway as a user meets it: the binary that ships, in a real window on a virtual display, on a real engine.
//!
//! [`App`] starts it and drives it through `WebDriver`; `tests/` are the journeys, `src/bin/tour.rs` takes the
//! screenshots of the documents, `src/bin/bench/` measures. It uses none of Slipway's own crates: what it knows, it
//! knows from the screen and from the `slipway` command.

mod app;
mod binaries;
mod display;
pub mod http;
pub mod process;
mod wait;

pub use app::{App, AppOptions, Theme, isolate};
pub use binaries::{blank_window, slipway, slipway_desktop, target_dir};
pub use display::Display;
pub use wait::{eventually, eventually_within};
