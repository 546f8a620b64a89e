//! The protocol between the host and the machine's guest: one byte stream, on which the host opens any number of
//! streams.
//!
//! ```text
//! host                                            guest
//! HostLink::connect ── Hello{nonce, secret} ────► GuestLink::accept
//!                   ◄── Welcome{nonce, verdict} ─
//! open(Request) ────── Open(stream, request) ───► next() -> (Request, Responder)
//!               ◄───── Answer(reply | refusal) ── responder.accept(reply)
//! LinkStream ◄──────── Data, Credit, Finish ────► LinkStream
//! ```
//!
//! The guest never opens a stream. Each direction of a stream ends by itself ([`tokio::io::AsyncWriteExt::shutdown`])
//! and arrives as an end of file; a stream that is dropped before both ended arrives as a reset, so that a truncated
//! stream is never taken for a complete one. A stream has a window of [`WINDOW`] bytes in each direction, so that a
//! slow reader does not block other streams.
//!
//! Input from the peer is untrusted: every size is limited before anything is allocated, and a protocol violation ends
//! the connection, never the process. The crate knows nothing of virtio, QEMU, Docker or files.

mod error;
mod frame;
#[doc(hidden)]
pub mod fuzz;
mod guest;
pub mod guest_network;
mod handshake;
mod host;
mod message;
mod mux;
mod pump;
mod shell;
mod stream;
mod wire;

pub use error::{Ended, Error, Result};
pub use frame::{MAX_MESSAGE, WINDOW};
pub use guest::{GuestLink, Responder};
pub use handshake::{HANDSHAKE_DEADLINE, MAX_STALE, Secret, VERSION};
pub use host::{HostLink, MAX_DOCKER_STREAMS, MAX_STREAMS, MAX_TCP_STREAMS, MAX_UDP_STREAMS};
pub use message::{
    ANSWER_DEADLINE, DiskState, DockerState, GuestEvent, GuestNews, GuestStats, LogSource, Phase,
    Refusal, RefusalKind, Reply, Request, Service,
};
pub use pump::{Pumped, pump};
pub use shell::{ShellInput, ShellOutput};
pub use stream::LinkStream;
pub use wire::Wire;
