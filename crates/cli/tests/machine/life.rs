//! From a computer with neither an engine nor a network to a web page, and back.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

use serde_json::Value;

use crate::ended::{Ended, get};
use crate::no_network::leave_the_network;
use crate::own::{Own, eventually};
use crate::terminal::Terminal;

#[test]
fn a_machine_from_its_first_start_to_its_end() {
    let Some(own) = Own::new() else { return };
    leave_the_network();
    without_a_machine(&own);
    settings_that_cannot_be_had(&own);
    starts_that_are_interrupted(&own);

    let started = own.run(&["machine", "start"]);
    assert_eq!(
        (started.code, started.stdout.as_str()),
        (Some(0), "The machine is running\n"),
        "{started:#?}\n{}",
        own.log()
    );
    for phase in ["Booting Linux", "Starting the engine"] {
        assert!(started.stderr.contains(phase), "{started:#?}");
    }
    runs_its_first_container(&own);
    tells_how_it_is(&own);
    is_found_from_another_session(&own);
    runs_what_is_typed(&own);
    gives_space_back(&own);
    restarts_with_other_settings(&own);
    is_stopped_and_deleted(&own);
}

fn without_a_machine(own: &Own) {
    assert_eq!(own.state(), "absent");
    assert!(
        own.ok(&["machine", "status"])
            .contains("`slipway machine start` creates it")
    );
    for line in [
        &["machine", "shell", "--", "true"][..],
        &["machine", "reclaim"],
        &["machine", "log", "dockerd"],
    ] {
        own.run(line)
            .exits(1)
            .says("The machine has not been created", "slipway machine start");
    }
    assert_eq!(
        own.ok(&["machine", "stop"]),
        "The machine has not been created\n"
    );
    assert_eq!(
        own.ok(&["machine", "delete", "--yes"]),
        "The machine has not been created\n"
    );
    // Looking at the state has started nothing.
    assert!(!own.data().exists());
    for line in [&["ps"][..], &["run", "welcome"], &["pull", "nginx"]] {
        own.run(line).exits(3).says("", "slipway machine start");
    }
    let checks = own.run(&["doctor"]).exits(3).stdout;
    assert!(checks.contains("Not created; `slipway machine start` creates and starts it"));
}

fn settings_that_cannot_be_had(own: &Own) {
    for (option, value, hint) in [
        ("--memory", "2048", "1536m or 2g"),
        ("--memory", "much", "1536m or 2g"),
        ("--disk", "100m", "64g"),
        ("--cpus", "0", ""),
        ("--memory", "1m", ""),
    ] {
        let ended = own.run(&["machine", "settings", option, value, "--json"]);
        let ended = ended.exits(2).says("", hint);
        assert_eq!(ended.error()["kind"], "invalid_input", "{option} {value}");
    }
    own.run(&["machine", "settings", "--driver", "vz"])
        .exits(1)
        .says("Virtualization framework", "driver");
    let settings = own.json(&["machine", "settings", "--memory", "1536m", "--disk", "16g"]);
    assert_eq!(settings["memory_mb"], 1536, "{settings}");
    assert_eq!(settings["disk_gb"], 16, "{settings}");
    assert!(own.ok(&["machine", "settings"]).contains("1.5 GB"));
}

fn starts_that_are_interrupted(own: &Own) {
    // Ctrl-C of a script …
    let line = ["machine", "start"];
    let mut child = own.start(&line);
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut told = String::new();
    while !told.contains("Booting Linux") {
        let read = stderr.read_line(&mut told).expect("text");
        assert!(read > 0, "it ended: {told}\n{}", own.log());
    }
    assert!(own.qemu_runs());
    slipway_testkit::signal(child.id(), "INT").expect("it runs");
    stderr.read_to_string(&mut told).expect("text");
    let ended = Ended::of(&line, &child.wait_with_output().expect("it ends")).exits(130);
    assert_eq!(ended.stdout, "");
    assert!(told.ends_with("Cancelled\n"), "{told}");
    eventually("stopped", || own.state() == "stopped");
    assert!(!own.qemu_runs());

    // … and of a person, who is asked.
    let mut no = Terminal::open(own, "run welcome");
    no.shows("Start Slipway's machine? [Y/n]").types("n\n");
    let (code, shown) = no.ends();
    assert_eq!(code, Some(3), "{shown}");
    assert!(shown.contains("slipway machine start"), "{shown}");
    assert_eq!(own.state(), "stopped");
    let mut interrupted = Terminal::open(own, "run welcome");
    interrupted
        .shows("Start Slipway's machine? [Y/n]")
        .types("\u{3}");
    let (code, shown) = interrupted.ends();
    assert_eq!(code, Some(130), "{shown}");
    assert_eq!(own.state(), "stopped");
    let mut yes = Terminal::open(own, "run welcome");
    yes.shows("Start Slipway's machine? [Y/n]").types("\n");
    yes.shows("Booting Linux").types("\u{3}");
    let (code, shown) = yes.ends();
    assert_eq!(code, Some(130), "{shown}");
    eventually("stopped", || own.state() == "stopped");
    assert!(!own.qemu_runs());
    own.run(&["machine", "shell"])
        .exits(1)
        .says("The machine is stopped", "slipway machine start");
}

fn runs_its_first_container(own: &Own) {
    assert_eq!(own.ok(&["machine", "start"]), "The machine is running\n");
    let run = own.json(&["run", "welcome", "--start-machine"]);
    let url = run["url"].as_str().expect("an address");
    assert!(url.starts_with("http://127.0.0.1:"), "{run}");
    assert_eq!(run["ready"], true, "{run}");
    let page = get(url);
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(own.ok(&["ps"]).contains("welcome"));
    // Images on the internet are not available, and the hint says where to look.
    let ended = own.run(&["pull", "nginx"]).exits(1);
    ended.says("could not be pulled", "this computer's network");
}

fn tells_how_it_is(own: &Own) {
    let view = own.json(&["machine", "status"]);
    assert_eq!(view["state"]["docker"]["is"], "running", "{view}");
    assert_eq!(view["settings"]["disk_gb"], 16, "{view}");
    assert_eq!(view["ports"][0]["container_name"], "welcome", "{view}");
    let told = own.ok(&["machine", "status"]);
    for words in [
        "running, Docker",
        "->8080/tcp of welcome",
        "1.5 GB of memory",
    ] {
        assert!(told.contains(words), "{told}");
    }
    let slow = view["accelerator"]["name"] == "tcg";
    assert_eq!(
        told.contains("Hardware acceleration is unavailable"),
        slow,
        "{told}"
    );
    if slow && let Some(hint) = view["accelerator"]["hint"].as_str() {
        assert!(told.contains(hint), "{told}");
    }
    assert!(own.ok(&["machine", "log"]).contains("slipwayd owns"));
    assert!(!own.ok(&["machine", "log", "dockerd"]).is_empty());
    let kernel = own.json(&["machine", "log", "kernel"]);
    let kernel = kernel["text"].as_str().expect("text");
    assert!(kernel.contains("Linux version"), "{kernel}");
    // With -f it continues until Ctrl-C, which is no failure.
    let mut child = own.start(&["machine", "log", "agent", "--follow", "--json"]);
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut first = String::new();
    stdout.read_line(&mut first).expect("text");
    let first: Value = serde_json::from_str(&first).expect("JSON");
    assert!(first["text"].is_string(), "{first}");
    assert!(child.try_wait().expect("ours").is_none());
    slipway_testkit::signal(child.id(), "INT").expect("it runs");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let checks = own.ok(&["doctor"]);
    assert!(checks.contains("Running Docker"), "{checks}");
}

/// As under cron or su: the same home directory, and another runtime directory.
fn is_found_from_another_session(own: &Own) {
    let other = own.home().join("other-session");
    std::fs::create_dir(&other).expect("writable");
    let elsewhere = |line: &[&str]| {
        let mut command = own.command(line);
        let output = command.env("XDG_RUNTIME_DIR", &other).output();
        Ended::of(line, &output.expect("it runs"))
    };
    let told = elsewhere(&["machine", "status"]).exits(0).stdout;
    for words in ["belongs to another session", "XDG_RUNTIME_DIR="] {
        assert!(told.contains(words), "{told}");
    }
    assert!(!told.contains("broken"), "{told}");
    for (line, code) in [(&["ps"][..], 3), (&["machine", "stop"], 1)] {
        let ended = elsewhere(line).exits(code);
        ended.says("belongs to another session", "XDG_RUNTIME_DIR=");
    }
    assert_eq!(own.state(), "running");
}

fn runs_what_is_typed(own: &Own) {
    let line = [
        "machine",
        "shell",
        "--",
        "sh",
        "-c",
        "echo out; echo err >&2; exit 7",
    ];
    let ended = own.run(&line).exits(7);
    assert_eq!(ended.stdout, "out\n", "{ended:#?}");
    assert_eq!(ended.stderr, "err\n", "{ended:#?}");

    let mut command = own.command(&["machine", "shell"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin
        .write_all(b"echo $((6 * 7))\nexit 3\n")
        .expect("it is read");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let ended = Ended::of(&["machine", "shell"], &output).exits(3);
    assert_eq!(ended.stdout, "42\n", "{ended:#?}");

    // More than the pipes in between hold: output has to be read while input is written.
    let many: Vec<u8> = (0..20_000_000_u32).map(|at| (at % 251) as u8).collect();
    let mut command = own.command(&["machine", "shell", "--", "cat"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let typed = many.clone();
    let typing = std::thread::spawn(move || stdin.write_all(&typed));
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{:?}", output.status);
    assert_eq!(output.stdout.len(), many.len());
    assert!(output.stdout == many, "the bytes came back changed");
    typing.join().expect("no panic").expect("all is read");

    // The user has a terminal.
    let mut terminal = Terminal::open(own, "machine shell");
    terminal.shows("# ").types("tty && exit 5\r");
    let (code, shown) = terminal.ends();
    assert_eq!(code, Some(5), "{shown}");
    assert!(shown.contains("/dev/pts/"), "{shown}");
}

fn gives_space_back(own: &Own) {
    assert!(own.json(&["machine", "reclaim"])["bytes"].is_u64());
    assert!(
        own.ok(&["machine", "reclaim"])
            .contains("returned to this computer")
    );
}

fn restarts_with_other_settings(own: &Own) {
    let ended = own.run(&["machine", "settings", "--cpus", "1"]).exits(0);
    assert!(
        ended.stderr.contains("slipway machine restart"),
        "{ended:#?}"
    );
    assert_eq!(own.ok(&["machine", "shell", "--", "nproc"]).trim(), "2");
    let ended = own.run(&["machine", "shell", "--", "nosuch"]).exits(1);
    let said = &ended.stderr;
    assert!(said.contains("nosuch could not be started"), "{said}");
    assert!(!said.contains("Restart"), "{said}");
    let view = own.json(&["machine", "restart"]);
    assert_eq!(view["state"]["is"], "running", "{view}");
    assert_eq!(view["restart_needed"], false, "{view}");
    assert_eq!(own.ok(&["machine", "shell", "--", "nproc"]).trim(), "1");
    // The container still exists. It has no restart policy.
    let containers = own.json(&["ps", "-a"]);
    assert_eq!(containers[0]["name"], "welcome", "{containers}");
    assert_eq!(
        containers[0]["reason"], "stopped with the machine",
        "{containers}"
    );
    let url = a_port_that_something_else_has(own);
    assert!(get(&url).starts_with("HTTP/1.1 200"), "{url}");
}

/// Starts the container while this test holds its port, then releases the port. Returns where it is reachable then.
fn a_port_that_something_else_has(own: &Own) -> String {
    let raw = own.json(&["inspect", "--raw", "welcome"]);
    let port = raw["HostConfig"]["PortBindings"]["8080/tcp"][0]["HostPort"]
        .as_str()
        .and_then(|port| port.parse::<u16>().ok())
        .unwrap_or_else(|| panic!("{raw}"));
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).expect("it is free");
    let outcome = own.json(&["start", "welcome"]);
    assert_eq!(outcome[0]["error"], Value::Null);
    let taken = format!("(process {})", std::process::id());
    let shown = || own.json(&["ps"])[0]["ports"][0].clone();
    eventually("the port is said to be taken", || {
        let port = shown();
        let why = port["unreachable"].as_str().unwrap_or_default();
        why.starts_with("taken by") && why.ends_with(&taken) && port["url"] == Value::Null
    });
    assert!(own.ok(&["ps"]).contains(&taken));
    assert!(own.ok(&["ports", "welcome"]).contains(&taken));
    own.ok(&["stop", "welcome"]);
    let again = own.run(&["start", "welcome"]).exits(0);
    assert_eq!(again.stdout, "welcome started\n");
    let at = format!("welcome is not reachable at 127.0.0.1:{port}: taken by");
    assert!(
        again.stderr.contains(&at) && again.stderr.contains(&taken),
        "{again:#?}"
    );
    drop(listener);
    eventually("it is taken as soon as it is free", || {
        shown()["url"].is_string()
    });
    shown()["url"].as_str().expect("an address").to_owned()
}

fn is_stopped_and_deleted(own: &Own) {
    let stopped = own.run(&["machine", "stop"]).exits(0);
    assert_eq!(stopped.stdout, "The machine is stopped\n");
    assert!(
        stopped.stderr.contains("`slipway start welcome`"),
        "{stopped:#?}"
    );
    assert_eq!(own.state(), "stopped");
    let ended = own.run(&["machine", "delete"]).exits(2);
    ended.says("needs confirmation", "--yes");
    let mut wrong = Terminal::open(own, "machine delete");
    wrong.shows("Type `machine` to confirm").types("yes\n");
    let (code, shown) = wrong.ends();
    assert_eq!(code, Some(130), "{shown}");
    assert_eq!(own.state(), "stopped");
    assert!(own.home().join(".docker/contexts/meta").exists());

    let view = own.json(&["machine", "delete", "--yes"]);
    assert_eq!(view["state"]["is"], "absent", "{view}");
    assert_eq!(view["accelerator"], Value::Null, "{view}");
    assert!(!own.home().join(".docker").exists());
    // slipwayd is no longer needed. What is known about this computer and the image stays.
    eventually("slipwayd has ended", || own.daemon().is_none());
    let mut left: Vec<_> = std::fs::read_dir(own.data())
        .expect("it stays")
        .map(|entry| entry.expect("readable").file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["verdict.json", "verified.json"]);
    assert_eq!(own.state(), "absent");
}
