//! The messages on the stream of a shell.

use crate::MAX_MESSAGE;

const BYTES: u8 = 0;
const RESIZE: u8 = 1;
const END: u8 = 2;
const EXIT: u8 = 3;
const ERROR_BYTES: u8 = 4;

/// What the host sends to a shell, each by [`crate::LinkStream::send_bytes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShellInput {
    /// Input.
    Bytes(Vec<u8>),
    /// The terminal was resized.
    Resize {
        /// Its width.
        columns: u16,
        /// Its height.
        rows: u16,
    },
    /// End of input.
    End,
}

/// What a shell sends to the host, each by [`crate::LinkStream::send_bytes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShellOutput {
    /// Standard output; with a terminal, all output.
    Bytes(Vec<u8>),
    /// Standard error.
    ErrorBytes(Vec<u8>),
    /// The program has ended; nothing follows. A signal is reported as 128 and its number.
    Exit {
        /// Its exit code.
        code: u8,
    },
}

/// Largest message of a shell, in bytes.
const MAX_BYTES: usize = MAX_MESSAGE - 1;

fn tagged(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(1 + bytes.len());
    message.push(tag);
    message.extend_from_slice(&bytes[..bytes.len().min(MAX_BYTES)]);
    message
}

impl ShellInput {
    /// Encodes the message.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => tagged(BYTES, bytes),
            Self::Resize { columns, rows } => {
                let ([a, b], [c, d]) = (columns.to_le_bytes(), rows.to_le_bytes());
                tagged(RESIZE, &[a, b, c, d])
            }
            Self::End => tagged(END, &[]),
        }
    }

    /// Decodes a message; `None` if it is invalid.
    pub fn decode(message: &[u8]) -> Option<Self> {
        match message.split_first()? {
            (&BYTES, bytes) => Some(Self::Bytes(bytes.to_vec())),
            (&RESIZE, &[a, b, c, d]) => Some(Self::Resize {
                columns: u16::from_le_bytes([a, b]),
                rows: u16::from_le_bytes([c, d]),
            }),
            (&END, []) => Some(Self::End),
            _ => None,
        }
    }
}

impl ShellOutput {
    /// Encodes the message.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => tagged(BYTES, bytes),
            Self::ErrorBytes(bytes) => tagged(ERROR_BYTES, bytes),
            Self::Exit { code } => tagged(EXIT, &[*code]),
        }
    }

    /// Decodes a message; `None` if it is invalid.
    pub fn decode(message: &[u8]) -> Option<Self> {
        match message.split_first()? {
            (&BYTES, bytes) => Some(Self::Bytes(bytes.to_vec())),
            (&ERROR_BYTES, bytes) => Some(Self::ErrorBytes(bytes.to_vec())),
            (&EXIT, &[code]) => Some(Self::Exit { code }),
            _ => None,
        }
    }
}
