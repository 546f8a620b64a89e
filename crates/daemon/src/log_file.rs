//! A log of limited size: a full one is renamed to `….1`, and a new one is begun.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// Size of a log. Two are kept.
const MAX_BYTES: u64 = 2 << 20;

/// The log. Clones write to the same file.
#[derive(Clone)]
pub(crate) struct LogFile(Arc<Mutex<Open>>);

struct Open {
    path: PathBuf,
    file: File,
    size: u64,
    max: u64,
}

impl LogFile {
    /// Continues the log at `path`.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        Self::with_limit(path, MAX_BYTES)
    }

    fn with_limit(path: PathBuf, max: u64) -> io::Result<Self> {
        let file = append(&path)?;
        let size = file.metadata()?.len();
        Ok(Self(Arc::new(Mutex::new(Open {
            path,
            file,
            size,
            max,
        }))))
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

impl Open {
    fn turn(&mut self) -> io::Result<()> {
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        std::fs::rename(&self.path, old)?;
        self.file = append(&self.path)?;
        self.size = 0;
        Ok(())
    }
}

impl Write for &LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.size >= open.max {
            // A log that cannot be rotated is better than none.
            let _ = open.turn();
        }
        let count = open.file.write(bytes)?;
        open.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_within_its_size_and_keeps_the_last_lines() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("log");
        let log = LogFile::with_limit(path.clone(), 1000).expect("writable");
        for number in 0..1000 {
            writeln!(&log, "line {number}").expect("writable");
        }
        let now = std::fs::read_to_string(&path).expect("readable");
        let old = std::fs::read_to_string(directory.path().join("log.1")).expect("readable");
        assert!(now.len() <= 1010 && old.len() <= 1010);
        assert!(now.ends_with("line 999\n"));
        assert_eq!(
            std::fs::read_dir(directory.path())
                .expect("readable")
                .count(),
            2
        );
    }
}
