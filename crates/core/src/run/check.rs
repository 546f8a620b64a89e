//! What is known about a plan before it is run.

use slipway_api::run::{PlanCheck, PlanFinding, RunPlan};
use slipway_catalog::{Catalog, ImageReference};
use slipway_engine::{Container, ListFilter};

use crate::docker_run_line::docker_run_line;
use crate::run::draft::LOOK_DEADLINE;
use crate::run::port::HostPorts;
use crate::run::spec;
use crate::selection::Selected;
use crate::{Slipway, view};

impl Slipway {
    /// What stands in the way of a plan, and the plan as a `docker run` line. Works without an engine, with less to
    /// tell.
    pub async fn run_check(&self, plan: &RunPlan) -> PlanCheck {
        let selected = self.selected().await.ok();
        let containers = match &selected {
            Some(selected) => {
                let everything = ListFilter {
                    all: true,
                    ..ListFilter::default()
                };
                selected
                    .engine
                    .with_deadline(LOOK_DEADLINE)
                    .list_containers(&everything)
                    .await
                    .unwrap_or_default()
            }
            None => Vec::new(),
        };
        check(plan, selected.as_ref(), &containers)
    }
}

pub(crate) fn check(
    plan: &RunPlan,
    selected: Option<&Selected>,
    containers: &[Container],
) -> PlanCheck {
    let mut findings = spec::read(plan).err().unwrap_or_default();
    findings.extend(missing_env(plan));
    findings.extend(name_clash(plan, containers));
    if let Some(selected) = selected {
        findings.extend(port_findings(
            plan,
            containers,
            view::is_local(&selected.endpoint),
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

fn port_findings(plan: &RunPlan, containers: &[Container], local: bool) -> Vec<PlanFinding> {
    let mut host_ports = HostPorts::new(containers, local);
    let mut findings = Vec::new();
    for (index, port) in plan.ports.iter().enumerate() {
        let Ok(published) = spec::read_port(port) else {
            continue;
        };
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
                hint: Some("Use 127.0.0.1 to keep it on this computer".to_owned()),
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
