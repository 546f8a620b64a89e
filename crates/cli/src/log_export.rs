//! `slipway logs --export`: saves the log of a container to a file.

use std::io::{self, BufWriter};
use std::path::Path;

use atomic_write_file::AtomicWriteFile;
use regex::bytes::Regex;
use serde::Serialize;
use slipway_api::{ApiError, ErrorKind};
use slipway_core::Slipway;
use slipway_engine::LogOptions;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::logs::{BUFFER_BYTES, matches, write_line};
use crate::numbers;
use crate::output::Output;
use crate::size;

/// The output of `logs --export --json`.
#[derive(Serialize)]
struct Exported<'a> {
    file: &'a Path,
    lines: u64,
    bytes: u64,
}

/// `slipway logs C --export FILE`: raw bytes, standard output and standard error in their order.
pub(crate) async fn export(
    id: &str,
    wanted: &LogOptions,
    grep: Option<Regex>,
    path: &Path,
    slipway: &Slipway,
    output: &Output,
) -> Result<Exit, Failure> {
    let cancel = interrupt::cancels();
    let failed = |error: io::Error| file_failure(path, &error);
    let mut exported = Exported {
        file: path,
        lines: 0,
        bytes: 0,
    };
    let mut file = None;
    let reading = slipway.log_follow(id, wanted, |chunk| {
        let mut write = || -> io::Result<()> {
            // Opened only now, because "no such container" is the more useful error.
            let file = opened(&mut file, path)?;
            for line in &chunk.lines {
                let text = chunk.line(line);
                if matches(grep.as_ref(), text) {
                    write_line(file, line, text, None)?;
                    exported.lines += u64::from(!line.partial);
                }
            }
            Ok(())
        };
        match write() {
            Ok(()) => true,
            Err(error) => {
                file = Some(Err(error));
                false
            }
        }
    });
    tokio::select! {
        result = reading => result?,
        () = cancel.cancelled() => return Err(interrupt::cancelled().into()),
    }
    opened(&mut file, path).map_err(failed)?;
    let Some(Ok(file)) = file else {
        return Ok(Exit::Failed);
    };
    let whole = file
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    exported.bytes = whole.metadata().map_err(failed)?.len();
    whole.commit().map_err(failed)?;
    if output.json_wanted() {
        output.print_json(&exported)?;
    } else {
        output.print_line(&format!(
            "Saved {} lines ({}) to {}",
            numbers::count(exported.lines),
            size::bytes(exported.bytes),
            path.display()
        ))?;
    }
    Ok(Exit::Done)
}

type Opened = Option<io::Result<BufWriter<AtomicWriteFile>>>;

/// The file, opened on first use. Returns an earlier error, if there is one.
fn opened<'a>(file: &'a mut Opened, path: &Path) -> io::Result<&'a mut BufWriter<AtomicWriteFile>> {
    if let Some(Err(_)) = file
        && let Some(Err(error)) = file.take()
    {
        return Err(error);
    }
    if file.is_none() {
        let new = AtomicWriteFile::open(path)?;
        *file = Some(Ok(BufWriter::with_capacity(BUFFER_BYTES, new)));
    }
    match file {
        Some(Ok(file)) => Ok(file),
        _ => Err(io::ErrorKind::Other.into()),
    }
}

fn file_failure(path: &Path, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "The folder does not exist: create it first, or choose another",
        io::ErrorKind::PermissionDenied => "Choose a folder that you may write to",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "Free some disk space, or choose another disk"
        }
        _ => "Choose another file",
    };
    Failure::File(Box::new(ApiError {
        kind: ErrorKind::Other,
        message: format!("The log cannot be saved to {}: {error}", path.display()),
        hint: Some(hint.to_owned()),
        detail: None,
    }))
}
