//! Every screen is opened, scrolled and left: by mouse, and by keyboard.

use anyhow::{Result, bail};
use slipway_e2e::accessibility::{Element, Role};
use slipway_e2e::{Area, Desk, Key, Picture, Wheel};

use crate::names;
use crate::surroundings::{self, TALKER, container};

/// What is looked at to tell whether something scrolled.
const PARTS: [Role; 8] = [
    Role::Button,
    Role::CheckBox,
    Role::Heading,
    Role::Link,
    Role::ListItem,
    Role::Paragraph,
    Role::Section,
    Role::TableCell,
];
/// Less is no scrolling.
const MOVED: i32 = 16;
/// So many of a thousand pixels change at least when something scrolls.
const CHANGED: usize = 10;
/// And so many when nothing but the picture tells of it.
const CHANGED_MUCH: usize = 60;
/// The same picture again, with something else below the pointer.
const CHANGED_LITTLE: usize = 30;
/// A picture rests when it looks the same so often.
const LOOKS: usize = 4;
const NOTCHES: usize = 4;
const ENOUGH_NOTCHES: usize = 60;
/// So often a key is pressed until it has scrolled.
const PRESSES: usize = 60;

/// What can be seen in a part of the display, and where it was.
struct Seen {
    parts: Vec<(Element, Area)>,
    picture: Picture,
    area: Area,
    /// Whether the picture alone has to tell: the web view does not say where things in the palette are, which is moved by a
    /// transform.
    only_picture: bool,
}

impl Seen {
    fn of(desk: &Desk, area: Area) -> Result<Self> {
        let mut parts = Vec::new();
        let only_picture = desk.seen(Role::ListBox, names::COMMANDS).is_some();
        for role in PARTS {
            for part in desk.page().all(role)? {
                // Some go while they are looked at.
                let Ok(at) = part.area() else { continue };
                if at.height < area.height && area.contains(at.middle()) {
                    parts.push((part, at));
                }
            }
        }
        let picture = desk.hand.picture(area)?;
        Ok(Self {
            parts,
            picture,
            area,
            only_picture,
        })
    }

    /// Whether what was seen is elsewhere, or gone, and it shows.
    fn has_moved(&self, desk: &Desk) -> Option<()> {
        let picture = desk.hand.picture(self.area).ok()?;
        let difference = self.picture.difference(&picture);
        if self.only_picture {
            return (difference >= CHANGED_MUCH).then_some(());
        }
        let moved = self.parts.iter().filter(|(part, before)| {
            part.area()
                .map_or(true, |now| (now.y - before.y).abs() >= MOVED)
        });
        let enough = moved.count() * 2 > self.parts.len();
        (enough && difference >= CHANGED).then_some(())
    }

    /// Whether all is as it was, but for what changes by itself.
    fn is_back(&self, desk: &Desk) -> Option<()> {
        let there = self
            .parts
            .iter()
            .any(|(part, before)| part.area().is_ok_and(|now| now == *before));
        let picture = desk.hand.picture(self.area).ok()?;
        let same = self.picture.difference(&picture) <= CHANGED_LITTLE;
        (same && (there || self.only_picture)).then_some(())
    }
}

/// Waits until a part of the display does not change any more.
pub(crate) fn rests(desk: &Desk, area: Area) {
    let mut last = None;
    let mut same = 0;
    desk.until("a picture that rests", || {
        let now = desk.hand.picture(area).ok();
        same = if now == last { same + 1 } else { 0 };
        last = now;
        (same == LOOKS).then_some(())
    });
}

/// Turns the wheel there, and back.
pub(crate) fn scrolls_by_wheel(desk: &Desk, what: &str, area: Area, first: Wheel) -> Result<()> {
    // The pointer changes what is below it, so it is there before the wheel turns.
    desk.hand.move_to(area.middle())?;
    rests(desk, area);
    let seen = Seen::of(desk, area)?;
    assert!(!seen.parts.is_empty(), "nothing is seen of {what}");
    desk.hand.wheel(area.middle(), first, NOTCHES)?;
    desk.until(&format!("{what} scrolled by the wheel"), || {
        seen.has_moved(desk)
    });
    let back = match first {
        Wheel::Up => Wheel::Down,
        Wheel::Down => Wheel::Up,
    };
    desk.hand.wheel(area.middle(), back, ENOUGH_NOTCHES)?;
    // What is below a pointer that does not move is lit again only when it does.
    let mut places = [area.middle(), area.at(520, 500)].into_iter().cycle();
    desk.until(&format!("{what} scrolled back by the wheel"), || {
        desk.hand.move_to(places.next()?).ok()?;
        seen.is_back(desk)
    });
    Ok(())
}

/// Presses a key until what is there has scrolled.
fn scrolls_by_key(desk: &Desk, what: &str, area: Area, key: Key) -> Result<()> {
    let seen = Seen::of(desk, area)?;
    assert!(!seen.parts.is_empty(), "nothing is seen of {what}");
    let mut presses = 0;
    desk.until(&format!("{what} scrolled by {key:?}"), || {
        if presses < PRESSES {
            presses += 1;
            desk.hand.key(key).ok()?;
        }
        seen.has_moved(desk)
    });
    Ok(())
}

/// A small window, so that there is something to scroll on every screen.
pub(crate) fn small(desk: &Desk) -> Result<()> {
    let (width, height) = (900, 480);
    desk.hand.resize(desk.window(), width, height)?;
    desk.until("the page in its new size", || {
        let area = desk.page().area().ok()?;
        (area.width == i32::try_from(width).ok()? && area.height <= i32::try_from(height).ok()? + 1)
            .then_some(())
    });
    Ok(())
}

fn region(desk: &Desk, role: Role, name: &str) -> Area {
    desk.still(&desk.find(role, name))
}

/// The part of the window beside the navigation and below the header.
fn below_header(desk: &Desk) -> Result<Area> {
    let window = desk.area()?;
    let nav = desk.find(Role::Landmark, "Main").area()?;
    Ok(Area {
        x: nav.x + nav.width,
        y: 86,
        width: window.width - nav.width - 12,
        height: window.height - 96,
    })
}

pub(crate) fn talker(desk: &Desk) -> Element {
    desk.find_text(Role::TableCell, TALKER)
}

/// The log, wherever it is.
pub(crate) fn log(desk: &Desk) -> Element {
    desk.until("the log", || {
        desk.page().all(Role::Log).ok()?.into_iter().next()
    })
}

fn dialog(desk: &Desk) -> Element {
    desk.until("a dialog", || {
        desk.page().all(Role::Dialog).ok()?.into_iter().next()
    })
}

fn no_dialog(desk: &Desk) {
    desk.until("the end of the dialog", || {
        desk.page().all(Role::Dialog).ok()?.is_empty().then_some(())
    });
}

fn panel(desk: &Desk, name: &str) -> Area {
    let panel = desk.until(&format!("the panel {name}"), || {
        [Role::ScrollPane, Role::Panel]
            .into_iter()
            .find_map(|role| desk.seen(role, name))
    });
    desk.still(&panel)
}

#[test]
fn every_screen_by_mouse_and_wheel() -> Result<()> {
    let desk = surroundings::open()?;
    small(&desk)?;
    // Browse.
    desk.find(Role::Heading, "nginx");
    scrolls_by_wheel(&desk, "Browse", below_header(&desk)?, Wheel::Down)?;
    // The palette, left by a click beside it.
    desk.click(&desk.find(Role::Button, names::COMMANDS))?;
    let list = region(&desk, Role::ListBox, names::COMMANDS);
    scrolls_by_wheel(&desk, "the palette", list, Wheel::Down)?;
    desk.hand.click(desk.area()?.at(500, 980))?;
    desk.gone(Role::ListBox, names::COMMANDS);
    // The run sheet.
    desk.click(&desk.find(Role::Button, names::CONFIGURE_NGINX))?;
    let sheet = dialog(&desk);
    desk.find_in(&sheet, Role::Entry, "Name");
    let area = desk.still(&sheet);
    let fields = Area {
        y: area.y + 80,
        height: area.height - 160,
        ..area
    };
    scrolls_by_wheel(&desk, "the run sheet", fields, Wheel::Down)?;
    desk.click(&desk.find_in(&sheet, Role::Button, names::CLOSE))?;
    no_dialog(&desk);
    // Containers.
    desk.click(&desk.find(Role::Link, names::CONTAINERS))?;
    desk.find_text(Role::TableCell, &container(0));
    scrolls_by_wheel(&desk, "Containers", below_header(&desk)?, Wheel::Down)?;
    // A container: Overview, Logs.
    desk.click(&talker(&desk))?;
    let overview = panel(&desk, names::OVERVIEW);
    desk.find(Role::Tab, names::LOGS);
    scrolls_by_wheel(&desk, "a container's overview", overview, Wheel::Down)?;
    desk.click(&desk.find(Role::Tab, names::LOGS))?;
    let log = desk.still(&log(&desk));
    desk.find_text(Role::Section, &surroundings::line(surroundings::LINES));
    scrolls_by_wheel(&desk, "a container's log", log, Wheel::Up)?;
    desk.click(&desk.find(Role::Button, names::CLOSE))?;
    desk.gone(Role::Tab, names::LOGS);
    // Images.
    desk.click(&desk.find(Role::Link, names::IMAGES))?;
    desk.find(Role::Button, "Run ");
    scrolls_by_wheel(&desk, "Images", below_header(&desk)?, Wheel::Down)?;
    // Engine.
    desk.click(&desk.find(Role::Button, names::ENGINE_BUTTON))?;
    desk.find(Role::Heading, "Engine");
    desk.gone(Role::Button, "Run ");
    scrolls_by_wheel(&desk, "Engine", below_header(&desk)?, Wheel::Down)?;
    // Settings.
    desk.click(&desk.find(Role::Link, names::SETTINGS))?;
    desk.find(Role::Heading, names::SETTINGS);
    scrolls_by_wheel(&desk, "Settings", below_header(&desk)?, Wheel::Down)?;
    desk.click(&desk.find(Role::Link, names::BROWSE))?;
    desk.find(Role::Heading, "nginx");
    Ok(())
}

#[test]
fn every_screen_by_keyboard() -> Result<()> {
    let desk = surroundings::open()?;
    small(&desk)?;
    let hand = &desk.hand;
    // Browse, from its search into the cards.
    desk.find(Role::Heading, "nginx");
    hand.write("/")?;
    desk.focused(Role::Entry, names::SEARCH);
    scrolls_by_key(&desk, "Browse", below_header(&desk)?, Key::Down)?;
    // The palette.
    hand.control('k')?;
    let list = region(&desk, Role::ListBox, names::COMMANDS);
    scrolls_by_key(&desk, "the palette", list, Key::Down)?;
    hand.key(Key::Escape)?;
    desk.gone(Role::ListBox, names::COMMANDS);
    // The run sheet, of what was searched for.
    hand.control('1')?;
    hand.write("/")?;
    let search = desk.focused(Role::Entry, names::SEARCH);
    hand.write("nginx")?;
    desk.until("the words in the search", || {
        (search.text().ok()? == "nginx").then_some(())
    });
    desk.gone(Role::Heading, "Redis");
    hand.key(Key::Down)?;
    desk.focused(Role::ListItem, "nginx");
    hand.key_with(Key::Shift, Key::Enter)?;
    let sheet = dialog(&desk);
    desk.find_in(&sheet, Role::Entry, "Name");
    let area = desk.still(&sheet);
    let fields = Area {
        y: area.y + 80,
        height: area.height - 160,
        ..area
    };
    scrolls_by_key(&desk, "the run sheet", fields, Key::Tab)?;
    hand.key(Key::Escape)?;
    no_dialog(&desk);
    // Containers.
    hand.control('2')?;
    desk.find_text(Role::TableCell, &container(0));
    desk.gone(Role::Heading, "nginx");
    tab_into_rows(&desk)?;
    scrolls_by_key(&desk, "Containers", below_header(&desk)?, Key::Down)?;
    hand.key(Key::Home)?;
    // A container: Overview, Logs.
    desk.until("the list from its beginning", || {
        let cell = desk.page().find_text(Role::TableCell, TALKER)?;
        below_header(&desk)
            .ok()?
            .contains(cell.area().ok()?.middle())
            .then_some(())
    });
    hand.key(Key::Enter)?;
    let overview = panel(&desk, names::OVERVIEW);
    scrolls_by_key(&desk, "a container's overview", overview, Key::Tab)?;
    hand.control('k')?;
    region(&desk, Role::ListBox, names::COMMANDS);
    hand.write(&format!("logs of {TALKER}"))?;
    desk.until("the command", || {
        let list = desk.seen(Role::ListBox, names::COMMANDS)?;
        let options = list.children().ok()?;
        let first = options
            .iter()
            .find(|it| it.name().is_ok_and(|name| !name.is_empty()))?;
        first.name().ok()?.contains(TALKER).then_some(())
    });
    hand.key(Key::Enter)?;
    let log_area = desk.still(&log(&desk));
    desk.find_text(Role::Section, &surroundings::line(surroundings::LINES));
    tab_to(&desk, &log(&desk))?;
    scrolls_by_key(&desk, "a container's log", log_area, Key::Home)?;
    // Images.
    hand.control('3')?;
    desk.find(Role::Button, "Run ");
    tab_into_rows(&desk)?;
    scrolls_by_key(&desk, "Images", below_header(&desk)?, Key::Down)?;
    // Engine.
    hand.control('4')?;
    desk.find(Role::Heading, "Engine");
    desk.gone(Role::Button, "Run ");
    scrolls_by_key(&desk, "Engine", below_header(&desk)?, Key::Tab)?;
    // Settings.
    hand.control(',')?;
    desk.find(Role::Heading, names::SETTINGS);
    scrolls_by_key(&desk, "Settings", below_header(&desk)?, Key::Tab)?;
    hand.control('1')?;
    desk.find(Role::Heading, "nginx");
    Ok(())
}

/// Presses Tab until a row of a table has the focus.
fn tab_into_rows(desk: &Desk) -> Result<()> {
    tab_until(desk, "a row", |focused| focused.is_a(Role::TableRow))
}

/// Presses Tab until an element has the focus.
fn tab_to(desk: &Desk, element: &Element) -> Result<()> {
    let name = element.name().unwrap_or_default();
    tab_until(desk, &name, |focused| Ok(focused == element))
}

fn tab_until(desk: &Desk, what: &str, there: impl Fn(&Element) -> Result<bool>) -> Result<()> {
    for _ in 0..PRESSES {
        let before = focused(desk);
        if before.as_ref().is_some_and(|it| there(it).unwrap_or(false)) {
            return Ok(());
        }
        desk.hand.key(Key::Tab)?;
        desk.until("the focus on something else", || {
            (focused(desk) != before).then_some(())
        });
    }
    bail!("{what} is not reached with Tab")
}

/// What has the focus, among what can have it.
pub(crate) fn focused(desk: &Desk) -> Option<Element> {
    desk.page().focused()
}
