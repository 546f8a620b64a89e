//! One Slipway in a session: a second start shows the window of the first and ends.
//!
//! It is asked before GTK runs. Tauri's plugin, which other systems use, asks later and ends the process among its threads,
//! which crashes now and then.

use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};

use tauri::{AppHandle, Manager as _};
use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;

use crate::window;

const PATH: &str = "/io/github/slipway_app/Slipway";
const INTERFACE: &str = "io.github.slipway_app.Slipway";
/// How long the first one may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Before it is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// Which start of Slipway this is.
pub(crate) enum Instance {
    /// The first, for as long as this is held.
    First(First),
    /// Another one runs, and shows its window.
    Second,
    /// Another one runs and does not answer.
    Unheard(zbus::Error),
}

pub(crate) struct First {
    app: Arc<OnceLock<AppHandle>>,
    /// Nothing where there is no session to be alone in.
    _connection: Option<Connection>,
}

impl First {
    /// From now on it is this one's window that is shown. The app holds the instance.
    pub(crate) fn serve(self, app: &AppHandle) {
        // Nobody else sets it.
        let _ = self.app.set(app.clone());
        app.manage(self);
    }
}

struct Window(Arc<OnceLock<AppHandle>>);

#[zbus::interface(name = "io.github.slipway_app.Slipway")]
impl Window {
    /// Answers when it was done, so that whoever asks hears of a window that hangs.
    fn show(&self) -> zbus::fdo::Result<()> {
        // Before there is an app, it is about to show itself.
        let Some(app) = self.0.get() else {
            return Ok(());
        };
        let failed = |why: String| zbus::fdo::Error::Failed(why);
        let (done, waiting) = mpsc::channel();
        let of = app.clone();
        let asked = app.run_on_main_thread(move || {
            window::show(&of);
            // Whoever asked may have given up.
            let _ = done.send(());
        });
        asked.map_err(|error| failed(error.to_string()))?;
        waiting
            .recv_timeout(PATIENCE)
            .map_err(|error| failed(error.to_string()))
    }
}

/// Finds out whether this is the first start of `identifier` in this session.
pub(crate) fn claim(identifier: &str) -> Instance {
    let began = Instant::now();
    loop {
        let app = Arc::default();
        let first = match own(identifier, Window(Arc::clone(&app))) {
            Ok(connection) => Some(connection),
            Err(zbus::Error::NameTaken) => match call(identifier) {
                Ok(()) => return Instance::Second,
                Err(error) if began.elapsed() > PATIENCE => return Instance::Unheard(error),
                // It may just have ended.
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
