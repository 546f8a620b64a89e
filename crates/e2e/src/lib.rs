//! End-to-end tests: the shipped binary, in a real window on a virtual display, with a real engine.
//!
//! [`App`] starts it and drives it through `WebDriver`; `tests/window` has the user journeys, `src/bin/tour.rs` takes
//! the screenshots of the documents, `src/bin/bench/` measures. [`Desk`] starts it as a desktop does and uses mouse and
//! keyboard: `tests/by_hand`. This crate uses none of Slipway's own crates: everything it knows comes from the screen
//! and from the `slipway` command.

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
