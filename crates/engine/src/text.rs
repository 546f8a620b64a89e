//! Texts from an engine. Containers, images and registries choose them, so each is cleaned and limited once, where an
//! answer is parsed.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// Limit of a text that is shown as one line: a name, an image, a label. The longest that engines allow are shorter, but
/// for container names, which Docker does not limit.
const MAX_LINE_CHARS: usize = 1000;

/// Limit of a path, as in Linux.
const MAX_PATH_CHARS: usize = 4096;

/// Limit of one argument or variable of a program, in bytes, as in Linux.
const MAX_WORD_BYTES: usize = 128 * 1024;

/// Limit of items in a list or map of texts.
const MAX_ITEMS: usize = 4096;

/// Sanitises a text for one line: without control or bidirectional characters, trimmed and limited in length.
pub(crate) fn clean(text: &str) -> String {
    clean_to(text, MAX_LINE_CHARS)
}

fn clean_to(text: &str, max_chars: usize) -> String {
    let mut cleaned: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| is_visible(*c))
        .skip_while(|c| *c == ' ')
        .take(max_chars)
        .collect();
    cleaned.truncate(cleaned.trim_end().len());
    cleaned
}

fn is_visible(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Sanitises the output of a program: lines and tabs stay, control and bidirectional characters do not.
pub(crate) fn clean_lines(text: &str, max_bytes: usize) -> String {
    let mut cleaned: String = text
        .chars()
        .filter(|c| matches!(c, '\n' | '\t') || is_visible(*c))
        .collect();
    cleaned.truncate(cleaned.floor_char_boundary(max_bytes));
    cleaned
}

/// A text that needs no cleaning is not copied.
fn cleaned(text: String, max_chars: usize) -> String {
    let is_clean = text.len() <= max_chars
        && text
            .chars()
            .all(|c| c == ' ' || (is_visible(c) && !c.is_whitespace()))
        && text.trim().len() == text.len();
    if is_clean {
        text
    } else {
        clean_to(&text, max_chars)
    }
}

/// Deserializes a text of one line.
pub(crate) fn line<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.map(|text| cleaned(text, MAX_LINE_CHARS)))
}

/// Deserializes a path.
pub(crate) fn path<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.map(|text| cleaned(text, MAX_PATH_CHARS)))
}

/// Deserializes texts of one line each.
pub(crate) fn lines<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    let texts = Option::<Vec<String>>::deserialize(from)?;
    Ok(texts.map(|texts| {
        texts
            .into_iter()
            .take(MAX_ITEMS)
            .map(|text| cleaned(text, MAX_LINE_CHARS))
            .collect()
    }))
}

/// Deserializes labels: names and values of one line each.
pub(crate) fn labels<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<BTreeMap<String, String>>, D::Error> {
    let labels = Option::<BTreeMap<String, String>>::deserialize(from)?;
    Ok(labels.map(|labels| {
        labels
            .into_iter()
            .take(MAX_ITEMS)
            .map(|(name, value)| {
                (
                    cleaned(name, MAX_LINE_CHARS),
                    cleaned(value, MAX_PATH_CHARS),
                )
            })
            .collect()
    }))
}

/// Deserializes arguments or variables of a program, as they are: a command that is made of them must do the same.
pub(crate) fn words<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    let words = Option::<Vec<String>>::deserialize(from)?;
    Ok(words.map(limited_words))
}

/// Arguments or variables within the limits of Linux.
pub(crate) fn limited_words(words: Vec<String>) -> Vec<String> {
    words
        .into_iter()
        .take(MAX_ITEMS)
        .map(|mut word| {
            word.truncate(word.floor_char_boundary(MAX_WORD_BYTES));
            word
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Wire {
        #[serde(default, deserialize_with = "line")]
        name: Option<String>,
        #[serde(default, deserialize_with = "lines")]
        tags: Option<Vec<String>>,
        #[serde(default, deserialize_with = "labels")]
        labels: Option<BTreeMap<String, String>>,
        #[serde(default, deserialize_with = "words")]
        env: Option<Vec<String>>,
    }

    fn parse(json: &serde_json::Value) -> Wire {
        serde_json::from_value(json.clone()).expect("it fits")
    }

    #[test]
    fn texts_are_cleaned_and_limited() {
        let long = "x".repeat(200_000);
        let wire = parse(&serde_json::json!({
            "name": format!(" a\u{1b}[31m\u{202e}b\nc{long} "),
            "tags": ["web:1", "\u{7}", long],
            "labels": { "a\tb": format!("\u{0}v{long}"), "plain": "two words" },
            "env": ["A=\u{1b}x\ny", long],
        }));
        let name = wire.name.expect("it has one");
        assert!(name.starts_with("a[31mb cxxx"), "{}", &name[..20]);
        assert_eq!(name.chars().count(), MAX_LINE_CHARS);
        let tags = wire.tags.expect("it has some");
        assert_eq!(tags[..2], ["web:1", ""]);
        assert_eq!(tags[2].len(), MAX_LINE_CHARS);
        let labels = wire.labels.expect("it has some");
        assert_eq!(labels["plain"], "two words");
        assert_eq!(labels["a b"].len(), MAX_PATH_CHARS);
        let env = wire.env.expect("it has some");
        assert_eq!(env[0], "A=\u{1b}x\ny");
        assert_eq!(env[1].len(), MAX_WORD_BYTES);
    }

    #[test]
    fn lists_are_limited_and_nothing_is_nothing() {
        let many: Vec<String> = (0..=MAX_ITEMS).map(|number| number.to_string()).collect();
        let wire = parse(&serde_json::json!({ "tags": many, "env": many, "name": null }));
        assert_eq!(wire.tags.map(|tags| tags.len()), Some(MAX_ITEMS));
        assert_eq!(wire.env.map(|env| env.len()), Some(MAX_ITEMS));
        assert!(wire.name.is_none() && wire.labels.is_none());
    }

    #[test]
    fn output_keeps_its_lines() {
        assert_eq!(clean_lines("a\r\n\tb\u{1b}[0m\u{202e}c", 100), "a\n\tb[0mc");
        assert_eq!(clean_lines("aä", 2), "a");
    }
}
