//! The image that ships with Slipway runs on an engine without any images or registry.

use std::path::PathBuf;
use std::process::Command;

use slipway_testkit::{Engine, Podman};

use crate::slipway::{Ended, Slipway, get};

const IMAGE: &str = "slipway.internal/welcome:latest";

/// Where `cargo xtask welcome-image` puts the archives.
fn archives() -> PathBuf {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_slipway"));
    let target = program.ancestors().nth(2).expect("target/debug/slipway");
    let directory = target.join("welcome");
    assert!(
        directory.join("amd64.tar").is_file(),
        "{} is not there: run `cargo xtask welcome-image`",
        directory.display()
    );
    directory
}

/// Runs it with the archives of a directory.
fn run_with(slipway: &Slipway, archives: &std::path::Path, arguments: &[&str]) -> Ended {
    let mut command: Command = slipway.command(arguments);
    command.env("SLIPWAY_WELCOME_IMAGES", archives);
    Ended::of(arguments, &command.output().expect("the binary runs"))
}

/// From nothing to its page, and back.
#[track_caller]
fn check(host: &str) {
    let slipway = Slipway::at(host);
    let ended = run_with(&slipway, &archives(), &["run", "welcome"]).exits(0);
    assert!(
        ended
            .stderr
            .contains("Loading slipway.internal/welcome:latest, which ships with Slipway"),
        "{ended:#?}"
    );
    assert!(!ended.stderr.contains("Pulling"), "{ended:#?}");

    let second = run_with(&slipway, &archives(), &["run", "welcome", "--json"]).exits(0);
    let second = second.document();
    assert_eq!(second["ready"], true, "{second}");
    assert_eq!(second["image"], IMAGE, "{second}");
    let url = second["url"].as_str().expect("an address");
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let page = get(url);
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("Welcome"), "{page}");
    // It has no unnecessary privileges, and ends on request.
    let detail = slipway.json(&["inspect", "welcome-2", "--raw"]);
    assert_eq!(detail["Config"]["User"], "65534:65534", "{detail}");
    assert_eq!(slipway.ok(&["stop", "welcome-2"]), "welcome-2 stopped\n");
    let stopped = slipway.json(&["inspect", "welcome-2", "--raw"]);
    assert_eq!(stopped["State"]["ExitCode"], 0, "{stopped}");
    slipway.ok(&["rm", "welcome", "welcome-2"]);
    slipway.ok(&["rmi", IMAGE]);
}

#[test]
fn docker_runs_it_without_a_network() {
    let engine = Engine::options().without_registry().start();
    let engine = engine.expect("an engine");
    check(&engine.host());

    // Obstacles are reported, and nothing is left behind.
    let slipway = Slipway::with(&engine);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let missing = run_with(&slipway, directory.path(), &["run", "welcome"]);
    missing.exits(1).says("is missing", "Install Slipway again");
    std::fs::copy(
        archives().join("arm64.tar"),
        directory.path().join("arm64.tar"),
    )
    .expect("it is there");
    let other = run_with(&slipway, directory.path(), &["run", "welcome"]);
    other.exits(1).says("is missing", "Install Slipway again");
    let whole = std::fs::read(archives().join("amd64.tar")).expect("it is there");
    for damaged in [&whole[..whole.len() / 2], b"no archive", b""] {
        std::fs::write(directory.path().join("amd64.tar"), damaged).expect("writable");
        let ended = run_with(&slipway, directory.path(), &["run", "welcome"]);
        ended.exits(1).says("cannot be loaded", "damaged");
    }
    assert_eq!(engine.docker_ok(&["ps", "-aq"]), "");
    assert_eq!(engine.docker_ok(&["images", "-q"]), "");

    // An image left by another version of Slipway is replaced.
    let build = engine.docker(&[
        "import",
        "-c",
        "LABEL org.opencontainers.image.version=0.0.0",
        "/dev/null",
        IMAGE,
    ]);
    assert!(build.status.success(), "{build:?}");
    let run = run_with(&slipway, &archives(), &["run", "welcome", "--json"]).exits(0);
    assert_eq!(run.document()["ready"], true);
}

#[test]
fn podman_runs_it_without_a_network() {
    let podman = Podman::start().expect("Podman");
    check(&podman.host());
}
