//! The part of `docs/PERFORMANCE.md` that is generated.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::computer;
use crate::report::{self, Outcome};

const END: &str = "<!-- end of figures -->";

/// A table of the document, which is renewed when everything in it was measured in one run.
pub(crate) struct Table {
    /// The line that it begins after.
    begin: &'static str,
    /// The benchmarks in it.
    pub(crate) names: &'static [&'static str],
}

/// The document's tables.
pub(crate) const TABLES: [Table; 2] = [
    Table {
        begin: "<!-- figures: written by `cargo xtask bench` -->",
        names: &["size", "ps", "start", "memory", "idle", "logs"],
    },
    Table {
        begin: "<!-- figures of the machine: written by `cargo xtask bench machine` -->",
        names: &["machine"],
    },
];

/// Puts these figures in place of the ones before.
pub(crate) fn renew(table: &Table, facts: &Value, outcomes: &[&Outcome]) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/PERFORMANCE.md");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    fs::write(&path, replaced(&text, table, &figures(facts, outcomes))?)?;
    Ok(())
}

fn figures(facts: &Value, outcomes: &[&Outcome]) -> String {
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

fn replaced(text: &str, table: &Table, figures: &str) -> Result<String> {
    let begin = table.begin;
    let (before, rest) = text
        .split_once(begin)
        .context("the document has no place for figures")?;
    let (_, after) = rest
        .split_once(END)
        .context("the place for figures has no end")?;
    let figures = figures.trim();
    Ok(format!("{before}{begin}\n\n{figures}\n\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::{END, TABLES, replaced};

    #[test]
    fn only_what_lies_between_the_markers_changes() {
        let [first, second] = TABLES;
        let (one, two) = (first.begin, second.begin);
        let text = format!("above\n{one}\nold\n{END}\nbetween\n{two}\nold\n{END}\nbelow\n");
        let new = replaced(&text, &second, "new").expect("the markers are there");
        let expected = format!("above\n{one}\nold\n{END}\nbetween\n{two}\n\nnew\n\n{END}\nbelow\n");
        assert_eq!(new, expected);
        assert!(replaced("no markers", &first, "new").is_err());
    }
}
