//! What goes over the stream of a shell.

use crate::MAX_MESSAGE;

const BYTES: u8 = 0;
const RESIZE: u8 = 1;
const END: u8 = 2;
const EXIT: u8 = 3;
const ERROR_BYTES: u8 = 4;

/// What the host sends to a shell, each by [`crate::LinkStream::send_bytes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShellInput {
    /// Typed.
    Bytes(Vec<u8>),
    /// The terminal has another size.
    Resize {
        /// Its width.
        columns: u16,
        /// Its height.
        rows: u16,
    },
    /// Nothing more will be typed.
    End,
}

/// What a shell sends to the host, each by [`crate::LinkStream::send_bytes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShellOutput {
    /// Printed; with a terminal, everything is.
    Bytes(Vec<u8>),
    /// Printed to the error output.
    ErrorBytes(Vec<u8>),
    /// It ended; nothing follows. A signal is 128 and its number.
    Exit {
        /// Its exit code.
        code: u8,
    },
}

/// The most bytes in one message of a shell.
const MAX_BYTES: usize = MAX_MESSAGE - 1;

fn tagged(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(1 + bytes.len());
    message.push(tag);
    message.extend_from_slice(&bytes[..bytes.len().min(MAX_BYTES)]);
    message
}

impl ShellInput {
    /// To be sent.
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

    /// What was sent; `None` if it cannot be understood.
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
    /// To be sent.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => tagged(BYTES, bytes),
            Self::ErrorBytes(bytes) => tagged(ERROR_BYTES, bytes),
            Self::Exit { code } => tagged(EXIT, &[*code]),
        }
    }

    /// What was sent; `None` if it cannot be understood.
    pub fn decode(message: &[u8]) -> Option<Self> {
        match message.split_first()? {
            (&BYTES, bytes) => Some(Self::Bytes(bytes.to_vec())),
            (&ERROR_BYTES, bytes) => Some(Self::ErrorBytes(bytes.to_vec())),
            (&EXIT, &[code]) => Some(Self::Exit { code }),
            _ => None,
        }
    }
}
