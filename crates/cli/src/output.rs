//! Standard output and standard error, and what may be written to them.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::arguments::Global;
use crate::text;

/// The meaning of a piece of text, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tone {
    /// Plain text.
    #[default]
    Plain,
    /// A heading.
    Heading,
    /// Good.
    Good,
    /// A warning.
    Warning,
    /// An error.
    Error,
    /// A hint.
    Hint,
    /// A note.
    Note,
    /// Less important than its surroundings.
    Faint,
}

impl Tone {
    fn style(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Heading => Style::new().bold(),
            Self::Good => color(AnsiColor::Green),
            Self::Warning => color(AnsiColor::Yellow),
            Self::Error => color(AnsiColor::Red).bold(),
            Self::Hint | Self::Note => color(AnsiColor::Cyan),
            Self::Faint => Style::new().dimmed(),
        }
    }

    /// The text in this tone, if there are colours.
    pub(crate) fn paint(self, text: &str, colors: bool) -> String {
        let style = self.style();
        if colors && self != Self::Plain {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// Standard output and standard error.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    json: bool,
    verbose: bool,
    stdout_is_terminal: bool,
    stderr_is_terminal: bool,
    colors: bool,
    unicode: bool,
}

impl Output {
    /// The streams of this process, as configured by the command line.
    pub(crate) fn of_process(global: &Global) -> Self {
        Self::new(global.json, global.verbose > 0, global.no_color)
    }

    /// The streams of a process whose command line is invalid.
    pub(crate) fn of_raw_arguments(arguments: impl Iterator<Item = OsString>) -> Self {
        let (mut json, mut no_color) = (false, false);
        for argument in arguments.take_while(|argument| argument != "--") {
            json |= argument == "--json";
            no_color |= argument == "--no-color";
        }
        Self::new(json, false, no_color)
    }

    fn new(json: bool, verbose: bool, no_color: bool) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            json,
            verbose,
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            colors: !no_color && !dumb && !set("NO_COLOR"),
            unicode: speaks_unicode(),
        }
    }

    /// Whether `--json` was given.
    pub(crate) fn json_wanted(&self) -> bool {
        self.json
    }

    /// Whether `--verbose` was given.
    pub(crate) fn verbose(&self) -> bool {
        self.verbose
    }

    pub(crate) fn stdout_is_terminal(&self) -> bool {
        self.stdout_is_terminal
    }

    pub(crate) fn stderr_is_terminal(&self) -> bool {
        self.stderr_is_terminal
    }

    /// Whether standard output may be coloured.
    pub(crate) fn colors_stdout(&self) -> bool {
        self.colors && self.stdout_is_terminal
    }

    /// Whether standard error may be coloured.
    pub(crate) fn colors_stderr(&self) -> bool {
        self.colors && self.stderr_is_terminal
    }

    /// Whether characters outside of ASCII may be shown.
    pub(crate) fn unicode(&self) -> bool {
        self.unicode
    }

    /// Columns of the terminal on standard output.
    pub(crate) fn width(&self) -> Option<usize> {
        if !self.stdout_is_terminal {
            return None;
        }
        let (width, _) = terminal_size::terminal_size()?;
        Some(width.0.into())
    }

    /// Writes text to standard output and flushes it.
    #[expect(
        clippy::unused_self,
        reason = "everything that is written goes through this handle"
    )]
    pub(crate) fn print(&self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// Writes a line to standard output, without control characters.
    pub(crate) fn print_line(&self, line: &str) -> io::Result<()> {
        self.print(&format!("{}\n", text::line(line)))
    }

    /// Writes a JSON document to standard output: on one line for a program, indented for a person.
    pub(crate) fn print_json<T: Serialize + ?Sized>(&self, document: &T) -> io::Result<()> {
        let mut text = if self.stdout_is_terminal {
            serde_json::to_vec_pretty(document)?
        } else {
            serde_json::to_vec(document)?
        };
        text.push(b'\n');
        let mut stdout = io::stdout().lock();
        stdout.write_all(&text)?;
        stdout.flush()
    }

    /// Writes a line to standard error: a coloured label and text, without control characters.
    pub(crate) fn complain(&self, tone: Tone, label: &str, message: &str) {
        let label = tone.paint(label, self.colors_stderr());
        self.complain_raw(&format!("{label}{}", text::line(message)));
    }

    /// Writes a line to standard error. A failure is ignored, because there is nowhere to report it.
    #[expect(
        clippy::unused_self,
        reason = "everything that is written goes through this handle"
    )]
    pub(crate) fn complain_raw(&self, line: &str) {
        let _ = io::stderr()
            .lock()
            .write_all(format!("{line}\n").as_bytes());
    }
}

/// Whether the locale says that the terminal shows UTF-8.
fn speaks_unicode() -> bool {
    if cfg!(windows) || cfg!(target_os = "macos") {
        return true;
    }
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
}
