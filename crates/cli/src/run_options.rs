//! The options of `slipway run`, and how they change the draft.

use std::path::{Path, PathBuf};

use slipway_api::ApiError;
use slipway_api::catalog::CatalogEntry;
use slipway_api::container::{EnvVar, RestartPolicy};
use slipway_api::run::{MountPlan, PortPlan, RunDraft, RunPlan};

use crate::arguments::Run;
use crate::failure::{Failure, invalid, other};
use crate::mount_spec;
use crate::port_spec::{self, PortSpec};
use crate::size;

/// The parsed options.
#[derive(Debug)]
pub(crate) struct Options {
    /// The image or entry, as it was typed.
    pub(crate) image: String,
    /// The name from which the draft derives volume names.
    pub(crate) name: Option<String>,
    ports: Vec<PortSpec>,
    env: Vec<EnvVar>,
    mounts: Vec<MountPlan>,
    network: Option<String>,
    restart: Option<RestartPolicy>,
    memory_bytes: Option<u64>,
    cpus: Option<f64>,
    tty: bool,
    /// The services that the image needs are run first.
    pub(crate) with_needed: bool,
    entrypoint: Option<String>,
    command: Vec<String>,
}

impl Options {
    /// Parses everything before the engine is contacted, so that a typing error costs no time.
    pub(crate) fn read(run: Run) -> Result<Self, Failure> {
        let directory = if run.volume.is_empty() {
            PathBuf::new()
        } else {
            std::env::current_dir().map_err(|error| {
                other(
                    "The current directory, which -v starts from, cannot be found",
                    &error,
                )
            })?
        };
        let environment = |name: &str| std::env::var(name).ok();
        Ok(Self::of(run, &directory, environment)?)
    }

    fn of(
        run: Run,
        directory: &Path,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ApiError> {
        let mut ports = run
            .publish
            .iter()
            .map(|spec| port_spec::parse(spec))
            .collect::<Result<Vec<_>, _>>()?;
        if run.no_ports {
            ports.push(PortSpec::None);
        }
        let mut env = Vec::new();
        for text in &run.env {
            env.extend(variable(text, &environment)?);
        }
        if run.name.as_deref().is_some_and(str::is_empty) {
            return Err(invalid(
                "The name is empty",
                "Leave out --name to use a free name",
            ));
        }
        Ok(Self {
            image: run.image,
            name: run.name,
            ports,
            env,
            mounts: run
                .volume
                .iter()
                .map(|spec| mount_spec::parse(spec, directory, cfg!(windows)))
                .collect::<Result<_, _>>()?,
            network: run.network,
            restart: run.restart.map(Into::into),
            memory_bytes: run.memory.as_deref().map(size::parse).transpose()?,
            cpus: run.cpus.as_deref().map(cpus).transpose()?,
            tty: run.tty,
            with_needed: run.with_needed,
            entrypoint: run.entrypoint,
            command: run.command,
        })
    }

    /// The draft's plan with the options applied.
    pub(crate) fn apply(&self, draft: &RunDraft) -> Result<RunPlan, ApiError> {
        let mut plan = draft.plan.clone();
        if let Some(name) = &self.name {
            plan.name = Some(name.clone());
        }
        if self.ports.contains(&PortSpec::None) {
            plan.ports.clear();
        }
        for spec in &self.ports {
            let PortSpec::Publish(port) = spec else {
                continue;
            };
            let mut port = port.clone();
            let same = |planned: &PortPlan| {
                planned.container_port == port.container_port && planned.protocol == port.protocol
            };
            match plan
                .ports
                .iter()
                .position(|planned| !planned.fixed && same(planned))
            {
                // Options replace what the draft found; the draft fills in what the options leave out.
                Some(index) => {
                    if port.host_port.is_none() {
                        port.host_port = plan.ports[index].host_port;
                    }
                    plan.ports[index] = port;
                }
                // The same port may be published at several addresses.
                None => plan.ports.push(port),
            }
        }
        for variable in &self.env {
            match plan
                .env
                .iter_mut()
                .find(|known| known.name == variable.name)
            {
                Some(known) => known.value.clone_from(&variable.value),
                None => plan.env.push(variable.clone()),
            }
        }
        for mount in &self.mounts {
            match plan
                .mounts
                .iter_mut()
                .find(|known| known.target == mount.target)
            {
                Some(known) => *known = mount.clone(),
                None => plan.mounts.push(mount.clone()),
            }
        }
        if let Some(network) = &self.network {
            plan.network = Some(network.clone());
        }
        plan.restart = self.restart.unwrap_or(plan.restart);
        plan.memory_bytes = self.memory_bytes.or(plan.memory_bytes);
        plan.cpus = self.cpus.or(plan.cpus);
        plan.tty |= self.tty;
        if let Some(entrypoint) = &self.entrypoint {
            plan.entrypoint = Some(entrypoint.clone());
            // The arguments belong to the program that is replaced.
            plan.command.clear();
        }
        if !self.command.is_empty() {
            plan.command.clone_from(&self.command);
        }
        // A needed service sets variables too.
        if !self.with_needed {
            complete(draft.entry.as_ref(), &plan)?;
        }
        Ok(plan)
    }
}

/// Refuses a plan that lacks a required variable.
pub(crate) fn complete(entry: Option<&CatalogEntry>, plan: &RunPlan) -> Result<(), ApiError> {
    let Some(entry) = entry else {
        return Ok(());
    };
    let lacking: Vec<_> = entry
        .env
        .iter()
        .filter(|known| {
            known.required
                && !plan
                    .env
                    .iter()
                    .any(|set| set.name == known.name && !set.value.trim().is_empty())
        })
        .collect();
    let Some(first) = lacking.first() else {
        return Ok(());
    };
    let names: Vec<&str> = lacking.iter().map(|known| known.name.as_str()).collect();
    Err(invalid(
        format!(
            "{} requires a value for {}",
            entry.name,
            names.join(" and ")
        ),
        match entry.needs.as_slice() {
            [] => format!("Add -e {}=… ({})", first.name, first.description),
            needs => format!(
                "Add --with-needed to run {} first, or -e {}=… ({})",
                needs.join(" and "),
                first.name,
                first.description
            ),
        },
    ))
}

/// Parses `NAME=VALUE`, or `NAME` with the value from this environment. `None` if it has no value here: the catalog's
/// default then applies.
fn variable(
    text: &str,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Option<EnvVar>, ApiError> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    if name.trim().is_empty() {
        return Err(invalid(
            format!("The name of the variable is missing in `{text}`"),
            "For example -e LANG=en",
        ));
    }
    Ok(value.or_else(|| environment(name)).map(|value| EnvVar {
        name: name.to_owned(),
        value,
    }))
}

fn cpus(text: &str) -> Result<f64, ApiError> {
    text.trim()
        .parse::<f64>()
        .ok()
        .filter(|cpus| cpus.is_finite() && (0.01..=1024.0).contains(cpus))
        .ok_or_else(|| {
            invalid(
                format!("`{text}` is not a number of CPUs"),
                "For example 0.5 or 2",
            )
        })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use slipway_api::catalog::{Badge, CatalogEntry, CatalogEnv};
    use slipway_api::container::MountKind;
    use slipway_api::run::PlanCheck;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn options(line: &[&str]) -> Result<Options, ApiError> {
        let line = ["slipway", "run"].iter().chain(line);
        let Command::Run(run) = Arguments::try_parse_from(line).expect("a line").command else {
            panic!("it is run")
        };
        let environment = |name: &str| (name == "HERE").then(|| "from here".to_owned());
        Options::of(*run, Path::new("/home/me"), environment)
    }

    fn draft() -> RunDraft {
        let known = |name: &str, required| CatalogEnv {
            name: name.to_owned(),
            description: format!("What {name} is for"),
            required,
            default: None,
            secret: false,
            generated: false,
        };
        let port = |port: u32, protocol: &str| PortPlan {
            container_port: port,
            protocol: protocol.to_owned(),
            host_ip: Some("127.0.0.1".to_owned()),
            host_port: Some(port + 8000),
            fixed: false,
        };
        RunDraft {
            plan: RunPlan {
                image: "shop:1".to_owned(),
                name: Some("shop".to_owned()),
                command: vec!["serve".to_owned()],
                entrypoint: None,
                env: vec![EnvVar {
                    name: "SECRET".to_owned(),
                    value: "generated".to_owned(),
                }],
                ports: vec![port(80, "tcp"), port(53, "udp")],
                mounts: vec![MountPlan {
                    kind: MountKind::Volume,
                    source: Some("shop-data".to_owned()),
                    target: "/data".to_owned(),
                    read_only: false,
                }],
                restart: RestartPolicy::No,
                memory_bytes: None,
                cpus: None,
                network: None,
                tty: false,
                catalog: Some("shop".to_owned()),
                from_image: false,
            },
            entry: Some(CatalogEntry {
                slug: "shop".to_owned(),
                name: "Shop".to_owned(),
                summary: String::new(),
                category: String::new(),
                image: "shop".to_owned(),
                default_tag: "1".to_owned(),
                tags: Vec::new(),
                badge: Badge::None,
                logo: None,
                color: String::new(),
                ports: Vec::new(),
                volumes: Vec::new(),
                env: vec![known("SECRET", true), known("OPTION", false)],
                needs: Vec::new(),
                note: None,
                docs_url: None,
                architectures: Vec::new(),
            }),
            image: None,
            check: PlanCheck {
                docker_run: String::new(),
                docker_run_full: String::new(),
                secrets: Vec::new(),
                findings: Vec::new(),
                local_folders: false,
            },
        }
    }

    fn planned(line: &[&str]) -> RunPlan {
        let whole: Vec<&str> = ["shop"].iter().chain(line).copied().collect();
        options(&whole)
            .and_then(|options| options.apply(&draft()))
            .expect("a plan")
    }

    fn ports(line: &[&str]) -> Vec<String> {
        planned(line)
            .ports
            .iter()
            .map(|port| {
                format!(
                    "{}:{}:{}/{}{}",
                    port.host_ip.as_deref().unwrap_or_default(),
                    port.host_port.unwrap_or_default(),
                    port.container_port,
                    port.protocol,
                    if port.fixed { "!" } else { "" }
                )
            })
            .collect()
    }

    #[test]
    fn ports_replace_those_of_the_draft() {
        assert_eq!(
            ports(&[]),
            ["127.0.0.1:8080:80/tcp", "127.0.0.1:8053:53/udp"]
        );
        assert_eq!(
            ports(&["-p", "9000:80"]),
            [":9000:80/tcp!", "127.0.0.1:8053:53/udp"]
        );
        assert_eq!(
            ports(&["-p", "80"]),
            [":8080:80/tcp", "127.0.0.1:8053:53/udp"]
        );
        assert_eq!(ports(&["-p", "none"]), [""; 0]);
        assert_eq!(ports(&["--no-ports"]), [""; 0]);
        assert_eq!(ports(&["--no-ports", "-p", "9000:80"]), [":9000:80/tcp!"]);
        assert_eq!(
            ports(&["-p", "none", "-p", "1:80", "-p", "2:80"]),
            [":1:80/tcp!", ":2:80/tcp!"]
        );
        assert_eq!(ports(&["-p", "7:7", "-p", "none"]), [":7:7/tcp!"]);
    }

    #[test]
    fn everything_else_goes_on_top() {
        let plan = planned(&[
            "--name",
            "other",
            "-e",
            "SECRET=mine",
            "-e",
            "HERE",
            "-e",
            "NOWHERE",
            "-e",
            "EMPTY=",
            "-v",
            "./x:/x:ro",
            "--network",
            "net",
            "--restart",
            "unless-stopped",
            "--memory",
            "512m",
            "--cpus",
            "1.5",
            "--tty",
            "--",
            "echo",
            "hi",
        ]);
        insta::assert_debug_snapshot!(plan);
        let plan = planned(&["-v", "mine:/data", "--entrypoint", "sh"]);
        assert_eq!(plan.mounts.len(), 1);
        assert_eq!(plan.mounts[0].source.as_deref(), Some("mine"));
        assert_eq!(plan.entrypoint.as_deref(), Some("sh"));
        assert!(plan.command.is_empty());
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        let told: Vec<String> = [
            &["shop", "-p", "0:80"][..],
            &["shop", "-p", "70000:80"],
            &["shop", "-p", "8000-8010:80"],
            &["shop", "-e", "=x"],
            &["shop", "-e", "SECRET="],
            &["shop", "-v", "data"],
            &["shop", "--memory", "lots"],
            &["shop", "--cpus", "0"],
            &["shop", "--name", ""],
        ]
        .iter()
        .map(|line| {
            let error = options(line)
                .and_then(|options| options.apply(&draft()))
                .expect_err("not a plan");
            format!(
                "$ slipway run {}\nerror: {}\nhint: {}\n",
                line.join(" "),
                error.message,
                error.hint.unwrap_or_default()
            )
        })
        .collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
