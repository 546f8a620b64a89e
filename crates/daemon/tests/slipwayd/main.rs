//! `slipwayd` in real use: started by a client, with a machine that really boots.
//!
//! It takes QEMU, the docker command and a guest image (`cargo xtask guest-image`). Where there is no image this says so and, in
//! CI, fails.
#![cfg(target_os = "linux")]

mod again;
mod bad_input;
mod damaged_disk;
mod engine;
mod isolation;
mod life;
mod other_architecture;
mod own;
mod ports;
mod shell;
