//! Reports why a command ended early: `error: …` and `hint: …` on standard error, and with `--json` the same as a
//! document.

use std::fmt::Display;
use std::io;

use clap::CommandFactory as _;
use clap::error::ContextKind;
use serde::Serialize;
use slipway_api::run::RunFailure;
use slipway_api::{ApiError, ErrorKind};

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::output::{Output, Tone};

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error, or a cancellation.
    Api(Box<ApiError>),
    /// A run failed or was cancelled, and was undone.
    Run(Box<RunFailure>),
    /// A file of the user's cannot be written. Not an engine error, whatever its kind says.
    File(Box<ApiError>),
    /// The reader of our output has closed the pipe.
    OutputClosed,
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Api(Box::new(error))
    }
}

impl From<RunFailure> for Failure {
    fn from(failure: RunFailure) -> Self {
        Self::Run(Box::new(failure))
    }
}

/// A failure to write to standard output or standard error.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            other("The output cannot be written", &error)
        }
    }
}

impl Failure {
    /// Reports it, and returns the exit code.
    pub(crate) fn report(&self, output: &Output) -> Exit {
        match self {
            Self::Api(error) => {
                report(output, error);
                Exit::of(error.kind)
            }
            Self::Run(failure) => {
                let run = Some((failure.undone.as_slice(), failure.field.as_deref()));
                tell(output, &failure.error, run);
                Exit::of(failure.error.kind)
            }
            Self::File(error) => {
                report(output, error);
                Exit::Failed
            }
            Self::OutputClosed => Exit::Done,
        }
    }
}

/// The document that `--json` writes to standard error.
#[derive(Serialize)]
struct Document<'a> {
    error: &'a ApiError,
    /// Only for a run: what was undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    undone: Option<&'a [String]>,
    /// Only for a run: the field of its plan that the error is about, such as `cpus` or `ports.0.host_port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

/// Reports an error: what happened, what to try.
pub(crate) fn report(output: &Output, error: &ApiError) {
    tell(output, error, None);
}

/// Reports an error; for a run also what was undone, and the field that it is about.
fn tell(output: &Output, error: &ApiError, run: Option<(&[String], Option<&str>)>) {
    let (undone, field) = (
        run.map(|(undone, _)| undone),
        run.and_then(|(_, field)| field),
    );
    let error = &with_hint(error);
    if error.kind == ErrorKind::Cancelled {
        output.complain(Tone::Plain, "", &error.message);
    } else {
        output.complain(Tone::Error, "error: ", &error.message);
    }
    for note in undone.unwrap_or_default() {
        output.complain(Tone::Note, "note: ", note);
    }
    if let Some(hint) = &error.hint {
        output.complain(Tone::Hint, "hint: ", hint);
    }
    if output.verbose()
        && let Some(detail) = &error.detail
    {
        for line in detail.lines() {
            output.complain(Tone::Faint, "  ", line);
        }
    }
    if output.json_wanted() {
        let document = Document {
            error,
            undone,
            field,
        };
        if let Ok(text) = serde_json::to_string(&document) {
            output.complain_raw(&text);
        }
    }
}

/// The error with a hint at a command that shows more.
fn with_hint(error: &ApiError) -> ApiError {
    let mut error = error.clone();
    if error.kind == ErrorKind::NotFound && error.hint.is_none() {
        let message = error.message.to_lowercase();
        let list = [("image", "images"), ("container", "ps -a")]
            .iter()
            .find(|(noun, _)| message.contains(noun));
        error.hint = list.map(|(_, list)| format!("`slipway {list}` lists them"));
    }
    error
}

/// An invalid command line.
pub(crate) fn invalid(message: impl Into<String>, hint: impl Into<String>) -> ApiError {
    ApiError {
        kind: ErrorKind::InvalidInput,
        message: message.into(),
        hint: Some(hint.into()),
        detail: None,
    }
}

/// A failure of this computer, not of an engine.
pub(crate) fn other(message: &str, source: &dyn Display) -> Failure {
    ApiError {
        kind: ErrorKind::Other,
        message: format!("{message}: {source}"),
        hint: None,
        detail: None,
    }
    .into()
}

/// Reports an error of the command-line parser in the same form as other errors, and returns the exit code. Also
/// handles `--help` and `--version`.
pub(crate) fn usage(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        // If help cannot be printed, nothing useful is left to do.
        let _ = error.print();
        return Exit::Done;
    }
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return Exit::Usage;
    }
    let output = Output::of_raw_arguments(std::env::args_os().skip(1));
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let (shown, usage) = readable(error, &arguments);
    report(&output, &shown);
    if let Some(usage) = usage.filter(|_| !output.json_wanted()) {
        output.complain_raw(&usage);
    }
    Exit::Usage
}

/// The parser's text as message, hint and usage line.
fn readable(error: &clap::Error, arguments: &[String]) -> (ApiError, Option<String>) {
    let mut message = Vec::new();
    let mut hint = None;
    let mut usage = None;
    let text = error.render().to_string();
    for line in text.lines() {
        let line = line.trim();
        if let Some(tip) = line.strip_prefix("tip: ") {
            hint.get_or_insert_with(|| tip.to_owned());
        } else if line.starts_with("Usage: ") {
            usage = Some(line.to_owned());
        } else if !line.is_empty() && !line.starts_with("For more information") {
            message.push(line.strip_prefix("error: ").unwrap_or(line));
        }
    }
    let commands = Arguments::command();
    let command = arguments
        .iter()
        .find(|word| commands.find_subcommand(word).is_some())
        .map_or_else(
            || "slipway".to_owned(),
            |command| format!("slipway {command}"),
        );
    let unknown = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    if error.kind() == clap::error::ErrorKind::UnknownArgument
        && command == "slipway run"
        && let Some(word) = unknown.filter(|word| !word.starts_with('-'))
    {
        hint = Some(format!(
            "Put the container's command after `--`: `-- {word}`"
        ));
    }
    let hint = hint.unwrap_or_else(|| format!("`{command} --help` shows the options"));
    (invalid(message.join(" "), hint), usage)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::Arguments;

    #[test]
    fn the_parsers_errors_look_like_ours() {
        let told: Vec<String> = [
            &["run"][..],
            &["run", "nginx", "--nmae", "x"],
            &["run", "nginx", "echo", "hi"],
            &["run", "nginx", "--restart", "sometimes"],
            &["run", "nginx", "--publish"],
            &["stat"],
            &["stop"],
            &["rename", "a"],
            &["use"],
            &["use", "a", "--default"],
            &["logs", "a", "--tail", "-1"],
            &["logs", "a", "-f", "--export", "x"],
            &["search", "a", "--source", "hub"],
            &["completions", "tcsh"],
        ]
        .iter()
        .map(|line| {
            let arguments = ["slipway"].iter().chain(line.iter());
            let error = Arguments::try_parse_from(arguments).expect_err("a wrong line");
            let words: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
            let (shown, usage) = readable(&error, &words);
            format!(
                "$ slipway {}\nerror: {}\nhint: {}\n{}\n",
                line.join(" "),
                shown.message,
                shown.hint.unwrap_or_default(),
                usage.unwrap_or_default()
            )
        })
        .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn what_is_not_found_is_listed_where_there_is_a_list() {
        let hint = |message: &str| {
            let error = ApiError {
                kind: ErrorKind::NotFound,
                message: message.to_owned(),
                hint: None,
                detail: None,
            };
            with_hint(&error).hint
        };
        let list = |what| Some(format!("`slipway {what}` lists them"));
        assert_eq!(hint("No such image: nosuch"), list("images"));
        assert_eq!(hint("No such container: web"), list("ps -a"));
        assert_eq!(hint("No such network: nonet"), None);
    }
}
