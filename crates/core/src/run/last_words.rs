//! The last output of a container, which best explains why it ended.

use std::collections::VecDeque;

use futures_util::StreamExt as _;
use slipway_engine::{ContainerDetail, Engine, LogOptions, LogOutput, Tail};

/// Number of log lines that are read. The engine counts lines of both outputs together, and an error message may be
/// followed by many other lines.
const LOOKED_AT: usize = 200;
/// Number of last lines that go into the details.
const SHOWN: usize = 12;
/// Length at which lines are cut.
const MAX_LINE: usize = 2000;

/// The last lines of a log, in the engine's order. That is the order in which it read them, which can differ from the
/// order in which they were written to the two outputs.
#[derive(Debug, Default)]
pub(crate) struct LastWords {
    lines: VecDeque<(LogOutput, String)>,
}

impl LastWords {
    /// Reads the output of an ended container. Empty if the engine does not deliver it.
    pub(crate) async fn of(engine: &Engine, detail: &ContainerDetail) -> Self {
        let options = LogOptions {
            follow: false,
            tail: Tail::Lines(LOOKED_AT as u64),
            since: None,
            until: None,
            timestamps: false,
            stdout: true,
            stderr: true,
            tty: Some(detail.tty),
        };
        let mut last_words = Self::default();
        let Ok(mut stream) = engine.logs(&detail.id, &options).await else {
            return last_words;
        };
        while let Some(Ok(chunk)) = stream.next().await {
            for line in &chunk.lines {
                let text = String::from_utf8_lossy(chunk.line(line));
                last_words.push(line.output, crate::log::plain_text(&text, MAX_LINE));
            }
        }
        last_words
    }

    /// Adds a line. Not every engine heeds the number of lines that it is asked for.
    fn push(&mut self, output: LogOutput, line: String) {
        if self.lines.len() == LOOKED_AT {
            self.lines.pop_front();
        }
        self.lines.push_back((output, line));
    }

    /// The most informative line: the last one on standard error, otherwise the last one at all.
    pub(crate) fn complaint(&self) -> Option<&str> {
        let last = |wanted: Option<LogOutput>| {
            self.lines
                .iter()
                .rev()
                .filter(|(output, _)| wanted.is_none_or(|wanted| wanted == *output))
                .map(|(_, line)| line.trim())
                .find(|line| !line.is_empty())
        };
        last(Some(LogOutput::Stderr)).or_else(|| last(None))
    }

    /// The last lines of both outputs.
    pub(crate) fn text(&self) -> String {
        let from = self.lines.len().saturating_sub(SHOWN);
        let mut text = String::new();
        for (_, line) in self.lines.range(from..) {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[(LogOutput, &str)], complaint: Option<&str>) {
        let lines = lines
            .iter()
            .map(|(output, line)| (*output, (*line).to_owned()))
            .collect();
        assert_eq!(LastWords { lines }.complaint(), complaint);
    }

    #[test]
    fn a_complaint_is_found_wherever_the_engine_put_it() {
        use LogOutput::{Stderr, Stdout};
        check(
            &[(Stdout, "starting"), (Stderr, "no file")],
            Some("no file"),
        );
        check(
            &[(Stderr, "no file"), (Stdout, "starting")],
            Some("no file"),
        );
        check(
            &[(Stderr, "first"), (Stderr, "second "), (Stderr, "  ")],
            Some("second"),
        );
        check(&[(Stdout, "only this"), (Stdout, "")], Some("only this"));
        check(&[(Stderr, " "), (Stdout, "this")], Some("this"));
        check(&[], None);
    }

    #[test]
    fn an_engine_that_sends_more_than_was_asked_for_takes_no_more_memory() {
        let mut last_words = LastWords::default();
        for number in 0..10_000 {
            last_words.push(LogOutput::Stdout, number.to_string());
        }
        assert_eq!(last_words.lines.len(), LOOKED_AT);
        assert_eq!(last_words.complaint(), Some("9999"));
    }

    #[test]
    fn the_details_show_the_last_lines_only() {
        let lines = (0..100)
            .map(|number| (LogOutput::Stdout, number.to_string()))
            .collect();
        let text = LastWords { lines }.text();
        assert_eq!(text.lines().count(), SHOWN);
        assert!(text.starts_with("88\n") && text.ends_with("99\n"), "{text}");
    }
}
