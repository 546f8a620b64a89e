//! The settings shared by the window and the `slipway` command, in one small JSON file: the engine to use. The
//! machine's settings belong to `slipwayd`. Theme, density and zoom concern only the window and are stored by its page.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use atomic_write_file::AtomicWriteFile;
use serde::{Deserialize, Serialize};
use slipway_api::ApiError;

use crate::blocking::blocking;
use crate::error::file_error;

/// Larger settings files are not ours.
const MAX_BYTES: u64 = 1 << 20;

/// The settings. Unknown keys of newer versions are kept when the file is written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Name of the engine to use; Docker's own choice when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Keys that this version does not know.
    #[serde(flatten)]
    other: serde_json::Map<String, serde_json::Value>,
}

/// The location of the settings.
#[derive(Debug, Clone)]
pub struct SettingsFile {
    path: Option<PathBuf>,
}

impl SettingsFile {
    /// `$XDG_CONFIG_HOME/slipway/settings.json` and its counterparts on macOS and Windows. If the system has no such
    /// directory, settings last as long as the process.
    pub fn of_user() -> Self {
        let variable = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let directory = if cfg!(windows) {
            variable("APPDATA")
        } else if cfg!(target_os = "macos") {
            variable("HOME").map(|home| home.join("Library/Application Support"))
        } else {
            variable("XDG_CONFIG_HOME")
                .or_else(|| variable("HOME").map(|home| home.join(".config")))
        };
        Self {
            path: directory.map(|directory| directory.join("slipway").join("settings.json")),
        }
    }

    /// Settings in a file chosen by the caller.
    pub fn at(path: PathBuf) -> Self {
        Self { path: Some(path) }
    }

    /// Reads the settings. A missing or damaged file gives the defaults: bad settings must not prevent a start.
    pub fn load(&self) -> Settings {
        self.read().unwrap_or_default()
    }

    /// Why an existing file cannot be used; `None` if it can.
    pub(crate) fn damage(&self) -> Option<String> {
        let path = self.path.as_ref()?;
        let problem = self.read().err()?;
        Some(format!("{} cannot be used: {problem}", path.display()))
    }

    /// A file that is not there is as good as an empty one.
    pub(crate) fn read(&self) -> Result<Settings, Unreadable> {
        let Some(path) = &self.path else {
            return Ok(Settings::default());
        };
        let length = match std::fs::metadata(path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Settings::default());
            }
            Err(error) => return Err(Unreadable::Now(error)),
        };
        if length > MAX_BYTES {
            return Err(Unreadable::Damaged(format!("it has {length} bytes")));
        }
        let bytes = std::fs::read(path).map_err(Unreadable::Now)?;
        serde_json::from_slice(&bytes).map_err(|error| Unreadable::Damaged(error.to_string()))
    }

    /// The file, if there is a place for one.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// [`Self::load`] for async code, because the disk may be slow.
    pub(crate) async fn loaded(&self) -> Settings {
        let file = self.clone();
        blocking(move || file.load()).await
    }

    /// Paths for copies of damaged files, in order of preference.
    fn places(path: &Path) -> impl Iterator<Item = PathBuf> {
        (1..=u32::MAX).map(|number| path.with_extension(format!("damaged-{number}.json")))
    }

    /// Copies of damaged files.
    pub(crate) fn kept(&self) -> Vec<PathBuf> {
        self.path
            .iter()
            .flat_map(|path| Self::places(path).take_while(|place| place.exists()))
            .collect()
    }

    /// Changes the settings. The file is replaced as a whole, so that a crash leaves the old or the new one; one that
    /// is damaged is kept beside it, because somebody may have written it by hand. Processes change it one after another.
    pub fn update(&self, change: impl FnOnce(&mut Settings)) -> Result<Settings, ApiError> {
        let _lock = self
            .path
            .as_deref()
            .map(|path| lock(path).map_err(|source| file_error("Locking", path, &source)))
            .transpose()?;
        let (mut settings, damage) = match (self.read(), &self.path) {
            (Ok(settings), _) => (settings, None),
            (Err(Unreadable::Now(source)), Some(path)) => {
                return Err(file_error("Reading the settings of", path, &source));
            }
            (Err(problem), _) => (Settings::default(), Some(problem)),
        };
        change(&mut settings);
        if let Some(path) = &self.path {
            if let Some(damage) = damage {
                let aside = Self::places(path)
                    .find(|place| !place.exists())
                    .unwrap_or_else(|| path.with_extension("damaged.json"));
                std::fs::rename(path, &aside).map_err(|source| {
                    file_error("Keeping the damaged settings of", path, &source)
                })?;
                tracing::warn!(
                    "{} cannot be used: {damage}; it is kept as {}",
                    path.display(),
                    aside.display()
                );
            }
            let write = || -> std::io::Result<()> {
                let mut file = AtomicWriteFile::open(path)?;
                serde_json::to_writer_pretty(&mut file, &settings)?;
                file.write_all(b"\n")?;
                file.commit()
            };
            write().map_err(|source| file_error("Saving the settings to", path, &source))?;
        }
        Ok(settings)
    }
}

/// Why a settings file cannot be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// It may be readable the next time.
    Now(std::io::Error),
    /// Its content is not valid settings.
    Damaged(String),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Now(error) => error.fmt(f),
            Self::Damaged(problem) => f.write_str(problem),
        }
    }
}

/// Makes the directory of a settings file, and keeps other processes from changing the file until this is dropped.
fn lock(path: &Path) -> std::io::Result<std::fs::File> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let lock = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path.with_extension("lock"))?;
    lock.lock()?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_survive_an_update() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("slipway/settings.json");
        let file = SettingsFile::at(path.clone());
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("writable");
        std::fs::write(&path, r#"{"from_the_future": 7}"#).expect("writable");
        file.update(|settings| settings.engine = Some("work".to_owned()))
            .expect("writable");
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(text.contains("from_the_future"), "{text}");
        assert_eq!(file.load().engine.as_deref(), Some("work"));
    }

    #[test]
    fn a_damaged_file_gives_the_defaults() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("settings.json");
        std::fs::write(&path, "{\"engine\": ").expect("writable");
        assert_eq!(SettingsFile::at(path).load(), Settings::default());
    }

    #[test]
    fn a_file_that_cannot_be_read_now_is_left_alone() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("settings.json");
        // Stands for whatever the system refuses.
        std::fs::create_dir(&path).expect("writable");
        let refused = SettingsFile::at(path.clone()).update(|settings| settings.engine = None);
        let message = refused.expect_err("it cannot be read").message;
        assert!(message.contains("settings.json"), "{message}");
        assert!(path.is_dir());
    }

    #[test]
    fn changes_by_two_at_once_are_both_kept() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = SettingsFile::at(directory.path().join("settings.json"));
        let add = |name: &str| {
            for number in 0..50 {
                let key = format!("{name}-{number}");
                file.update(|settings| {
                    settings.other.insert(key, serde_json::Value::Null);
                })
                .expect("writable");
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| add("a"));
            scope.spawn(|| add("b"));
        });
        assert_eq!(file.load().other.len(), 100);
    }

    #[test]
    fn a_damaged_file_is_kept_when_it_is_replaced() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("settings.json");
        let file = SettingsFile::at(path.clone());
        assert_eq!(file.damage(), None);
        for (number, damaged) in [(1, "{\"engine\": "), (2, "engine = work")] {
            std::fs::write(&path, damaged).expect("writable");
            let damage = file.damage().expect("it is damaged");
            assert!(damage.contains("settings.json cannot be used"), "{damage}");
            file.update(|settings| settings.engine = Some("work".to_owned()))
                .expect("writable");
            let kept = directory
                .path()
                .join(format!("settings.damaged-{number}.json"));
            assert_eq!(std::fs::read_to_string(kept).expect("kept"), damaged);
            assert_eq!(file.load().engine.as_deref(), Some("work"));
            assert_eq!(file.damage(), None);
        }
        let kept = ["settings.damaged-1.json", "settings.damaged-2.json"];
        assert_eq!(file.kept(), kept.map(|name| directory.path().join(name)));
        let files = std::fs::read_dir(directory.path())
            .expect("a directory")
            .count();
        // The settings, the two, and the lock.
        assert_eq!(files, 4);
    }
}
