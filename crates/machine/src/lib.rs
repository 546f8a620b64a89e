//! Slipway's own Linux machine: boots it, supervises it, and makes its engine and its ports available on this computer.
//!
//! [`Supervisor`] owns the machine and alone starts and stops it; a [`Driver`] knows one kind of virtual machine and
//! nothing else; [`MachineClient`] is everybody else's access, through the control socket of `slipwayd`.
//!
//! What it deliberately does not do: it opens no port beside those that containers publish, trusts nothing that the
//! guest says, never formats or resets a disk (the guest does the first, when a disk is provably blank; nothing does
//! the second), and never makes its Docker context the current one.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod appearance;
mod bounded_log;
mod client;
mod clock;
mod control;
mod data_disk;
mod docker_context;
mod downtime;
mod driver;
mod engine_socket;
mod error;
mod guest;
mod guest_image;
mod guest_network;
mod host;
mod inspections;
mod lease;
mod local_socket;
mod paths;
mod port_binding;
mod port_forward;
mod port_holder;
mod ports;
mod settings;
mod supervisor;
mod udp_forward;
mod udp_peers;

pub use appearance::Appearance;
pub use client::{LogText, MachineClient, MachineWatch, Shell, ShellKeys, ShellScreen};
pub use control::ControlSocket;
pub use data_disk::DiskLock;
pub use downtime::{Downtime, downtimes};
pub use driver::qemu::Qemu;
pub use driver::{Capabilities, Driver, DriverState, GuestPort, VmSpec, VmStream, drivers};
pub use error::MachineError;
pub use guest_image::{GuestImage, guest_arch};
pub use lease::Lease;
pub use paths::MachinePaths;
pub use port_holder::{PortHolder, port_holder};
pub use settings::check_settings;
pub use slipway_link::{ShellInput, ShellOutput};
pub use supervisor::{Drivers, MachineHandle, MachineLog, Supervisor, Watching, at_rest};
