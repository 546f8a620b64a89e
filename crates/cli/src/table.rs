//! Tables and lists of fields for people: aligned, and readable without colours.

use unicode_width::UnicodeWidthStr as _;

use crate::output::{Output, Tone};
use crate::text;

/// Spaces between two columns.
const GAP: usize = 2;
/// Minimum width of a column that is cut to fit the terminal.
const NARROWEST: usize = 20;

/// Text with a tone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// Text in a tone. Control characters are taken out.
    pub(crate) fn new(text: &str, tone: Tone) -> Self {
        Self {
            text: text::line(text).into_owned(),
            tone,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text, Tone::Plain)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(&text, Tone::Plain)
    }
}

/// Rows under headings.
#[derive(Debug)]
pub(crate) struct Table<const COLUMNS: usize> {
    headings: [&'static str; COLUMNS],
    rows: Vec<[Cell; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(crate) fn new(headings: [&'static str; COLUMNS]) -> Self {
        Self {
            headings,
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: [Cell; COLUMNS]) {
        self.rows.push(cells);
    }

    /// The table as this output shows it.
    pub(crate) fn for_output(&self, output: &Output) -> String {
        self.render(output.colors_stdout(), output.width())
    }

    /// The table, in at most `width` columns if cutting its last column is enough for that.
    pub(crate) fn render(&self, colors: bool, width: Option<usize>) -> String {
        let mut widths = self.headings.map(str::len);
        for row in &self.rows {
            for (cell, width) in row.iter().zip(&mut widths) {
                *width = (*width).max(cell.text.width());
            }
        }
        let before_last: usize = widths.iter().rev().skip(1).map(|width| width + GAP).sum();
        let last_width = width.map(|width| width.saturating_sub(before_last).max(NARROWEST));
        let mut text = String::new();
        let headings = self
            .headings
            .map(|heading| Cell::new(heading, Tone::Heading));
        for row in std::iter::once(&headings).chain(&self.rows) {
            // Trailing blanks are of no use to anybody.
            let used = row
                .iter()
                .rposition(|cell| !cell.text.is_empty())
                .map_or(0, |last| last + 1);
            for (index, cell) in row[..used].iter().enumerate() {
                let shown = match last_width {
                    Some(width) if index + 1 == COLUMNS => cut(&cell.text, width),
                    _ => cell.text.clone(),
                };
                text.push_str(&cell.tone.paint(&shown, colors));
                if index + 1 < used {
                    let blanks = widths[index] - cell.text.width() + GAP;
                    text.extend(std::iter::repeat_n(' ', blanks));
                }
            }
            text.push('\n');
        }
        text
    }
}

/// The text, cut to a number of columns.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        short.push(c);
        if short.width() >= width {
            short.pop();
            break;
        }
    }
    short.push('…');
    short
}

/// Names and values, one pair a line.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    fields: Vec<(&'static str, Vec<Cell>)>,
}

impl Fields {
    /// Adds a field, unless its value is empty.
    pub(crate) fn field(&mut self, name: &'static str, value: impl Into<Cell>) -> &mut Self {
        self.list(name, [value])
    }

    /// Adds a field with one value a line, unless there are none.
    pub(crate) fn list<T: Into<Cell>>(
        &mut self,
        name: &'static str,
        values: impl IntoIterator<Item = T>,
    ) -> &mut Self {
        let values: Vec<Cell> = values
            .into_iter()
            .map(Into::into)
            .filter(|value: &Cell| !value.text.is_empty())
            .collect();
        if !values.is_empty() {
            self.fields.push((name, values));
        }
        self
    }

    pub(crate) fn for_output(&self, output: &Output) -> String {
        self.render(output.colors_stdout())
    }

    pub(crate) fn render(&self, colors: bool) -> String {
        let widest = self.fields.iter().map(|(name, _)| name.len()).max();
        let width = widest.unwrap_or_default() + GAP;
        let mut text = String::new();
        for (name, values) in &self.fields {
            for (index, value) in values.iter().enumerate() {
                let label = format!("{:width$}", if index == 0 { name } else { "" });
                text.push_str(&Tone::Faint.paint(&label, colors));
                text.push_str(&value.tone.paint(&value.text, colors));
                text.push('\n');
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_whatever_is_in_them() {
        let mut table = Table::new(["NAME", "STATE", "STATUS"]);
        table.row([
            "web".into(),
            Cell::new("running", Tone::Good),
            "Up 2 hours".into(),
        ]);
        table.row(["日本".into(), "exited".into(), "".into()]);
        table.row(["evil\x1b[2J\nname".into(), "x".into(), "a\tb".into()]);
        insta::assert_snapshot!(table.render(false, None), @r"
        NAME          STATE    STATUS
        web           running  Up 2 hours
        日本          exited
        evil[2J name  x        a b
        ");
        assert!(
            table
                .render(true, None)
                .contains("\x1b[32mrunning\x1b[0m  Up")
        );
    }

    #[test]
    fn the_last_column_is_cut_to_the_terminal() {
        let mut table = Table::new(["NAME", "SUMMARY"]);
        table.row([
            "nginx".into(),
            "Web server, reverse proxy and load balancer".into(),
        ]);
        insta::assert_snapshot!(table.render(false, Some(32)), @r"
        NAME   SUMMARY
        nginx  Web server, reverse prox…
        ");
    }

    #[test]
    fn fields_without_a_value_are_left_out() {
        let mut fields = Fields::default();
        fields
            .field("Name", "web")
            .field("Note", "")
            .list("Ports", ["80", "443"]);
        insta::assert_snapshot!(fields.render(false), @r"
        Name   web
        Ports  80
               443
        ");
    }
}
