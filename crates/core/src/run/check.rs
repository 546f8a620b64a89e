//! What is known about a plan before it is run.

use slipway_api::container::MountKind;
use slipway_api::run::{MountPlan, PlanCheck, PlanFinding, RunPlan};
use slipway_catalog::{Catalog, ImageReference};
use slipway_engine::{Container, Engine, ListFilter};

use crate::blocking::blocking;
use crate::docker_run_line::docker_run_line;
use crate::run::draft::LOOK_DEADLINE;
use crate::run::port::HostPorts;
use crate::run::{looks_secret, spec};
use crate::selection::Selected;
use crate::{Slipway, view};

impl Slipway {
    /// What stands in the way of a plan, and the plan as a `docker run` line. Works without an engine, with less to
    /// tell.
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

/// What the engine has that a plan may meet.
#[derive(Debug, Default)]
pub(crate) struct Present {
    pub(crate) containers: Vec<Container>,
    /// Names of volumes.
    pub(crate) volumes: Vec<String>,
}

impl Present {
    /// What an engine in trouble does not tell in time is left out; the run finds it out.
    pub(crate) async fn on(engine: &Engine) -> Self {
        let engine = engine.with_deadline(LOOK_DEADLINE);
        let everything = ListFilter {
            all: true,
            ..ListFilter::default()
        };
        let (containers, volumes) = tokio::join!(
            engine.list_containers(&everything),
            engine.list_volumes(&[])
        );
        Self {
            containers: containers.unwrap_or_default(),
            volumes: volumes
                .unwrap_or_default()
                .into_iter()
                .map(|volume| volume.name)
                .collect(),
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
                field: format!("mounts.{}", news.index),
                blocking: false,
                message: news.message,
                hint: Some(news.hint),
                free_port: None,
            }),
    );
    if let Some(selected) = selected {
        findings.extend(port_findings(
            plan,
            containers,
            view::engine_host(&selected.endpoint),
        ));
        findings.extend(architecture(plan, &selected.engine.info().arch));
    }
    PlanCheck {
        docker_run: docker_run_line(plan, false),
        docker_run_full: docker_run_line(plan, true),
        findings,
    }
}

/// Variables without which the image does not start.
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
                field: index.map_or_else(|| "env".to_owned(), |index| format!("env.{index}")),
                blocking: true,
                message: format!("{} needs a value for {}", entry.name, known.name),
                hint: Some(known.about.clone()),
                free_port: None,
            })
        })
        .collect()
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

/// What is worth knowing about a volume of a plan.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct VolumeNews {
    /// Which mount of the plan.
    pub(crate) index: usize,
    pub(crate) message: String,
    pub(crate) hint: String,
}

/// Whose data a plan's volumes hold: one that exists is used with all that is in it, and one that a draft called
/// `web-data-2` stands beside a `web-data` that is left alone.
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
                    message: format!(
                        "The volume `{name}` exists already, and what is in it is used"
                    ),
                    hint: if has_secrets {
                        "A password in it stays as it was, whatever is set here".to_owned()
                    } else {
                        "Name another volume to begin with an empty one".to_owned()
                    },
                });
            }
            let (old, number) = name.rsplit_once('-')?;
            let is_numbered = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            let is_used = used.iter().any(|name| name == old);
            (is_numbered && !is_used && exists(old)).then(|| VolumeNews {
                index,
                message: format!(
                    "The volume `{old}` of an earlier container is left alone, and `{name}` begins empty"
                ),
                hint: if has_secrets {
                    format!("Mount `{old}` instead to go on with its data; its old password still holds")
                } else {
                    format!("Mount `{old}` instead to go on with its data")
                },
            })
        })
        .collect()
}

/// That what is published on the loopback of another computer is not reached from this one.
pub(crate) fn only_there(host: &str) -> String {
    format!(
        "Ports on 127.0.0.1 of `{host}`, where the engine runs, are reached from that computer only"
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
                field: format!("ports.{index}"),
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
                field: format!("ports.{index}"),
                blocking: port.fixed,
                message: taken.message,
                hint: Some(hint),
                free_port: taken.free,
            });
        }
        if ip.is_unspecified() {
            findings.push(PlanFinding {
                field: format!("ports.{index}"),
                blocking: false,
                message: format!("Port {wanted} will be reachable from the whole network"),
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
            "{} exists for {} only; this engine runs {arch}",
            entry.name,
            entry.architectures.join(", ")
        ),
        hint: Some("It starts only if the engine can emulate it, and then slowly".to_owned()),
        free_port: None,
    })
}

#[cfg(test)]
mod tests {
    use slipway_api::container::{EnvVar, RestartPolicy};
    use slipway_api::run::PortPlan;

    use super::*;

    fn plan(volumes: &[&str], env: &[&str]) -> RunPlan {
        RunPlan {
            image: "web".to_owned(),
            name: None,
            command: Vec::new(),
            entrypoint: None,
            env: env
                .iter()
                .map(|name| EnvVar {
                    name: (*name).to_owned(),
                    value: "x".to_owned(),
                })
                .collect(),
            ports: Vec::new(),
            mounts: volumes
                .iter()
                .map(|name| MountPlan {
                    kind: MountKind::Volume,
                    source: Some((*name).to_owned()),
                    target: format!("/{name}"),
                    read_only: false,
                })
                .collect(),
            restart: RestartPolicy::No,
            memory_bytes: None,
            cpus: None,
            network: None,
            tty: false,
            catalog: None,
        }
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
        check_volumes(&bare, &["db-data"], &[(0, "exists already", "empty one")]);
        check_volumes(&secret, &["db-data"], &[(0, "exists already", "password")]);
        let second = plan(&["log", "db-data-2"], &["DB_PASSWORD"]);
        check_volumes(
            &second,
            &["db-data"],
            &[(
                1,
                "`db-data` of an earlier container is left alone",
                "old password",
            )],
        );
        check_volumes(&plan(&["v-1x"], &[]), &["v"], &[]);
        // Two volumes of one container are no old and new one.
        check_volumes(
            &plan(&["db-data", "db-data-2"], &[]),
            &["db-data"],
            &[(0, "exists already", "")],
        );
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
        assert_eq!(findings[0].field, "ports.0");
        assert!(findings[0].message.contains("`build.example.org`"));
        assert!(!findings[0].blocking);
        assert_eq!(port_findings(&plan, &[], "127.0.0.1"), []);
    }
}
