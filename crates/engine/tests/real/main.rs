//! The engine crate against real engines: a private dockerd, a private Podman, and a proxy that injects faults.

#![allow(clippy::unwrap_used)]

mod containers;
mod events;
mod faults;
mod images;
mod logs;
mod measurements;
mod podman;
mod probes;
mod pulls;
mod secure;
mod stats;
mod support;
mod volumes;
