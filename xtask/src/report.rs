//! The steps of a long run, and their results.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::shell;

/// The numbers of passed and failed checks so far.
#[derive(Default)]
pub(crate) struct Report {
    passed: u64,
    failed: u64,
    skipped: u64,
    failures: Vec<String>,
}

impl Report {
    /// A step that counts as one check. Returns whether it passed.
    pub(crate) fn check(&mut self, name: &str, body: impl FnOnce() -> Result<()>) -> bool {
        let started = begin(name);
        let result = body();
        end(name, started, result.is_ok());
        match result {
            Ok(()) => {
                self.passed += 1;
                true
            }
            Err(error) => {
                println!("error: {error:#}");
                self.failed += 1;
                self.failures.push(name.to_owned());
                false
            }
        }
    }

    /// A step that runs tests and prints how many, in the manner of `cargo test` or Vitest.
    pub(crate) fn tests(&mut self, name: &str, command: &mut Command) -> bool {
        let started = begin(name);
        let (passed, failed, skipped, ok) = match shell::tee(command) {
            Ok((status, text)) => {
                let (passed, failed, skipped) = count(&text);
                (passed, failed, skipped, status.success())
            }
            Err(error) => {
                println!("error: {error:#}");
                (0, 0, 0, false)
            }
        };
        // No test at all, or a crash of the runner, is a failure too.
        let broken = u64::from((!ok && failed == 0) || (ok && passed == 0));
        self.passed += passed;
        self.failed += failed + broken;
        self.skipped += skipped;
        let ok = ok && broken == 0;
        if !ok {
            self.failures.push(name.to_owned());
        }
        end(name, started, ok);
        ok
    }

    /// Prints the closing line. Returns whether everything passed.
    pub(crate) fn close(self) -> bool {
        println!();
        for failure in &self.failures {
            println!("failed: {failure}");
        }
        let skipped = match self.skipped {
            0 => String::new(),
            skipped => format!(", {skipped} skipped"),
        };
        println!("{} passed, {} failed{skipped}", self.passed, self.failed);
        self.failed == 0
    }
}

fn begin(name: &str) -> Instant {
    println!("\n── {name}");
    Instant::now()
}

fn end(name: &str, started: Instant, ok: bool) {
    let verdict = if ok { "ok" } else { "FAILED" };
    println!(
        "── {name}: {verdict}, {:.1} s",
        started.elapsed().as_secs_f32()
    );
}

/// Adds up summary lines: `test result: ok. 3 passed; 0 failed; 1 ignored; …` of cargo, and `Tests  2 failed | 40
/// passed (42)` of Vitest.
fn count(text: &str) -> (u64, u64, u64) {
    let mut sums = (0, 0, 0);
    for line in text.lines() {
        let line = without_colour(line);
        let line = line.trim();
        let summary = line
            .strip_prefix("test result: ")
            .or_else(|| line.strip_prefix("Tests "));
        let Some(summary) = summary else { continue };
        let words: Vec<&str> = summary
            .split([' ', ';', '|', '.'])
            .filter(|word| !word.is_empty())
            .collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u64>() else {
                continue;
            };
            match pair[1] {
                "passed" => sums.0 += number,
                "failed" => sums.1 += number,
                "ignored" | "skipped" | "todo" => sums.2 += number,
                _ => {}
            }
        }
    }
    sums
}

fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut in_escape = false;
    for c in line.chars() {
        match c {
            '\x1b' => in_escape = true,
            'm' if in_escape => in_escape = false,
            _ if in_escape => {}
            _ => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn closing_lines_are_added_up() {
        let text = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.06s\n\
                    test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured\n\
                    \u{1b}[2m      Tests \u{1b}[22m \u{1b}[31m2 failed\u{1b}[39m | \u{1b}[32m40 passed\u{1b}[39m (42)\n";
        assert_eq!(count(text), (45, 3, 1));
    }
}
