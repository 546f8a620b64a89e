//! An empty window: the baseline cost of Tauri and the web view, for comparison in `cargo xtask bench`.

// No console window beside it on Windows.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use tauri::{WebviewUrl, WebviewWindowBuilder};

fn main() {
    let result = tauri::Builder::default()
        .setup(|app| {
            // As large as Slipway's own window.
            WebviewWindowBuilder::new(app, "main", WebviewUrl::App("index.html".into()))
                .title("Blank")
                .inner_size(1240.0, 780.0)
                .build()?;
            Ok(())
        })
        .run(tauri::generate_context!("examples/blank/tauri.conf.json"));
    if let Err(error) = result {
        eprintln!("error: the blank window cannot be opened: {error}");
        std::process::exit(1);
    }
}
