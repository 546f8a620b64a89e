//! Progress of a long command on standard error: a line for each step, and a bar for a pull on a terminal.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use slipway_api::operation::{PullPhase, PullProgress};

use crate::moment;
use crate::output::{Output, Tone};
use crate::size;
use crate::text;

const TICK: Duration = Duration::from_millis(100);
/// Steps shorter than this are shown without their duration.
const WORTH_A_NUMBER: Duration = Duration::from_secs(1);

/// The steps of a command.
pub(crate) struct Progress {
    output: Output,
    shown: Shown,
    step: Mutex<Option<Step>>,
}

enum Shown {
    Nothing,
    /// One line for each step, as it begins.
    Lines,
    /// An animated line, and one line for each finished step.
    Bar(ProgressBar),
}

struct Step {
    done: String,
    began: Instant,
    downloaded: u64,
    /// The image that the step pulls, if any.
    image: Option<String>,
}

impl Progress {
    /// Progress on standard error. Not shown with `--json`; shown when piped.
    pub(crate) fn new(output: &Output, quiet: bool) -> Self {
        let shown = if quiet {
            Shown::Nothing
        } else if output.stderr_is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            bar.enable_steady_tick(TICK);
            bar.set_style(spinner(output));
            Shown::Bar(bar)
        } else if output.json_wanted() {
            Shown::Nothing
        } else {
            Shown::Lines
        };
        Self {
            output: output.clone(),
            shown,
            step: Mutex::new(None),
        }
    }

    /// Whether anything is shown.
    pub(crate) fn is_shown(&self) -> bool {
        !matches!(self.shown, Shown::Nothing)
    }

    fn current(&self) -> MutexGuard<'_, Option<Step>> {
        self.step.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a step, which ends the previous one.
    pub(crate) fn step(&self, doing: &str, done: &str) {
        self.complete();
        *self.current() = Some(Step {
            done: done.to_owned(),
            began: Instant::now(),
            downloaded: 0,
            image: None,
        });
        let doing = text::line(doing);
        match &self.shown {
            Shown::Nothing => {}
            Shown::Lines => self.output.complain_raw(&doing),
            Shown::Bar(bar) => {
                bar.set_style(spinner(&self.output));
                bar.set_message(doing.into_owned());
            }
        }
    }

    /// Replaces the final text of the current step.
    pub(crate) fn will_be(&self, done: &str) {
        if let Some(step) = self.current().as_mut() {
            done.clone_into(&mut step.done);
        }
    }

    /// Shows the progress of a pull. The first call begins a step.
    pub(crate) fn pull(&self, at: &PullProgress) {
        let known = |step: &Step| step.image.as_ref() == Some(&at.image);
        if !self.current().as_ref().is_some_and(known) {
            let image = &at.image;
            if at.phase == PullPhase::Loading {
                let doing = format!("Loading {image}, which ships with Slipway");
                self.step(&doing, &format!("Loaded {image}, which ships with Slipway"));
            } else {
                self.step(&format!("Pulling {image}"), &format!("Pulled {image}"));
            }
        }
        if let Some(step) = self.current().as_mut() {
            step.image = Some(at.image.clone());
            step.downloaded = at.bytes_done;
        }
        let Shown::Bar(bar) = &self.shown else { return };
        let image = text::line(&at.image);
        match (at.phase, at.bytes_total) {
            (PullPhase::Downloading, Some(total)) => {
                if bar.length() != Some(total) {
                    bar.set_length(total);
                }
                if bar.position() == 0 {
                    bar.set_style(download(&self.output));
                    bar.reset_eta();
                }
                bar.set_message(format!("Downloading {image}"));
                bar.set_position(at.bytes_done);
            }
            (PullPhase::Extracting, _) => {
                bar.set_style(spinner(&self.output));
                bar.set_message(format!(
                    "Unpacking {image}, {} of {} layers",
                    at.layers_done, at.layers_total
                ));
            }
            (PullPhase::Resolving, _) => {
                bar.set_message(format!("Contacting the registry for {image}"));
            }
            _ => {}
        }
    }

    /// Shows a notice that does not stop the command.
    pub(crate) fn note(&self, message: &str) {
        let label = Tone::Note.paint("note: ", self.output.colors_stderr());
        self.line(&format!("{label}{}", text::line(message)));
    }

    fn line(&self, line: &str) {
        match &self.shown {
            Shown::Nothing => {}
            Shown::Lines => self.output.complain_raw(line),
            Shown::Bar(bar) => bar.suspend(|| self.output.complain_raw(line)),
        }
    }

    fn complete(&self) {
        let Some(step) = self.current().take() else {
            return;
        };
        let Shown::Bar(bar) = &self.shown else { return };
        bar.reset();
        let mark = if self.output.unicode() { "✓" } else { "+" };
        let mark = Tone::Good.paint(mark, self.output.colors_stderr());
        let mut line = format!("{mark} {}", text::line(&step.done));
        let took = step.began.elapsed();
        if step.downloaded > 0 {
            line = format!("{line}, {}", size::bytes(step.downloaded));
        }
        if took >= WORTH_A_NUMBER {
            line = format!("{line}, {}", moment::took(took));
        }
        self.line(&line);
    }

    /// Ends the last step.
    pub(crate) fn finish(&self) {
        self.complete();
        self.abandon();
    }

    /// Shows nothing more; the current step stays unfinished.
    pub(crate) fn abandon(&self) {
        self.current().take();
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn spinner(output: &Output) -> ProgressStyle {
    let ticks = if output.unicode() {
        "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "
    } else {
        "|/-\\ "
    };
    ProgressStyle::with_template("{spinner} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .tick_chars(ticks)
}

fn download(output: &Output) -> ProgressStyle {
    let bar = if output.unicode() { "━━─" } else { "##-" };
    ProgressStyle::with_template("{spinner} {msg} [{bar:24}] {got}, {rate}, {left}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key(
            "got",
            |state: &ProgressState, to: &mut dyn std::fmt::Write| {
                // A failed draw is repeated in a moment.
                let got = size::bytes_of(state.pos(), state.len().unwrap_or_default());
                let _ = write!(to, "{got}");
            },
        )
        .with_key(
            "rate",
            |state: &ProgressState, to: &mut dyn std::fmt::Write| {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a rate is positive and far below 2^64"
                )]
                let rate = state.per_sec() as u64;
                let _ = write!(to, "{}/s", size::bytes(rate));
            },
        )
        .with_key(
            "left",
            |state: &ProgressState, to: &mut dyn std::fmt::Write| {
                let left = state.eta().as_secs();
                let _ = match left {
                    0..60 => write!(to, "{left} s left"),
                    60..5940 => write!(to, "{} min left", left.div_ceil(60)),
                    _ => write!(to, "more than an hour left"),
                };
            },
        )
        .progress_chars(bar)
        .tick_chars(if output.unicode() {
            "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "
        } else {
            "|/-\\ "
        })
}
