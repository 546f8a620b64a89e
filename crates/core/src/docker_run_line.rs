//! A run plan as the equivalent `docker run` command line.

use std::time::Duration;

use slipway_api::container::{MountKind, RestartPolicy};
use slipway_api::run::RunPlan;
use slipway_engine::{ContainerDetail, ImageDetail};

use crate::run::looks_secret;

/// The line, broken with backslashes when it is long. Without `secrets`, values of variables that look secret are
/// left out (`-e POSTGRES_PASSWORD`, which takes the value from the caller's environment).
pub(crate) fn docker_run_line(plan: &RunPlan, secrets: bool) -> String {
    line(plan, &[], secrets)
}

/// The line for an existing container, including a health check that does not come from its image.
pub(crate) fn docker_run_line_of(
    plan: &RunPlan,
    detail: &ContainerDetail,
    image: Option<&ImageDetail>,
    secrets: bool,
) -> String {
    let shown = |text: &str| {
        if secrets {
            text.to_owned()
        } else {
            without_secrets(plan, text)
        }
    };
    line(plan, &health_options(detail, image, shown), secrets)
}

/// `shown` is applied to the words of the command before they are quoted, which changes a secret with a quotation mark.
fn health_options(
    detail: &ContainerDetail,
    image: Option<&ImageDetail>,
    shown: impl Fn(&str) -> String,
) -> Vec<String> {
    let Some(check) = &detail.healthcheck else {
        return Vec::new();
    };
    let of_image = image.map(|image| &image.raw["Config"]["Healthcheck"]);
    let images = |field: &str| of_image.and_then(|check| check[field].as_u64());
    let mut options = Vec::new();
    let test: &[String] = image.map_or(&[], |image| &image.healthcheck);
    match check.test.split_first() {
        _ if check.test == test => {}
        Some((kind, _)) if kind == "NONE" => {
            return vec!["--no-healthcheck".to_owned()];
        }
        Some((kind, command)) if kind == "CMD-SHELL" => {
            options.push(format!(
                "--health-cmd {}",
                quote(&shown(&command.join(" ")))
            ));
        }
        // The option takes a shell command, so the words are joined into one.
        Some((_, words)) => {
            let words: Vec<String> = words.iter().map(|word| quote(&shown(word))).collect();
            options.push(format!("--health-cmd {}", quote(&words.join(" "))));
        }
        None => {}
    }
    for (option, field, value) in [
        ("--health-interval", "Interval", check.interval),
        ("--health-timeout", "Timeout", check.timeout),
        ("--health-start-period", "StartPeriod", check.start_period),
    ] {
        if let Some(value) = value
            && images(field) != u64::try_from(value.as_nanos()).ok()
        {
            options.push(format!("{option} {}", go_duration(value)));
        }
    }
    if let Some(retries) = check.retries
        && images("Retries") != Some(retries.into())
    {
        options.push(format!("--health-retries {retries}"));
    }
    options
}

/// A duration in Go's syntax.
fn go_duration(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}

fn line(plan: &RunPlan, health_options: &[String], secrets: bool) -> String {
    let mut parts = vec!["docker run -d".to_owned()];
    let mut push = |text: String| parts.push(text);
    if let Some(name) = plan.name.as_deref().filter(|name| !name.is_empty()) {
        push(format!("--name {}", quote(name)));
    }
    if plan.tty {
        push("-it".to_owned());
    }
    for port in &plan.ports {
        // Parsed like `spec::read_port`: without an address, Docker would publish to the whole network.
        let ip = match port.host_ip.as_deref() {
            None | Some("" | "localhost") => "127.0.0.1",
            Some(ip) => ip,
        };
        let ip = if ip.contains(':') {
            format!("[{ip}]")
        } else {
            ip.to_owned()
        };
        let host_port = port
            .host_port
            .map(|port| port.to_string())
            .unwrap_or_default();
        let suffix = if port.protocol == "tcp" {
            String::new()
        } else {
            format!("/{}", port.protocol)
        };
        push(format!(
            "-p {}",
            quote(&format!("{ip}:{host_port}:{}{suffix}", port.container_port))
        ));
    }
    for mount in &plan.mounts {
        let read_only = if mount.read_only { ":ro" } else { "" };
        push(match (mount.kind, &mount.source) {
            (MountKind::Tmpfs, _) => format!("--tmpfs {}", quote(&mount.target)),
            (_, Some(source)) => {
                format!(
                    "-v {}",
                    quote(&format!("{source}:{}{read_only}", mount.target))
                )
            }
            (_, None) => format!("-v {}", quote(&mount.target)),
        });
    }
    for variable in &plan.env {
        push(if !secrets && looks_secret(plan, &variable.name) {
            format!("-e {}", quote(&variable.name))
        } else {
            format!(
                "-e {}",
                quote(&format!("{}={}", variable.name, variable.value))
            )
        });
    }
    if let Some(network) = &plan.network {
        push(format!("--network {}", quote(network)));
    }
    for option in health_options {
        push(option.clone());
    }
    match plan.restart {
        RestartPolicy::No => {}
        RestartPolicy::OnFailure => push("--restart on-failure".to_owned()),
        RestartPolicy::UnlessStopped => push("--restart unless-stopped".to_owned()),
        RestartPolicy::Always => push("--restart always".to_owned()),
    }
    if let Some(memory) = plan.memory_bytes {
        push(format!("--memory {}", memory_option(memory)));
    }
    if let Some(cpus) = plan.cpus {
        push(format!("--cpus {cpus}"));
    }
    if let Some(entrypoint) = &plan.entrypoint {
        push(format!("--entrypoint {}", quote(entrypoint)));
    }
    push(quote(&plan.image));
    plan.command.iter().map(|word| quote(word)).for_each(push);
    fold(&parts)
}

/// In the largest unit that needs no decimals: `512m`.
fn memory_option(bytes: u64) -> String {
    [(30, "g"), (20, "m"), (10, "k")]
        .into_iter()
        .find(|(bits, _)| bytes.trailing_zeros() >= *bits)
        .map_or_else(
            || bytes.to_string(),
            |(bits, unit)| format!("{}{unit}", bytes >> bits),
        )
}

/// A health check often has the password of the service that it asks.
fn without_secrets(plan: &RunPlan, text: &str) -> String {
    let mut secrets: Vec<&str> = plan
        .env
        .iter()
        .filter(|variable| !variable.value.is_empty() && looks_secret(plan, &variable.name))
        .map(|variable| variable.value.as_str())
        .collect();
    // One may be the beginning of another, whose rest would be left.
    secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
        .into_iter()
        .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
}

/// Joins the parts to lines of at most about 72 columns, which fit the run sheet.
fn fold(parts: &[String]) -> String {
    let mut text = String::new();
    let mut column = 0;
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            if column + part.len() > 68 {
                text.push_str(" \\\n  ");
                column = 2;
            } else {
                text.push(' ');
                column += 1;
            }
        }
        text.push_str(part);
        column += part.len();
    }
    text
}

/// Quotes a word for a POSIX shell, if necessary.
fn quote(word: &str) -> String {
    let plain = !word.is_empty()
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_./:=,@%+[]".contains(&b));
    if plain && !word.contains(['[', ']']) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_has_the_unit_in_which_it_is_round() {
        for (bytes, option) in [
            (512 << 20, "512m"),
            (2 << 30, "2g"),
            (1536 << 20, "1536m"),
            (6 << 10, "6k"),
            (1001, "1001"),
        ] {
            assert_eq!(memory_option(bytes), option);
        }
    }

    #[test]
    fn quoting_survives_a_shell() {
        for word in [
            "plain",
            "two words",
            "it's",
            "$HOME",
            "",
            "a\nb",
            "`x`",
            "[::1]:80:80",
        ] {
            let output = std::process::Command::new("sh")
                .arg("-c")
                .arg(format!("printf %s {}", quote(word)))
                .output()
                .expect("a shell");
            assert_eq!(String::from_utf8_lossy(&output.stdout), word);
        }
    }
}
