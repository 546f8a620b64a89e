//! The windows of a display, and hiding one as a minimised window is hidden.

use anyhow::{Context as _, Result};
use slipway_e2e::Display;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{ConnectionExt as _, MapState, Window};
use x11rb::rust_connection::RustConnection;

/// A window and where it is on the screen, in pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Toplevel {
    id: Window,
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// A connection to a display.
pub(crate) struct Windows {
    connection: RustConnection,
    root: Window,
}

impl Windows {
    pub(crate) fn of(display: &Display) -> Result<Self> {
        let (connection, screen) = x11rb::connect(Some(display.name()))?;
        let root = connection
            .setup()
            .roots
            .get(screen)
            .context("the display has no screen")?
            .root;
        Ok(Self { connection, root })
    }

    /// The largest window that is shown, if any is. There is no window manager, so it has no frame.
    pub(crate) fn toplevel(&self) -> Result<Option<Toplevel>> {
        let mut largest: Option<Toplevel> = None;
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
            let window = Toplevel {
                id,
                x: usize::try_from(geometry.x).unwrap_or(0),
                y: usize::try_from(geometry.y).unwrap_or(0),
                width: geometry.width.into(),
                height: geometry.height.into(),
            };
            if largest.is_none_or(|other| window.width * window.height > other.width * other.height)
            {
                largest = Some(window);
            }
        }
        Ok(largest)
    }

    /// What a window manager does to minimise a window. GTK takes it for that where there is no window manager.
    pub(crate) fn hide(&self, window: Toplevel) -> Result<()> {
        self.connection.unmap_window(window.id)?.check()?;
        Ok(())
    }

    pub(crate) fn show(&self, window: Toplevel) -> Result<()> {
        self.connection.map_window(window.id)?.check()?;
        Ok(())
    }
}
