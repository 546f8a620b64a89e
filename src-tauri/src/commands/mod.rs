//! Typed commands: each turns a call of the window into one of `slipway-core`, and nothing more.

pub(crate) mod catalog;
pub(crate) mod container;
pub(crate) mod engine;
pub(crate) mod image;
pub(crate) mod log;
pub(crate) mod machine;
pub(crate) mod run;
pub(crate) mod window;
