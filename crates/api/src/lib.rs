//! The wire types that `slipway-core` exchanges with the window, the `slipway` command and other callers.
//!
//! Plain data: serde and specta only. There is no behaviour here, no I/O and no conversion; `slipway-core`
//! converts the domain types of `slipway-engine` and `slipway-catalog` into these. Every type serialises and
//! deserialises to the same shape (no skipped fields), so that one TypeScript type describes both directions.
//!
//! Numbers wider than 32 bits (bytes, milliseconds) are declared to TypeScript as `number`: all of them stay
//! far below 2^53.

pub mod app;
pub mod catalog;
pub mod container;
pub mod engine;
pub mod error;
pub mod image;
pub mod log;
pub mod machine;
pub mod operation;
pub mod run;
pub mod stats;

pub use error::{ApiError, ErrorKind};
