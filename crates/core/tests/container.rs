//! What is told of one container, against a real engine.

use std::collections::HashMap;

use slipway_core::{SettingsFile, Slipway};
use slipway_engine::Environment;
use slipway_testkit::Engine;

fn once(engine: &Engine) -> Slipway {
    let mut environment = Environment::from_process();
    environment.variables = HashMap::from([("DOCKER_HOST".to_owned(), engine.host())]);
    environment.home = None;
    Slipway::once(
        environment,
        SettingsFile::at("/nonexistent/settings.json".into()),
        None,
    )
}

/// The line has what was asked for and nothing that comes from the image, and makes the same container again.
#[tokio::test(flavor = "multi_thread")]
async fn the_docker_run_line_says_what_the_image_does_not() {
    let engine = Engine::start().expect("an engine");
    engine
        .load_sample("slipway/webapp:latest")
        .expect("a sample");
    let slipway = once(&engine);
    let image = "slipway/webapp:latest";
    for (options, words, line) in [
        (&[][..], &[][..], "slipway/webapp:latest"),
        (&[], &["sleep", "9"], "slipway/webapp:latest sleep 9"),
        (&["-e", "A=b c"], &[], "-e 'A=b c' slipway/webapp:latest"),
        (&["-e", "DELAY=0"], &[], "slipway/webapp:latest"),
        (&["-e", "DELAY=3"], &[], "-e DELAY=3 slipway/webapp:latest"),
        (
            &["--entrypoint", "sh"],
            &["-c", "exit 3"],
            "--entrypoint sh slipway/webapp:latest -c 'exit 3'",
        ),
    ] {
        let create = [&["create", "--name", "it"][..], options, &[image], words].concat();
        engine.docker_ok(&create);
        let detail = slipway.container_detail("it").await.expect("it is there");
        let told = detail.docker_run.replace(" \\\n ", "");
        assert_eq!(told, format!("docker run -d --name it {line}"));
        assert_eq!(detail.container.status, "Created");
        engine.docker_ok(&["rm", "it"]);
    }
}
