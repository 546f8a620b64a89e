//! The main user journey without a mouse.

use std::time::{Duration, Instant};

use anyhow::Result;
use slipway_e2e::{App, eventually, http};
use slipway_testkit::Engine;
use thirtyfour::Key;

/// Limit of Tab presses to reach an element.
const TABBING: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn browse_run_logs_stop_rename_remove() -> Result<()> {
    let engine = Engine::start()?;
    let app = App::open(&engine.host()).await?;
    app.find("card-nginx").await?;
    app.press("/").await?;
    focused(&app, "browse-search").await;
    app.press("nginx").await?;
    eventually("only matching cards", async || {
        (!app.has("card-jellyfin").await.ok()?).then_some(())
    })
    .await;
    // Down into the cards; Enter shows what has the focus, with Run to go on.
    app.press(Key::Down + "").await?;
    focused(&app, "card-nginx").await;
    app.press(Key::Enter + "").await?;
    focused(&app, "entry-run").await;
    app.press(Key::Escape + "").await?;
    app.gone("entry-details").await?;
    focused(&app, "card-nginx").await;
    app.press(Key::Enter + "").await?;
    focused(&app, "entry-run").await;
    app.press(Key::Enter + "").await?;
    app.find("run-ready").await?;
    let url = app.text_of("run-url").await?;
    assert_eq!(http::get(url.trim())?.0, 200);
    focused(&app, "run-open-url").await;
    app.press(Key::Escape + "").await?;
    app.gone("run-sheet").await?;

    // The palette reaches every screen.
    app.press(Key::Control + "k").await?;
    focused(&app, "palette-input").await;
    app.press("containers").await?;
    app.press(Key::Enter + "").await?;
    app.find("container-row-nginx").await?;
    for (words, wanted) in [("stop nginx", "exited"), ("start nginx", "running")] {
        app.press(Key::Control + "k").await?;
        focused(&app, "palette-input").await;
        app.press(words).await?;
        app.press(Key::Enter + "").await?;
        eventually(words, async || {
            let state = engine.docker_ok(&["inspect", "nginx", "--format", "{{.State.Status}}"]);
            (state.trim() == wanted).then_some(())
        })
        .await;
    }
    app.press(Key::Control + "k").await?;
    focused(&app, "palette-input").await;
    app.press("logs of nginx").await?;
    app.press(Key::Enter + "").await?;
    app.says("log-view", "GET / HTTP").await?;
    // The keys of the list work in the details too, wherever the focus is; Escape leaves a text field first.
    app.click("tab-overview").await?;
    app.find("environment").await?;
    app.press("l").await?;
    app.says("log-view", "GET / HTTP").await?;
    app.press("/").await?;
    focused(&app, "log-search").await;
    app.press(Key::Escape + "").await?;
    app.find("container-detail").await?;
    app.press(Key::Escape + "").await?;
    app.gone("container-detail").await?;
    app.press(Key::Control + "k").await?;
    focused(&app, "palette-input").await;
    app.press("go to containers").await?;
    app.press(Key::Enter + "").await?;
    app.gone("container-detail").await?;
    app.gone("palette").await?;
    tab_to(&app, "container-row-nginx").await?;
    app.press(Key::F2 + "").await?;
    app.fill("rename-input", "typed").await?;
    app.press(Key::Enter + "").await?;
    app.find("container-row-typed").await?;
    tab_to(&app, "container-row-typed").await?;
    app.press(Key::Delete + "").await?;
    app.find("remove-dialog").await?;
    tab_to(&app, "confirm-remove").await?;
    app.press(Key::Enter + "").await?;
    app.gone("container-row-typed").await?;
    assert_eq!(engine.docker_ok(&["ps", "-aq"]), "");
    app.close().await
}

async fn focus(app: &App) -> String {
    app.script(
        "return document.activeElement?.closest('[data-testid]')?.dataset.testid ?? ''",
        vec![],
    )
    .await
    .ok()
    .and_then(|value| value.as_str().map(str::to_owned))
    .unwrap_or_default()
}

async fn focused(app: &App, testid: &str) {
    eventually(&format!("the focus on {testid}"), async || {
        (focus(app).await == testid).then_some(())
    })
    .await;
}

/// Presses Tab until the element has the focus.
async fn tab_to(app: &App, testid: &str) -> Result<()> {
    app.find(testid).await?;
    // A closing dialog restores the focus a moment later, so one round may not be enough.
    let began = Instant::now();
    while began.elapsed() < TABBING {
        if focus(app).await == testid {
            return Ok(());
        }
        app.press(Key::Tab + "").await?;
    }
    panic!(
        "{testid} cannot be reached with Tab; the focus is on {}",
        focus(app).await
    );
}
