//! The catalog: its entries, loaded once, checked as a whole.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::bundled;
use crate::entry::Entry;
use crate::image_reference::{ImageReference, ImageReferenceError};
use crate::rules;
use crate::search::{Hit, Index, TYPO_MIN, is_one_typo_apart};
use crate::template::TemplateError;

/// What can be run, in the recommended order.
#[derive(Debug)]
pub struct Catalog {
    entries: Vec<Entry>,
    by_slug: HashMap<String, usize>,
    /// By canonical name without tag.
    by_image: HashMap<String, usize>,
    index: Index,
}

/// Why data is not a catalog.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The text is not TOML of the right shape.
    #[error("the catalog's data cannot be read")]
    Syntax {
        /// What is wrong, and where.
        #[from]
        source: toml::de::Error,
    },
    /// An image is no valid reference.
    #[error("the image of `{slug}` is not valid")]
    Image {
        /// The entry.
        slug: String,
        /// What is wrong with it.
        source: ImageReferenceError,
    },
    /// A colour is not `#rrggbb`.
    #[error("the colour `{color}` of `{slug}` is not valid")]
    Color {
        /// The entry.
        slug: String,
        /// The colour as written.
        color: String,
    },
    /// A text with placeholders cannot be read.
    #[error("a text of `{slug}` is not valid")]
    Template {
        /// The entry.
        slug: String,
        /// What is wrong with it.
        source: TemplateError,
    },
    /// Two entries share what must be unique.
    #[error("{what} `{value}` is there twice")]
    Duplicate {
        /// What is shared: `slug`, `image`, `featured rank`.
        what: &'static str,
        /// The shared value.
        value: String,
    },
    /// An entry breaks a rule of the catalog.
    #[error("`{slug}`: {rule} (`{value}`)")]
    Rule {
        /// The entry.
        slug: String,
        /// The rule, in words.
        rule: &'static str,
        /// The value that breaks it.
        value: String,
    },
}

impl Catalog {
    /// The catalog that comes with Slipway. It is read at the first call and kept.
    pub fn bundled() -> &'static Self {
        static BUNDLED: LazyLock<Catalog> = LazyLock::new(|| {
            let mut entries = Vec::new();
            for file in bundled::FILES {
                // The data is compiled in, and a unit test reads all of it: this cannot fail in
                // a build that passed its tests.
                entries.extend(bundled::read(file).expect("the bundled catalog is valid"));
            }
            Catalog::in_recommended_order(entries)
        });
        &BUNDLED
    }

    /// A catalog of the given entries, after checking every rule of the catalog.
    pub fn new(entries: Vec<Entry>) -> Result<Self, CatalogError> {
        rules::unique("slug", entries.iter().map(|entry| entry.slug.clone()))?;
        rules::unique("image", entries.iter().map(|entry| entry.image.to_string()))?;
        rules::unique(
            "featured rank",
            entries
                .iter()
                .filter_map(|entry| entry.featured)
                .map(|rank| rank.to_string()),
        )?;
        for entry in &entries {
            rules::check(entry, &entries)?;
        }
        Ok(Self::in_recommended_order(entries))
    }

    fn in_recommended_order(mut entries: Vec<Entry>) -> Self {
        entries.sort_by(|a, b| {
            let key = |entry: &Entry| (entry.featured.unwrap_or(u16::MAX), entry.category);
            key(a)
                .cmp(&key(b))
                .then_with(|| a.name.to_lowercase().cmp(&b.name.to_lowercase()))
        });
        let positions = |key: fn(&Entry) -> String| {
            entries
                .iter()
                .enumerate()
                .map(|(position, entry)| (key(entry), position))
                .collect()
        };
        Self {
            by_slug: positions(|entry| entry.slug.clone()),
            by_image: positions(|entry| entry.image.name()),
            index: Index::new(&entries),
            entries,
        }
    }

    /// All entries in the recommended order: by featured rank, then by category and name.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry with this slug.
    pub fn entry(&self, slug: &str) -> Option<&Entry> {
        self.by_slug
            .get(slug)
            .map(|&position| &self.entries[position])
    }

    /// The entry for an image, whatever its tag and digest.
    pub fn entry_for_image(&self, image: &ImageReference) -> Option<&Entry> {
        self.by_image
            .get(&image.name())
            .map(|&position| &self.entries[position])
    }

    /// The entry whose slug almost matches a mistyped name. `None` if the name is a slug itself.
    pub fn meant(&self, typed: &str) -> Option<&Entry> {
        if typed.chars().count() < TYPO_MIN || self.entry(typed).is_some() {
            return None;
        }
        self.entries
            .iter()
            .find(|entry| is_one_typo_apart(typed, &entry.slug))
    }

    /// The entries that match all words, best first; all entries in the recommended order if there
    /// are no words. Case and accents do not count. A mistyped word is forgiven where nothing
    /// matches it as it is. An image reference, also inside a pasted command, finds its entry or
    /// nothing.
    pub fn search(&self, words: &str) -> Vec<Hit<'_>> {
        self.index.search(self, words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::VolumeMount;
    use crate::template::{Note, Template};

    fn bundled() -> Vec<Entry> {
        bundled::FILES
            .iter()
            .flat_map(|file| bundled::read(file).unwrap())
            .collect()
    }

    #[test]
    fn the_bundled_catalog_keeps_every_rule() {
        let checked = Catalog::new(bundled()).unwrap();
        assert_eq!(checked.entries(), Catalog::bundled().entries());
        assert!(checked.entries().len() >= 64);
    }

    #[test]
    fn every_note_can_be_rendered_from_its_own_variables() {
        for entry in Catalog::bundled().entries() {
            for variable in &entry.env {
                let value = variable.initial_value().unwrap();
                assert_eq!(
                    value.is_some(),
                    variable.default.is_some() || variable.generate.is_some()
                );
            }
            if let Some(note) = &entry.note {
                let said = note.fill(|_| Some("x".into())).unwrap();
                assert!(!said.contains("{{"), "{}", entry.slug);
            }
        }
    }

    #[test]
    fn a_mistyped_slug_is_known_for_what_was_meant() {
        let check = |typed: &str, meant: Option<&str>| {
            let found = Catalog::bundled().meant(typed);
            assert_eq!(found.map(|entry| entry.slug.as_str()), meant, "{typed}");
        };
        check("welcom", Some("welcome"));
        check("wlecome", Some("welcome"));
        check("postgress", Some("postgres"));
        check("welcome", None);
        check("wel", None);
        check("busybox", None);
    }

    #[test]
    fn entries_are_found_by_slug_and_image() {
        let catalog = Catalog::bundled();
        let image = "docker.io/library/postgres:16@sha256:7cc4b5aefd1d0cadf8d97d4350462ba51c694ebca145b08d7d41b41acc8db5aa";
        let entry = catalog.entry_for_image(&image.parse().unwrap()).unwrap();
        assert_eq!(Some(entry), catalog.entry("postgres"));
        assert_eq!(entry.reference().familiar(), "postgres:17");
        assert_eq!(entry.primary_port().unwrap().number, 5432);
        assert!(catalog.entry("no-such").is_none());
        let other = "ghcr.io/library/postgres".parse().unwrap();
        assert!(catalog.entry_for_image(&other).is_none());
    }

    #[test]
    fn featured_entries_come_first_in_their_order() {
        let ranks: Vec<_> = Catalog::bundled()
            .entries()
            .iter()
            .map(|entry| entry.featured.unwrap_or(u16::MAX))
            .collect();
        assert!(ranks.is_sorted());
        let featured = ranks.iter().take_while(|rank| **rank != u16::MAX);
        assert!(featured.copied().eq(1..=25));
    }

    #[test]
    fn secrets_with_a_prefix_keep_it() {
        let neo4j = Catalog::bundled().entry("neo4j").unwrap();
        let value = neo4j.env[0].initial_value().unwrap().unwrap();
        assert_eq!(value.strip_prefix("neo4j/").unwrap().len(), 20);
    }

    /// Breaks the entry of `postgres` and says what the catalog makes of it.
    fn check(expected: &str, damage: impl FnOnce(&mut Entry)) {
        let mut entries = bundled();
        let postgres = entries.iter_mut().find(|entry| entry.slug == "postgres");
        damage(postgres.unwrap());
        let error = Catalog::new(entries).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn broken_rules_are_named() {
        check("slug `redis` is there twice", |entry| {
            entry.slug = "redis".into();
            entry.image = "other".parse().unwrap();
        });
        check("image `docker.io/library/redis` is there twice", |entry| {
            entry.image = "redis".parse().unwrap();
        });
        check("featured rank `1` is there twice", |entry| {
            entry.featured = Some(1);
        });
        check(
            "`Pg`: a slug is lower-case letters, digits and single `-` (`Pg`)",
            |entry| entry.slug = "Pg".into(),
        );
        check("`postgres`: a tag is not valid (`-17`)", |entry| {
            entry.default_tag = "-17".into();
        });
        check(
            "`postgres`: an image has neither tag nor digest (`postgres:17`)",
            |entry| entry.image = entry.reference(),
        );
        check("`postgres`: ports start at 1 (`0`)", |entry| {
            entry.ports[0].number = 0;
        });
        check(
            "`postgres`: exactly one of its ports is primary (`0`)",
            |entry| {
                entry.ports[0].primary = false;
            },
        );
        check(
            "`postgres`: a volume's path is absolute (`data`)",
            |entry| {
                entry.volumes.push(VolumeMount {
                    path: "data".into(),
                    holds: "Data".into(),
                    suffix: "more".into(),
                });
            },
        );
        check(
            "`postgres`: its note mentions a variable that is not there (`NO_SUCH`)",
            |entry| entry.note = Some(Note::parse("{{NO_SUCH}}").unwrap()),
        );
        check(
            "`postgres`: its note mentions a variable that is not there (`mount:/else`)",
            |entry| entry.note = Some(Note::parse("{{mount:/else}}").unwrap()),
        );
        check(
            "`postgres`: a connection is to a port that is not there (`1`)",
            |entry| entry.connections[0].port = 1,
        );
        check(
            "`postgres`: a connection mentions a variable that is not there (`NO_SUCH`)",
            |entry| entry.connections[0].uri = Template::parse("{{host}}{{NO_SUCH}}").unwrap(),
        );
        check(
            "`postgres`: it needs an entry that is not there (`db2`)",
            |entry| {
                entry.needs.push("db2".into());
            },
        );
        check(
            "`postgres`: a value comes from an entry that is not needed (`mysql`)",
            |entry| entry.env[0].from = Some(Template::parse("{{mysql}}").unwrap()),
        );
        check(
            "`postgres`: a value comes from a variable that is not there (`NO_SUCH`)",
            |entry| {
                entry.needs.push("mysql".into());
                entry.env[0].from = Some(Template::parse("{{mysql:NO_SUCH}}").unwrap());
            },
        );
    }

    #[test]
    fn data_that_cannot_be_read_is_refused() {
        let entry = |line: &str| {
            format!(
                "category = 'apps'\n[[entry]]\nslug = 'a'\nname = 'A'\nsummary = 'S'\nbadge = 'none'\n\
                 default_tag = '1'\nkeywords = []\ndocs = 'https://a.example'\narchitectures = ['amd64']\n{line}"
            )
        };
        let error = |line: &str| bundled::read(&entry(line)).unwrap_err().to_string();
        assert!(bundled::read(&entry("image = 'a'\ncolor = '#012345'")).is_ok());
        assert_eq!(
            error("image = 'A'\ncolor = '#012345'"),
            "the image of `a` is not valid"
        );
        assert_eq!(
            error("image = 'a'\ncolor = '#01234'"),
            "the colour `#01234` of `a` is not valid"
        );
        assert_eq!(
            error("image = 'a'\ncolor = '#012345'\nnote = '{{'"),
            "a text of `a` is not valid"
        );
        assert_eq!(
            error("image = 'a'\ncolour = '#012345'"),
            "the catalog's data cannot be read"
        );
    }
}
