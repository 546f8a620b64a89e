//! Why a container ended, and whether that is a problem.

use std::time::Duration;

use slipway_api::container::{self as api, ContainerView, Ending};
use slipway_engine::{ContainerDetail, ContainerState, size};

/// How a container ended, with a reason in words if the exit code alone does not explain it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) ending: Ending,
    pub(crate) reason: Option<String>,
}

/// The request after which a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// A stop: by Slipway, by `docker stop`, by a signal.
    Stop {
        /// How long it did not react before it was killed.
        killed_after: Option<Duration>,
    },
    /// `docker kill`.
    Kill,
    /// The engine was shut down.
    EngineShutdown,
    /// Slipway's machine was stopped, or its engine was.
    MachineStop,
}

impl Ended {
    fn new(ending: Ending, reason: impl Into<Option<&'static str>>) -> Self {
        Self {
            ending,
            reason: reason.into().map(str::to_owned),
        }
    }

    /// Adds the reason to a container of a list.
    pub(crate) fn put_in(self, view: &mut ContainerView) {
        view.ending = Some(self.ending);
        view.reason = self.reason;
    }
}

/// Whether the end is worth a look.
pub fn is_problem(view: &ContainerView) -> bool {
    matches!(
        view.ending,
        Some(Ending::Failed | Ending::OutOfMemory | Ending::NotStarted)
    )
}

/// The ending by exit code alone. Exit code 137 is a kill by an unknown cause, which does not count as a problem.
pub(crate) fn of_exit_code(code: i64) -> Ended {
    match code {
        0 => Ended::new(Ending::Finished, None),
        130 => Ended::new(Ending::Stopped, "interrupted"),
        137 => Ended::new(Ending::Killed, "killed"),
        143 => Ended::new(Ending::Stopped, "stopped"),
        _ => Ended::new(
            Ending::Failed,
            match code {
                125 => Some("the engine could not start it"),
                126 => Some("its command cannot be executed"),
                127 => Some("its command was not found"),
                132 => Some("crashed (illegal instruction)"),
                134 => Some("aborted"),
                135 => Some("crashed (bus error)"),
                136 => Some("crashed (arithmetic error)"),
                139 => Some("crashed (segmentation fault)"),
                _ => None,
            },
        ),
    }
}

/// Whether only inspect knows why it does not run: it was killed, or the engine could not start it, for the first time
/// or after a run that ended well.
pub(crate) fn needs_inspect(view: &ContainerView) -> bool {
    view.state == api::ContainerState::Created || matches!(view.exit_code, Some(128 | 137))
}

/// The ending of a container that was asked to end. It is no problem, whatever the exit code.
pub(crate) fn asked_for(exit_code: Option<i32>, request: Request) -> Ended {
    match request {
        Request::Kill => Ended::new(Ending::Killed, "killed"),
        Request::EngineShutdown => Ended::new(Ending::Stopped, "stopped with the engine"),
        Request::MachineStop => Ended::new(Ending::Stopped, "stopped with the machine"),
        Request::Stop { killed_after: None } if exit_code == Some(137) => {
            Ended::new(Ending::Stopped, "stopped (killed)")
        }
        Request::Stop { killed_after: None } => Ended::new(Ending::Stopped, "stopped"),
        Request::Stop {
            killed_after: Some(after),
        } => Ended {
            ending: Ending::Stopped,
            // Up to half a second more is the engine's own overhead.
            reason: Some(format!("stopped (killed after {} s)", after.as_secs())),
        },
    }
}

/// Details that only inspect has: a failed start, and memory that ran out.
pub(crate) fn found_by_inspect(detail: &ContainerDetail) -> Option<Ended> {
    use ContainerState as S;
    let state = &detail.state;
    if !matches!(
        state.state,
        S::Created | S::Exited | S::Dead | S::Restarting
    ) {
        return None;
    }
    if let Some(error) = detail.start_error() {
        return Some(Ended {
            ending: Ending::NotStarted,
            reason: Some(error),
        });
    }
    state.oom_killed.then(|| Ended {
        ending: Ending::OutOfMemory,
        reason: Some(detail.limits.memory.map_or_else(
            || "out of memory".to_owned(),
            |limit| format!("out of memory (limit {})", size::memory(limit)),
        )),
    })
}

/// The ending of a container by everything that the engine reports.
pub(crate) fn of_ended(detail: &ContainerDetail) -> Option<Ended> {
    found_by_inspect(detail).or_else(|| {
        let ended = matches!(
            detail.state.state,
            ContainerState::Exited | ContainerState::Dead
        );
        ended.then(|| detail.state.exit_code.map(of_exit_code))?
    })
}

/// The same in words, including why a container could not be started.
pub(crate) fn of_detail(detail: &ContainerDetail) -> Option<String> {
    detail.start_error().or_else(|| of_ended(detail)?.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failure_is_a_problem() {
        for (code, ending) in [
            (0, Ending::Finished),
            (1, Ending::Failed),
            (127, Ending::Failed),
            (130, Ending::Stopped),
            (137, Ending::Killed),
            (139, Ending::Failed),
            (143, Ending::Stopped),
        ] {
            assert_eq!(of_exit_code(code).ending, ending, "{code}");
        }
        let stop = Request::Stop { killed_after: None };
        assert_eq!(asked_for(Some(1), stop).ending, Ending::Stopped);
    }
}
