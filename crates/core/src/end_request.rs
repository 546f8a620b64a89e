//! Tracks which containers ended because somebody asked for it.
//!
//! The exit code does not tell: 137 is a stop that took longer than its grace period, `docker kill`, or the kernel. The
//! engine's events do. A stop is `kill` with the stop signal, after the grace period `kill` with SIGKILL, `die`,
//! `stop`; Podman sends `stop` and `die`, in either order, and no `stop` when its cleanup is quicker.

use std::collections::HashMap;
use std::time::Duration;

use slipway_api::container::{ContainerState, ContainerView, Ending};
use slipway_engine::{Action, Engine, Event, Subject, Timestamp};

use crate::exit_reason::{self, Request};

/// Limit of remembered containers; beyond it all are forgotten, and exit codes alone decide.
const MOST: usize = 4096;
/// A signal explains an end that follows within this time.
const SOON: Duration = Duration::from_mins(1);
/// How far back the engine's past events are requested.
const REMEMBERED: Duration = Duration::from_hours(7 * 24);
/// An end is asked for at most so long before it comes: a grace period, and what clocks differ by.
const BEFORE: Duration = Duration::from_mins(10);
const KILL: u32 = 9;
/// SIGHUP is missing: it often tells a program to reload its configuration.
const ENDING_SIGNALS: [u32; 4] = [2, 3, KILL, 15];

/// Whether the exit code allows that somebody asked for the end.
pub(crate) fn may_have_been_asked_for(view: &ContainerView) -> bool {
    matches!(view.ending, Some(Ending::Failed | Ending::Killed))
}

/// The events of one engine's containers.
#[derive(Default)]
pub(crate) struct EndRequests {
    heard: HashMap<String, Heard>,
}

/// The events of one container since it was last started. Times are nanoseconds by the engine's clock.
#[derive(Default)]
struct Heard {
    /// The first signal of the latest request.
    signal: Option<(i64, u32)>,
    /// The time of a SIGKILL.
    killed: Option<i64>,
    stopped: Option<i64>,
    died: Option<Died>,
    /// Exit code of the previous run, if nobody asked for its end.
    before: Option<i32>,
}

struct Died {
    at: i64,
    exit_code: Option<i64>,
}

impl EndRequests {
    /// Applies an event. Returns whether it began a run after one that ended by itself, as a restart policy does.
    pub(crate) fn hear(&mut self, event: &Event) -> bool {
        if event.subject != Subject::Container {
            return false;
        }
        if self.heard.len() >= MOST {
            self.heard.clear();
        }
        let at = event.at.unwrap_or_else(Timestamp::now).unix_nanos();
        match &event.action {
            Action::Kill { signal } => {
                let heard = self.heard.entry(event.id.clone()).or_default();
                let signal = signal.unwrap_or_default();
                if heard.signal.is_none() || (signal != KILL && heard.killed.is_none()) {
                    heard.signal = Some((at, signal));
                }
                if signal == KILL {
                    heard.killed.get_or_insert(at);
                }
            }
            Action::Stop => {
                self.heard.entry(event.id.clone()).or_default().stopped = Some(at);
            }
            Action::Die { exit_code } => {
                self.heard.entry(event.id.clone()).or_default().died = Some(Died {
                    at,
                    exit_code: *exit_code,
                });
            }
            Action::Start => {
                let before = self.heard.remove(&event.id).and_then(|heard| {
                    let died = heard.died.as_ref().filter(|_| heard.request().is_none())?;
                    i32::try_from(died.exit_code?).ok()
                });
                if before.is_some() {
                    let heard = Heard {
                        before,
                        ..Heard::default()
                    };
                    self.heard.insert(event.id.clone(), heard);
                    return true;
                }
            }
            Action::Remove => {
                self.heard.remove(&event.id);
            }
            _ => {}
        }
        false
    }

    /// Takes in what the engine remembers of the ends of containers.
    pub(crate) async fn recall(&mut self, engine: &Engine, ended: &[ContainerView]) {
        let now = Timestamp::now().unix_nanos();
        let earliest = now - nanos(REMEMBERED);
        let since = ended
            .iter()
            .filter_map(|view| Timestamp::parse(view.since.as_deref()?.as_bytes()))
            // A list says "2 hours ago" of what ended almost 3 hours ago.
            .map(|at| now - 2 * (now - at.unix_nanos()).clamp(0, nanos(REMEMBERED)) - nanos(BEFORE))
            .min()
            .unwrap_or(earliest)
            .max(earliest);
        let mut past = Self::default();
        for event in engine
            .past_container_events(Timestamp::from_unix_nanos(since))
            .await
        {
            past.hear(&event);
        }
        self.take_in(past);
    }

    /// Takes in what somebody else heard, where that is newer.
    fn take_in(&mut self, past: Self) {
        let died = |heard: &Heard| heard.died.as_ref().map(|died| died.at);
        for (id, heard) in past.heard {
            match self.heard.get(&id) {
                Some(known) if died(known) > died(&heard) => {}
                _ => {
                    self.heard.insert(id, heard);
                }
            }
        }
    }

    /// Whether an event reported the end of a container.
    pub(crate) fn has_heard_the_end_of(&self, id: &str) -> bool {
        self.heard.get(id).is_some_and(|heard| heard.died.is_some())
    }

    /// Adds what events said to a view. Returns whether the end was asked for.
    pub(crate) fn put_in(&self, view: &mut ContainerView) -> bool {
        let Some(heard) = self.heard.get(&view.id) else {
            return false;
        };
        match view.state {
            ContainerState::Running | ContainerState::Restarting => {
                view.last_exit_code = view.exit_code.or(heard.before);
                false
            }
            ContainerState::Exited => {
                let (Some(request), Some(died)) = (heard.request(), &heard.died) else {
                    return false;
                };
                let same_end = match (died.exit_code, view.exit_code) {
                    (Some(heard), Some(listed)) => heard == i64::from(listed),
                    _ => true,
                };
                if same_end {
                    exit_reason::asked_for(view.exit_code, request).put_in(view);
                }
                same_end
            }
            _ => false,
        }
    }
}

impl Heard {
    /// The request that explains the end, if there is one.
    fn request(&self) -> Option<Request> {
        let died = self.died.as_ref()?.at;
        let is_soon = |at: i64| near(at, died) <= SOON;
        let stopped = self.stopped.is_some_and(is_soon);
        match (self.signal, self.killed.filter(|at| is_soon(*at))) {
            (Some((at, signal)), Some(killed)) if signal != KILL => Some(Request::Stop {
                killed_after: Some(near(at, killed)),
            }),
            (_, Some(_)) if !stopped => Some(Request::Kill),
            (Some((at, signal)), None) if ENDING_SIGNALS.contains(&signal) && is_soon(at) => {
                Some(Request::Stop { killed_after: None })
            }
            _ => stopped.then_some(Request::Stop { killed_after: None }),
        }
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

fn near(a: i64, b: i64) -> Duration {
    Duration::from_nanos(a.abs_diff(b))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::container_store::tests::view;

    const KILLED: Action = Action::Kill { signal: Some(KILL) };
    const TERMINATED: Action = Action::Kill { signal: Some(15) };
    const fn died(code: i64) -> Action {
        Action::Die {
            exit_code: Some(code),
        }
    }

    fn hear(requests: &mut EndRequests, second: i64, action: Action) -> bool {
        requests.hear(&Event {
            at: Timestamp::from_unix_seconds(1_000 + second),
            subject: Subject::Container,
            action,
            id: "a".to_owned(),
            name: None,
            attributes: BTreeMap::new(),
        })
    }

    /// Events with their seconds, the exit code in the list, and the expected reason.
    #[track_caller]
    fn check(events: &[(i64, Action)], code: i32, told: Option<(Ending, &str)>) {
        let mut requests = EndRequests::default();
        for (second, action) in events {
            hear(&mut requests, *second, action.clone());
        }
        let mut ended = view("a", "web");
        ended.state = ContainerState::Exited;
        ended.exit_code = Some(code);
        let asked = requests.put_in(&mut ended);
        let seen = ended.ending.zip(ended.reason.as_deref());
        assert_eq!(seen, told, "{events:?}");
        assert_eq!(asked, told.is_some());
    }

    #[test]
    fn a_stop_is_told_from_an_end_of_its_own() {
        let stopped = |reason| Some((Ending::Stopped, reason));
        // Docker: in time, with a code of its own, and after the grace period.
        check(
            &[(0, TERMINATED), (1, died(0)), (1, Action::Stop)],
            0,
            stopped("stopped"),
        );
        check(&[(0, TERMINATED), (1, died(1))], 1, stopped("stopped"));
        check(
            &[
                (0, TERMINATED),
                (10, KILLED),
                (10, died(137)),
                (10, Action::Stop),
            ],
            137,
            stopped("stopped (killed after 10 s)"),
        );
        // A stop signal of the image's own.
        let winch = Action::Kill { signal: Some(28) };
        check(
            &[(0, winch.clone()), (1, died(0)), (1, Action::Stop)],
            0,
            stopped("stopped"),
        );
        check(&[(0, winch), (1, died(1))], 1, None);
        // Podman.
        for order in [[0, 1], [1, 0]] {
            let mut events = [(0, died(137)), (1, Action::Stop)];
            events.sort_by_key(|(second, _)| order[usize::try_from(*second).unwrap_or_default()]);
            check(&events, 137, stopped("stopped (killed)"));
        }
    }

    #[test]
    fn a_kill_by_a_person_is_no_problem_and_an_end_by_itself_may_be() {
        check(
            &[(0, KILLED), (0, died(137))],
            137,
            Some((Ending::Killed, "killed")),
        );
        check(&[(0, died(137))], 137, None);
        check(&[(0, died(1))], 1, None);
        // A program that ignored SIGTERM and failed much later; one that reloaded and was killed by something else.
        check(&[(0, TERMINATED), (600, died(1))], 1, None);
        check(
            &[(0, Action::Kill { signal: Some(1) }), (5, died(137))],
            137,
            None,
        );
        // The list reports another end than the events.
        check(&[(0, TERMINATED), (1, died(0))], 3, None);
        // A previous run does not count.
        check(
            &[
                (0, TERMINATED),
                (1, died(143)),
                (1, Action::Stop),
                (2, Action::Start),
                (3, died(1)),
            ],
            1,
            None,
        );
    }

    #[test]
    fn an_older_memory_replaces_nothing_newer() {
        let mut requests = EndRequests::default();
        hear(&mut requests, 100, died(137));
        let mut past = EndRequests::default();
        hear(&mut past, 0, TERMINATED);
        hear(&mut past, 10, died(137));
        requests.take_in(past);
        let mut ended = view("a", "web");
        ended.state = ContainerState::Exited;
        ended.exit_code = Some(137);
        assert!(!requests.put_in(&mut ended), "{ended:?}");

        let mut past = EndRequests::default();
        hear(&mut past, 195, TERMINATED);
        hear(&mut past, 200, died(137));
        requests.take_in(past);
        assert!(requests.put_in(&mut ended), "{ended:?}");
    }

    #[test]
    fn a_start_after_an_end_by_itself_keeps_its_code() {
        let mut requests = EndRequests::default();
        hear(&mut requests, 0, died(3));
        assert!(hear(&mut requests, 1, Action::Start));
        let mut running = view("a", "web");
        requests.put_in(&mut running);
        assert_eq!(running.last_exit_code, Some(3));
        hear(&mut requests, 2, TERMINATED);
        hear(&mut requests, 3, died(3));
        assert!(!hear(&mut requests, 4, Action::Start));
        let mut running = view("a", "web");
        requests.put_in(&mut running);
        assert_eq!(running.last_exit_code, None);
    }
}
