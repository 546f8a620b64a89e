//! Menus and scroll bars.

use anyhow::Result;
use slipway_e2e::accessibility::Role;
use slipway_e2e::{Desk, Key, Point};
use slipway_testkit::Engine;

use crate::screens::small;
use crate::{names, surroundings};

#[test]
fn a_row_has_a_context_menu() -> Result<()> {
    // An engine of its own: what it starts would move rows below other tests' pointers.
    let engine = Engine::start()?;
    engine.load_sample("slipway/busybox:latest")?;
    let desk = Desk::open(&engine.host())?;
    let name = "menu-target";
    engine.docker_ok(&["create", "--name", name, "slipway/busybox", "sleep", "600"]);
    desk.click(&desk.find(Role::Link, names::CONTAINERS))?;
    let row = desk.find_text(Role::TableCell, name);
    let at = desk.still(&row).middle();
    // Opened, and closed again by the keyboard.
    desk.hand.click_right(at)?;
    desk.find(Role::MenuItem, names::START);
    desk.hand.key(Key::Escape)?;
    desk.gone(Role::MenuItem, names::START);
    // Opened, and closed by a click elsewhere, which does nothing else.
    desk.hand.click_right(at)?;
    desk.find(Role::MenuItem, names::START);
    desk.hand.click(desk.area()?.at(500, 20))?;
    desk.gone(Role::MenuItem, names::START);
    // Opened and used.
    desk.hand.click_right(at)?;
    desk.click(&desk.find(Role::MenuItem, names::START))?;
    desk.gone(Role::MenuItem, names::START);
    desk.until("the container's start", || {
        let state = engine.docker_ok(&["inspect", name, "--format", "{{.State.Status}}"]);
        (state.trim() == "running").then_some(())
    });
    Ok(())
}

#[test]
fn a_scroll_bar_is_dragged() -> Result<()> {
    let desk = surroundings::open()?;
    small(&desk)?;
    desk.click(&desk.find(Role::Link, names::CONTAINERS))?;
    let first = desk.find_text(Role::TableCell, surroundings::TALKER);
    let before = desk.still(&first);
    let list = desk.still(&desk.find(Role::Landmark, names::LIST_OF_CONTAINERS));
    // The thumb is at the beginning of the bar, which is at the list's right edge.
    let x = list.x + list.width - 5;
    let from = Point {
        x,
        y: before.middle().y,
    };
    let to = Point {
        x,
        y: from.y + list.height / 3,
    };
    desk.hand.drag(from, to)?;
    desk.until("rows that moved with the bar", || {
        first
            .area()
            .map_or(true, |now| now.y <= before.y - 100)
            .then_some(())
    });
    // Further than it was, as a hand does that wants the beginning.
    let above = Point { x, y: from.y - 60 };
    desk.hand.drag(to, above)?;
    desk.until("rows that moved back", || {
        let first = desk
            .page()
            .find_text(Role::TableCell, surroundings::TALKER)?;
        (first.area().ok()?.y == before.y).then_some(())
    });
    Ok(())
}
