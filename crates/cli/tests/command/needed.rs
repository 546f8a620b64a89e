//! `slipway run --with-needed`: what an image needs is run beside it.

use slipway_testkit::Engine;

use crate::slipway::Slipway;

#[test]
fn a_needed_service_is_run_once_and_then_used() {
    let engine = Engine::start().expect("an engine");
    for sample in ["redis:8", "slipway/busybox:latest"] {
        engine.load_sample(sample).expect("a sample");
    }
    let slipway = Slipway::at(&engine.host());
    let found = slipway.json(&["search", "paperless-ngx", "--source", "catalog"]);
    let entry = &found["entries"][0];
    let text = |field: &str| entry[field].as_str().expect("a text");
    let image = format!("{}:{}", text("image"), text("default_tag"));
    engine.docker_ok(&["tag", "slipway/busybox", &image]);
    let run = |port: &str| {
        let publish = format!("{port}:8000");
        let mut arguments = vec!["run", "paperless-ngx", "--with-needed", "-p", &publish];
        arguments.extend(["--", "httpd", "-f", "-p", "8000"]);
        slipway.run(&arguments)
    };

    // A variable that the service sets is not asked for.
    let ended = slipway.run(&["run", "wordpress"]).exits(2);
    assert!(
        ended.stderr.contains("--with-needed to run mysql first"),
        "{ended:#?}"
    );
    let ended = slipway.run(&["run", "wordpress", "--with-needed"]).exits(1);
    assert!(ended.stderr.contains("Running MySQL first"), "{ended:#?}");
    assert!(ended.stderr.contains("`mysql:"), "{ended:#?}");

    // A plan that cannot be run has nothing run for it.
    run("0").exits(2);
    let network = slipway.run(&["run", "paperless-ngx", "--with-needed", "--memory", "1k"]);
    network.exits(2);
    assert_eq!(engine.docker_ok(&["ps", "--all", "--quiet"]), "");

    let ended = run("18431").exits(0);
    assert!(ended.stderr.contains("Running Redis first"), "{ended:#?}");
    let ended = run("18432").exits(0);
    assert!(
        ended.stderr.contains("Using the running container `redis`"),
        "{ended:#?}"
    );
    let mut names: Vec<String> = engine
        .docker_ok(&["ps", "--format", "{{.Names}}"])
        .lines()
        .map(str::to_owned)
        .collect();
    names.sort();
    assert_eq!(names, ["paperless-ngx", "paperless-ngx-2", "redis"]);
    for name in ["paperless-ngx", "paperless-ngx-2"] {
        let address = "PAPERLESS_REDIS=redis://redis:6379";
        let detail = slipway.json(&["inspect", name, "--raw"]);
        let env = detail["Config"]["Env"].as_array().expect("a list");
        assert!(env.iter().any(|line| line == address), "{name}: {env:?}");
        let ask = "(echo PING; sleep 1) | nc redis 6379";
        let answer = engine.docker_ok(&["exec", name, "sh", "-c", ask]);
        assert_eq!(answer, "+PONG", "{name}");
    }
}
