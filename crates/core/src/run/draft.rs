//! Drafts: a plan, ready to run, for a catalog entry or an image.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use slipway_api::ApiError;
use slipway_api::container::{EnvVar, MountKind, RestartPolicy};
use slipway_api::run::{MountPlan, PortPlan, RunDraft, RunPlan};
use slipway_catalog::{Catalog, Entry, ImageReference};
use slipway_engine::{Engine, ImageDetail, Protocol};

use crate::blocking::blocking;
use crate::error::{invalid, reference_error};
use crate::run::check::{Present, check, free_name};
use crate::run::port::HostPorts;
use crate::{Slipway, view};

/// Timeout for the engine in a draft or a check.
pub(crate) const LOOK_DEADLINE: Duration = Duration::from_secs(3);
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl Slipway {
    /// A plan for a catalog entry (by slug) or an image reference: a free name, free ports on 127.0.0.1, volumes for
    /// the paths that hold data, generated secrets. Works without an engine, with less information.
    pub async fn run_draft(&self, what: &str) -> Result<RunDraft, ApiError> {
        self.run_draft_as(what, None).await
    }

    /// The same with a name chosen by the caller, from which volume names are derived.
    pub async fn run_draft_as(&self, what: &str, name: Option<&str>) -> Result<RunDraft, ApiError> {
        let what = what.trim();
        let catalog = Catalog::bundled();
        let (reference, entry) = if let Some(entry) = catalog.entry(what) {
            (entry.reference(), Some(entry))
        } else {
            let reference: ImageReference =
                what.parse().map_err(|error| reference_error(&error))?;
            let entry = catalog.entry_for_image(&reference);
            let reference = match entry {
                // `nginx` typed without a tag means the tag that its card runs.
                Some(entry) if reference.tag().is_none() && reference.digest().is_none() => {
                    entry.reference()
                }
                _ => reference.with_default_tag(),
            };
            (reference, entry)
        };
        let selected = self.selected().await.ok();
        let (image, present) = match &selected {
            Some(selected) => look(&selected.engine, &reference).await,
            None => (None, Present::default()),
        };
        let name = name.map(str::to_owned);
        blocking(move || {
            let local = selected
                .as_ref()
                .is_none_or(|selected| view::is_local(&selected.endpoint));
            let plan = draft(&reference, name, entry, image.as_ref(), &present, local)?;
            Ok(RunDraft {
                check: check(&plan, selected.as_ref(), &present),
                plan,
                entry: entry.map(view::entry),
                image: image.as_ref().map(view::image_config),
            })
        })
        .await
    }
}

/// The image's configuration and the engine's resources. A draft must be fast: what an engine in trouble does not
/// deliver in time is skipped, and the run reports the problem.
async fn look(engine: &Engine, reference: &ImageReference) -> (Option<ImageDetail>, Present) {
    let patient = engine.with_deadline(LOOK_DEADLINE);
    let reference = reference.to_string();
    let (image, present) = tokio::join!(patient.inspect_image(&reference), Present::on(engine));
    (image.ok(), present)
}

fn draft(
    reference: &ImageReference,
    name: Option<String>,
    entry: Option<&Entry>,
    image: Option<&ImageDetail>,
    present: &Present,
    local: bool,
) -> Result<RunPlan, ApiError> {
    let name = name.unwrap_or_else(|| {
        let base = entry.map_or_else(|| container_name(reference), |entry| entry.slug.clone());
        free_name(&base, &present.containers)
    });
    let mut host_ports = HostPorts::new(&present.containers, local);
    let ports = wanted_ports(entry, image)
        .into_iter()
        .map(|(port, protocol)| port_plan(&mut host_ports, port, protocol))
        .collect();
    Ok(RunPlan {
        image: reference.familiar(),
        mounts: mounts(&name, entry, image, &present.volumes),
        name: Some(name),
        command: entry.map(|entry| entry.command.clone()).unwrap_or_default(),
        entrypoint: None,
        env: env(entry)?,
        ports,
        restart: RestartPolicy::No,
        memory_bytes: None,
        cpus: None,
        network: None,
        tty: entry.is_some_and(|entry| entry.tty),
        catalog: entry.map(|entry| entry.slug.clone()),
        from_image: entry.is_none() && image.is_none(),
    })
}

/// Adds the ports and volumes that an image declares, as a draft with it would have.
pub(super) fn add_declared(
    plan: &mut RunPlan,
    reference: &ImageReference,
    image: &ImageDetail,
    present: &Present,
    local: bool,
) {
    let mut host_ports = HostPorts::new(&present.containers, local);
    for (port, protocol) in &image.exposed_ports {
        let is_it = |planned: &PortPlan| {
            planned.container_port == u32::from(*port)
                && planned.protocol == view::protocol(*protocol)
        };
        if !plan.ports.iter().any(is_it) {
            plan.ports
                .push(port_plan(&mut host_ports, *port, *protocol));
        }
    }
    let name = plan.name.clone().filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| container_name(reference));
    for mount in mounts(&name, None, Some(image), &present.volumes) {
        if !plan.mounts.iter().any(|known| known.target == mount.target) {
            plan.mounts.push(mount);
        }
    }
}

/// A port that is reachable from this computer, at a host port that is free.
fn port_plan(host_ports: &mut HostPorts, port: u16, protocol: Protocol) -> PortPlan {
    let host_port = host_ports.free(LOOPBACK, port, protocol);
    if let Some(host_port) = host_port {
        host_ports.give(LOOPBACK, host_port, protocol);
    }
    PortPlan {
        container_port: port.into(),
        protocol: view::protocol(protocol).to_owned(),
        host_ip: Some(LOOPBACK.to_string()),
        host_port: host_port.map(Into::into),
        fixed: false,
    }
}

/// The last component of the repository, reduced to characters that a container name may have.
fn container_name(reference: &ImageReference) -> String {
    let name: String = reference
        .short_name()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "_.-".contains(*c))
        .collect();
    if name.len() < 2 {
        format!("{name}-container")
    } else {
        name
    }
}

/// The entry's ports, the primary one first; otherwise the ports that the image exposes.
fn wanted_ports(entry: Option<&Entry>, image: Option<&ImageDetail>) -> Vec<(u16, Protocol)> {
    match (entry, image) {
        (Some(entry), _) if !entry.ports.is_empty() => {
            let mut ports: Vec<_> = entry.ports.iter().collect();
            ports.sort_by_key(|port| !port.primary);
            ports
                .into_iter()
                .map(|port| {
                    let protocol = match port.protocol {
                        slipway_catalog::Protocol::Tcp => Protocol::Tcp,
                        slipway_catalog::Protocol::Udp => Protocol::Udp,
                    };
                    (port.number, protocol)
                })
                .collect()
        }
        (_, Some(image)) => image.exposed_ports.clone(),
        (_, None) => Vec::new(),
    }
}

/// A named volume for each path that holds data: an anonymous one is lost with its container. A new name is chosen if
/// the volume exists, because its data needs the old password and not the newly generated one.
fn mounts(
    name: &str,
    entry: Option<&Entry>,
    image: Option<&ImageDetail>,
    volumes: &[String],
) -> Vec<MountPlan> {
    let known = entry
        .iter()
        .flat_map(|entry| &entry.volumes)
        .map(|known| (known.path.as_str(), known.suffix.clone()));
    let declared = image.iter().flat_map(|image| &image.volumes).map(|path| {
        let suffix = path
            .rsplit('/')
            .find(|part| !part.is_empty())
            .unwrap_or("data")
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "_.-".contains(*c))
            .collect();
        (path.as_str(), suffix)
    });
    let mut mounts: Vec<MountPlan> = Vec::new();
    for (path, suffix) in known.chain(declared) {
        if mounts.iter().any(|mount| mount.target == *path) {
            continue;
        }
        // `/a/data` and `/b/data` are two volumes.
        let is_taken = |source: &String| {
            volumes.contains(source)
                || mounts
                    .iter()
                    .any(|mount| mount.source.as_ref() == Some(source))
        };
        let base = format!("{name}-{suffix}");
        let source = if is_taken(&base) {
            (2..=u32::MAX)
                .map(|number| format!("{base}-{number}"))
                .find(|source| !is_taken(source))
                .unwrap_or(base)
        } else {
            base
        };
        mounts.push(MountPlan {
            kind: MountKind::Volume,
            source: Some(source),
            target: path.to_owned(),
            read_only: false,
        });
    }
    mounts
}

/// Variables with a default or a secret, and required ones, which the user has to fill in.
fn env(entry: Option<&Entry>) -> Result<Vec<EnvVar>, ApiError> {
    let mut env = Vec::new();
    for known in entry.iter().flat_map(|entry| &entry.env) {
        let value = match known
            .initial_value()
            .map_err(|error| invalid(error.to_string(), None))?
        {
            Some(value) => value,
            None if known.required => String::new(),
            None => continue,
        };
        env.push(EnvVar {
            name: known.name.clone(),
            value,
        });
    }
    Ok(env)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_that_exist_are_left_alone() {
        let entry = Catalog::bundled().entry("postgres").expect("bundled");
        let names = |volumes: &[&str]| -> Vec<String> {
            let volumes: Vec<String> = volumes.iter().map(|name| (*name).to_owned()).collect();
            mounts("db", Some(entry), None, &volumes)
                .into_iter()
                .filter_map(|mount| mount.source)
                .collect()
        };
        assert_eq!(names(&["data", "postgres-data"]), ["db-data"]);
        assert_eq!(names(&["db-data"]), ["db-data-2"]);
        assert_eq!(names(&["db-data-2", "db-data"]), ["db-data-3"]);
    }
}
