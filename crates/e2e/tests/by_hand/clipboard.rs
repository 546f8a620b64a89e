//! Copying from Slipway, and pasting into it.

use anyhow::Result;
use slipway_e2e::accessibility::Role;
use slipway_e2e::{Desk, clipboard};

use crate::screens::{log, rests, talker};
use crate::{names, surroundings};

fn copied(desk: &Desk, is_it: impl Fn(&str) -> bool) -> String {
    desk.until("what was copied", || {
        clipboard::read(desk.display())
            .ok()?
            .filter(|text| is_it(text))
    })
}

#[test]
fn lines_of_a_log_are_selected_with_the_mouse_and_copied() -> Result<()> {
    let desk = surroundings::open()?;
    desk.click(&desk.find(Role::Link, names::CONTAINERS))?;
    desk.click(&talker(&desk))?;
    desk.click(&desk.find(Role::Tab, names::LOGS))?;
    let view = desk.still(&log(&desk));
    let last = surroundings::LINES;
    desk.find_text(Role::Section, &surroundings::line(last));
    rests(&desk, view);
    let place = |number: usize| {
        desk.still(&desk.find_text(Role::Section, &surroundings::line(number)))
            .within(view)
    };
    let (from, to) = (place(last - 6), place(last - 3));
    let before = desk.hand.picture(view)?;
    // From within the first line into the last, as a hand does.
    let start = slipway_e2e::Point {
        x: from.x + 30,
        y: from.middle().y,
    };
    let end = slipway_e2e::Point {
        x: to.x + 90,
        y: to.middle().y,
    };
    desk.hand.drag(start, end)?;
    desk.until("a selection that is seen", || {
        let now = desk.hand.picture(view).ok()?;
        (now.difference(&before) > 2).then_some(())
    });
    desk.hand.control('c')?;
    let line = surroundings::line;
    let text = copied(&desk, |text| text.contains(&line(last - 5)));
    assert_eq!(text.lines().count(), 4, "{text:?}");
    assert!(text.contains(&line(last - 4)), "{text:?}");
    // The drag ended before the words of its last line.
    assert!(!text.contains(&line(last - 3)), "whole lines: {text:?}");
    Ok(())
}

#[test]
fn a_button_copies() -> Result<()> {
    let desk = surroundings::open()?;
    desk.click(&desk.find(Role::Link, names::CONTAINERS))?;
    desk.click(&talker(&desk))?;
    desk.find(Role::Tab, names::LOGS);
    // It is at the end of a long page: the wheel gets there.
    let button = desk.find(Role::Button, names::COPY_AS_COMMAND);
    let window = desk.area()?;
    let over = window.at(750, 600);
    desk.until("the button in the window", || {
        let area = button.area().ok()?;
        if area.y + area.height < window.height - 4 {
            return Some(());
        }
        desk.hand.wheel(over, slipway_e2e::Wheel::Down, 10).ok()?;
        None
    });
    desk.click(&button)?;
    let text = copied(&desk, |text| text.starts_with("docker run"));
    assert!(text.contains("--name a-talker"), "{text:?}");
    Ok(())
}

#[test]
fn what_another_program_copied_is_pasted_into_the_search() -> Result<()> {
    let desk = surroundings::open()?;
    desk.find(Role::Heading, "nginx");
    let _other = clipboard::copy(desk.display(), "redis")?;
    desk.click(&desk.find(Role::Entry, names::SEARCH))?;
    let search = desk.focused(Role::Entry, names::SEARCH);
    desk.hand.control('v')?;
    desk.until("what was pasted", || {
        (search.text().ok()? == "redis").then_some(())
    });
    desk.gone(Role::Heading, "nginx");
    // And back: all of it is cut.
    desk.hand.control('a')?;
    desk.hand.control('x')?;
    desk.find(Role::Heading, "nginx");
    let text = copied(&desk, |_| true);
    assert_eq!(text, "redis");
    Ok(())
}
