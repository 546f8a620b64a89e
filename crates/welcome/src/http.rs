//! A minimal HTTP server for one page.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// How long a request and its answer may take altogether.
const DEADLINE: Duration = Duration::from_secs(10);
/// Longest head of a request.
const MAX_HEAD: usize = 16 << 10;

const PAGE: &str = include_str!("page.html");

/// Answers one request and closes. Gives the line for the log: method, path and status.
pub(crate) fn answer(mut stream: &TcpStream) -> Option<String> {
    stream.set_write_timeout(Some(DEADLINE)).ok()?;
    let head = head(stream)?;
    let (method, target) = request(&head);
    let (status, body) = match (method, target.split('?').next()) {
        ("GET" | "HEAD", Some("/")) => ("200 OK", PAGE),
        ("GET" | "HEAD", _) => ("404 Not Found", "There is only one page here: /\n"),
        _ => ("405 Method Not Allowed", "This page can only be read\n"),
    };
    let kind = if body == PAGE {
        "text/html"
    } else {
        "text/plain"
    };
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\r\n",
        body.len()
    )
    .into_bytes();
    if method != "HEAD" {
        answer.extend_from_slice(body.as_bytes());
    }
    stream.write_all(&answer).ok()?;
    // Waits until the peer has it all: closing with unread input would reset the connection.
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let _ = stream.take(1 << 20).read_to_end(&mut Vec::new());
    Some(format!(
        "\"{} {}\" {}",
        printable(method),
        printable(target),
        &status[..3]
    ))
}

/// The head of a request up to the empty line; empty if the peer does not send one.
fn head(mut stream: &TcpStream) -> Option<Vec<u8>> {
    let end = Instant::now() + DEADLINE;
    let mut head = Vec::new();
    let mut chunk = [0; 2048];
    while !has_end(&head) {
        let left = end
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())?;
        stream.set_read_timeout(Some(left)).ok()?;
        let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
        head.extend_from_slice(&chunk[..read]);
        if head.len() > MAX_HEAD {
            return None;
        }
    }
    Some(head)
}

fn has_end(head: &[u8]) -> bool {
    head.windows(4).any(|four| four == b"\r\n\r\n") || head.windows(2).any(|two| two == b"\n\n")
}

/// Method and target of the first line.
fn request(head: &[u8]) -> (&str, &str) {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = std::str::from_utf8(line)
        .unwrap_or_default()
        .split_ascii_whitespace();
    (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    )
}

/// A peer's request must not control the terminal that shows the log.
fn printable(word: &str) -> String {
    word.chars()
        .take(200)
        .flat_map(char::escape_debug)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// The response to a request, and its line in the log.
    fn exchange(sent: &[u8]) -> (String, Option<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut peer =
            TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
        peer.write_all(sent).expect("it is taken");
        peer.shutdown(std::net::Shutdown::Write)
            .expect("it is open");
        let (stream, _) = listener.accept().expect("the peer");
        let line = answer(&stream);
        drop(stream);
        let mut got = String::new();
        // A reset is an answer as well.
        let _ = peer.read_to_string(&mut got);
        (got, line)
    }

    #[test]
    fn the_page_is_served() {
        let (got, line) = exchange(b"GET /?a=b HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(got.starts_with("HTTP/1.1 200 OK\r\n"), "{got}");
        assert!(got.ends_with("</html>\n"), "{got}");
        assert_eq!(line.as_deref(), Some("\"GET /?a=b\" 200"));
        let (head, _) = exchange(b"HEAD / HTTP/1.0\n\n");
        assert!(head.ends_with("\r\n\r\n"), "{head}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", PAGE.len())));
    }

    #[test]
    fn all_else_is_refused_in_words() {
        let (got, _) = exchange(b"GET /secret HTTP/1.1\r\n\r\n");
        assert!(got.starts_with("HTTP/1.1 404 "), "{got}");
        let (got, _) = exchange(b"POST / HTTP/1.1\r\n\r\n");
        assert!(got.starts_with("HTTP/1.1 405 "), "{got}");
    }

    #[test]
    fn nonsense_gets_no_answer_or_an_error() {
        assert_eq!(exchange(b"").1, None);
        assert_eq!(exchange(b"GET / HTTP/1.1\r\n").1, None);
        assert_eq!(exchange(&vec![b'a'; MAX_HEAD + 4096]).1, None);
        let (_, line) = exchange(b"\x1b[2J /\x07 HTTP/1.1\r\n\r\n");
        assert_eq!(line.as_deref(), Some("\"\\u{1b}[2J /\\u{7}\" 405"));
    }
}
