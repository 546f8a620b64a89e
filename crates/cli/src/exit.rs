//! Exit codes, for scripts.

use std::process::ExitCode;

use slipway_api::ErrorKind;

/// An exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Success.
    Done,
    /// Something failed.
    Failed,
    /// The command line is invalid.
    Usage,
    /// There is no engine.
    NoEngine,
    /// Cancelled by Ctrl-C: 128 and the number of the signal, as in shells.
    Cancelled,
}

impl Exit {
    /// The code for an error.
    pub(crate) fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidInput => Self::Usage,
            ErrorKind::NoEngine | ErrorKind::PermissionDenied | ErrorKind::NotResponding => {
                Self::NoEngine
            }
            ErrorKind::Cancelled => Self::Cancelled,
            _ => Self::Failed,
        }
    }

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NoEngine => 3,
            Self::Cancelled => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
