//! Drags a file from another program onto a window and drops it there (XDND).

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, CLIENT_MESSAGE_EVENT, ClientMessageData, ClientMessageEvent,
    ConnectionExt as _, EventMask, Window,
};

use crate::clipboard::Correspondent;
use crate::{Display, Point};

const VERSION: u32 = 5;

/// The window's response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It accepts no drop there.
    Refused,
    /// It accepted the file. What it did with it must be checked separately.
    Taken,
}

/// Drags a file to a point of the display that belongs to `window`, and drops it.
pub fn drop_file(display: &Display, window: Window, at: Point, file: &Path) -> Result<Answer> {
    let desk = Correspondent::on(display)?;
    let uri = format!("file://{}\r\n", file.display());
    let (selection, kind) = (desk.atom("XdndSelection")?, desk.atom("text/uri-list")?);
    desk.connection
        .set_selection_owner(desk.window, selection, x11rb::CURRENT_TIME)?
        .check()?;
    let aware = desk
        .connection
        .get_property(false, window, desk.atom("XdndAware")?, AtomEnum::ATOM, 0, 1)?
        .reply()?;
    let version = aware.value32().and_then(|mut value| value.next());
    let version = version
        .context("nothing can be dropped on the window at all")?
        .min(VERSION);
    let send = |message: Atom, data: [u32; 5]| -> Result<()> {
        let event = ClientMessageEvent {
            response_type: CLIENT_MESSAGE_EVENT,
            format: 32,
            sequence: 0,
            window,
            type_: message,
            data: ClientMessageData::from(data),
        };
        desk.connection
            .send_event(false, window, EventMask::NO_EVENT, event)?
            .check()?;
        Ok(())
    };
    let enter = [desk.window, version << 24, kind, 0, 0];
    send(desk.atom("XdndEnter")?, enter)?;
    let place = u32::try_from(at.x)? << 16 | u32::try_from(at.y)?;
    let over = [
        desk.window,
        0,
        place,
        x11rb::CURRENT_TIME,
        desk.atom("XdndActionCopy")?,
    ];
    let (status, position) = (desk.atom("XdndStatus")?, desk.atom("XdndPosition")?);
    let answer = || {
        send(position, over)?;
        desk.hear(
            "what the window says to a file above it",
            |event| match event {
                Event::ClientMessage(message) if message.type_ == status => {
                    Some(message.data.as_data32()[1] & 1 == 1)
                }
                Event::SelectionRequest(request) => {
                    // The window's response shows whether it worked.
                    let _ = desk.give(request, kind, uri.as_bytes());
                    None
                }
                _ => None,
            },
        )
    };
    // Windows may inspect the dragged data before they decide.
    let accepted = answer()? || answer()?;
    if !accepted {
        send(desk.atom("XdndLeave")?, [desk.window, 0, 0, 0, 0])?;
        return Ok(Answer::Refused);
    }
    send(
        desk.atom("XdndDrop")?,
        [desk.window, 0, x11rb::CURRENT_TIME, 0, 0],
    )?;
    let finished = desk.atom("XdndFinished")?;
    let given = desk.hear("the end of the drop", |event| match event {
        Event::SelectionRequest(request) => {
            let _ = desk.give(request, kind, uri.as_bytes());
            None
        }
        Event::ClientMessage(message) if message.type_ == finished => Some(()),
        _ => None,
    });
    ensure!(given.is_ok(), "the window never said that the drop is over");
    Ok(Answer::Taken)
}
