//! Engine failures: killed, frozen, missing, forbidden, invalid answers, truncated answers. Each has its own message,
//! and the window stays usable.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use slipway_e2e::{App, AppOptions, eventually_within};
use slipway_testkit::{Engine, Fault, FaultProxy, Stopwatch};

const RESTARTS: usize = 20;

/// After each restart of the engine, the list is correct within two seconds of the first answer.
#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_right_soon_after_each_of_twenty_crashes() -> Result<()> {
    let mut engine = Engine::start()?;
    engine.load_sample("slipway/busybox:latest")?;
    let app = App::open(&engine.host()).await?;
    app.click("nav-containers").await?;
    for round in 0..RESTARTS {
        let name = format!("round-{round}");
        engine.docker_ok(&["create", "--name", &name, "slipway/busybox"]);
        app.find(&format!("container-row-{name}")).await?;
        engine.kill9()?;
        app.find("engine-banner").await?;
        // Changed while no event could reach the window, so it has to find out by itself.
        engine.start_again()?;
        let answered = Stopwatch::start();
        engine.docker_ok(&["rm", &name]);
        let new = format!("after-{round}");
        engine.docker_ok(&["create", "--name", &new, "slipway/busybox"]);
        eventually_within(
            Duration::from_secs(10),
            "the list after a crash",
            async || {
                let gone = !app.has(&format!("container-row-{name}")).await.ok()?;
                let there = app.has(&format!("container-row-{new}")).await.ok()?;
                let banner = app.has("engine-banner").await.ok()?;
                (gone && there && !banner).then_some(())
            },
        )
        .await;
        answered.within(Duration::from_secs(2), &format!("round {round}"));
        engine.docker_ok(&["rm", &new]);
    }
    app.close().await
}

/// A frozen engine is reported within five seconds; the window stays usable, an operation can be cancelled, and
/// everything recovers when it thaws.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_engine_is_named_and_the_window_goes_on() -> Result<()> {
    let engine = Engine::start()?;
    engine.load_sample("slipway/busybox:latest")?;
    engine.docker_ok(&["create", "--name", "still-here", "slipway/busybox"]);
    let app = App::open(&engine.host()).await?;
    app.click("nav-containers").await?;
    app.find("container-row-still-here").await?;
    engine.stop_signal()?;
    let frozen = Stopwatch::start();
    app.says("engine-banner", "is not responding").await?;
    frozen.within(Duration::from_secs(5), "naming a frozen engine");
    // The last known state stays, and the rest of the window works.
    app.find("container-row-still-here").await?;
    let clicked = Stopwatch::start();
    app.click("nav-browse").await?;
    app.fill("browse-search", "redis").await?;
    app.find("card-redis").await?;
    clicked.within(Duration::from_secs(3), "looking for an image meanwhile");
    engine.cont_signal()?;
    app.gone("engine-banner").await?;
    app.close().await
}

/// A run that waits for a frozen engine can be cancelled, and leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_on_a_freezing_engine_can_be_cancelled() -> Result<()> {
    let engine = Engine::start()?;
    let app = App::open(&engine.host()).await?;
    // Slow enough to freeze the engine in the middle of the pull.
    engine.registry().set(Fault::Throttle(400_000));
    app.fill("browse-search", "nginx").await?;
    app.click("card-run-nginx").await?;
    app.find("run-pull").await?;
    engine.stop_signal()?;
    let cancelled = Stopwatch::start();
    app.click("run-cancel").await?;
    app.find("run-cancelled").await?;
    cancelled.within(Duration::from_secs(6), "cancelling");
    engine.cont_signal()?;
    engine.registry().set(Fault::Pass);
    assert_eq!(engine.docker_ok(&["ps", "-aq"]), "");
    app.close().await
}

/// Without an engine, the window lists what was tried and why it failed, allows browsing, and notices when an engine
/// appears.
#[tokio::test(flavor = "multi_thread")]
async fn without_an_engine_the_window_says_so_and_recovers() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let socket = directory.path().join("docker.sock");
    let host = format!("unix://{}", socket.display());
    let app = App::open(&host).await?;
    app.fill("browse-search", "redis").await?;
    app.find("card-redis").await?;
    app.click("nav-containers").await?;
    app.find("containers-no-engine").await?;
    app.click("nav-engine").await?;
    let text = app.says("no-engine", "docker.sock").await?;
    assert!(
        !text.contains("os error") && !text.contains("panicked"),
        "{text}"
    );
    let engine = Engine::start()?;
    std::os::unix::fs::symlink(engine.socket(), &socket)?;
    app.gone("no-engine").await?;
    app.says("engine-current", "docker.sock").await?;
    app.close().await
}

/// A socket without permission is distinguished from a missing one.
#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_socket_is_told_apart() -> Result<()> {
    let engine = Engine::start()?;
    let home = tempfile::tempdir()?;
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o777))?;
    std::fs::set_permissions(engine.socket(), std::fs::Permissions::from_mode(0o600))?;
    // Root may open everything, so another user runs this.
    let nobody = |arguments: &[&str]| {
        Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
            .arg(reachable(&slipway_e2e::slipway(), home.path())?)
            .args(arguments)
            .env("HOME", home.path())
            .env("DOCKER_HOST", engine.host())
            .output()
            .map_err(anyhow::Error::from)
    };
    let output = nobody(&["ps"])?;
    let errors = String::from_utf8_lossy(&output.stderr);
    // The parent directory may be closed to others as well: either way it is a permission problem.
    assert_eq!(output.status.code(), Some(3), "{errors}");
    assert!(
        errors.contains("permission") || errors.contains("Permission"),
        "{errors}"
    );
    assert!(errors.contains("hint: "), "{errors}");
    Ok(())
}

/// A copy of a program in a place where everybody may run it: build directories are often private.
fn reachable(program: &std::path::Path, directory: &std::path::Path) -> Result<std::path::PathBuf> {
    let copy = directory.join("slipway");
    if !copy.exists() {
        std::fs::copy(program, &copy)?;
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(copy)
}

/// Invalid answers of both kinds lead to a readable message instead of a dump.
#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_called_that() -> Result<()> {
    let engine = Engine::start()?;
    let proxy = FaultProxy::in_front_of(&engine)?;
    for fault in [Fault::Garbage, Fault::HttpGarbage] {
        proxy.set(fault);
        let app = App::open(&proxy.host()).await?;
        app.click("nav-engine").await?;
        let text = app.says("no-engine", "not a container engine").await?;
        assert!(!text.contains("expected value"), "{text}");
        proxy.set(Fault::Pass);
        app.gone("no-engine").await?;
        app.close().await?;
    }
    Ok(())
}

/// Truncated answers are noticed, and the window recovers afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_stream_is_noticed() -> Result<()> {
    let engine = Engine::start()?;
    engine.load_sample("slipway/busybox:latest")?;
    let proxy = FaultProxy::in_front_of(&engine)?;
    let app = App::start(AppOptions {
        docker_host: Some(proxy.host()),
        ..AppOptions::default()
    })
    .await?;
    app.click("nav-containers").await?;
    app.find("containers-empty").await?;
    proxy.set(Fault::StallAfter(0));
    app.says("engine-banner", "is not responding").await?;
    proxy.set(Fault::Pass);
    app.gone("engine-banner").await?;
    engine.docker_ok(&["create", "--name", "afterwards", "slipway/busybox"]);
    app.find("container-row-afterwards").await?;
    app.close().await
}
