//! Typing and focus.

use anyhow::Result;
use slipway_e2e::accessibility::Role;
use slipway_e2e::{Area, Desk, Key};

use crate::screens::focused;
use crate::{names, surroundings};

/// Margin for the focus ring.
const RING: i32 = 4;

#[test]
fn typing_searches_and_escape_clears() -> Result<()> {
    let desk = surroundings::open()?;
    desk.find(Role::Heading, "Redis");
    desk.click(&desk.find(Role::Entry, names::SEARCH))?;
    let search = desk.focused(Role::Entry, names::SEARCH);
    desk.hand.write("Nginx")?;
    desk.until("what was typed", || {
        (search.text().ok()? == "Nginx").then_some(())
    });
    desk.gone(Role::Heading, "Redis");
    desk.find(Role::Heading, "nginx");
    desk.hand.key(Key::Backspace)?;
    desk.until("one letter less", || {
        (search.text().ok()? == "Ngin").then_some(())
    });
    desk.hand.key(Key::Escape)?;
    desk.find(Role::Heading, "Redis");
    desk.until("an empty search", || {
        // A placeholder is not the field's text.
        (search.text().ok()?.trim().is_empty()).then_some(())
    });
    Ok(())
}

/// Each Tab focuses another element, and a ring shows which; Shift and Tab go back.
#[test]
fn tab_moves_the_focus_and_a_ring_shows_it() -> Result<()> {
    let desk = surroundings::open()?;
    desk.find(Role::Heading, "nginx");
    let links = [names::BROWSE, names::CONTAINERS, names::IMAGES];
    let mut rings = Vec::new();
    for name in links {
        let link = desk.find(Role::Link, name);
        let at = around(desk.still(&link), desk.area()?);
        rings.push((name, at, desk.hand.picture(at)?));
    }
    for (name, at, before) in &rings {
        desk.hand.key(Key::Tab)?;
        desk.focused(Role::Link, name);
        desk.until(&format!("a ring around {name}"), || {
            let now = desk.hand.picture(*at).ok()?;
            (now != *before).then_some(())
        });
    }
    let mut passed = Vec::new();
    for _ in 0..6 {
        let before = focused(&desk);
        desk.hand.key(Key::Tab)?;
        let now = desk.until("the next element's focus", || {
            let now = focused(&desk);
            (now.is_some() && now != before).then_some(now)
        });
        assert!(!passed.contains(&now), "Tab goes in circles");
        passed.push(now);
    }
    for wanted in passed.iter().rev().skip(1) {
        desk.hand.key_with(Key::Shift, Key::Tab)?;
        desk.until("the focus on the element before", || {
            (focused(&desk) == *wanted).then_some(())
        });
    }
    Ok(())
}

fn around(area: Area, within: Area) -> Area {
    Area {
        x: area.x - RING,
        y: area.y - RING,
        width: area.width + 2 * RING,
        height: area.height + 2 * RING,
    }
    .within(within)
}

/// The list of keys opens with a question mark and closes with Escape.
#[test]
fn the_list_of_keys() -> Result<()> {
    let desk: Desk = surroundings::open()?;
    desk.find(Role::Heading, "nginx");
    desk.hand.write("?")?;
    let help = desk.until("a dialog", || {
        desk.page().all(Role::Dialog).ok()?.into_iter().next()
    });
    desk.still(&help);
    desk.hand.key(Key::Escape)?;
    desk.until("the end of the dialog", || {
        desk.page().all(Role::Dialog).ok()?.is_empty().then_some(())
    });
    Ok(())
}
