//! What is downloaded and installed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::json;
use slipway_e2e::{blank_window, slipway, slipway_desktop};

use crate::report::{Figure, Goal, Outcome, Series, Unit};

/// Sizes of the release build, and of the package.
pub(crate) fn measure() -> Result<Outcome> {
    let mut figures = vec![
        Figure::difference(
            "`slipway-desktop`, size of the program, beyond a blank window's",
            Unit::Megabytes,
            size("slipway-desktop", &slipway_desktop())?,
            size("blank window", &blank_window())?,
            None,
        ),
        Figure::number(
            "`slipway-desktop`, size of the program",
            Unit::Megabytes,
            size("slipway-desktop", &slipway_desktop())?,
            Some(Goal::AtMost(15.0)),
        ),
        Figure::number(
            "`slipway`, size of the command",
            Unit::Megabytes,
            size("slipway", &slipway())?,
            None,
        ),
    ];
    let deb = std::env::var_os("SLIPWAY_BENCH_DEB")
        .map(PathBuf::from)
        .context("SLIPWAY_BENCH_DEB does not say where the package is: run `cargo xtask bench`")?;
    figures.push(Figure::number(
        "deb: window, command, `slipwayd`, welcome images, the machine's image",
        Unit::Megabytes,
        size("deb", &deb)?,
        None,
    ));
    Ok(Outcome {
        name: "size",
        method: "Size of the files that the release profile builds, in millions of bytes.".into(),
        figures,
        notes: json!({}),
    })
}

#[expect(clippy::cast_precision_loss, reason = "files are far below 2^52 bytes")]
fn size(what: &str, path: &Path) -> Result<Series> {
    let bytes = fs::metadata(path)
        .with_context(|| path.display().to_string())?
        .len();
    Ok(Series::of(what, vec![bytes as f64 / 1e6]))
}
