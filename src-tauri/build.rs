//! Embeds the window's page, icons and capabilities.

fn main() {
    tauri_build::build();
}
