//! What a window that is left alone holds in memory.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use slipway_e2e::{blank_window, process, slipway_desktop};
use slipway_testkit::Engine;

use crate::bare_window::{BareWindow, Start};
use crate::command::in_turn;
use crate::report::{Figure, Goal, Outcome, Series, Unit};
use crate::screen::Screen;
use crate::start::leave_on_containers;

const ROUNDS: usize = 3;
/// So long after the picture came to rest it is measured.
const SETTLE: Duration = Duration::from_secs(6);

struct Contender<'a> {
    start: Start<'a>,
    series: Series,
    /// By process, of the last run.
    parts: Vec<(String, f64)>,
}

impl Contender<'_> {
    fn run(&mut self) -> Result<()> {
        let screen = Screen::start()?;
        let window = (self.start)(&screen)?;
        screen.wait_until_drawn(None)?;
        std::thread::sleep(SETTLE);
        self.parts = window
            .processes()
            .into_iter()
            .map(|pid| (process::name(pid), megabytes(process::pss(&[pid]))))
            .collect();
        self.series
            .push(self.parts.iter().map(|(_, part)| part).sum());
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 bytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Slipway on Containers and on Browse against a blank window.
pub(crate) async fn measure(engine: &Engine) -> Result<Outcome> {
    let left = leave_on_containers(engine).await?;
    let (browse_home, blank_home) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let host = engine.host();
    let slipway = |screen: &Screen, home: &tempfile::TempDir| {
        BareWindow::start(
            &slipway_desktop(),
            &screen.display,
            home.path(),
            Some(&host),
        )
    };
    let contender = |what: &str, start| Contender {
        start,
        series: Series::new(what),
        parts: Vec::new(),
    };
    let mut contenders = [
        contender(
            "slipway",
            Box::new(|screen: &Screen| slipway(screen, &left.home)) as Start,
        ),
        contender(
            "slipway",
            Box::new(|screen: &Screen| slipway(screen, &browse_home)),
        ),
        contender(
            "blank window",
            Box::new(|screen: &Screen| {
                BareWindow::start(&blank_window(), &screen.display, blank_home.path(), None)
            }),
        ),
    ];
    let [containers, browse, blank] = &mut contenders;
    in_turn(ROUNDS, &mut [containers, browse, blank], Contender::run)?;
    let parts: serde_json::Map<_, _> = ["containers", "browse", "blank"]
        .into_iter()
        .zip(&contenders)
        .map(|(name, contender)| (name.to_owned(), json!(contender.parts)))
        .collect();
    let [containers, browse, blank] = contenders.map(|contender| contender.series);
    Ok(Outcome {
        name: "memory",
        method: "Proportional set size of the window's process and those of its web view, in millions of bytes, 8 s \
                 after the picture of the window came to rest.".into(),
        figures: vec![
            Figure::difference(
                "memory with 1,000 containers listed, beyond a blank window's",
                Unit::Megabytes,
                containers,
                blank.clone(),
                Some(Goal::AtMost(40.0)),
            ),
            Figure::difference(
                "memory on Browse, beyond a blank window's",
                Unit::Megabytes,
                browse,
                blank,
                Some(Goal::AtMost(40.0)),
            ),
        ],
        notes: json!({ "megabytes_by_process_in_the_last_round": parts, "rounds": ROUNDS }),
    })
}
