//! Other programs that use the clipboard: one reads what was copied, one offers text to paste.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use x11rb::COPY_DEPTH_FROM_PARENT;
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ConnectionExt as _, CreateWindowAux, EventMask, PropMode,
    SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::Display;

const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);
/// Limit of a transfer, in units of four bytes; no test copies more.
const LONGEST: u32 = 1 << 20;

/// A hidden window, for communication with other programs.
pub(crate) struct Correspondent {
    pub(crate) connection: RustConnection,
    pub(crate) window: Window,
}

impl Correspondent {
    pub(crate) fn on(display: &Display) -> Result<Self> {
        let (connection, screen) = x11rb::connect(Some(display.name()))?;
        let root = connection
            .setup()
            .roots
            .get(screen)
            .context("the display has no screen")?
            .root;
        let window = connection.generate_id()?;
        connection
            .create_window(
                COPY_DEPTH_FROM_PARENT,
                window,
                root,
                -10,
                -10,
                1,
                1,
                0,
                WindowClass::INPUT_OUTPUT,
                x11rb::COPY_FROM_PARENT,
                &CreateWindowAux::new().event_mask(EventMask::PROPERTY_CHANGE),
            )?
            .check()?;
        Ok(Self { connection, window })
    }

    pub(crate) fn atom(&self, name: &str) -> Result<Atom> {
        Ok(self
            .connection
            .intern_atom(false, name.as_bytes())?
            .reply()?
            .atom)
    }

    /// Waits for data from another program.
    pub(crate) fn hear<T>(
        &self,
        what: &str,
        mut heard: impl FnMut(&Event) -> Option<T>,
    ) -> Result<T> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            match self.connection.poll_for_event()? {
                Some(event) => {
                    if let Some(heard) = heard(&event) {
                        return Ok(heard);
                    }
                }
                None => std::thread::sleep(POLL),
            }
        }
        bail!("{what}: not within {} s", PATIENCE.as_secs())
    }

    /// Answers another program's request for a selection that we own.
    pub(crate) fn give(
        &self,
        request: &SelectionRequestEvent,
        wanted: Atom,
        content: &[u8],
    ) -> Result<()> {
        let targets = self.atom("TARGETS")?;
        // Old programs let the owner choose the property.
        let property = if request.property == x11rb::NONE {
            request.target
        } else {
            request.property
        };
        let to = request.requestor;
        let given = if request.target == targets {
            let offered = [targets, wanted];
            self.connection
                .change_property32(PropMode::REPLACE, to, property, AtomEnum::ATOM, &offered)?
                .check()?;
            property
        } else if request.target == wanted {
            self.connection
                .change_property8(PropMode::REPLACE, to, property, wanted, content)?
                .check()?;
            property
        } else {
            x11rb::NONE
        };
        let answer = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: to,
            selection: request.selection,
            target: request.target,
            property: given,
        };
        self.connection
            .send_event(false, to, EventMask::NO_EVENT, answer)?
            .check()?;
        Ok(())
    }
}

/// The text in the clipboard, if it has text.
pub fn read(display: &Display) -> Result<Option<String>> {
    let desk = Correspondent::on(display)?;
    let (selection, kind) = (desk.atom("CLIPBOARD")?, desk.atom("UTF8_STRING")?);
    let property = desk.atom("SLIPWAY_TEST")?;
    desk.connection
        .convert_selection(desk.window, selection, kind, property, x11rb::CURRENT_TIME)?
        .check()?;
    let given = desk.hear("the content of the clipboard", |event| match event {
        Event::SelectionNotify(answer) => Some(answer.property),
        _ => None,
    })?;
    if given == x11rb::NONE {
        return Ok(None);
    }
    let content = desk
        .connection
        .get_property(true, desk.window, given, AtomEnum::ANY, 0, LONGEST)?
        .reply()?;
    ensure!(
        content.type_ == kind,
        "the clipboard holds more than can be read at once"
    );
    Ok(Some(String::from_utf8(content.value)?))
}

/// A program that offers text. Dropping it ends it, and empties the clipboard.
pub struct Copied {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Copies text.
pub fn copy(display: &Display, text: &str) -> Result<Copied> {
    let desk = Correspondent::on(display)?;
    let (selection, kind) = (desk.atom("CLIPBOARD")?, desk.atom("UTF8_STRING")?);
    desk.connection
        .set_selection_owner(desk.window, selection, x11rb::CURRENT_TIME)?
        .check()?;
    let owner = desk
        .connection
        .get_selection_owner(selection)?
        .reply()?
        .owner;
    ensure!(owner == desk.window, "another program holds the clipboard");
    let ended = Arc::new(AtomicBool::new(false));
    let (text, over) = (text.to_owned(), Arc::clone(&ended));
    let thread = std::thread::spawn(move || {
        while !over.load(Ordering::Relaxed) {
            match desk.connection.poll_for_event() {
                // The requesting program may be gone.
                Ok(Some(Event::SelectionRequest(request))) => {
                    let _ = desk.give(&request, kind, text.as_bytes());
                }
                Ok(Some(_)) => {}
                Ok(None) => std::thread::sleep(POLL),
                // The display has ended.
                Err(_) => return,
            }
        }
    });
    Ok(Copied {
        ended,
        thread: Some(thread),
    })
}

impl Drop for Copied {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
