//! From an image to a web page, and all actions on the container afterwards.

use serde_json::{Value, json};
use slipway_testkit::shared;

use crate::slipway::{Slipway, containers, eventually, get};

#[test]
fn an_image_becomes_a_page_and_goes_again() {
    let slipway = Slipway::with(shared());
    let run = slipway.json(&["run", "nginx:latest", "--name", "journey"]);
    let url = run["url"].as_str().expect("an address");
    assert!(get(url).starts_with("HTTP/1.1 200"), "{}", get(url));
    assert_eq!(run["name"], "journey");
    assert_eq!(run["image"], "nginx:latest");
    assert_eq!(run["state"], "running");
    let status = run["status"].as_str().expect("in words");
    assert!(status.starts_with("Up "), "{status}");
    assert_eq!(run["ready"], true);
    assert!(run["note"].is_string());
    let port = &run["ports"][0];
    assert_eq!(port["container_port"], 80);
    assert_eq!(port["host_ip"], "127.0.0.1");
    assert_eq!(port["exposed"], "published");
    assert_eq!(run["mounts"][0]["source"], "journey-html");

    let listed = slipway.json(&["ps"]);
    let listed = listed.as_array().expect("an array").iter();
    let listed: Vec<_> = listed.filter(|item| item["name"] == "journey").collect();
    assert_eq!(listed.len(), 1);
    for same in [
        "id", "image", "image_id", "state", "ports", "mounts", "stack",
    ] {
        assert_eq!(listed[0][same], run[same], "{same}");
    }
    let table = slipway.ok(&["ps"]);
    let row = table.lines().find(|line| line.starts_with("journey "));
    assert!(
        row.is_some_and(|row| row.contains("running") && row.contains("->80")),
        "{table}"
    );

    let detail = slipway.json(&["inspect", "journey"]);
    assert_eq!(detail["container"]["id"], run["id"]);
    assert_eq!(detail["command"][0], "/docker-entrypoint.sh");
    let raw: serde_json::Value =
        serde_json::from_str(&slipway.ok(&["inspect", "journey", "--raw"])).expect("JSON");
    assert_eq!(raw["Id"], run["id"]);
    assert!(
        slipway
            .ok(&["inspect", "journey"])
            .contains(&format!("->80  {url}"))
    );
    assert_eq!(slipway.json(&["ports", "journey"]), run["ports"]);
    assert!(slipway.ok(&["ports", "journey"]).contains(url));

    eventually("the page is in the log", || {
        slipway
            .ok(&["logs", "journey"])
            .contains("\"GET / HTTP/1.0\" 200")
    });

    assert_eq!(slipway.ok(&["stop", "journey"]), "journey stopped\n");
    assert_eq!(
        slipway.ok(&["stop", "journey"]),
        "journey was not running\n"
    );
    assert!(!slipway.ok(&["ps"]).contains("journey"));
    assert!(slipway.ok(&["ps", "-a"]).contains("journey"));
    let started = slipway.json(&["start", "journey"]);
    let wanted = json!([{"id": run["id"], "name": "journey", "changed": true, "error": null}]);
    assert_eq!(started, wanted);
    assert_eq!(slipway.ok(&["restart", "journey"]), "journey restarted\n");
    assert_eq!(slipway.ok(&["pause", "journey"]), "journey paused\n");
    assert_eq!(slipway.ok(&["unpause", "journey"]), "journey resumed\n");
    assert_eq!(slipway.ok(&["kill", "journey"]), "journey killed\n");

    let renamed = slipway.json(&["rename", "journey", "journey-2"]);
    assert_eq!(renamed["id"], run["id"]);
    assert_eq!(renamed["name"], "journey-2");
    // Renaming to the current name is no error.
    slipway.ok(&["rename", "journey-2", "journey-2"]);
    assert_eq!(slipway.ok(&["rm", "journey-2"]), "journey-2 removed\n");
    assert!(!containers(shared()).contains(&"journey-2".to_owned()));
    let volumes = shared().docker_ok(&["volume", "ls", "-q"]);
    assert!(
        volumes.lines().any(|volume| volume == "journey-html"),
        "volumes stay"
    );
}

#[test]
fn options_reach_the_container() {
    let slipway = Slipway::with(shared());
    std::fs::create_dir(slipway.home().join("site")).expect("writable");
    std::fs::write(slipway.home().join("site/hello"), "from here").expect("writable");
    slipway.ok(&[
        "run",
        "slipway/busybox",
        "--name",
        "options",
        "-q",
        "-p",
        "none",
        "-e",
        "GREETING=hello there",
        "-v",
        "./site:/site:ro",
        "-v",
        "options-data:/data",
        "--restart",
        "unless-stopped",
        "--memory",
        "64m",
        "--cpus",
        "0.5",
        "--",
        "sh",
        "-c",
        "cat /site/hello; echo \" $GREETING\"; sleep 100",
    ]);
    eventually("it has spoken", || {
        slipway.ok(&["logs", "options"]) == "from here hello there\n"
    });
    let raw = slipway.ok(&["inspect", "--raw", "options"]);
    let raw: serde_json::Value = serde_json::from_str(&raw).expect("JSON");
    let host = &raw["HostConfig"];
    assert_eq!(host["Memory"], 64 << 20);
    assert_eq!(host["NanoCpus"], 500_000_000);
    assert_eq!(host["RestartPolicy"]["Name"], "unless-stopped");
    let told = slipway.ok(&["inspect", "options"]);
    for part in [
        "site at /site (read-only)",
        "options-data at /data",
        "64 MB",
        "0.5",
        "unless-stopped",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    slipway.ok(&["rm", "options"]);
}

#[test]
fn several_containers_are_all_tried() {
    let slipway = Slipway::with(shared());
    for name in ["several-1", "several-2"] {
        slipway.ok(&[
            "run",
            "slipway/busybox",
            "--name",
            name,
            "-q",
            "--",
            "sleep",
            "100",
        ]);
    }
    let ended = slipway
        .run(&["stop", "several-1", "several-nope", "several-2"])
        .exits(1)
        .says("several-nope", "slipway ps -a");
    assert_eq!(ended.stdout, "several-1 stopped\nseveral-2 stopped\n");
    assert_eq!(ended.stderr.matches("error: ").count(), 1);

    let ended = slipway
        .run(&["rm", "--json", "several-1", "several-nope", "several-2"])
        .exits(1);
    let outcomes = ended.document();
    assert_eq!(outcomes[0]["error"], json!(null));
    assert_eq!(outcomes[1]["error"]["kind"], "not_found");
    assert_eq!(outcomes[2]["name"], "several-2");
    assert_eq!(outcomes[2]["id"].as_str().map(str::len), Some(64));
    assert_eq!(ended.error()["kind"], "not_found");
}

#[test]
fn logs_are_read_filtered_followed_and_saved() {
    let slipway = Slipway::with(shared());
    let script = "printf '\\033[31mred\\033[0m\\033[2J\\n'; echo problem >&2; sleep 0.5; for i in 1 2 3; do echo line $i; done";
    slipway.ok(&[
        "run",
        "slipway/busybox",
        "--name",
        "talker",
        "-q",
        "--",
        "sh",
        "-c",
        script,
    ]);
    let ended = slipway.run(&["logs", "talker"]).exits(0);
    assert_eq!(
        ended.stdout,
        "\x1b[31mred\x1b[0m\x1b[2J\nline 1\nline 2\nline 3\n"
    );
    assert_eq!(ended.stderr, "problem\n");
    assert_eq!(
        slipway.ok(&["logs", "talker", "--tail", "2"]),
        "line 2\nline 3\n"
    );
    assert_eq!(
        slipway
            .ok(&["logs", "talker", "--grep", "^red|[23]$"])
            .lines()
            .count(),
        3
    );
    assert_eq!(
        slipway
            .ok(&["logs", "talker", "--since", "1h"])
            .lines()
            .count(),
        4
    );
    assert_eq!(slipway.ok(&["logs", "talker", "--until", "1h"]), "");
    let stamped = slipway.ok(&["logs", "talker", "-t", "--tail", "1"]);
    assert!(
        stamped.starts_with("20") && stamped.ends_with("Z line 3\n"),
        "{stamped}"
    );

    let lines = slipway.json(&["logs", "talker"]);
    let lines = lines.as_array().expect("an array");
    assert_eq!(lines.len(), 5);
    assert_eq!(
        lines.iter().filter(|line| line["stderr"] == true).count(),
        1
    );
    assert!(lines[0]["at"].as_str().is_some_and(|at| at.ends_with('Z')));
    // The container has ended, and its log with it.
    let followed = slipway.ok(&["logs", "talker", "-f", "--json"]);
    assert_eq!(followed.lines().count(), 5);
    for line in followed.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("an object");
    }

    let exported = slipway.json(&["logs", "talker", "--grep", "line", "--export", "out.log"]);
    assert_eq!(exported["lines"], 3);
    let saved = std::fs::read_to_string(slipway.home().join("out.log")).expect("written");
    assert_eq!(saved, "line 1\nline 2\nline 3\n");
    slipway
        .run(&["logs", "talker", "--export", "nowhere/out.log"])
        .exits(1)
        .says("cannot be saved", "folder does not exist");
    slipway
        .run(&["logs", "talker", "--grep", "("])
        .exits(2)
        .says("regular expression", "backslash");
    slipway
        .run(&["logs", "talker", "--since", "noon"])
        .exits(2)
        .says("`noon` is not a valid time", "10m");
    slipway
        .run(&["logs", "silent-one"])
        .exits(1)
        .says("silent-one", "slipway ps -a");
    slipway.ok(&["rm", "talker"]);
}

#[test]
fn what_a_container_uses_is_measured() {
    let slipway = Slipway::with(shared());
    slipway.ok(&[
        "run",
        "slipway/busybox",
        "--name",
        "busy",
        "-q",
        "--",
        "sh",
        "-c",
        "while :; do :; done",
    ]);
    let stats = slipway.json(&["stats", "busy"]);
    assert_eq!(stats[0]["name"], "busy");
    assert!(
        stats[0]["cpu_percent"]
            .as_f64()
            .is_some_and(|cpu| cpu > 1.0),
        "{stats}"
    );
    assert!(
        stats[0]["memory_bytes"]
            .as_u64()
            .is_some_and(|bytes| bytes > 0),
        "{stats}"
    );
    let table = slipway.ok(&["stats", "--no-stream"]);
    assert!(
        table.starts_with("NAME") && table.contains("busy"),
        "{table}"
    );
    slipway.ok(&["rm", "busy"]);
}

/// A generated password does not fit the data of an earlier container: the two are never combined silently.
#[test]
fn the_data_of_an_earlier_container_is_neither_lost_nor_mixed_with_a_new_one() {
    let engine = shared();
    let slipway = Slipway::with(engine);
    let run = |more: &[&str]| {
        let line = ["run", "postgres", "--name", "pgagain"];
        slipway.json(&[&line[..], more].concat())
    };
    let volume = |run: &Value| run["mounts"][0]["source"].clone();
    let first = run(&[]);
    assert_eq!(volume(&first), "pgagain-data");
    assert_eq!(first["notices"], json!([]));
    slipway.ok(&["rm", "pgagain"]);
    let second = run(&[]);
    assert_eq!(volume(&second), "pgagain-data-2");
    let told = second["notices"][0].as_str().expect("a notice");
    assert!(
        told.contains("existing volume `pgagain-data` is not used")
            && told.contains("its old password"),
        "{told}"
    );
    slipway.ok(&["rm", "pgagain"]);
    let third = run(&["-v", "pgagain-data:/var/lib/postgresql/data"]);
    assert_eq!(volume(&third), "pgagain-data");
    let told = third["notices"][0].as_str().expect("a notice");
    assert!(told.contains("`pgagain-data` has data already"), "{told}");
    slipway.ok(&["rm", "pgagain"]);
    engine.docker_ok(&["volume", "rm", "pgagain-data", "pgagain-data-2"]);
}

/// The list and the details agree about a requested end.
#[test]
fn a_stop_is_no_failure() {
    let slipway = Slipway::with(shared());
    let run = [
        "run",
        "-d",
        "--name",
        "deaf",
        "slipway/busybox",
        "sleep",
        "600",
    ];
    shared().docker_ok(&run);
    shared().docker_ok(&["stop", "--time", "1", "deaf"]);
    let reason = "stopped (killed after 1 s)";
    let listed = slipway.json(&["ps", "-a"]);
    let listed = listed.as_array().expect("an array").iter();
    let listed = listed.clone().find(|item| item["name"] == "deaf");
    let listed = listed.expect("it is listed");
    assert_eq!(listed["reason"], reason);
    assert_eq!(listed["ending"], "stopped");
    assert_eq!(listed["exit_code"], 137);
    let told = slipway.ok(&["inspect", "deaf"]);
    assert!(told.contains(reason), "{told}");
    assert_eq!(slipway.ok(&["rm", "-f", "deaf"]), "deaf removed\n");
}
