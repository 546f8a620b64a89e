//! Nothing serious or critical for axe, on any screen, in either theme.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;
use slipway_e2e::{App, Theme};
use slipway_testkit::Engine;

/// Runs axe on what is on the screen.
pub(crate) async fn check(app: &App, screen: &str) -> Result<()> {
    let source =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/node_modules/axe-core/axe.min.js");
    let source = std::fs::read_to_string(&source)
        .with_context(|| format!("{} is missing: run `cargo xtask test`", source.display()))?;
    // Colours in the middle of a change would be measured as they are never read, also where a state changes meanwhile.
    app.script(
        "const still = new CSSStyleSheet();
         still.replaceSync('*, *::before, *::after { transition: none !important }');
         document.adoptedStyleSheets = [still]",
        vec![],
    )
    .await?;
    for theme in [Theme::Light, Theme::Dark] {
        app.theme(theme).await?;
        app.settled().await?;
        app.script(
            &format!("if (!window.axe) {{ {source} ; window.axe = axe ?? module?.exports; }}"),
            vec![],
        )
        .await?;
        let found = app
            .script_async(
                "const done = arguments[arguments.length - 1];
                 window.axe.run(document, { resultTypes: ['violations'] }).then(
                     (result) => done(result.violations
                         .filter((v) => v.impact === 'serious' || v.impact === 'critical')
                         .map((v) => v.id + ': ' + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200) + ' // ' + (n.any[0]?.message ?? '')).join(' | '))),
                     (error) => done(['axe failed: ' + error]))",
                vec![],
            )
            .await?;
        assert_eq!(found, json!([]), "{screen}, {}", theme.word());
    }
    app.script("document.adoptedStyleSheets = []", vec![])
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_with_an_engine() -> Result<()> {
    let engine = Engine::start()?;
    engine.load_sample("slipway/busybox:latest")?;
    engine.load_sample("slipway/exit1:latest")?;
    engine.load_sample("slipway/tty:latest")?;
    engine.docker_ok(&[
        "run",
        "-d",
        "--name",
        "steady",
        "slipway/busybox",
        "sleep",
        "600",
    ]);
    engine.docker_ok(&["run", "-d", "-t", "--name", "colourful", "slipway/tty"]);
    engine.docker(&["run", "--name", "broken", "slipway/exit1"]);
    let app = App::open(&engine.host()).await?;
    app.find("card-nginx").await?;
    check(&app, "Browse").await?;
    app.fill("browse-search", "no such thing at all").await?;
    check(&app, "Browse without a match").await?;
    app.fill("browse-search", "postgres").await?;
    app.click("card-customise-postgres").await?;
    app.find("run-docker-run").await?;
    check(&app, "the run sheet").await?;
    app.click("run-start").await?;
    app.find("run-ready").await?;
    check(&app, "a run that is ready").await?;
    app.click("run-show-container").await?;
    app.find("container-stop").await?;
    check(&app, "a container's overview").await?;
    app.click("tab-logs").await?;
    app.find("log-row").await?;
    check(&app, "a container's logs").await?;
    app.click("detail-close").await?;
    app.find("container-row-broken").await?;
    check(&app, "the list of containers").await?;
    app.click("nav-images").await?;
    app.find("images-table").await?;
    check(&app, "the list of images").await?;
    app.click("nav-engine").await?;
    app.find("engine-current").await?;
    check(&app, "the engine").await?;
    app.click("nav-browse").await?;
    app.click("open-palette").await?;
    app.find("palette-input").await?;
    check(&app, "the command palette").await?;
    app.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_without_an_engine() -> Result<()> {
    let app = App::open("unix:///nonexistent/docker.sock").await?;
    app.click("nav-containers").await?;
    app.find("containers-no-engine").await?;
    check(&app, "containers without an engine").await?;
    app.click("nav-images").await?;
    check(&app, "images without an engine").await?;
    app.click("nav-engine").await?;
    app.find("no-engine").await?;
    check(&app, "no engine").await?;
    app.close().await
}
