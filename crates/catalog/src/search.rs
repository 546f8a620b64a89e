//! Search over the catalog: words against names, keywords and summaries.
//!
//! A hundred entries are scanned word by word; there is no inverted index, and none is needed
//! below some thousands.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::catalog::Catalog;
use crate::entry::Entry;
use crate::pasted;

/// The shortest word in which a typo is forgiven.
pub(crate) const TYPO_MIN: usize = 4;
/// The shortest word that is looked for in the middle of a name: `sql` in `MySQL`.
const INFIX_MIN: usize = 3;

/// An entry that matches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// How well its weakest word matches.
    pub matched: Match,
}

/// How something typed matches an entry, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Match {
    /// No words were given: everything matches.
    Everything,
    /// An image reference that names the entry's image.
    Image,
    /// The whole name or slug.
    Name,
    /// The start of the name or slug.
    NamePrefix,
    /// The start of a word of the name or slug.
    WordPrefix,
    /// A keyword or the start of one, or a part of the name.
    Keyword,
    /// The start of a word in the summary.
    Summary,
    /// The name or a word of it with one typo.
    NameTypo,
    /// A keyword with one typo.
    KeywordTypo,
}

/// The search index, with text folded once when the catalog is loaded. In the order of its entries.
#[derive(Debug)]
pub(crate) struct Index {
    terms: Vec<Terms>,
}

#[derive(Debug)]
struct Terms {
    /// Name, slug and the image's last component, whole.
    names: Vec<String>,
    name_words: Vec<String>,
    /// Keywords whole, their words, and those of the category.
    keywords: Vec<String>,
    summary_words: Vec<String>,
}

impl Index {
    pub(crate) fn new(entries: &[Entry]) -> Self {
        Self {
            terms: entries.iter().map(Terms::new).collect(),
        }
    }

    pub(crate) fn search<'c>(&self, catalog: &'c Catalog, words: &str) -> Vec<Hit<'c>> {
        let phrase = fold(words.trim());
        if phrase.is_empty() {
            return catalog
                .entries()
                .iter()
                .map(|entry| Hit {
                    entry,
                    matched: Match::Everything,
                })
                .collect();
        }
        let is_keyword = || {
            self.terms
                .iter()
                .any(|terms| terms.keywords.contains(&phrase))
        };
        if words.contains(['/', ':', '@']) && !is_keyword() {
            return pasted::image_in(words)
                .and_then(|image| catalog.entry_for_image(&image))
                .map(|entry| Hit {
                    entry,
                    matched: Match::Image,
                })
                .into_iter()
                .collect();
        }

        let typed: Vec<&str> = split_words(&phrase).collect();
        let ranked = |forgiving: bool| {
            let mut hits: Vec<_> = self
                .terms
                .iter()
                .zip(catalog.entries())
                .filter_map(|(terms, entry)| {
                    let rank = terms.rank(&phrase, &typed, forgiving)?;
                    Some((rank, entry))
                })
                .collect();
            // A stable sort: equals stay in the recommended order.
            hits.sort_by_key(|(rank, _)| *rank);
            hits
        };
        let mut hits = ranked(false);
        if hits.is_empty() {
            hits = ranked(true);
        }
        hits.into_iter()
            .map(|((matched, _), entry)| Hit { entry, matched })
            .collect()
    }
}

impl Terms {
    fn new(entry: &Entry) -> Self {
        let mut names = vec![fold(&entry.name), fold(&entry.slug)];
        let image = fold(entry.image.short_name());
        let mut keywords: Vec<String> = Vec::new();
        for keyword in entry
            .keywords
            .iter()
            .map(String::as_str)
            .chain([entry.category.title(), entry.category.slug()])
        {
            let keyword = fold(keyword);
            keywords.extend(split_words(&keyword).map(str::to_owned));
            keywords.push(keyword);
        }
        keywords.push(image);
        let name_words = names
            .iter()
            .flat_map(|name| split_words(name).map(str::to_owned))
            .collect();
        // `uptime-kuma` and `Uptime Kuma` are one name, and some type it in one word.
        names.push(names[0].replace([' ', '-', '.'], ""));
        Self {
            names,
            name_words,
            keywords,
            summary_words: split_words(&fold(&entry.summary))
                .map(str::to_owned)
                .collect(),
        }
    }

    /// The weakest word decides, then the sum over all words.
    fn rank(&self, phrase: &str, typed: &[&str], forgiving: bool) -> Option<(Match, usize)> {
        if self.names.iter().any(|name| name == phrase) {
            return Some((Match::Name, 0));
        }
        if self.names.iter().any(|name| name.starts_with(phrase)) {
            return Some((Match::NamePrefix, 0));
        }
        let mut weakest = Match::Everything;
        let mut sum = 0;
        for word in typed {
            let matched = self.match_word(word, forgiving)?;
            weakest = weakest.max(matched);
            sum += matched as usize;
        }
        // A phrase of separators only has no words, and matches nothing.
        (!typed.is_empty()).then_some((weakest, sum))
    }

    fn match_word(&self, word: &str, forgiving: bool) -> Option<Match> {
        let starts = |terms: &[String]| terms.iter().any(|term| term.starts_with(word));
        let mistyped = |terms: &[String]| terms.iter().any(|term| is_one_typo_apart(word, term));
        let length = word.chars().count();
        if self.names.iter().any(|name| name == word) {
            Some(Match::Name)
        } else if starts(&self.names) {
            Some(Match::NamePrefix)
        } else if starts(&self.name_words) {
            Some(Match::WordPrefix)
        } else if starts(&self.keywords)
            || length >= INFIX_MIN && self.names.iter().any(|name| name.contains(word))
        {
            Some(Match::Keyword)
        } else if starts(&self.summary_words) {
            Some(Match::Summary)
        } else if !forgiving || length < TYPO_MIN {
            None
        } else if mistyped(&self.names) || mistyped(&self.name_words) {
            Some(Match::NameTypo)
        } else if mistyped(&self.keywords) {
            Some(Match::KeywordTypo)
        } else {
            None
        }
    }
}

/// Lower case, without accents.
fn fold(text: &str) -> String {
    text.nfkd()
        .filter(|character| !is_combining_mark(*character))
        .flat_map(char::to_lowercase)
        .collect()
}

fn split_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// Whether one insertion, deletion, substitution or swap of neighbours makes one the other.
pub(crate) fn is_one_typo_apart(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if long.len() - short.len() > 1 {
        return false;
    }
    let prefix = short.iter().zip(&long).take_while(|(a, b)| a == b).count();
    let (short, long) = (&short[prefix..], &long[prefix..]);
    match (short, long) {
        (_, [_, rest @ ..]) if short.len() < long.len() => short == rest,
        ([a, b, short @ ..], [c, d, long @ ..]) if a == d && b == c => short == long,
        ([_, short @ ..], [_, long @ ..]) => short == long,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn slugs(words: &str) -> Vec<&'static str> {
        Catalog::bundled()
            .search(words)
            .into_iter()
            .map(|hit| hit.entry.slug.as_str())
            .collect()
    }

    /// The best hits, in order; there may be more.
    fn check(words: &str, expected: &[&str]) {
        let found = slugs(words);
        assert!(found.starts_with(expected), "{words}: {found:?}");
    }

    fn check_only(words: &str, expected: &[&str]) {
        assert_eq!(slugs(words), expected, "{words}");
    }

    #[test]
    fn every_entry_is_the_first_hit_for_its_name_and_its_slug() {
        for entry in Catalog::bundled().entries() {
            check(&entry.slug, &[&entry.slug]);
            check(&entry.name, &[&entry.slug]);
            check(&entry.name.to_uppercase(), &[&entry.slug]);
            check(&entry.image.familiar(), &[&entry.slug]);
            check_only(&entry.reference().to_string(), &[&entry.slug]);
        }
    }

    #[test]
    fn better_matches_come_first() {
        check("redis", &["redis", "redis-insight"]);
        check("post", &["postgres"]);
        check("kuma", &["uptime-kuma"]);
        check("vs code", &["code-server"]);
        check("java", &["eclipse-temurin"]);
        check("mongo", &["mongo", "mongo-express"]);
        check("uptimekuma", &["uptime-kuma"]);
        check("s3", &["minio"]);
        let sql = slugs("sql");
        assert!(
            ["postgres", "mysql", "mssql"]
                .iter()
                .all(|slug| sql.contains(slug))
        );
    }

    #[test]
    fn all_words_must_match() {
        check("mysql admin", &["adminer", "phpmyadmin"]);
        check_only("postgres streaming", &[]);
        check("web server java", &["tomcat"]);
    }

    #[test]
    fn case_and_accents_do_not_count() {
        check("  PÖSTGRÉS ", &["postgres"]);
        check("Ｎginx", &["nginx"]);
    }

    #[test]
    fn one_typo_is_forgiven_in_words_of_four_letters() {
        check("postgers", &["postgres"]);
        check("ngnix", &["nginx"]);
        check("grafanna", &["grafana"]);
        check("wordpres", &["wordpress"]);
        check("rabitmq", &["rabbitmq"]);
        check("kakfa", &["kafka", "zookeeper"]);
        check_only("mistql", &[]);
        check_only("rdi", &[]);
        // If a word matches exactly, typos are not considered: `node` is not `code`.
        assert!(!slugs("node").contains(&"code-server"));
    }

    #[test]
    fn typos_are_one_step() {
        let check = |a: &str, b: &str, expected: bool| {
            assert_eq!(is_one_typo_apart(a, b), expected, "{a} {b}");
            assert_eq!(is_one_typo_apart(b, a), expected, "{b} {a}");
        };
        check("nginx", "ngnix", true);
        check("nginx", "nginxx", true);
        check("nginx", "ginx", true);
        check("nginx", "nginy", true);
        check("nginx", "nginx", false);
        check("nginx", "ngxin", false);
        check("nginx", "nginxyz", false);
        check("ab", "ba", true);
        check("", "a", true);
        check("abcd", "badc", false);
    }

    #[test]
    fn image_references_find_their_entry_or_nothing() {
        check_only("docker.io/library/postgres:16", &["postgres"]);
        check_only("library/postgres", &["postgres"]);
        check_only("postgres:16", &["postgres"]);
        check_only("docker run -d -p 80:80 nginx:1.27", &["nginx"]);
        check_only("https://hub.docker.com/_/postgres", &["postgres"]);
        check_only("docker.io/somebody/nginx:1", &[]);
        check_only("ghcr.io/nginx/nginx", &[]);
        check_only("a/b@c:d", &[]);
        check("ci/cd", &["jenkins"]);
    }

    #[test]
    fn no_words_give_the_recommended_order() {
        let all = Catalog::bundled().entries();
        let found = slugs(" \t");
        assert_eq!(found.len(), all.len());
        assert_eq!(found[0], "welcome");
        check_only("!!!", &[]);
    }

    #[test]
    fn searching_is_fast() {
        Catalog::bundled();
        for words in [
            "postgers",
            "sql database web",
            "zzzzzzzz",
            "docker run nginx:1",
        ] {
            let start = Instant::now();
            slugs(words);
            // A release build takes well under a millisecond; this is for debug builds on a busy machine.
            assert!(start.elapsed() < Duration::from_millis(250), "{words}");
        }
    }
}
