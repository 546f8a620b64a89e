//! `slipway logs`: the log of a container, straight from the engine.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};

use regex::bytes::{Regex, RegexBuilder};
use serde::Serialize;
use slipway_api::ApiError;
use slipway_core::Slipway;
use slipway_engine::{LineRef, LogChunk, LogOptions, LogOutput, Tail, Timestamp};

use crate::arguments::Logs;
use crate::escapes;
use crate::exit::Exit;
use crate::failure::{Failure, invalid};
use crate::log_export;
use crate::moment;
use crate::output::Output;

/// Buffer size: a log is written in few system calls.
pub(crate) const BUFFER_BYTES: usize = 64 * 1024;
/// Limit of the compiled expression's size; no sensible expression needs more.
const MAX_REGEX_BYTES: usize = 4 << 20;

/// `slipway logs C`
pub(crate) async fn logs(what: &Logs, slipway: &Slipway, output: &Output) -> Result<Exit, Failure> {
    let now = Timestamp::now();
    let time = |text: &Option<String>| {
        text.as_deref()
            .map(|text| moment::parse(text, now))
            .transpose()
    };
    let grep = what.grep.as_deref().map(expression).transpose()?;
    let wanted = LogOptions {
        follow: what.follow,
        tail: what.tail.map_or(Tail::All, Tail::Lines),
        since: time(&what.since)?,
        until: time(&what.until)?,
        timestamps: what.timestamps || (output.json_wanted() && what.export.is_none()),
        ..LogOptions::default()
    };
    let id = &what.container;
    if let Some(path) = &what.export {
        return log_export::export(id, &wanted, grep, path, slipway, output).await;
    }
    let stdout = BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
    if output.json_wanted() {
        let mut printer = JsonPrinter {
            to: stdout,
            grep,
            array: !what.follow,
            empty: true,
        };
        read(id, &wanted, slipway, |chunk| printer.chunk(chunk)).await?;
        printer.finish()?;
    } else {
        let mut printer = Printer {
            stdout,
            stderr: io::stderr().lock(),
            grep,
            clean_stdout: output
                .stdout_is_terminal()
                .then_some(output.colors_stdout()),
            clean_stderr: output
                .stderr_is_terminal()
                .then_some(output.colors_stderr()),
            flush: what.follow || output.stdout_is_terminal(),
        };
        read(id, &wanted, slipway, |chunk| printer.chunk(chunk)).await?;
        printer.stdout.flush()?;
    }
    Ok(Exit::Done)
}

/// Reads the log and passes it on, until that fails.
async fn read(
    id: &str,
    wanted: &LogOptions,
    slipway: &Slipway,
    mut each: impl FnMut(&LogChunk) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut failed = None;
    slipway
        .log_follow(id, wanted, |chunk| match each(chunk) {
            Ok(()) => true,
            Err(error) => {
                failed = Some(error);
                false
            }
        })
        .await?;
    failed.map_or(Ok(()), |error| Err(error.into()))
}

fn expression(text: &str) -> Result<Regex, ApiError> {
    RegexBuilder::new(text)
        .size_limit(MAX_REGEX_BYTES)
        .build()
        .map_err(|error| {
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default();
            let reason = reason.strip_prefix("error: ").unwrap_or(reason);
            invalid(
                format!("`{text}` is not a valid regular expression: {reason}"),
                "Put a backslash in front of characters that are meant as they are",
            )
        })
}

/// Whether a line matches. The search ignores colours.
pub(crate) fn matches(grep: Option<&Regex>, line: &[u8]) -> bool {
    grep.is_none_or(|grep| {
        if line.contains(&0x1b) || line.contains(&b'\r') {
            grep.is_match(&escapes::plain(line))
        } else {
            grep.is_match(line)
        }
    })
}

/// Writes lines as text: standard output and standard error of the container go to ours.
struct Printer<Stdout, Stderr> {
    stdout: Stdout,
    stderr: Stderr,
    grep: Option<Regex>,
    /// For a terminal: whether it may be coloured. `None` passes lines through unchanged.
    clean_stdout: Option<bool>,
    clean_stderr: Option<bool>,
    /// Flush after each chunk.
    flush: bool,
}

impl<Stdout: Write, Stderr: Write> Printer<Stdout, Stderr> {
    fn chunk(&mut self, chunk: &LogChunk) -> io::Result<()> {
        for line in &chunk.lines {
            let text = chunk.line(line);
            if !matches(self.grep.as_ref(), text) {
                continue;
            }
            match line.output {
                LogOutput::Stdout => write_line(&mut self.stdout, line, text, self.clean_stdout)?,
                LogOutput::Stderr => {
                    // Both may be the same terminal, so lines must stay in order.
                    self.stdout.flush()?;
                    write_line(&mut self.stderr, line, text, self.clean_stderr)?;
                }
            }
        }
        if self.flush {
            self.stdout.flush()?;
        }
        Ok(())
    }
}

pub(crate) fn write_line(
    to: &mut impl Write,
    line: &LineRef,
    text: &[u8],
    clean: Option<bool>,
) -> io::Result<()> {
    if let Some(at) = line.timestamp {
        write!(to, "{at} ")?;
    }
    let text = match clean {
        _ if escapes::is_plain(text) => Cow::Borrowed(text),
        None => Cow::Borrowed(text),
        Some(true) => Cow::Owned(escapes::colored(text)),
        Some(false) => Cow::Owned(escapes::plain(text)),
    };
    to.write_all(&text)?;
    if line.partial {
        Ok(())
    } else {
        to.write_all(b"\n")
    }
}

/// Writes lines as JSON objects: in one array, or one a line.
struct JsonPrinter<To> {
    to: To,
    grep: Option<Regex>,
    array: bool,
    empty: bool,
}

/// A line of a log, with the same fields as in the window.
#[derive(Serialize)]
struct Line<'a> {
    /// When it was written, RFC 3339 in UTC.
    at: Option<String>,
    /// Whether it came from standard error.
    stderr: bool,
    /// Its text, with escapes. Invalid UTF-8 is replaced.
    text: Cow<'a, str>,
    /// Whether more of the same line follows.
    partial: bool,
}

impl<To: Write> JsonPrinter<To> {
    fn chunk(&mut self, chunk: &LogChunk) -> io::Result<()> {
        for line in &chunk.lines {
            let text = chunk.line(line);
            if !matches(self.grep.as_ref(), text) {
                continue;
            }
            let begin: &[u8] = match (self.array, self.empty) {
                (true, true) => b"[\n",
                (true, false) => b",\n",
                (false, _) => b"",
            };
            self.empty = false;
            self.to.write_all(begin)?;
            let document = Line {
                at: line.timestamp.map(|at| at.to_string()),
                stderr: line.output == LogOutput::Stderr,
                text: String::from_utf8_lossy(text),
                partial: line.partial,
            };
            serde_json::to_writer(&mut self.to, &document)?;
            if !self.array {
                self.to.write_all(b"\n")?;
            }
        }
        if self.array { Ok(()) } else { self.to.flush() }
    }

    fn finish(mut self) -> io::Result<()> {
        let end: &[u8] = match (self.array, self.empty) {
            (true, true) => b"[]\n",
            (true, false) => b"\n]\n",
            (false, _) => b"",
        };
        self.to.write_all(end)?;
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(lines: &[(&str, bool)]) -> LogChunk {
        let mut chunk = LogChunk::default();
        for (text, stderr) in lines {
            chunk.lines.push(LineRef {
                start: u32::try_from(chunk.bytes.len()).expect("small"),
                len: u32::try_from(text.len()).expect("small"),
                output: if *stderr {
                    LogOutput::Stderr
                } else {
                    LogOutput::Stdout
                },
                timestamp: Timestamp::parse(b"2026-05-04T10:00:00.5Z"),
                partial: false,
            });
            chunk.bytes.extend_from_slice(text.as_bytes());
        }
        chunk
    }

    fn printed(
        clean: Option<bool>,
        grep: Option<&str>,
        lines: &[(&str, bool)],
    ) -> (String, String) {
        let mut printer = Printer {
            stdout: Vec::new(),
            stderr: Vec::new(),
            grep: grep.map(|grep| expression(grep).expect("an expression")),
            clean_stdout: clean,
            clean_stderr: clean,
            flush: true,
        };
        let mut chunk = chunk(lines);
        for line in &mut chunk.lines {
            line.timestamp = None;
        }
        printer.chunk(&chunk).expect("memory");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (text(printer.stdout), text(printer.stderr))
    }

    #[test]
    fn outputs_stay_apart_and_only_terminals_are_protected() {
        let lines = [("\x1b[31mred\x1b[2J", false), ("oops", true)];
        let both = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            printed(None, None, &lines),
            both("\x1b[31mred\x1b[2J\n", "oops\n")
        );
        assert_eq!(
            printed(Some(true), None, &lines),
            both("\x1b[31mred\x1b[0m\n", "oops\n")
        );
        assert_eq!(printed(Some(false), None, &lines), both("red\n", "oops\n"));
    }

    #[test]
    fn lines_are_found_through_their_colours() {
        let lines = [
            ("\x1b[1mER\x1b[0mROR", false),
            ("fine", false),
            ("error too", true),
        ];
        let (stdout, stderr) = printed(Some(false), Some("(?i)^error"), &lines);
        assert_eq!(
            (stdout.as_str(), stderr.as_str()),
            ("ERROR\n", "error too\n")
        );
        let error = expression("a(").expect_err("unclosed");
        insta::assert_snapshot!(error.message, @"`a(` is not a valid regular expression: unclosed group");
    }

    #[test]
    fn json_is_one_array_or_one_object_a_line() {
        let told = |array, lines: &[(&str, bool)]| {
            let mut to = Vec::new();
            let mut printer = JsonPrinter {
                to: &mut to,
                grep: None,
                array,
                empty: true,
            };
            for line in lines {
                printer.chunk(&chunk(&[*line])).expect("memory");
            }
            printer.finish().expect("memory");
            String::from_utf8(to).expect("text")
        };
        let lines = [("a\x1b[0m", false), ("b", true)];
        let array: serde_json::Value = serde_json::from_str(&told(true, &lines)).expect("json");
        insta::assert_json_snapshot!(array);
        assert_eq!(told(true, &[]), "[]\n");
        assert_eq!(told(false, &[]), "");
        assert_eq!(told(false, &lines).lines().count(), 2);
    }
}
