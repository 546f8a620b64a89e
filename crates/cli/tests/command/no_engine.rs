//! Commands without an engine.

use std::time::{Duration, Instant};

use slipway_testkit::{Fault, FaultProxy, shared};

use crate::slipway::Slipway;

#[test]
fn without_an_engine_the_exit_code_is_three() {
    let slipway = Slipway::at("unix:///nowhere/docker.sock");
    for line in [
        &["ps"][..],
        &["run", "nginx"],
        &["images"],
        &["pull", "nginx"],
        &["rmi", "nginx"],
        &["start", "a", "b"],
        &["rename", "a", "bc"],
        &["logs", "a"],
        &["stats"],
        &["inspect", "a"],
    ] {
        let ended = slipway
            .run(&[line, &["--json"]].concat())
            .exits(3)
            .says("/nowhere/docker.sock", "");
        assert_eq!(ended.error()["kind"], "no_engine", "{line:?}");
        assert_eq!(ended.stdout, "", "{line:?}");
        assert_eq!(ended.stderr.matches("error: ").count(), 1, "{ended:#?}");
    }
}

#[test]
fn what_needs_no_engine_works_without() {
    let slipway = Slipway::at("unix:///nowhere/docker.sock");
    let version = slipway.json(&["version"]);
    assert_eq!(version["client"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(version["error"]["kind"], "no_engine");
    assert!(slipway.ok(&["version"]).contains("none: "));
    let engines = slipway.json(&["engines"]);
    assert_eq!(engines[0]["error"]["kind"], "no_engine");
    let found = slipway.json(&["search", "postgres", "--source", "catalog"]);
    assert_eq!(found["entries"][0]["slug"], "postgres");
    assert!(slipway.ok(&["search", "postgres"]).contains("postgres:"));
    // A category filters the list, but matches in others are mentioned.
    let shelf = slipway.run(&["search", "nginx", "--category", "monitoring"]);
    let shelf = shelf.exits(0);
    assert!(
        shelf.stderr.contains("`nginx` (web-servers)"),
        "{}",
        shelf.stderr
    );
    assert!(!shelf.stderr.contains("Nothing"), "{}", shelf.stderr);
    let checks = slipway.run(&["doctor", "--json"]).exits(3).document();
    assert!(checks.as_array().is_some_and(|checks| checks.len() >= 4));
    assert!(
        slipway
            .run(&["doctor"])
            .exits(3)
            .stdout
            .contains("✗ The engine in use")
    );
}

#[test]
fn an_engine_that_hangs_is_not_waited_for() {
    let proxy = FaultProxy::in_front_of(shared()).expect("a proxy");
    proxy.set(Fault::StallAfter(0));
    let slipway = Slipway::at(&proxy.host());
    let began = Instant::now();
    let ended = slipway.run(&["ps", "--json"]).exits(3).says("", "");
    assert_eq!(ended.error()["kind"], "not_responding");
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn an_engine_is_chosen_and_the_choice_forgotten() {
    let engine = shared();
    let slipway = Slipway::at("unix:///nowhere/docker.sock");
    slipway.run(&["ps"]).exits(3);
    let host = engine.host();
    // For a single command …
    slipway.ok(&["ps", "--engine", &host]);
    let output = slipway
        .command(&["ps"])
        .env("SLIPWAY_ENGINE", &host)
        .output();
    assert!(output.is_ok_and(|output| output.status.success()));
    slipway.run(&["ps"]).exits(3);
    // … and permanently.
    let chosen = slipway.json(&["use", &host]);
    assert_eq!(chosen["current"], true);
    assert_eq!(chosen["engine"]["product"], "Docker");
    slipway.ok(&["ps"]);
    let engines = slipway.json(&["engines"]);
    let current: Vec<_> = engines.as_array().expect("an array").iter().collect();
    let current: Vec<_> = current
        .iter()
        .filter(|engine| engine["current"] == true)
        .collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["address"], host);
    assert!(
        slipway
            .ok(&["use", "--default"])
            .contains("none is responding")
    );
    slipway.run(&["ps"]).exits(3);
    slipway
        .run(&["use", "nonesuch"])
        .exits(3)
        .says("`nonesuch`", "DOCKER_HOST");
}

#[test]
fn settings_are_shown_and_changed() {
    let engine = shared();
    let slipway = Slipway::at("unix:///nowhere/docker.sock");
    assert_eq!(slipway.ok(&["settings"]), "engine  automatic\n");
    let none = slipway.json(&["settings"]);
    assert_eq!(none, serde_json::json!({ "engine": null }));
    let host = engine.host();
    slipway.ok(&["settings", "engine", &host]);
    assert_eq!(slipway.ok(&["settings", "engine"]), format!("{host}\n"));
    assert_eq!(slipway.json(&["settings"])["engine"], host.as_str());
    slipway.ok(&["ps"]);
    slipway.ok(&["settings", "engine", "automatic"]);
    assert_eq!(slipway.ok(&["settings", "engine"]), "automatic\n");
    slipway.run(&["ps"]).exits(3);
    // An engine that does not respond is not selected.
    slipway
        .run(&["settings", "engine", "nonesuch"])
        .exits(3)
        .says("`nonesuch`", "DOCKER_HOST");
    slipway.run(&["settings", "colour", "blue"]).exits(2);
    assert_eq!(slipway.ok(&["settings", "engine"]), "automatic\n");
}

#[test]
fn a_damaged_settings_file_is_kept_and_told() {
    let slipway = Slipway::at("unix:///nonexistent/docker.sock");
    let directory = slipway.home().join(".config/slipway");
    std::fs::create_dir_all(&directory).expect("writable");
    let path = directory.join("settings.json");
    std::fs::write(&path, "engine = work").expect("writable");
    let says = |words: &str| {
        let checks = slipway.run(&["doctor", "--json"]).exits(3).document();
        let check = checks
            .as_array()
            .expect("a list")
            .iter()
            .find(|check| check["name"] == "slipway.settings")
            .expect("the check");
        let finding = check["finding"].as_str().expect("text");
        assert!(finding.contains(words), "{check}");
        check["verdict"].clone()
    };
    assert_eq!(says("settings.json cannot be used"), "warning");
    slipway.ok(&["use", "--default"]);
    assert_eq!(says("was kept as"), "ok");
    let kept = std::fs::read_to_string(directory.join("settings.damaged-1.json"));
    assert_eq!(kept.expect("kept"), "engine = work");
}
