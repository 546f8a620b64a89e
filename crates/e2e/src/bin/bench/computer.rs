//! The computer that it was measured on.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use slipway_testkit::Engine;

/// What a reader needs to know to judge the numbers.
pub(crate) fn facts(engine: Option<&Engine>) -> Value {
    let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<&str> = cpu_info
        .lines()
        .filter(|line| line.starts_with("model name"))
        .filter_map(|line| line.split_once(": "))
        .map(|(_, model)| model)
        .collect();
    let memory = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let kilobytes = text.lines().next()?.split_ascii_whitespace().nth(1)?;
            kilobytes.parse::<u64>().ok()
        })
        .unwrap_or_default()
        / (1 << 20);
    let system = fs::read_to_string("/etc/os-release")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("PRETTY_NAME="))?;
            Some(line.split_once('=')?.1.trim_matches('"').to_owned())
        })
        .unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    json!({
        "measured_at": said("date", &["--utc", "+%Y-%m-%d %H:%M UTC"]),
        "commit": said("git", &[
            "-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*",
        ]),
        "cpu": models.first().copied().unwrap_or(std::env::consts::ARCH),
        "cpus": std::thread::available_parallelism().map_or(1, usize::from),
        "memory_gib": memory,
        "system": system,
        "kernel": kernel.split('-').next().unwrap_or_default().trim(),
        "webkitgtk": said("dpkg-query", &["--show", "--showformat=${Version}", "libwebkit2gtk-4.1-0"]),
        "docker_command": said("docker", &["version", "--format", "{{.Client.Version}}"]),
        "dockerd": engine.map(|engine| engine.docker_ok(&["version", "--format", "{{.Server.Version}}"])),
        "load": load(),
    })
}

/// How many programs wanted a processor over the last minute: what else the computer was busy with.
pub(crate) fn load() -> f64 {
    fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split_ascii_whitespace().next()?.parse().ok())
        .unwrap_or(f64::NAN)
}

/// A sentence about the computer.
pub(crate) fn sentence(facts: &Value) -> String {
    let text = |name: &str| facts[name].as_str().unwrap_or("unknown").to_owned();
    // Where no engine of this computer was measured, its version would mislead.
    let dockerd = facts["dockerd"]
        .as_str()
        .map(|version| format!(", dockerd {version}"))
        .unwrap_or_default();
    format!(
        "Measured on {} at commit {}, on {} × {}, {} GiB, {}, Linux {}, WebKitGTK {}{dockerd}, docker command {}; \
         load average at the start {:.1}.",
        text("measured_at"),
        text("commit"),
        facts["cpus"],
        text("cpu"),
        facts["memory_gib"],
        text("system"),
        text("kernel"),
        text("webkitgtk"),
        text("docker_command"),
        facts["load"].as_f64().unwrap_or(f64::NAN),
    )
}

/// What a program prints.
pub(crate) fn said(program: &str, arguments: &[&str]) -> String {
    Command::new(program)
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}
