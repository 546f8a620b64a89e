//! Numbers of bytes, as people write and read them: powers of 1024, as engines count limits.

use slipway_api::ApiError;

use crate::failure::invalid;

/// Reads `512m`, `1g`, `1.5GB`, `64 MiB` or a number of bytes.
pub(crate) fn parse(text: &str) -> Result<u64, ApiError> {
    let wrong = || {
        invalid(
            format!("`{text}` is no size"),
            "Write for example 512m, 1g or 1.5g",
        )
    };
    let trimmed = text.trim();
    let end = trimmed
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(end);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(wrong()),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(1 << shift).ok_or_else(wrong);
    }
    let fraction: f64 = number.parse().map_err(|_| wrong())?;
    #[expect(clippy::cast_precision_loss, reason = "a power of two")]
    let bytes = fraction * (1_u64 << shift) as f64;
    // A byte more or less does not matter where somebody writes a fraction; an overflow does.
    if !bytes.is_finite() || bytes >= 9e18 {
        return Err(wrong());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "digits and a point make no negative number, and it is below 2^63"
    )]
    Ok(bytes as u64)
}

/// Writes `64 MB` or `1.5 GB`.
pub(crate) fn human(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KB", "MB", "GB", "TB", "PB"];
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes as f64;
    let mut unit = 0;
    // 1023.95 would be shown as 1024.0.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 99.95);
    let number = format!("{value:.digits$}");
    let number = number.strip_suffix(".0").unwrap_or(&number);
    format!("{number} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, wanted: Option<u64>) {
        match (parse(text), wanted) {
            (Ok(bytes), Some(wanted)) => assert_eq!(bytes, wanted, "{text}"),
            (Err(error), None) => assert!(error.hint.is_some(), "{text}"),
            (result, _) => panic!("{text}: {result:?}"),
        }
    }

    #[test]
    fn sizes_are_read() {
        check("1024", Some(1024));
        check("512m", Some(512 << 20));
        check("512M", Some(512 << 20));
        check("1g", Some(1 << 30));
        check("1.5g", Some(3 << 29));
        check(" 64 MiB ", Some(64 << 20));
        check("6mb", Some(6 << 20));
        check("0", Some(0));
        check("", None);
        check("m", None);
        check("-1m", None);
        check("1x", None);
        check("1.2.3m", None);
        check("1e9", None);
        check(".", None);
        check("99999999999t", None);
        check("18446744073709551615", Some(u64::MAX));
        check("18446744073709551616", None);
    }

    #[test]
    fn sizes_are_written() {
        for (bytes, wanted) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KB"),
            (1536, "1.5 KB"),
            (64 << 20, "64 MB"),
            ((1 << 20) - 1, "1 MB"),
            (187_654_321, "179 MB"),
            (3 << 29, "1.5 GB"),
            (u64::MAX, "16384 PB"),
        ] {
            assert_eq!(human(bytes), wanted);
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(text in ".{0,20}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_written_is_read_as_nearly_the_same(bytes in 0_u64..1 << 50) {
            let again = parse(&human(bytes)).expect("it was written by us");
            prop_assert!(again.abs_diff(bytes) <= bytes / 20 + 1, "{bytes}: {}", human(bytes));
        }
    }
}
