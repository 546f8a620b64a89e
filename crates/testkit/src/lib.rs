//! The test environment of Slipway: a private dockerd or Podman, a registry with sample images, and a proxy that makes
//! an engine misbehave.
//!
//! Tests only: nothing that ships depends on this crate, and it is the only one that starts a dockerd on the host. It
//! knows nothing of Slipway's own crates, so it can be used to test each of them. It needs root and Linux, and says
//! which Debian package is missing when a program is.
//!
//! ```no_run
//! let mut engine = slipway_testkit::Engine::start()?;
//! engine.docker_ok(&["run", "-d", "--name", "web", "-p", "80", "nginx"]);
//! engine.kill9()?;
//! engine.start_again()?;
//! # Ok::<(), slipway_testkit::Error>(())
//! ```

mod command;
mod engine;
mod error;
mod fault_proxy;
mod layer;
mod podman;
mod registry;
mod request_log;
mod rootfs;
mod run_dir;
pub mod samples;
mod stopwatch;
mod storage;
mod subnet;
mod wait;

use std::sync::OnceLock;

pub use engine::{Engine, EngineOptions};
pub use error::{Error, Result};
pub use fault_proxy::{Fault, FaultProxy};
pub use podman::Podman;
pub use registry::Registry;
pub use request_log::Request;
pub use run_dir::{keep_runs_in, runs_dir, sweep};
pub use stopwatch::Stopwatch;

/// One engine for all tests of a test binary, started by the first that asks. It ends with the process.
///
/// # Panics
/// If it cannot be started.
pub fn shared() -> &'static Engine {
    static SHARED: OnceLock<Engine> = OnceLock::new();
    SHARED.get_or_init(|| {
        Engine::start().unwrap_or_else(|error| panic!("no engine to test with: {error}"))
    })
}

/// Whether this run is a soak (`cargo xtask soak` sets `SLIPWAY_SOAK`): long tests then run whole, and a bounded share of
/// them otherwise.
pub fn soak() -> bool {
    std::env::var_os("SLIPWAY_SOAK").is_some()
}

/// A port of this computer that nobody listens on, for a container to publish.
///
/// dockerd's own choice is made from 32768 up by every daemon, and given up after ten ports that are taken: several
/// daemons beside each other run into that. These lie below.
///
/// # Panics
/// If there is none.
pub fn free_port() -> u16 {
    use std::net::{TcpListener, UdpSocket};
    use std::sync::atomic::{AtomicU16, Ordering};

    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static STEPS: AtomicU16 = AtomicU16::new(0);
    // Test processes beside each other begin at different places.
    let start = u16::try_from(std::process::id() * 97 % u32::from(COUNT)).unwrap_or_default();
    (0..COUNT)
        .map(|_| FIRST + start.wrapping_add(STEPS.fetch_add(1, Ordering::Relaxed)) % COUNT)
        .find(|port| {
            let at = ("127.0.0.1", *port);
            TcpListener::bind(at).is_ok() && UdpSocket::bind(at).is_ok()
        })
        .expect("a free port")
}

/// Sends a signal, such as `KILL`, to a process.
///
/// # Errors
/// If the process is not there.
pub fn signal(pid: u32, name: &str) -> std::io::Result<()> {
    let kill = std::process::Command::new("kill")
        .arg(format!("-{name}"))
        .arg(pid.to_string())
        .stderr(std::process::Stdio::null())
        .status()?;
    if kill.success() {
        Ok(())
    } else {
        Err(std::io::Error::other(format!(
            "process {pid} is not there for {name}"
        )))
    }
}
