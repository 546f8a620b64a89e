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

    /// Entries that match all words, best first; without words the recommended order. The whole catalog is searched:
    /// with a category, matches in other categories are returned separately. If the words are an image reference that
    /// no entry runs, the reference is returned, to be run as it is.
    pub fn catalog_search(&self, words: &str, category: Option<&str>) -> CatalogResults {
        let catalog = Catalog::bundled();
        let category = category.and_then(Category::from_slug);
        let (entries, mut elsewhere): (Vec<_>, Vec<_>) = catalog
            .search(words)
            .into_iter()
            .map(|hit| hit.entry)
            .partition(|entry| category.is_none_or(|category| entry.category == category));
        if words.trim().is_empty() {
            elsewhere.clear();
        }
        let reference = words
            .trim()
            .parse::<ImageReference>()
            .ok()
            .filter(|reference| {
                // A single plain word is a valid image name too, but more likely a search.
                reference.tag().is_some()
                    || reference.digest().is_some()
                    || words.contains('/')
                    || (entries.is_empty() && elsewhere.is_empty())
            })
            .filter(|reference| {
                // A tag other than the entry's default; the entry itself runs the default.
                catalog.entry_for_image(reference).is_none_or(|entry| {
                    reference.tag().is_some() && *reference != entry.reference()
                })
            })
            .map(|reference| reference.with_default_tag().familiar());
        CatalogResults {
            entries: entries.into_iter().map(view::entry).collect(),
            elsewhere: elsewhere.into_iter().map(view::entry).collect(),
            reference,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SettingsFile;
    use slipway_engine::Environment;

    fn search(words: &str, category: Option<&str>) -> CatalogResults {
        let settings = SettingsFile::at("/nonexistent/settings.json".into());
        Slipway::once(Environment::from_process(), settings, None).catalog_search(words, category)
    }

    #[track_caller]
    fn check(
        words: &str,
        category: &str,
        entries: &[&str],
        elsewhere: &[&str],
        reference: Option<&str>,
    ) {
        let found = search(words, Some(category));
        let slugs = |entries: &[slipway_api::catalog::CatalogEntry]| -> Vec<String> {
            entries.iter().map(|entry| entry.slug.clone()).collect()
        };
        assert_eq!(slugs(&found.entries), entries, "{words} in {category}");
        let others = slugs(&found.elsewhere);
        assert!(
            others
                .iter()
                .zip(elsewhere)
                .all(|(found, wanted)| found == wanted),
            "{others:?}"
        );
        assert_eq!(others.is_empty(), elsewhere.is_empty(), "{others:?}");
        assert_eq!(
            found.reference.as_deref(),
            reference,
            "{words} in {category}"
        );
    }

    #[test]
    fn words_are_looked_for_in_the_whole_catalog() {
        check("nginx", "monitoring", &[], &["nginx"], None);
        check(
            "nginx:1.27",
            "monitoring",
            &[],
            &["nginx"],
            Some("nginx:1.27"),
        );
        check("postgres:17", "databases", &["postgres"], &[], None);
        check("ngnix", "monitoring", &[], &["nginx"], None);
        check(
            "redis",
            "databases",
            &["redis", "valkey"],
            &["redis-insight"],
            None,
        );
        check("org/app:1", "monitoring", &[], &[], Some("org/app:1"));
        // Without words, a category is only browsed, and other categories do not matter.
        assert!(search("", Some("databases")).elsewhere.is_empty());
        assert!(search("nginx", None).elsewhere.is_empty());
    }
}
