//! The guest's end of a link.

use std::future::poll_fn;
use std::sync::Arc;

use crate::handshake::welcome;
use crate::message::Answer;
use crate::mux::{Mux, Side};
use crate::{
    Ended, Error, LinkStream, MAX_MESSAGE, MAX_STREAMS, Refusal, RefusalKind, Reply, Request,
    Result, Secret, Wire,
};

/// The guest's end of a link. Dropping it ends the link and all of its streams.
///
/// [`GuestLink::next`] drives the link: poll it while streams are in use.
pub struct GuestLink {
    mux: Arc<Mux>,
}

impl std::fmt::Debug for GuestLink {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("GuestLink").finish_non_exhaustive()
    }
}

impl GuestLink {
    /// Waits for a host with the right secret; the first host ever sets it.
    ///
    /// An error returns the wire: [`crate::Error::Ended`] means that the host left before the handshake was complete.
    pub async fn accept(
        mut wire: Wire,
        secret: &mut Option<Secret>,
    ) -> Result<Self, (Error, Wire)> {
        if let Err(error) = welcome(&mut wire, secret).await {
            return Err((error, wire));
        }
        Ok(Self {
            // A stream that the host has reset stays open here until its task notices.
            mux: Mux::new(Side::Guest, wire, 2 * MAX_STREAMS),
        })
    }

    /// The next request; `None` when the link has ended. Drives all streams of the link.
    ///
    /// A request that cannot be parsed is refused here and not returned.
    pub async fn next(&self) -> Option<(Request, Responder)> {
        loop {
            let opened = poll_fn(|context| {
                if let std::task::Poll::Ready(ended) = self.mux.poll_drive(context) {
                    return std::task::Poll::Ready(Err(ended));
                }
                self.mux.poll_opened(context)
            })
            .await;
            let (number, request) = opened.ok()?;
            let responder = Responder {
                stream: LinkStream::new(Arc::clone(&self.mux), number, None),
            };
            match serde_json::from_slice(&request) {
                Ok(request) => return Some((request, responder)),
                Err(error) => responder.refuse(
                    RefusalKind::Unknown,
                    format!("the machine's agent does not understand the request: {error}"),
                ),
            }
        }
    }

    /// Why the link has ended.
    pub fn ended(&self) -> Option<Ended> {
        self.mux.ended()
    }

    /// Ends the link and returns the wire for the next one; unparsed bytes are put back.
    pub fn into_wire(self) -> Option<Wire> {
        self.mux.take_wire()
    }
}

impl Drop for GuestLink {
    fn drop(&mut self) {
        drop(self.mux.take_wire());
    }
}

/// The means to answer one request. Dropping it resets the stream.
#[derive(Debug)]
pub struct Responder {
    stream: LinkStream,
}

impl Responder {
    /// Accepts the request and continues with its stream.
    pub fn accept(self, reply: Reply) -> LinkStream {
        self.answer(&Answer::Reply(reply));
        self.stream
    }

    /// Accepts the request and closes its stream.
    pub fn reply(self, reply: Reply) {
        let stream = self.accept(reply);
        // An error means that nobody is listening.
        let _ = stream.finish();
    }

    /// Refuses the request; `message` says why, for people.
    pub fn refuse(self, kind: RefusalKind, message: impl Into<String>) {
        let refusal = Refusal {
            kind,
            message: message.into(),
        };
        self.answer(&Answer::Refusal(refusal.bounded()));
        let _ = self.stream.finish();
    }

    fn answer(&self, answer: &Answer) {
        let bytes = serde_json::to_vec(answer).unwrap_or_default();
        if bytes.len() <= MAX_MESSAGE {
            self.stream.mux().answer(self.stream.number(), &bytes);
        }
    }
}
