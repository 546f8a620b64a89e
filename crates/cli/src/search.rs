//! `slipway search`: searches the catalog. Needs no engine.

use slipway_api::catalog::{Badge, CatalogEntry, CatalogResults};
use slipway_core::Slipway;

use crate::arguments::{Search, Source};
use crate::exit::Exit;
use crate::failure::{Failure, invalid};
use crate::output::{Output, Tone};
use crate::table::{Cell, Table};

/// `slipway search WORDS`
pub(crate) fn search(what: &Search, slipway: &Slipway, output: &Output) -> Result<Exit, Failure> {
    let Source::Catalog = what.source;
    if let Some(category) = &what.category {
        let known = slipway.catalog_categories();
        if !known.iter().any(|known| known.id == *category) {
            let ids: Vec<_> = known.into_iter().map(|known| known.id).collect();
            return Err(invalid(
                format!("There is no category `{category}`"),
                format!("There are {}", ids.join(", ")),
            )
            .into());
        }
    }
    let words = what.words.join(" ");
    let results = slipway.catalog_search(&words, what.category.as_deref());
    if output.json_wanted() {
        output.print_json(&results)?;
        return Ok(Exit::Done);
    }
    if !results.entries.is_empty() {
        output.print(&table(&results).for_output(output))?;
    }
    if let Some(note) = in_other_categories(&results.elsewhere) {
        output.complain(Tone::Note, "note: ", &note);
    }
    match &results.reference {
        Some(reference) => output.complain(
            Tone::Note,
            "note: ",
            &if results.entries.is_empty() && results.elsewhere.is_empty() {
                format!("Nothing in the catalog matches `{words}`; `slipway run {reference}` tries it as an image")
            } else {
                format!("`slipway run {reference}` runs this version")
            },
        ),
        None if results.entries.is_empty() && results.elsewhere.is_empty() => output.complain(
            Tone::Note,
            "note: ",
            &format!("Nothing in the catalog matches `{words}`"),
        ),
        None => {}
    }
    Ok(Exit::Done)
}

/// Matches in other categories, as many as fit on a line.
fn in_other_categories(elsewhere: &[CatalogEntry]) -> Option<String> {
    const SHOWN: usize = 5;
    if elsewhere.is_empty() {
        return None;
    }
    let mut names: Vec<_> = elsewhere
        .iter()
        .take(SHOWN)
        .map(|entry| format!("`{}` ({})", entry.slug, entry.category))
        .collect();
    if elsewhere.len() > SHOWN {
        names.push(format!("{} more", elsewhere.len() - SHOWN));
    }
    Some(format!("Also in other categories: {}", names.join(", ")))
}

fn table(results: &CatalogResults) -> Table<4> {
    let mut table = Table::new(["NAME", "IMAGE", "BADGE", "SUMMARY"]);
    for entry in &results.entries {
        table.row([
            Cell::new(&entry.slug, Tone::Heading),
            format!("{}:{}", entry.image, entry.default_tag).into(),
            match entry.badge {
                Badge::Official => "official".into(),
                Badge::Verified => "verified".into(),
                Badge::None => "".into(),
            },
            entry.summary.as_str().into(),
        ]);
    }
    table
}
