//! The whole log of a container, as far as the engine has it, into a file.

use std::io::Write as _;
use std::path::Path;

use atomic_write_file::AtomicWriteFile;
use futures_util::StreamExt as _;
use slipway_api::ApiError;
use slipway_engine::{LogOptions, Tail};

use crate::Slipway;
use crate::error::{api_error, file_error};

impl Slipway {
    /// Writes the log to a file, which appears when it is complete.
    pub async fn log_save(&self, id: &str, path: &Path, timestamps: bool) -> Result<(), ApiError> {
        let engine = self.selected().await?.engine;
        let options = LogOptions {
            follow: false,
            tail: Tail::All,
            since: None,
            until: None,
            timestamps,
            stdout: true,
            stderr: true,
            tty: None,
        };
        let mut stream = engine
            .logs(id, &options)
            .await
            .map_err(|error| api_error(&error))?;
        let failed = |source: std::io::Error| file_error("Saving the log to", path, &source);
        let mut file = std::io::BufWriter::new(AtomicWriteFile::open(path).map_err(failed)?);
        let mut continues = false;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| api_error(&error))?;
            for line in &chunk.lines {
                let mut write = || -> std::io::Result<()> {
                    // A line that is too long comes in pieces, each with the time of the line.
                    if let Some(at) = line.timestamp.filter(|_| !continues) {
                        write!(file, "{at} ")?;
                    }
                    continues = line.partial;
                    file.write_all(chunk.line(line))?;
                    if line.partial {
                        Ok(())
                    } else {
                        file.write_all(b"\n")
                    }
                };
                write().map_err(failed)?;
            }
        }
        file.into_inner()
            .map_err(|error| failed(error.into_error()))?
            .commit()
            .map_err(failed)
    }
}
