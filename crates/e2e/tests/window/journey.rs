//! The main user journey: browse, run, open, read the log, stop, start, rename, remove; and changes by the `docker`
//! command at the same time.

use std::time::Duration;

use anyhow::{Context as _, Result};
use slipway_e2e::{App, eventually, eventually_within, http};
use slipway_testkit::{Engine, Stopwatch};

#[tokio::test(flavor = "multi_thread")]
async fn from_browse_to_an_open_page_and_away_again() -> Result<()> {
    let engine = Engine::start()?;
    let app = App::open(&engine.host()).await?;
    app.fill("browse-search", "nginx").await?;
    app.click("card-run-nginx").await?;
    app.find("run-ready").await?;
    let url = app.text_of("run-url").await?;
    assert!(url.contains("http://127.0.0.1:"), "{url}");
    let url = url.trim().to_owned();
    let (status, body) = http::get(&url)?;
    assert_eq!(status, 200);
    assert!(body.contains("Welcome to nginx!"), "{body}");

    app.click("run-show-logs").await?;
    app.find("log-view").await?;
    http::get(&format!("{url}/from-the-test"))?;
    app.says("log-view", "GET /from-the-test").await?;

    app.click("tab-overview").await?;
    app.find("port-url-80").await?;
    app.click("container-stop").await?;
    app.find("container-start").await?;
    assert_eq!(state(&engine, "nginx"), "exited");
    app.click("container-start").await?;
    app.find("container-stop").await?;
    assert_eq!(state(&engine, "nginx"), "running");

    app.click("container-rename").await?;
    app.fill("rename-input", "front").await?;
    app.press(thirtyfour::Key::Enter + "").await?;
    app.says("detail-name", "front").await?;
    assert_eq!(state(&engine, "front"), "running");

    app.click("container-more").await?;
    app.click("menu-remove").await?;
    app.says("remove-dialog", "front").await?;
    app.click("confirm-remove").await?;
    app.gone("container-row-front").await?;
    assert_eq!(engine.docker_ok(&["ps", "-aq"]), "");
    app.find("containers-empty").await?;
    app.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_docker_does_shows_within_a_second() -> Result<()> {
    let engine = Engine::start()?;
    engine.load_sample("slipway/busybox:latest")?;
    let app = App::open(&engine.host()).await?;
    app.click("nav-containers").await?;
    app.find("containers-empty").await?;

    let seen = async |what: &str, testid: &str, there: bool| -> Result<()> {
        let began = Stopwatch::start();
        eventually_within(Duration::from_secs(5), what, async || {
            (app.has(testid).await.ok()? == there).then_some(())
        })
        .await;
        began.within(Duration::from_secs(1), what);
        Ok(())
    };
    engine.docker_ok(&[
        "run",
        "-d",
        "--name",
        "behind",
        "slipway/busybox",
        "sleep",
        "600",
    ]);
    seen("a new container", "container-row-behind", true).await?;
    engine.docker_ok(&["rename", "behind", "renamed"]);
    seen("a new name", "container-row-renamed", true).await?;
    engine.docker_ok(&["kill", "renamed"]);
    let began = Stopwatch::start();
    app.says("container-row-renamed", "killed").await?;
    began.within(Duration::from_secs(1), "a death");
    engine.docker_ok(&["rm", "renamed"]);
    seen("a removal", "container-row-renamed", false).await?;
    app.close().await
}

/// A container that ran out of memory says so, with its limit.
#[tokio::test(flavor = "multi_thread")]
async fn out_of_memory_is_named() -> Result<()> {
    let engine = Engine::start()?;
    engine.load_sample("slipway/oom:latest")?;
    let app = App::open(&engine.host()).await?;
    app.click("nav-containers").await?;
    engine.docker_ok(&[
        "run",
        "-d",
        "--name",
        "hungry",
        "--memory",
        "16m",
        "slipway/oom",
    ]);
    app.says("container-row-hungry", "out of memory (limit 16 MB)")
        .await?;
    app.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_runs_with_a_generated_password_and_keeps_its_data() -> Result<()> {
    let engine = Engine::start()?;
    let app = App::open(&engine.host()).await?;
    app.fill("browse-search", "postgres").await?;
    app.click("card-run-postgres").await?;
    app.find("run-ready").await?;
    let env = engine.docker_ok(&[
        "inspect",
        "postgres",
        "--format",
        "{{range .Config.Env}}{{println .}}{{end}}",
    ]);
    let password = env
        .lines()
        .find_map(|line| line.strip_prefix("POSTGRES_PASSWORD="))
        .context("a password was generated")?;
    assert!(password.len() >= 16, "{password}");
    assert!(
        !app.text().await?.contains(password),
        "the password is on the screen without being asked for"
    );
    let mounts = engine.docker_ok(&[
        "inspect",
        "postgres",
        "--format",
        "{{range .Mounts}}{{.Name}} {{end}}",
    ]);
    assert!(mounts.contains("postgres-data"), "{mounts}");
    app.close().await
}

/// Two clicks on Run create two containers with different names and ports.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_one_gets_another_name_and_port() -> Result<()> {
    let engine = Engine::start()?;
    let app = App::open(&engine.host()).await?;
    let mut urls = Vec::new();
    for name in ["nginx", "nginx-2"] {
        app.fill("browse-search", "nginx").await?;
        app.click("card-run-nginx").await?;
        app.find("run-ready").await?;
        urls.push(app.text_of("run-url").await?);
        app.click("run-done").await?;
        app.gone("run-sheet").await?;
        assert_eq!(state(&engine, name), "running");
    }
    assert_ne!(urls[0], urls[1]);
    for url in urls {
        assert_eq!(http::get(url.trim())?.0, 200);
    }
    app.close().await
}

/// The selection survives closing the window; the engine is found again.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_shows_the_same_truth() -> Result<()> {
    let engine = Engine::start()?;
    engine.load_sample("slipway/busybox:latest")?;
    engine.docker_ok(&[
        "run",
        "-d",
        "--name",
        "steady",
        "slipway/busybox",
        "sleep",
        "600",
    ]);
    let app = App::open(&engine.host()).await?;
    app.click("nav-containers").await?;
    app.find("container-row-steady").await?;
    app.driver().refresh().await?;
    app.find("container-row-steady").await?;
    // The new page receives changes too.
    engine.docker_ok(&["rm", "-f", "steady"]);
    app.gone("container-row-steady").await?;
    app.close().await
}

fn state(engine: &Engine, name: &str) -> String {
    engine
        .docker_ok(&["inspect", name, "--format", "{{.State.Status}}"])
        .trim()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_listed_with_their_users_and_removed() -> Result<()> {
    let engine = Engine::start()?;
    engine.load_sample("slipway/busybox:latest")?;
    engine.load_sample("slipway/exit1:latest")?;
    engine.docker_ok(&["create", "--name", "user", "slipway/busybox"]);
    let app = App::open(&engine.host()).await?;
    app.click("nav-images").await?;
    app.says("images-table", "slipway/busybox").await?;
    app.says("images-table", "user").await?;
    engine.docker_ok(&["rmi", "slipway/exit1"]);
    eventually("the removed image goes", async || {
        let text = app.text_of("images-table").await.ok()?;
        (!text.contains("slipway/exit1")).then_some(())
    })
    .await;

    // Each reference has a row, and its details name them all.
    engine.docker_ok(&["tag", "slipway/busybox", "other.example/box:2"]);
    app.says("images-table", "other.example/box:2").await?;
    app.says("images-table", "same image as").await?;
    app.click("image-row").await?;
    app.says("image-references", "other.example/box:2").await?;
    app.says("image-references", "slipway/busybox:latest")
        .await?;
    app.says("image-users", "user").await?;
    app.click("sheet-close").await?;
    app.gone("image-sheet").await?;

    // A container's image is kept.
    engine.load_sample("slipway/flood:latest")?;
    app.says("images-table", "slipway/flood").await?;
    app.click("images-remove-unused").await?;
    app.says("remove-unused-image", "slipway/flood").await?;
    app.click("remove-unused-start").await?;
    app.says("remove-unused-result", "1 image removed").await?;
    app.click("remove-unused-close").await?;
    app.gone("remove-unused").await?;
    let left = engine.docker_ok(&["images", "--format", "{{.Repository}}"]);
    assert!(!left.contains("flood"), "{left}");
    assert!(left.contains("slipway/busybox"), "{left}");
    app.close().await
}
