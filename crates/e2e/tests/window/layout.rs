//! Every control can be reached on any screen, in windows of several sizes and zoom levels.

use anyhow::{Result, ensure};
use slipway_e2e::{App, eventually};
use slipway_testkit::{Engine, free_port};
use thirtyfour::Key;

/// Sizes of the window in pixels, and the zoom in percent.
const SIZES: &[(u32, u32, u32)] = &[
    (1440, 900, 100),
    (1240, 780, 100),
    (900, 600, 100),
    (800, 600, 100),
    (720, 500, 100),
    (1240, 780, 150),
];
/// More steps than there are zoom levels.
const ZOOM_STEPS: usize = 8;

/// Lists every visible control that lies outside of the window, or is cut off by an element that cannot scroll to it.
/// If a dialog is open, only its content counts.
const OUT_OF_REACH: &str = r#"
const SLACK = 1.5;
const usable = "a[href], button, input, select, textarea, summary, [tabindex], [role=button], [role=tab], [role=menuitem], [role=option], [role=switch], [role=link]";
const dialogs = [...document.querySelectorAll("[role=dialog], [role=alertdialog]")];
const root = dialogs.at(-1) ?? document.body;
const named = (it) => {
    const label = it.getAttribute("aria-label") ?? it.innerText ?? "";
    const near = it.dataset.testid ?? it.closest("[data-testid]")?.dataset.testid ?? "";
    return `${it.tagName.toLowerCase()} ${JSON.stringify(label.trim().slice(0, 40))} in ${near}`;
};
const shown = (it) => {
    if (!it.checkVisibility({ visibilityProperty: true }) || it.closest("[inert], [aria-hidden=true]")) return false;
    const box = it.getBoundingClientRect();
    // Smaller elements are for screen readers only.
    return box.width > 2 && box.height > 2;
};
/** The containing block of an element. */
const parentOf = (it) => {
    const { position } = getComputedStyle(it);
    if (position === "fixed") return null;
    let parent = it.parentElement;
    if (position === "absolute") {
        while (parent && getComputedStyle(parent).position === "static" && getComputedStyle(parent).transform === "none") parent = parent.parentElement;
    }
    return parent;
};
const found = [];
for (const it of root.querySelectorAll(usable)) {
    if (!shown(it) || it === document.querySelector("main")) continue;
    const { left, right, top, bottom } = it.getBoundingClientRect();
    // The extent that has to be visible on each axis: once an element scrolls to it, that element's own extent.
    const box = { x: [left, right], y: [top, bottom] };
    let problem = null;
    for (let parent = parentOf(it); parent && parent !== document.documentElement && !problem; parent = parentOf(parent)) {
        const style = getComputedStyle(parent);
        const outer = parent.getBoundingClientRect();
        for (const [axis, overflow, start, size, extent, scrolled] of [
            ["x", style.overflowX, outer.left + parent.clientLeft, parent.clientWidth, parent.scrollWidth, parent.scrollLeft],
            ["y", style.overflowY, outer.top + parent.clientTop, parent.clientHeight, parent.scrollHeight, parent.scrollTop],
        ]) {
            if (overflow === "visible" || size === 0) continue;
            const [from, to] = box[axis];
            const scrolls = overflow === "auto" || overflow === "scroll";
            const low = scrolls ? start - scrolled : start;
            const high = low + (scrolls ? Math.max(extent, size) : size);
            if (from < low - SLACK || to > high + SLACK) {
                problem = `${axis} ${Math.round(from)}–${Math.round(to)} is cut off at ${Math.round(low)}–${Math.round(high)} by ${parent.tagName.toLowerCase()}.${parent.className}`;
                break;
            }
            if (scrolls) box[axis] = [start, start + size];
        }
    }
    if (!problem) {
        for (const [axis, size] of [["x", innerWidth], ["y", innerHeight]]) {
            const [from, to] = box[axis];
            if (from < -SLACK || to > size + SLACK) problem = `${axis} ${Math.round(from)}–${Math.round(to)} lies outside of the window, 0–${size}`;
        }
    }
    if (problem) found.push(`${named(it)}: ${problem}`);
}
return found;
"#;

/// Lists every visible control of which a toast covers a part, with the covered width and height. If a dialog is open,
/// only its content counts.
const COVERED_BY_TOAST: &str = r#"
const usable = "a[href], button, input, select, textarea, summary, [tabindex], [role=button], [role=tab], [role=menuitem], [role=option], [role=switch], [role=link]";
const dialogs = [...document.querySelectorAll("[role=dialog], [role=alertdialog]")];
const root = dialogs.at(-1) ?? document.body;
/** The part of an element that its scrolling parents show. */
const visible = (it) => {
    let { left, right, top, bottom } = it.getBoundingClientRect();
    for (let parent = it.parentElement; parent; parent = parent.parentElement) {
        if (getComputedStyle(parent).overflow === "visible") continue;
        const box = parent.getBoundingClientRect();
        left = Math.max(left, box.left);
        right = Math.min(right, box.right);
        top = Math.max(top, box.top);
        bottom = Math.min(bottom, box.bottom);
    }
    return { left, right, top, bottom };
};
const toasts = [...document.querySelectorAll("[data-testid=toast]")];
if (toasts.length === 0) return ["the toast is gone"];
const found = [];
for (const toast of toasts) {
    const over = visible(toast);
    for (const it of root.querySelectorAll(usable)) {
        if (it.closest(".toasts") || it === document.querySelector("main")) continue;
        if (!it.checkVisibility({ visibilityProperty: true })) continue;
        const box = visible(it);
        const width = Math.min(over.right, box.right) - Math.max(over.left, box.left);
        const height = Math.min(over.bottom, box.bottom) - Math.max(over.top, box.top);
        if (width <= 1 || height <= 1) continue;
        const label = it.getAttribute("aria-label") ?? it.innerText ?? "";
        const near = it.dataset.testid ?? it.closest("[data-testid]")?.dataset.testid ?? "";
        found.push(`${it.tagName.toLowerCase()} ${JSON.stringify(label.trim().slice(0, 40))} in ${near}: ${Math.round(width)}×${Math.round(height)} are covered`);
    }
}
return found;
"#;

/// The faults that a script finds, by screen.
struct Survey<'a> {
    app: &'a App,
    script: &'static str,
    size: String,
    found: Vec<String>,
}

impl Survey<'_> {
    async fn look(&mut self, screen: &str) -> Result<()> {
        hold_toasts(self.app).await?;
        self.app.settled().await?;
        let found = self.app.script(self.script, vec![]).await?;
        let found = found.as_array().cloned().unwrap_or_default();
        for one in &found {
            let one = one.as_str().unwrap_or_default();
            self.found.push(format!("{}, {screen}: {one}", self.size));
        }
        Ok(())
    }

    /// A click by script: `WebDriver` computes wrong positions in a zoomed page.
    async fn click(&self, testid: &str) -> Result<()> {
        self.press(&format!("[data-testid=\"{testid}\"]")).await
    }

    async fn press(&self, selector: &str) -> Result<()> {
        self.app.tap_css(selector).await
    }

    async fn every_screen(&mut self) -> Result<()> {
        let app = self.app;
        self.click("nav-browse").await?;
        app.fill("browse-search", "").await?;
        app.find("card-nginx").await?;
        self.look("Browse").await?;
        app.fill(
            "browse-search",
            "registry.example.org:5000/a/long/name:and-a-tag",
        )
        .await?;
        app.find("card-reference").await?;
        self.look("Browse, a reference").await?;
        app.fill("browse-search", "postgres").await?;
        self.click("card-customise-postgres").await?;
        app.find("run-docker-run").await?;
        self.look("run sheet").await?;
        app.script(
            "for (const it of document.querySelectorAll('[data-testid=run-sheet] details')) it.open = true",
            vec![],
        )
        .await?;
        self.click("run-add-port").await?;
        self.click("run-add-mount").await?;
        self.click("run-add-env").await?;
        self.look("run sheet, all of it").await?;
        self.close_edited_sheet().await?;
        self.click("nav-containers").await?;
        app.find("container-row-web").await?;
        self.look("Containers").await?;
        self.click("select-all").await?;
        app.find("selection-bar").await?;
        self.look("Containers, selected").await?;
        self.click("select-all").await?;
        app.gone("selection-bar").await?;
        for name in ["web", "broken"] {
            self.press(&format!("[data-testid=\"container-row-{name}\"] .name"))
                .await?;
            app.find("container-detail").await?;
            app.find("tab-logs").await?;
            let tabs = app
                .script(
                    "return [...document.querySelectorAll('[data-testid=container-detail] [role=tab]')].map((it) => it.dataset.testid)",
                    vec![],
                )
                .await?;
            let tabs: Vec<String> = serde_json::from_value(tabs)?;
            ensure!(tabs.len() > 1, "{name} has no tabs");
            for tab in tabs {
                self.click(&tab).await?;
                eventually("the tab", async || {
                    let selector = format!("[data-testid={tab}][aria-selected=true]");
                    app.find_css(&selector).await.ok()
                })
                .await;
                if tab == "tab-logs" {
                    app.find("log-row").await?;
                } else {
                    app.find("environment").await?;
                }
                self.look(&format!("{name}, {tab}")).await?;
            }
            // If there is no room for both, a back button to the list replaces the close button.
            let back = app
                .script(
                    "return document.querySelector('[data-testid=detail-back]')?.checkVisibility() ?? false",
                    vec![],
                )
                .await?;
            let back = back.as_bool() == Some(true);
            self.click(if back { "detail-back" } else { "detail-close" })
                .await?;
            app.gone("container-detail").await?;
        }
        self.click("nav-images").await?;
        app.find("image-row").await?;
        self.look("Images").await?;
        self.click("nav-engine").await?;
        app.find("engine-current").await?;
        self.look("Engine").await?;
        self.click("nav-settings").await?;
        app.find("settings").await?;
        self.look("Settings").await?;
        app.press(Key::Control + "k").await?;
        app.find("palette-input").await?;
        self.look("palette").await?;
        app.press(Key::Escape + "").await?;
        app.gone("palette").await
    }

    /// A sheet with edits asks before it closes.
    async fn close_edited_sheet(&mut self) -> Result<()> {
        let app = self.app;
        self.click("sheet-close").await?;
        let asks = eventually("the end of the sheet, or its question", async || {
            if app.has("run-discard").await.ok()? {
                return Some(true);
            }
            (!app.has("run-sheet").await.ok()?).then_some(false)
        })
        .await;
        if asks {
            self.look("run sheet, its question").await?;
            self.click("run-discard").await?;
        }
        app.gone("run-sheet").await
    }
}

/// Zooms the page as a user does.
async fn zoom(app: &App, width: u32, percent: u32) -> Result<()> {
    app.press(Key::Control + "0").await?;
    let wide = |percent: u32| width * 100 / percent;
    let is = async |width: u32| -> Option<()> {
        let inner = app.script("return innerWidth", vec![]).await.ok()?;
        (inner.as_u64()?.abs_diff(width.into()) <= 1).then_some(())
    };
    eventually("100 %", async || is(wide(100)).await).await;
    for _ in 0..ZOOM_STEPS {
        if is(wide(percent)).await.is_some() {
            return Ok(());
        }
        let before = app.script("return innerWidth", vec![]).await?;
        app.press(Key::Control + "=").await?;
        eventually("another zoom", async || {
            (app.script("return innerWidth", vec![]).await.ok()? != before).then_some(())
        })
        .await;
    }
    eventually("the zoom", async || is(wide(percent)).await).await;
    Ok(())
}

/// An engine with containers and images that fill the screens.
fn busy_engine() -> Result<Engine> {
    let engine = Engine::start()?;
    engine.load_sample("slipway/busybox:latest")?;
    engine.load_sample("slipway/exit1:latest")?;
    let long =
        "registry.example.org:5000/a-team/a-rather-long-name-of-an-image:2026.11.30-build-4711";
    engine.docker_ok(&["tag", "slipway/busybox", long]);
    let publish = format!("127.0.0.1:{}:80", free_port());
    let open = format!("0.0.0.0:{}:8443", free_port());
    let script = "i=0; while [ $i -lt 200 ]; do echo \"a line of the log, number $i, which is longer than the window is wide at any size that a window has\"; i=$((i+1)); done; sleep 3600";
    engine.docker_ok(&[
        "run",
        "-d",
        "--init",
        "--name",
        "web",
        "-p",
        &publish,
        "-p",
        &open,
        "-e",
        "PASSWORD=secret",
        "-v",
        "web-data:/data",
        "--label",
        "org.example.one=1",
        long,
        "sh",
        "-c",
        script,
    ]);
    engine.docker(&["run", "--name", "broken", "slipway/exit1"]);
    for service in ["api", "db"] {
        let name = format!("shop-{service}-1");
        engine.docker_ok(&[
            "create",
            "--name",
            &name,
            "--label",
            "com.docker.compose.project=shop",
            "--label",
            &format!("com.docker.compose.service={service}"),
            "slipway/busybox",
        ]);
    }
    Ok(engine)
}

/// A toast stays for as long as the pointer is over it. A change of the window's size ends that.
async fn hold_toasts(app: &App) -> Result<()> {
    app.script(
        "document.querySelector('.toasts')?.dispatchEvent(new PointerEvent('pointerenter'))",
        vec![],
    )
    .await?;
    Ok(())
}

/// Runs a script on every screen in every size.
async fn survey(app: &App, script: &'static str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (width, height, percent) in SIZES {
        app.resize(*width, *height).await?;
        hold_toasts(app).await?;
        zoom(app, *width, *percent).await?;
        let mut survey = Survey {
            app,
            script,
            size: format!("{width}×{height} at {percent} %"),
            found: Vec::new(),
        };
        survey.every_screen().await?;
        found.append(&mut survey.found);
        app.press(Key::Control + "0").await?;
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_out_of_reach() -> Result<()> {
    let engine = busy_engine()?;
    let app = App::open(&engine.host()).await?;
    app.find("card-nginx").await?;
    let found = survey(&app, OUT_OF_REACH).await?;
    let count = found.len();
    assert!(
        found.is_empty(),
        "{count} out of reach:\n{}",
        found.join("\n")
    );
    app.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_toast_covers_no_control() -> Result<()> {
    let engine = busy_engine()?;
    engine.docker_ok(&["create", "--name", "short-lived", "slipway/busybox"]);
    let app = App::open(&engine.host()).await?;
    app.find("card-nginx").await?;
    app.tap("nav-containers").await?;
    app.open_container("short-lived").await?;
    app.find("container-detail").await?;
    engine.docker_ok(&["rm", "short-lived"]);
    app.find("toast").await?;
    hold_toasts(&app).await?;
    let found = survey(&app, COVERED_BY_TOAST).await?;
    let count = found.len();
    assert!(found.is_empty(), "{count} covered:\n{}", found.join("\n"));
    app.close().await
}
