//! From an image to a running container: the draft, the check, the run.

mod check;
mod draft;
mod execute;
mod field;
pub(crate) mod last_words;
mod needed;
pub(crate) mod port;
mod readiness;
mod spec;
mod undo;

use slipway_api::container::{ContainerView, MountKind};
use slipway_api::run::{PortPlan, RunPlan};
use slipway_catalog::Catalog;
use slipway_engine::{ContainerDetail, ImageDetail};

use crate::container::{nano_cpus_to_cpus, restart_policy};
use crate::secret::is_secret_name;
use crate::view;

/// Checks a container name by the engine's rule, `[a-zA-Z0-9][a-zA-Z0-9_.-]+`. The error is a message and a hint.
pub(crate) fn check_name(name: &str) -> Result<(), (String, Option<String>)> {
    const MAX: usize = 128;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if name.is_empty() {
        return Err(("The name is missing".to_owned(), None));
    }
    if name.len() > MAX {
        return Err((
            format!("A name has at most {MAX} characters"),
            Some("Shorten it".to_owned()),
        ));
    }
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if name.len() >= 2 && starts_well && name.chars().all(allowed) {
        return Ok(());
    }
    let mut better: String = name
        .chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .collect();
    better = better
        .trim_start_matches(|c: char| !c.is_ascii_alphanumeric())
        .trim_end_matches('-')
        .to_owned();
    let hint = if better.len() >= 2 {
        format!("For example `{better}`")
    } else {
        "Use at least two of letters, digits, `_`, `.` and `-`, starting with a letter or digit"
            .to_owned()
    };
    Err((
        format!("`{name}` is not a valid container name"),
        Some(hint),
    ))
}

/// Whether a variable's value is masked, by the catalog or by its name.
pub(crate) fn looks_secret(plan: &RunPlan, variable: &str) -> bool {
    let known = plan
        .catalog
        .as_deref()
        .and_then(|slug| Catalog::bundled().entry(slug))
        .and_then(|entry| entry.env.iter().find(|known| known.name == variable));
    if let Some(known) = known {
        return known.secret || known.generate.is_some();
    }
    is_secret_name(variable)
}

/// The variables of a plan whose values are masked, by name.
pub(crate) fn secrets(plan: &RunPlan) -> Vec<String> {
    let names = plan.env.iter().map(|variable| &variable.name);
    names
        .filter(|name| looks_secret(plan, name))
        .cloned()
        .collect()
}

/// The entrypoint and arguments that make a new container run the same command; empty where they are the image's own.
fn program_of(
    detail: &ContainerDetail,
    image: Option<&ImageDetail>,
) -> (Option<String>, Vec<String>) {
    let (entrypoint, command): (&[String], &[String]) =
        image.map_or((&[], &[]), |image| (&image.entrypoint, &image.command));
    if detail.entrypoint == entrypoint {
        let own = detail.command == command;
        let words = if own {
            Vec::new()
        } else {
            detail.command.clone()
        };
        return (None, words);
    }
    // `--entrypoint` takes one word, and replaces the image's command too.
    let mut words = detail.entrypoint.iter().chain(&detail.command).cloned();
    if detail.entrypoint.is_empty() {
        return (Some(String::new()), words.collect());
    }
    (words.next(), words.collect())
}

/// The plan that would create a container like this one. Settings that come from its image are left out; everything is
/// written out if the image is no longer known.
pub(crate) fn plan_of(
    detail: &ContainerDetail,
    container: &ContainerView,
    image: Option<&ImageDetail>,
) -> RunPlan {
    let (entrypoint, command) = program_of(detail, image);
    let mut ports = Vec::new();
    for configured in &detail.configured_ports {
        for (host_ip, host_port) in &configured.bindings {
            ports.push(PortPlan {
                container_port: configured.container_port.into(),
                protocol: view::protocol(configured.protocol).to_owned(),
                host_ip: Some(host_ip.map_or_else(|| "0.0.0.0".to_owned(), |ip| ip.to_string())),
                host_port: host_port.filter(|port| *port != 0).map(Into::into),
                fixed: host_port.is_some(),
            });
        }
    }
    RunPlan {
        image: container.image.clone(),
        name: Some(detail.name.clone()),
        command,
        entrypoint,
        env: detail
            .env
            .iter()
            .filter(|line| image.is_none_or(|image| !image.env.contains(line)))
            .map(|line| view::env_var(line))
            .collect(),
        ports,
        mounts: container
            .mounts
            .iter()
            .filter(|mount| mount.kind != MountKind::Other)
            .map(view::mount_plan)
            .collect(),
        restart: restart_policy(&detail.restart_policy),
        memory_bytes: detail.limits.memory,
        cpus: detail.limits.nano_cpus.map(nano_cpus_to_cpus),
        network: detail
            .network_mode
            .clone()
            .filter(|mode| !matches!(mode.as_str(), "default" | "bridge")),
        tty: detail.tty,
        catalog: detail.labels.get(view::CATALOG_LABEL).cloned(),
        from_image: false,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use slipway_api::container::RestartPolicy;
    use slipway_api::run::RunPlan;

    use super::check_name;

    /// A plan with nothing but an image.
    pub(crate) fn empty_plan() -> RunPlan {
        RunPlan {
            image: "web".to_owned(),
            name: None,
            command: Vec::new(),
            entrypoint: None,
            env: Vec::new(),
            ports: Vec::new(),
            mounts: Vec::new(),
            restart: RestartPolicy::No,
            memory_bytes: None,
            cpus: None,
            network: None,
            tty: false,
            catalog: None,
            from_image: false,
        }
    }

    fn check(name: &str, hint_has: Option<&str>) {
        match (check_name(name), hint_has) {
            (Ok(()), None) => {}
            (Err((_, Some(hint))), Some(wanted)) if hint.contains(wanted) => {}
            (result, _) => panic!("{name:?}: {result:?}"),
        }
    }

    #[test]
    fn names_follow_the_engines_rule() {
        check("web", None);
        check("a1", None);
        check("my_app.v2-x", None);
        check("my app", Some("`my-app`"));
        check("-web", Some("`web`"));
        check("a", Some("at least two"));
        check("ü", Some("at least two"));
        check("<b>x</b>", Some("`b-x--b`"));
        check(&"x".repeat(200), Some("Shorten"));
    }
}
