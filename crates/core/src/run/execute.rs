//! Runs a plan: check, pull, create, start, wait. A failure after the container was created removes it again.

use std::collections::BTreeMap;
use std::time::Duration;

use slipway_api::catalog::ConnectionString;
use slipway_api::container::{ContainerView, MountKind};
use slipway_api::run::{PlanFinding, RunEvent, RunFailure, RunOutcome, RunPlan, RunStep};
use slipway_api::{ApiError, ErrorKind};
use slipway_catalog::{Catalog, Entry, ImageReference};
use slipway_engine::{
    Container, ContainerDetail, ContainerSpec, ContainerState, CreatedContainer, Engine,
    EngineError, Health, ImageDetail, ListFilter, Port, Product, Protocol, PublishedPort,
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::blocking::blocking;
use crate::error::{api_error, cancelled};
use crate::machine::held_ports;
use crate::run::check::{
    Present, free_name, limit_findings, missing_env, missing_network, only_there, volume_news,
};
use crate::run::draft::LOOK_DEADLINE;
use crate::run::field::{field_of, said};
use crate::run::last_words::LastWords;
use crate::run::port::{HostPorts, describe_taken, settle};
use crate::run::undo::{self, Made, Undo, may_be_done, remove};
use crate::run::{draft, readiness, spec};
use crate::selection::Selected;
use crate::view::RUN_LABEL;
use crate::{Slipway, connection_string, exit_reason, image, shipped_image, view, web_page};

/// How long a container may take to answer before the run ends with "running, but does not answer yet".
const READY_DEADLINE: Duration = Duration::from_secs(90);
/// A container without ports and health check counts as running after this long.
const SETTLED: Duration = Duration::from_millis(700);
const POLL: Duration = Duration::from_millis(150);
/// How often a port or a name may turn out to be taken between check and start; more often is no coincidence.
const MAX_TRIES: usize = 5;

impl Slipway {
    /// Runs a plan to the end. `emit` receives every step. Cancelling undoes what was done.
    pub async fn run(
        &self,
        plan: RunPlan,
        cancel: &CancellationToken,
        emit: impl Fn(RunEvent) + Send + Sync,
    ) -> Result<RunOutcome, RunFailure> {
        let nothing_done = |error| RunFailure {
            error,
            undone: Vec::new(),
            field: None,
        };
        let selected = self.selected().await.map_err(nothing_done)?;
        let id = undo::run_id().map_err(nothing_done)?;
        let entry = plan
            .catalog
            .as_deref()
            .and_then(|slug| Catalog::bundled().entry(slug))
            .or_else(|| web_page::entry_of_image(&plan.image));
        let mut run = Run {
            selected,
            id,
            plan,
            entry,
            in_window: self.session.is_some(),
            name: String::new(),
            emit: &emit,
            notices: Vec::new(),
            made: Made::Nothing,
            field: None,
            detail: None,
        };
        let result = tokio::select! {
            result = run.execute(cancel) => result,
            () = cancel.cancelled() => Err(cancelled()),
        };
        match result {
            Ok(mut outcome) => {
                let held = self.held_ports(&run.selected.endpoint).await;
                held_ports::put_in(&mut outcome.container, &held);
                outcome.url = run.url(&outcome.container);
                outcome.connections = run.connections(&outcome.container);
                Ok(outcome)
            }
            Err(error) => Err(RunFailure {
                field: run
                    .field
                    .take()
                    .filter(|_| error.kind != ErrorKind::Cancelled),
                undone: run
                    .undo()
                    .run(self.session.is_some(), &self.operations)
                    .await,
                error,
            }),
        }
    }
}

struct Run<'a, E> {
    selected: Selected,
    /// The label by which this run's container is found on the engine.
    id: String,
    plan: RunPlan,
    entry: Option<&'static Entry>,
    /// Whether secrets in notes are masked: a window shows them only on request, a terminal always.
    in_window: bool,
    /// The name last tried; a plan may leave it to Slipway.
    name: String,
    emit: &'a E,
    notices: Vec<String>,
    made: Made,
    /// The field of the plan that the error is about.
    field: Option<String>,
    /// The container as it was when the run succeeded.
    detail: Option<ContainerDetail>,
}

impl<E: Fn(RunEvent) + Send + Sync> Run<'_, E> {
    fn engine(&self) -> &Engine {
        &self.selected.engine
    }

    fn step(&self, step: RunStep) {
        (self.emit)(RunEvent::Step { step });
    }

    fn notice(&mut self, message: String) {
        (self.emit)(RunEvent::Notice {
            message: message.clone(),
        });
        self.notices.push(message);
    }

    async fn execute(&mut self, cancel: &CancellationToken) -> Result<RunOutcome, ApiError> {
        self.step(RunStep::Check);
        let (reference, mut spec) = match spec::read(&self.plan) {
            Ok(read) => read,
            Err(findings) => return Err(self.refused(findings)),
        };
        let mut findings = missing_env(&self.plan);
        // Without a required value, the image would be pulled and started only to exit at once.
        findings.extend(limit_findings(&self.plan, self.engine().info()));
        if self.plan.network.is_some() {
            // An engine that does not tell its networks in time refuses a missing one itself.
            let engine = self.engine().with_deadline(LOOK_DEADLINE);
            let networks = Box::pin(engine.list_networks()).await.unwrap_or_default();
            findings.extend(missing_network(&self.plan, &networks));
        }
        findings.retain(|finding| finding.blocking);
        if !findings.is_empty() {
            return Err(self.refused(findings));
        }
        if self.plan.from_image {
            let image = self.have_image(&reference, cancel).await?;
            self.add_declared(&reference, image).await;
            spec = match spec::read(&self.plan) {
                Ok((_, spec)) => spec,
                Err(findings) => return Err(self.refused(findings)),
            };
        }
        if self.engine().info().product == Product::Docker {
            // The short form, as a user would type it and as `docker ps` shows it. Podman needs the registry in the
            // name.
            spec.image = reference.familiar();
        }
        spec.labels.insert(RUN_LABEL.to_owned(), self.id.clone());
        spec.volume_labels = BTreeMap::from([(RUN_LABEL.to_owned(), self.id.clone())]);
        let containers = self.containers().await?;
        let own_name = self.choose_name(&mut spec, &reference, &containers)?;
        self.choose_ports(&mut spec, &containers).await?;
        self.tell_of_volumes().await;
        if !self.plan.from_image {
            self.have_image(&reference, cancel).await?;
        }
        let mut tries = 0;
        let id = loop {
            tries += 1;
            self.step(RunStep::Create);
            let id = self.create(&mut spec, own_name).await?;
            self.step(RunStep::Start);
            match self.engine().start_container(&id).await {
                Ok(_) => break id,
                Err(error @ EngineError::PortTaken { .. }) => {
                    self.dodge_port(&mut spec, &id, &error, tries).await?;
                }
                Err(error) => {
                    self.field = field_of(&self.plan, &error);
                    return Err(start_error(&reference, &self.selected, &error));
                }
            }
        };
        self.step(RunStep::Wait);
        let outcome = self.wait(&reference, &id).await?;
        self.made = Made::Nothing;
        Ok(outcome)
    }

    /// Adds what the image declares to the plan, of which nothing was known when the plan was made.
    async fn add_declared(&mut self, reference: &ImageReference, image: ImageDetail) {
        let present = Present::on(self.engine()).await;
        let local = view::is_local(&self.selected.endpoint);
        let (mut plan, reference) = (self.plan.clone(), reference.clone());
        self.plan = blocking(move || {
            draft::add_declared(&mut plan, &reference, &image, &present, local);
            plan
        })
        .await;
    }

    /// The first blocking finding, as the error of the run.
    fn refused(&mut self, findings: Vec<PlanFinding>) -> ApiError {
        // A plan is only refused with at least one finding.
        let first = findings.into_iter().next();
        let (message, hint) = first
            .map(|finding| {
                self.field = Some(finding.field);
                (finding.message, finding.hint)
            })
            .unwrap_or_default();
        crate::error::invalid(message, hint)
    }

    async fn containers(&self) -> Result<Vec<Container>, ApiError> {
        let everything = ListFilter {
            all: true,
            ..ListFilter::default()
        };
        self.engine()
            .list_containers(&everything)
            .await
            .map_err(|error| api_error(&error))
    }

    /// Returns whether the name was chosen by Slipway, and so may be changed.
    fn choose_name(
        &mut self,
        spec: &mut ContainerSpec,
        reference: &ImageReference,
        containers: &[Container],
    ) -> Result<bool, ApiError> {
        if let Some(name) = &spec.name {
            if let Some(holder) = containers.iter().find(|container| container.name == *name) {
                self.field = Some("name".to_owned());
                return Err(name_taken(name, holder, containers));
            }
            return Ok(false);
        }
        let base = self.entry.map_or_else(
            || reference.short_name().to_owned(),
            |entry| entry.slug.clone(),
        );
        let base = if crate::run::check_name(&base).is_ok() {
            base
        } else {
            "container".to_owned()
        };
        spec.name = Some(free_name(&base, containers));
        Ok(true)
    }

    /// Replaces host ports that are taken, unless they are fixed.
    async fn choose_ports(
        &mut self,
        spec: &mut ContainerSpec,
        containers: &[Container],
    ) -> Result<(), ApiError> {
        let endpoint = &self.selected.endpoint;
        let local = view::is_local(endpoint);
        let is_loopback = |port: &PublishedPort| port.host_ip.is_some_and(|ip| ip.is_loopback());
        if !local && spec.published_ports.iter().any(is_loopback) {
            let host = view::engine_host(endpoint).to_owned();
            self.notice(only_there(&host));
        }
        let host_ports = HostPorts::new(containers, local);
        let fixed: Vec<bool> = self.plan.ports.iter().map(|port| port.fixed).collect();
        let mut ports = std::mem::take(&mut spec.published_ports);
        let (settled, ports) = blocking(move || {
            let settled = settle(&mut ports, &fixed, host_ports);
            (settled, ports)
        })
        .await;
        spec.published_ports = ports;
        match settled {
            Ok(notices) => {
                for notice in notices {
                    self.notice(notice);
                }
                Ok(())
            }
            Err((index, error)) => {
                self.field = Some(format!("ports.{index}.host_port"));
                Err(error)
            }
        }
    }

    /// Notes which existing data the container will use, where that is not obvious.
    async fn tell_of_volumes(&mut self) {
        if !self
            .plan
            .mounts
            .iter()
            .any(|mount| mount.kind == MountKind::Volume)
        {
            return;
        }
        // An engine that does not list its volumes can still run containers.
        let volumes = self.engine().list_volumes(&[]).await.unwrap_or_default();
        let volumes: Vec<String> = volumes.into_iter().map(|volume| volume.name).collect();
        for news in volume_news(&self.plan, &volumes) {
            self.notice(format!("{}. {}", news.message, news.hint));
        }
    }

    async fn have_image(
        &mut self,
        reference: &ImageReference,
        cancel: &CancellationToken,
    ) -> Result<ImageDetail, ApiError> {
        let name = reference.to_string();
        let image = match self.engine().inspect_image(&name).await {
            Ok(image) if shipped_image::is_of_another_version(reference, &image) => {
                // An image of another version will do if the shipped one cannot be loaded.
                let loaded = shipped_image::load(self.engine(), reference, |_| {}).await;
                tracing::debug!(?loaded, "the shipped image of this version");
                self.engine().inspect_image(&name).await.unwrap_or(image)
            }
            Ok(image) => image,
            Err(EngineError::NotFound { .. } | EngineError::ImageNotFound { .. }) => {
                self.step(RunStep::Pull);
                let pulled = image::pull(self.engine(), reference, cancel, |progress| {
                    (self.emit)(RunEvent::Pull { progress });
                });
                if let Err(error) = pulled.await {
                    let is_about_image = matches!(
                        error.kind,
                        ErrorKind::ImageNotFound
                            | ErrorKind::Unauthorized
                            | ErrorKind::WrongArchitecture
                    );
                    self.field = is_about_image.then(|| "image".to_owned());
                    return Err(error);
                }
                self.engine()
                    .inspect_image(&name)
                    .await
                    .map_err(|error| api_error(&error))?
            }
            Err(error) => return Err(api_error(&error)),
        };
        let engine_arch = view::oci_arch(&self.engine().info().arch).to_owned();
        if !image.arch.is_empty() && view::oci_arch(&image.arch) != engine_arch {
            self.notice(format!(
                "`{}` is built for {}; this engine runs {engine_arch} and has to emulate it",
                reference.familiar(),
                view::platform(&image)
            ));
        }
        Ok(image)
    }

    /// Returns the id of the new container.
    async fn create(
        &mut self,
        spec: &mut ContainerSpec,
        own_name: bool,
    ) -> Result<String, ApiError> {
        for _ in 0..MAX_TRIES {
            let name = spec.name.clone().unwrap_or_default();
            self.name.clone_from(&name);
            match self.request_create(spec).await {
                Ok(made) => {
                    let id = made.id;
                    (self.emit)(RunEvent::Created {
                        id: id.clone(),
                        name,
                    });
                    for warning in made.warnings {
                        // `have_image` has reported this with more detail.
                        if !warning.contains("does not match the detected host platform") {
                            self.notice(warning);
                        }
                    }
                    return Ok(id);
                }
                Err(EngineError::NameTaken { .. }) if own_name => {
                    let containers = self.containers().await?;
                    spec.name = Some(free_name(&name, &containers));
                }
                Err(EngineError::NameTaken { .. }) => {
                    self.field = Some("name".to_owned());
                    let containers = self.containers().await?;
                    return Err(match containers.iter().find(|c| c.name == name) {
                        Some(holder) => name_taken(&name, holder, &containers),
                        None => ApiError {
                            kind: ErrorKind::NameTaken,
                            message: format!("Another container was named `{name}` just now"),
                            hint: Some("Try again, or use another name".to_owned()),
                            detail: None,
                        },
                    });
                }
                Err(error) => {
                    self.field = field_of(&self.plan, &error);
                    return Err(create_error(&error));
                }
            }
        }
        Err(ApiError {
            kind: ErrorKind::NameTaken,
            message: "Every name that was tried is taken".to_owned(),
            hint: Some("Enter a name".to_owned()),
            detail: None,
        })
    }

    async fn request_create(
        &mut self,
        spec: &ContainerSpec,
    ) -> Result<CreatedContainer, EngineError> {
        let engine = self.engine().clone();
        let spec = spec.clone();
        self.made = Made::Asked(tokio::spawn(
            async move { engine.create_container(&spec).await },
        ));
        let Made::Asked(asked) = &mut self.made else {
            unreachable!("it has just been set");
        };
        let result = match asked.await {
            Ok(result) => result,
            // The task neither panics nor is aborted; the runtime is shutting down.
            Err(_) => Err(EngineError::CutOff {
                what: "the creation of the container",
            }),
        };
        self.made = match &result {
            Ok(created) => Made::Container(created.id.clone()),
            Err(error) if may_be_done(error) => Made::Perhaps,
            Err(_) => Made::Nothing,
        };
        result
    }

    /// Handles a port that turned out to be taken. A fixed port is an error; others are replaced.
    async fn dodge_port(
        &mut self,
        spec: &mut ContainerSpec,
        id: &str,
        error: &EngineError,
        tries: usize,
    ) -> Result<(), ApiError> {
        let EngineError::PortTaken { port, .. } = error else {
            return Err(api_error(error));
        };
        let meant: Vec<usize> = (0..spec.published_ports.len())
            .filter(|index| port.is_none() || spec.published_ports[*index].host_port == *port)
            .collect();
        let wanted = meant
            .first()
            .and_then(|index| spec.published_ports[*index].host_port);
        let Some(wanted) = wanted else {
            return Err(api_error(error));
        };
        // The same number may be published for TCP and for UDP.
        let (meant, places): (Vec<usize>, Vec<_>) = meant
            .iter()
            .map(|index| (*index, &spec.published_ports[*index]))
            .filter(|(_, published)| published.host_port == Some(wanted))
            .map(|(index, published)| (index, (published.host_ip, published.protocol)))
            .unzip();
        let local = view::is_local(&self.selected.endpoint);
        let (which, taken) = describe_taken(self.engine(), local, places, wanted, Some(id)).await;
        let index = meant[which];
        let fixed = self.plan.ports.get(index).is_some_and(|plan| plan.fixed);
        if fixed || tries >= MAX_TRIES {
            self.field = Some(format!("ports.{index}.host_port"));
            return Err(taken.into_error(wanted, Some(error.to_string())));
        }
        let free = taken.free.unwrap_or_else(|| wanted.saturating_add(1));
        self.notice(format!("{}; {free} is used instead", taken.message));
        spec.published_ports[index].host_port = Some(free);
        // A container whose start failed keeps its ports, so it is created again.
        remove(self.engine(), id)
            .await
            .map_err(|error| api_error(&error))?;
        self.made = Made::Nothing;
        Ok(())
    }

    fn undo(self) -> Undo {
        Undo {
            engine: self.selected.engine,
            run: self.id,
            name: self.name,
            made: self.made,
        }
    }

    /// Waits until the container answers, has exited with success, or has failed.
    async fn wait(&mut self, reference: &ImageReference, id: &str) -> Result<RunOutcome, ApiError> {
        let started = Instant::now();
        let mut pause = POLL / 3;
        loop {
            let detail = self
                .engine()
                .inspect_container(id)
                .await
                .map_err(|error| api_error(&error))?;
            match detail.state.state {
                ContainerState::Exited if detail.state.exit_code == Some(0) => {
                    self.notice(format!(
                        "`{}` has finished and exited with code 0",
                        detail.name
                    ));
                    return Ok(self.outcome(&detail, true));
                }
                ContainerState::Exited | ContainerState::Dead | ContainerState::Restarting => {
                    return Err(self.ended(reference, &detail).await);
                }
                _ => {}
            }
            if self.is_ready(&detail, started).await {
                return Ok(self.outcome(&detail, true));
            }
            if started.elapsed() > READY_DEADLINE {
                self.notice(format!(
                    "`{}` is running, but did not respond within {} seconds",
                    detail.name,
                    READY_DEADLINE.as_secs()
                ));
                return Ok(self.outcome(&detail, false));
            }
            sleep(pause).await;
            pause = (pause * 2).min(POLL * 3);
        }
    }

    async fn is_ready(&self, detail: &ContainerDetail, started: Instant) -> bool {
        match detail.state.health.as_ref().map(|health| health.health) {
            Some(Health::Healthy) => return true,
            // A health check may run only every 30 s; meanwhile the port is tried.
            Some(Health::Starting | Health::Unhealthy) | None => {}
        }
        match self.port_to_ask(detail) {
            Some((port, web)) => {
                let host = view::engine_host(&self.selected.endpoint);
                readiness::answers(host, &port, web).await
            }
            None => detail.state.health.is_none() && started.elapsed() >= SETTLED,
        }
    }

    /// The published port that represents the container: the catalog's primary one, otherwise the first TCP port.
    fn port_to_ask(&self, detail: &ContainerDetail) -> Option<(Port, bool)> {
        let host = view::engine_host(&self.selected.endpoint);
        let published = || {
            detail
                .ports
                .iter()
                .filter(|port| port.host_port.is_some() && port.protocol == Protocol::Tcp)
                .filter(move |port| web_page::is_reachable(port, host))
        };
        let primary = self.entry.and_then(Entry::primary_port);
        let port = primary
            .and_then(|primary| published().find(|port| port.container_port == primary.number))
            .or_else(|| published().next())?;
        let url = web_page::url(port, self.entry, host);
        let web = url.is_some_and(|url| url.starts_with("http://"));
        Some((*port, web))
    }

    /// The URL to open: the catalog's primary port, otherwise the first web page.
    fn url(&self, container: &ContainerView) -> Option<String> {
        let primary = self
            .entry
            .and_then(Entry::primary_port)
            .map(|port| port.number);
        let mut pages = container.ports.iter().filter(|port| port.url.is_some());
        pages
            .clone()
            .find(|port| Some(port.container_port) == primary)
            .or_else(|| pages.next())
            .and_then(|port| port.url.clone())
    }

    fn connections(&self, container: &ContainerView) -> Vec<ConnectionString> {
        let host = view::engine_host(&self.selected.endpoint);
        let detail = self.detail.as_ref();
        detail.map_or_else(Vec::new, |detail| {
            connection_string::of(self.entry, detail, container, host)
        })
    }

    fn outcome(&mut self, detail: &ContainerDetail, ready: bool) -> RunOutcome {
        let container = view::inspected(detail, view::engine_host(&self.selected.endpoint));
        let url = self.url(&container);
        let note = connection_string::note(self.entry, detail, &container, self.in_window);
        self.detail = Some(detail.clone());
        RunOutcome {
            container,
            url,
            ready,
            note,
            // Its bound ports are known once it is running.
            connections: Vec::new(),
            notices: self.notices.clone(),
            secrets: super::secrets(&self.plan),
        }
    }

    /// The error for a container that exited right after its start: its last output is the best explanation.
    async fn ended(&self, reference: &ImageReference, detail: &ContainerDetail) -> ApiError {
        let last_words = LastWords::of(self.engine(), detail).await;
        let text = last_words.text();
        if text.contains("exec format error") {
            return wrong_architecture(reference, &self.selected, &text);
        }
        let how = exit_reason::of_detail(detail)
            .unwrap_or_else(|| format!("exit code {}", detail.state.exit_code.unwrap_or_default()));
        ApiError {
            kind: ErrorKind::ContainerFailed,
            message: format!("`{}` exited right after it started: {how}", detail.name),
            hint: Some(last_words.complaint().map_or_else(
                || "Its log is empty; check its command and variables".to_owned(),
                |line| {
                    format!(
                        "Last line of its log: {}",
                        crate::log::plain_text(line, 300)
                    )
                },
            )),
            detail: (!text.is_empty()).then_some(text),
        }
    }
}

/// The error of a failed create. The engine's text about a missing folder is meant for developers.
fn create_error(error: &EngineError) -> ApiError {
    let mut shown = api_error(error);
    if let Some(said) = said(error)
        && let Some((_, path)) = said.split_once("bind source path does not exist: ")
    {
        shown.kind = ErrorKind::InvalidInput;
        shown.message = format!(
            "The folder `{}` does not exist on the engine's host",
            path.trim()
        );
        shown.hint = Some("Create the folder first, or check its path".to_owned());
        shown.detail = Some(said.to_owned());
    }
    shown
}

fn name_taken(name: &str, holder: &Container, containers: &[Container]) -> ApiError {
    ApiError {
        kind: ErrorKind::NameTaken,
        message: format!("Another container is named `{name}`"),
        hint: Some(format!(
            "Use `{}`, or remove or rename the other one ({})",
            free_name(name, containers),
            holder.image
        )),
        detail: None,
    }
}

fn start_error(reference: &ImageReference, selected: &Selected, error: &EngineError) -> ApiError {
    let said = said(error).unwrap_or_default();
    if said.contains("exec format error") {
        return wrong_architecture(reference, selected, said);
    }
    api_error(error)
}

fn wrong_architecture(reference: &ImageReference, selected: &Selected, detail: &str) -> ApiError {
    ApiError {
        kind: ErrorKind::WrongArchitecture,
        message: format!(
            "`{}` is not built for this engine, which runs {}",
            reference.familiar(),
            view::oci_arch(&selected.engine.info().arch)
        ),
        hint: Some("Use another tag or image".to_owned()),
        detail: Some(detail.to_owned()),
    }
}
