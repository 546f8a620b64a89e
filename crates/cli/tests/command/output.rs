//! Output for programs, closed pipes, and terminals.

use std::io::Read as _;
use std::process::{Command, Stdio};

use slipway_testkit::shared;

use crate::slipway::Slipway;

#[test]
fn every_document_parses() {
    let engine = shared();
    engine
        .load_sample("slipway/busybox:latest")
        .expect("a sample");
    let slipway = Slipway::with(engine);
    for line in [
        &["ps"][..],
        &["ps", "-a"],
        &["images"],
        &["engines"],
        &["version"],
        &["search"],
        &["search", "ghcr.io/org/app:1"],
        &["stats", "--no-stream"],
    ] {
        slipway.json(line);
    }
    let checks = slipway.run(&["doctor", "--json"]).exits(0).document();
    assert!(
        checks
            .as_array()
            .is_some_and(|checks| checks.iter().all(|it| it["verdict"] != "failed"))
    );
    assert!(slipway.ok(&["images"]).contains("slipway/busybox:latest"));
    let ids = slipway.ok(&["ps", "-aq"]);
    assert!(ids.lines().all(|id| id.len() == 64));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let slipway = Slipway::with(shared());
    for line in [
        &["search"][..],
        &["search", "--json"],
        &["ps", "-a"],
        &["completions", "bash"],
    ] {
        let mut child = slipway.start(line);
        drop(child.stdout.take());
        let mut told = String::new();
        let mut stderr = child.stderr.take().expect("a pipe");
        stderr.read_to_string(&mut told).expect("text");
        let status = child.wait().expect("it ends");
        assert_eq!((status.code(), told.as_str()), (Some(0), ""), "{line:?}");
    }
}

#[test]
fn scripts_are_made_for_each_shell() {
    let slipway = Slipway::at("unix:///nowhere/docker.sock");
    for (shell, part) in [
        ("bash", "complete -F _slipway"),
        ("zsh", "#compdef slipway"),
        ("fish", "complete -c slipway"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        assert!(
            slipway.ok(&["completions", shell]).contains(part),
            "{shell}"
        );
    }
    let bash = slipway.ok(&["completions", "bash"]);
    std::fs::write(slipway.home().join("completions"), bash).expect("writable");
    let checked = Command::new("bash")
        .arg("-n")
        .arg(slipway.home().join("completions"))
        .status();
    assert!(checked.expect("bash").success());
    assert!(slipway.ok(&["man"]).contains(".TH SLIPWAY 1"));
}

/// Runs a command on a terminal, and returns the terminal's output.
fn on_a_terminal(slipway: &Slipway, arguments: &[&str]) -> String {
    let mut line = env!("CARGO_BIN_EXE_slipway").to_owned();
    for argument in arguments {
        line.extend([" '", argument, "'"]);
    }
    let inner = slipway.command(&[]);
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .env_clear()
        .envs(
            inner
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("TERM", "xterm-256color")
        .current_dir(slipway.home())
        .stdin(Stdio::null());
    let output = command
        .output()
        .expect("the program `script` of the package bsdutils");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_terminal_gets_colours_and_no_escapes_of_containers() {
    let slipway = Slipway::with(shared());
    let shown = on_a_terminal(
        &slipway,
        &[
            "run",
            "slipway/busybox",
            "--name",
            "painter",
            "--",
            "printf",
            "\\033[31mred\\033[0m\\033]0;evil\\007\\033[2Jend\\n",
        ],
    );
    assert!(
        shown.contains("\x1b[32m✓\x1b[0m Created painter"),
        "{shown}"
    );
    let log = on_a_terminal(&slipway, &["logs", "painter"]);
    assert_eq!(log, "\x1b[31mred\x1b[0mend\r\n");
    let log = on_a_terminal(&slipway, &["logs", "painter", "--no-color"]);
    assert_eq!(log, "redend\r\n");
    assert!(on_a_terminal(&slipway, &["ps", "-a"]).contains("\x1b[1mNAME"));
    assert!(!on_a_terminal(&slipway, &["ps", "-a", "--no-color"]).contains('\x1b'));
    assert!(!slipway.ok(&["ps", "-a"]).contains('\x1b'));
    slipway.ok(&["rm", "painter"]);
}
