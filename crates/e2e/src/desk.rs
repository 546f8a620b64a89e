//! A desktop: a display, mouse and keyboard, and Slipway started as a desktop starts it. Nothing is in it that a user
//! lacks; in particular no `WebDriver`, which makes the web view paint and take input in other ways.

use std::cell::RefCell;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use x11rb::protocol::xproto::Window;

use crate::accessibility::{Element, Role, State, Tree};
use crate::{Area, Display, Hand, SessionBus, isolate, process, slipway_desktop, wait_for};

/// Timeout for the window and its elements.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// A desktop with a running Slipway. Dropping it ends everything that was started.
pub struct Desk {
    /// Mouse and keyboard.
    pub hand: Hand,
    window: Window,
    tree: Tree,
    page: RefCell<Element>,
    // The following fields are dropped in this order.
    child: Child,
    _bus: SessionBus,
    display: Display,
    home: TempDir,
}

impl Desk {
    /// Starts Slipway with an engine and waits for its page.
    pub fn open(docker_host: &str) -> Result<Self> {
        let display = Display::start()?;
        let home = tempfile::tempdir()?;
        let bus = SessionBus::start(&display, home.path())?;
        // The first client starts the accessibility tree; a program looks for it when it starts.
        let tree = Tree::of(&bus)?;
        let hand = Hand::on(&display)?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(slipway_desktop())
            .env("DISPLAY", display.name())
            .env_remove("TAURI_WEBVIEW_AUTOMATION")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        isolate(&mut command, home.path(), Some(docker_host))?;
        command
            .env_remove("NO_AT_BRIDGE")
            .env("DBUS_SESSION_BUS_ADDRESS", bus.address());
        let child = command.spawn().context("Slipway cannot be started")?;
        let mut desk = Self {
            window: 0,
            page: RefCell::new(tree.root()),
            tree,
            hand,
            child,
            _bus: bus,
            display,
            home,
        };
        let (window, _) = wait_for("the window", || desk.hand.window().ok().flatten());
        desk.window = window;
        desk.hand.focus(window)?;
        wait_for("the page in the accessibility tree", || {
            // An empty page precedes the real one.
            let page = desk.tree.root().page()?;
            let named = page.name().is_ok_and(|name| !name.is_empty());
            named.then(|| desk.page.replace(page))
        });
        Ok(desk)
    }

    /// The display that the window is on.
    pub fn display(&self) -> &Display {
        &self.display
    }

    /// A directory that is removed with the desktop.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The window.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The page. The web view may move it in the tree while it loads.
    pub fn page(&self) -> Element {
        let known = self.page.borrow().clone();
        if known.is_a(Role::Page).is_ok_and(|is| is) {
            return known;
        }
        let Some(page) = self.tree.root().page() else {
            return known;
        };
        self.page.replace(page.clone());
        page
    }

    /// The window's bounds.
    pub fn area(&self) -> Result<Area> {
        Ok(self.hand.window()?.context("the window is gone")?.1)
    }

    /// Whether the program is still running.
    pub fn runs(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// The visible part of an element: the part inside the window.
    pub fn visible(&self, element: &Element) -> Result<Area> {
        Ok(element.area()?.within(self.area()?))
    }

    /// The first element with this role and name at this moment.
    pub fn seen(&self, role: Role, name: &str) -> Option<Element> {
        self.page().find(role, name)
    }

    /// Waits for an element with this role and name.
    ///
    /// # Panics
    /// When it does not come.
    pub fn find(&self, role: Role, name: &str) -> Element {
        self.find_in(&self.page(), role, name)
    }

    /// Waits for a descendant with this role and name.
    ///
    /// # Panics
    /// When it does not come.
    pub fn find_in(&self, parent: &Element, role: Role, name: &str) -> Element {
        self.until(&format!("a {role:?} {name:?}"), || parent.find(role, name))
    }

    /// Waits for an element with this role and text.
    ///
    /// # Panics
    /// When it does not come.
    pub fn find_text(&self, role: Role, text: &str) -> Element {
        self.until(&format!("a {role:?} with the text {text:?}"), || {
            self.page().find_text(role, text)
        })
    }

    /// Waits until an element with this role and name is gone.
    ///
    /// # Panics
    /// When it stays.
    pub fn gone(&self, role: Role, name: &str) {
        self.until(&format!("the end of the {role:?} {name:?}"), || {
            self.seen(role, name).is_none().then_some(())
        });
    }

    /// Waits until an element has the focus.
    ///
    /// # Panics
    /// When it does not get it.
    pub fn focused(&self, role: Role, name: &str) -> Element {
        self.until(&format!("the focus on the {role:?} {name:?}"), || {
            let element = self.seen(role, name)?;
            element.is(State::Focused).ok()?.then_some(element)
        })
    }

    /// Waits until an element no longer moves, and clicks its centre.
    pub fn click(&self, element: &Element) -> Result<()> {
        let area = self.still(element);
        self.hand.click(area.middle())
    }

    /// Waits until an element no longer moves; returns its bounds.
    ///
    /// # Panics
    /// When it does not.
    pub fn still(&self, element: &Element) -> Area {
        let mut last = None;
        self.until("something that lies still in the window", || {
            let area = self.visible(element).ok().filter(|area| !area.is_empty());
            let before = std::mem::replace(&mut last, area);
            area.filter(|_| area == before)
        })
    }

    /// Waits for a state of the screen.
    ///
    /// # Panics
    /// When it does not come, with what is on the screen instead.
    pub fn until<T>(&self, what: &str, mut state: impl FnMut() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(value) = state() {
                return value;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{what}: not within {} s; the screen has\n{}",
                PATIENCE.as_secs(),
                self.page().describe()
            );
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        process::kill_tree(self.child.id());
        let _ = self.child.wait();
    }
}
