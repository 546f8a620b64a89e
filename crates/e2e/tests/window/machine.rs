//! A computer without an engine: one click starts the machine, and the window shows its state.

use std::process::Command;
use std::time::Duration;

use crate::accessibility::check;
use anyhow::Result;
use serde_json::Value;
use slipway_e2e::{App, AppOptions, eventually_within, http};

/// Timeout of a step such as a boot, on an emulated processor on a computer that is busy with other work too.
const BOOT: Duration = Duration::from_mins(5);

fn json(command: &mut Command) -> Result<Value> {
    let output = command.output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{command:?}: {error}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

async fn answers(url: &str) {
    eventually_within(BOOT, url, async || {
        http::get(url)
            .is_ok_and(|(status, _)| status == 200)
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_click_brings_an_engine_that_welcome_runs_in() -> Result<()> {
    let app = App::start(AppOptions::default()).await?;

    // Running something shows that an engine is needed, and offers to start it.
    app.click("card-run-welcome").await?;
    app.find("run-needs-engine").await?;
    app.click("machine-start").await?;
    app.click("machine-show").await?;
    app.find("machine-phases").await?;
    app.find("machine-cancel").await?;
    app.machine_is("running").await?;
    app.says("engine-state", "CPU").await?;
    let started = app.text_of("machine-boot").await?;
    anyhow::ensure!(started.contains("Started in"), "{started}");

    // The run requested before the start happens now, although its sheet was closed.
    app.click("nav-containers").await?;
    app.find("container-row-welcome").await?;
    app.click("nav-browse").await?;
    app.click("card-run-welcome").await?;
    app.find("run-ready").await?;
    app.says("run-sheet", "welcome-2").await?;
    let url = app.text_of("run-url").await?.trim().to_owned();
    answers(&url).await;
    app.click("run-done").await?;
    app.click("nav-engine").await?;
    app.find("machine-ports").await?;
    app.says("disk-images", "B").await?;
    check(&app, "the machine").await?;
    app.click("machine-reclaim").await?;
    app.find_css("[data-testid^=toast]").await?;

    // Containers with a restart policy come back with the machine.
    let run = [
        "run",
        "welcome",
        "--name",
        "kept",
        "--restart",
        "unless-stopped",
        "--json",
    ];
    let kept = json(app.command()?.args(run))?;
    let kept = kept["url"].as_str().unwrap_or_default().to_owned();
    answers(&kept).await;

    // Stopping is no problem, and the window does not call it one.
    app.click("machine-stop").await?;
    app.says(
        "machine-stop-dialog",
        "3 running containers will be stopped",
    )
    .await?;
    app.says(
        "machine-stop-dialog",
        "welcome and welcome-2 have no restart policy",
    )
    .await?;
    app.click("machine-stop-confirm").await?;
    app.machine_is("stopped").await?;
    app.click("nav-containers").await?;
    app.find("containers-no-engine").await?;
    anyhow::ensure!(!app.has("engine-banner").await?, "{}", app.text().await?);

    // Actions in a terminal show in the window.
    let view = json(app.command()?.args(["machine", "start", "--json"]))?;
    anyhow::ensure!(view["state"]["is"] == "running", "{view}");
    app.find("container-row-kept").await?;
    app.click("nav-engine").await?;
    app.machine_is("running").await?;
    answers(&kept).await;

    // slipwayd dies, and the machine with it: the window reports it and starts it again.
    let slipwayd = app.slipwayd().expect("it owns the machine");
    slipway_testkit::signal(slipwayd, "KILL")?;
    app.machine_is("stopped").await?;
    app.click("machine-start").await?;
    app.machine_is("running").await?;
    answers(&kept).await;

    // What is loaded once the engine is connected again moves the button.
    app.says("disk-images", "B").await?;
    app.click("machine-delete").await?;
    check(&app, "deleting the machine").await?;
    app.fill("machine-delete-name", "machine").await?;
    app.click("machine-delete-confirm").await?;
    app.find("no-engine").await?;
    app.find("machine-start").await?;
    app.close().await
}

/// A start can be cancelled, and leaves nothing running.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_can_be_cancelled() -> Result<()> {
    let app = App::start(AppOptions::default()).await?;
    app.click("nav-engine").await?;
    app.click("machine-start").await?;
    app.click("machine-cancel").await?;
    app.find("machine-start").await?;
    // If it had not created a disk yet, there is none.
    let view = json(app.command()?.args(["machine", "status", "--json"]))?;
    let state = &view["state"]["is"];
    anyhow::ensure!(state == "stopped" || state == "absent", "{view}");
    app.close().await
}

/// An image that differs from the shipped one is refused with a message, and nothing is started.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_image_is_told() -> Result<()> {
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("manifest.json"), "{}")?;
    let app = App::start(AppOptions {
        guest_image: Some(directory.path().to_owned()),
        ..AppOptions::default()
    })
    .await?;
    app.click("nav-engine").await?;
    app.click("machine-start").await?;
    app.machine_is("broken").await?;
    app.says("machine-broken", "Install Slipway again").await?;
    app.close().await
}
