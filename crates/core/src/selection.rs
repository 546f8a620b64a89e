//! Selects the engine: the user's choice, otherwise Docker's own, otherwise one that answers.

use slipway_api::engine::EndpointView;
use slipway_api::{ApiError, ErrorKind};
use slipway_engine::{
    Address, Candidate, Discovery, Endpoint, EndpointSource, Engine, EngineError, Environment,
    Probe, probe_all,
};

use crate::blocking::blocking;
use crate::error::{api_error, endpoint_error, machine_not_running};
use crate::view;

/// Discovery's name for the engine in Slipway's machine.
pub(crate) const MACHINE: &str = "machine";

/// An engine that answers, and its endpoint.
#[derive(Clone)]
pub(crate) struct Selected {
    pub(crate) endpoint: Endpoint,
    pub(crate) engine: Engine,
}

/// Reads what is configured on this computer.
pub(crate) async fn discover(environment: &Environment) -> Discovery {
    let environment = environment.clone();
    blocking(move || slipway_engine::discover(&environment)).await
}

/// Connects to the selected engine. `wanted` is the name of an endpoint or an address.
///
/// An explicitly chosen engine that does not answer is an error: silently using another one would show another engine's
/// containers. Without a choice, any engine that answers will do, Docker's default first.
pub(crate) async fn select(
    environment: &Environment,
    wanted: Option<&str>,
) -> Result<Selected, ApiError> {
    let discovery = discover(environment).await;
    if let Some(wanted) = wanted {
        let endpoint = find(&discovery, wanted)?;
        let source = endpoint.source.clone();
        return connect(endpoint)
            .await
            .map_err(|error| endpoint_error(&source, &error));
    }
    let mut first_error = None;
    if let Some(default) = discovery
        .default
        .and_then(|index| discovery.candidates.get(index))
    {
        match try_candidate(default).await {
            Ok(selected) => return Ok(selected),
            Err(error) => first_error = Some(error),
        }
        if is_wish(default) {
            let error = first_error.expect("it has just been set");
            return Err(endpoint_error(&default.source, &error));
        }
    }
    let others: Vec<Endpoint> = discovery
        .candidates
        .iter()
        .enumerate()
        .filter(|(index, candidate)| {
            Some(*index) != discovery.default && needs_no_choice(candidate)
        })
        .filter_map(|(_, candidate)| candidate.endpoint.clone().ok())
        .collect();
    for probe in probe_all(&others).await {
        if probe.outcome.is_ok() {
            match connect(probe.endpoint).await {
                Ok(selected) => return Ok(selected),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
    }
    Err(first_error.map_or_else(no_engine, |error| api_error(&error)))
}

/// Whether Docker's default was chosen by somebody: `DOCKER_HOST` and a selected context count as a choice.
fn is_wish(default: &Candidate) -> bool {
    !matches!(default.source, EndpointSource::Socket(_)) && default.name != "default"
}

/// Whether an engine may be used although nobody chose it: only one on this computer. A remote one may be a server that
/// others depend on.
fn needs_no_choice(candidate: &Candidate) -> bool {
    match &candidate.source {
        EndpointSource::Socket(_) | EndpointSource::Machine => true,
        EndpointSource::Context(_) => candidate.endpoint.as_ref().is_ok_and(|endpoint| {
            matches!(endpoint.address, Address::Unix(_) | Address::NamedPipe(_))
        }),
        EndpointSource::Environment | EndpointSource::Custom => false,
    }
}

/// Name of the engine that the user chose: in Slipway's settings, else in Docker's own.
pub(crate) async fn chosen(environment: &Environment, wanted: Option<&str>) -> Option<String> {
    if let Some(wanted) = wanted {
        return Some(wanted.to_owned());
    }
    let discovery = discover(environment).await;
    let default = discovery.default_candidate()?;
    is_wish(default).then(|| default.name.clone())
}

/// The endpoint that the user chose, in the same order. `None` if any engine will do, or if the choice cannot be used.
pub(crate) fn chosen_endpoint(discovery: &Discovery, wanted: Option<&str>) -> Option<Endpoint> {
    match wanted {
        Some(wanted) => find(discovery, wanted).ok(),
        None => discovery
            .default_candidate()
            .filter(|default| is_wish(default))
            .and_then(|default| default.endpoint.clone().ok()),
    }
}

/// Whether the machine's engine would be selected if the machine ran and no other engine answered.
pub(crate) async fn machine_helps(environment: &Environment, wanted: Option<&str>) -> bool {
    if let Some(wanted) = wanted {
        return wanted == MACHINE;
    }
    let discovery = discover(environment).await;
    discovery
        .default_candidate()
        .is_none_or(|default| default.source == EndpointSource::Machine || !is_wish(default))
}

async fn try_candidate(candidate: &Candidate) -> Result<Selected, EngineError> {
    connect(candidate.endpoint.clone()?).await
}

async fn connect(endpoint: Endpoint) -> Result<Selected, EngineError> {
    let engine = Engine::connect(&endpoint).await?;
    Ok(Selected { endpoint, engine })
}

/// Whether the engine that would be selected is on this computer, where frequent connection attempts are cheap.
pub(crate) async fn is_local(environment: &Environment, wanted: Option<&str>) -> bool {
    let discovery = discover(environment).await;
    match wanted {
        Some(wanted) => find(&discovery, wanted).ok(),
        None => discovery
            .default
            .and_then(|index| discovery.candidates.get(index))
            .and_then(|candidate| candidate.endpoint.clone().ok()),
    }
    .is_none_or(|endpoint| view::is_local(&endpoint))
}

/// Whether an endpoint is the engine in Slipway's machine, by whichever name it was found.
pub(crate) fn is_machines(environment: &Environment, endpoint: &Endpoint) -> bool {
    environment
        .machine_socket()
        .is_some_and(|socket| matches!(&endpoint.address, Address::Unix(path) if *path == socket))
}

fn find(discovery: &Discovery, wanted: &str) -> Result<Endpoint, ApiError> {
    if let Some(candidate) = discovery
        .candidates
        .iter()
        .find(|candidate| candidate.name == wanted)
    {
        return candidate
            .endpoint
            .clone()
            .map_err(|error| api_error(&error));
    }
    if wanted == MACHINE {
        return Err(machine_not_running());
    }
    if wanted.contains("://") {
        let address = wanted
            .parse()
            .map_err(|error: EngineError| api_error(&error))?;
        return Ok(Endpoint {
            name: wanted.to_owned(),
            source: EndpointSource::Custom,
            address,
        });
    }
    let names: Vec<&str> = discovery
        .candidates
        .iter()
        .map(|candidate| candidate.name.as_str())
        .collect();
    Err(ApiError {
        kind: ErrorKind::NoEngine,
        message: format!("There is no engine named `{wanted}`"),
        hint: Some(if names.is_empty() {
            "Give its address, for example `unix:///var/run/docker.sock`".to_owned()
        } else {
            format!(
                "Known engines: {}; `slipway engines` lists which of them respond",
                names.join(", ")
            )
        }),
        detail: None,
    })
}

fn no_engine() -> ApiError {
    ApiError {
        kind: ErrorKind::NoEngine,
        message: "No container engine was found on this computer".to_owned(),
        hint: Some("Install Docker or Podman, or create a Docker context".to_owned()),
        detail: None,
    }
}

/// Probes everything that discovery finds, in parallel.
pub(crate) async fn list(
    environment: &Environment,
    current: Option<&Endpoint>,
) -> Vec<EndpointView> {
    let discovery = discover(environment).await;
    let mut probes: Vec<Probe> = probe_all(&discovery.endpoints()).await;
    let mut views: Vec<EndpointView> = discovery
        .candidates
        .iter()
        .map(|candidate| {
            let is_current = current.is_some_and(|endpoint| {
                endpoint.name == candidate.name
                    || candidate
                        .endpoint
                        .as_ref()
                        .is_ok_and(|known| known.address == endpoint.address)
            });
            let probe = probes
                .iter()
                .position(|probe| probe.endpoint.name == candidate.name)
                .map(|index| probes.swap_remove(index));
            view::endpoint(candidate, probe.as_ref(), is_current)
        })
        .collect();
    if let Some(endpoint) = current
        && !views.iter().any(|view| view.current)
    {
        let candidate = Candidate {
            name: endpoint.name.clone(),
            source: endpoint.source.clone(),
            endpoint: Ok(endpoint.clone()),
        };
        let probe = slipway_engine::probe(endpoint).await;
        views.insert(0, view::endpoint(&candidate, Some(&probe), true));
    }
    views
}
