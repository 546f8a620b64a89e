//! Finds a disk by the serial number that the host gave it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::{Error, Result};

/// Drivers probe devices asynchronously, so a disk may take a moment to appear.
const PATIENCE: Duration = Duration::from_secs(10);

/// The disk whose serial number is `serial`.
pub(crate) async fn find(serial: &'static str) -> Result<PathBuf> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(path) = look(serial) {
            return Ok(path);
        }
        if Instant::now() > deadline {
            return Err(Error::NoDisk { serial });
        }
        sleep(Duration::from_millis(5)).await;
    }
}

fn look(serial: &str) -> Option<PathBuf> {
    for entry in fs::read_dir("/sys/block").ok()?.flatten() {
        let known = fs::read_to_string(entry.path().join("serial"));
        if known.is_ok_and(|known| known.trim() == serial) {
            let device = PathBuf::from("/dev").join(entry.file_name());
            return device.exists().then_some(device);
        }
    }
    None
}
