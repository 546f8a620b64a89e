//! Throughput of a link over a local socket, compared with the socket alone. Run by hand: `cargo test --release -p
//! slipway-link --test pace -- --ignored --nocapture`

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use slipway_link::{GuestLink, HostLink, Reply, Request, Secret, Wire, pump};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;

const BULK: usize = 512 << 20;
const ROUNDS: u32 = 20_000;

/// Reads until the end, then answers with as many bytes.
async fn far_end(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut buffer = vec![0; 64 * 1024];
    let mut left = BULK;
    while left > 0 {
        let most = left.min(buffer.len());
        left -= stream.read(&mut buffer[..most]).await.unwrap();
    }
    while let Ok(1) = stream.read(&mut buffer[..1]).await {
        stream.write_all(&buffer[..1]).await.unwrap();
    }
}

async fn near_end(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> (f64, Duration) {
    let block = vec![7; 64 * 1024];
    let started = Instant::now();
    for _ in 0..BULK / block.len() {
        stream.write_all(&block).await.unwrap();
    }
    // The first answer means that everything has arrived.
    let mut byte = [0];
    stream.write_all(&byte).await.unwrap();
    stream.read_exact(&mut byte).await.unwrap();
    #[allow(clippy::cast_precision_loss)]
    let rate = BULK as f64 / started.elapsed().as_secs_f64() / 1e6;
    let started = Instant::now();
    for _ in 0..ROUNDS {
        stream.write_all(&byte).await.unwrap();
        stream.read_exact(&mut byte).await.unwrap();
    }
    (rate, started.elapsed() / ROUNDS)
}

#[tokio::test]
#[ignore = "a measurement"]
async fn pace() {
    let (near, far) = UnixStream::pair().unwrap();
    let far = tokio::spawn(far_end(far));
    let (rate, round) = near_end(near).await;
    far.abort();
    println!("socket alone         {rate:6.0} MB/s  {round:?} a round trip");

    let (ours, theirs) = UnixStream::pair().unwrap();
    tokio::spawn(async move {
        let link = GuestLink::accept(Wire::new(theirs), &mut None)
            .await
            .map_err(|(error, _)| error)
            .unwrap();
        while let Some((_, responder)) = link.next().await {
            let stream = responder.accept(Reply::Connected);
            let (near, far) = UnixStream::pair().unwrap();
            tokio::spawn(far_end(far));
            let (reader, writer) = near.into_split();
            tokio::spawn(pump(stream, reader, writer));
        }
    });
    let link = HostLink::connect(ours, &Secret::new([1; 32]))
        .await
        .unwrap();
    let (_, stream) = link.open(&Request::Docker).await.unwrap();
    let (near, far) = UnixStream::pair().unwrap();
    let (reader, writer) = far.into_split();
    tokio::spawn(pump(stream, reader, writer));
    let (rate, round) = near_end(near).await;
    println!("pumped over the link {rate:6.0} MB/s  {round:?} a round trip");
}
