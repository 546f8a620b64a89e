//! Browsing the bundled catalog.

use slipway_api::catalog::{CatalogCategory, CatalogResults};
use slipway_catalog::{Catalog, Category, ImageReference};

use crate::{Slipway, view};

impl Slipway {
    /// The categories, in the order in which they are shown.
    pub fn catalog_categories(&self) -> Vec<CatalogCategory> {
        Category::ALL
            .into_iter()
            .map(|category| CatalogCategory {
                id: category.slug().to_owned(),
                name: category.title().to_owned(),
            })
            .collect()
    }

    /// Entries that match all words, best first; without words the recommended order. When the words are an image
    /// reference that no entry has, it is given back to be run as it is.
    pub fn catalog_search(&self, words: &str, category: Option<&str>) -> CatalogResults {
        let catalog = Catalog::bundled();
        let category = category.and_then(Category::from_slug);
        let entries: Vec<_> = catalog
            .search(words, category)
            .into_iter()
            .map(|hit| view::entry(hit.entry))
            .collect();
        let reference = words
            .trim()
            .parse::<ImageReference>()
            .ok()
            .filter(|reference| {
                // A plain word is an image name too, but rather a search.
                reference.tag().is_some()
                    || reference.digest().is_some()
                    || words.contains('/')
                    || entries.is_empty()
            })
            .filter(|reference| {
                reference.tag().is_some() || catalog.entry_for_image(reference).is_none()
            })
            .map(|reference| reference.with_default_tag().familiar());
        CatalogResults { entries, reference }
    }
}
