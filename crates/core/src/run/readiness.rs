//! Tests whether something answers at a published port.
//!
//! A successful connect proves nothing: the engine's proxy accepts connections before the container listens, and then
//! closes them. So a web page has to answer with some bytes, and anything else has to keep the connection open for a
//! moment or send something first.

use std::time::Duration;

use slipway_engine::Port;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const CONNECT: Duration = Duration::from_secs(1);
/// How long a web page may take to answer once connected.
const PAGE: Duration = Duration::from_secs(5);
/// How long a connection has to stay open to count.
const OPEN: Duration = Duration::from_millis(250);

/// Tries once. `web` means that HTTP is expected.
pub(crate) async fn answers(host: &str, port: &Port, web: bool) -> bool {
    let Some(host_port) = port.host_port else {
        return false;
    };
    let host = match port.host_ip {
        Some(ip) if !ip.is_unspecified() => ip.to_string(),
        _ => host.to_owned(),
    };
    let Ok(Ok(mut stream)) = timeout(CONNECT, TcpStream::connect((host.as_str(), host_port))).await
    else {
        return false;
    };
    let mut first = [0_u8; 1];
    if web {
        let request =
            format!("GET / HTTP/1.0\r\nHost: {host}:{host_port}\r\nUser-Agent: Slipway\r\n\r\n");
        if stream.write_all(request.as_bytes()).await.is_err() {
            return false;
        }
        matches!(timeout(PAGE, stream.read(&mut first)).await, Ok(Ok(1)))
    } else {
        match timeout(OPEN, stream.read(&mut first)).await {
            Err(_) => true,
            Ok(Ok(bytes)) => bytes > 0,
            Ok(Err(_)) => false,
        }
    }
}
