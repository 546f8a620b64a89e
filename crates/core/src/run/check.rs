//! Findings about a plan before it is run.

use slipway_api::container::MountKind;
use slipway_api::run::{MountPlan, PlanCheck, PlanFinding, RunPlan};
use slipway_catalog::{Catalog, ImageReference};
use slipway_engine::{
    Address, Container, Endpoint, EndpointSource, Engine, EngineInfo, ListFilter, Network, Product,
    size,
};

use crate::blocking::blocking;
use crate::connection_string::finds_by_name;
use crate::docker_run_line::docker_run_line;
use crate::run::draft::LOOK_DEADLINE;
use crate::run::needed;
use crate::run::port::HostPorts;
use crate::run::{looks_secret, secrets, spec};
use crate::selection::Selected;
use crate::{Slipway, view};

/// What an engine takes for a network without one of that name: Docker's modes, and Podman's.
const NETWORK_MODES: [&str; 8] = [
    "default",
    "bridge",
    "host",
    "none",
    "nat",
    "private",
    "pasta",
    "slirp4netns",
];

/// How many networks a hint names.
const NAMED_NETWORKS: usize = 5;

impl Slipway {
    /// The findings about a plan, and the plan as a `docker run` line. Works without an engine, with fewer findings.
    pub async fn run_check(&self, plan: &RunPlan) -> PlanCheck {
        let selected = self.selected().await.ok();
        let present = match &selected {
            Some(selected) => Present::on(&selected.engine).await,
            None => Present::default(),
        };
        let plan = plan.clone();
        blocking(move || check(&plan, selected.as_ref(), &present)).await
    }
}

/// The engine's resources that a plan may conflict with.
#[derive(Debug, Default)]
pub(crate) struct Present {
    pub(crate) containers: Vec<Container>,
    /// Names of volumes.
    pub(crate) volumes: Vec<String>,
    /// Empty if they are not known: an engine always has networks.
    pub(crate) networks: Vec<Network>,
}

impl Present {
    /// Data that an engine in trouble does not deliver in time is skipped; the run itself will report the problem.
    pub(crate) async fn on(engine: &Engine) -> Self {
        let engine = engine.with_deadline(LOOK_DEADLINE);
        let everything = ListFilter {
            all: true,
            ..ListFilter::default()
        };
        let (containers, volumes, networks) = tokio::join!(
            engine.list_containers(&everything),
            engine.list_volumes(&[]),
            Box::pin(engine.list_networks())
        );
        Self {
            containers: containers.unwrap_or_default(),
            volumes: volumes
                .unwrap_or_default()
                .into_iter()
                .map(|volume| volume.name)
                .collect(),
            networks: networks.unwrap_or_default(),
        }
    }
}

pub(crate) fn check(plan: &RunPlan, selected: Option<&Selected>, present: &Present) -> PlanCheck {
    let containers = &present.containers;
    let mut findings = spec::read(plan).err().unwrap_or_default();
    findings.extend(missing_env(plan));
    findings.extend(name_clash(plan, containers));
    findings.extend(
        volume_news(plan, &present.volumes)
            .into_iter()
            .map(|news| PlanFinding {
                field: format!("mounts.{}.source", news.index),
                blocking: false,
                message: news.message,
                hint: Some(news.hint),
                free_port: None,
            }),
    );
    findings.extend(data_of_needed(plan, present));
    findings.extend(missing_network(plan, &present.networks));
    if let Some(selected) = selected {
        findings.extend(port_findings(
            plan,
            containers,
            view::engine_host(&selected.endpoint),
        ));
        findings.extend(architecture(plan, &selected.engine.info().arch));
        findings.extend(limit_findings(plan, selected.engine.info()));
        findings.extend(folder_findings(plan, &selected.endpoint));
    }
    findings.extend(program_findings(plan));
    PlanCheck {
        docker_run: docker_run_line(plan, false),
        docker_run_full: docker_run_line(plan, true),
        secrets: secrets(plan),
        findings,
        local_folders: selected.is_some_and(|selected| shares_folders(&selected.endpoint)),
    }
}

/// Limits beyond the engine's resources. Docker refuses too many CPUs; Podman ignores limits that it does not support.
pub(crate) fn limit_findings(plan: &RunPlan, engine: &EngineInfo) -> Vec<PlanFinding> {
    let mut findings = Vec::new();
    if let (Some(wanted), Some(cpus)) = (plan.cpus, engine.cpus)
        && wanted > f64::from(cpus)
        && cpus > 0
    {
        let plural = if cpus == 1 { "CPU" } else { "CPUs" };
        findings.push(PlanFinding {
            field: "cpus".to_owned(),
            blocking: engine.product == Product::Docker,
            message: format!("The engine has {cpus} {plural}"),
            hint: Some(format!("Use a number from 0.01 to {cpus}")),
            free_port: None,
        });
    }
    if let (Some(wanted), Some(memory)) = (plan.memory_bytes, engine.memory_bytes)
        && wanted > memory
        && memory > 0
    {
        findings.push(PlanFinding {
            field: "memory".to_owned(),
            blocking: false,
            message: format!("The engine has {}", size::memory(memory)),
            hint: Some("A higher limit has no effect".to_owned()),
            free_port: None,
        });
    }
    findings
}

/// Whether folders of this computer can be mounted.
fn shares_folders(endpoint: &Endpoint) -> bool {
    let is_socket = matches!(endpoint.address, Address::Unix(_) | Address::NamedPipe(_));
    is_socket && endpoint.source != EndpointSource::Machine
}

/// Checks where the mounted folders have to be, and which of them are missing.
fn folder_findings(plan: &RunPlan, endpoint: &Endpoint) -> Vec<PlanFinding> {
    let folders = plan
        .mounts
        .iter()
        .enumerate()
        .filter(|(_, mount)| mount.kind == MountKind::Bind)
        .filter_map(|(index, mount)| {
            let source = mount.source.as_deref()?.trim();
            (!source.is_empty()).then_some((index, source))
        });
    let mut findings = Vec::new();
    for (index, folder) in folders {
        let (blocking, message, hint) = if endpoint.source == EndpointSource::Machine {
            (
                false,
                "Slipway's machine does not share folders of this computer".to_owned(),
                "The path is that of a folder in the machine".to_owned(),
            )
        } else if !shares_folders(endpoint) {
            (
                false,
                format!(
                    "The folder must be on `{}`, where the engine runs",
                    view::engine_host(endpoint)
                ),
                "Folders of this computer are not available there".to_owned(),
            )
        } else if folder.starts_with('/') && is_missing(folder) {
            (
                is_native(&endpoint.address),
                format!("There is no `{folder}` on this computer"),
                "Create the folder first, or check its path".to_owned(),
            )
        } else {
            continue;
        };
        findings.push(PlanFinding {
            field: format!("mounts.{index}.source"),
            blocking,
            message,
            hint: Some(hint),
            free_port: None,
        });
    }
    findings
}

/// Whether the folder is known to be missing. One that Slipway may not look into can still be readable for the engine.
fn is_missing(path: &str) -> bool {
    std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// Whether the engine sees the same files. Another socket can lead to another computer, through ssh.
fn is_native(address: &Address) -> bool {
    let Address::Unix(path) = address else {
        return false;
    };
    ["/run", "/var/run"]
        .iter()
        .any(|runtime| path.starts_with(runtime))
}

/// Settings that do not have the effect they seem to have.
fn program_findings(plan: &RunPlan) -> Vec<PlanFinding> {
    let mut findings = Vec::new();
    let entrypoint = plan.entrypoint.as_deref().unwrap_or_default();
    if entrypoint.contains(char::is_whitespace) {
        findings.push(PlanFinding {
            field: "entrypoint".to_owned(),
            blocking: false,
            message: "The entrypoint is one program, without arguments".to_owned(),
            hint: Some("Enter its arguments under Command".to_owned()),
            free_port: None,
        });
    }
    if plan.network.as_deref() == Some("host") && !plan.ports.is_empty() {
        findings.push(PlanFinding {
            field: "network".to_owned(),
            blocking: false,
            message: "On the network `host` no port is published".to_owned(),
            hint: Some("The container uses the ports of the engine's host directly".to_owned()),
            free_port: None,
        });
    }
    findings
}

/// Required variables that have no value.
pub(crate) fn missing_env(plan: &RunPlan) -> Vec<PlanFinding> {
    let Some(entry) = plan
        .catalog
        .as_deref()
        .and_then(|slug| Catalog::bundled().entry(slug))
    else {
        return Vec::new();
    };
    entry
        .env
        .iter()
        .filter(|known| known.required)
        .filter_map(|known| {
            let index = plan.env.iter().position(|set| set.name == known.name);
            let filled = index.is_some_and(|index| !plan.env[index].value.trim().is_empty());
            (!filled).then(|| PlanFinding {
                field: index.map_or_else(|| "env".to_owned(), |index| format!("env.{index}.value")),
                blocking: true,
                message: format!("{} requires a value for {}", entry.name, known.name),
                hint: Some(known.about.clone()),
                free_port: None,
            })
        })
        .collect()
}

/// The plan's network if the engine does not have it.
pub(crate) fn missing_network(plan: &RunPlan, networks: &[Network]) -> Option<PlanFinding> {
    let name = plan.network.as_deref().map(str::trim)?;
    let is_sought = spec::is_network_name(name) && !NETWORK_MODES.contains(&name);
    if !is_sought || networks.is_empty() || networks.iter().any(|network| network.is(name)) {
        return None;
    }
    let needs = needed::entry_of(plan).is_some_and(|entry| !entry.needs.is_empty());
    let mut known: Vec<&str> = networks
        .iter()
        .map(|network| network.name.as_str())
        .filter(|name| finds_by_name(name))
        .collect();
    known.sort_unstable();
    known.truncate(NAMED_NETWORKS);
    Some(PlanFinding {
        field: "network".to_owned(),
        blocking: !needs,
        message: format!("The engine has no network `{name}`"),
        hint: Some(if needs {
            "It is created with the service that this image needs".to_owned()
        } else if known.is_empty() {
            "Leave it empty for the engine's own network".to_owned()
        } else {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!(
                "Leave it empty for the engine's own network, or use {}",
                known.join(", ")
            )
        }),
        free_port: None,
    })
}

fn name_clash(plan: &RunPlan, containers: &[Container]) -> Option<PlanFinding> {
    let name = plan.name.as_deref().filter(|name| !name.is_empty())?;
    containers
        .iter()
        .any(|container| container.name == name)
        .then(|| PlanFinding {
            field: "name".to_owned(),
            blocking: true,
            message: format!("Another container is named `{name}`"),
            hint: Some(format!("`{}` is free", free_name(name, containers))),
            free_port: None,
        })
}

/// `base`, or `base-2`, `base-3`, …
pub(crate) fn free_name(base: &str, containers: &[Container]) -> String {
    let taken = |name: &str| containers.iter().any(|container| container.name == name);
    if !taken(base) {
        return base.to_owned();
    }
    (2..=u32::MAX)
        .map(|number| format!("{base}-{number}"))
        .find(|name| !taken(name))
        .unwrap_or_else(|| base.to_owned())
}

/// A finding about a volume of a plan.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct VolumeNews {
    /// Index of the mount in the plan.
    pub(crate) index: usize,
    pub(crate) message: String,
    pub(crate) hint: String,
}

/// Findings about existing data: an existing volume is used with its content, and a draft that had to be called
/// `web-data-2` leaves an existing `web-data` unused.
pub(crate) fn volume_news(plan: &RunPlan, volumes: &[String]) -> Vec<VolumeNews> {
    let exists = |name: &str| volumes.iter().any(|volume| volume == name);
    let has_secrets = plan
        .env
        .iter()
        .any(|variable| !variable.value.is_empty() && looks_secret(plan, &variable.name));
    let named = |mount: &MountPlan| {
        mount
            .source
            .clone()
            .filter(|name| mount.kind == MountKind::Volume && !name.is_empty())
    };
    let used: Vec<String> = plan.mounts.iter().filter_map(named).collect();
    plan.mounts
        .iter()
        .enumerate()
        .filter_map(|(index, mount)| {
            let name = named(mount)?;
            if exists(&name) {
                return Some(VolumeNews {
                    index,
                    message: if has_secrets {
                        format!(
                            "The volume `{name}` has data already: the password that it was first started with still holds"
                        )
                    } else {
                        format!("The volume `{name}` already exists: its data is used")
                    },
                    hint: "Use another name to start with an empty volume".to_owned(),
                });
            }
            let (old, number) = name.rsplit_once('-')?;
            let is_numbered = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            let is_used = used.iter().any(|name| name == old);
            (is_numbered && !is_used && exists(old)).then(|| VolumeNews {
                index,
                message: format!("The existing volume `{old}` is not used; `{name}` starts empty"),
                hint: if has_secrets {
                    format!("Use `{old}` to continue with its data and its old password")
                } else {
                    format!("Use `{old}` to continue with its data")
                },
            })
        })
        .collect()
}

/// Findings about data of services that the plan's image needs and that would be started for it: their old passwords
/// are not known, so they start with empty volumes.
fn data_of_needed(plan: &RunPlan, present: &Present) -> Vec<PlanFinding> {
    let needs = needed::entry_of(plan).map_or(&[][..], |entry| &entry.needs);
    let mut findings = Vec::new();
    for entry in needs
        .iter()
        .filter_map(|slug| Catalog::bundled().entry(slug))
    {
        if present
            .containers
            .iter()
            .any(|container| needed::is_of(container, entry))
        {
            continue;
        }
        let name = free_name(&entry.slug, &present.containers);
        for known in &entry.volumes {
            let old = format!("{name}-{}", known.suffix);
            if present.volumes.contains(&old) {
                findings.push(PlanFinding {
                    field: format!("needs.{}", entry.slug),
                    blocking: false,
                    message: format!(
                        "The volume `{old}` has data already: the password that it was first started with still holds"
                    ),
                    hint: Some(format!(
                        "{} that is run for this container starts with an empty volume instead",
                        entry.name
                    )),
                    free_port: None,
                });
            }
        }
    }
    findings
}

/// Warns that a port published on the loopback address of another computer cannot be reached from this one.
pub(crate) fn only_there(host: &str) -> String {
    format!(
        "Ports on 127.0.0.1 of `{host}`, where the engine runs, are reachable from that computer only"
    )
}

fn port_findings(plan: &RunPlan, containers: &[Container], host: &str) -> Vec<PlanFinding> {
    let local = view::is_local_host(host);
    let mut host_ports = HostPorts::new(containers, local);
    let mut findings = Vec::new();
    for (index, port) in plan.ports.iter().enumerate() {
        let Ok(published) = spec::read_port(port) else {
            continue;
        };
        if !local && published.host_ip.is_some_and(|ip| ip.is_loopback()) {
            findings.push(PlanFinding {
                field: format!("ports.{index}.host_ip"),
                blocking: false,
                message: only_there(host),
                hint: Some("Use 0.0.0.0 to publish it on the network of that computer".to_owned()),
                free_port: None,
            });
        }
        let (Some(ip), Some(wanted)) = (published.host_ip, published.host_port) else {
            continue;
        };
        if let Some(taken) = host_ports.taken(ip, wanted, published.protocol) {
            let hint = match (taken.free, port.fixed) {
                (Some(free), false) => format!("{free} is free and will be used"),
                (Some(free), true) => format!("{free} is free"),
                (None, _) => "Choose another port".to_owned(),
            };
            findings.push(PlanFinding {
                field: format!("ports.{index}.host_port"),
                blocking: port.fixed,
                message: taken.message,
                hint: Some(hint),
                free_port: taken.free,
            });
        }
        if ip.is_unspecified() {
            findings.push(PlanFinding {
                field: format!("ports.{index}.host_ip"),
                blocking: false,
                message: format!("Port {wanted} is reachable from the whole network"),
                hint: Some(if local {
                    "Use 127.0.0.1 to keep it on this computer".to_owned()
                } else {
                    format!("Use 127.0.0.1 to keep it on `{host}`")
                }),
                free_port: None,
            });
        }
        host_ports.give(ip, wanted, published.protocol);
    }
    findings
}

fn architecture(plan: &RunPlan, arch: &str) -> Option<PlanFinding> {
    let reference: ImageReference = plan.image.trim().parse().ok()?;
    let entry = Catalog::bundled().entry_for_image(&reference)?;
    let arch = view::oci_arch(arch);
    (!entry.architectures.is_empty() && !entry.supports_architecture(arch)).then(|| PlanFinding {
        field: "image".to_owned(),
        blocking: false,
        message: format!(
            "{} is available for {} only; this engine runs {arch}",
            entry.name,
            entry.architectures.join(", ")
        ),
        hint: Some("It runs only if the engine can emulate it, and slowly".to_owned()),
        free_port: None,
    })
}

#[cfg(test)]
mod tests {
    use slipway_api::container::EnvVar;
    use slipway_api::run::PortPlan;

    use super::*;
    use crate::run::tests::empty_plan;

    fn plan(volumes: &[&str], env: &[&str]) -> RunPlan {
        RunPlan {
            env: env
                .iter()
                .map(|name| EnvVar {
                    name: (*name).to_owned(),
                    value: "x".to_owned(),
                })
                .collect(),
            mounts: volumes
                .iter()
                .map(|name| MountPlan {
                    kind: MountKind::Volume,
                    source: Some((*name).to_owned()),
                    target: format!("/{name}"),
                    read_only: false,
                })
                .collect(),
            ..empty_plan()
        }
    }

    fn info(product: Product) -> EngineInfo {
        EngineInfo {
            product,
            version: "28.0.0".to_owned(),
            api_version: "1.48".to_owned(),
            os: "linux".to_owned(),
            arch: "amd64".to_owned(),
            name: "default".to_owned(),
            cpus: Some(2),
            memory_bytes: Some(4 << 30),
        }
    }

    /// The fields with findings, blocking ones with a leading `!`.
    #[track_caller]
    fn check_fields(plan: &RunPlan, wanted: &[&str]) {
        let mut findings = spec::read(plan).err().unwrap_or_default();
        findings.extend(limit_findings(plan, &info(Product::Docker)));
        findings.extend(program_findings(plan));
        let found: Vec<String> = findings
            .iter()
            .map(|finding| {
                format!(
                    "{}{}",
                    if finding.blocking { "!" } else { "" },
                    finding.field
                )
            })
            .collect();
        assert_eq!(found, wanted, "{findings:#?}");
        for finding in &findings {
            assert!(
                !finding.message.is_empty() && finding.hint.is_some(),
                "{finding:#?}"
            );
        }
    }

    fn variable(name: &str) -> EnvVar {
        EnvVar {
            name: name.to_owned(),
            value: "x".to_owned(),
        }
    }

    fn mount(kind: MountKind, source: &str, target: &str) -> MountPlan {
        MountPlan {
            kind,
            source: (!source.is_empty()).then(|| source.to_owned()),
            target: target.to_owned(),
            read_only: false,
        }
    }

    fn port(container_port: u32, host_ip: &str, host_port: Option<u32>) -> PortPlan {
        PortPlan {
            container_port,
            protocol: "tcp".to_owned(),
            host_ip: Some(host_ip.to_owned()),
            host_port,
            fixed: true,
        }
    }

    #[test]
    fn every_field_is_marked_where_it_is_wrong() {
        let plan = |change: fn(&mut RunPlan)| {
            let mut plan = empty_plan();
            change(&mut plan);
            plan
        };
        check_fields(&empty_plan(), &[]);
        check_fields(
            &plan(|plan| plan.image = "Not An Image".to_owned()),
            &["!image"],
        );
        check_fields(&plan(|plan| plan.image = String::new()), &["!image"]);
        check_fields(&plan(|plan| plan.image = "web:a b".to_owned()), &["!image"]);
        check_fields(
            &plan(|plan| plan.name = Some("my app".to_owned())),
            &["!name"],
        );
        check_fields(
            &plan(|plan| plan.memory_bytes = Some(1 << 20)),
            &["!memory"],
        );
        check_fields(&plan(|plan| plan.memory_bytes = Some(6 << 20)), &[]);
        check_fields(&plan(|plan| plan.memory_bytes = Some(8 << 30)), &["memory"]);
        check_fields(&plan(|plan| plan.cpus = Some(99.0)), &["!cpus"]);
        check_fields(&plan(|plan| plan.cpus = Some(0.001)), &["!cpus"]);
        check_fields(&plan(|plan| plan.cpus = Some(2.0)), &[]);
        check_fields(
            &plan(|plan| plan.network = Some("a b".to_owned())),
            &["!network"],
        );
        check_fields(
            &plan(|plan| plan.network = Some("container:".to_owned())),
            &["!network"],
        );
        check_fields(
            &plan(|plan| plan.network = Some("container:web".to_owned())),
            &[],
        );
        check_fields(
            &plan(|plan| plan.entrypoint = Some("sh -c".to_owned())),
            &["entrypoint"],
        );
    }

    #[test]
    fn a_network_that_does_not_exist_is_told() {
        let network = |name: &str| Network {
            id: format!("id-of-{name}"),
            name: name.to_owned(),
        };
        let there = ["bridge", "host", "none", "shop"].map(network);
        let told = |name: &str, networks: &[Network]| {
            let plan = RunPlan {
                network: Some(name.to_owned()),
                ..empty_plan()
            };
            missing_network(&plan, networks)
                .map(|found| (found.message, found.hint, found.blocking))
        };
        let found = told("nowhere", &there);
        let hint = "Leave it empty for the engine's own network, or use `shop`";
        let expected = (
            "The engine has no network `nowhere`".to_owned(),
            Some(hint.to_owned()),
            true,
        );
        assert_eq!(found, Some(expected));
        for name in [
            "shop",
            "id-of-sh",
            "host",
            "default",
            "container:web",
            "a b",
            "",
        ] {
            assert_eq!(told(name, &there), None, "{name}");
        }
        // Nothing is known of an engine that did not say.
        assert_eq!(told("nowhere", &[]), None);

        // The service that an image needs is run on it, and creates it.
        let mut plan = empty_plan();
        plan.catalog = Some("wordpress".to_owned());
        plan.network = Some("nowhere".to_owned());
        let found = missing_network(&plan, &there).expect("a finding");
        assert!(!found.blocking, "{found:#?}");
    }

    #[test]
    fn both_sides_of_a_port_are_checked() {
        let mut plan = empty_plan();
        plan.ports = vec![
            port(0, "127.0.0.1", Some(70_000)),
            port(80, "localhots", None),
            port(80, "::1", Some(8080)),
        ];
        check_fields(
            &plan,
            &[
                "!ports.0.host_port",
                "!ports.0.container_port",
                "!ports.1.host_ip",
            ],
        );
    }

    #[test]
    fn names_of_variables_are_checked() {
        let mut plan = empty_plan();
        plan.env = ["", "A=B", "A B", "LANG", "discovery.type", "LANG "]
            .map(variable)
            .into();
        check_fields(
            &plan,
            &["!env.0.name", "!env.1.name", "!env.2.name", "!env.5.name"],
        );
    }

    #[test]
    fn both_sides_of_a_mount_are_checked() {
        let mut plan = empty_plan();
        plan.mounts = vec![
            mount(MountKind::Volume, "web-data", "/data"),
            mount(MountKind::Volume, "/srv/www", "/data/"),
            mount(MountKind::Bind, "", ""),
            mount(MountKind::Bind, "site", "html"),
            mount(MountKind::Tmpfs, "", "/"),
            mount(MountKind::Volume, "", "/anonymous"),
        ];
        check_fields(
            &plan,
            &[
                "!mounts.1.source",
                "!mounts.1.target",
                "!mounts.2.source",
                "!mounts.2.target",
                "!mounts.3.source",
                "!mounts.3.target",
                "!mounts.4.target",
            ],
        );
    }

    #[test]
    fn podman_takes_more_cpus_than_there_are() {
        let mut plan = empty_plan();
        plan.cpus = Some(4.0);
        let [finding] = &limit_findings(&plan, &info(Product::Podman))[..] else {
            panic!("it is worth knowing")
        };
        assert!(!finding.blocking, "{finding:#?}");
    }

    #[test]
    fn a_folder_has_to_be_where_the_engine_is() {
        let here = std::env::temp_dir();
        let mut plan = empty_plan();
        plan.mounts = vec![
            mount(MountKind::Bind, &here.to_string_lossy(), "/a"),
            mount(MountKind::Bind, "/there/is/no/such/folder", "/b"),
        ];
        let check = |address: &str, source: EndpointSource, wanted: &[(&str, bool, &str)]| {
            let mut endpoint = Endpoint::at(address.parse().expect("an address"));
            endpoint.source = source;
            let findings = folder_findings(&plan, &endpoint);
            assert_eq!(findings.len(), wanted.len(), "{findings:#?}");
            for (finding, (field, blocking, message)) in findings.iter().zip(wanted) {
                assert_eq!(
                    (finding.field.as_str(), finding.blocking),
                    (*field, *blocking)
                );
                assert!(finding.message.contains(message), "{finding:#?}");
            }
            shares_folders(&endpoint)
        };
        let no_such = "There is no `/there";
        let native = check(
            "unix:///run/docker.sock",
            EndpointSource::Custom,
            &[("mounts.1.source", true, no_such)],
        );
        assert!(native);
        // It may lead to another computer.
        let tunnel = check(
            "unix:///home/me/tunnel.sock",
            EndpointSource::Custom,
            &[("mounts.1.source", false, no_such)],
        );
        assert!(tunnel);
        let machine = check(
            "unix:///run/user/1000/slipway/engine.sock",
            EndpointSource::Machine,
            &[
                ("mounts.0.source", false, "does not share"),
                ("mounts.1.source", false, "does not share"),
            ],
        );
        assert!(!machine);
        let remote = check(
            "ssh://me@build.example.org",
            EndpointSource::Custom,
            &[
                ("mounts.0.source", false, "`build.example.org`"),
                ("mounts.1.source", false, "`build.example.org`"),
            ],
        );
        assert!(!remote);
    }

    #[track_caller]
    fn check_volumes(plan: &RunPlan, there: &[&str], news: &[(usize, &str, &str)]) {
        let there: Vec<String> = there.iter().map(|name| (*name).to_owned()).collect();
        let found = volume_news(plan, &there);
        assert_eq!(found.len(), news.len(), "{found:#?}");
        for (found, (index, message, hint)) in found.iter().zip(news) {
            assert_eq!(found.index, *index);
            assert!(found.message.contains(message), "{found:#?}");
            assert!(found.hint.contains(hint), "{found:#?}");
        }
    }

    #[test]
    fn whose_data_a_volume_holds_is_said() {
        let bare = plan(&["db-data"], &[]);
        let secret = plan(&["db-data"], &["DB_PASSWORD"]);
        check_volumes(&bare, &[], &[]);
        check_volumes(&bare, &["other", "db-data-2", "db"], &[]);
        check_volumes(
            &bare,
            &["db-data"],
            &[(0, "already exists", "empty volume")],
        );
        check_volumes(
            &secret,
            &["db-data"],
            &[(0, "password that it was first started with", "empty volume")],
        );
        let second = plan(&["log", "db-data-2"], &["DB_PASSWORD"]);
        check_volumes(
            &second,
            &["db-data"],
            &[(1, "`db-data` is not used", "old password")],
        );
        check_volumes(&plan(&["v-1x"], &[]), &["v"], &[]);
        // Two volumes of one container are not an old and a new one.
        check_volumes(
            &plan(&["db-data", "db-data-2"], &[]),
            &["db-data"],
            &[(0, "already exists", "")],
        );
    }

    /// A service that would be started has a new password, which the data of an old one does not know.
    #[test]
    fn data_of_an_earlier_service_is_told_before_the_run() {
        let mut plan = plan(&[], &[]);
        plan.catalog = Some("wordpress".to_owned());
        let told = |volumes: &[&str]| -> Vec<(String, bool)> {
            let present = Present {
                containers: Vec::new(),
                volumes: volumes.iter().map(|name| (*name).to_owned()).collect(),
                networks: Vec::new(),
            };
            data_of_needed(&plan, &present)
                .into_iter()
                .map(|found| (found.message, found.blocking))
                .collect()
        };
        assert_eq!(told(&["wordpress-html", "db-data"]), []);
        let entry = Catalog::bundled().entry("wordpress").expect("bundled");
        let needed = &entry.needs[0];
        let suffix = &Catalog::bundled().entry(needed).expect("bundled").volumes[0].suffix;
        let old = format!("{needed}-{suffix}");
        let message = format!(
            "The volume `{old}` has data already: the password that it was first started with still holds"
        );
        assert_eq!(told(&[&old]), [(message, false)]);
    }

    #[test]
    fn ports_on_the_loopback_of_another_computer_are_told() {
        let mut plan = plan(&[], &[]);
        for host_ip in [None, Some("0.0.0.0".to_owned())] {
            plan.ports.push(PortPlan {
                container_port: 80,
                protocol: "tcp".to_owned(),
                host_ip,
                host_port: None,
                fixed: false,
            });
        }
        let findings = port_findings(&plan, &[], "build.example.org");
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert_eq!(findings[0].field, "ports.0.host_ip");
        assert!(findings[0].message.contains("`build.example.org`"));
        assert!(!findings[0].blocking);
        assert_eq!(port_findings(&plan, &[], "127.0.0.1"), []);
    }
}
