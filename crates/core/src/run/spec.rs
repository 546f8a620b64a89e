//! A plan, checked field by field, as what the engine is asked to create.

use std::collections::BTreeMap;
use std::net::IpAddr;

use slipway_api::container::{EnvVar, MountKind, RestartPolicy};
use slipway_api::run::{MountPlan, PlanFinding, PortPlan, RunPlan};
use slipway_catalog::ImageReference;
use slipway_engine::{
    self as domain, ContainerSpec, MountSpec, Protocol, PublishedPort, ResourceLimits,
};

use crate::run::check_name;
use crate::view::CATALOG_LABEL;

/// Docker's own lower limit.
const MIN_MEMORY: u64 = 6 << 20;

/// Reads a plan. Everything that is wrong with it is found, not only the first thing.
pub(crate) fn read(plan: &RunPlan) -> Result<(ImageReference, ContainerSpec), Vec<PlanFinding>> {
    let mut findings = Vec::new();
    let mut found = |field: String, message: String, hint: Option<String>| {
        findings.push(PlanFinding {
            field,
            blocking: true,
            message,
            hint,
            free_port: None,
        });
    };
    let reference = match plan.image.trim().parse::<ImageReference>() {
        Ok(reference) => Some(reference.with_default_tag()),
        Err(error) => {
            found("image".to_owned(), error.to_string(), error.hint());
            None
        }
    };
    if let Some(name) = plan.name.as_deref().filter(|name| !name.is_empty())
        && let Err((message, hint)) = check_name(name)
    {
        found("name".to_owned(), message, hint);
    }
    let mut published_ports = Vec::new();
    let mut exposed_ports = Vec::new();
    for (index, port) in plan.ports.iter().enumerate() {
        match read_port(port) {
            Ok(port) => {
                exposed_ports.push((port.container_port, port.protocol));
                published_ports.push(port);
            }
            Err((message, hint)) => found(format!("ports.{index}"), message, Some(hint)),
        }
    }
    let mut env = Vec::new();
    for (index, variable) in plan.env.iter().enumerate() {
        match read_variable(variable) {
            Ok(line) => env.push(line),
            Err((message, hint)) => found(format!("env.{index}"), message, Some(hint)),
        }
    }
    let mut mounts = Vec::new();
    for (index, mount) in plan.mounts.iter().enumerate() {
        match read_mount(mount) {
            Ok(mount) => mounts.push(mount),
            Err((message, hint)) => found(format!("mounts.{index}"), message, Some(hint)),
        }
        if plan.mounts[..index]
            .iter()
            .any(|other| other.target == mount.target)
        {
            found(
                format!("mounts.{index}"),
                format!("Two things are mounted at {}", mount.target),
                Some("Remove one of them".to_owned()),
            );
        }
    }
    for (field, (message, hint)) in limit_problems(plan) {
        found(field.to_owned(), message, Some(hint));
    }
    let Some(reference) = reference.filter(|_| findings.is_empty()) else {
        return Err(findings);
    };
    let spec = ContainerSpec {
        image: reference.to_string(),
        env,
        exposed_ports,
        published_ports,
        mounts,
        ..unchecked(plan)
    };
    Ok((reference, spec))
}

/// What needs no checking.
fn unchecked(plan: &RunPlan) -> ContainerSpec {
    let mut labels = BTreeMap::new();
    if let Some(slug) = &plan.catalog {
        labels.insert(CATALOG_LABEL.to_owned(), slug.clone());
    }
    ContainerSpec {
        name: plan.name.clone().filter(|name| !name.is_empty()),
        command: Some(plan.command.clone()).filter(|command| !command.is_empty()),
        entrypoint: plan
            .entrypoint
            .clone()
            .filter(|entrypoint| !entrypoint.is_empty())
            .map(|entrypoint| vec![entrypoint]),
        restart_policy: match plan.restart {
            RestartPolicy::No => domain::RestartPolicy::No,
            RestartPolicy::OnFailure => domain::RestartPolicy::OnFailure { max_retries: None },
            RestartPolicy::UnlessStopped => domain::RestartPolicy::UnlessStopped,
            RestartPolicy::Always => domain::RestartPolicy::Always,
        },
        limits: ResourceLimits {
            memory: plan.memory_bytes,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "`limit_problems` lets only 0.01 to 1024 through"
            )]
            nano_cpus: plan.cpus.map(|cpus| (cpus * 1e9) as u64),
            ..ResourceLimits::default()
        },
        network: plan.network.clone().filter(|network| !network.is_empty()),
        labels,
        tty: plan.tty,
        stdin_open: plan.tty,
        ..ContainerSpec::default()
    }
}

type Problem = (String, String);

fn read_variable(variable: &EnvVar) -> Result<String, Problem> {
    let name = variable.name.trim();
    let problem = if name.is_empty() {
        "A variable needs a name"
    } else if name.contains('=') {
        "A variable's name cannot contain `=`"
    } else if name.contains('\0') || variable.value.contains('\0') {
        "A variable cannot contain a null character"
    } else {
        return Ok(format!("{name}={}", variable.value));
    };
    Err((problem.to_owned(), "Change or remove this line".to_owned()))
}

fn limit_problems(plan: &RunPlan) -> Vec<(&'static str, Problem)> {
    let mut problems = Vec::new();
    if let Some(memory) = plan.memory_bytes.filter(|memory| *memory < MIN_MEMORY) {
        problems.push((
            "memory",
            (
                format!(
                    "A memory limit of {} is too small",
                    crate::exit_reason::bytes(memory)
                ),
                "The engine wants at least 6 MB".to_owned(),
            ),
        ));
    }
    let in_range = |cpus: f64| cpus.is_finite() && (0.01..=1024.0).contains(&cpus);
    if plan.cpus.is_some_and(|cpus| !in_range(cpus)) {
        problems.push((
            "cpus",
            (
                "A CPU limit is a number from 0.01 up".to_owned(),
                "For example 0.5 for half a CPU, or 2".to_owned(),
            ),
        ));
    }
    problems
}

fn port_number(port: u32, what: &str) -> Result<u16, Problem> {
    u16::try_from(port)
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| {
            (
                format!("{port} is not a {what} port"),
                "Ports go from 1 to 65535".to_owned(),
            )
        })
}

pub(crate) fn read_port(port: &PortPlan) -> Result<PublishedPort, Problem> {
    let protocol = match port.protocol.as_str() {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        other => {
            return Err((
                format!("`{other}` is not a protocol that can be published"),
                "Use tcp, udp or sctp".to_owned(),
            ));
        }
    };
    let host_ip = match port.host_ip.as_deref().filter(|ip| !ip.is_empty()) {
        None | Some("localhost") => IpAddr::from([127, 0, 0, 1]),
        Some(ip) => ip.parse().map_err(|_| {
            (
                format!("`{ip}` is not an address of this computer"),
                "Use 127.0.0.1 for this computer only, or 0.0.0.0 for the whole network".to_owned(),
            )
        })?,
    };
    Ok(PublishedPort {
        container_port: port_number(port.container_port, "container")?,
        protocol,
        host_ip: Some(host_ip),
        host_port: port
            .host_port
            .map(|port| port_number(port, "host"))
            .transpose()?,
    })
}

fn read_mount(mount: &MountPlan) -> Result<MountSpec, Problem> {
    let absolute = |path: &str| {
        path.starts_with('/') || path.starts_with(r"\\") || path.as_bytes().get(1) == Some(&b':')
    };
    let destination = mount.target.trim();
    if !absolute(destination) || destination == "/" || destination.contains('\0') {
        return Err((
            format!("`{destination}` is not a path to mount at"),
            "Give a whole path inside the container, for example /data".to_owned(),
        ));
    }
    let destination = destination.to_owned();
    let source = mount
        .source
        .as_deref()
        .map(str::trim)
        .filter(|source| !source.is_empty());
    match mount.kind {
        MountKind::Volume => {
            if let Some(name) = source {
                check_name(name).map_err(|(_, hint)| {
                    (
                        format!("`{name}` cannot be a volume's name"),
                        if name.contains('/') {
                            "Choose folder to mount a folder of this computer".to_owned()
                        } else {
                            hint.unwrap_or_default()
                        },
                    )
                })?;
            }
            Ok(MountSpec::Volume {
                name: source.map(str::to_owned),
                destination,
                read_only: mount.read_only,
            })
        }
        MountKind::Bind => match source {
            Some(source) if absolute(source) => Ok(MountSpec::Bind {
                source: source.to_owned(),
                destination,
                read_only: mount.read_only,
            }),
            _ => Err((
                "A folder to mount is missing".to_owned(),
                "Give its whole path, for example /home/me/site".to_owned(),
            )),
        },
        MountKind::Tmpfs => Ok(MountSpec::Tmpfs {
            destination,
            size: None,
        }),
        MountKind::Other => Err((
            "This kind of mount cannot be planned".to_owned(),
            "Choose a volume, a folder or memory".to_owned(),
        )),
    }
}
