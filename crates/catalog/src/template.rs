//! Text with placeholders for values of a container: `Sign in as admin with {{ADMIN_PASSWORD}}.`
//!
//! A placeholder is `{{NAME}}`, or `{{NAME|OTHER|'text'}}`: the first that has a value stands there, and what is in
//! single quotes always has one. There is no escape, no nesting and no white space around a name; a lone brace is plain
//! text.

use std::borrow::Cow;
use std::fmt;

/// A parsed text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// At least one.
    Placeholder(Vec<Choice>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice {
    Name(String),
    Text(String),
}

/// Why a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// A `{{` has no `}}`.
    #[error("a placeholder is not closed in `{source_text}`")]
    Unclosed {
        /// The whole text.
        source_text: String,
    },
    /// What stands between `{{` and `}}` is no name.
    #[error("`{name}` is not a placeholder's name")]
    Name {
        /// What stands there.
        name: String,
    },
}

impl Template {
    /// Reads a text. Names are `[A-Za-z0-9_./:-]+`; what they mean is said where the template is kept.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some((text, after)) = rest.split_once("{{") {
            let (inner, after) = after
                .split_once("}}")
                .ok_or_else(|| TemplateError::Unclosed {
                    source_text: source.to_owned(),
                })?;
            if !text.is_empty() {
                parts.push(Part::Text(text.to_owned()));
            }
            parts.push(Part::Placeholder(
                inner.split('|').map(choice).collect::<Result<_, _>>()?,
            ));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self {
            source: source.to_owned(),
            parts,
        })
    }

    /// The name that each placeholder asks for first, in order, repeated as they are repeated.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder(choices) => match choices.first() {
                Some(Choice::Name(name)) => Some(name.as_str()),
                _ => None,
            },
            Part::Text(_) => None,
        })
    }

    /// The text with each placeholder replaced by its value. None where one has no value: a text that names a
    /// variable in its place would only puzzle.
    pub fn fill<'v>(&self, value: impl Fn(&str) -> Option<Cow<'v, str>>) -> Option<String> {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => Some(Cow::Borrowed(text.as_str())),
                Part::Placeholder(choices) => choices.iter().find_map(|choice| match choice {
                    Choice::Name(name) => value(name).filter(|value| !value.is_empty()),
                    Choice::Text(text) => Some(Cow::Borrowed(text.as_str())),
                }),
            })
            .collect()
    }
}

/// The text as it was written, with its placeholders.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

fn choice(written: &str) -> Result<Choice, TemplateError> {
    let quoted = written
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    if let Some(text) = quoted {
        return Ok(Choice::Text(text.to_owned()));
    }
    let is_name = !written.is_empty()
        && written.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b':' | b'/')
        });
    if is_name {
        Ok(Choice::Name(written.to_owned()))
    } else {
        Err(TemplateError::Name {
            name: written.to_owned(),
        })
    }
}

/// Sentences, each of which is said only where all its placeholders have a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    sentences: Vec<Template>,
}

impl Note {
    /// Reads sentences, which end at a full stop and a space.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let sentences = source
            .split_inclusive(". ")
            .map(|sentence| Template::parse(sentence.trim_end()))
            .collect::<Result<_, _>>()?;
        Ok(Self { sentences })
    }

    /// The names that its placeholders ask for first.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.sentences.iter().flat_map(Template::variables)
    }

    /// The sentences that can be said with these values. None if there are none.
    pub fn fill<'v>(&self, value: impl Fn(&str) -> Option<Cow<'v, str>>) -> Option<String> {
        let said: Vec<_> = self
            .sentences
            .iter()
            .filter_map(|sentence| sentence.fill(&value))
            .collect();
        (!said.is_empty()).then(|| said.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<Cow<'static, str>> {
        match name {
            "USER" => Some("admin".into()),
            "db:HOST" => Some("database".into()),
            "mount:/data" => Some("the volume `a`".into()),
            "EMPTY" => Some("".into()),
            _ => None,
        }
    }

    #[track_caller]
    fn check(source: &str, expected: Option<&str>) {
        let template = Template::parse(source).unwrap();
        assert_eq!(template.fill(value).as_deref(), expected, "{source}");
        assert_eq!(template.to_string(), source);
    }

    #[test]
    fn placeholders_are_replaced() {
        check("", Some(""));
        check("No placeholder", Some("No placeholder"));
        check("As {{USER}}.", Some("As admin."));
        check("{{USER}}{{USER}}", Some("adminadmin"));
        check("tcp://{{db:HOST}}:1", Some("tcp://database:1"));
        check("In {{mount:/data}}", Some("In the volume `a`"));
        check("{ } }} {a}", Some("{ } }} {a}"));
    }

    #[test]
    fn the_first_choice_with_a_value_stands() {
        check("{{NONE|USER}}", Some("admin"));
        check("{{USER|'root'}}", Some("admin"));
        check("{{NONE|'root'}}", Some("root"));
        check("{{EMPTY|'root'}}", Some("root"));
        check("a{{NONE|''}}b", Some("ab"));
        check("With {{NONE}}", None);
        check("With {{EMPTY}}", None);
    }

    #[test]
    fn malformed_placeholders_are_refused() {
        let error = |source| Template::parse(source).unwrap_err().to_string();
        assert_eq!(
            error("a {{USER"),
            "a placeholder is not closed in `a {{USER`"
        );
        assert_eq!(error("{{ USER }}"), "` USER ` is not a placeholder's name");
        assert_eq!(error("{{}}"), "`` is not a placeholder's name");
        assert_eq!(error("{{A|}}"), "`` is not a placeholder's name");
    }

    #[test]
    fn variables_are_listed_in_order() {
        let template = Template::parse("{{B|C}} {{A}} {{B}}").unwrap();
        assert_eq!(template.variables().collect::<Vec<_>>(), ["B", "A", "B"]);
    }

    #[test]
    fn only_sentences_whose_values_are_known_are_said() {
        let check = |source: &str, expected: Option<&str>| {
            let note = Note::parse(source).unwrap();
            assert_eq!(note.fill(value).as_deref(), expected, "{source}");
        };
        check(
            "Open the page. It is v1.2.",
            Some("Open the page. It is v1.2."),
        );
        check("Open it. Put files into {{mount:/none}}.", Some("Open it."));
        check(
            "As {{USER}}. With {{NONE}}. Then go.",
            Some("As admin. Then go."),
        );
        check("With {{NONE}}.", None);
    }
}
