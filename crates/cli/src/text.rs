//! Sanitises text from containers, registries and engines for a terminal.

use std::borrow::Cow;

/// One line of visible characters: control and bidirectional characters are removed, line breaks become spaces.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c.is_control() || is_hidden(c)) {
        return text.into();
    }
    text.trim_end()
        .chars()
        .filter_map(|c| match c {
            '\n' | '\t' => Some(' '),
            c if c.is_control() || is_hidden(c) => None,
            c => Some(c),
        })
        .collect::<String>()
        .into()
}

/// The same for text of several lines.
pub(crate) fn lines(text: &str) -> String {
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Invisible characters, which can make two different texts look the same.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_could_deceive_goes() {
        for (given, wanted) in [
            ("plain", "plain"),
            ("ünïcode ✓", "ünïcode ✓"),
            ("\x1b[31mred\x1b[0m", "[31mred[0m"),
            ("two\nlines\n", "two lines"),
            ("a\u{9b}2Jb", "a2Jb"),
            ("gpj.\u{202e}exe", "gpj.exe"),
        ] {
            assert_eq!(line(given), wanted);
        }
    }

    proptest! {
        #[test]
        fn no_control_character_is_left(text in any::<String>()) {
            prop_assert!(!line(&text).chars().any(char::is_control));
            prop_assert!(!lines(&text).chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
