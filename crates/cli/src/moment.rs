//! Parses times on the command line, and formats them for tables.

use std::time::Duration;

use slipway_api::ApiError;
use slipway_engine::Timestamp;

use crate::failure::invalid;

const NANOS: i64 = 1_000_000_000;
/// The units of a duration, in seconds.
const UNITS: [(&str, i64); 5] = [
    ("w", 604_800),
    ("d", 86_400),
    ("h", 3600),
    ("m", 60),
    ("s", 1),
];

/// Parses a time ago (`10m`, `1h30m`, `2d`), a date or time (`2026-05-04`, `2026-05-04T10:00`, UTC unless a zone is
/// given), or seconds since 1970.
pub(crate) fn parse(text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    let text = text.trim();
    let seconds = text
        .parse()
        .ok()
        .filter(|_| !text.starts_with(['-', '+']))
        .and_then(Timestamp::from_unix_seconds);
    let ago = || {
        let nanos = duration(text)?.checked_mul(NANOS)?;
        let then = now.unix_nanos().checked_sub(nanos)?;
        Some(Timestamp::from_unix_nanos(then))
    };
    let date = || {
        // Missing parts are zero: the date alone means its first moment.
        let given = text.replacen(' ', "T", 1);
        [
            given.clone(),
            format!("{given}Z"),
            format!("{given}:00Z"),
            format!("{given}T00:00:00Z"),
        ]
        .iter()
        .find_map(|whole| Timestamp::parse(whole.as_bytes()))
    };
    seconds.or_else(ago).or_else(date).ok_or_else(|| {
        invalid(
            format!("`{text}` is not a valid time"),
            "Write for example 10m, 2h30m, 2026-05-04 or 2026-05-04T10:00:00Z",
        )
    })
}

/// `1h30m` in seconds.
fn duration(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total = 0_i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = rest.split_at(digits);
        let (name, seconds) = UNITS.iter().find(|(name, _)| unit.starts_with(name))?;
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(*seconds)?)?;
        rest = &unit[name.len()..];
    }
    (!text.is_empty()).then_some(total)
}

/// A duration, formatted as in the window (`ui/src/format/time.ts`): `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`.
pub(crate) fn took(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    if milliseconds < 9_950 {
        return format!("{:.1} s", (duration.as_secs_f64() * 10.0).round() / 10.0);
    }
    let seconds = (milliseconds + 500) / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let (first, second) = if seconds < 60 {
        return format!("{seconds} s");
    } else if minutes < 60 {
        (format!("{minutes} min"), (seconds % 60, "s"))
    } else if hours < 24 {
        (format!("{hours} h"), (minutes % 60, "min"))
    } else {
        (format!("{days} d"), (hours % 24, "h"))
    };
    match second {
        (0, _) => first,
        (rest, unit) => format!("{first} {rest} {unit}"),
    }
}

/// "3 days ago", for a time as the engine writes it. Empty if the time cannot be parsed.
pub(crate) fn ago(time: &str, now: Timestamp) -> String {
    let Some(then) = Timestamp::parse(time.as_bytes()) else {
        return String::new();
    };
    let seconds = now.unix_seconds() - then.unix_seconds();
    let (count, unit) = match seconds {
        ..60 => return "just now".to_owned(),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        86_400..5_184_000 => (seconds / 86_400, "day"),
        5_184_000..63_072_000 => (seconds / 2_592_000, "month"),
        _ => (seconds / 31_536_000, "year"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

/// A time of the engine for people, to the second: `2026-05-04 10:00:01 UTC`. Unchanged if it is not one in UTC.
pub(crate) fn to_the_second(time: &str) -> String {
    let utc = time.ends_with('Z') && Timestamp::parse(time.as_bytes()).is_some();
    match (utc, time.split_once('T')) {
        (true, Some((date, clock))) => {
            let clock = clock
                .trim_end_matches('Z')
                .split('.')
                .next()
                .unwrap_or_default();
            format!("{date} {clock} UTC")
        }
        _ => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_of_the_engine_are_shown_to_the_second() {
        for (given, shown) in [
            ("2026-01-15T10:00:00.000000000Z", "2026-01-15 10:00:00 UTC"),
            ("2026-01-15T10:00:00Z", "2026-01-15 10:00:00 UTC"),
            ("2026-01-15T10:00:00+02:00", "2026-01-15T10:00:00+02:00"),
            ("", ""),
            ("TZ", "TZ"),
        ] {
            assert_eq!(to_the_second(given), shown);
        }
    }

    fn now() -> Timestamp {
        Timestamp::parse(b"2026-05-04T12:00:00Z").expect("a time")
    }

    fn check(text: &str, wanted: Option<&str>) {
        match (parse(text, now()), wanted) {
            (Ok(time), Some(wanted)) => {
                assert_eq!(
                    time.to_string(),
                    format!("2026-{wanted}.000000000Z"),
                    "{text}"
                );
            }
            (Err(_), None) => {}
            (result, _) => panic!("{text}: {result:?}"),
        }
    }

    #[test]
    fn times_are_read() {
        check("10m", Some("05-04T11:50:00"));
        check("1h30m", Some("05-04T10:30:00"));
        check("2d", Some("05-02T12:00:00"));
        check("0s", Some("05-04T12:00:00"));
        check("2026-05-01", Some("05-01T00:00:00"));
        check("2026-05-01T08:30", Some("05-01T08:30:00"));
        check("2026-05-01 08:30:15", Some("05-01T08:30:15"));
        check("2026-05-01T08:30:15Z", Some("05-01T08:30:15"));
        check("2026-05-01T08:30:15+02:00", Some("05-01T06:30:15"));
        check("1777888800", Some("05-04T10:00:00"));
        check("", None);
        check("yesterday", None);
        check("-5m", None);
        check("10x", None);
        check("2026-13-01", None);
        check("99999999999999999999d", None);
    }

    #[test]
    fn ages_are_written() {
        for (time, wanted) in [
            ("2026-05-04T11:59:50Z", "just now"),
            ("2026-05-04T12:00:10Z", "just now"),
            ("2026-05-04T11:59:00Z", "1 minute ago"),
            ("2026-05-04T02:00:00Z", "10 hours ago"),
            ("2026-05-01T12:00:00Z", "3 days ago"),
            ("2026-01-01T12:00:00Z", "4 months ago"),
            ("2020-01-01T12:00:00Z", "6 years ago"),
            ("", ""),
        ] {
            assert_eq!(ago(time, now()), wanted);
        }
    }

    #[test]
    fn what_something_took_is_written_as_in_the_window() {
        for (milliseconds, wanted) in crate::numbers::shown_in_both("duration") {
            assert_eq!(took(Duration::from_secs_f64(milliseconds / 1000.0)), wanted);
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(text in "[0-9smhdwTZ:+. -]{0,24}") {
            let _ = parse(&text, now());
        }
    }
}
