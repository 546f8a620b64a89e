//! Services that an image needs: started or reused, on a shared network, and named in the plan's variables.

use std::borrow::Cow;
use std::cell::Cell;

use slipway_api::ApiError;
use slipway_api::container::{EnvVar, MountKind};
use slipway_api::run::{NeededService, RunEvent, RunFailure, RunPlan, ServiceContainer};
use slipway_catalog::{Catalog, Entry, escaped};
use slipway_engine::{Container, ContainerState, Engine, EngineError, ListFilter};
use tokio_util::sync::CancellationToken;

use crate::connection_string::finds_by_name;
use crate::error::{api_error, invalid};
use crate::{Slipway, view};

impl Slipway {
    /// The services that a plan's image needs, with the running containers that could provide them.
    pub async fn run_needs(&self, plan: &RunPlan) -> Result<Vec<NeededService>, ApiError> {
        let Some(entry) = entry_of(plan) else {
            return Ok(Vec::new());
        };
        if entry.needs.is_empty() {
            return Ok(Vec::new());
        }
        let engine = self.selected().await?.engine;
        let (containers, networks) = tokio::try_join!(
            async { engine.list_containers(&ListFilter::default()).await },
            engine.list_networks()
        )
        .map_err(|error| api_error(&error))?;
        let network = shared_network(plan, entry);
        let exists = networks.iter().any(|known| known.name == network);
        Ok(entry
            .needs
            .iter()
            .filter_map(|slug| Catalog::bundled().entry(slug))
            .map(|needed| NeededService {
                running: containers
                    .iter()
                    .filter(|container| is_of(container, needed))
                    .map(|container| ServiceContainer {
                        id: container.id.clone(),
                        name: container.name.clone(),
                    })
                    .collect(),
                entry: view::entry(needed),
                network: network.clone(),
                network_exists: exists,
            })
            .collect())
    }

    /// Runs the services that a plan's image needs on a shared network, which is created if it is missing, and returns
    /// the plan with that network and with variables that refer to the services. On failure, a network created here is
    /// removed again.
    pub async fn run_needed(
        &self,
        plan: RunPlan,
        slug: &str,
        cancel: &CancellationToken,
        emit: impl Fn(RunEvent) + Send + Sync,
    ) -> Result<RunPlan, RunFailure> {
        let failure = |error| RunFailure {
            error,
            undone: Vec::new(),
            field: None,
        };
        let (entry, needed) = needed(&plan, slug).map_err(failure)?;
        let slipway = self.pinned().await.map_err(failure)?;
        let engine = slipway.selected().await.map_err(failure)?.engine;
        let network = shared_network(&plan, entry);
        let mut service = slipway.run_draft(slug).await.map_err(failure)?.plan;
        service.network = Some(network.clone());
        // The draft goes without volumes that the engine does not list in time, but data of an earlier service needs its
        // old password.
        let volumes = engine.list_volumes(&[]).await;
        let volumes = volumes.map_err(|error| failure(api_error(&error)))?;
        let volumes: Vec<String> = volumes.into_iter().map(|volume| volume.name).collect();
        start_empty(&mut service, &volumes);
        let env = service.env.clone();
        let made = ensure_network(&engine, &network).await.map_err(failure)?;
        match Box::pin(slipway.run(service, cancel, emit)).await {
            Ok(outcome) => {
                filled(plan, entry, needed, &outcome.container.name, &env, network).map_err(failure)
            }
            Err(mut failed) => {
                // A container that is still being undone keeps its network.
                if made && engine.remove_network(&network).await.is_ok() {
                    failed
                        .undone
                        .push(format!("The network `{network}` was removed"));
                }
                Err(failed)
            }
        }
    }

    /// Makes a plan use a running container: on a network that the container is on, or on one that it is attached to
    /// now.
    pub async fn run_use(
        &self,
        plan: RunPlan,
        slug: &str,
        container: &str,
    ) -> Result<RunPlan, ApiError> {
        let (entry, needed) = needed(&plan, slug)?;
        let engine = self.selected().await?.engine;
        let detail = engine
            .inspect_container(container)
            .await
            .map_err(|error| api_error(&error))?;
        let wanted = plan.network.as_deref().filter(|name| finds_by_name(name));
        let is_on = |name: &str| detail.networks.iter().any(|it| it.network == name);
        let own = detail
            .networks
            .iter()
            .map(|attached| attached.network.as_str())
            .find(|name| finds_by_name(name));
        let network = match (wanted, own) {
            (Some(wanted), _) => wanted.to_owned(),
            (None, Some(own)) => own.to_owned(),
            (None, None) => shared_network(&plan, entry),
        };
        let attach = !is_on(&network);
        let env: Vec<EnvVar> = detail.env.iter().map(|line| view::env_var(line)).collect();
        let plan = filled(plan, entry, needed, &detail.name, &env, network.clone())?;
        if attach {
            let made = ensure_network(&engine, &network).await?;
            if let Err(error) = engine.connect_network(&network, &detail.id).await {
                if made {
                    let _ = engine.remove_network(&network).await;
                }
                return Err(api_error(&error));
            }
        }
        Ok(plan)
    }
}

pub(crate) fn entry_of(plan: &RunPlan) -> Option<&'static Entry> {
    Catalog::bundled().entry(plan.catalog.as_deref()?)
}

fn needed(plan: &RunPlan, slug: &str) -> Result<(&'static Entry, &'static Entry), ApiError> {
    entry_of(plan)
        .filter(|entry| entry.needs.iter().any(|needed| needed == slug))
        .zip(Catalog::bundled().entry(slug))
        .ok_or_else(|| invalid(format!("`{}` does not need `{slug}`", plan.image), None))
}

/// Gives another name to each volume of a plan that exists.
fn start_empty(plan: &mut RunPlan, volumes: &[String]) {
    for at in 0..plan.mounts.len() {
        let mount = &plan.mounts[at];
        let Some(base) = mount
            .source
            .clone()
            .filter(|name| mount.kind == MountKind::Volume && volumes.contains(name))
        else {
            continue;
        };
        let taken = |name: &String| {
            let name = Some(name);
            volumes.iter().any(|volume| Some(volume) == name)
                || plan
                    .mounts
                    .iter()
                    .any(|mount| mount.source.as_ref() == name)
        };
        plan.mounts[at].source = (2..=u32::MAX)
            .map(|number| format!("{base}-{number}"))
            .find(|name| !taken(name));
    }
}

/// The plan's own network if it resolves container names; otherwise one named after the plan.
fn shared_network(plan: &RunPlan, entry: &Entry) -> String {
    let own = plan.network.as_deref().filter(|name| finds_by_name(name));
    own.map_or_else(
        || {
            let name = plan.name.as_deref().filter(|name| !name.is_empty());
            format!("{}-network", name.unwrap_or(&entry.slug))
        },
        str::to_owned,
    )
}

/// Creates a network unless it exists; returns whether it did.
async fn ensure_network(engine: &Engine, name: &str) -> Result<bool, ApiError> {
    let there = engine
        .list_networks()
        .await
        .map_err(|error| api_error(&error))?;
    if there.iter().any(|known| known.name == name) {
        return Ok(false);
    }
    match engine.create_network(name).await {
        Ok(()) => Ok(true),
        // It was created by somebody else in the meantime.
        Err(EngineError::Conflict { .. }) => Ok(false),
        Err(error) => Err(api_error(&error)),
    }
}

pub(crate) fn is_of(container: &Container, entry: &Entry) -> bool {
    let label = container.labels.get(view::CATALOG_LABEL);
    container.state == ContainerState::Running
        && view::catalog_entry(label.map(String::as_str), &container.image)
            .is_some_and(|found| found.slug == entry.slug)
}

/// The plan on the shared network, its variables filled with what names the service there: its `name` and the
/// variables that it was given. A variable for which the service has no value stays as it is, unless it is the one that
/// names the service: the image would not find it.
fn filled(
    mut plan: RunPlan,
    entry: &Entry,
    needed: &Entry,
    name: &str,
    service: &[EnvVar],
    network: String,
) -> Result<RunPlan, ApiError> {
    if let Some(missing) = fill_env(&mut plan.env, entry, needed, name, service) {
        return Err(invalid(
            format!(
                "{} cannot be connected to `{name}`, which was started without `{missing}`",
                entry.name
            ),
            Some(format!(
                "Set the variables by hand, or run another {}",
                needed.name
            )),
        ));
    }
    plan.network = Some(network);
    Ok(plan)
}

/// Fills variables. Returns what the service was not given of a variable that names it.
fn fill_env(
    env: &mut Vec<EnvVar>,
    entry: &Entry,
    needed: &Entry,
    host: &str,
    service: &[EnvVar],
) -> Option<String> {
    let mut lacking = None;
    for known in &entry.env {
        let Some(from) = &known.from else { continue };
        // In a URL, a value must be escaped.
        let is_url = from.to_string().contains("://");
        let missing = Cell::new(None);
        let value = from.fill(|placeholder| {
            let (slug, variable) = match placeholder.split_once(':') {
                Some((slug, variable)) => (slug, Some(variable)),
                None => (placeholder, None),
            };
            if slug != needed.slug {
                return None;
            }
            let Some(variable) = variable else {
                return Some(Cow::Borrowed(host));
            };
            let Some(set) = service.iter().find(|set| set.name == variable) else {
                missing.set(Some(variable.to_owned()));
                return None;
            };
            let value = set.value.as_str();
            Some(if is_url && !value.is_empty() {
                Cow::Owned(escaped(value))
            } else {
                Cow::Borrowed(value)
            })
        });
        let Some(value) = value else {
            if from
                .to_string()
                .contains(&format!("{{{{{}}}}}", needed.slug))
            {
                lacking = lacking.or(missing.take());
            }
            continue;
        };
        match env.iter_mut().find(|set| set.name == known.name) {
            Some(set) => set.value = value,
            None => env.push(EnvVar {
                name: known.name.clone(),
                value,
            }),
        }
    }
    lacking
}

#[cfg(test)]
mod tests {
    use slipway_api::container::RestartPolicy;
    use slipway_api::run::MountPlan;

    use super::*;

    #[track_caller]
    fn check(slug: &str, needed: &str, service: &[(&str, &str)], expected: &[(&str, &str)]) {
        let variables = |values: &[(&str, &str)]| -> Vec<EnvVar> {
            values
                .iter()
                .map(|(name, value)| EnvVar {
                    name: (*name).to_owned(),
                    value: (*value).to_owned(),
                })
                .collect()
        };
        let entry = |slug| Catalog::bundled().entry(slug).expect("bundled");
        let mut env = variables(&[("WORDPRESS_DB_NAME", "app"), ("OTHER", "kept")]);
        let service = variables(service);
        let missing = fill_env(&mut env, entry(slug), entry(needed), "db-2", &service);
        assert_eq!(missing, None);
        for (name, value) in expected {
            let found = env.iter().find(|set| set.name == *name);
            assert_eq!(found.map(|set| set.value.as_str()), Some(*value), "{name}");
        }
        assert_eq!(env.iter().filter(|set| set.name == "OTHER").count(), 1);
    }

    #[test]
    fn a_service_does_not_take_the_data_of_an_earlier_one() {
        let volume = |source: &str, target: &str| MountPlan {
            kind: MountKind::Volume,
            source: Some(source.to_owned()),
            target: target.to_owned(),
            read_only: false,
        };
        let mut plan = RunPlan {
            image: "mysql:8".to_owned(),
            name: Some("mysql".to_owned()),
            command: Vec::new(),
            entrypoint: None,
            env: Vec::new(),
            ports: Vec::new(),
            mounts: vec![volume("mysql-data", "/data"), volume("mysql-log", "/log")],
            restart: RestartPolicy::No,
            memory_bytes: None,
            cpus: None,
            network: None,
            tty: false,
            catalog: None,
            from_image: false,
        };
        let there = ["mysql-data", "mysql-data-2", "other"].map(str::to_owned);
        start_empty(&mut plan, &there);
        assert_eq!(
            plan.mounts,
            [volume("mysql-data-3", "/data"), volume("mysql-log", "/log")]
        );
    }

    #[test]
    fn variables_name_the_service() {
        check(
            "wordpress",
            "mysql",
            &[
                ("MYSQL_DATABASE", "shop"),
                ("MYSQL_USER", "ada"),
                ("MYSQL_PASSWORD", "p@ss"),
            ],
            &[
                ("WORDPRESS_DB_HOST", "db-2"),
                ("WORDPRESS_DB_NAME", "shop"),
                ("WORDPRESS_DB_USER", "ada"),
                ("WORDPRESS_DB_PASSWORD", "p@ss"),
            ],
        );
        check(
            "mongo-express",
            "mongo",
            &[
                ("MONGO_INITDB_ROOT_USERNAME", "root"),
                ("MONGO_INITDB_ROOT_PASSWORD", "p@ss"),
            ],
            &[("ME_CONFIG_MONGODB_URL", "mongodb://root:p%40ss@db-2:27017/")],
        );
        // An address that cannot be completed would name another host.
        let entry = |slug| Catalog::bundled().entry(slug).expect("bundled");
        let mut env = Vec::new();
        let missing = fill_env(
            &mut env,
            entry("mongo-express"),
            entry("mongo"),
            "db-2",
            &[],
        );
        assert_eq!(missing.as_deref(), Some("MONGO_INITDB_ROOT_USERNAME"));
        assert_eq!(env, []);
        // What the service does not tell stays as the plan has it.
        check(
            "wordpress",
            "mysql",
            &[],
            &[("WORDPRESS_DB_HOST", "db-2"), ("WORDPRESS_DB_NAME", "app")],
        );
    }
}
