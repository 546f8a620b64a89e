//! Formats numbers as the window does: see `ui/src/format/numbers.ts`. For bytes see [`crate::size`], for times
//! [`crate::moment`].

/// CPU in percent of one CPU: `0.1%`, `38%`, `1,250%`.
pub(crate) fn percent(value: f64) -> String {
    if value < 9.95 {
        return format!("{:.1}%", (value * 10.0).round() / 10.0);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number of percents, far below 2^64"
    )]
    let whole = value.round() as u64;
    format!("{}%", count(whole))
}

/// 10482113 is `10,482,113`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Test cases shared with the window: kind of number, number, text.
#[cfg(test)]
pub(crate) fn shown_in_both(kind: &str) -> Vec<(f64, &'static str)> {
    let lines: Vec<_> = include_str!("numbers.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut cells = line.split('\t');
            let (of, number, text) = (cells.next()?, cells.next()?, cells.next()?);
            (of == kind).then(|| (number.parse().expect("a number"), text))
        })
        .collect();
    assert!(lines.len() > 5, "{kind}");
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_written_as_in_the_window() {
        for (value, wanted) in shown_in_both("cpu") {
            assert_eq!(percent(value), wanted, "{value}");
        }
    }

    #[test]
    fn thousands_are_separated() {
        for (value, wanted) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (10_482_113, "10,482,113"),
        ] {
            assert_eq!(count(value), wanted);
        }
    }
}
