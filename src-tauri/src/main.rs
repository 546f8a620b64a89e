//! Slipway's window.
mod bindings;
mod commands;
mod events;
use std::sync::Arc;
pub(crate) type Core<'a> = tauri::State<'a, Arc<slipway_core::Slipway>>;
fn main() {
    let _ = bindings::builder();
}
