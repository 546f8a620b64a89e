//! The guest agent, the first process of the machine: it boots the guest, runs containerd and dockerd, and serves the
//! host's requests.
//!
//! It is `/init` of the initrd and runs for as long as the machine does. It never exits by itself, and no input can
//! make it panic the kernel. Failures are reported to the host over the link, which is opened as soon as its drivers
//! are loaded; earlier failures are on the console. It does not know what containers are, listens on no network, and
//! keeps no state outside the data disk.

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(target_os = "linux")]
mod blank;
#[cfg(target_os = "linux")]
mod boot;
#[cfg(target_os = "linux")]
mod children;
#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
mod data_disk;
#[cfg(target_os = "linux")]
mod dial;
#[cfg(target_os = "linux")]
mod disk;
#[cfg(target_os = "linux")]
mod engine_network;
#[cfg(target_os = "linux")]
mod error;
#[cfg(target_os = "linux")]
mod ext4;
#[cfg(target_os = "linux")]
mod firewall;
#[cfg(target_os = "linux")]
mod log;
#[cfg(target_os = "linux")]
mod machine;
#[cfg(target_os = "linux")]
mod modules;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod news;
#[cfg(target_os = "linux")]
mod port;
#[cfg(target_os = "linux")]
mod power;
#[cfg(target_os = "linux")]
mod power_button;
#[cfg(target_os = "linux")]
mod serve;
#[cfg(target_os = "linux")]
mod service;
#[cfg(target_os = "linux")]
mod shell;
#[cfg(target_os = "linux")]
mod stats;
#[cfg(target_os = "linux")]
mod uplink;
mod watched;

#[cfg(target_os = "linux")]
fn main() {
    boot::run();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("The guest's agent runs on Linux only.");
}
