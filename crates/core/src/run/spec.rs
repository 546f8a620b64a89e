//! Validates a plan field by field and converts it into a container specification.

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

/// Docker's own lower limit of memory.
const MIN_MEMORY: u64 = 6 << 20;

/// Converts a plan. Returns all problems, not only the first.
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
            Err(problems) => {
                for problem in problems {
                    let field = format!("ports.{index}.{}", problem.part);
                    found(field, problem.message, Some(problem.hint));
                }
            }
        }
    }
    let mut env = Vec::new();
    for (index, variable) in plan.env.iter().enumerate() {
        match read_variable(variable) {
            Ok(line) => env.push(line),
            Err(problem) => found(
                format!("env.{index}.{}", problem.part),
                problem.message,
                Some(problem.hint),
            ),
        }
        let name = variable.name.trim();
        let is_same = |other: &EnvVar| !name.is_empty() && other.name.trim() == name;
        if plan.env[..index].iter().any(is_same) {
            found(
                format!("env.{index}.name"),
                format!("`{name}` is set twice"),
                Some("Remove one of the two lines".to_owned()),
            );
        }
    }
    let mut mounts = Vec::new();
    for (index, mount) in plan.mounts.iter().enumerate() {
        match read_mount(mount) {
            Ok(mount) => mounts.push(mount),
            Err(problems) => {
                for problem in problems {
                    let field = format!("mounts.{index}.{}", problem.part);
                    found(field, problem.message, Some(problem.hint));
                }
            }
        }
        let path = path_of(mount);
        let is_same = |other: &MountPlan| !path.is_empty() && path_of(other) == path;
        if plan.mounts[..index].iter().any(is_same) {
            found(
                format!("mounts.{index}.target"),
                format!("Another mount has the path `{path}`"),
                Some("Use another path, or remove one of the two".to_owned()),
            );
        }
    }
    for problem in limit_problems(plan)
        .into_iter()
        .chain(network_problem(plan))
    {
        found(problem.part.to_owned(), problem.message, Some(problem.hint));
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

/// Fields that need no checking.
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

/// The problem of one field.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The field, or its part of a row: `host_port`.
    part: &'static str,
    message: String,
    hint: String,
}

impl Problem {
    fn new(part: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            part,
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// The path of a mount in the container; `/data` and `/data/` are one.
fn path_of(mount: &MountPlan) -> &str {
    mount.target.trim().trim_end_matches('/')
}

fn read_variable(variable: &EnvVar) -> Result<String, Problem> {
    let name = variable.name.trim();
    let hint = "Use letters, digits and `_`, for example `LOG_LEVEL`";
    if name.is_empty() {
        return Err(Problem::new("name", "The name is missing", hint));
    }
    if let Some(c) = name
        .chars()
        .find(|c| *c == '=' || c.is_whitespace() || c.is_control())
    {
        let what = match c {
            '=' => "`=`",
            ' ' => "a space",
            _ => "this character",
        };
        let message = format!("The name of a variable cannot contain {what}");
        return Err(Problem::new("name", message, hint));
    }
    if variable.value.contains('\0') {
        return Err(Problem::new(
            "value",
            "A value cannot contain a null character",
            "Remove it",
        ));
    }
    Ok(format!("{name}={}", variable.value))
}

fn limit_problems(plan: &RunPlan) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(memory) = plan.memory_bytes.filter(|memory| *memory < MIN_MEMORY) {
        let message = format!(
            "A memory limit of {} is too small",
            slipway_engine::size::memory(memory)
        );
        problems.push(Problem::new("memory", message, "The minimum is 6 MB"));
    }
    let in_range = |cpus: f64| cpus.is_finite() && (0.01..=1024.0).contains(&cpus);
    if let Some(cpus) = plan.cpus.filter(|cpus| !in_range(*cpus)) {
        problems.push(Problem::new(
            "cpus",
            format!("{cpus} is not a possible number of CPUs"),
            "The minimum is 0.01; 0.5 is half a CPU",
        ));
    }
    problems
}

fn network_problem(plan: &RunPlan) -> Option<Problem> {
    let name = plan.network.as_deref().map(str::trim)?;
    // Modes with an argument: Docker's `container:NAME`, and Podman's own.
    let is_mode = name.split_once(':').is_some_and(|(mode, rest)| {
        matches!(mode, "container" | "ns" | "pasta" | "slirp4netns") && !rest.is_empty()
    });
    (!name.is_empty() && !is_mode && !is_network_name(name)).then(|| {
        Problem::new(
            "network",
            format!("`{name}` is not a valid network name"),
            "Use letters, digits, `_`, `.` and `-`",
        )
    })
}

/// Whether a network can have this name.
pub(crate) fn is_network_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

fn port_number(number: u32, part: &'static str, side: &str) -> Result<u16, Problem> {
    u16::try_from(number)
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| {
            Problem::new(
                part,
                format!("{number} is not a valid {side} port"),
                "Ports go from 1 to 65535",
            )
        })
}

/// Converts a port. Returns all of its problems.
pub(crate) fn read_port(port: &PortPlan) -> Result<PublishedPort, Vec<Problem>> {
    let protocol = match port.protocol.as_str() {
        "tcp" => Ok(Protocol::Tcp),
        "udp" => Ok(Protocol::Udp),
        "sctp" => Ok(Protocol::Sctp),
        other => Err(Problem::new(
            "protocol",
            format!("A port with the protocol `{other}` cannot be published"),
            "Use tcp, udp or sctp",
        )),
    };
    let host_ip = match port.host_ip.as_deref().filter(|ip| !ip.is_empty()) {
        None | Some("localhost") => Ok(IpAddr::from([127, 0, 0, 1])),
        Some(ip) => ip.parse().map_err(|_| {
            Problem::new(
                "host_ip",
                format!("`{ip}` is not an IP address"),
                "Use 127.0.0.1 for this computer only, or 0.0.0.0 for the whole network",
            )
        }),
    };
    let host_port = port
        .host_port
        .map(|port| port_number(port, "host_port", "host"))
        .transpose();
    let container_port = port_number(port.container_port, "container_port", "container");
    match (host_ip, host_port, container_port, protocol) {
        (Ok(host_ip), Ok(host_port), Ok(container_port), Ok(protocol)) => Ok(PublishedPort {
            container_port,
            protocol,
            host_ip: Some(host_ip),
            host_port,
        }),
        (host_ip, host_port, container_port, protocol) => Err([
            host_ip.err(),
            host_port.err(),
            container_port.err(),
            protocol.err(),
        ]
        .into_iter()
        .flatten()
        .collect()),
    }
}

/// Whether a path is absolute on any operating system, because the engine may run on another one.
fn is_absolute(path: &str) -> bool {
    (path.starts_with('/') || path.starts_with(r"\\") || path.as_bytes().get(1) == Some(&b':'))
        && !path.contains('\0')
}

/// Problems with a mount's source.
fn source_problem(kind: MountKind, source: Option<&str>) -> Option<Problem> {
    let (message, hint) = match (kind, source) {
        (MountKind::Volume, Some(name)) => {
            let (_, hint) = check_name(name).err()?;
            let hint = if name.contains('/') {
                "To mount a folder, choose Folder".to_owned()
            } else {
                hint.unwrap_or_default()
            };
            (format!("`{name}` is not a valid volume name"), hint)
        }
        (MountKind::Bind, None) => (
            "The folder is missing".to_owned(),
            "Enter its absolute path, for example /home/me/site".to_owned(),
        ),
        (MountKind::Bind, Some(folder)) if !is_absolute(folder) => (
            format!("`{folder}` is not an absolute path"),
            "Enter the whole path of the folder, for example /home/me/site".to_owned(),
        ),
        (MountKind::Other, _) => (
            "This kind of mount is not supported".to_owned(),
            "Use a volume, a folder or memory".to_owned(),
        ),
        _ => return None,
    };
    Some(Problem::new("source", message, hint))
}

/// Problems with the path in the container.
fn target_problem(path: &str) -> Option<Problem> {
    let message = if path.is_empty() {
        "The path in the container is missing".to_owned()
    } else if path.trim_end_matches('/').is_empty() {
        "Nothing can be mounted over the root of the container".to_owned()
    } else if is_absolute(path) {
        return None;
    } else {
        format!("`{path}` is not an absolute path")
    };
    let hint = "Enter an absolute path in the container, for example /data";
    Some(Problem::new("target", message, hint))
}

/// Converts a mount. Returns all of its problems.
fn read_mount(mount: &MountPlan) -> Result<MountSpec, Vec<Problem>> {
    let destination = mount.target.trim();
    let source = mount
        .source
        .as_deref()
        .map(str::trim)
        .filter(|source| !source.is_empty());
    let problems: Vec<Problem> = source_problem(mount.kind, source)
        .into_iter()
        .chain(target_problem(destination))
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let destination = destination.to_owned();
    Ok(match mount.kind {
        MountKind::Volume | MountKind::Other => MountSpec::Volume {
            name: source.map(str::to_owned),
            destination,
            read_only: mount.read_only,
        },
        MountKind::Bind => MountSpec::Bind {
            source: source.unwrap_or_default().to_owned(),
            destination,
            read_only: mount.read_only,
        },
        MountKind::Tmpfs => MountSpec::Tmpfs {
            destination,
            size: None,
        },
    })
}
