//! Plays the main job in the real window and leaves a numbered screenshot of every step, light and dark.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use slipway_e2e::{App, AppOptions, Theme, http, process, target_dir};
use slipway_testkit::{Engine, Fault};
use thirtyfour::Key;

/// The pictures that the documents show.
const IN_DOCUMENTS: &[&str] = &[
    "browse",
    "run-sheet",
    "overview",
    "logs",
    "containers",
    "machine-starting",
    "machine-ports",
];

struct Tour {
    app: App,
    directory: PathBuf,
    step: u32,
}

impl Tour {
    /// Takes the picture of this step, in both themes.
    async fn picture(&mut self, name: &str) -> Result<()> {
        self.step += 1;
        for theme in [Theme::Dark, Theme::Light] {
            self.app.theme(theme).await?;
            let file = format!("{:02}-{name}-{}.png", self.step, theme.word());
            let file = self.directory.join(file);
            self.app.screenshot(&file).await?;
            if IN_DOCUMENTS.contains(&name) {
                let documents =
                    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/screenshots");
                std::fs::create_dir_all(&documents)?;
                std::fs::copy(
                    &file,
                    documents.join(format!("{name}-{}.png", theme.word())),
                )?;
            }
        }
        println!("{:02} {name}", self.step);
        Ok(())
    }
}

#[tokio::main]
#[expect(clippy::too_many_lines, reason = "a tour is one long walk")]
async fn main() -> Result<()> {
    let directory = target_dir().join("tour");
    let _ = std::fs::remove_dir_all(&directory);
    let mut engine = Engine::start()?;
    for sample in [
        "slipway/busybox:latest",
        "slipway/exit1:latest",
        "slipway/oom:latest",
        "slipway/tty:latest",
        "slipway/webapp:latest",
        "redis:8",
    ] {
        engine.load_sample(sample)?;
    }
    let app = App::open(&engine.host()).await?;
    let mut tour = Tour {
        app,
        directory: directory.clone(),
        step: 0,
    };
    tour.app.find("card-nginx").await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    tour.picture("browse").await?;
    tour.app.click("nav-containers").await?;
    tour.app.find("containers-empty").await?;
    tour.picture("no-containers").await?;
    tour.app.click("nav-browse").await?;
    tour.app.fill("browse-search", "nginx").await?;
    tour.picture("search").await?;
    tour.app
        .fill("browse-search", "registry.example:5000/org/app:1")
        .await?;
    tour.app.find("card-reference").await?;
    tour.picture("any-image").await?;
    tour.app.fill("browse-search", "postgres").await?;
    tour.app.click("card-customise-postgres").await?;
    tour.app.find("run-docker-run").await?;
    tour.picture("run-sheet").await?;
    engine.registry().set(Fault::Throttle(2_500_000));
    tour.app.click("run-start").await?;
    tour.app.find("run-pull").await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    tour.picture("pulling").await?;
    engine.registry().set(Fault::Pass);
    tour.app.find("run-ready").await?;
    tour.picture("ready-with-password").await?;
    tour.app.click("run-done").await?;
    tour.app
        .fill("browse-search", "slipway/exit1:latest")
        .await?;
    tour.app.click("card-run-reference").await?;
    tour.app.find("run-failure").await?;
    tour.picture("run-failed").await?;
    tour.app.click("sheet-close").await?;
    tour.app.fill("browse-search", "nginx").await?;
    tour.app.click("card-run-nginx").await?;
    tour.app.find("run-ready").await?;
    tour.picture("ready").await?;
    let url = tour.app.text_of("run-url").await?;
    for path in ["/", "/", "/about", "/images/logo.svg", "/"] {
        http::get(&format!("{}{path}", url.trim()))?;
    }
    populate(&engine);
    tour.app.click("run-show-container").await?;
    tour.app.find("container-stop").await?;
    // The charts fill by a sample a second.
    tokio::time::sleep(Duration::from_secs(20)).await;
    tour.picture("overview").await?;
    tour.app.click("tab-logs").await?;
    tour.app.find("log-row").await?;
    tour.picture("logs").await?;
    tour.app.fill("log-search", "about").await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    tour.picture("logs-search").await?;
    tour.app.click("detail-close").await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    tour.picture("containers").await?;
    tour.app.open_container("colours").await?;
    tour.app.click("tab-logs").await?;
    tour.app.find("log-row").await?;
    tour.picture("logs-colours").await?;
    tour.app.click("container-more").await?;
    tour.app.click("menu-remove").await?;
    tour.app.find("remove-dialog").await?;
    tour.picture("remove").await?;
    tour.app.click("dialog-cancel").await?;
    tour.app.click("nav-images").await?;
    tour.app.find("images-table").await?;
    tour.picture("images").await?;
    tour.app.click("nav-engine").await?;
    tour.app.find("engine-current").await?;
    tour.picture("engine").await?;
    tour.app
        .click("open-palette")
        .await
        .or(tour.app.press(Key::Control + "k").await)?;
    tour.app.find("palette-input").await?;
    tour.picture("palette").await?;
    tour.app.press(Key::Escape + "").await?;
    sizes(&mut tour).await?;
    tour.app.click("nav-containers").await?;
    engine.stop_signal()?;
    tour.app.find("engine-banner").await?;
    tour.picture("engine-not-responding").await?;
    engine.cont_signal()?;
    tour.app.gone("engine-banner").await?;
    engine.kill9()?;
    tour.app.find("engine-banner").await?;
    tour.picture("engine-gone").await?;
    tour.app.close().await?;
    let app = App::open("unix:///run/no-engine/docker.sock").await?;
    let mut tour = Tour { app, ..tour };
    tour.app.click("nav-engine").await?;
    tour.app.find("no-engine").await?;
    tour.picture("no-engine").await?;
    tour.app.click("nav-containers").await?;
    tour.app.find("containers-no-engine").await?;
    tour.picture("containers-no-engine").await?;
    tour.app.close().await?;
    let app = App::start(AppOptions::default()).await?;
    let mut tour = Tour { app, ..tour };
    machine(&mut tour).await?;
    tour.app.close().await?;
    let damaged = tempfile::tempdir()?;
    std::fs::write(damaged.path().join("manifest.json"), "{}")?;
    let app = App::start(AppOptions {
        guest_image: Some(damaged.path().to_owned()),
        ..AppOptions::default()
    })
    .await?;
    let mut tour = Tour { app, ..tour };
    tour.app.click("nav-engine").await?;
    tour.app.click("machine-start").await?;
    tour.app.machine_is("broken").await?;
    tour.picture("machine-broken").await?;
    tour.app.close().await?;
    println!("The screenshots are in {}", directory.display());
    Ok(())
}

/// Sizes of the window in pixels, and how often Ctrl and + are pressed: three times is 150 %.
const SIZES: &[(&str, u32, u32, u32)] = &[
    ("1440x900", 1440, 900, 0),
    ("900x600", 900, 600, 0),
    ("720x500", 720, 500, 0),
    ("1240x780-at-150", 1240, 780, 3),
];

/// Every screen in windows of several sizes, and enlarged.
async fn sizes(tour: &mut Tour) -> Result<()> {
    for (size, width, height, steps) in SIZES {
        tour.app.resize(*width, *height).await?;
        for _ in 0..*steps {
            tour.app.press(Key::Control + "=").await?;
        }
        tour.app.tap("nav-browse").await?;
        tour.app.fill("browse-search", "").await?;
        tour.app.find("card-nginx").await?;
        tour.picture(&format!("{size}-browse")).await?;
        tour.app.fill("browse-search", "postgres").await?;
        tour.app.tap("card-customise-postgres").await?;
        tour.app.find("run-docker-run").await?;
        tour.picture(&format!("{size}-run-sheet")).await?;
        tour.app.tap("sheet-close").await?;
        tour.app.gone("run-sheet").await?;
        tour.app.tap("nav-containers").await?;
        tour.app.find("container-row-nginx").await?;
        tour.picture(&format!("{size}-containers")).await?;
        tour.app.open_container("nginx").await?;
        tour.app.find("container-detail").await?;
        tour.app.tap("tab-overview").await?;
        tour.picture(&format!("{size}-overview")).await?;
        tour.app.tap("tab-logs").await?;
        tour.app.find("log-row").await?;
        tour.picture(&format!("{size}-logs")).await?;
        tour.app.tap("detail-close").await?;
        tour.app.tap("nav-images").await?;
        tour.app.find("images-table").await?;
        tour.picture(&format!("{size}-images")).await?;
        tour.app.tap("nav-engine").await?;
        tour.app.find("engine-current").await?;
        tour.picture(&format!("{size}-engine")).await?;
        tour.app.tap("nav-settings").await?;
        tour.picture(&format!("{size}-settings")).await?;
        tour.app.press(Key::Control + "0").await?;
    }
    tour.app.resize(1240, 780).await
}

/// The machine in each of its states, on a computer without an engine.
async fn machine(tour: &mut Tour) -> Result<()> {
    tour.app.find("card-run-welcome").await?;
    tour.app.click("card-run-welcome").await?;
    tour.app.find("run-needs-engine").await?;
    tour.picture("machine-offered-to-run").await?;
    tour.app.click("sheet-close").await?;
    tour.app.click("nav-engine").await?;
    tour.app.find("machine-start").await?;
    tour.picture("machine-offered").await?;
    tour.app.click("machine-start").await?;
    tour.app.machine_is("preparing").await?;
    tour.picture("machine-preparing").await?;
    tour.app.machine_is("starting").await?;
    tour.picture("machine-starting").await?;
    tour.app.machine_is("running").await?;
    tour.app.find("disk-images").await?;
    tour.picture("machine").await?;
    tour.app.click("nav-browse").await?;
    tour.app.click("card-run-welcome").await?;
    tour.app.find("run-ready").await?;
    tour.picture("machine-welcome").await?;
    let url = tour.app.text_of("run-url").await?;
    let (status, _) = http::get(url.trim())?;
    ensure!(status == 200, "the welcome page answers {status}");
    tour.app.click("run-done").await?;
    tour.app.click("nav-engine").await?;
    tour.app.find("machine-ports").await?;
    tour.picture("machine-ports").await?;
    tour.app.click("machine-settings").await?;
    tour.app.find("machine-settings-dialog").await?;
    tour.picture("machine-settings").await?;
    tour.app.click("dialog-cancel").await?;
    tour.app.gone("machine-settings-dialog").await?;
    tour.app.click("machine-delete").await?;
    tour.app.find("machine-delete-dialog").await?;
    tour.picture("machine-delete").await?;
    tour.app.click("dialog-cancel").await?;
    tour.app.gone("machine-delete-dialog").await?;
    let slipwayd = tour.app.slipwayd().context("it owns the machine")?;
    let qemu = process::tree(slipwayd)
        .into_iter()
        .find(|pid| process::name(*pid).starts_with("qemu"))
        .context("it runs the machine")?;
    slipway_testkit::signal(qemu, "STOP")?;
    tour.app.machine_is("unresponsive").await?;
    tour.picture("machine-unresponsive").await?;
    slipway_testkit::signal(qemu, "CONT")?;
    tour.app.machine_is("running").await?;
    tour.app.click("machine-stop").await?;
    tour.app.find("machine-stop-dialog").await?;
    tour.picture("machine-stop").await?;
    tour.app.click("machine-stop-confirm").await?;
    tour.app.machine_is("stopping").await?;
    tour.picture("machine-stopping").await?;
    tour.app.machine_is("stopped").await?;
    tour.picture("machine-stopped").await
}

/// Containers in many states, as a desk has them after some weeks.
fn populate(engine: &Engine) {
    engine.docker_ok(&[
        "run",
        "-d",
        "--name",
        "cache",
        "-p",
        &format!("127.0.0.1:{}:6379", slipway_testkit::free_port()),
        "redis:8",
    ]);
    engine.docker_ok(&["run", "-d", "-t", "--name", "colours", "slipway/tty"]);
    engine.docker_ok(&[
        "run",
        "-d",
        "--name",
        "etl",
        "--memory",
        "16m",
        "slipway/oom",
    ]);
    engine.docker(&["run", "-d", "--name", "old-job", "slipway/exit1"]);
    engine.docker_ok(&["create", "--name", "prepared", "slipway/busybox"]);
    for (service, command) in [
        ("db", "sleep 9000"),
        ("api", "sleep 9000"),
        ("worker", "yes > /dev/null"),
    ] {
        engine.docker_ok(&[
            "run",
            "-d",
            "--name",
            &format!("shop-{service}-1"),
            "--cpus",
            "0.2",
            "--label",
            "com.docker.compose.project=shop",
            "--label",
            &format!("com.docker.compose.service={service}"),
            "slipway/busybox",
            "sh",
            "-c",
            command,
        ]);
    }
}
