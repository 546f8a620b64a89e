//! Decodes the bytes of a log into lines, in bounded memory.

use crate::{EngineError, Timestamp};

/// Longer lines are split into pieces of at most this many bytes; all but the last are marked `partial`.
pub const MAX_LINE_BYTES: usize = 256 * 1024;

/// The output that a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogOutput {
    /// Standard output, and everything of a container with a terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The position of a line in a [`LogChunk`], and its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRef {
    /// Offset of its first byte.
    pub start: u32,
    /// Its length in bytes, without line end and timestamp.
    pub len: u32,
    /// The output that it was written to.
    pub output: LogOutput,
    /// Its time, if requested and valid.
    pub timestamp: Option<Timestamp>,
    /// Whether the next line of the same output continues it.
    pub partial: bool,
}

/// Many lines at once, in one buffer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogChunk {
    /// The text of all lines, back to back. Not necessarily UTF-8.
    pub bytes: Vec<u8>,
    /// The lines, in order.
    pub lines: Vec<LineRef>,
}

impl LogChunk {
    fn push(
        &mut self,
        text: &[u8],
        output: LogOutput,
        timestamp: Option<Timestamp>,
        partial: bool,
    ) {
        // Offsets fit into `u32`: a chunk is taken after each read, long before 4 GiB.
        let (Ok(start), Ok(len)) = (u32::try_from(self.bytes.len()), u32::try_from(text.len()))
        else {
            return;
        };
        self.bytes.extend_from_slice(text);
        self.lines.push(LineRef {
            start,
            len,
            output,
            timestamp,
            partial,
        });
    }

    /// The bytes of a line.
    pub fn line(&self, line: &LineRef) -> &[u8] {
        let start = line.start as usize;
        self.bytes
            .get(start..start + line.len as usize)
            .unwrap_or_default()
    }
}

/// Frame header of a log without a terminal: output, three zero bytes, length (big endian).
const HEADER_BYTES: usize = 8;

/// Limit of a timestamp with offset and the following space: `2006-01-02T15:04:05.999999999+00:00 `.
const MAX_TIMESTAMP_BYTES: usize = 36;

/// Decodes a log, however its bytes are split.
///
/// Without a terminal the engine frames the log: each frame is one message of one output, with its own timestamp, and a
/// long line comes as several messages of which only the last ends the line. With a terminal there are no frames. The
/// caller must know which of the two it is: the bytes do not reveal it, and a container could forge them.
///
/// Memory stays below [`MAX_LINE_BYTES`] per output, besides the lines that were not taken yet.
#[derive(Debug)]
pub struct LogDecoder {
    timestamps: bool,
    framing: Framing,
    stdout: Pending,
    stderr: Pending,
    chunk: LogChunk,
}

#[derive(Debug)]
enum Framing {
    /// With a terminal. Whether the next byte begins a message.
    None { fresh: bool },
    /// Collecting a header.
    Header {
        bytes: [u8; HEADER_BYTES],
        len: usize,
    },
    /// Inside a frame, with the number of remaining bytes. Whether the next byte begins a message.
    Body {
        output: LogOutput,
        left: u32,
        fresh: bool,
    },
}

/// The start of an incomplete line.
#[derive(Debug)]
struct Pending {
    output: LogOutput,
    text: Vec<u8>,
    /// Start in `text` of a message whose timestamp was not removed yet.
    unread: Option<usize>,
    /// Time of the message that began the line.
    timestamp: Option<Timestamp>,
    /// Whether pieces of the line were emitted already.
    cut: bool,
}

impl LogDecoder {
    /// A decoder for a container with or without a terminal, whose log was asked for with or
    /// without timestamps.
    pub fn new(tty: bool, timestamps: bool) -> Self {
        Self {
            timestamps,
            framing: if tty {
                Framing::None { fresh: true }
            } else {
                Framing::header()
            },
            stdout: Pending::new(LogOutput::Stdout),
            stderr: Pending::new(LogOutput::Stderr),
            chunk: LogChunk::default(),
        }
    }

    /// Decodes the next bytes. An error means that they are not a log of the expected kind.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), EngineError> {
        while !bytes.is_empty() {
            match &mut self.framing {
                Framing::None { fresh } => {
                    let pending = &mut self.stdout;
                    pending.feed(bytes, fresh, self.timestamps, true, &mut self.chunk);
                    return Ok(());
                }
                Framing::Header { bytes: header, len } => {
                    // Common case: the whole header is here, and often the whole frame.
                    let wanted = HEADER_BYTES - *len;
                    let taken = wanted.min(bytes.len());
                    header[*len..*len + taken].copy_from_slice(&bytes[..taken]);
                    *len += taken;
                    bytes = &bytes[taken..];
                    if *len == HEADER_BYTES {
                        let (output, left) = read_header(*header)?;
                        self.framing = if left == 0 {
                            Framing::header()
                        } else {
                            Framing::Body {
                                output,
                                left,
                                fresh: true,
                            }
                        };
                    }
                }
                Framing::Body {
                    output,
                    left,
                    fresh,
                } => {
                    let available = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                    let taken = available.min(*left);
                    *left -= taken;
                    let (body, rest) = bytes.split_at(taken as usize);
                    bytes = rest;
                    let pending = match output {
                        LogOutput::Stdout => &mut self.stdout,
                        LogOutput::Stderr => &mut self.stderr,
                    };
                    pending.feed(body, fresh, self.timestamps, false, &mut self.chunk);
                    if *left == 0 {
                        pending.read_timestamp();
                        pending.cut_long(false, &mut self.chunk);
                        self.framing = Framing::header();
                    }
                }
            }
        }
        Ok(())
    }

    /// The lines so far; `None` if there are none.
    pub fn take(&mut self) -> Option<LogChunk> {
        if self.chunk.lines.is_empty() {
            return None;
        }
        // The next chunk is probably about as large as this one.
        let next = LogChunk {
            bytes: Vec::with_capacity(self.chunk.bytes.len()),
            lines: Vec::with_capacity(self.chunk.lines.len()),
        };
        Some(std::mem::replace(&mut self.chunk, next))
    }

    /// Ends the log: the remaining text becomes the last lines. Returns an error if the engine stopped in the middle of
    /// a frame; those lines are kept all the same.
    pub fn finish(&mut self) -> Result<(), EngineError> {
        for pending in [&mut self.stdout, &mut self.stderr] {
            pending.read_timestamp();
            pending.cut_long(false, &mut self.chunk);
            if !pending.text.is_empty() {
                pending.emit(&mut self.chunk);
            }
        }
        match self.framing {
            Framing::None { .. } | Framing::Header { len: 0, .. } => Ok(()),
            _ => Err(EngineError::CutOff { what: "the log" }),
        }
    }
}

impl Framing {
    const fn header() -> Self {
        Self::Header {
            bytes: [0; HEADER_BYTES],
            len: 0,
        }
    }
}

fn read_header(header: [u8; HEADER_BYTES]) -> Result<(LogOutput, u32), EngineError> {
    let [output, 0, 0, 0, a, b, c, d] = header else {
        return Err(not_framed());
    };
    let output = match output {
        // 0 is standard input, which some engines use for standard output.
        0 | 1 => LogOutput::Stdout,
        // 3 is an error of the engine itself while it reads the log.
        2 | 3 => LogOutput::Stderr,
        _ => return Err(not_framed()),
    };
    Ok((output, u32::from_be_bytes([a, b, c, d])))
}

fn not_framed() -> EngineError {
    EngineError::Protocol {
        what: "a log without the frames that it should have".to_owned(),
        source: None,
    }
}

impl Pending {
    const fn new(output: LogOutput) -> Self {
        Self {
            output,
            text: Vec::new(),
            unread: None,
            timestamp: None,
            cut: false,
        }
    }

    /// Processes bytes of one or several messages. `fresh` says whether the first byte begins a message, and is updated
    /// for the byte that comes next.
    fn feed(
        &mut self,
        mut bytes: &[u8],
        fresh: &mut bool,
        timestamps: bool,
        terminal: bool,
        chunk: &mut LogChunk,
    ) {
        while !bytes.is_empty() {
            if std::mem::take(fresh) && timestamps {
                // A message that follows another without a line end continues its line.
                self.read_timestamp();
                self.unread = Some(self.text.len());
            }
            let Some(end) = memchr::memchr(b'\n', bytes) else {
                self.append(bytes, terminal, chunk);
                return;
            };
            let mut rest = &bytes[..end];
            if terminal {
                // A terminal writes a carriage return before the line feed.
                if let Some(stripped) = rest.strip_suffix(b"\r") {
                    rest = stripped;
                } else if rest.is_empty() && self.text.last() == Some(&b'\r') {
                    self.text.pop();
                }
            }
            self.complete(rest, timestamps, chunk);
            bytes = &bytes[end + 1..];
            *fresh = true;
        }
    }

    /// Removes the timestamp from the message that is being collected.
    fn read_timestamp(&mut self) {
        let Some(begin) = self.unread.take() else {
            return;
        };
        if let Some((timestamp, len)) = split_timestamp(&self.text[begin..]) {
            self.text.drain(begin..begin + len);
            if begin == 0 && !self.cut {
                self.timestamp = Some(timestamp);
            }
        }
    }

    /// Appends bytes without a line end.
    fn append(&mut self, mut bytes: &[u8], terminal: bool, chunk: &mut LogChunk) {
        while !bytes.is_empty() {
            // Piece by piece, so that a long line never takes more than two pieces of memory.
            let taken = bytes.len().min(MAX_LINE_BYTES);
            self.text.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if let Some(begin) = self.unread {
                if self.text.len() - begin < MAX_TIMESTAMP_BYTES {
                    continue;
                }
                self.read_timestamp();
            }
            self.cut_long(terminal, chunk);
        }
    }

    /// Ends the line with these bytes.
    fn complete(&mut self, rest: &[u8], timestamps: bool, chunk: &mut LogChunk) {
        // Common case: the whole line is here, and is copied once.
        let nothing_before = self.text.is_empty() && !self.cut && self.timestamp.is_none();
        if nothing_before && rest.len() <= MAX_LINE_BYTES {
            let is_message = timestamps && self.unread.take().is_some();
            let (timestamp, text) = match is_message.then(|| split_timestamp(rest)).flatten() {
                Some((timestamp, len)) => (Some(timestamp), &rest[len..]),
                None => (None, rest),
            };
            chunk.push(text, self.output, timestamp, false);
            return;
        }
        self.append(rest, false, chunk);
        self.read_timestamp();
        self.cut_long(false, chunk);
        self.emit(chunk);
    }

    /// Emits pieces of a line that has become too long. A line that just fits stays whole, also if a carriage return
    /// follows, which may turn out to belong to a terminal's line end.
    fn cut_long(&mut self, terminal: bool, chunk: &mut LogChunk) {
        if self.unread.is_some() {
            return;
        }
        let spare = usize::from(terminal && self.text.last() == Some(&b'\r'));
        while self.text.len() > MAX_LINE_BYTES + spare {
            let end = cut_position(&self.text);
            chunk.push(&self.text[..end], self.output, self.timestamp, true);
            self.text.drain(..end);
            self.cut = true;
        }
    }

    fn emit(&mut self, chunk: &mut LogChunk) {
        chunk.push(&self.text, self.output, self.timestamp, false);
        self.text.clear();
        // A line of usual length does not need the large buffer any more.
        self.text.shrink_to(8 * 1024);
        self.unread = None;
        self.timestamp = None;
        self.cut = false;
    }
}

/// Where to split a text that is longer than [`MAX_LINE_BYTES`]: at a character boundary if it is UTF-8.
fn cut_position(text: &[u8]) -> usize {
    let continues = |position: usize| text.get(position).is_some_and(|byte| byte & 0xC0 == 0x80);
    (MAX_LINE_BYTES - 3..=MAX_LINE_BYTES)
        .rev()
        .find(|position| !continues(*position))
        .unwrap_or(MAX_LINE_BYTES)
}

/// The timestamp at the beginning of a message, and its length with the space after it.
fn split_timestamp(message: &[u8]) -> Option<(Timestamp, usize)> {
    let head = &message[..message.len().min(MAX_TIMESTAMP_BYTES)];
    let space = memchr::memchr(b' ', head)?;
    Some((Timestamp::parse(&head[..space])?, space + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Line = (String, LogOutput, Option<i64>, bool);

    fn lines(chunk: &LogChunk) -> Vec<Line> {
        chunk
            .lines
            .iter()
            .map(|line| {
                (
                    String::from_utf8_lossy(chunk.line(line)).into_owned(),
                    line.output,
                    line.timestamp.map(Timestamp::unix_nanos),
                    line.partial,
                )
            })
            .collect()
    }

    /// Decodes `bytes` in pieces of the lengths in `cuts`, over and over.
    fn decode(tty: bool, timestamps: bool, bytes: &[u8], cuts: &[usize]) -> (Vec<Line>, bool) {
        let mut decoder = LogDecoder::new(tty, timestamps);
        let mut found = Vec::new();
        let mut ok = true;
        let mut rest = bytes;
        for cut in cuts.iter().cycle() {
            if rest.is_empty() || !ok {
                break;
            }
            let (piece, after) = rest.split_at((*cut).clamp(1, rest.len()));
            rest = after;
            ok = decoder.push(piece).is_ok();
            found.extend(decoder.take().iter().flat_map(lines));
        }
        ok &= decoder.finish().is_ok();
        found.extend(decoder.take().iter().flat_map(lines));
        (found, ok)
    }

    fn frame(output: u8, text: &str) -> Vec<u8> {
        let mut bytes = vec![output, 0, 0, 0];
        bytes.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
        bytes
    }

    #[track_caller]
    fn check(tty: bool, bytes: &[u8], expected: &[(&str, LogOutput, Option<i64>)]) {
        for cuts in [&[usize::MAX][..], &[1], &[3, 5]] {
            let (found, ok) = decode(tty, true, bytes, cuts);
            assert!(ok);
            let found: Vec<_> = found
                .iter()
                .map(|(text, output, time, partial)| {
                    assert!(!partial);
                    (text.as_str(), *output, *time)
                })
                .collect();
            assert_eq!(found, expected);
        }
    }

    use LogOutput::{Stderr, Stdout};

    const T1: &str = "1970-01-01T00:00:01.000000000Z";
    const T2: &str = "1970-01-01T01:00:02+01:00";

    #[test]
    fn frames() {
        let mut bytes = frame(1, &format!("{T1} hello\n"));
        bytes.extend(frame(2, &format!("{T2} oh\n")));
        bytes.extend(frame(1, &format!("{T1} \n")));
        bytes.extend(frame(1, "no time\n"));
        bytes.extend(frame(1, ""));
        check(
            false,
            &bytes,
            &[
                ("hello", Stdout, Some(1_000_000_000)),
                ("oh", Stderr, Some(2_000_000_000)),
                ("", Stdout, Some(1_000_000_000)),
                ("no time", Stdout, None),
            ],
        );
    }

    #[test]
    fn a_long_line_in_several_messages_is_one_line_without_inner_timestamps() {
        let mut bytes = frame(1, &format!("{T1} long "));
        bytes.extend(frame(2, &format!("{T2} between\n")));
        bytes.extend(frame(1, &format!("{T2} er ")));
        bytes.extend(frame(1, &format!("{T2} longest\n")));
        bytes.extend(frame(1, &format!("{T2} end")));
        check(
            false,
            &bytes,
            &[
                ("between", Stderr, Some(2_000_000_000)),
                ("long er longest", Stdout, Some(1_000_000_000)),
                ("end", Stdout, Some(2_000_000_000)),
            ],
        );
    }

    #[test]
    fn terminals() {
        let bytes = format!("{T1} hello\r\n{T2} \x1b[1mbold\r\r\nbare\n\r\nlast");
        check(
            true,
            bytes.as_bytes(),
            &[
                ("hello", Stdout, Some(1_000_000_000)),
                ("\x1b[1mbold\r", Stdout, Some(2_000_000_000)),
                ("bare", Stdout, None),
                ("", Stdout, None),
                ("last", Stdout, None),
            ],
        );
    }

    #[test]
    fn a_line_that_is_too_long_comes_in_pieces() {
        let text = format!("{}é{}\n", "x".repeat(MAX_LINE_BYTES - 1), "y".repeat(10));
        for cuts in [&[usize::MAX][..], &[7000], &[MAX_LINE_BYTES]] {
            let (found, _) = decode(false, true, &frame(1, &format!("{T1} {text}")), cuts);
            assert_eq!(found.len(), 2);
            assert_eq!(found[0].0.len(), MAX_LINE_BYTES - 1);
            assert!(found[0].3 && !found[1].3);
            assert_eq!(found[1].0, "éyyyyyyyyyy");
            assert_eq!(found[1].2, Some(1_000_000_000));
        }
        let exact = format!("{}\n", "x".repeat(MAX_LINE_BYTES));
        for cuts in [&[usize::MAX][..], &[9999]] {
            let (found, _) = decode(true, false, exact.as_bytes(), cuts);
            assert_eq!(found.len(), 1);
            assert!(!found[0].3);
        }
    }

    #[test]
    fn a_huge_frame_takes_no_memory() {
        let mut decoder = LogDecoder::new(false, true);
        decoder.push(&[1, 0, 0, 0, 255, 255, 255, 255]).unwrap();
        let piece = vec![b'x'; 100_000];
        for _ in 0..200 {
            decoder.push(&piece).unwrap();
            decoder.take();
        }
        assert!(decoder.stdout.text.capacity() <= 4 * MAX_LINE_BYTES);
        assert!(decoder.finish().is_err());
    }

    #[test]
    fn what_has_no_frames_is_an_error() {
        let mut decoder = LogDecoder::new(false, true);
        assert!(decoder.push(b"hello world").is_err());
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => "[a-zé \r\n]{0,12}".prop_map(String::into_bytes),
            2 => Just(format!("{T1} ").into_bytes()),
            1 => Just(T2.as_bytes().to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 0..20),
            1 => (MAX_LINE_BYTES - 40..MAX_LINE_BYTES + 40).prop_map(|len| vec![b'z'; len]),
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    fn framed() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec((0_u8..4, text()), 0..6).prop_map(|frames| {
            let mut bytes = Vec::new();
            for (output, text) in frames {
                bytes.extend([output, 0, 0, 0]);
                bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
                bytes.extend(text);
            }
            bytes
        })
    }

    fn cuts() -> impl Strategy<Value = Vec<usize>> {
        proptest::collection::vec(prop_oneof![1_usize..60, 1_usize..400_000], 1..10)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn any_split_of_frames_gives_the_same_lines(
            bytes in framed(), timestamps: bool, cuts in cuts(),
        ) {
            let whole = decode(false, timestamps, &bytes, &[usize::MAX]);
            prop_assert_eq!(decode(false, timestamps, &bytes, &cuts), whole);
        }

        #[test]
        fn any_split_of_a_terminal_gives_the_same_lines(
            bytes in text(), timestamps: bool, cuts in cuts(),
        ) {
            let whole = decode(true, timestamps, &bytes, &[usize::MAX]);
            prop_assert_eq!(decode(true, timestamps, &bytes, &cuts), whole);
        }

        #[test]
        fn any_bytes_are_survived(
            bytes in proptest::collection::vec(any::<u8>(), 0..300), tty: bool, cuts in cuts(),
        ) {
            decode(tty, true, &bytes, &cuts);
        }

        #[test]
        fn without_timestamps_no_byte_of_a_terminal_is_lost(bytes in text(), cuts in cuts()) {
            let (found, _) = decode(true, false, &bytes, &cuts);
            let pieces: usize = found.iter().filter(|line| !line.3).count();
            let expected = bytes.split(|byte| *byte == b'\n').count()
                - usize::from(bytes.is_empty() || bytes.ends_with(b"\n"));
            prop_assert_eq!(pieces, expected);
        }
    }
}
