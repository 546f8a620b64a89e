//! Errors of the link between host and guest.

use std::io;
use std::time::Duration;

use crate::Refusal;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the link between host and guest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The underlying stream failed before the link was established.
    #[error("the link to the machine could not be read or written")]
    Io(#[from] io::Error),
    /// The peer did not finish the handshake in time.
    #[error("the machine did not answer on its link within {} s", .after.as_secs())]
    HandshakeTimeout {
        /// The timeout.
        after: Duration,
    },
    /// Too much data came before the handshake: something else is at the other end.
    #[error("the link carries something that is not Slipway's")]
    NotALink,
    /// The guest has another boot secret: another host process booted it.
    #[error("the machine was started by another Slipway and refuses this one")]
    WrongSecret,
    /// The guest speaks another protocol version.
    #[error("the machine's agent speaks version {theirs} of the link, Slipway speaks {ours}")]
    Version {
        /// The version of the guest.
        theirs: u16,
        /// Our version.
        ours: u16,
    },
    /// The guest did not carry out the request.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// The guest did not answer the request in time.
    #[error("the machine did not answer within {} s", .after.as_secs())]
    AnswerTimeout {
        /// The timeout.
        after: Duration,
    },
    /// The limit of concurrent streams of this kind is reached.
    #[error("too many connections to the machine are open")]
    NoRoom,
    /// The guest's answer cannot be parsed.
    #[error("the machine's answer cannot be understood")]
    BadAnswer(#[source] serde_json::Error),
    /// The request does not fit into a frame.
    #[error("the request is {size} bytes long, {} is the most", crate::MAX_MESSAGE)]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// The link ended.
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// Why a link has ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// The peer closed it.
    #[error("the machine closed its link")]
    ByPeer,
    /// This side dropped it.
    #[error("the link to the machine is closed")]
    ByUs,
    /// The underlying stream failed.
    #[error("the link to the machine failed: {message}")]
    Io {
        /// Its kind.
        kind: io::ErrorKind,
        /// The system's words.
        message: String,
    },
    /// The peer violated the protocol.
    #[error("the other side of the link broke its rules: {rule}")]
    Violation {
        /// The violated rule.
        rule: &'static str,
    },
}

impl From<Ended> for io::Error {
    fn from(ended: Ended) -> Self {
        let kind = match &ended {
            Ended::Io { kind, .. } => *kind,
            Ended::ByPeer | Ended::ByUs | Ended::Violation { .. } => {
                io::ErrorKind::ConnectionAborted
            }
        };
        io::Error::new(kind, ended)
    }
}
