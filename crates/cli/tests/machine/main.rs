//! `slipway machine` with a machine that really boots, and without a network.
//!
//! It takes root, QEMU, the docker command, `slipwayd` and a guest image (`cargo xtask guest-image`). Where there is no image this
//! says so and, in CI, fails.
#![cfg(target_os = "linux")]

#[path = "../command/ended.rs"]
mod ended;
mod life;
mod no_network;
mod own;
mod terminal;
