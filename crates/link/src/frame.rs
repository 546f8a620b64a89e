//! The frames on the wire: an eight-byte header and up to [`MAX_MESSAGE`] bytes of payload.
//!
//! ```text
//! u32 stream | u8 kind | u24 length of the payload      (little endian)
//! ```

/// Largest request, answer, message or datagram, in bytes.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// Flow-control window: bytes of one direction of a stream that may be in flight or unread.
pub const WINDOW: u32 = 256 * 1024;

pub(crate) const HEADER: usize = 8;
/// Largest payload of a data frame: with its header, it is the largest buffer that Linux' virtio console forwards in
/// one piece.
pub(crate) const MAX_DATA: usize = 32 * 1024 - HEADER;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The host opens a stream; the payload is its request.
    Open = 1,
    /// The guest answers a request: once, and before any data.
    Answer = 2,
    /// Data of a stream.
    Data = 3,
    /// Window update: the reader took bytes, and this many more may be sent (`u32`).
    Credit = 4,
    /// The sender has no more data.
    Finish = 5,
    /// Reset: the sender dropped the stream in both directions.
    Reset = 6,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) stream: u32,
    pub(crate) kind: Kind,
    pub(crate) length: usize,
}

impl Header {
    pub(crate) fn encode(self) -> [u8; HEADER] {
        debug_assert!(self.length <= MAX_MESSAGE);
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(&self.stream.to_le_bytes());
        bytes[4] = self.kind as u8;
        // The length is below 2²⁴, see MAX_MESSAGE.
        bytes[5..].copy_from_slice(&self.length.to_le_bytes()[..3]);
        bytes
    }

    /// `Err` names the rule that the header violates. Arbitrary text and zeros violate one.
    pub(crate) fn decode(bytes: [u8; HEADER]) -> Result<Self, &'static str> {
        let [s0, s1, s2, s3, kind, l0, l1, l2] = bytes;
        let kind = match kind {
            1 => Kind::Open,
            2 => Kind::Answer,
            3 => Kind::Data,
            4 => Kind::Credit,
            5 => Kind::Finish,
            6 => Kind::Reset,
            _ => return Err("a frame is of a known kind"),
        };
        let length = u32::from_le_bytes([l0, l1, l2, 0]) as usize;
        let fits = match kind {
            Kind::Open | Kind::Answer | Kind::Data => length <= MAX_MESSAGE,
            Kind::Credit => length == 4,
            Kind::Finish | Kind::Reset => length == 0,
        };
        if !fits {
            return Err("a frame is as long as its kind allows");
        }
        Ok(Self {
            stream: u32::from_le_bytes([s0, s1, s2, s3]),
            kind,
            length,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_decodes_encodes_to_the_same_bytes(bytes: [u8; HEADER]) {
            if let Ok(header) = Header::decode(bytes) {
                prop_assert_eq!(header.encode(), bytes);
            }
        }
    }

    #[test]
    fn neither_the_magic_nor_zeros_are_a_frame() {
        assert!(Header::decode(*b"SLIPLINK").is_err());
        assert!(Header::decode([0; HEADER]).is_err());
    }
}
