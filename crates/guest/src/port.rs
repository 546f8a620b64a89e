//! The link's port: a virtio console port, which stays open while hosts connect and disconnect.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::watched::Watched;

/// The name that the host gives to the port.
const NAME: &str = "slipway.link";
/// Polling interval for a host to connect. Only while there is none.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The device of the port, once the driver has found it.
pub(crate) fn find() -> Option<PathBuf> {
    for entry in fs::read_dir("/sys/class/virtio-ports").ok()?.flatten() {
        let name = fs::read_to_string(entry.path().join("name"));
        if name.is_ok_and(|name| name.trim() == NAME) {
            let device = PathBuf::from("/dev").join(entry.file_name());
            return device.exists().then_some(device);
        }
    }
    None
}

/// The open port.
pub(crate) struct Port {
    device: Watched,
    /// Whether the current host has sent anything yet: only then does a hang-up count as its end.
    heard: bool,
    /// No host is connected; check again when this timer ends.
    absent: Option<Pin<Box<Sleep>>>,
}

impl Port {
    pub(crate) fn open(path: &PathBuf) -> io::Result<Self> {
        let device = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self {
            device: Watched::new(device)?,
            heard: false,
            absent: None,
        })
    }

    /// Clears the hang-up, which epoll would otherwise report for ever.
    fn register_anew(&mut self) -> io::Result<()> {
        self.device = Watched::new(self.device.file().try_clone()?)?;
        Ok(())
    }
}

impl AsyncRead for Port {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if let Some(absent) = &mut self.absent {
                ready!(absent.as_mut().poll(context));
                self.absent = None;
                self.register_anew()?;
            }
            let unfilled = into.initialize_unfilled();
            match ready!(self.device.poll_read(context, unfilled))? {
                0 if self.heard => {
                    // The end for this host. The next read waits for the next one.
                    self.heard = false;
                    self.absent = Some(Box::pin(sleep(LOOK_AGAIN)));
                    return Poll::Ready(Ok(()));
                }
                0 => self.absent = Some(Box::pin(sleep(LOOK_AGAIN))),
                count => {
                    self.heard = true;
                    into.advance(count);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsyncWrite for Port {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.device.poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
