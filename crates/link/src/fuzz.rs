//! Hostile input as functions of arbitrary bytes: for the fuzz targets in `fuzz/` and for tests that run the same for a
//! limited time.
//!
//! Each panics if the peer can make this side panic, exceed its memory limit, or loop for ever.

use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::frame::{Header, Kind, MAX_MESSAGE};
use crate::handshake::{greet, welcome};
use crate::mux::{Mux, Side};
use crate::{LinkStream, Secret, Wire};

const STREAMS: usize = 16;

/// Delivers bytes in pieces, then the end; discards what is written, some of it late.
struct Script {
    pieces: Arc<Mutex<VecDeque<Vec<u8>>>>,
    writes: usize,
}

impl AsyncRead for Script {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut piece) = pieces.pop_front() else {
            return Poll::Ready(Ok(()));
        };
        if piece.is_empty() {
            return Poll::Pending;
        }
        let count = piece.len().min(into.remaining());
        into.put_slice(&piece[..count]);
        piece.drain(..count);
        if !piece.is_empty() {
            pieces.push_front(piece);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes += 1;
        match self.writes % 5 {
            0 => Poll::Pending,
            1 => Poll::Ready(Ok(bytes.len().min(7))),
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Raw bytes, or nearly valid frames: four bytes choose the header, and the payload gets the length that the header
/// claims.
fn pieces(input: &[u8]) -> VecDeque<Vec<u8>> {
    let Some((mode, rest)) = input.split_first() else {
        return VecDeque::new();
    };
    if mode % 2 == 0 {
        return rest.chunks(1 + usize::from(*mode)).map(Vec::from).collect();
    }
    let mut pieces = VecDeque::new();
    let mut last_opened = 0;
    for bytes in rest.chunks_exact(4) {
        let length = usize::from(u16::from_le_bytes([bytes[2], bytes[3]]));
        let kind = match bytes[0] % 8 {
            0 => Kind::Open,
            1 => Kind::Answer,
            4 => Kind::Credit,
            5 => Kind::Finish,
            6 => Kind::Reset,
            7 => {
                // Nothing arrives for a while.
                pieces.push_back(Vec::new());
                continue;
            }
            _ => Kind::Data,
        };
        let (stream, length) = match kind {
            Kind::Open if bytes[1] % 4 > 0 => {
                last_opened += 1;
                (last_opened, length)
            }
            Kind::Credit => (u32::from(bytes[1]) % 20, 4),
            Kind::Finish | Kind::Reset => (u32::from(bytes[1]) % 20, 0),
            _ => (u32::from(bytes[1]) % 20, length),
        };
        let header = Header {
            stream,
            kind,
            length: length.min(MAX_MESSAGE),
        };
        let mut frame = header.encode().to_vec();
        if kind == Kind::Credit {
            frame.extend([bytes[2], bytes[3], 0, bytes[1]]);
        } else {
            frame.extend(std::iter::repeat_n(bytes[1], header.length));
        }
        pieces.push_back(frame);
    }
    pieces
}

/// Feeds `input` to one end of a link.
pub fn peer(host: bool, input: &[u8]) {
    let waiting = Arc::new(Mutex::new(pieces(input)));
    let script = Script {
        pieces: Arc::clone(&waiting),
        writes: 0,
    };
    let side = if host { Side::Host } else { Side::Guest };
    let mux = Mux::new(side, Wire::new(script), STREAMS);
    let mut context = Context::from_waker(Waker::noop());
    let mut streams: Vec<LinkStream> = Vec::new();
    if host {
        for _ in 0..4 {
            let number = mux.open(b"{}").unwrap_or_default();
            streams.push(LinkStream::new(Arc::clone(&mux), number, None));
        }
    }
    let mut turn = 0;
    loop {
        turn += 1;
        assert!(turn < input.len() + 100, "it goes on for ever");
        let over = mux.poll_drive(&mut context).is_ready();
        while let Poll::Ready(Ok((number, request))) = mux.poll_opened(&mut context) {
            assert!(!host && request.len() <= MAX_MESSAGE);
            streams.push(LinkStream::new(Arc::clone(&mux), number, None));
            mux.answer(number, b"{}");
        }
        mux.check_memory(STREAMS);
        for (at, stream) in streams.iter_mut().enumerate() {
            use_stream(at + turn, stream, &mut context);
        }
        if turn % 7 == 0 && !streams.is_empty() {
            streams.remove(turn % streams.len());
        }
        if over {
            break;
        }
    }
    mux.check_memory(STREAMS);
}

fn use_stream(how: usize, mut stream: &LinkStream, context: &mut Context<'_>) {
    let mut buffer = [0; 100];
    match how % 5 {
        0 => {
            let mut into = ReadBuf::new(&mut buffer);
            let _ = Pin::new(&mut stream).poll_read(context, &mut into);
        }
        1 => {
            let _ = Pin::new(&mut stream).poll_write(context, &buffer);
        }
        2 => {
            let _ = pin!(stream.receive_bytes()).poll(context);
        }
        3 => {
            let _ = stream.mux().poll_answer(stream.number(), context);
        }
        _ if how.is_multiple_of(3) => {
            let _ = stream.finish();
        }
        _ => {}
    }
}

/// Feeds `input` to one end of a handshake.
pub fn handshake(host: bool, input: &[u8]) {
    let pieces = input.chunks(97).map(Vec::from).collect();
    let mut wire = Wire::new(Script {
        pieces: Arc::new(Mutex::new(pieces)),
        writes: 0,
    });
    let mut context = Context::from_waker(Waker::noop());
    let secret = Secret::new([7; 32]);
    // It ends with an error, or waits until it can write.
    if host {
        let mut greeting = pin!(greet(&mut wire, &secret));
        for _ in 0..100 {
            if let Poll::Ready(result) = greeting.as_mut().poll(&mut context) {
                assert!(result.is_err(), "nobody can know the nonce");
                return;
            }
        }
    } else {
        let mut expected = Some(secret);
        let mut welcoming = pin!(welcome(&mut wire, &mut expected));
        for _ in 0..input.len() + 100 {
            if let Poll::Ready(result) = welcoming.as_mut().poll(&mut context) {
                let knows = input.windows(32).any(|bytes| bytes == [7; 32]);
                assert!(result.is_err() || knows, "nobody can know the secret");
                return;
            }
        }
    }
}
