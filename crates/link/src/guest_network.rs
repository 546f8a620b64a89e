//! The two-member networks of host and guest that carry connections to published ports and to the engine as packets:
//! one network for each purpose, with the same layout. They are not connected.
//!
//! With a driver that has no such networks, these connections use the link.

use std::net::{Ipv4Addr, SocketAddrV4};

/// The host's address. Link-local, so that it conflicts with no real network.
pub const HOST: Ipv4Addr = Ipv4Addr::new(169, 254, 76, 1);
/// The guest's address.
pub const GUEST: Ipv4Addr = Ipv4Addr::new(169, 254, 76, 2);
/// Prefix length of these addresses.
pub const PREFIX: u8 = 30;
/// MTU. Nothing on the path needs short packets.
pub const MTU: u16 = 65_520;
/// Port of dockerd on the engine's network. Nothing else in the guest is on that network.
pub const ENGINE: SocketAddrV4 = SocketAddrV4::new(GUEST, 2375);
