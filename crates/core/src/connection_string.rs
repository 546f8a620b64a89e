//! Connection strings and the first-use note of a container, with the container's own values.

use std::borrow::Cow;

use slipway_api::catalog::ConnectionString;
use slipway_api::container::{ContainerState, ContainerView, EnvVar, MountKind};
use slipway_catalog::{Entry, MASK};
use slipway_engine::ContainerDetail;

use crate::secret::is_secret_name;
use crate::view;

/// Networks that every engine has, and on which containers do not find each other by name.
const WITHOUT_NAMES: [&str; 4] = ["bridge", "host", "none", "podman"];

/// Whether a network resolves container names.
pub(crate) fn finds_by_name(network: &str) -> bool {
    !WITHOUT_NAMES.contains(&network) && network != "default" && !network.starts_with("container:")
}

/// Connection strings of a running container: first for clients that use its published ports, then for containers on
/// each network that resolves its name.
pub(crate) fn of(
    entry: Option<&Entry>,
    detail: &ContainerDetail,
    container: &ContainerView,
    engine_host: &str,
) -> Vec<ConnectionString> {
    let env: Vec<EnvVar> = detail.env.iter().map(|line| view::env_var(line)).collect();
    let networks: Vec<&str> = detail
        .networks
        .iter()
        .map(|network| network.network.as_str())
        .collect();
    written(entry, &env, &networks, container, engine_host)
}

fn written(
    entry: Option<&Entry>,
    env: &[EnvVar],
    networks: &[&str],
    container: &ContainerView,
    engine_host: &str,
) -> Vec<ConnectionString> {
    let Some(entry) = entry.filter(|_| container.state == ContainerState::Running) else {
        return Vec::new();
    };
    let mut ports: Vec<u16> = entry.connections.iter().map(|way| way.port).collect();
    ports.dedup();
    let mut strings = Vec::new();
    let mut write = |from: String, port: u16, at: (&str, u16)| {
        let text = |hides: bool| {
            let hidden = |name: &str| hides && is_secret(entry, name);
            entry.connection_string(port, at, |name| value(env, name), hidden)
        };
        if let (Some(value), Some(masked)) = (text(false), text(true)) {
            strings.push(ConnectionString {
                from,
                value,
                masked,
            });
        }
    };
    for &port in &ports {
        let published = container.ports.iter().find(|published| {
            published.container_port == port
                && published.protocol == "tcp"
                && published.host_port.is_some()
                && published.unreachable.is_none()
                && (view::is_local_host(engine_host)
                    || !published.host_ip.as_deref().is_some_and(is_loopback))
        });
        if let Some((ip, host_port)) =
            published.and_then(|published| Some((&published.host_ip, published.host_port?)))
        {
            let host = match ip.as_deref() {
                Some(ip) if !matches!(ip, "0.0.0.0" | "::") => ip,
                _ => engine_host,
            };
            let from = if view::is_local_host(engine_host) {
                "This computer".to_owned()
            } else {
                format!("The network of `{engine_host}`")
            };
            write(from, port, (host, host_port));
        }
    }
    for network in networks {
        if !finds_by_name(network) {
            continue;
        }
        for &port in &ports {
            let from = format!("Containers on the network `{network}`");
            write(from, port, (&container.name, port));
        }
    }
    strings
}

/// An entry's first-use note with the container's own values; sentences whose values are missing are left out. With
/// `masked`, secrets are masked: a note is always visible, and the values are available beside it.
pub(crate) fn note(
    entry: Option<&Entry>,
    detail: &ContainerDetail,
    container: &ContainerView,
    masked: bool,
) -> Option<String> {
    let env: Vec<EnvVar> = detail.env.iter().map(|line| view::env_var(line)).collect();
    said(entry, &env, container, masked)
}

fn said(
    entry: Option<&Entry>,
    env: &[EnvVar],
    container: &ContainerView,
    masked: bool,
) -> Option<String> {
    let entry = entry?;
    entry.note.as_ref()?.fill(|name| {
        if let Some(path) = name.strip_prefix("mount:") {
            return mounted(container, path).map(Cow::Owned);
        }
        let value = value(env, name)?;
        if masked && !value.is_empty() && is_secret(entry, name) {
            return Some(Cow::Borrowed(MASK));
        }
        Some(Cow::Borrowed(value))
    })
}

/// Describes what is mounted at a path.
fn mounted(container: &ContainerView, path: &str) -> Option<String> {
    let mount = container.mounts.iter().find(|mount| mount.target == path)?;
    let source = mount.source.as_deref()?;
    match mount.kind {
        MountKind::Volume if mount.anonymous => Some(format!("the volume at `{path}`")),
        MountKind::Volume => Some(format!("the volume `{source}`")),
        MountKind::Bind => Some(format!("the folder `{source}`")),
        MountKind::Tmpfs | MountKind::Other => None,
    }
}

fn value<'e>(env: &'e [EnvVar], name: &str) -> Option<&'e str> {
    env.iter()
        .find(|variable| variable.name == name)
        .map(|variable| variable.value.as_str())
}

fn is_secret(entry: &Entry, name: &str) -> bool {
    entry
        .env
        .iter()
        .find(|known| known.name == name)
        .map_or_else(
            || is_secret_name(name),
            |known| known.secret || known.generate.is_some(),
        )
}

fn is_loopback(ip: &str) -> bool {
    ip.parse::<std::net::IpAddr>()
        .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use slipway_catalog::Catalog;

    use super::*;

    fn container(image: &str, port: u16, ip: &str, state: &str) -> ContainerView {
        serde_json::from_value(serde_json::json!({
            "id": "a".repeat(64), "name": "db", "image": image, "image_id": "", "state": state, "status": "Up",
            "since": null, "health": null, "exit_code": null, "last_exit_code": null, "reason": null,
            "ending": null, "restart_count": 0, "created_at": "", "stack": null,
            "ports": [{
                "container_port": port, "protocol": "tcp", "host_ip": ip, "host_port": 55_000, "url": null,
                "exposed": "published", "open_to_network": false, "unreachable": null,
            }],
            "mounts": [{
                "kind": "volume", "source": "web-html", "target": "/usr/share/nginx/html", "read_only": false,
                "anonymous": false,
            }],
        }))
        .expect("a container")
    }

    fn env(values: &[(&str, &str)]) -> Vec<EnvVar> {
        values
            .iter()
            .map(|(name, value)| EnvVar {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
            })
            .collect()
    }

    #[track_caller]
    fn check(
        ip: &str,
        state: &str,
        engine_host: &str,
        networks: &[&str],
        expected: &[(&str, &str)],
    ) {
        let env = env(&[("POSTGRES_USER", "ada"), ("POSTGRES_PASSWORD", "p@ss")]);
        let container = container("postgres:17", 5432, ip, state);
        let entry = Catalog::bundled().entry("postgres");
        let found = written(entry, &env, networks, &container, engine_host);
        let told: Vec<_> = found
            .iter()
            .map(|it| (it.from.as_str(), it.value.as_str()))
            .collect();
        assert_eq!(told, expected);
        for it in found {
            assert_eq!(it.masked, it.value.replace("p%40ss", MASK));
        }
    }

    #[test]
    fn a_database_is_reached_from_where_its_port_is_published_and_by_name_on_its_networks() {
        let here = (
            "This computer",
            "postgresql://ada:p%40ss@127.0.0.1:55000/ada",
        );
        let there = (
            "Containers on the network `shop`",
            "postgresql://ada:p%40ss@db:5432/ada",
        );
        let remote = (
            "The network of `build.example`",
            "postgresql://ada:p%40ss@build.example:55000/ada",
        );
        check("127.0.0.1", "running", "127.0.0.1", &["bridge"], &[here]);
        check(
            "0.0.0.0",
            "running",
            "127.0.0.1",
            &["shop", "bridge"],
            &[here, there],
        );
        check("0.0.0.0", "running", "build.example", &[], &[remote]);
        check("127.0.0.1", "running", "build.example", &["shop"], &[there]);
        check("127.0.0.1", "exited", "127.0.0.1", &["shop"], &[]);
    }

    #[track_caller]
    fn check_note(
        slug: &str,
        values: &[(&str, &str)],
        mounts: bool,
        masked: bool,
        expected: Option<&str>,
    ) {
        let mut container = container("x", 80, "127.0.0.1", "running");
        if !mounts {
            container.mounts.clear();
        }
        let note = said(
            Catalog::bundled().entry(slug),
            &env(values),
            &container,
            masked,
        );
        assert_eq!(note.as_deref(), expected, "{slug}");
    }

    #[test]
    fn a_note_says_what_holds_for_the_container() {
        let password = [("POSTGRES_PASSWORD", "s3cret")];
        check_note(
            "postgres",
            &password,
            false,
            false,
            Some("Connect as postgres with the password s3cret to the database postgres."),
        );
        check_note(
            "postgres",
            &password,
            false,
            true,
            Some("Connect as postgres with the password •••••••• to the database postgres."),
        );
        check_note("postgres", &[], false, true, None);
        check_note(
            "nginx",
            &[],
            true,
            true,
            Some(
                "Open the page to see that it works. Put your own files into the volume `web-html`.",
            ),
        );
        check_note(
            "nginx",
            &[],
            false,
            true,
            Some("Open the page to see that it works."),
        );
    }
}
