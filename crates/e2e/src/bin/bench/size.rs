//! What is downloaded and installed.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;
use slipway_e2e::{blank_window, slipway, slipway_desktop, target_dir};

use crate::report::{Figure, Goal, Outcome, Series, Unit};

/// Sizes of the release build, and of the deb if it was made.
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
    let bundles = target_dir().join("release/bundle/deb");
    let deb = fs::read_dir(bundles)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"));
    if let Some(deb) = deb {
        figures.push(Figure::number(
            "deb, both in one package",
            Unit::Megabytes,
            size("deb", &deb)?,
            None,
        ));
    }
    Ok(Outcome {
        name: "size",
        method: "Size of the files that the release profile builds, in millions of bytes.",
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
