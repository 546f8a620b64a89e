//! Tells containers that ended because the machine's engine went down from those that ended by themselves.

use slipway_api::container::{ContainerState, ContainerView, Ending};
use slipway_engine::{ContainerDetail, Endpoint, Environment, Timestamp};
use slipway_machine::{Downtime, downtimes};

use crate::blocking::blocking;
use crate::exit_reason::{self, Ended, Request};
use crate::selection;

const MINUTE: u64 = 60_000;

/// When the engine of the machine was down. Empty for other engines.
#[derive(Debug, Default)]
pub(crate) struct Downtimes(Vec<Downtime>);

impl Downtimes {
    pub(crate) async fn of(environment: &Environment, endpoint: &Endpoint) -> Self {
        if !selection::is_machines(environment, endpoint) {
            return Self::default();
        }
        let Ok(client) = super::client() else {
            return Self::default();
        };
        let paths = client.paths().clone();
        Self(blocking(move || downtimes(&paths)).await)
    }

    /// Whether inspecting this container may show that it ended with the machine. A list has rounded times only: "2
    /// hours ago" is up to an hour more.
    pub(crate) fn may_explain(&self, view: &ContainerView) -> bool {
        if view.state != ContainerState::Exited || view.ending == Some(Ending::OutOfMemory) {
            return false;
        }
        let Some(at) = view
            .since
            .as_deref()
            .and_then(|since| Timestamp::parse(since.as_bytes()))
            .map(milliseconds)
        else {
            return !self.0.is_empty();
        };
        let age = milliseconds(Timestamp::now()).saturating_sub(at);
        let earliest = at.saturating_sub(age + MINUTE);
        self.0
            .iter()
            .any(|down| down.overlaps(earliest, at + MINUTE))
    }

    /// How the container ended, if it was with the machine. An end that inspect explains is not inferred.
    pub(crate) fn explain(&self, detail: &ContainerDetail) -> Option<Ended> {
        if exit_reason::found_by_inspect(detail).is_some()
            || exit_reason::of_ended(detail).is_none()
        {
            return None;
        }
        let started = milliseconds(detail.state.started_at?);
        let ended = milliseconds(detail.state.finished_at?);
        self.0
            .iter()
            .any(|down| down.ended(started, ended))
            .then(|| exit_reason::asked_for(None, Request::MachineStop))
    }
}

fn milliseconds(at: Timestamp) -> u64 {
    u64::try_from(at.unix_nanos() / 1_000_000).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use slipway_testkit::Engine as Dockerd;

    use super::*;
    use crate::container_store::tests::view;

    fn since(at: &str) -> ContainerView {
        let mut view = view("a", "web");
        view.state = ContainerState::Exited;
        view.since = Some(at.to_owned());
        view
    }

    #[test]
    fn only_an_end_that_may_be_in_a_downtime_is_inspected() {
        let now = milliseconds(Timestamp::now());
        let hour = 3_600_000;
        let down = |ago: u64| {
            Downtimes(vec![Downtime {
                from_ms: now - ago,
                until_ms: Some(now - ago + 20_000),
            }])
        };
        let at =
            Timestamp::from_unix_nanos(i64::try_from(now - 2 * hour).expect("a time") * 1_000_000);
        let listed = since(&at.to_string());
        assert!(down(2 * hour).may_explain(&listed));
        assert!(down(2 * hour + hour / 2).may_explain(&listed));
        assert!(!down(hour).may_explain(&listed));
        assert!(!down(6 * hour).may_explain(&listed));
        assert!(!Downtimes::default().may_explain(&listed));
        let mut running = listed;
        running.state = ContainerState::Running;
        assert!(!down(2 * hour).may_explain(&running));
    }

    /// Any exit code may be that of a stop; memory that ran out is never hidden by it.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_ended_in_a_downtime_was_stopped_with_the_machine() {
        let dockerd = Dockerd::start().expect("an engine");
        for sample in ["slipway/busybox:latest", "slipway/oom:latest"] {
            dockerd.load_sample(sample).expect("a sample");
        }
        let run = |name: &str, what: &[&str]| {
            // Its end may be a failure, which the command reports.
            let _ = dockerd.docker(&[&["run", "--name", name][..], what].concat());
        };
        run("done", &["slipway/busybox", "sleep", "0.2"]);
        run(
            "failed",
            &["slipway/busybox", "sh", "-c", "sleep 0.2; exit 3"],
        );
        run("hungry", &["--memory", "16m", "slipway/oom"]);
        let endpoint = Endpoint::at(dockerd.host().parse().expect("an address"));
        let engine = slipway_engine::Engine::connect(&endpoint)
            .await
            .expect("it answers");
        let mut told = Vec::new();
        for name in ["done", "failed", "hungry"] {
            let detail = engine.inspect_container(name).await.expect("it exists");
            let started = milliseconds(detail.state.started_at.expect("it started"));
            let at = |from_ms| {
                let down = Downtime {
                    from_ms,
                    until_ms: None,
                };
                let ended = Downtimes(vec![down]).explain(&detail);
                ended.and_then(|ended| ended.reason)
            };
            told.push((at(started + 1_100), at(started)));
        }
        let with_it = Some("stopped with the machine".to_owned());
        let stopped = (with_it, None);
        assert_eq!(told, [stopped.clone(), stopped, (None, None)]);
    }
}
