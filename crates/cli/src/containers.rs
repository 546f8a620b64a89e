//! `ps`, `ports`, `rename`, and the actions on containers: `start`, `stop`, …

use std::fmt::Write as _;

use slipway_api::container::{
    ActionOutcome, ContainerAction, ContainerState, ContainerView, Ending, Exposed, Health,
    PortView,
};
use slipway_core::{Slipway, is_problem};

use crate::arguments::{Many, One, Ps, Rename};
use crate::exit::Exit;
use crate::failure::{Failure, report};
use crate::output::{Output, Tone};
use crate::table::{Cell, Table};

/// `slipway ps`
pub(crate) async fn list(what: &Ps, slipway: &Slipway, output: &Output) -> Result<Exit, Failure> {
    let containers = slipway.container_list(what.all).await?;
    if output.json_wanted() {
        output.print_json(&containers)?;
    } else if what.quiet {
        let ids: String = containers
            .iter()
            .flat_map(|container| [container.id.as_str(), "\n"])
            .collect();
        output.print(&ids)?;
    } else {
        output.print(&table(&containers).for_output(output))?;
    }
    Ok(Exit::Done)
}

fn table(containers: &[ContainerView]) -> Table<5> {
    let mut table = Table::new(["NAME", "IMAGE", "STATE", "PORTS", "STATUS"]);
    for container in containers {
        table.row([
            Cell::new(&container.name, Tone::Heading),
            image_name(&container.image).into(),
            state_cell(container),
            ports_in_short(&container.ports).into(),
            status(container).into(),
        ]);
    }
    table
}

/// An image that lost its tag is shown by the first digits of its digest.
fn image_name(image: &str) -> String {
    match image.strip_prefix("sha256:") {
        Some(digest) => digest.chars().take(12).collect(),
        None => image.to_owned(),
    }
}

pub(crate) fn state_name(state: ContainerState) -> &'static str {
    match state {
        ContainerState::Created => "created",
        ContainerState::Running => "running",
        ContainerState::Paused => "paused",
        ContainerState::Restarting => "restarting",
        ContainerState::Removing => "removing",
        ContainerState::Exited => "exited",
        ContainerState::Dead => "dead",
        ContainerState::Unknown => "unknown",
    }
}

pub(crate) fn state_cell(container: &ContainerView) -> Cell {
    let tone = match (container.state, container.health) {
        (ContainerState::Running, Some(Health::Unhealthy))
        | (ContainerState::Paused | ContainerState::Restarting, _) => Tone::Warning,
        (ContainerState::Running, _) => Tone::Good,
        (ContainerState::Dead, _) => Tone::Error,
        _ if is_problem(container) => Tone::Error,
        _ => Tone::Faint,
    };
    Cell::new(state_name(container.state), tone)
}

pub(crate) fn health_name(health: Health) -> &'static str {
    match health {
        Health::Starting => "starting",
        Health::Healthy => "healthy",
        Health::Unhealthy => "unhealthy",
    }
}

/// The engine's status, the reason of the end, and the number of restarts.
fn status(container: &ContainerView) -> String {
    let restarts = container
        .restart_count
        .filter(|count| *count > 0 && container.state == ContainerState::Restarting)
        .map(restarted);
    match container.reason.as_ref().or(restarts.as_ref()) {
        Some(why) if container.ending == Some(Ending::NotStarted) => {
            format!("Could not be started: {why}")
        }
        Some(more) if container.status.is_empty() => more.clone(),
        Some(more) => format!("{}: {more}", container.status),
        None => container.status.clone(),
    }
}

/// `restarted once`, `restarted 7 times`
pub(crate) fn restarted(count: u32) -> String {
    match count {
        1 => "restarted once".to_owned(),
        count => format!("restarted {count} times"),
    }
}

/// `127.0.0.1:8080->80, 443`
pub(crate) fn ports_in_short(ports: &[PortView]) -> String {
    let shown: Vec<String> = ports.iter().map(port_in_short).collect();
    shown.join(", ")
}

pub(crate) fn port_in_short(port: &PortView) -> String {
    let mut text = String::new();
    if let Some(address) = host_address(port).filter(|_| port.exposed != Exposed::None) {
        text = format!("{address}->");
    }
    // Writing to memory does not fail.
    let _ = write!(text, "{}", port.container_port);
    if port.protocol != "tcp" {
        let _ = write!(text, "/{}", port.protocol);
    }
    if let Some(why) = &port.unreachable {
        let _ = write!(text, ": {why}");
    }
    text
}

fn host_address(port: &PortView) -> Option<String> {
    let host_port = port.host_port?;
    Some(match port.host_ip.as_deref() {
        Some(ip) if ip.contains(':') => format!("[{ip}]:{host_port}"),
        Some(ip) => format!("{ip}:{host_port}"),
        None => host_port.to_string(),
    })
}

/// `slipway ports C`
pub(crate) async fn ports(what: &One, slipway: &Slipway, output: &Output) -> Result<Exit, Failure> {
    let ports = slipway
        .container_detail(&what.container)
        .await?
        .container
        .ports;
    if output.json_wanted() {
        output.print_json(&ports)?;
    } else {
        output.print(&ports_table(&ports).for_output(output))?;
    }
    Ok(Exit::Done)
}

fn ports_table(ports: &[PortView]) -> Table<4> {
    let mut table = Table::new(["PORT", "REACHED AT", "EXPOSED", "URL"]);
    for port in ports {
        let address = host_address(port).unwrap_or_else(|| "-".to_owned());
        if let Some(why) = &port.unreachable {
            table.row([
                format!("{}/{}", port.container_port, port.protocol).into(),
                "-".into(),
                Cell::new("published", Tone::Warning),
                format!("{address}: {why}").into(),
            ]);
            continue;
        }
        table.row([
            format!("{}/{}", port.container_port, port.protocol).into(),
            address.into(),
            match port.exposed {
                Exposed::Published => Cell::new("published", Tone::Good),
                Exposed::Live => Cell::new("live", Tone::Good),
                Exposed::None if port.host_port.is_some() => Cell::new("when it runs", Tone::Faint),
                Exposed::None => Cell::new("not published", Tone::Faint),
            },
            port.url.as_deref().unwrap_or_default().into(),
        ]);
    }
    table
}

/// An action on containers, with its wording.
pub(crate) struct Act {
    action: ContainerAction,
    done: &'static str,
    already: &'static str,
}

const fn deed(action: ContainerAction, done: &'static str, already: &'static str) -> Act {
    Act {
        action,
        done,
        already,
    }
}

pub(crate) const START: Act = deed(ContainerAction::Start, "started", "was already running");
pub(crate) const STOP: Act = deed(ContainerAction::Stop, "stopped", "was not running");
pub(crate) const RESTART: Act = deed(ContainerAction::Restart, "restarted", "restarted");
pub(crate) const PAUSE: Act = deed(ContainerAction::Pause, "paused", "was already paused");
pub(crate) const UNPAUSE: Act = deed(ContainerAction::Unpause, "resumed", "was not paused");
pub(crate) const KILL: Act = deed(ContainerAction::Kill, "killed", "was not running");
pub(crate) const REMOVE: Act = deed(ContainerAction::Remove, "removed", "was already removed");

/// `slipway start C…` and the like: each container is tried, whatever happens to the others.
pub(crate) async fn act(
    act: &Act,
    which: &Many,
    slipway: &Slipway,
    output: &Output,
) -> Result<Exit, Failure> {
    // The engine accepts names, so full ids are looked up only if they are shown, and beforehand: a removed container
    // can no longer be looked up.
    let known = if output.json_wanted() {
        slipway.container_list(true).await?
    } else {
        Vec::new()
    };
    let mut outcomes = slipway.container_act(&which.containers, act.action).await?;
    for outcome in &mut outcomes {
        name(outcome, &known);
    }
    let mut exit = Exit::Done;
    for outcome in &outcomes {
        match &outcome.error {
            Some(error) => {
                report(output, error);
                exit = Exit::Failed;
            }
            None if output.json_wanted() => {}
            None => {
                let words = if outcome.changed {
                    act.done
                } else {
                    act.already
                };
                output.print_line(&format!("{} {words}", outcome.name))?;
                if matches!(
                    act.action,
                    ContainerAction::Start | ContainerAction::Restart
                ) {
                    warn_of_ports(slipway, outcome, output).await;
                }
            }
        }
    }
    if output.json_wanted() {
        output.print_json(&outcomes)?;
    }
    Ok(exit)
}

/// Warns of ports that something else on this computer has: the machine's engine starts a container all the same.
async fn warn_of_ports(slipway: &Slipway, outcome: &ActionOutcome, output: &Output) {
    // The start was successful, whatever became of the container since.
    let unreachable = slipway.unreachable_ports(&outcome.id).await;
    for port in unreachable.unwrap_or_default() {
        let warning = format!("{} is not reachable at {port}", outcome.name);
        output.complain(Tone::Warning, "warning: ", &warning);
    }
}

/// Replaces the typed reference with the full id and the name.
fn name(outcome: &mut ActionOutcome, known: &[ContainerView]) {
    let typed = outcome.id.as_str();
    let found = known
        .iter()
        .find(|container| container.name == typed || container.id == typed)
        .or_else(|| {
            known
                .iter()
                .find(|container| container.id.starts_with(typed))
        });
    if let Some(container) = found {
        outcome.id.clone_from(&container.id);
        outcome.name.clone_from(&container.name);
    }
}

/// `slipway rename C NAME`
pub(crate) async fn rename(
    what: &Rename,
    slipway: &Slipway,
    output: &Output,
) -> Result<Exit, Failure> {
    slipway
        .container_rename(&what.container, &what.new_name)
        .await?;
    if output.json_wanted() {
        let container = slipway.container_detail(&what.new_name).await?.container;
        output.print_json(&container)?;
    } else {
        output.print_line(&format!("{} is now {}", what.container, what.new_name))?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn port(container_port: u16, protocol: &str, host: Option<(&str, u16)>) -> PortView {
        PortView {
            container_port,
            protocol: protocol.to_owned(),
            host_ip: host.map(|(ip, _)| ip.to_owned()),
            host_port: host.map(|(_, port)| port),
            url: host
                .filter(|_| protocol == "tcp")
                .map(|(ip, port)| format!("http://{ip}:{port}")),
            open_to_network: host.is_some_and(|(ip, _)| ip == "0.0.0.0"),
            exposed: host.map_or(Exposed::None, |_| Exposed::Published),
            unreachable: None,
        }
    }

    pub(crate) fn container(name: &str, state: ContainerState, status: &str) -> ContainerView {
        ContainerView {
            id: format!("{:0>64}", name.len()),
            name: name.to_owned(),
            image: "nginx:1.27".to_owned(),
            image_id: String::new(),
            state,
            since: None,
            status: status.to_owned(),
            health: None,
            exit_code: None,
            ending: None,
            reason: None,
            restart_count: None,
            last_exit_code: None,
            created_at: "2026-05-04T10:00:00.000000000Z".to_owned(),
            ports: Vec::new(),
            mounts: Vec::new(),
            stack: None,
        }
    }

    #[test]
    fn containers_in_a_table() {
        let mut web = container("web", ContainerState::Running, "Up 2 hours (healthy)");
        web.health = Some(Health::Healthy);
        web.ports = vec![
            port(80, "tcp", Some(("127.0.0.1", 8080))),
            port(443, "tcp", None),
            port(53, "udp", Some(("::1", 5353))),
        ];
        let mut job = container("job", ContainerState::Exited, "Exited (137) 3 minutes ago");
        job.reason = Some("out of memory (limit 64 MB)".to_owned());
        job.image = "sha256:0123456789abcdef0123".to_owned();
        let new = container("new", ContainerState::Created, "Created");
        let mut looping = container(
            "loop",
            ContainerState::Restarting,
            "Restarting (1) 5 seconds ago",
        );
        looping.restart_count = Some(7);
        insta::assert_snapshot!(table(&[web, job, new, looping]).render(false, None), @r"
        NAME  IMAGE         STATE       PORTS                                        STATUS
        web   nginx:1.27    running     127.0.0.1:8080->80, 443, [::1]:5353->53/udp  Up 2 hours (healthy)
        job   0123456789ab  exited                                                   Exited (137) 3 minutes ago: out of memory (limit 64 MB)
        new   nginx:1.27    created                                                  Created
        loop  nginx:1.27    restarting                                               Restarting (1) 5 seconds ago: restarted 7 times
        ");
        insta::assert_snapshot!(table(&[]).render(false, None), @"NAME  IMAGE  STATE  PORTS  STATUS");
    }

    #[test]
    fn ports_in_a_table() {
        let ports = [
            port(80, "tcp", Some(("127.0.0.1", 8080))),
            port(9000, "tcp", None),
            port(53, "udp", Some(("0.0.0.0", 53))),
        ];
        insta::assert_snapshot!(ports_table(&ports).render(false, None), @r"
        PORT      REACHED AT      EXPOSED        URL
        80/tcp    127.0.0.1:8080  published      http://127.0.0.1:8080
        9000/tcp  -               not published
        53/udp    0.0.0.0:53      published
        ");
    }

    #[test]
    fn a_port_that_something_else_has_is_said_to_be_taken() {
        let mut taken = port(80, "tcp", Some(("127.0.0.1", 8080)));
        taken.url = None;
        taken.unreachable = Some("taken by nginx (process 12)".to_owned());
        let ports = [taken, port(443, "tcp", None)];
        insta::assert_snapshot!(
            ports_in_short(&ports),
            @"127.0.0.1:8080->80: taken by nginx (process 12), 443"
        );
        insta::assert_snapshot!(ports_table(&ports).render(false, None), @r"
        PORT     REACHED AT  EXPOSED        URL
        80/tcp   -           published      127.0.0.1:8080: taken by nginx (process 12)
        443/tcp  -           not published
        ");
    }

    #[test]
    fn outcomes_get_the_full_id() {
        let mut known = container("web", ContainerState::Running, "");
        known.id = "abc".repeat(21) + "d";
        let check = |typed: &str, found: bool| {
            let mut outcome = ActionOutcome {
                id: typed.to_owned(),
                name: typed.to_owned(),
                changed: true,
                error: None,
            };
            name(&mut outcome, std::slice::from_ref(&known));
            assert_eq!(
                outcome.id == known.id && outcome.name == "web",
                found,
                "{typed}"
            );
        };
        check("web", true);
        check("abcabc", true);
        check(&known.id, true);
        check("db", false);
    }
}
