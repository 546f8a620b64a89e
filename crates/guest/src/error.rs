//! Errors of the guest, with messages that the host shows to people.

use std::io;

/// An error of the guest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("{program} could not be started: {source}")]
    Start { program: String, source: io::Error },
    #[error("{program} failed ({how}): {output}")]
    Failed {
        program: String,
        how: String,
        output: String,
    },
    #[error("the machine has no disk called {serial}")]
    NoDisk { serial: &'static str },
    #[error("{program} did not end within {seconds} s")]
    TooSlow { program: String, seconds: u64 },
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Adds what was being done to a system error.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::Io {
            what: what(),
            source: error.into(),
        })
    }
}
