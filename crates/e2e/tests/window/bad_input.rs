//! Invalid input: each error is shown at its field, with a hint, and nothing is left behind.

use anyhow::Result;
use slipway_e2e::App;
use slipway_testkit::{Engine, Fault};

async fn customise(app: &App, what: &str) -> Result<()> {
    app.fill("browse-search", what).await?;
    app.click(&format!("card-customise-{what}")).await?;
    app.find("run-docker-run").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_says_what_is_wrong_where_it_is() -> Result<()> {
    let engine = Engine::start()?;
    engine.load_sample("slipway/busybox:latest")?;
    engine.docker_ok(&["create", "--name", "taken", "slipway/busybox"]);
    let app = App::open(&engine.host()).await?;
    customise(&app, "nginx").await?;
    app.fill("run-name", "not a name").await?;
    app.says("run-sheet", "is not a valid container name")
        .await?;
    app.says("run-sheet", "not-a-name").await?;
    app.fill("run-name", "taken").await?;
    app.says("run-sheet", "taken-2").await?;
    app.fill("run-name", "fine").await?;
    app.fill("run-host-port-0", "70000").await?;
    app.says("run-sheet", "Ports go from 1 to 65535").await?;
    let holder = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = holder.local_addr()?.port().to_string();
    app.fill("run-host-port-0", &port).await?;
    app.says("run-sheet", &format!("(process {})", std::process::id()))
        .await?;
    assert_eq!(
        engine.docker_ok(&["ps", "-aq", "--filter", "name=fine"]),
        ""
    );
    app.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_does_not_exist_is_named() -> Result<()> {
    let engine = Engine::start()?;
    let app = App::open(&engine.host()).await?;
    let reference = format!("{}/org/no-such-image:9", engine.registry().address());
    app.fill("browse-search", &reference).await?;
    app.click("card-run-reference").await?;
    app.says("run-failure", "has no image").await?;
    app.says("run-failure", &reference).await?;
    assert_eq!(engine.docker_ok(&["ps", "-aq"]), "");
    app.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_breaks_off_leaves_nothing_and_can_be_tried_again() -> Result<()> {
    // Otherwise it would retry for a minute.
    let engine = Engine::options()
        .argument("--max-download-attempts=1")
        .start()?;
    let app = App::open(&engine.host()).await?;
    engine.registry().set(Fault::ResetAfter(3_000_000));
    app.fill("browse-search", "nginx").await?;
    app.click("card-run-nginx").await?;
    app.find("run-failure").await?;
    assert_eq!(engine.docker_ok(&["ps", "-aq"]), "");
    engine.registry().set(Fault::Pass);
    app.click("run-retry").await?;
    app.find("run-ready").await?;
    app.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_ends_at_once_shows_its_last_words_and_is_taken_away() -> Result<()> {
    let engine = Engine::start()?;
    let app = App::open(&engine.host()).await?;
    app.find("nav-browse").await?;
    app.fill("browse-search", "slipway/exit1:latest").await?;
    app.click("card-run-reference").await?;
    let text = app.says("run-failure", "no configuration found").await?;
    assert!(text.contains("was removed"), "{text}");
    assert_eq!(engine.docker_ok(&["ps", "-aq"]), "");
    app.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_for_another_architecture_is_told_apart() -> Result<()> {
    let engine = Engine::start()?;
    let app = App::open(&engine.host()).await?;
    app.fill("browse-search", "slipway/arm64only:latest")
        .await?;
    app.click("card-run-reference").await?;
    app.says("run-failure", "not built for this engine").await?;
    assert_eq!(engine.docker_ok(&["ps", "-aq"]), "");
    app.close().await
}
