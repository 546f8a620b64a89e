//! The machine's settings, in one small file beside its disk.

use std::io::Write as _;
use std::path::Path;

use atomic_write_file::AtomicWriteFile;
use serde_json::{Map, Value};
use slipway_api::machine::MachineSettings;
use slipway_engine::size;

use crate::{MachineError, host};

/// Larger settings files are not ours.
const MAX_BYTES: u64 = 1 << 16;

/// Least memory for Linux, the engine and one small container.
const MIN_MEMORY_MB: u32 = 512;

/// Smallest useful disk.
const MIN_DISK_GB: u32 = 4;

/// Largest disk that ext4 supports with the layout that the guest uses.
const MAX_DISK_GB: u32 = 16 * 1024;

/// Reads the settings. A missing or damaged file gives the defaults, and numbers beyond what this computer has are
/// clamped: bad settings must not prevent a start.
pub(crate) fn load(path: &Path) -> MachineSettings {
    let read = || -> Option<MachineSettings> {
        if std::fs::metadata(path).ok()?.len() > MAX_BYTES {
            return None;
        }
        let saved: Map<String, Value> = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        // Fields missing from an older file get their defaults.
        let mut all = serde_json::to_value(MachineSettings::default()).ok()?;
        all.as_object_mut()?.extend(saved);
        serde_json::from_value(all).ok()
    };
    let mut settings = read().unwrap_or_default();
    settings.cpus = settings.cpus.clamp(1, host::cpus());
    let memory = host::memory_mb().unwrap_or(u32::MAX).max(MIN_MEMORY_MB);
    settings.memory_mb = settings.memory_mb.clamp(MIN_MEMORY_MB, memory);
    settings.disk_gb = settings.disk_gb.clamp(MIN_DISK_GB, MAX_DISK_GB);
    settings
}

/// Writes the settings atomically: a crash leaves the old or the new ones.
pub(crate) fn save(path: &Path, settings: &MachineSettings) -> Result<(), MachineError> {
    if let Some(directory) = path.parent() {
        crate::paths::private_dir(directory)?;
    }
    let write = || -> std::io::Result<()> {
        let mut file = AtomicWriteFile::open(path)?;
        serde_json::to_writer_pretty(&mut file, settings)?;
        file.write_all(b"\n")?;
        file.commit()
    };
    write().map_err(MachineError::file("Saving", path))
}

/// Checks whether settings are possible on this computer. `disk_now` is the size of the disk in bytes, if there is one.
pub fn check_settings(
    settings: &MachineSettings,
    disk_now: Option<u64>,
) -> Result<(), MachineError> {
    let refuse = |what: String, hint: String| Err(MachineError::Setting { what, hint });
    let cpus = host::cpus();
    if settings.cpus == 0 || settings.cpus > cpus {
        return refuse(
            format!("The machine cannot have {} CPUs", settings.cpus),
            format!("Choose 1 to {cpus}: this computer has {cpus}"),
        );
    }
    let memory = host::memory_mb().unwrap_or(u32::MAX);
    if settings.memory_mb < MIN_MEMORY_MB || settings.memory_mb > memory {
        return refuse(
            format!(
                "The machine cannot have {} of memory",
                megabytes(settings.memory_mb)
            ),
            // The limit in whole gigabytes can be chosen as it is said.
            format!(
                "Choose {} to {}",
                megabytes(MIN_MEMORY_MB),
                megabytes(if memory < 1024 {
                    memory
                } else {
                    memory & !1023
                })
            ),
        );
    }
    if !(MIN_DISK_GB..=MAX_DISK_GB).contains(&settings.disk_gb) {
        return refuse(
            format!(
                "The machine's disk cannot have {}",
                gigabytes(settings.disk_gb)
            ),
            format!(
                "Choose {} to {}",
                gigabytes(MIN_DISK_GB),
                gigabytes(MAX_DISK_GB)
            ),
        );
    }
    let wanted = u64::from(settings.disk_gb) << 30;
    if let Some(now) = disk_now.filter(|now| *now > wanted) {
        return refuse(
            "The machine's disk cannot shrink".to_owned(),
            format!(
                "Choose {} GB or more. What is free within takes no space on this computer",
                now.div_ceil(1 << 30)
            ),
        );
    }
    Ok(())
}

fn megabytes(count: u32) -> String {
    size::memory(u64::from(count) << 20)
}

fn gigabytes(count: u32) -> String {
    size::memory(u64::from(count) << 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_refused_with_what_can() {
        let with = |change: fn(&mut MachineSettings)| {
            let mut settings = MachineSettings {
                cpus: 1,
                memory_mb: 512,
                ..MachineSettings::default()
            };
            change(&mut settings);
            check_settings(&settings, Some(64 << 30)).map_err(|error| error.hint().unwrap())
        };
        assert_eq!(with(|_| {}), Ok(()));
        assert_eq!(with(|settings| settings.disk_gb = 128), Ok(()));
        assert!(
            with(|s| s.disk_gb = 63)
                .unwrap_err()
                .contains("64 GB or more")
        );
        assert_eq!(with(|s| s.disk_gb = 0).unwrap_err(), "Choose 4 GB to 16 TB");
        assert!(with(|s| s.cpus = 0).unwrap_err().contains("1 to"));
        assert!(with(|s| s.cpus = 4096).unwrap_err().contains("1 to"));
        let memory = with(|s| s.memory_mb = 100).unwrap_err();
        assert!(memory.starts_with("Choose 512 MB to "), "{memory}");
    }

    #[test]
    fn a_damaged_or_odd_file_does_not_keep_the_machine_from_starting() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("settings.json");
        for text in [
            "{",
            "[]",
            r#"{"cpus":0,"memory_mb":1,"disk_gb":4000000000}"#,
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(check_settings(&load(&path), None).is_ok(), "{text}");
        }
    }

    #[test]
    fn they_are_as_they_were_saved() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("machine/settings.json");
        let settings = MachineSettings {
            cpus: 1,
            memory_mb: 768,
            ..MachineSettings::default()
        };
        save(&path, &settings).unwrap();
        assert_eq!(load(&path), settings);
    }
}
