//! One Slipway per session: a second start shows the window of the first one and exits.
//!
//! The check runs before GTK. Tauri's plug-in, which other systems use, checks later and exits while threads are
//! running, which crashes now and then.

use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};

use tauri::{AppHandle, Manager as _};
use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;

use crate::window;

const PATH: &str = "/io/github/slipway_app/Slipway";
const INTERFACE: &str = "io.github.slipway_app.Slipway";
/// Timeout for the first instance's answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause before another attempt.
const PAUSE: Duration = Duration::from_millis(100);

/// The role of this process.
pub(crate) enum Instance {
    /// The first instance, for as long as this is held.
    First(First),
    /// Another instance is running, and shows its window.
    Second,
    /// Another instance is running and does not answer.
    Unheard(zbus::Error),
}

pub(crate) struct First {
    app: Arc<OnceLock<AppHandle>>,
    /// Empty if there is no session bus.
    _connection: Option<Connection>,
}

impl First {
    /// From now on, other starts show this app's window. The app keeps the instance alive.
    pub(crate) fn serve(self, app: &AppHandle) {
        // It is set only here.
        let _ = self.app.set(app.clone());
        app.manage(self);
    }
}

struct Window(Arc<OnceLock<AppHandle>>);

#[zbus::interface(name = "io.github.slipway_app.Slipway")]
impl Window {
    /// Answers once the window is shown, so that the caller notices a hung window.
    fn show(&self) -> zbus::fdo::Result<()> {
        // Before the app exists, its window is about to be shown anyway.
        let Some(app) = self.0.get() else {
            return Ok(());
        };
        let failed = |why: String| zbus::fdo::Error::Failed(why);
        let (done, waiting) = mpsc::channel();
        let of = app.clone();
        let asked = app.run_on_main_thread(move || {
            window::show(&of);
            // The caller may have given up.
            let _ = done.send(());
        });
        asked.map_err(|error| failed(error.to_string()))?;
        waiting
            .recv_timeout(PATIENCE)
            .map_err(|error| failed(error.to_string()))
    }
}

/// Determines whether this is the first instance of `identifier` in this session.
pub(crate) fn claim(identifier: &str) -> Instance {
    let began = Instant::now();
    loop {
        let app = Arc::default();
        let first = match own(identifier, Window(Arc::clone(&app))) {
            Ok(connection) => Some(connection),
            Err(zbus::Error::NameTaken) => match call(identifier) {
                Ok(()) => return Instance::Second,
                Err(error) if began.elapsed() > PATIENCE => return Instance::Unheard(error),
                // It may just have exited.
                Err(_) => {
                    std::thread::sleep(PAUSE);
                    continue;
                }
            },
            Err(error) => {
                tracing::warn!(%error, "without a session bus other instances are not found");
                None
            }
        };
        return Instance::First(First {
            app,
            _connection: first,
        });
    }
}

fn own(identifier: &str, window: Window) -> zbus::Result<Connection> {
    Builder::session()?
        .method_timeout(PATIENCE)
        .name(identifier)?
        .replace_existing_names(false)
        .allow_name_replacements(false)
        .serve_at(PATH, window)?
        .build()
}

fn call(identifier: &str) -> zbus::Result<()> {
    let session = Builder::session()?.method_timeout(PATIENCE).build()?;
    let arguments = ();
    session.call_method(Some(identifier), PATH, Some(INTERFACE), "Show", &arguments)?;
    Ok(())
}
