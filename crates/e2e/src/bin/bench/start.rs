//! From the start of the program to the list on the screen.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use slipway_e2e::{App, AppOptions, blank_window, slipway_desktop};
use slipway_testkit::Engine;
use tempfile::TempDir;

use crate::bare_window::{BareWindow, Start};
use crate::command::in_turn;
use crate::report::{Figure, Goal, Outcome, Series, Unit};
use crate::screen::{Part, Screen};

const ROUNDS: usize = 7;
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// A home directory in which Slipway was left on Containers.
pub(crate) struct LeftOnContainers {
    pub(crate) home: TempDir,
    /// Where the table is in the window.
    pub(crate) table: Part,
    /// What the page says of its own start, in milliseconds since it began to load.
    page: Value,
}

/// Uses Slipway once, so that it opens on the list of containers from then on.
pub(crate) async fn leave_on_containers(engine: &Engine) -> Result<LeftOnContainers> {
    let home = tempfile::tempdir()?;
    let app = open(engine, home.path()).await?;
    app.click("nav-containers").await?;
    app.find_css("[data-testid^=\"container-row-\"]").await?;
    // The web view writes what the page remembers to the disk a moment later.
    tokio::time::sleep(Duration::from_secs(2)).await;
    app.close().await?;

    let app = open(engine, home.path()).await?;
    let screen = ready_screen(&app).await?;
    ensure!(
        screen == "containers",
        "Slipway was left on Containers and opens on {screen}"
    );
    app.find_css("[data-testid^=\"container-row-\"]").await?;
    let seen = app
        .script(
            "const box = document.querySelector('[data-testid=containers-table]').getBoundingClientRect();
             const round = (it) => Math.round(it);
             const mark = performance.getEntriesByName('slipway-ready')[0];
             const load = performance.getEntriesByType('navigation')[0];
             return { x: round(box.x), y: round(box.y), width: round(box.width), height: round(box.height),
                      page: { ready_mark: mark ? round(mark.startTime) : null,
                              load_event: load ? round(load.loadEventEnd) : null } };",
            vec![],
        )
        .await?;
    let number = |name: &str| -> Result<usize> {
        let number = seen[name].as_u64().context("the table has no place")?;
        Ok(usize::try_from(number)?)
    };
    let left = LeftOnContainers {
        table: Part {
            x: number("x")?,
            y: number("y")?,
            width: number("width")?,
            height: number("height")?,
        },
        page: seen["page"].clone(),
        home,
    };
    app.close().await?;
    Ok(left)
}

async fn open(engine: &Engine, home: &Path) -> Result<App> {
    App::start(AppOptions {
        docker_host: Some(engine.host()),
        home: Some(home.to_owned()),
        ..AppOptions::default()
    })
    .await
}

async fn ready_screen(app: &App) -> Result<String> {
    let started = Instant::now();
    loop {
        let ready = app
            .script(
                "return document.documentElement.dataset.ready ?? ''",
                vec![],
            )
            .await?;
        match ready.as_str() {
            Some(screen) if !screen.is_empty() => return Ok(screen.to_owned()),
            _ if started.elapsed() > PATIENCE => bail!("no screen became ready"),
            _ => tokio::time::sleep(POLL).await,
        }
    }
}

struct Contender<'a> {
    start: Start<'a>,
    part: Option<Part>,
    series: Series,
}

impl Contender<'_> {
    /// A display and a window of its own, gone afterwards.
    fn run(&self) -> Result<f64> {
        let screen = Screen::start()?;
        let window = (self.start)(&screen)?;
        let drawn = screen.wait_until_drawn(self.part)?;
        let took = drawn.duration_since(window.started);
        Ok(took.as_secs_f64() * 1_000.0)
    }
}

/// Slipway with a thousand containers against a blank window.
pub(crate) async fn measure(engine: &Engine) -> Result<Outcome> {
    let left = leave_on_containers(engine).await?;
    let blank_home = tempfile::tempdir()?;
    let host = engine.host();
    let mut slipway = Contender {
        start: Box::new(|screen| {
            BareWindow::start(
                &slipway_desktop(),
                &screen.display,
                left.home.path(),
                Some(&host),
            )
        }),
        part: Some(left.table),
        series: Series::new("slipway"),
    };
    let mut blank = Contender {
        start: Box::new(|screen| {
            BareWindow::start(&blank_window(), &screen.display, blank_home.path(), None)
        }),
        part: None,
        series: Series::new("blank window"),
    };
    // Ages below a minute are counted in seconds, so the list would not come to rest.
    tokio::time::sleep(Duration::from_mins(1)).await;
    // What comes from the disk, and what the web view makes once in a home directory.
    slipway.run()?;
    blank.run()?;
    in_turn(ROUNDS, &mut [&mut slipway, &mut blank], |contender| {
        let took = contender.run()?;
        contender.series.push(took);
        Ok(())
    })?;
    Ok(Outcome {
        name: "start",
        method: "Nothing drives the window: the picture of its display is read from the X server's memory every 4 ms. \
                 The clock runs from the spawn of the process until the rows of the table are painted (for the blank \
                 window: until its page is). Slipway was left on Containers before.".into(),
        figures: vec![Figure::ratio(
            "start to the list of 1,000 containers on the screen",
            Unit::Milliseconds,
            slipway.series,
            blank.series,
            Some(Goal::AtMost(2.0)),
        )],
        notes: json!({
            "page_ms_driven": left.page,
            "rounds": ROUNDS,
        }),
    })
}
