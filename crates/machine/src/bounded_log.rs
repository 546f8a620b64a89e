//! A log that QEMU writes, limited in size: its own output, and the machine's serial console.
//!
//! Root in the guest decides how much is written. The logs are in the runtime directory, which is in memory.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Size at which the log is cut.
const MAX_BYTES: u64 = 4 << 20;

/// Bytes kept from the end of a log that is cut.
const KEPT_BYTES: u64 = 64 << 10;

/// Interval between checks of the size. A serial port writes at most a few hundred kilobytes a second, QEMU itself some
/// megabytes.
const LOOK: Duration = Duration::from_secs(3);

/// Empties the log and opens it for appending. The file stays the same one, so that readers can keep following it.
pub(crate) fn begin(path: &Path) -> io::Result<File> {
    File::create(path)?;
    OpenOptions::new().append(true).open(path)
}

/// Enforces the size limit for as long as it is polled. The writer must open the file for appending.
pub(crate) async fn keep_small(path: PathBuf) {
    loop {
        tokio::time::sleep(LOOK).await;
        match cut(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "a log of QEMU cannot be cut");
            }
            _ => {}
        }
    }
}

/// Up to `most` bytes from the end of a file.
pub(crate) fn tail(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    tail_of(&mut File::open(path)?, most)
}

fn tail_of(file: &mut File, most: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut end = Vec::new();
    file.take(most).read_to_end(&mut end)?;
    Ok(end)
}

/// Cuts a log that is too large. Bytes written during the cut may be lost.
fn cut(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).open(path)?;
    if file.metadata()?.len() <= MAX_BYTES {
        return Ok(());
    }
    let end = tail_of(&mut file, KEPT_BYTES)?;
    let line = end.iter().position(|byte| *byte == b'\n');
    file.set_len(0)?;
    file.write_all(b"[what came before was cut off]\n")?;
    file.write_all(&end[line.map_or(0, |at| at + 1)..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_stays_within_its_size_and_goes_on_at_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("console.log");
        let mut console = begin(&path).unwrap();
        writeln!(console, "the first").unwrap();
        let keeping = tokio::spawn(keep_small(path.clone()));
        tokio::time::sleep(LOOK * 2).await;
        assert_eq!(tail(&path, 100).unwrap(), b"the first\n");

        let line = [[b'x'; 99].as_slice(), b"\n"].concat();
        for _ in 0..=MAX_BYTES / 100 {
            console.write_all(&line).unwrap();
        }
        writeln!(console, "the last before").unwrap();
        tokio::time::sleep(LOOK * 2).await;
        writeln!(console, "the first after").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.len() <= usize::try_from(KEPT_BYTES).unwrap() + 100);
        assert!(text.starts_with("[what came before was cut off]\nxxx"));
        assert!(text.ends_with("x\nthe last before\nthe first after\n"));
        keeping.abort();
    }

    #[test]
    fn of_a_large_file_only_the_end_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("console.log");
        let mut file = File::create(&path).unwrap();
        // More than fits in memory.
        file.set_len(1 << 42).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(b"the end").unwrap();
        assert_eq!(tail(&path, 7).unwrap(), b"the end");
        assert_eq!(tail(&path, 4096).unwrap().len(), 4096);
    }
}
