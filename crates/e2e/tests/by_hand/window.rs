//! The window itself: its size, and files dropped on it.

use anyhow::Result;
use slipway_e2e::accessibility::Role;
use slipway_e2e::drop_file::drop_file;
use slipway_e2e::{Area, Key, Wheel};

use crate::{names, surroundings};

/// A painted page has more colours than a blank one.
const COLOURS: usize = 20;

#[test]
fn the_page_follows_the_size_of_the_window() -> Result<()> {
    let desk = surroundings::open()?;
    desk.find(Role::Heading, "nginx");
    for (width, height) in [(720, 500), (1400, 860), (900, 600)] {
        desk.hand.resize(desk.window(), width, height)?;
        let wide = i32::try_from(width)?;
        desk.until(&format!("a page of {width}×{height}"), || {
            let window = desk.area().ok()?;
            let page = desk.page().area().ok()?;
            (window.width == wide && page.width == wide).then_some(())
        });
        let nginx = desk.still(&desk.find(Role::Heading, "nginx"));
        assert!(
            nginx.x + nginx.width <= wide,
            "nginx lies outside: {nginx:?}"
        );
        desk.until("a page that is painted up to its lower edge", || {
            let window = desk.area().ok()?;
            let lower = Area {
                y: window.y + window.height - 160,
                height: 160,
                ..window
            };
            (desk.hand.picture(lower).ok()?.colours() > COLOURS).then_some(())
        });
    }
    Ok(())
}

#[test]
fn control_with_keys_and_wheel_enlarges() -> Result<()> {
    let desk = surroundings::open()?;
    let size = || desk.still(&desk.find(Role::Link, names::CONTAINERS)).height;
    let normal = size();
    desk.hand.control('=')?;
    desk.until("a larger page", || (size() > normal).then_some(()));
    desk.hand.control('0')?;
    desk.until("a page of its own size", || {
        (size() == normal).then_some(())
    });
    desk.hand
        .wheel_with(Key::Control, desk.area()?.middle(), Wheel::Up, 1)?;
    desk.until("a larger page", || (size() > normal).then_some(()));
    desk.hand
        .wheel_with(Key::Control, desk.area()?.middle(), Wheel::Down, 1)?;
    desk.until("a page of its own size", || {
        (size() == normal).then_some(())
    });
    Ok(())
}

/// A browser would navigate to the file, and Slipway would be gone.
#[test]
fn a_file_that_is_dropped_on_it_does_nothing() -> Result<()> {
    let mut desk = surroundings::open()?;
    desk.find(Role::Heading, "nginx");
    let file = desk.home().join("dropped.html");
    std::fs::write(&file, "<title>dropped</title><h1>dropped</h1>")?;
    for at in [
        desk.area()?.middle(),
        desk.still(&desk.find(Role::Entry, names::SEARCH)).middle(),
    ] {
        let answer = drop_file(desk.display(), desk.window(), at, &file)?;
        println!("dropped at {at:?}: {answer:?}");
    }
    // The page is still there and works.
    desk.click(&desk.find(Role::Link, names::CONTAINERS))?;
    surroundings_are_listed(&desk);
    desk.click(&desk.find(Role::Link, names::BROWSE))?;
    desk.find(Role::Heading, "nginx");
    assert!(desk.seen(Role::Heading, "dropped").is_none());
    assert!(desk.runs()?);
    Ok(())
}

fn surroundings_are_listed(desk: &slipway_e2e::Desk) {
    desk.find_text(Role::TableCell, surroundings::TALKER);
}
