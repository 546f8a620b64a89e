//! The part of `docs/PERFORMANCE.md` that is generated.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::computer;
use crate::report::{self, Outcome};

const BEGIN: &str = "<!-- figures: written by `cargo xtask bench` -->";
const END: &str = "<!-- end of figures -->";

/// Puts these figures in place of the ones before.
pub(crate) fn renew(facts: &Value, outcomes: &[Outcome]) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/PERFORMANCE.md");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    fs::write(&path, replaced(&text, &figures(facts, outcomes))?)?;
    Ok(())
}

fn figures(facts: &Value, outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "{}\n\n{}\n",
        computer::sentence(facts),
        report::table(outcomes)
    );
    for outcome in outcomes {
        // Writing to a String does not fail.
        let _ = writeln!(text, "- `{}`: {}", outcome.name, outcome.method);
    }
    text
}

fn replaced(text: &str, figures: &str) -> Result<String> {
    let (before, rest) = text
        .split_once(BEGIN)
        .context("the document has no place for figures")?;
    let (_, after) = rest
        .split_once(END)
        .context("the place for figures has no end")?;
    let figures = figures.trim();
    Ok(format!("{before}{BEGIN}\n\n{figures}\n\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, replaced};

    #[test]
    fn only_what_lies_between_the_markers_changes() {
        let text = format!("above\n{BEGIN}\nold\n{END}\nbelow\n");
        let new = replaced(&text, "new").expect("the markers are there");
        assert_eq!(new, format!("above\n{BEGIN}\n\nnew\n\n{END}\nbelow\n"));
        assert!(replaced("no markers", "new").is_err());
    }
}
