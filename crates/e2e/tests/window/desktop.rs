//! Desktop integration: one instance, one window with its title.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Result;
use slipway_e2e::{Display, SessionBus, eventually, eventually_within, slipway_desktop};

struct Instance(Child);

impl Instance {
    /// Waits until it ends by itself.
    async fn ended(mut self) -> ExitStatus {
        let ended = async || self.0.try_wait().ok().flatten();
        eventually_within(Duration::from_secs(30), "the end of a start", ended).await
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn windows(display: &Display) -> usize {
    let tree = Command::new("xwininfo")
        .args(["-root", "-tree", "-display", display.name()])
        .output()
        .expect("xwininfo");
    String::from_utf8_lossy(&tree.stdout)
        .lines()
        .filter(|line| line.contains("\"Slipway\""))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_shows_the_first_window() -> Result<()> {
    let display = Display::start()?;
    let home = tempfile::tempdir()?;
    let bus = SessionBus::start(&display, home.path())?;
    let start = || -> Result<Instance> {
        Ok(Instance(
            Command::new(slipway_desktop())
                .env("DISPLAY", display.name())
                .env("DBUS_SESSION_BUS_ADDRESS", bus.address())
                .env("HOME", home.path())
                .env("XDG_RUNTIME_DIR", home.path())
                .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
                .env_remove("WAYLAND_DISPLAY")
                .stderr(Stdio::null())
                .spawn()?,
        ))
    };
    // Two concurrent starts: one of them becomes the first.
    let mut both = [start()?, start()?];
    let ended = eventually_within(
        Duration::from_secs(20),
        "the end of the second",
        async || {
            let mut ends = both.iter_mut().map(|one| one.0.try_wait().ok().flatten());
            ends.position(|end| end.is_some())
        },
    )
    .await;
    let [mut second, mut first] = both;
    if ended == 1 {
        std::mem::swap(&mut first, &mut second);
    }
    let status = second.0.wait()?;
    assert!(status.success(), "{status}");
    eventually("the window", async || {
        (windows(&display) == 1).then_some(())
    })
    .await;
    for _ in 0..5 {
        let status = start()?.ended().await;
        assert!(status.success(), "{status}");
        assert!(first.0.try_wait()?.is_none(), "the first one ended too");
        assert_eq!(windows(&display), 1);
    }
    // A hung instance is reported, and is the first again once it continues.
    let signal = |name: &str| {
        let first = first.0.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &first]).status();
        assert!(sent.is_ok_and(|sent| sent.success()));
    };
    signal("STOP");
    assert_eq!(start()?.ended().await.code(), Some(1));
    signal("CONT");
    assert!(start()?.ended().await.success());
    Ok(())
}
