//! Text with placeholders for environment values: `Sign in as admin with {{ADMIN_PASSWORD}}.`
//!
//! A placeholder is `{{NAME}}`. There is no escape, no nesting and no white space inside; a lone brace
//! is plain text.

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
    Variable(String),
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
    /// Reads a text. Names are `[A-Za-z0-9_.:-]+`; what they mean is said where the template is kept.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some((text, after)) = rest.split_once("{{") {
            let (name, after) = after
                .split_once("}}")
                .ok_or_else(|| TemplateError::Unclosed {
                    source_text: source.to_owned(),
                })?;
            if !is_placeholder(name) {
                return Err(TemplateError::Name {
                    name: name.to_owned(),
                });
            }
            if !text.is_empty() {
                parts.push(Part::Text(text.to_owned()));
            }
            parts.push(Part::Variable(name.to_owned()));
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

    /// The names of the variables that it mentions, in order, repeated as they are repeated.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text with each placeholder replaced by its value. A variable without a value is
    /// written as its name, so that the reader knows what to look for.
    pub fn render<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> String {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.as_str(),
                Part::Variable(name) => value(name).unwrap_or(name),
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

fn is_placeholder(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &str) {
        let template = Template::parse(source).unwrap();
        let rendered = template.render(|name| match name {
            "USER" => Some("admin"),
            "db:HOST" => Some("database"),
            _ => None,
        });
        assert_eq!(rendered, expected, "{source}");
        assert_eq!(template.to_string(), source);
    }

    #[test]
    fn placeholders_are_replaced() {
        check("", "");
        check("No placeholder", "No placeholder");
        check("As {{USER}}.", "As admin.");
        check("{{USER}}{{USER}}", "adminadmin");
        check("tcp://{{db:HOST}}:1", "tcp://database:1");
        check("With {{PASSWORD}}", "With PASSWORD");
        check("{ } }} {a}", "{ } }} {a}");
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
    }

    #[test]
    fn variables_are_listed_in_order() {
        let template = Template::parse("{{B}} {{A}} {{B}}").unwrap();
        assert_eq!(template.variables().collect::<Vec<_>>(), ["B", "A", "B"]);
    }
}
