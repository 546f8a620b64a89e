//! The window under test, driven by `WebDriver`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::error::WebDriverErrorInner;
use thirtyfour::prelude::*;
use thirtyfour::{Capabilities, Key};

use crate::{Display, process, slipway, slipway_desktop};

/// Timeout for the window and its elements.
const PATIENCE: Duration = Duration::from_secs(30);
/// Timeout for a boot or a stop of the machine.
const MACHINE_PATIENCE: Duration = Duration::from_mins(5);
const POLL: Duration = Duration::from_millis(40);

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Dark text on light ground.
    Light,
    /// The other way round.
    Dark,
}

impl Theme {
    /// The value that the window stores for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// How to start the window.
#[derive(Default)]
pub struct AppOptions {
    /// The value of `DOCKER_HOST`; `None` is a computer without any engine.
    pub docker_host: Option<String>,
    /// A program to run instead of Slipway's window, for comparison.
    pub binary: Option<PathBuf>,
    /// An existing home directory to use.
    pub home: Option<PathBuf>,
    /// The machine's image, instead of the one that Slipway ships with.
    pub guest_image: Option<PathBuf>,
}

/// A running window. Dropping it ends it and all of its processes.
pub struct App {
    driver: WebDriver,
    webdriver: Child,
    display: Display,
    home: PathBuf,
    docker_host: Option<String>,
    /// When its program was started.
    pub started: Instant,
    temporary: Option<TempDir>,
}

impl App {
    /// Opens Slipway with an engine, on a separate display and with a separate home directory.
    pub async fn open(docker_host: &str) -> Result<Self> {
        Self::start(AppOptions {
            docker_host: Some(docker_host.to_owned()),
            ..AppOptions::default()
        })
        .await
    }

    /// Opens the window.
    pub async fn start(options: AppOptions) -> Result<Self> {
        let display = Display::start()?;
        let temporary = match &options.home {
            None => Some(tempfile::tempdir()?),
            Some(_) => None,
        };
        let home = options
            .home
            .clone()
            .or_else(|| {
                temporary
                    .as_ref()
                    .map(|directory| directory.path().to_owned())
            })
            .context("a home directory")?;
        let port = slipway_testkit::free_port();
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--", "WebKitWebDriver"])
            .arg(format!("--port={port}"))
            .arg("--host=127.0.0.1")
            .env("DISPLAY", display.name())
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        isolate(&mut command, &home, options.docker_host.as_deref())?;
        if let Some(image) = &options.guest_image {
            command.env("SLIPWAY_GUEST_IMAGE", image);
        }
        let webdriver = command
            .spawn()
            .context("WebKitWebDriver cannot be started")?;
        wait_for_port(port)?;
        let binary = options.binary.unwrap_or_else(slipway_desktop);
        let mut capabilities = Capabilities::default();
        capabilities.set(
            "webkitgtk:browserOptions",
            json!({ "binary": binary, "args": [] }),
        )?;
        let started = Instant::now();
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await?;
        driver.set_script_timeout(Duration::from_mins(2)).await?;
        Ok(Self {
            driver,
            webdriver,
            display,
            home,
            docker_host: options.docker_host,
            started,
            temporary,
        })
    }

    /// The session, for calls without a method here.
    pub fn driver(&self) -> &WebDriver {
        &self.driver
    }

    /// The display that the window is on.
    pub fn display(&self) -> &Display {
        &self.display
    }

    /// Home directory of the window.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The window's process and its children.
    pub fn processes(&self) -> Vec<u32> {
        process::tree(self.webdriver.id())
            .into_iter()
            .filter(|pid| {
                let name = process::name(*pid);
                name.starts_with("slipway")
                    || name.starts_with("WebKit") && *pid != self.webdriver.id()
            })
            .filter(|pid| process::name(*pid) != "WebKitWebDriver")
            .collect()
    }

    /// The process that owns the machine of this home directory.
    pub fn slipwayd(&self) -> Option<u32> {
        let lock = self.home.join(".local/share/slipway/machine.lock");
        let text = std::fs::read_to_string(lock).ok()?;
        let pid = text.lines().next()?.parse().ok()?;
        (process::name(pid) == "slipwayd").then_some(pid)
    }

    /// The `slipway` command with the same engine and home directory.
    pub fn command(&self) -> Result<Command> {
        let mut command = Command::new(slipway());
        isolate(&mut command, &self.home, self.docker_host.as_deref())?;
        Ok(command)
    }

    /// Waits for the element with this `data-testid`.
    pub async fn find(&self, testid: &str) -> Result<WebElement> {
        self.find_css(&format!("[data-testid=\"{testid}\"]")).await
    }

    /// Waits for the element that a CSS selector finds.
    pub async fn find_css(&self, selector: &str) -> Result<WebElement> {
        self.find_css_within(selector, PATIENCE).await
    }

    /// Waits until the machine on the Engine screen is in this state. A boot may take minutes on an emulated processor.
    pub async fn machine_is(&self, state: &str) -> Result<()> {
        let selector = format!("[data-testid=machine][data-state={state}]");
        self.find_css_within(&selector, MACHINE_PATIENCE)
            .await
            .map(drop)
    }

    async fn find_css_within(&self, selector: &str, patience: Duration) -> Result<WebElement> {
        let started = Instant::now();
        loop {
            match self.driver.find(By::Css(selector)).await {
                Ok(element) => return Ok(element),
                // Missing, or re-rendered while it was looked for.
                Err(error) if is_stale(&error) => {}
                Err(error) => return Err(error.into()),
            }
            if started.elapsed() > patience {
                bail!(
                    "{selector} did not appear; the screen says:\n{}",
                    self.text().await?
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Whether the element exists now.
    pub async fn has(&self, testid: &str) -> Result<bool> {
        let there = self
            .script(
                "return document.querySelector(`[data-testid=\"${arguments[0]}\"]`) !== null",
                vec![json!(testid)],
            )
            .await?;
        Ok(there == json!(true))
    }

    /// Waits until the element is gone.
    pub async fn gone(&self, testid: &str) -> Result<()> {
        let started = Instant::now();
        while self.has(testid).await? {
            if started.elapsed() > PATIENCE {
                bail!(
                    "{testid} did not go; the screen says:\n{}",
                    self.text().await?
                );
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Clicks an element once it can be clicked.
    pub async fn click(&self, testid: &str) -> Result<()> {
        let started = Instant::now();
        loop {
            let result = self.find(testid).await?.click().await;
            match result {
                Ok(()) => return Ok(()),
                // It may be re-rendered, or covered for a moment.
                Err(error) if started.elapsed() > Duration::from_secs(5) => {
                    return Err(error).with_context(|| format!("clicking {testid}"));
                }
                Err(_) => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// Clicks an element by script. `WebDriver`'s own clicks miss in a zoomed page.
    pub async fn tap(&self, testid: &str) -> Result<()> {
        self.tap_css(&format!("[data-testid=\"{testid}\"]")).await
    }

    /// Opens the detail of a container in the list: a row has buttons and links beside its name.
    pub async fn open_container(&self, name: &str) -> Result<()> {
        self.tap_css(&format!("[data-testid=\"container-row-{name}\"] .name"))
            .await
    }

    /// Clicks by script the element that a CSS selector finds, once it exists.
    pub async fn tap_css(&self, selector: &str) -> Result<()> {
        self.find_css(selector).await?;
        self.script(
            "document.querySelector(arguments[0])?.click()",
            vec![json!(selector)],
        )
        .await?;
        Ok(())
    }

    /// Replaces the content of a text field.
    pub async fn fill(&self, testid: &str, text: &str) -> Result<()> {
        let started = Instant::now();
        loop {
            let field = self.find(testid).await?;
            match type_into(&field, text).await {
                Ok(()) => return Ok(()),
                // It was re-rendered meanwhile: type everything again.
                Err(error) if is_stale(&error) && started.elapsed() < PATIENCE => {
                    tokio::time::sleep(POLL).await;
                }
                Err(error) => return Err(error).with_context(|| format!("filling {testid}")),
            }
        }
    }

    /// Types on the keyboard, into the focused element.
    pub async fn press(&self, keys: impl Into<thirtyfour::TypingData>) -> Result<()> {
        let started = Instant::now();
        let active = loop {
            match self.driver.active_element().await {
                Ok(active) => break active,
                Err(error) if is_stale(&error) && started.elapsed() < PATIENCE => {
                    tokio::time::sleep(POLL).await;
                }
                Err(error) => return Err(error).context("looking for what has the focus"),
            }
        };
        active.send_keys(keys).await?;
        Ok(())
    }

    /// Waits until the element contains this text.
    pub async fn says(&self, testid: &str, words: &str) -> Result<String> {
        let started = Instant::now();
        loop {
            let text = self.text_of(testid).await?;
            if text.contains(words) {
                return Ok(text);
            }
            if started.elapsed() > PATIENCE {
                bail!(
                    "{testid} does not say {words:?} but {text:?}; the screen says:\n{}",
                    self.text().await?
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The text of an element, once it exists. `WebDriver`'s own notion of visible text omits too much.
    pub async fn text_of(&self, testid: &str) -> Result<String> {
        let started = Instant::now();
        loop {
            let text = self
                .script(
                    "return document.querySelector(`[data-testid=\"${arguments[0]}\"]`)?.innerText ?? null",
                    vec![json!(testid)],
                )
                .await?;
            if let Some(text) = text.as_str() {
                return Ok(text.to_owned());
            }
            if started.elapsed() > PATIENCE {
                bail!(
                    "{testid} did not appear; the screen says:\n{}",
                    self.text().await?
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// All text on the screen.
    pub async fn text(&self) -> Result<String> {
        Ok(self
            .script("return document.body.innerText", vec![])
            .await?
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    /// Runs JavaScript in the window.
    pub async fn script(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        Ok(self.driver.execute(script, arguments).await?.json().clone())
    }

    /// Runs JavaScript that calls its last argument when it has finished.
    pub async fn script_async(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        Ok(self
            .driver
            .execute_async(script, arguments)
            .await?
            .json()
            .clone())
    }

    /// Sets the theme, as the command palette does.
    pub async fn theme(&self, theme: Theme) -> Result<()> {
        self.script(
            "document.documentElement.dataset.theme = arguments[0]",
            vec![json!(theme.word())],
        )
        .await?;
        Ok(())
    }

    /// Waits until all finite animations have ended.
    pub async fn settled(&self) -> Result<()> {
        self.script_async(
            "const done = arguments[arguments.length - 1];
             const moving = () => document.getAnimations().some((animation) =>
                 animation.playState === 'running' && animation.effect?.getComputedTiming().iterations !== Infinity);
             const look = () => moving() ? setTimeout(look, 20) : done(true);
             requestAnimationFrame(() => requestAnimationFrame(look))",
            vec![],
        )
        .await?;
        Ok(())
    }

    /// Resizes the window, in pixels, and waits until the page has that size.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        self.driver.set_window_rect(0, 0, width, height).await?;
        let started = Instant::now();
        loop {
            let size = self
                .script("return [innerWidth, innerHeight]", vec![])
                .await?;
            if size == json!([width, height]) {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                bail!("the window is {size} instead of {width} × {height}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Takes a screenshot of the window.
    pub async fn screenshot(&self, path: &Path) -> Result<()> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        self.settled().await?;
        self.driver.screenshot(path).await?;
        Ok(())
    }

    /// Closes the window and waits until its processes are gone.
    pub async fn close(mut self) -> Result<()> {
        let processes = self.processes();
        self.driver.clone().quit().await?;
        let started = Instant::now();
        while processes.iter().any(|pid| !process::name(*pid).is_empty()) {
            if started.elapsed() > PATIENCE {
                bail!("the window's processes did not end");
            }
            tokio::time::sleep(POLL).await;
        }
        self.webdriver.kill()?;
        self.webdriver.wait()?;
        Ok(())
    }
}

impl Drop for App {
    fn drop(&mut self) {
        for pid in process::tree(self.webdriver.id()) {
            if pid != self.webdriver.id() {
                // It has probably ended already.
                let _ = slipway_testkit::signal(pid, "KILL");
            }
        }
        let _ = self.webdriver.kill();
        let _ = self.webdriver.wait();
        // A machine outlives its window, but must not outlive its home directory.
        if self.temporary.is_some()
            && let Some(pid) = self.slipwayd()
        {
            let _ = slipway_testkit::signal(pid, "KILL");
        }
    }
}

async fn type_into(field: &WebElement, text: &str) -> WebDriverResult<()> {
    field.focus().await?;
    field.send_keys(Key::Control + "a").await?;
    field.send_keys(Key::Delete + "").await?;
    if !text.is_empty() {
        field.send_keys(text).await?;
    }
    Ok(())
}

/// Whether an element is missing, or was re-rendered between finding and using it.
fn is_stale(error: &WebDriverError) -> bool {
    matches!(
        error.as_inner(),
        WebDriverErrorInner::NoSuchElement(_) | WebDriverErrorInner::StaleElementReference(_)
    )
}

/// Restricts a program to this engine and home directory, without the rest of the computer's configuration.
pub fn isolate(command: &mut Command, home: &Path, docker_host: Option<&str>) -> Result<()> {
    let runtime = home.join("run");
    std::fs::create_dir_all(&runtime)?;
    command
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join(".config"))
        .env("XDG_DATA_HOME", home.join(".local/share"))
        .env("XDG_CACHE_HOME", home.join(".cache"))
        .env("XDG_RUNTIME_DIR", runtime)
        .env("LIBGL_ALWAYS_SOFTWARE", "1")
        .env("NO_AT_BRIDGE", "1")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("DOCKER_CONTEXT")
        .env_remove("DOCKER_CONFIG")
        .env_remove("DBUS_SESSION_BUS_ADDRESS");
    match docker_host {
        Some(host) => command.env("DOCKER_HOST", host),
        None => command.env_remove("DOCKER_HOST"),
    };
    Ok(())
}

fn wait_for_port(port: u16) -> Result<()> {
    let started = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        if started.elapsed() > PATIENCE {
            bail!("WebKitWebDriver does not listen");
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}
