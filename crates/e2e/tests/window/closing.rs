//! Closing the window during an operation.

use anyhow::{Context as _, Result};
use slipway_e2e::{App, Display, eventually, process};
use slipway_testkit::Engine;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{ClientMessageEvent, ConnectionExt as _, EventMask, MapState};

/// As a window manager does when the user clicks the close button.
fn press_x(display: &Display) -> Result<()> {
    let (connection, screen) = x11rb::connect(Some(display.name()))?;
    let root = connection.setup().roots.get(screen).context("a screen")?;
    let atom = |name: &str| -> Result<u32> {
        let asked = connection.intern_atom(false, name.as_bytes())?;
        Ok(asked.reply()?.atom)
    };
    let (protocols, delete) = (atom("WM_PROTOCOLS")?, atom("WM_DELETE_WINDOW")?);
    for window in connection.query_tree(root.root)?.reply()?.children {
        let shown = connection.get_window_attributes(window)?.reply()?.map_state;
        if shown == MapState::VIEWABLE {
            let message = ClientMessageEvent::new(32, window, protocols, [delete, 0, 0, 0, 0]);
            connection.send_event(false, window, EventMask::NO_EVENT, message)?;
        }
    }
    connection.flush()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_not_over_leaves_nothing_behind() -> Result<()> {
    let engine = Engine::start()?;
    engine.load_sample("slipway/webapp:latest")?;
    let app = App::open(&engine.host()).await?;
    app.fill("browse-search", "slipway/webapp:latest").await?;
    app.click("card-customise-reference").await?;
    // Nothing answers at its port, so the run goes on.
    app.click("run-more").await?;
    app.fill("run-command", "sleep 600").await?;
    app.click("run-start").await?;
    eventually("the container runs", async || {
        (engine.docker_ok(&["ps", "--format", "{{.Names}}"]) == "webapp").then_some(())
    })
    .await;
    let processes = app.processes();
    press_x(app.display())?;
    eventually("Slipway has ended", async || {
        processes
            .iter()
            .all(|pid| process::name(*pid).is_empty())
            .then_some(())
    })
    .await;
    assert_eq!(engine.docker_ok(&["ps", "-aq"]), "");
    Ok(())
}
