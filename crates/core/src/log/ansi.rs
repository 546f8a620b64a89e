//! Terminal output as styled text: colours are kept, all other escapes and control characters are dropped.

use slipway_api::log::LogSpan;
use vte::{Params, Parser, Perform};

/// Limit of style runs in a row; a hostile line that changes colour at every character is cut.
const MAX_SPANS: usize = 1000;

#[derive(Clone, Default, PartialEq)]
struct Style {
    fg: Option<Color>,
    bg: Option<Color>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    reverse: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Color {
    /// One of the theme's sixteen.
    Theme(u8),
    Rgb(u8, u8, u8),
}

impl Color {
    /// The 256-colour palette: sixteen of the theme, a 6×6×6 cube, 24 greys.
    fn indexed(index: u8) -> Self {
        match index {
            0..=15 => Self::Theme(index),
            16..=231 => {
                let cube = index - 16;
                let level = |value: u8| if value == 0 { 0 } else { 55 + value * 40 };
                Self::Rgb(level(cube / 36), level(cube / 6 % 6), level(cube % 6))
            }
            232..=255 => {
                let grey = 8 + (index - 232) * 10;
                Self::Rgb(grey, grey, grey)
            }
        }
    }

    fn text(self) -> String {
        match self {
            Self::Theme(index) => index.to_string(),
            Self::Rgb(red, green, blue) => format!("#{red:02x}{green:02x}{blue:02x}"),
        }
    }
}

#[derive(Default)]
struct Row {
    style: Style,
    spans: Vec<(Style, String)>,
    /// The cursor was returned to the start of the line: the next text overwrites what is there.
    returned: bool,
}

/// A line as runs of one style.
pub(crate) fn spans(line: &[u8]) -> Vec<LogSpan> {
    if !line.iter().any(u8::is_ascii_control) {
        // The case for most lines of most logs.
        return match line {
            [] => Vec::new(),
            _ => vec![span(
                &Style::default(),
                String::from_utf8_lossy(line).into_owned(),
            )],
        };
    }
    let mut row = Row::default();
    Parser::new().advance(&mut row, line);
    row.spans
        .into_iter()
        .map(|(style, text)| span(&style, text))
        .collect()
}

/// A line without any escape, cut to `limit` characters.
pub(crate) fn plain_text(line: &str, limit: usize) -> String {
    let mut row = Row::default();
    Parser::new().advance(&mut row, line.as_bytes());
    let text: String = row.spans.into_iter().map(|(_, text)| text).collect();
    match text.char_indices().nth(limit) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

/// The bytes of a line that a search matches.
pub(crate) fn without_escapes(line: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    if line.contains(&0x1b) || line.contains(&b'\r') {
        let mut row = Row::default();
        Parser::new().advance(&mut row, line);
        let text: String = row.spans.into_iter().map(|(_, text)| text).collect();
        text.into_bytes().into()
    } else {
        line.into()
    }
}

fn span(style: &Style, text: String) -> LogSpan {
    let (fg, bg) = (style.fg.map(Color::text), style.bg.map(Color::text));
    let (fg, bg) = if style.reverse {
        (
            Some(bg.unwrap_or_else(|| "background".to_owned())),
            Some(fg.unwrap_or_else(|| "foreground".to_owned())),
        )
    } else {
        (fg, bg)
    };
    LogSpan {
        text,
        fg,
        bg,
        bold: style.bold,
        dim: style.dim,
        italic: style.italic,
        underline: style.underline,
    }
}

impl Row {
    fn push(&mut self, c: char) {
        if std::mem::take(&mut self.returned) {
            self.spans.clear();
        }
        let full = self.spans.len() >= MAX_SPANS;
        match self.spans.last_mut() {
            Some((style, text)) if full || *style == self.style => text.push(c),
            _ => self.spans.push((self.style.clone(), c.to_string())),
        }
    }

    fn select_graphic_rendition(&mut self, params: &Params) {
        let mut groups = params.iter();
        let style = &mut self.style;
        let mut any = false;
        while let Some(group) = groups.next() {
            any = true;
            let [value, rest @ ..] = group else { continue };
            // The components of a colour come in one group, `38:5:n`, or as separate parameters, `38;5;n`.
            let mut color = || match rest {
                [] => extended(&mut groups.by_ref().filter_map(|group| group.first().copied())),
                [2, _colour_space, rgb @ ..] if rgb.len() >= 3 => {
                    extended(&mut [2].iter().chain(rgb).copied())
                }
                _ => extended(&mut rest.iter().copied()),
            };
            match *value {
                0 => *style = Style::default(),
                1 => style.bold = true,
                2 => style.dim = true,
                3 => style.italic = true,
                4 => style.underline = rest.first() != Some(&0),
                7 => style.reverse = true,
                22 => (style.bold, style.dim) = (false, false),
                23 => style.italic = false,
                24 => style.underline = false,
                27 => style.reverse = false,
                // Underline colours are not shown, but their components must not be read as styles.
                58 => drop(color()),
                value @ 30..=37 => style.fg = Some(Color::Theme(low_byte(value - 30))),
                38 => style.fg = color(),
                39 => style.fg = None,
                value @ 40..=47 => style.bg = Some(Color::Theme(low_byte(value - 40))),
                48 => style.bg = color(),
                49 => style.bg = None,
                value @ 90..=97 => style.fg = Some(Color::Theme(low_byte(value - 82))),
                value @ 100..=107 => style.bg = Some(Color::Theme(low_byte(value - 92))),
                _ => {}
            }
        }
        if !any {
            *style = Style::default();
        }
    }
}

fn low_byte(value: u16) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

/// The remaining parameters of `38;5;n` or `38;2;r;g;b`.
fn extended(values: &mut impl Iterator<Item = u16>) -> Option<Color> {
    match values.next()? {
        5 => values.next().map(|index| Color::indexed(low_byte(index))),
        2 => {
            let mut next = || values.next().map(low_byte);
            Some(Color::Rgb(next()?, next()?, next()?))
        }
        _ => None,
    }
}

impl Perform for Row {
    fn print(&mut self, c: char) {
        // The parser treats DEL as a printable character.
        if !c.is_control() {
            self.push(c);
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\t' => self.push('\t'),
            b'\r' => self.returned = true,
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if action == 'm' && intermediates.is_empty() && !ignore {
            self.select_graphic_rendition(params);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(line: &str, wanted: &[(&str, Option<&str>)]) {
        let spans = spans(line.as_bytes());
        let got: Vec<(&str, Option<&str>)> = spans
            .iter()
            .map(|span| (span.text.as_str(), span.fg.as_deref()))
            .collect();
        assert_eq!(got, wanted, "{line:?}");
    }

    #[test]
    fn colours_stay_and_everything_else_goes() {
        check("plain", &[("plain", None)]);
        check(
            "\x1b[31mred\x1b[0m not",
            &[("red", Some("1")), (" not", None)],
        );
        check("\x1b[1;92mok", &[("ok", Some("10"))]);
        check("\x1b[38;5;196mx", &[("x", Some("#ff0000"))]);
        check("\x1b[38;2;1;2;3mx", &[("x", Some("#010203"))]);
        check("\x1b[mreset\x1b[2J\x1b[H!", &[("reset!", None)]);
        check("10%\r50%\r100%", &[("100%", None)]);
        // A terminal ends lines with CR LF.
        check("line\r", &[("line", None)]);
        check("a\x7fb", &[("ab", None)]);
        check(
            "\x1b]0;title\x07after\x1b]52;c;ZXZpbA==\x07",
            &[("after", None)],
        );
        check("<script>&amp;", &[("<script>&amp;", None)]);
    }

    #[test]
    fn backgrounds_and_reverse_video() {
        let check = |line: &str, wanted: &[(&str, Option<&str>, Option<&str>)]| {
            let spans = spans(line.as_bytes());
            let got: Vec<(&str, Option<&str>, Option<&str>)> = spans
                .iter()
                .map(|span| (span.text.as_str(), span.fg.as_deref(), span.bg.as_deref()))
                .collect();
            assert_eq!(got, wanted, "{line:?}");
        };
        check(
            "\x1b[7mname\x1b[27m rest",
            &[
                ("name", Some("background"), Some("foreground")),
                (" rest", None, None),
            ],
        );
        check("\x1b[31;7mx", &[("x", Some("background"), Some("1"))]);
        check("\x1b[42;7mx", &[("x", Some("2"), Some("foreground"))]);
        check("\x1b[97;104mx", &[("x", Some("15"), Some("12"))]);
        check("\x1b[30;103mx", &[("x", Some("0"), Some("11"))]);
        check("\x1b[48;5;232mx", &[("x", None, Some("#080808"))]);
        check("\x1b[38:5:9mx", &[("x", Some("9"), None)]);
        check("\x1b[38:2:1:2:3mx", &[("x", Some("#010203"), None)]);
        check("\x1b[48:2::1:2:3mx", &[("x", None, Some("#010203"))]);
        // The components of a colour are not read as styles.
        check("\x1b[58;5;7;32mx", &[("x", Some("2"), None)]);
    }

    proptest! {
        #[test]
        fn any_bytes_give_text_without_controls(line in prop::collection::vec(any::<u8>(), 0..300)) {
            for span in spans(&line) {
                prop_assert!(!span.text.chars().any(|c| c.is_ascii_control() && c != '\t'), "{:?}", span.text);
            }
        }
    }
}
