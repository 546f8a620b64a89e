//! Simulated mouse and keyboard: X server events as from real devices (XTEST). Programs cannot tell the difference.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ConfigureWindowAux, ConnectionExt as _, ImageFormat,
    InputFocus, KEY_PRESS_EVENT, KEY_RELEASE_EVENT, MOTION_NOTIFY_EVENT, MapState, Window,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use crate::Display;

/// Delay between two wheel notches, two positions of a drag, and two keys: faster events would be merged into one.
const BEAT: Duration = Duration::from_millis(12);
/// Number of positions along a drag.
const STEPS: i32 = 8;
const LEFT: u8 = 1;
const RIGHT: u8 = 3;
const WHEEL_UP: u8 = 4;
const WHEEL_DOWN: u8 = 5;

/// A point on the display, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// From the left.
    pub x: i32,
    /// From the top.
    pub y: i32,
}

/// A rectangle on the display, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Left edge.
    pub x: i32,
    /// Top edge.
    pub y: i32,
    /// Width.
    pub width: i32,
    /// Height.
    pub height: i32,
}

impl Area {
    /// Its centre.
    pub fn middle(self) -> Point {
        Point {
            x: self.x + self.width / 2,
            y: self.y + self.height / 2,
        }
    }

    /// A point in it, in thousandths of its width and height.
    pub fn at(self, across: i32, down: i32) -> Point {
        Point {
            x: self.x + self.width * across / 1_000,
            y: self.y + self.height * down / 1_000,
        }
    }

    /// Whether it contains a point.
    pub fn contains(self, point: Point) -> bool {
        (self.x..self.x + self.width).contains(&point.x)
            && (self.y..self.y + self.height).contains(&point.y)
    }

    /// Its intersection with another rectangle.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        let x = self.x.max(other.x);
        let y = self.y.max(other.y);
        Self {
            x,
            y,
            width: (self.x + self.width).min(other.x + other.width) - x,
            height: (self.y + self.height).min(other.y + other.height) - y,
        }
    }

    /// Whether it is empty.
    pub fn is_empty(self) -> bool {
        self.width <= 0 || self.height <= 0
    }
}

/// Direction of the wheel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wheel {
    /// Towards the start.
    Up,
    /// Towards the end.
    Down,
}

/// Keys without a character. The numbers are X keysyms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say what is on the key")]
pub enum Key {
    Backspace = 0xff08,
    Tab = 0xff09,
    Enter = 0xff0d,
    Escape = 0xff1b,
    Home = 0xff50,
    Up = 0xff52,
    Down = 0xff54,
    PageDown = 0xff56,
    End = 0xff57,
    Menu = 0xff67,
    F2 = 0xffbf,
    Shift = 0xffe1,
    Control = 0xffe3,
    Delete = 0xffff,
}

/// The pixels of a rectangle on the display.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture(Vec<u8>);

impl Picture {
    /// How many of a thousand pixels differ; all if the sizes differ.
    pub fn difference(&self, other: &Self) -> usize {
        if self.0.len() != other.0.len() || self.0.is_empty() {
            return 1_000;
        }
        let pixels = self.0.chunks(4).zip(other.0.chunks(4));
        let differ = pixels.filter(|(one, other)| one != other).count();
        differ * 1_000 / (self.0.len() / 4)
    }

    /// Number of distinct colours.
    pub fn colours(&self) -> usize {
        let mut colours: Vec<&[u8]> = self.0.chunks(4).collect();
        colours.sort_unstable();
        colours.dedup();
        colours.len()
    }
}

/// Mouse and keyboard of a display.
pub struct Hand {
    connection: RustConnection,
    root: Window,
    /// The key of each keysym, and whether Shift has to be held.
    keys: HashMap<u32, (u8, bool)>,
}

impl Hand {
    /// Connects to the mouse and keyboard of a display.
    pub fn on(display: &Display) -> Result<Self> {
        let (connection, screen) = x11rb::connect(Some(display.name()))?;
        let setup = connection.setup();
        let root = setup
            .roots
            .get(screen)
            .context("the display has no screen")?
            .root;
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let map = connection
            .get_keyboard_mapping(first, last - first + 1)?
            .reply()?;
        let mut keys = HashMap::new();
        let levels = usize::from(map.keysyms_per_keycode);
        for (code, symbols) in (first..=last).zip(map.keysyms.chunks(levels)) {
            for (level, symbol) in symbols.iter().take(2).enumerate() {
                keys.entry(*symbol).or_insert((code, level == 1));
            }
        }
        Ok(Self {
            connection,
            root,
            keys,
        })
    }

    /// The largest window that is shown, if any is. There is no window manager, so it has no frame.
    pub fn window(&self) -> Result<Option<(Window, Area)>> {
        let mut largest: Option<(Window, Area)> = None;
        for id in self.connection.query_tree(self.root)?.reply()?.children {
            // Windows may go while they are looked at.
            let Ok(attributes) = self.connection.get_window_attributes(id)?.reply() else {
                continue;
            };
            let Ok(geometry) = self.connection.get_geometry(id)?.reply() else {
                continue;
            };
            if attributes.map_state != MapState::VIEWABLE {
                continue;
            }
            let area = Area {
                x: geometry.x.into(),
                y: geometry.y.into(),
                width: geometry.width.into(),
                height: geometry.height.into(),
            };
            if largest
                .is_none_or(|(_, other)| area.width * area.height > other.width * other.height)
            {
                largest = Some((id, area));
            }
        }
        Ok(largest)
    }

    /// Gives a window the keyboard focus, as a window manager does.
    pub fn focus(&self, window: Window) -> Result<()> {
        self.connection
            .set_input_focus(InputFocus::PARENT, window, x11rb::CURRENT_TIME)?
            .check()?;
        Ok(())
    }

    /// Resizes a window, as a window manager does.
    pub fn resize(&self, window: Window, width: u32, height: u32) -> Result<()> {
        let size = ConfigureWindowAux::new().width(width).height(height);
        self.connection.configure_window(window, &size)?.check()?;
        Ok(())
    }

    /// Moves the pointer.
    pub fn move_to(&self, to: Point) -> Result<()> {
        let (x, y) = (to.x.try_into()?, to.y.try_into()?);
        self.connection
            .xtest_fake_input(MOTION_NOTIFY_EVENT, 0, 0, self.root, x, y, 0)?
            .check()?;
        Ok(())
    }

    fn button(&self, button: u8, down: bool) -> Result<()> {
        let kind = if down {
            BUTTON_PRESS_EVENT
        } else {
            BUTTON_RELEASE_EVENT
        };
        self.fake(kind, button)
    }

    fn fake(&self, kind: u8, detail: u8) -> Result<()> {
        self.connection
            .xtest_fake_input(kind, detail, 0, self.root, 0, 0, 0)?
            .check()?;
        Ok(())
    }

    /// Clicks.
    pub fn click(&self, at: Point) -> Result<()> {
        self.click_with(LEFT, at)
    }

    /// Clicks with the button that opens menus.
    pub fn click_right(&self, at: Point) -> Result<()> {
        self.click_with(RIGHT, at)
    }

    fn click_with(&self, button: u8, at: Point) -> Result<()> {
        self.move_to(at)?;
        self.button(button, true)?;
        self.button(button, false)
    }

    /// Turns the wheel by some notches.
    pub fn wheel(&self, at: Point, way: Wheel, notches: usize) -> Result<()> {
        self.move_to(at)?;
        let button = match way {
            Wheel::Up => WHEEL_UP,
            Wheel::Down => WHEEL_DOWN,
        };
        for _ in 0..notches {
            self.button(button, true)?;
            self.button(button, false)?;
            std::thread::sleep(BEAT);
        }
        Ok(())
    }

    /// Turns the wheel while a key is held.
    pub fn wheel_with(&self, held: Key, at: Point, way: Wheel, notches: usize) -> Result<()> {
        let Some((key, _)) = self.keys.get(&(held as u32)) else {
            bail!("the keyboard has no {held:?}");
        };
        self.fake(KEY_PRESS_EVENT, *key)?;
        let turned = self.wheel(at, way, notches);
        self.fake(KEY_RELEASE_EVENT, *key)?;
        turned
    }

    /// Drags from one place to another.
    pub fn drag(&self, from: Point, to: Point) -> Result<()> {
        self.move_to(from)?;
        self.button(LEFT, true)?;
        for step in 1..=STEPS {
            std::thread::sleep(BEAT);
            self.move_to(Point {
                x: from.x + (to.x - from.x) * step / STEPS,
                y: from.y + (to.y - from.y) * step / STEPS,
            })?;
        }
        std::thread::sleep(BEAT);
        self.button(LEFT, false)
    }

    /// Presses a key.
    pub fn key(&self, key: Key) -> Result<()> {
        self.press(&[], key as u32)
    }

    /// Presses a key while another is held.
    pub fn key_with(&self, held: Key, key: Key) -> Result<()> {
        self.press(&[held], key as u32)
    }

    /// Presses Control and a character.
    pub fn control(&self, character: char) -> Result<()> {
        self.press(&[Key::Control], character.into())
    }

    /// Types a text.
    pub fn write(&self, text: &str) -> Result<()> {
        for character in text.chars() {
            self.press(&[], character.into())?;
            std::thread::sleep(BEAT);
        }
        Ok(())
    }

    /// Latin characters are their own keysyms.
    fn press(&self, held: &[Key], symbol: u32) -> Result<()> {
        let find = |symbol: u32| -> Result<(u8, bool)> {
            let Some(found) = self.keys.get(&symbol) else {
                bail!("the keyboard has no key for {symbol:#x}");
            };
            Ok(*found)
        };
        let (key, shifted) = find(symbol)?;
        let mut held: Vec<u8> = held
            .iter()
            .map(|key| Ok(find(*key as u32)?.0))
            .collect::<Result<_>>()?;
        if shifted {
            held.push(find(Key::Shift as u32)?.0);
        }
        for key in &held {
            self.fake(KEY_PRESS_EVENT, *key)?;
        }
        self.fake(KEY_PRESS_EVENT, key)?;
        self.fake(KEY_RELEASE_EVENT, key)?;
        for key in held.iter().rev() {
            self.fake(KEY_RELEASE_EVENT, *key)?;
        }
        Ok(())
    }

    /// The current pixels of a rectangle.
    pub fn picture(&self, area: Area) -> Result<Picture> {
        let image = self
            .connection
            .get_image(
                ImageFormat::Z_PIXMAP,
                self.root,
                area.x.try_into()?,
                area.y.try_into()?,
                area.width.try_into()?,
                area.height.try_into()?,
                u32::MAX,
            )?
            .reply()?;
        Ok(Picture(image.data))
    }
}
