//! Reads the requests out of a connection's client half, well enough to count engine calls.

use std::fmt;

/// One request, as its request line says: `GET` and `/v1.41/containers/json?all=1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The request target with its query.
    pub path: String,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Follows one connection: heads, bodies with a length or in chunks, and the end of HTTP after an upgrade.
#[derive(Debug, Default)]
pub(crate) struct RequestReader {
    state: State,
    line: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum State {
    #[default]
    Head,
    Body(u64),
    ChunkSize,
    ChunkData(u64),
    Trailer,
    /// The request asked for an upgrade: the response decides what the next bytes are.
    AwaitsUpgrade,
    /// No HTTP any more.
    Raw,
}

/// A head that is longer than this is none.
const HEAD_LIMIT: usize = 64 * 1024;

impl RequestReader {
    /// Takes the next bytes from the client and returns the requests whose heads they complete.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> Vec<Request> {
        let mut requests = Vec::new();
        while let Some((&first, rest)) = bytes.split_first() {
            match self.state {
                State::Raw | State::AwaitsUpgrade => break,
                State::Body(left) | State::ChunkData(left) => {
                    let skipped = left.min(bytes.len() as u64);
                    bytes = &bytes[usize::try_from(skipped).unwrap_or(bytes.len())..];
                    let left = left - skipped;
                    self.state = match self.state {
                        State::Body(_) if left == 0 => State::Head,
                        State::Body(_) => State::Body(left),
                        _ if left == 0 => State::ChunkSize,
                        _ => State::ChunkData(left),
                    };
                }
                State::Head | State::ChunkSize | State::Trailer => {
                    self.line.push(first);
                    bytes = rest;
                    self.end_of_line(&mut requests);
                }
            }
        }
        requests
    }

    /// Takes the start of a response, which ends HTTP on this connection if it grants an upgrade.
    pub(crate) fn response(&mut self, bytes: &[u8]) {
        if self.state == State::AwaitsUpgrade {
            let status = bytes.get(8..12).unwrap_or_default();
            self.state = if matches!(status, b" 101" | b" 200") {
                State::Raw
            } else {
                State::Head
            };
        }
    }

    fn end_of_line(&mut self, requests: &mut Vec<Request>) {
        match self.state {
            State::Head if self.line.ends_with(b"\r\n\r\n") => {
                let head = String::from_utf8_lossy(&self.line).into_owned();
                self.line.clear();
                if let Some(request) = request_line(&head) {
                    requests.push(request);
                }
                self.state = after_head(&head);
            }
            State::Head if self.line.len() > HEAD_LIMIT => self.state = State::Raw,
            State::ChunkSize if self.line.ends_with(b"\n") => {
                let line = String::from_utf8_lossy(&self.line).into_owned();
                let size = line
                    .trim()
                    .split(';')
                    .next()
                    .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
                self.line.clear();
                self.state = match size {
                    // The CRLF after the data is read as part of it.
                    Some(size) if size > 0 => State::ChunkData(size + 2),
                    Some(_) => State::Trailer,
                    None => State::Raw,
                };
            }
            State::Trailer if self.line.ends_with(b"\n") => {
                let last = self.line == b"\r\n" || self.line == b"\n";
                self.line.clear();
                if last {
                    self.state = State::Head;
                }
            }
            _ => {}
        }
    }
}

fn request_line(head: &str) -> Option<Request> {
    let mut words = head.lines().find(|line| !line.is_empty())?.split(' ');
    let (method, path, version) = (words.next()?, words.next()?, words.next()?);
    version.starts_with("HTTP/1.").then(|| Request {
        method: method.to_owned(),
        path: path.to_owned(),
    })
}

fn after_head(head: &str) -> State {
    let field = |name: &str| {
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_ascii_lowercase())
        })
    };
    if field("upgrade").is_some() && field("content-length").is_none_or(|length| length == "0") {
        return State::AwaitsUpgrade;
    }
    if field("transfer-encoding").is_some_and(|coding| coding.ends_with("chunked")) {
        return State::ChunkSize;
    }
    match field("content-length").and_then(|length| length.parse().ok()) {
        Some(length) if length > 0 => State::Body(length),
        _ => State::Head,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The requests are the same however the bytes are cut.
    #[track_caller]
    fn check(input: &str, expected: &[&str]) {
        for size in [1, 2, 7, input.len()] {
            let mut reader = RequestReader::default();
            let pieces = input.as_bytes().chunks(size);
            let seen: Vec<String> = pieces
                .flat_map(|piece| reader.read(piece))
                .map(|it| it.to_string())
                .collect();
            assert_eq!(seen, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn requests_on_one_connection() {
        check(
            "GET /_ping HTTP/1.1\r\nHost: x\r\n\r\nGET /info HTTP/1.1\r\n\r\n",
            &["GET /_ping", "GET /info"],
        );
        check(
            "POST /a HTTP/1.1\r\ncontent-length: 10\r\n\r\nGET / HTTPGET /b HTTP/1.1\r\n\r\n",
            &["POST /a", "GET /b"],
        );
        check(
            "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n1;x=y\r\nb\r\n0\r\nT: 1\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
            &["POST /a", "GET /b"],
        );
        check("nonsense\r\n\r\n", &[]);
    }

    #[test]
    fn upgrade_ends_http_if_it_is_granted() {
        for (status, expected) in [("HTTP/1.1 101 UPGRADED", 0), ("HTTP/1.1 404 Not Found", 1)] {
            let mut reader = RequestReader::default();
            reader.read(
                b"POST /exec/1/start HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
            );
            reader.response(status.as_bytes());
            assert_eq!(
                reader.read(b"GET /b HTTP/1.1\r\n\r\n").len(),
                expected,
                "{status}"
            );
        }
    }
}
