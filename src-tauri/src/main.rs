//! Slipway's window: the only crate that knows Tauri.
//!
//! It exposes `slipway-core` through commands, events and channels (`commands/`, `events.rs`), and implements what a
//! desktop app needs: a single instance, one window, its position on the screen. It makes no decisions about
//! containers.

// No console window beside the app on Windows.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod bindings;
mod commands;
mod events;
#[cfg(target_os = "linux")]
mod painting;
#[cfg(target_os = "linux")]
mod single_instance;
mod window;

use std::sync::Arc;
use std::time::Duration;

use slipway_core::{Change, SettingsFile, Slipway};
use slipway_engine::Environment;
use tauri::{AppHandle, Manager as _, RunEvent};
use tokio::sync::broadcast::error::RecvError;
use tracing_subscriber::EnvFilter;

#[cfg(target_os = "linux")]
use crate::single_instance::Instance;

/// How long the process stays after its window was closed, to clean up after unfinished runs.
const TIDY_UP: Duration = Duration::from_secs(10);

/// The use-cases, as state for commands.
pub(crate) type Core<'a> = tauri::State<'a, Arc<Slipway>>;

fn main() {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_env("SLIPWAY_LOG"))
        .with_writer(std::io::stderr)
        .init();
    #[cfg(target_os = "linux")]
    painting::choose();
    let context = tauri::generate_context!();
    #[cfg(target_os = "linux")]
    let instance = match single_instance::claim(&context.config().identifier) {
        Instance::First(instance) => instance,
        Instance::Second => return,
        Instance::Unheard(error) => {
            tracing::error!(%error, "another Slipway does not answer");
            eprintln!("error: Slipway is already running and is not responding");
            eprintln!("hint: end it (its process is called slipway-desktop) and start it again");
            std::process::exit(1);
        }
    };
    let commands = bindings::builder();
    let builder = tauri::Builder::default();
    #[cfg(not(target_os = "linux"))]
    let builder = builder.plugin(tauri_plugin_single_instance::init(|app, _, _| {
        window::show(app);
    }));
    let result = builder
        .plugin(tauri_plugin_window_state::Builder::default().build())
        .plugin(tauri_plugin_opener::init())
        .plugin(tauri_plugin_dialog::init())
        .invoke_handler(commands.invoke_handler())
        .setup(move |app| {
            commands.mount_events(app);
            let core = tauri::async_runtime::block_on(async {
                Arc::new(Slipway::follow(
                    Environment::from_process(),
                    SettingsFile::of_user(),
                ))
            });
            app.manage(Arc::clone(&core));
            forward(app.handle(), &core);
            if starts_the_machine() {
                tauri::async_runtime::spawn(async move {
                    if let Err(error) = core.machine_start_if_needed().await {
                        tracing::warn!(?error, "the machine was not started");
                    }
                });
            }
            window::open(app.handle())?;
            #[cfg(target_os = "linux")]
            instance.serve(app.handle());
            Ok(())
        })
        .build(context);
    match result {
        Ok(app) => app.run(tidy_up_before_exit),
        Err(error) => {
            tracing::error!(%error, "Slipway cannot start");
            eprintln!("error: Slipway cannot open its window: {error}");
            eprintln!("hint: the `slipway` command works without a window");
            std::process::exit(1);
        }
    }
}

/// Whether to start the machine without asking if there is no other engine: `SLIPWAY_START_MACHINE=1`, as for `slipway
/// run`.
fn starts_the_machine() -> bool {
    std::env::var("SLIPWAY_START_MACHINE")
        .is_ok_and(|wish| !matches!(wish.as_str(), "" | "0" | "false" | "no" | "off" | "n" | "f"))
}

/// Closing the window during a run cancels the run, which takes a moment.
fn tidy_up_before_exit(app: &AppHandle, event: RunEvent) {
    let RunEvent::ExitRequested {
        api, code: None, ..
    } = event
    else {
        return;
    };
    let core = Arc::clone(&app.state::<Arc<Slipway>>());
    if !core.is_busy() {
        return;
    }
    api.prevent_exit();
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        if !core.end_operations(TIDY_UP).await {
            tracing::warn!("the engine did not answer in time; a container may be left behind");
        }
        // It may have been opened again meanwhile.
        if !window::is_open(&app) {
            app.exit(0);
        }
    });
}

/// Sends changes to the window. A receiver that misses one sees a gap in the revisions and requests a new snapshot.
fn forward(app: &AppHandle, core: &Slipway) {
    if let Some(mut states) = core.engine_states() {
        let app = app.clone();
        tauri::async_runtime::spawn(async move {
            while states.changed().await.is_ok() {
                let state = states.borrow_and_update().clone();
                emit(&events::EngineStateChanged(state), &app);
            }
        });
    }
    if let Some(mut views) = core.machine_views() {
        let app = app.clone();
        tauri::async_runtime::spawn(async move {
            while views.changed().await.is_ok() {
                let Some(view) = views.borrow_and_update().clone() else {
                    continue;
                };
                emit(&events::MachineChanged(view), &app);
            }
        });
    }
    if let Some(mut changes) = core.configuration_changes() {
        let app = app.clone();
        tauri::async_runtime::spawn(async move {
            while changes.changed().await.is_ok() {
                emit(&events::ConfigurationChanged, &app);
            }
        });
    }
    if let Some(mut changes) = core.changes() {
        let app = app.clone();
        tauri::async_runtime::spawn(async move {
            loop {
                match changes.recv().await {
                    Ok(Change::Containers(delta)) => emit(&events::ContainersChanged(delta), &app),
                    Ok(Change::Images) => emit(&events::ImagesChanged, &app),
                    Ok(Change::Volumes) => emit(&events::VolumesChanged, &app),
                    Err(RecvError::Lagged(missed)) => {
                        tracing::debug!(missed, "the window fell behind");
                        // Image events have no revision that would reveal a gap.
                        emit(&events::ImagesChanged, &app);
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        });
    }
}

fn emit<E: tauri_specta::Event + serde::Serialize + Clone>(event: &E, app: &AppHandle) {
    // Fails only when the window is gone.
    if let Err(error) = event.emit(app) {
        tracing::debug!(%error, "an event was not delivered");
    }
}
