use std::path::{Path, PathBuf};

/// Errors while the test environment is set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// The attempted operation, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A program is missing or cannot be started.
    #[error("cannot start `{program}`: {source} (Debian package: {package})")]
    Spawn {
        /// The program's name.
        program: String,
        /// The Debian package that has it.
        package: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A program ran and failed.
    #[error("`{command}` failed ({status}):\n{output}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// The end of what it printed.
        output: String,
    },
    /// A daemon did not answer in time, or ended before it did.
    #[error("{name} did not get ready: {reason}\n{log}")]
    NotReady {
        /// Which daemon.
        name: &'static str,
        /// It ended, or the deadline passed.
        reason: String,
        /// The end of its log.
        log: String,
    },
    /// The network pools of the testkit are all in use.
    #[error("no free subnet for a private engine in {pools}")]
    NoSubnet {
        /// The range that was searched.
        pools: &'static str,
    },
    /// The engine is the one that `SLIPWAY_TEST_ENGINE` names, and not ours to stop.
    #[error("cannot {action}: the engine comes from SLIPWAY_TEST_ENGINE and is not ours")]
    NotOurs {
        /// The refused operation.
        action: &'static str,
    },
    /// Only `unix://` and `tcp://` engines can be used here.
    #[error("`{host}` is not a unix:// or tcp:// address")]
    Address {
        /// The given address.
        host: String,
    },
    /// The directory for runs belongs to somebody else.
    #[error("{} is not ours alone: remove it, or set SLIPWAY_TESTKIT_RUNS", path.display())]
    ForeignRuns {
        /// The directory.
        path: PathBuf,
    },
}

/// The result of the testkit's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Adds the file's name to an I/O error.
pub(crate) trait At<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> At<T> for std::io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::File {
            action,
            path: path.to_owned(),
            source,
        })
    }
}
