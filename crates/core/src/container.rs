//! Containers: list, detail, actions.

use std::time::Duration;

use futures_util::StreamExt as _;
use slipway_api::container::{
    ActionOutcome, ContainerAction, ContainerDetail, ContainerSnapshot, ContainerState,
    ContainerView, Ending, NetworkView, RestartPolicy,
};
use slipway_api::{ApiError, ErrorKind};
use slipway_engine::{self as domain, Changed, EngineError, ListFilter, RemoveContainer};
use tokio::time::timeout;

use crate::docker_run_line::docker_run_line_of;
use crate::end_request::{self, EndRequests};
use crate::error::{api_error, invalid};
use crate::machine::downtime::Downtimes;
use crate::machine::held_ports;
use crate::run::last_words::LastWords;
use crate::selection::Selected;
use crate::{Slipway, connection_string, exit_reason, run, view};

/// Limit of concurrent actions on containers.
const PARALLEL: usize = 8;
/// A one-off list inspects at most this many containers.
const MOST_INSPECTED: usize = 64;
/// A container that has run for this long no longer counts as restarting again and again. The window has the same
/// constant in `ui/src/features/containers/status.ts`.
const STABLE: Duration = Duration::from_mins(1);
/// Timeout for the end of a log; after that the container is shown without it.
const LAST_WORDS_DEADLINE: Duration = Duration::from_secs(2);

impl Slipway {
    /// The containers that are followed. Empty for a command, which calls [`Self::container_list`].
    pub fn containers(&self) -> ContainerSnapshot {
        self.store.snapshot()
    }

    /// Name of a container that is followed.
    pub fn container_name(&self, id: &str) -> Option<String> {
        self.store.get(id).map(|view| view.name)
    }

    /// Asks the engine for its containers, newest first; stopped ones only if `all`.
    pub async fn container_list(&self, all: bool) -> Result<Vec<ContainerView>, ApiError> {
        let selected = self.selected().await?;
        let filter = ListFilter {
            all,
            ..ListFilter::default()
        };
        let host = view::engine_host(&selected.endpoint);
        let containers = selected
            .engine
            .list_containers(&filter)
            .await
            .map_err(|error| api_error(&error))?;
        let held = self.held_ports(&selected.endpoint).await;
        let mut views: Vec<ContainerView> = containers
            .into_iter()
            .map(|container| {
                let mut view = view::container(container, host);
                held_ports::put_in(&mut view, &held);
                view
            })
            .collect();
        let mut ended = views.clone();
        ended.retain(end_request::may_have_been_asked_for);
        let mut requests = EndRequests::default();
        if !ended.is_empty() {
            requests.recall(&selected.engine, &ended).await;
            for view in &mut views {
                requests.put_in(view);
            }
        }
        let downtimes = Downtimes::of(&self.environment, &selected.endpoint).await;
        let unexplained = |view: &ContainerView| {
            !requests.has_heard_the_end_of(&view.id) && downtimes.may_explain(view)
        };
        find_out(&selected.engine, &mut views, &downtimes, unexplained).await;
        Ok(views)
    }

    /// Everything about one container, by id or name.
    pub async fn container_detail(&self, id: &str) -> Result<ContainerDetail, ApiError> {
        let selected = self.selected().await?;
        let detail = selected
            .engine
            .inspect_container(id)
            .await
            .map_err(|error| api_error(&error))?;
        if let Some(session) = &self.session {
            if let Some(ended) = exit_reason::found_by_inspect(&detail) {
                session.tell(self.store.set_end(&detail.id, ended));
            }
            if detail.restart_count > 0 && view::is_up(view::state(&detail.state.state)) {
                let count = u32::try_from(detail.restart_count).unwrap_or(u32::MAX);
                session.tell(self.store.set_restart_count(&detail.id, count));
            }
        }
        let image = match &detail.image_id {
            Some(id) => selected.engine.inspect_image(id).await.ok(),
            None => None,
        };
        let mut container = view::inspected(&detail, view::engine_host(&selected.endpoint));
        if let Some(listed) = self.store.get(&detail.id) {
            let same_end =
                (container.state, container.exit_code) == (listed.state, listed.exit_code);
            let asked_for = matches!(listed.ending, Some(Ending::Stopped | Ending::Killed));
            let is_fact = matches!(
                container.ending,
                Some(Ending::OutOfMemory | Ending::NotStarted)
            );
            if same_end && asked_for && !is_fact {
                container.ending = listed.ending;
                container.reason = listed.reason;
            }
            container.status = listed.status;
            container.last_exit_code = listed.last_exit_code;
        } else if end_request::may_have_been_asked_for(&container) {
            let mut requests = EndRequests::default();
            requests
                .recall(&selected.engine, std::slice::from_ref(&container))
                .await;
            requests.put_in(&mut container);
        }
        let downtimes = Downtimes::of(&self.environment, &selected.endpoint).await;
        if let Some(ended) = downtimes.explain(&detail) {
            ended.put_in(&mut container);
        }
        let mut view = detail_view(&detail, container, image.as_ref());
        if exit_reason::is_problem(&view.container) || restarts_again_and_again(&detail) {
            let last_words = LastWords::of(&selected.engine, &detail);
            view.last_lines = timeout(LAST_WORDS_DEADLINE, last_words)
                .await
                .ok()
                .map(|last_words| last_words.text())
                .filter(|text| !text.trim().is_empty());
        }
        let held = self.held_ports(&selected.endpoint).await;
        held_ports::put_in(&mut view.container, &held);
        let entry = view::catalog_entry(
            detail.labels.get(view::CATALOG_LABEL).map(String::as_str),
            &detail.image,
        );
        let host = view::engine_host(&selected.endpoint);
        view.connections = connection_string::of(entry, &detail, &view.container, host);
        Ok(view)
    }

    /// The engine's complete description of a container, as received.
    pub async fn container_raw(&self, id: &str) -> Result<serde_json::Value, ApiError> {
        let selected = self.selected().await?;
        let detail = selected
            .engine
            .inspect_container(id)
            .await
            .map_err(|error| api_error(&error))?;
        Ok(detail.raw)
    }

    /// Applies one action to many containers (ids or names), several at a time. Each has its own outcome.
    pub async fn container_act(
        &self,
        ids: &[String],
        action: ContainerAction,
    ) -> Result<Vec<ActionOutcome>, ApiError> {
        let Selected { engine, endpoint } = self.selected().await?;
        let local = view::is_local(&endpoint);
        let one = |id: String| {
            let engine = engine.clone();
            async move {
                let result = act(&engine, &id, action).await;
                let name = self.container_name(&id).unwrap_or_else(|| id.clone());
                match result {
                    Ok(changed) => ActionOutcome {
                        id,
                        name,
                        changed,
                        error: None,
                    },
                    Err(error) => {
                        if matches!(action, ContainerAction::Start | ContainerAction::Restart) {
                            self.learn_end(&engine, &id).await;
                        }
                        ActionOutcome {
                            error: Some(explain(&engine, local, &id, &error).await),
                            id,
                            name,
                            changed: false,
                        }
                    }
                }
            }
        };
        Ok(futures_util::stream::iter(ids.to_vec())
            .map(one)
            .buffered(PARALLEL)
            .collect()
            .await)
    }

    /// Makes the reason of a failed start known to the list.
    async fn learn_end(&self, engine: &domain::Engine, id: &str) {
        let Some(session) = &self.session else { return };
        if let Ok(detail) = engine.inspect_container(id).await
            && let Some(ended) = exit_reason::found_by_inspect(&detail)
        {
            session.tell(self.store.set_end(&detail.id, ended));
        }
    }

    /// Renames a container.
    pub async fn container_rename(&self, id: &str, name: &str) -> Result<(), ApiError> {
        let name = name.trim();
        run::check_name(name).map_err(|(message, hint)| invalid(message, hint))?;
        let selected = self.selected().await?;
        match selected.engine.rename_container(id, name).await {
            Ok(()) => Ok(()),
            // The engine refuses to rename a container to its current name; for the user, that is a success.
            Err(error) => {
                let old = match self.container_name(id) {
                    Some(old) => Some(old),
                    None => selected
                        .engine
                        .inspect_container(id)
                        .await
                        .ok()
                        .map(|detail| detail.name),
                };
                if old.is_some_and(|old| old == name) {
                    Ok(())
                } else {
                    Err(api_error(&error))
                }
            }
        }
    }
}

/// Whether its restart policy restarts it again and again: it is waiting for that, or was started a moment ago.
fn restarts_again_and_again(detail: &domain::ContainerDetail) -> bool {
    let state = &detail.state;
    let just_started = state.started_at.is_some_and(|at| at.elapsed() < STABLE);
    state.state == domain::ContainerState::Restarting
        || (detail.restart_count > 0
            && state.state == domain::ContainerState::Running
            && just_started)
}

/// Inspects a few containers for what a list lacks: whether memory ran out, and how often they were restarted.
async fn find_out(
    engine: &domain::Engine,
    views: &mut [ContainerView],
    downtimes: &Downtimes,
    unexplained: impl Fn(&ContainerView) -> bool,
) {
    let asked = views.iter_mut().filter(|view| {
        (exit_reason::needs_inspect(view) && view.ending != Some(Ending::Stopped))
            || view.state == ContainerState::Restarting
            || unexplained(view)
    });
    let inquiries = asked.take(MOST_INSPECTED).map(|view| async move {
        let Ok(detail) = engine.inspect_container(&view.id).await else {
            return;
        };
        if view.state == ContainerState::Restarting {
            view.restart_count = u32::try_from(detail.restart_count).ok();
        } else if let Some(ended) =
            exit_reason::found_by_inspect(&detail).or_else(|| downtimes.explain(&detail))
        {
            ended.put_in(view);
        }
    });
    let _: Vec<()> = futures_util::stream::iter(inquiries)
        .buffered(PARALLEL)
        .collect()
        .await;
}

/// Explains why an action failed, with what Slipway can find out about it.
async fn explain(engine: &domain::Engine, local: bool, id: &str, error: &EngineError) -> ApiError {
    if let EngineError::PortTaken {
        port: Some(port),
        host_ip,
        ..
    } = error
    {
        // The engine does not say whether the port is TCP or UDP; the container's configuration does.
        let mut wanted: Vec<_> = match engine.inspect_container(id).await {
            Ok(detail) => detail
                .configured_ports
                .iter()
                .flat_map(|configured| {
                    configured
                        .bindings
                        .iter()
                        .map(|(ip, host_port)| (*ip, *host_port, configured.protocol))
                })
                .filter(|(_, host_port, _)| *host_port == Some(*port))
                .map(|(ip, _, protocol)| (ip.or(*host_ip), protocol))
                .collect(),
            Err(_) => Vec::new(),
        };
        if wanted.is_empty() {
            wanted.push((*host_ip, domain::Protocol::Tcp));
        }
        let (_, taken) = run::port::describe_taken(engine, local, wanted, *port, Some(id)).await;
        return ApiError {
            kind: ErrorKind::PortTaken,
            message: taken.message,
            hint: Some("Stop what holds the port, then start this container again".to_owned()),
            detail: Some(error.to_string()),
        };
    }
    api_error(error)
}

async fn act(
    engine: &domain::Engine,
    id: &str,
    action: ContainerAction,
) -> Result<bool, EngineError> {
    let changed = match action {
        ContainerAction::Start => engine.start_container(id).await?,
        ContainerAction::Stop => engine.stop_container(id, None).await?,
        ContainerAction::Restart => {
            engine.restart_container(id, None).await?;
            Changed::Yes
        }
        ContainerAction::Pause => {
            engine.pause_container(id).await?;
            Changed::Yes
        }
        ContainerAction::Unpause => {
            engine.unpause_container(id).await?;
            Changed::Yes
        }
        ContainerAction::Kill => {
            engine.kill_container(id, None).await?;
            Changed::Yes
        }
        ContainerAction::Remove => {
            // Volumes are kept, also anonymous ones: their content could not be restored.
            let how = RemoveContainer {
                force: true,
                volumes: false,
            };
            engine.remove_container(id, how).await?;
            Changed::Yes
        }
    };
    Ok(changed == Changed::Yes)
}

fn detail_view(
    detail: &domain::ContainerDetail,
    container: ContainerView,
    image: Option<&domain::ImageDetail>,
) -> ContainerDetail {
    let variables = detail.env.iter().map(|line| view::shown_variable(line));
    let entry = view::catalog_entry(
        detail.labels.get(view::CATALOG_LABEL).map(String::as_str),
        &detail.image,
    );
    let note = connection_string::note(entry, detail, &container, true);
    let plan = run::plan_of(detail, &container, image);
    ContainerDetail {
        docker_run: docker_run_line_of(&plan, detail, image, false),
        docker_run_full: docker_run_line_of(&plan, detail, image, true),
        command: detail
            .entrypoint
            .iter()
            .chain(&detail.command)
            .cloned()
            .collect(),
        working_dir: detail.working_dir.clone().unwrap_or_default(),
        user: detail.user.clone().unwrap_or_default(),
        hostname: detail.hostname.clone().unwrap_or_default(),
        restart: restart_policy(&detail.restart_policy),
        memory_limit: detail.limits.memory,
        cpu_limit: detail.limits.nano_cpus.map(nano_cpus_to_cpus),
        networks: detail
            .networks
            .iter()
            .map(|network| NetworkView {
                name: network.network.clone(),
                ip_address: network.ipv4.or(network.ipv6).map(|ip| ip.to_string()),
            })
            .collect(),
        labels: detail
            .labels
            .iter()
            .map(|(name, value)| slipway_api::container::EnvVar {
                name: name.clone(),
                value: value.clone(),
            })
            .collect(),
        started_at: detail.state.started_at.map(|at| at.to_string()),
        finished_at: detail.state.finished_at.map(|at| at.to_string()),
        restart_count: u32::try_from(detail.restart_count).unwrap_or(u32::MAX),
        tty: detail.tty,
        platform: detail.platform.clone(),
        health_output: detail
            .state
            .health
            .as_ref()
            .and_then(|health| health.last_output.clone()),
        start_error: detail.start_error(),
        last_lines: None,
        note,
        // Where its ports are bound is filled in later.
        connections: Vec::new(),
        env: variables.collect(),
        container,
    }
}

pub(crate) fn restart_policy(policy: &domain::RestartPolicy) -> RestartPolicy {
    match policy {
        domain::RestartPolicy::No => RestartPolicy::No,
        domain::RestartPolicy::Always => RestartPolicy::Always,
        domain::RestartPolicy::UnlessStopped => RestartPolicy::UnlessStopped,
        domain::RestartPolicy::OnFailure { .. } => RestartPolicy::OnFailure,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a number of CPUs has few digits"
)]
pub(crate) fn nano_cpus_to_cpus(nano: u64) -> f64 {
    nano as f64 / 1e9
}
