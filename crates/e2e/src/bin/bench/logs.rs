//! Logs: how fast they come, and whether the window stays usable while they do.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use slipway_e2e::{App, isolate, process, slipway};
use slipway_testkit::Engine;

use crate::command::time;
use crate::report::{Figure, Goal, Outcome, Series, Unit};

const IMAGE: &str = "slipway/flood:latest";
const LINES: usize = 400_000;
const ROUNDS: usize = 5;
const RATE: usize = 50_000;
const FLOOD: Duration = Duration::from_mins(1);
const PATIENCE: Duration = Duration::from_mins(1);

/// Opens the Logs tab and waits until the newest line is drawn and the view says that all lines are here.
const OPEN_LOGS: &str = r#"
const [newest, total] = arguments;
const done = arguments[arguments.length - 1];
const began = performance.now();
const since = () => performance.now() - began;
let tail = null;
document.querySelector('[data-testid="tab-logs"]').click();
const look = () => {
	const view = document.querySelector('[data-testid="log-view"]');
	const last = view?.querySelector('.line:last-child')?.textContent ?? null;
	if (last !== null && tail === null) {
		tail = -1;
		requestAnimationFrame(() => { tail = since(); });
	}
	const count = document.querySelector('[data-testid="log-count"]')?.textContent.trim() ?? "";
	if (last?.includes(newest) && count.startsWith(total)) {
		changes.disconnect();
		requestAnimationFrame(() => done({ tail, complete: since() }));
	} else if (since() > 60000) done({ error: `after a minute: ${last} / ${count}` });
};
// Told of changes rather than asked for every frame: frames that are asked for have to be drawn.
const changes = new MutationObserver(look);
changes.observe(document.body, { childList: true, characterData: true, subtree: true });
setTimeout(look, 60001);
"#;

/// Watches for a while how long the page is deaf, and goes to Overview and back every few seconds.
const WATCH: &str = r#"
const [seconds] = arguments;
const done = arguments[arguments.length - 1];
const byId = (id) => document.querySelector(`[data-testid="${id}"]`);
const gaps = { logs: [], overview: [] };
const clicks = [];
const counts = [];
let last = performance.now();
const end = last + seconds * 1000;
let on = "logs";
let due = last + 4000;
let waiting = null;
// A click that is due at a time is counted from then, so what keeps it from being heard counts too.
const click = () => {
	if (on === "logs") counts.push(byId("log-count").textContent);
	waiting = { to: on === "logs" ? "overview" : "logs", due, shown: null, complete: null };
	byId(`tab-${waiting.to}`).click();
	look();
};
// Frames are asked for only when something has to be drawn: asking for all of them would be most of the work.
const look = () => {
	const it = waiting;
	if (it === null) return;
	const toLogs = it.to === "logs";
	if (it.shown === null && (byId("log-view") !== null) === toLogs) {
		it.shown = -1;
		requestAnimationFrame(() => { it.shown = performance.now() - it.due; on = it.to; });
	}
	if (it.complete === null && byId(toLogs ? "log-row" : "copy-docker-run") !== null) {
		it.complete = -1;
		requestAnimationFrame(() => {
			it.complete = performance.now() - it.due;
			clicks.push(it);
			waiting = null;
			due = performance.now() + (toLogs ? 4000 : 2500);
			if (due < end) setTimeout(click, due - performance.now());
		});
	}
};
const changes = new MutationObserver(look);
changes.observe(document.body, { childList: true, characterData: true, subtree: true });
setTimeout(click, due - performance.now());
const beat = () => {
	const now = performance.now();
	gaps[on].push(now - last);
	last = now;
	if (now < end) return setTimeout(beat, 10);
	changes.disconnect();
	for (const list of Object.values(gaps)) list.sort((a, b) => b - a);
	const summary = (list) => ({ longest: list.slice(0, 10), p99: list[Math.floor(list.length / 100)], count: list.length });
	done({ logs: summary(gaps.logs), overview: summary(gaps.overview), clicks, counts });
};
setTimeout(beat, 10);
"#;

/// Throughput, then responsiveness.
pub(crate) async fn measure(engine: &Engine) -> Result<Outcome> {
    engine.load_sample(IMAGE)?;
    let mut outcome = throughput(engine).await?;
    let (figures, notes) = responsiveness(engine).await?;
    outcome.figures.extend(figures);
    outcome.notes["responsiveness"] = notes;
    Ok(outcome)
}

/// Starts a container that writes. Returns its id.
fn flood(engine: &Engine, name: &str, rate: usize, lines: usize) -> String {
    let (rate, lines) = (format!("RATE={rate}"), format!("LINES={lines}"));
    let command = [
        "run", "-d", "--name", name, "-e", &rate, "-e", &lines, IMAGE,
    ];
    engine.docker_ok(&command)
}

async fn throughput(engine: &Engine) -> Result<Outcome> {
    let id = flood(engine, "talkative", 0, LINES);
    engine.docker_ok(&["wait", "talkative"]);
    let newest = format!("line {LINES:08}");

    let home = tempfile::tempdir()?;
    let app = App::open(&engine.host()).await?;
    let mut window = Series::new("window");
    let mut command = Series::new("slipway logs");
    let mut docker = Series::new("`docker logs > /dev/null`");
    let mut timed = Series::new("`docker logs -t > /dev/null`");
    let mut tail = Series::new("window");
    let mut command_cpu = Series::new("slipway logs");
    let mut docker_cpu = Series::new("`docker logs`");
    let mut spent = Vec::new();
    // The first round warms up.
    for round in 0..=ROUNDS {
        let docker_took = time(engine.docker_command().args(["logs", "talkative"]))?;
        let timed_took = time(engine.docker_command().args(["logs", "-t", "talkative"]))?;
        let mut slipway_logs = Command::new(slipway());
        isolate(&mut slipway_logs, home.path(), Some(&engine.host()))?;
        let command_took = time(slipway_logs.args(["logs", "talkative"]))?;
        show(&app, &id).await?;
        let before = Spent::so_far(engine, &app);
        let seen = app
            .script_async(OPEN_LOGS, vec![json!(newest), json!(thousands(LINES))])
            .await?;
        let complete = seen["complete"]
            .as_f64()
            .with_context(|| format!("the log is not complete: {seen}"))?;
        if round > 0 {
            docker.push(docker_took.wall);
            docker_cpu.push(docker_took.cpu);
            timed.push(timed_took.wall);
            command.push(command_took.wall);
            command_cpu.push(command_took.cpu);
            window.push(complete);
            spent.push(Spent::so_far(engine, &app).since(&before));
            tail.push(seen["tail"].as_f64().unwrap_or(f64::NAN));
        }
    }
    app.close().await?;
    engine.docker_ok(&["rm", "--force", "talkative"]);

    let rate = |series: &Series| series.map(|milliseconds| count(LINES) / (milliseconds / 1_000.0));
    Ok(Outcome {
        name: "logs",
        method: "A container that has written 400,000 lines of 80 bytes. The clock of the window runs inside its page, \
                 from the click on Logs until the newest line is drawn and all lines are held; the commands run from \
                 spawn to exit with their output thrown away. For responsiveness a container writes 50,000 lines a \
                 second for a minute while the page measures how long it could not react (the time between two beats of \
                 a 10 ms timer) and how long clicks on its tabs take, from when they are due until what they lead to is \
                 drawn.".into(),
        figures: vec![
            Figure::ratio(
                "log of 400,000 lines in the window",
                Unit::LinesPerSecond,
                rate(&window),
                rate(&docker),
                Some(Goal::AtLeast(0.8)),
            ),
            Figure::ratio(
                "the same, against the same request: with the time of each line",
                Unit::LinesPerSecond,
                rate(&window),
                rate(&timed),
                None,
            ),
            Figure::ratio(
                "`slipway logs > /dev/null`",
                Unit::LinesPerSecond,
                rate(&command),
                rate(&docker),
                Some(Goal::AtLeast(0.8)),
            ),
            Figure::ratio(
                "`slipway logs`, processor time of the command",
                Unit::Milliseconds,
                command_cpu,
                docker_cpu,
                None,
            ),
            Figure::number(
                "first lines of that log on the screen after the click",
                Unit::Milliseconds,
                tail,
                None,
            ),
        ],
        notes: json!({ "lines": LINES, "rounds": ROUNDS, "processor_ms_of_the_window_by_process": spent }),
    })
}

async fn responsiveness(engine: &Engine) -> Result<(Vec<Figure>, Value)> {
    // It ends by itself, should nobody stop it.
    let id = flood(engine, "flood", RATE, RATE * 90);
    let app = App::open(&engine.host()).await?;
    show(&app, &id).await?;
    app.click("tab-logs").await?;
    app.find("log-row").await?;
    let before = Spent::so_far(engine, &app);
    let seen = app
        .script_async(WATCH, vec![json!(FLOOD.as_secs())])
        .await?;
    let spent = Spent::so_far(engine, &app).since(&before);
    engine.docker_ok(&["rm", "--force", "flood"]);
    app.close().await?;

    let numbers = |values: &Value, field: Option<&str>| -> Vec<f64> {
        let values = values.as_array().map(Vec::as_slice).unwrap_or_default();
        values
            .iter()
            .filter_map(|value| field.map_or(value, |field| &value[field]).as_f64())
            .collect()
    };
    let longest = |tab: &str| {
        let gaps = numbers(&seen[tab]["longest"], None);
        gaps.first().copied().unwrap_or(f64::NAN)
    };
    let shown = numbers(&seen["clicks"], Some("shown"));
    let complete = numbers(&seen["clicks"], Some("complete"));
    ensure!(!shown.is_empty(), "the page measured nothing: {seen}");
    let slowest = shown.iter().copied().fold(0.0, f64::max);
    let window = |samples: Vec<f64>| Series::of("window", samples);
    let goal = Some(Goal::AtMost(250.0));
    let figures = vec![
        Figure::number(
            "longest time in which the page could not react, on Logs at 50,000 lines/s",
            Unit::Milliseconds,
            window(vec![longest("logs")]),
            goal,
        )
        .beside(Series::of(
            "on Overview meanwhile",
            vec![longest("overview")],
        )),
        Figure::number(
            "slowest click on another tab at 50,000 lines/s, until the tab shows",
            Unit::Milliseconds,
            window(vec![slowest]),
            goal,
        ),
        Figure::number("the same, median", Unit::Milliseconds, window(shown), None),
        Figure::number(
            "the same, until what it asks the engine for is there",
            Unit::Milliseconds,
            window(complete),
            None,
        ),
    ];
    let notes = json!({ "page": seen, "processor_ms_by_process": spent });
    Ok((figures, notes))
}

/// Processor time of the window's processes and of the engine, by name.
struct Spent(Vec<(String, Duration)>);

impl Spent {
    fn so_far(engine: &Engine, app: &App) -> Self {
        let mut pids = app.processes();
        pids.extend(engine.pid());
        let times = pids
            .into_iter()
            .map(|pid| (process::name(pid), process::cpu_time(&[pid])));
        Self(times.collect())
    }

    fn since(&self, before: &Self) -> Value {
        let spent = self.0.iter().zip(&before.0);
        spent
            .map(|((name, now), (_, then))| {
                let spent = now.saturating_sub(*then).as_millis();
                (name.clone(), json!(spent))
            })
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

/// Goes to a container's Overview by its address.
async fn show(app: &App, id: &str) -> Result<()> {
    let started = Instant::now();
    app.script(
        "history.pushState(null, '', `#/containers/${arguments[0]}/overview`);
         dispatchEvent(new PopStateEvent('popstate'));",
        vec![json!(id)],
    )
    .await?;
    app.find("tab-logs").await?;
    // The log view of the round before is gone, and what Overview loads is there.
    app.gone("log-view").await?;
    app.find("copy-docker-run").await?;
    ensure!(started.elapsed() < PATIENCE, "the container does not show");
    Ok(())
}

fn thousands(number: usize) -> String {
    format!("{},{:03}", number / 1_000, number % 1_000)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52 lines")]
fn count(number: usize) -> f64 {
    number as f64
}
