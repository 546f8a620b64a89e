//! What it costs while nothing happens, and while little does.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use slipway_e2e::{App, blank_window, process};
use slipway_testkit::{Engine, FaultProxy, Request};

use crate::bare_window::BareWindow;
use crate::population;
use crate::report::{Figure, Goal, Outcome, Series, Unit};
use crate::screen::Screen;
use crate::x11::Windows;

const IDLE: Duration = Duration::from_mins(1);
const WATCHED: Duration = Duration::from_secs(20);
/// Container events, one after the other and far enough apart that each is answered by itself.
const EVENTS: usize = 20;
const APART: Duration = Duration::from_millis(400);
/// How long the window is left alone after it was hidden or shown.
const LULL: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(15);

/// What was counted.
struct Seen {
    /// Calls and processor time with the window hidden and nothing happening.
    idle: Vec<Request>,
    cpu: Duration,
    blank_cpu: Duration,
    open_connections: usize,
    /// Calls for [`EVENTS`] events.
    events_hidden: Vec<Request>,
    events_shown: Vec<Request>,
    /// Calls and processor time of [`WATCHED`] with the window shown and nothing happening.
    watched: Vec<Request>,
    watched_cpu: Duration,
}

/// Counts engine calls and processor time with the window hidden and shown.
pub(crate) async fn measure(engine: &Engine) -> Result<Outcome> {
    let seen = observe(engine).await?;
    let of = |what: &str, value: f64| Series::of(what, vec![value]);
    let per_minute = 60.0 / WATCHED.as_secs_f64();
    let without_heartbeat = seen
        .events_shown
        .iter()
        .filter(|request| !request.path.ends_with("/_ping"))
        .count();
    let words = |requests: &[Request]| -> Vec<String> {
        requests.iter().map(ToString::to_string).take(40).collect()
    };
    Ok(Outcome {
        name: "idle",
        method: "Slipway talks to the engine through a proxy that counts requests. The window is hidden as a window \
                 manager minimises it (unmapped; the page confirms that it is hidden). Events are made with `docker \
                 pause` and `unpause`, 0.4 s apart, past the proxy. Processor time is that of the window's process \
                 and of its web view, from /proc.".into(),
        figures: vec![
            Figure::number(
                "engine calls in 60 s, idle and hidden",
                Unit::Calls,
                of("calls", count(seen.idle.len())),
                Some(Goal::AtMost(0.0)),
            ),
            Figure::number(
                "engine calls per container event, hidden",
                Unit::Calls,
                of("calls", count(seen.events_hidden.len()) / count(EVENTS)),
                Some(Goal::AtMost(2.0)),
            ),
            Figure::number(
                "engine calls per container event, on Containers, heartbeat apart",
                Unit::Calls,
                of("calls", count(without_heartbeat) / count(EVENTS)),
                Some(Goal::AtMost(2.0)),
            ),
            Figure::number(
                "engine calls in 60 s, idle and on Containers (heartbeat)",
                Unit::Calls,
                of("calls", count(seen.watched.len()) * per_minute),
                None,
            ),
            Figure::difference(
                "processor time in 60 s, idle and hidden",
                Unit::Milliseconds,
                of("slipway", milliseconds(seen.cpu)),
                of("blank window", milliseconds(seen.blank_cpu)),
                None,
            ),
            Figure::number(
                "processor time in 60 s, idle and on Containers",
                Unit::Milliseconds,
                of("slipway", milliseconds(seen.watched_cpu) * per_minute),
                None,
            ),
        ],
        notes: json!({
            "open_connections_while_idle": seen.open_connections,
            "events": EVENTS,
            "idle_calls": words(&seen.idle),
            "calls_for_events_hidden": words(&seen.events_hidden),
            "calls_for_events_shown": words(&seen.events_shown),
        }),
    })
}

async fn observe(engine: &Engine) -> Result<Seen> {
    let proxy = FaultProxy::in_front_of(engine)?;
    let app = App::open(&proxy.host()).await?;
    app.click("nav-containers").await?;
    app.find_css("[data-testid^=\"container-row-\"]").await?;
    let windows = Windows::of(app.display())?;
    let window = windows.toplevel()?.context("no window is shown")?;

    let blank_home = tempfile::tempdir()?;
    let blank_screen = Screen::start()?;
    let blank = BareWindow::start(
        &blank_window(),
        &blank_screen.display,
        blank_home.path(),
        None,
    )?;
    blank_screen.wait_until_drawn(None)?;
    let blank_windows = Windows::of(&blank_screen.display)?;
    let blank_toplevel = blank_windows
        .toplevel()?
        .context("no blank window is shown")?;

    windows.hide(window)?;
    blank_windows.hide(blank_toplevel)?;
    until_visibility(&app, "hidden").await?;
    // What was under way when it was hidden comes to its end.
    tokio::time::sleep(LULL).await;
    let (ours, theirs) = (app.processes(), blank.processes());
    let before = (process::cpu_time(&ours), process::cpu_time(&theirs));
    proxy.clear();
    tokio::time::sleep(IDLE).await;
    let idle = proxy.requests();
    let cpu = process::cpu_time(&ours).saturating_sub(before.0);
    let blank_cpu = process::cpu_time(&theirs).saturating_sub(before.1);
    let open_connections = proxy.connections();
    ensure!(
        visibility(&app).await? == "hidden",
        "the window showed itself while it was to be idle"
    );
    drop(blank);

    proxy.clear();
    act(engine).await?;
    let events_hidden = proxy.requests();

    windows.show(window)?;
    until_visibility(&app, "visible").await?;
    tokio::time::sleep(LULL).await;
    proxy.clear();
    act(engine).await?;
    let events_shown = proxy.requests();
    proxy.clear();
    let before = process::cpu_time(&ours);
    tokio::time::sleep(WATCHED).await;
    let watched = proxy.requests();
    let watched_cpu = process::cpu_time(&ours).saturating_sub(before);
    app.close().await?;
    Ok(Seen {
        idle,
        cpu,
        blank_cpu,
        open_connections,
        events_hidden,
        events_shown,
        watched,
        watched_cpu,
    })
}

/// Events of one container, past the proxy.
async fn act(engine: &Engine) -> Result<()> {
    let name = population::name(0);
    for number in 0..EVENTS {
        let action = if number % 2 == 0 { "pause" } else { "unpause" };
        let engine = engine.docker_command();
        let mut command = tokio::process::Command::from(engine);
        let status = command
            .args([action, &name])
            .stdout(std::process::Stdio::null())
            .status()
            .await?;
        ensure!(status.success(), "docker {action} ended with {status}");
        tokio::time::sleep(APART).await;
    }
    Ok(())
}

async fn visibility(app: &App) -> Result<String> {
    let state = app
        .script("return document.visibilityState", vec![])
        .await?;
    Ok(state.as_str().unwrap_or_default().to_owned())
}

async fn until_visibility(app: &App, wanted: &str) -> Result<()> {
    let started = Instant::now();
    while visibility(app).await? != wanted {
        ensure!(started.elapsed() < PATIENCE, "the page is not {wanted}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a few calls")]
fn count(number: usize) -> f64 {
    number as f64
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
