//! Slipway as a user meets it: the binary that ships, in a real window on a virtual display, on a real engine.
//!
//! [`App`] starts it and drives it through `WebDriver`; `tests/window` are the journeys, `src/bin/tour.rs` takes the
//! screenshots of the documents, `src/bin/bench/` measures. [`Desk`] starts it as a desktop does and uses it by hand:
//! `tests/by_hand`. It uses none of Slipway's own crates: what it knows, it knows from the screen and from the `slipway`
//! command.

pub mod accessibility;
mod app;
mod binaries;
pub mod clipboard;
mod desk;
mod display;
pub mod drop_file;
mod hand;
pub mod http;
pub mod process;
mod session_bus;
mod wait;

pub use app::{App, AppOptions, Theme, isolate};
pub use binaries::{blank_window, slipway, slipway_desktop, target_dir};
pub use desk::Desk;
pub use display::Display;
pub use hand::{Area, Hand, Key, Picture, Point, Wheel};
pub use session_bus::SessionBus;
pub use wait::{eventually, eventually_within, wait_for};
