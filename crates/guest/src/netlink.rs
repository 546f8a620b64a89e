//! The netlink requests about network interfaces that the agent needs.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;

const REQUEST_AND_ACKNOWLEDGE: u16 = 0x1 | 0x4;
const CREATE: u16 = 0x400 | 0x200;
const CREATE_OR_REPLACE: u16 = 0x400 | 0x100;

/// The attribute of an interface's name.
const NAME: u16 = 3;
/// The attribute of an interface's network namespace, as a file descriptor.
const NAMESPACE: u16 = 28;

const INET: u8 = 2;
const UP: u32 = 1;

/// A netlink socket for the network namespace that it was created in.
pub(crate) struct Netlink(OwnedFd);

impl Netlink {
    pub(crate) fn new() -> io::Result<Self> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            // Zero is the routing protocol.
            None,
        )?;
        Ok(Self(socket))
    }

    /// Brings an interface up.
    pub(crate) fn up(&self, interface: u32) -> io::Result<()> {
        self.request(NEW_LINK, 0, &link(interface, UP))
    }

    /// Moves an interface into another network namespace.
    pub(crate) fn move_to(&self, interface: u32, namespace: &impl AsRawFd) -> io::Result<()> {
        let mut body = link(interface, 0);
        attribute(&mut body, NAMESPACE, &namespace.as_raw_fd().to_ne_bytes());
        self.request(NEW_LINK, 0, &body)
    }

    /// Renames an interface, which is down.
    pub(crate) fn rename(&self, interface: u32, name: &str) -> io::Result<()> {
        let mut body = link(interface, 0);
        attribute(&mut body, NAME, name.as_bytes());
        self.request(NEW_LINK, 0, &body)
    }

    /// Adds a second face of `interface`, with its hardware address, to another network namespace. What leaves through
    /// it leaves through `interface`, and what arrives there arrives here.
    pub(crate) fn add_face(
        &self,
        interface: u32,
        name: &str,
        namespace: &impl AsRawFd,
    ) -> io::Result<()> {
        const LOWER: u16 = 5;
        const INFO: u16 = 18;
        const INFO_KIND: u16 = 1;
        const INFO_DATA: u16 = 2;
        const MODE: u16 = 1;
        const FLAGS: u16 = 2;
        const PASSTHRU: u32 = 8;
        // The address is that of `interface`.
        const NOT_PROMISCUOUS: u16 = 1;
        let mut data = Vec::new();
        attribute(&mut data, MODE, &PASSTHRU.to_ne_bytes());
        attribute(&mut data, FLAGS, &NOT_PROMISCUOUS.to_ne_bytes());
        let mut info = Vec::new();
        attribute(&mut info, INFO_KIND, b"macvlan");
        attribute(&mut info, INFO_DATA, &data);
        let mut body = link(0, 0);
        attribute(&mut body, NAME, name.as_bytes());
        attribute(&mut body, LOWER, &interface.to_ne_bytes());
        attribute(&mut body, NAMESPACE, &namespace.as_raw_fd().to_ne_bytes());
        attribute(&mut body, INFO, &info);
        self.request(NEW_LINK, CREATE, &body)
    }

    /// Adds an address to an interface.
    pub(crate) fn add_address(
        &self,
        interface: u32,
        address: Ipv4Addr,
        prefix: u8,
    ) -> io::Result<()> {
        const ADDRESS: u16 = 1;
        const LOCAL: u16 = 2;
        let mut body = vec![INET, prefix, 0, 0];
        body.extend(interface.to_ne_bytes());
        attribute(&mut body, LOCAL, &address.octets());
        attribute(&mut body, ADDRESS, &address.octets());
        self.request(NEW_ADDRESS, CREATE_OR_REPLACE, &body)
    }

    /// Sets the default route to `gateway`.
    pub(crate) fn add_default_route(&self, interface: u32, gateway: Ipv4Addr) -> io::Result<()> {
        const OUT: u16 = 4;
        const GATEWAY: u16 = 5;
        const MAIN: u8 = 254;
        const STATIC: u8 = 4;
        const UNICAST: u8 = 1;
        let mut body = vec![INET, 0, 0, 0, MAIN, STATIC, 0, UNICAST, 0, 0, 0, 0];
        attribute(&mut body, GATEWAY, &gateway.octets());
        attribute(&mut body, OUT, &interface.to_ne_bytes());
        self.request(NEW_ROUTE, CREATE_OR_REPLACE, &body)
    }

    fn request(&self, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
        const HEADER: usize = 16;
        let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
        let mut message = Vec::with_capacity(HEADER + body.len());
        message.extend(length.to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend((REQUEST_AND_ACKNOWLEDGE | flags).to_ne_bytes());
        message.extend([0; 8]);
        message.extend(body);

        send(&self.0, &message, SendFlags::empty())?;
        let mut answer = [0; 1024];
        let (count, _) = recv(&self.0, &mut answer, RecvFlags::empty())?;
        match answer[..count].get(HEADER..HEADER + 4) {
            Some(&[a, b, c, d]) => match i32::from_ne_bytes([a, b, c, d]) {
                0 => Ok(()),
                error => Err(io::Error::from_raw_os_error(-error)),
            },
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// The header of a request about an interface; `flags` are the flags to set.
fn link(interface: u32, flags: u32) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend(interface.to_ne_bytes());
    body.extend(flags.to_ne_bytes());
    body.extend(flags.to_ne_bytes());
    body
}

/// Adds an attribute; values are padded to four bytes.
fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    const HEADER: usize = 4;
    let length = u16::try_from(HEADER + value.len()).unwrap_or(u16::MAX);
    body.extend(length.to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}
