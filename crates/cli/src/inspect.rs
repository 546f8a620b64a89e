//! `slipway inspect`: everything about one container.

use slipway_api::container::{
    ContainerDetail, EnvVar, MountKind, MountView, RestartPolicy, ShownVariable,
};
use slipway_core::Slipway;

use crate::arguments::Inspect;
use crate::containers::{health_name, port_in_short, restarted, state_cell};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::moment;
use crate::output::{Output, Tone};
use crate::size;
use crate::table::Fields;
use crate::text;

/// `slipway inspect C`
pub(crate) async fn inspect(
    what: &Inspect,
    slipway: &Slipway,
    output: &Output,
) -> Result<Exit, Failure> {
    if what.raw {
        let raw = slipway.container_raw(&what.container).await?;
        // Indented even when piped, because people read it.
        let mut laid_out = serde_json::to_string_pretty(&raw).map_err(std::io::Error::from)?;
        laid_out.push('\n');
        output.print(&laid_out)?;
        return Ok(Exit::Done);
    }
    let detail = slipway.container_detail(&what.container).await?;
    if output.json_wanted() {
        output.print_json(&detail)?;
        return Ok(Exit::Done);
    }
    let mut told = summary(&detail).for_output(output);
    if detail.env.iter().any(is_masked) {
        output.complain(
            Tone::Note,
            "note: ",
            "Values that look secret are masked; --json and --raw print them",
        );
    }
    if let Some(note) = &detail.note {
        told.push('\n');
        told.push_str(&text::lines(note));
        told.push('\n');
    }
    output.print(&told)?;
    Ok(Exit::Done)
}

fn summary(detail: &ContainerDetail) -> Fields {
    let container = &detail.container;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    // A start error is the reason, and has a field of its own.
    let reason = match detail.start_error {
        Some(_) => String::new(),
        None => text(&container.reason),
    };
    let mut fields = Fields::default();
    fields
        .field("Name", container.name.as_str())
        .field("Id", container.id.as_str())
        .field("Image", container.image.as_str())
        .field("Platform", text(&detail.platform))
        .field("State", state_cell(container))
        .field("Reason", reason)
        .field(
            "Health",
            container.health.map(health_name).unwrap_or_default(),
        )
        .field("Health output", text(&detail.health_output))
        .field("Start error", text(&detail.start_error))
        .list(
            "Last lines",
            detail
                .last_lines
                .iter()
                .flat_map(|lines| lines.lines())
                .map(str::to_owned),
        )
        .field(
            "Exit code",
            container
                .exit_code
                .filter(|_| detail.start_error.is_none())
                .map(|code| code.to_string())
                .unwrap_or_default(),
        )
        .field("Created", moment::to_the_second(&container.created_at))
        .field("Started", moment::to_the_second(&text(&detail.started_at)))
        .field("Ended", moment::to_the_second(&text(&detail.finished_at)))
        .list(
            "Ports",
            container.ports.iter().map(|port| match &port.url {
                Some(url) => format!("{}  {url}", port_in_short(port)),
                None => port_in_short(port),
            }),
        )
        .list("Mounts", container.mounts.iter().map(mount))
        .list(
            "Networks",
            detail
                .networks
                .iter()
                .map(|network| match &network.ip_address {
                    Some(ip) => format!("{} ({ip})", network.name),
                    None => network.name.clone(),
                }),
        )
        .field("Stack", text(&container.stack))
        .field("Command", words(&detail.command))
        .field("Directory", detail.working_dir.as_str())
        .field("User", detail.user.as_str())
        .field("Host name", detail.hostname.as_str())
        .field("Terminal", if detail.tty { "yes" } else { "" })
        .field("Restart policy", restart(detail))
        .field(
            "Memory limit",
            detail.memory_limit.map(size::memory).unwrap_or_default(),
        )
        .field(
            "CPU limit",
            detail
                .cpu_limit
                .map(|cpus| cpus.to_string())
                .unwrap_or_default(),
        )
        .list("Environment", detail.env.iter().map(variable))
        .list("Labels", detail.labels.iter().map(pair));
    fields
}

fn variable(variable: &ShownVariable) -> String {
    let value = if is_masked(variable) {
        "••••••••"
    } else {
        &variable.value
    };
    format!("{}={value}", variable.name)
}

/// Whether the value is left out: a terminal is seen by others, and its output is kept.
fn is_masked(variable: &ShownVariable) -> bool {
    variable.secret && !variable.value.is_empty()
}

fn pair(variable: &EnvVar) -> String {
    format!("{}={}", variable.name, variable.value)
}

fn mount(mount: &MountView) -> String {
    let source = match (mount.kind, &mount.source) {
        (MountKind::Tmpfs, _) => "memory",
        (_, Some(_)) if mount.anonymous => "anonymous volume",
        (_, Some(source)) => source,
        (_, None) => "anonymous volume",
    };
    let read_only = if mount.read_only { " (read-only)" } else { "" };
    format!("{source} at {}{read_only}", mount.target)
}

/// The words of a command; those with blanks are quoted.
fn words(command: &[String]) -> String {
    let quoted: Vec<String> = command
        .iter()
        .map(|word| {
            if word.is_empty() || word.contains(char::is_whitespace) {
                format!("'{word}'")
            } else {
                word.clone()
            }
        })
        .collect();
    quoted.join(" ")
}

fn restart(detail: &ContainerDetail) -> String {
    let policy = match detail.restart {
        RestartPolicy::No => "no",
        RestartPolicy::OnFailure => "on-failure",
        RestartPolicy::UnlessStopped => "unless-stopped",
        RestartPolicy::Always => "always",
    };
    match detail.restart_count {
        0 => policy.to_owned(),
        count => format!("{policy} ({})", restarted(count)),
    }
}

#[cfg(test)]
mod tests {
    use slipway_api::container::{ContainerState, Health, NetworkView};

    use super::*;
    use crate::containers::tests::{container, port};

    #[test]
    fn a_summary_says_what_is_known() {
        let mut container = container("web", ContainerState::Running, "");
        container.health = Some(Health::Healthy);
        container.ports = vec![
            port(80, "tcp", Some(("127.0.0.1", 8080))),
            port(443, "tcp", None),
        ];
        let mounted = |kind, source: Option<&str>, target: &str, anonymous| MountView {
            kind,
            source: source.map(str::to_owned),
            target: target.to_owned(),
            read_only: kind == MountKind::Bind,
            anonymous,
        };
        container.mounts = vec![
            mounted(MountKind::Volume, Some("web-data"), "/data", false),
            mounted(MountKind::Volume, Some("0123"), "/cache", true),
            mounted(MountKind::Bind, Some("/srv/site"), "/www", false),
            mounted(MountKind::Tmpfs, None, "/tmp", false),
        ];
        let variable = |name: &str, value: &str, secret| ShownVariable {
            name: name.to_owned(),
            value: value.to_owned(),
            secret,
        };
        let label = EnvVar {
            name: "io.slipway.catalog".to_owned(),
            value: "nginx".to_owned(),
        };
        let detail = ContainerDetail {
            container,
            command: ["nginx", "-g", "daemon off;"].map(str::to_owned).to_vec(),
            env: vec![
                variable("A", "1", false),
                variable("EVIL", "\x1b[2Jx\ny", false),
                variable("POSTGRES_PASSWORD", "secret", true),
                variable("APP_ENCRYPTIONKEY", "secret", true),
                variable("EMPTY_TOKEN", "", true),
            ],
            working_dir: "/".to_owned(),
            user: String::new(),
            hostname: "0123456789ab".to_owned(),
            restart: RestartPolicy::OnFailure,
            memory_limit: Some(512 << 20),
            cpu_limit: Some(1.5),
            networks: vec![NetworkView {
                name: "bridge".to_owned(),
                ip_address: Some("172.17.0.2".to_owned()),
            }],
            labels: vec![label],
            started_at: Some("2026-05-04T10:00:01.000000000Z".to_owned()),
            finished_at: None,
            restart_count: 2,
            tty: false,
            platform: Some("linux/amd64".to_owned()),
            health_output: None,
            start_error: None,
            last_lines: Some("listening\nno space\n".to_owned()),
            docker_run: String::new(),
            docker_run_full: String::new(),
            note: None,
            connections: Vec::new(),
        };
        insta::assert_snapshot!(summary(&detail).render(false));
    }
}
