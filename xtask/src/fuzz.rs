//! The fuzz targets of the link between host and guest, for a limited time.
//!
//! What libFuzzer needs from the compiler, the coverage of each input, is in the stable one too. The sanitizers are not,
//! and `cargo fuzz` with a nightly compiler adds them; the link has no unsafe code that they would watch.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::arch::Arch;
use crate::shell;
use crate::workspace::{cargo, target};

const MANIFEST: &str = "crates/link/fuzz/Cargo.toml";

/// The targets, and the length up to which inputs grow.
const TARGETS: [(&str, u32); 3] = [("host", 4096), ("guest", 4096), ("handshake", 1024)];

/// Time for each target when they are run by themselves.
pub(crate) const SHORT: Duration = Duration::from_secs(15);
/// Time for each target in a soak.
pub(crate) const SOAK: Duration = Duration::from_mins(10);

/// As `cargo fuzz` passes them.
const FLAGS: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "--cfg=fuzzing",
];

/// Runs each target for that long. A finding is an error, and its input is kept.
pub(crate) fn fuzz(each: Duration) -> Result<()> {
    let directory = target().join("fuzz");
    // With a target, build scripts are not instrumented.
    let triple = format!("{}-unknown-linux-gnu", Arch::of_this_computer()?.machine());
    let build = [
        "build",
        "--release",
        "--quiet",
        "--locked",
        "--manifest-path",
        MANIFEST,
        "--target",
        &triple,
    ];
    shell::run(
        cargo(&build)
            .env("CARGO_TARGET_DIR", &directory)
            .env("RUSTFLAGS", FLAGS.join(" ")),
    )?;
    for (name, longest) in TARGETS {
        let corpus = directory.join("corpus").join(name);
        std::fs::create_dir_all(&corpus)?;
        let program = directory.join(&triple).join("release").join(name);
        let mut run = std::process::Command::new(program);
        run.arg(format!("-max_total_time={}", each.as_secs()))
            .arg(format!("-max_len={longest}"))
            .arg(format!("-artifact_prefix={}/", directory.display()))
            .arg("-timeout=20")
            .arg("-print_final_stats=1")
            .arg("-verbosity=0")
            .arg(corpus);
        shell::run(&mut run).with_context(|| format!("fuzzing {name} has found something"))?;
    }
    Ok(())
}
