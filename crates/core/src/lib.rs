//! Slipway's use-cases, shared by the window and the `slipway` command.
//!
//! [`Slipway`] is the entry point; its methods are in the file of their noun (`container.rs`, `image.rs`, `run/`,
//! `log/`, …). It converts the domain types of `slipway-engine` and `slipway-catalog` into the wire types of
//! `slipway-api`, and every failure into an [`ApiError`](slipway_api::ApiError) that says what to do next.
//!
//! It knows neither Tauri nor a terminal, starts no engine except that of Slipway's machine on request, and stores
//! nothing about an engine that the engine itself can report.

mod blocking;
mod catalog;
mod configuration_watch;
mod connection;
mod connection_string;
mod container;
mod container_store;
mod docker_run_line;
mod doctor;
mod end_request;
mod engine;
mod error;
mod exit_reason;
mod image;
mod killed;
mod log;
mod machine;
mod operation;
mod run;
mod secret;
mod selection;
mod session;
mod settings;
mod shipped_image;
mod slipway;
mod stats;
mod unused_images;
mod view;
mod web_page;

pub use error::api_error;
pub use exit_reason::is_problem;
pub use machine::held_ports::why_unreachable;
pub use session::{Change, Changes};
pub use settings::{Settings, SettingsFile};
pub use slipway::Slipway;
pub use slipway_machine::{LogText, Shell, ShellInput, ShellKeys, ShellOutput};
