//! Records when the machine's engine was down.
//!
//! An engine that is shut down forgets its events, so it cannot tell later which containers ended because of that. The
//! times of their ends can: a container that ran before the engine went down, and ended before it was up again, ended
//! with it. `slipwayd` writes the file; everybody reads it.

use std::io::Write as _;
use std::path::Path;

use atomic_write_file::AtomicWriteFile;
use serde::{Deserialize, Serialize};

use crate::MachinePaths;

/// Limit of records; the oldest are dropped.
const MOST: usize = 200;

/// Larger files are not ours.
const MAX_BYTES: u64 = 1 << 16;

/// The guest's clock follows this computer's, and may differ from it by this time.
const CLOCKS_DIFFER_MS: u64 = 1_000;

/// A time in which the engine was down. Times are in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Downtime {
    /// When its shutdown began, or when it was found to be down.
    pub from_ms: u64,
    /// When it responded again. `None` if it has not yet.
    pub until_ms: Option<u64>,
}

impl Downtime {
    /// Whether a container that started and ended at these times ended with the engine.
    pub fn ended(&self, started_ms: u64, ended_ms: u64) -> bool {
        let from = self.from_ms.saturating_sub(CLOCKS_DIFFER_MS);
        started_ms < from && self.overlaps(ended_ms, ended_ms)
    }

    /// Whether any moment between these two, which are included, is in it.
    pub fn overlaps(&self, earliest_ms: u64, latest_ms: u64) -> bool {
        let from = self.from_ms.saturating_sub(CLOCKS_DIFFER_MS);
        from <= latest_ms
            && self
                .until_ms
                .is_none_or(|until| earliest_ms <= until.saturating_add(CLOCKS_DIFFER_MS))
    }
}

/// When the engine of the machine at `paths` was down, oldest first. Empty if that is not known.
pub fn downtimes(paths: &MachinePaths) -> Vec<Downtime> {
    load(&paths.downtimes())
}

/// The engine goes down now, or is down. Does nothing if that is known.
pub(crate) fn begin(path: &Path, now_ms: u64) {
    let mut all = load(path);
    if all.last().is_some_and(|last| last.until_ms.is_none()) {
        return;
    }
    all.push(Downtime {
        from_ms: now_ms,
        until_ms: None,
    });
    let surplus = all.len().saturating_sub(MOST);
    all.drain(..surplus);
    save(path, &all);
}

/// The engine responds.
pub(crate) fn end(path: &Path, now_ms: u64) {
    let mut all = load(path);
    if let Some(last) = all.last_mut()
        && last.until_ms.is_none()
    {
        last.until_ms = Some(now_ms);
        save(path, &all);
    }
}

fn load(path: &Path) -> Vec<Downtime> {
    let small = std::fs::metadata(path).is_ok_and(|file| file.len() <= MAX_BYTES);
    small
        .then(|| serde_json::from_slice(&std::fs::read(path).ok()?).ok())
        .flatten()
        .unwrap_or_default()
}

/// A record that cannot be written costs no more than an explanation.
fn save(path: &Path, all: &[Downtime]) {
    let write = || -> std::io::Result<()> {
        let mut file = AtomicWriteFile::open(path)?;
        serde_json::to_writer(&mut file, all)?;
        file.write_all(b"\n")?;
        file.commit()
    };
    if let Err(error) = write() {
        tracing::warn!(%error, "the engine's downtime cannot be recorded");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_downtime_lasts_until_the_engine_responds() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("downtimes.json");
        // An engine that was not down does not come up.
        end(&path, 5);
        assert!(load(&path).is_empty());
        begin(&path, 10_000);
        begin(&path, 20_000);
        assert!(load(&path)[0].overlaps(50_000, 50_000));
        end(&path, 30_000);
        end(&path, 40_000);
        let only = Downtime {
            from_ms: 10_000,
            until_ms: Some(30_000),
        };
        assert_eq!(load(&path), [only]);
        for now in 0..2 * MOST as u64 {
            begin(&path, 100_000 + now);
            end(&path, 100_000 + now);
        }
        assert_eq!(load(&path).len(), MOST);
        std::fs::write(&path, "{]").unwrap();
        assert!(load(&path).is_empty());
        begin(&path, 1);
        assert_eq!(load(&path).len(), 1);
    }

    #[test]
    fn only_what_ran_before_ended_with_the_engine() {
        let down = Downtime {
            from_ms: 10_000,
            until_ms: Some(30_000),
        };
        for (started, ended, with_it) in [
            (1_000, 12_000, true),
            (1_000, 30_500, true),
            (1_000, 8_000, false),
            (1_000, 40_000, false),
            // It was started again with the machine, and failed at once.
            (29_000, 29_500, false),
        ] {
            assert_eq!(down.ended(started, ended), with_it, "{started} {ended}");
        }
    }
}
