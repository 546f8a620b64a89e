//! The networks of two, the host and the guest, on which connections to published ports and to the engine are packets: one for
//! each, alike. They meet nowhere.
//!
//! Drivers that have no such networks leave these connections to the link.

use std::net::{Ipv4Addr, SocketAddrV4};

/// The host's address. Link-local, so that no network of anyone has it.
pub const HOST: Ipv4Addr = Ipv4Addr::new(169, 254, 76, 1);
/// The guest's address.
pub const GUEST: Ipv4Addr = Ipv4Addr::new(169, 254, 76, 2);
/// How many bits of these addresses are the network's.
pub const PREFIX: u8 = 30;
/// The longest packet, in bytes. Nothing is on the way that would want short ones.
pub const MTU: u16 = 65_520;
/// Where dockerd listens on the engine's network. Nothing else of the guest is on it.
pub const ENGINE: SocketAddrV4 = SocketAddrV4::new(GUEST, 2375);
