//! Parses sizes in bytes, and formats parts of a whole. How one size is written is in [`slipway_engine::size`].

use slipway_api::ApiError;
pub(crate) use slipway_engine::size::{bytes, memory};

use crate::failure::invalid;

/// Reads `512m`, `1g`, `1.5GB`, `64 MiB` or a number of bytes.
pub(crate) fn parse(text: &str) -> Result<u64, ApiError> {
    let wrong = || {
        invalid(
            format!("`{text}` is not a size"),
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
        "p" | "pb" | "pib" => 50,
        _ => return Err(wrong()),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(1 << shift).ok_or_else(wrong);
    }
    let fraction: f64 = number.parse().map_err(|_| wrong())?;
    #[expect(clippy::cast_precision_loss, reason = "a power of two")]
    let bytes = fraction * (1_u64 << shift) as f64;
    // Rounding a fraction to a byte is fine; an overflow is not.
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

/// `12 of 72 MB`, `400 MB of 4 GB`.
pub(crate) fn bytes_of(part: u64, whole: u64) -> String {
    share_of(&bytes(part), &bytes(whole))
}

/// `1.2 of 2 GB`, `46.6 MB of 2 GB`.
pub(crate) fn memory_of(part: u64, whole: u64) -> String {
    share_of(&memory(part), &memory(whole))
}

/// A part of a whole; if both have the same unit, it is shown once.
fn share_of(part: &str, whole: &str) -> String {
    let same = |(number, unit): (&str, &str)| {
        number == "0"
            || whole
                .rsplit_once(' ')
                .is_some_and(|(_, other)| unit == other)
    };
    match part.split_once(' ') {
        Some(cut) if same(cut) => format!("{} of {whole}", cut.0),
        _ => format!("{part} of {whole}"),
    }
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
        check("1 PB", Some(1 << 50));
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
    fn a_part_and_a_whole_say_the_same_unit_once() {
        assert_eq!(bytes_of(12_000_000, 72_000_000), "12 of 72 MB");
        assert_eq!(bytes_of(400_000_000, 4_000_000_000), "400 MB of 4 GB");
        assert_eq!(bytes_of(0, 500), "0 of 500 B");
        assert_eq!(bytes_of(0, 4_000_000_000), "0 of 4 GB");
        assert_eq!(memory_of(400 << 20, 2 << 30), "400 MB of 2 GB");
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(text in ".{0,20}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_written_is_read_as_nearly_the_same(bytes in 0_u64..1 << 50) {
            let again = parse(&memory(bytes)).expect("it was written by us");
            prop_assert!(again.abs_diff(bytes) <= bytes / 20 + 1, "{bytes}: {}", memory(bytes));
        }
    }
}
