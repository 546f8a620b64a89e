//! How the command ends, as scripts see it.

use std::process::ExitCode;

use slipway_api::ErrorKind;

/// An exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done.
    Done,
    /// Something was not.
    Failed,
    /// The command line cannot be used as it is.
    Usage,
    /// There is no engine to do it with.
    NoEngine,
    /// Ended by Ctrl-C; as shells do, 128 and the number of the signal.
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
