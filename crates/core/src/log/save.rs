//! Saves a container's log, as far as the engine has it, to a file.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use atomic_write_file::AtomicWriteFile;
use futures_util::StreamExt as _;
use slipway_api::ApiError;
use slipway_engine::{EngineError, LogChunk, LogOptions, LogStream};
use tokio::sync::mpsc;

use crate::Slipway;
use crate::error::{api_error, file_error};

/// Capacity of the write queue, in chunks of about 128 KB.
const WAITING: usize = 8;

impl Slipway {
    /// Writes the log to a file, which appears when it is complete.
    pub async fn log_save(&self, id: &str, path: &Path, timestamps: bool) -> Result<(), ApiError> {
        let engine = self.selected().await?.engine;
        let options = LogOptions {
            timestamps,
            ..LogOptions::default()
        };
        let stream = engine
            .logs(id, &options)
            .await
            .map_err(|error| api_error(&error))?;
        let to = path.to_owned();
        let saved = save(stream, |chunks| {
            let file = write(chunks, BufWriter::new(AtomicWriteFile::open(to)?))?;
            file.into_inner()
                .map_err(io::IntoInnerError::into_error)?
                .commit()
        });
        saved.await.map_err(|failed| match failed {
            Failed::Reading(error) => api_error(&error),
            Failed::Writing(error) => file_error("Saving the log to", path, &error),
        })
    }
}

enum Failed {
    Reading(EngineError),
    Writing(io::Error),
}

/// The log's chunks until it is complete; a broken stream ends it with an error.
struct Chunks(mpsc::Receiver<Option<LogChunk>>);

impl Chunks {
    /// The next chunk; `None` at the end.
    fn next(&mut self) -> io::Result<Option<LogChunk>> {
        // The sender is dropped without a final message when the log broke off or the write failed.
        self.0
            .blocking_recv()
            .ok_or_else(|| io::ErrorKind::Interrupted.into())
    }
}

/// Reads the log here; a blocking thread writes it.
async fn save(
    mut stream: LogStream,
    write: impl FnOnce(Chunks) -> io::Result<()> + Send + 'static,
) -> Result<(), Failed> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let writing = tokio::task::spawn_blocking(|| write(Chunks(receiver)));
    loop {
        let chunk = stream.next().await.transpose().map_err(Failed::Reading)?;
        let last = chunk.is_none();
        // The receiver is gone if writing has failed; that error is returned below.
        if sender.send(chunk).await.is_err() || last {
            break;
        }
    }
    writing
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(Failed::Writing)
}

fn write<W: Write>(mut chunks: Chunks, mut file: W) -> io::Result<W> {
    let mut continues = false;
    while let Some(chunk) = chunks.next()? {
        for line in &chunk.lines {
            // A line that is too long comes in pieces, each with the line's timestamp.
            if let Some(at) = line.timestamp.filter(|_| !continues) {
                write!(file, "{at} ")?;
            }
            continues = line.partial;
            file.write_all(chunk.line(line))?;
            if !line.partial {
                file.write_all(b"\n")?;
            }
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::stream;

    use super::*;
    use crate::log::older::chunk_of;

    /// A disk that accepts a line only after another task has run.
    struct Slow(std::sync::mpsc::Receiver<()>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .recv_timeout(Duration::from_secs(10))
                .map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_slow_disk_keeps_nobody_else_waiting() {
        let (go_on, wait) = std::sync::mpsc::channel();
        let chunk = chunk_of(&[(1, "line".to_owned())]);
        let saving = save(Box::pin(stream::iter([Ok(chunk)])), |chunks| {
            write(chunks, Slow(wait)).map(drop)
        });
        let others = async {
            tokio::task::yield_now().await;
            // Ample time for one line.
            for _ in 0..100 {
                let _ = go_on.send(());
            }
        };
        let (saved, ()) = tokio::join!(saving, others);
        assert!(saved.is_ok());
    }

    #[tokio::test]
    async fn a_log_that_breaks_off_leaves_no_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("x.log");
        let to = path.clone();
        let broken = EngineError::CutOff { what: "the log" };
        let chunk = chunk_of(&[(1, "line".to_owned())]);
        let stream = stream::iter([Ok(chunk), Err(broken)]);
        let (done, ended) = tokio::sync::oneshot::channel();
        let saved = save(Box::pin(stream), move |chunks| {
            let file = AtomicWriteFile::open(to)?;
            let result = write(chunks, file).and_then(AtomicWriteFile::commit);
            let _ = done.send(());
            result
        });
        assert!(matches!(saved.await, Err(Failed::Reading(_))));
        ended.await.expect("it was written to");
        let left = std::fs::read_dir(directory.path())
            .expect("it is there")
            .count();
        assert_eq!(left, 0);
    }
}
