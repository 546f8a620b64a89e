//! Typed commands: each converts a call of the window into one of `slipway-core`, and does nothing more.

pub(crate) mod catalog;
pub(crate) mod container;
pub(crate) mod engine;
pub(crate) mod image;
pub(crate) mod log;
pub(crate) mod machine;
pub(crate) mod run;
pub(crate) mod window;
