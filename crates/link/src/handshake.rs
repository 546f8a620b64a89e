//! The handshake, on a stream that may still carry bytes of an earlier link.
//!
//! ```text
//! filler   64 KiB and two headers of zeros: ends whatever frame an earlier host left half-written
//! Hello    "SLIPLINK" | u16 version | 16 bytes nonce | 32 bytes secret
//! Welcome  "SLIPLINK" | u16 version | 16 bytes nonce | u8 verdict (0 welcome, 1 wrong secret, 2 other version)
//! ```
//!
//! Both sides search for the magic. The nonce distinguishes the answer to this hello from stale ones.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::frame::{HEADER, MAX_MESSAGE};
use crate::{Error, Result, Wire};

/// Version of the whole protocol.
pub const VERSION: u16 = 1;
/// Limit of stale bytes that a host skips in search of a handshake. A guest searches for ever.
pub const MAX_STALE: usize = 1024 * 1024;
/// How long a host waits for a running guest. A booting guest needs longer.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

const MAGIC: &[u8; 8] = b"SLIPLINK";
const NONCE: usize = 16;
const HELLO_REST: usize = 2 + NONCE + 32;
const WELCOME_REST: usize = 2 + NONCE + 1;
/// One whole frame and a header: whatever the peer was reading, the zeros reach past it.
const FILLER: usize = MAX_MESSAGE + 2 * HEADER;

const WELCOME: u8 = 0;
const WRONG_SECRET: u8 = 1;
const OTHER_VERSION: u8 = 2;

/// The boot secret, which identifies the host process that booted a guest. The first link after the boot sets it.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Made from random bytes that only this host knows.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Constant-time comparison.
    fn is(&self, other: &[u8; 32]) -> bool {
        let difference = self
            .0
            .iter()
            .zip(other)
            .fold(0, |difference, (ours, theirs)| difference | (ours ^ theirs));
        std::hint::black_box(difference) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// The host's side. Has no timeout of its own.
pub(crate) async fn greet(wire: &mut Wire, secret: &Secret) -> Result<()> {
    let nonce = nonce();
    let mut hello = vec![0; FILLER];
    hello.extend_from_slice(MAGIC);
    hello.extend_from_slice(&VERSION.to_le_bytes());
    hello.extend_from_slice(&nonce);
    hello.extend_from_slice(&secret.0);
    wire.write_all(&hello).await?;
    wire.flush().await?;

    let mut may_skip = MAX_STALE;
    loop {
        find_magic(wire, &mut may_skip).await?;
        let mut welcome = [0; WELCOME_REST];
        wire.read_exact(&mut welcome).await?;
        if welcome[2..2 + NONCE] != nonce {
            // An answer to an earlier host. The magic may begin within the bytes of that answer.
            wire.put_back(&welcome);
            continue;
        }
        let theirs = u16::from_le_bytes([welcome[0], welcome[1]]);
        return match welcome[2 + NONCE] {
            WELCOME if theirs == VERSION => Ok(()),
            WRONG_SECRET => Err(Error::WrongSecret),
            _ => Err(Error::Version {
                theirs,
                ours: VERSION,
            }),
        };
    }
}

/// The guest's side: answers until a host passes. The first host sets the secret.
pub(crate) async fn welcome(wire: &mut Wire, secret: &mut Option<Secret>) -> Result<()> {
    loop {
        // A guest never gives up: whatever is on its port, the next host must be heard.
        let mut may_skip = usize::MAX;
        find_magic(wire, &mut may_skip).await?;
        let mut hello = [0; HELLO_REST];
        wire.read_exact(&mut hello).await?;
        let (version, rest) = hello.split_at(2);
        let (nonce, offered) = rest.split_at(NONCE);
        let offered: [u8; 32] = offered.try_into().unwrap_or_default();
        let verdict = if version != VERSION.to_le_bytes() {
            OTHER_VERSION
        } else if secret.get_or_insert(Secret(offered)).is(&offered) {
            WELCOME
        } else {
            WRONG_SECRET
        };
        let mut answer = Vec::with_capacity(MAGIC.len() + WELCOME_REST);
        answer.extend_from_slice(MAGIC);
        answer.extend_from_slice(&VERSION.to_le_bytes());
        answer.extend_from_slice(nonce);
        answer.push(verdict);
        wire.write_all(&answer).await?;
        wire.flush().await?;
        if verdict == WELCOME {
            return Ok(());
        }
        // The refused hello may have been stale data that contains the magic.
        wire.put_back(&hello);
    }
}

/// Reads up to the end of the magic. All bytes up to there are subtracted from `may_skip`, the magic too: a peer that
/// repeats it must not be read for ever.
async fn find_magic(wire: &mut Wire, may_skip: &mut usize) -> Result<()> {
    let mut held: Vec<u8> = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = wire.read(&mut chunk).await?;
        if count == 0 {
            return Err(Error::Ended(crate::Ended::ByPeer));
        }
        held.extend_from_slice(&chunk[..count]);
        if let Some(at) = held.windows(MAGIC.len()).position(|bytes| bytes == MAGIC) {
            let end = at + MAGIC.len();
            *may_skip = may_skip.checked_sub(end).ok_or(Error::NotALink)?;
            wire.put_back(&held[end..]);
            return Ok(());
        }
        // The magic may have begun at the end of the data.
        let stale = held.len().saturating_sub(MAGIC.len() - 1);
        held.drain(..stale);
        *may_skip = may_skip.checked_sub(stale).ok_or(Error::NotALink)?;
    }
}

/// Unique for each handshake; it need not be unpredictable.
fn nonce() -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    for part in nonce.chunks_mut(8) {
        // Seeded by the system for each process, and counted up for each call.
        part.copy_from_slice(&RandomState::new().hash_one(0).to_le_bytes());
    }
    nonce
}
