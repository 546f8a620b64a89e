//! The network of two, the host and the guest, on which connections to published ports are packets.
//!
//! Drivers that have no such network leave these connections to the link.

use std::net::Ipv4Addr;

/// The host's address. Link-local, so that no network of anyone has it.
pub const HOST: Ipv4Addr = Ipv4Addr::new(169, 254, 76, 1);
/// The guest's address.
pub const GUEST: Ipv4Addr = Ipv4Addr::new(169, 254, 76, 2);
/// How many bits of these addresses are the network's.
pub const PREFIX: u8 = 30;
/// The longest packet, in bytes. Nothing is on the way that would want short ones.
pub const MTU: u16 = 65_520;
