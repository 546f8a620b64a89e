//! The handle through which the owning process sends requests to the supervisor.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use slipway_api::machine::{MachineLogSource, MachineSettings, MachineState, MachineView};
use slipway_link::{LinkStream, LogSource, Request as GuestRequest};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Answer, Request};
use crate::guest::Guest;
use crate::{MachineError, MachinePaths, data_disk};

/// Bytes sent from the end of a log on this computer.
const LOG_TAIL: u64 = 256 * 1024;

/// Largest chunk of a log, in bytes.
const LOG_PIECE: usize = 16 * 1024;

/// Polling interval of a log on this computer.
const LOG_INTERVAL: Duration = Duration::from_millis(300);

/// Sends requests to the supervisor. Cheap to clone.
#[derive(Clone)]
pub struct MachineHandle {
    pub(super) requests: mpsc::Sender<(Request, Answer)>,
    pub(super) view: watch::Receiver<MachineView>,
    pub(super) guest: Guest,
    pub(super) paths: MachinePaths,
    pub(super) watchers: Arc<AtomicUsize>,
}

/// Held while somebody is watching the machine, so that its resource use is measured.
#[derive(Debug)]
pub struct Watching(Arc<AtomicUsize>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl MachineHandle {
    /// The current status.
    pub fn now(&self) -> MachineView {
        let mut view = self.view.borrow().clone();
        // Measured while it runs and somebody is watching; otherwise its size may be out of date.
        if view.stats.is_none() {
            view.disk = data_disk::measure(&self.paths);
        }
        view
    }

    /// The status as it changes.
    pub fn watch(&self) -> (watch::Receiver<MachineView>, Watching) {
        self.watchers.fetch_add(1, Ordering::Relaxed);
        (self.view.clone(), Watching(self.watchers.clone()))
    }

    /// Whether nothing would be lost if this process ended.
    pub fn is_at_rest(&self) -> bool {
        matches!(
            self.view.borrow().state,
            MachineState::Absent | MachineState::Stopped | MachineState::Broken { .. }
        )
    }

    async fn ask(&self, request: Request) -> Result<(), MachineError> {
        let gone = || MachineError::NoDaemon {
            reason: "has ended".to_owned(),
        };
        let (sender, answer) = oneshot::channel();
        self.requests
            .send((request, sender))
            .await
            .map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Starts the machine. Returns once that is under way; the state tells the rest.
    pub async fn start(&self) -> Result<(), MachineError> {
        self.ask(Request::Start).await
    }

    /// Stops the machine, also in the middle of a start. Returns once that is under way.
    pub async fn stop(&self) -> Result<(), MachineError> {
        self.ask(Request::Stop).await
    }

    /// Powers it off without waiting for its containers, also in the middle of a stop.
    pub async fn switch_off(&self) -> Result<(), MachineError> {
        self.ask(Request::SwitchOff).await
    }

    /// Stops and starts it. Returns once that is under way.
    pub async fn restart(&self) -> Result<(), MachineError> {
        self.ask(Request::Restart).await
    }

    /// Stops and deletes it. Returns once that is under way.
    pub async fn delete(&self) -> Result<(), MachineError> {
        self.ask(Request::Delete).await
    }

    /// Starts it, and repairs its disk if that is damaged. Returns once that is under way.
    pub async fn repair(&self) -> Result<(), MachineError> {
        self.ask(Request::Repair).await
    }

    /// Changes the settings. What cannot be changed while it runs takes effect at the next start.
    pub async fn set_settings(&self, settings: MachineSettings) -> Result<(), MachineError> {
        self.ask(Request::SetSettings(settings)).await
    }

    /// Stops it and ends the supervisor. Returns when that is done.
    pub async fn shutdown(&self) -> Result<(), MachineError> {
        self.ask(Request::Shutdown).await
    }

    /// Gives unused disk space back to this computer; returns the bytes freed.
    pub async fn reclaim(&self) -> Result<u64, MachineError> {
        if !matches!(self.view.borrow().state, MachineState::Running { .. }) {
            return Err(MachineError::Refused {
                what: "Space can be reclaimed only while the machine is running",
                hint: "Start it first",
            });
        }
        let used = || data_disk::measure(&self.paths).map_or(0, |disk| disk.used_on_host);
        let before = used();
        self.guest.trim().await?;
        Ok(before.saturating_sub(used()))
    }

    /// A log, from near its end on.
    pub async fn log(
        &self,
        source: MachineLogSource,
        follow: bool,
    ) -> Result<MachineLog, MachineError> {
        let source = match source {
            MachineLogSource::Host => return self.file(&self.paths.daemon_log(), follow).await,
            MachineLogSource::Console => return self.file(&self.paths.console_log(), follow).await,
            MachineLogSource::Agent => LogSource::Agent,
            MachineLogSource::Dockerd => LogSource::Dockerd,
            MachineLogSource::Containerd => LogSource::Containerd,
            MachineLogSource::Kernel => LogSource::Kernel,
        };
        self.needs_guest()?;
        let (_, stream) = self
            .guest
            .ask(&GuestRequest::Log { source, follow })
            .await?;
        Ok(MachineLog(Log::Guest(stream)))
    }

    /// A shell in the machine. The stream carries [`slipway_link::ShellInput`] and [`slipway_link::ShellOutput`].
    pub async fn shell(
        &self,
        command: Option<Vec<String>>,
        columns: u16,
        rows: u16,
    ) -> Result<LinkStream, MachineError> {
        self.needs_guest()?;
        let request = GuestRequest::Shell {
            command,
            columns,
            rows,
        };
        Ok(self.guest.ask(&request).await?.1)
    }

    fn needs_guest(&self) -> Result<(), MachineError> {
        match self.guest.link_now() {
            Some(_) => Ok(()),
            None => Err(MachineError::Refused {
                what: "The machine is not running",
                hint: "Start it first, or show the log of the host or the console",
            }),
        }
    }

    async fn file(&self, path: &Path, follow: bool) -> Result<MachineLog, MachineError> {
        let mut file = match File::open(path).await {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(MachineLog(Log::Nothing));
            }
            Err(error) => return Err(MachineError::file("Reading", path)(error)),
        };
        let begin = async {
            let length = file.metadata().await?.len();
            let from = length.saturating_sub(LOG_TAIL);
            file.seek(std::io::SeekFrom::Start(from)).await
        };
        begin.await.map_err(MachineError::file("Reading", path))?;
        Ok(MachineLog(Log::File {
            file,
            path: path.to_owned(),
            follow,
        }))
    }
}

/// A stream of log chunks. Ends when dropped.
pub struct MachineLog(Log);

enum Log {
    Nothing,
    File {
        file: File,
        path: PathBuf,
        follow: bool,
    },
    Guest(LinkStream),
}

impl MachineLog {
    /// The next chunk; `None` at the end.
    pub async fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut buffer = vec![0; LOG_PIECE];
        let count = match &mut self.0 {
            Log::Nothing => 0,
            Log::Guest(stream) => stream.read(&mut buffer).await?,
            Log::File { file, path, follow } => loop {
                let count = file.read(&mut buffer).await?;
                if count > 0 || !*follow {
                    break count;
                }
                // A log shorter than what was already read was cut or restarted, and is sent from its beginning.
                let read = file.stream_position().await?;
                let metadata = file.metadata().await?;
                if metadata.len() < read {
                    file.rewind().await?;
                    continue;
                }
                // The log was rotated. Something may have been written to the old file since it was read.
                if let Some(new) = replacement(path, &metadata).await {
                    let count = file.read(&mut buffer).await?;
                    if count > 0 {
                        break count;
                    }
                    *file = new;
                    continue;
                }
                tokio::time::sleep(LOG_INTERVAL).await;
            },
        };
        buffer.truncate(count);
        Ok((count > 0).then_some(buffer))
    }
}

/// The file at a path, if it is not the one that `metadata` describes.
#[cfg(unix)]
async fn replacement(path: &Path, metadata: &std::fs::Metadata) -> Option<File> {
    use std::os::unix::fs::MetadataExt as _;
    let there = tokio::fs::metadata(path).await.ok()?;
    if (there.dev(), there.ino()) == (metadata.dev(), metadata.ino()) {
        return None;
    }
    File::open(path).await.ok()
}

/// An open log cannot be rotated on Windows.
#[cfg(not(unix))]
async fn replacement(_path: &Path, _metadata: &std::fs::Metadata) -> Option<File> {
    None
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[tokio::test]
    async fn a_log_that_is_cut_is_followed_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut writer = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap();
        writer.write_all(b"a long beginning\n").unwrap();
        let file = File::open(&path).await.unwrap();
        let follow = true;
        let mut log = MachineLog(Log::File {
            file,
            path: path.clone(),
            follow,
        });
        assert_eq!(log.next().await.unwrap().unwrap(), b"a long beginning\n");
        writer.set_len(0).unwrap();
        writer.write_all(b"the end\n").unwrap();
        assert_eq!(log.next().await.unwrap().unwrap(), b"the end\n");
        writer.write_all(b"more\n").unwrap();
        assert_eq!(log.next().await.unwrap().unwrap(), b"more\n");

        // Rotated, as `slipwayd` does it with its own.
        writer.write_all(b"the last\n").unwrap();
        std::fs::rename(&path, directory.path().join("log.1")).unwrap();
        std::fs::write(&path, b"the first\n").unwrap();
        assert_eq!(log.next().await.unwrap().unwrap(), b"the last\n");
        assert_eq!(log.next().await.unwrap().unwrap(), b"the first\n");
    }
}
