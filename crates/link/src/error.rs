//! What can go wrong between host and guest.

use std::io;
use std::time::Duration;

use crate::Refusal;

/// What this crate's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong between host and guest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stream below could not be read or written before the link stood.
    #[error("the link to the machine could not be read or written")]
    Io(#[from] io::Error),
    /// The other side did not finish its part of the handshake.
    #[error("the machine did not answer on its link within {} s", .after.as_secs())]
    HandshakeTimeout {
        /// How long it was waited for.
        after: Duration,
    },
    /// Too much came before the handshake: something else is at the other end.
    #[error("the link carries something that is not Slipway's")]
    NotALink,
    /// The guest knows another secret: it was booted by somebody else.
    #[error("the machine was started by another Slipway and refuses this one")]
    WrongSecret,
    /// The guest speaks another version.
    #[error("the machine's agent speaks version {theirs} of the link, Slipway speaks {ours}")]
    Version {
        /// The version of the guest.
        theirs: u16,
        /// Our version.
        ours: u16,
    },
    /// The guest did not do what was asked.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// The guest took the request and said nothing.
    #[error("the machine did not answer within {} s", .after.as_secs())]
    AnswerTimeout {
        /// How long it was waited for.
        after: Duration,
    },
    /// As many streams of this kind as may be are open.
    #[error("too many connections to the machine are open")]
    NoRoom,
    /// The guest's answer cannot be understood.
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

/// Why a link is no more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// The other side closed it.
    #[error("the machine closed its link")]
    ByPeer,
    /// This side let go of it.
    #[error("the link to the machine is closed")]
    ByUs,
    /// The stream below failed.
    #[error("the link to the machine failed: {message}")]
    Io {
        /// Its kind.
        kind: io::ErrorKind,
        /// The system's words.
        message: String,
    },
    /// The other side broke the rules.
    #[error("the other side of the link broke its rules: {rule}")]
    Violation {
        /// Which rule.
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
