//! Journeys through the real window, on a real engine.

mod accessibility;
mod bad_input;
mod closing;
mod desktop;
mod engine_trouble;
mod journey;
mod keyboard;
mod layout;
mod logs;
mod machine;
