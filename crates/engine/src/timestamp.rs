//! Timestamps, in the formats of engines.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A timestamp, as nanoseconds since 1970-01-01 00:00 UTC. Covers the years 1678 to 2261.
///
/// `Display` writes RFC 3339 in UTC with nine decimals, which sorts as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    unix_nanos: i64,
}

impl Timestamp {
    /// From nanoseconds since 1970.
    pub const fn from_unix_nanos(unix_nanos: i64) -> Self {
        Self { unix_nanos }
    }

    /// From seconds since 1970; `None` outside of the range.
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        let unix_nanos = seconds.checked_mul(NANOS_PER_SECOND)?;
        Some(Self { unix_nanos })
    }

    /// Now, by this computer's clock.
    pub fn now() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            unix_nanos: i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        }
    }

    /// Time since then, by this computer's clock; zero for a time in the future.
    pub fn elapsed(self) -> Duration {
        let nanos = Self::now().unix_nanos.saturating_sub(self.unix_nanos);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
    }

    /// Nanoseconds since 1970.
    pub const fn unix_nanos(self) -> i64 {
        self.unix_nanos
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn unix_seconds(self) -> i64 {
        self.unix_nanos.div_euclid(NANOS_PER_SECOND)
    }

    /// Parses RFC 3339 with up to nine decimals, in UTC or with an offset. `None` for anything else, and for Go's zero
    /// time (the year 1), which engines write for "never".
    pub fn parse(text: &[u8]) -> Option<Self> {
        // YYYY-MM-DDTHH:MM:SS is 19 bytes; a zone must follow.
        let (date_time, mut rest) = text.split_at_checked(19)?;
        if date_time[4] != b'-'
            || date_time[7] != b'-'
            || !matches!(date_time[10], b'T' | b't')
            || date_time[13] != b':'
            || date_time[16] != b':'
        {
            return None;
        }
        let year = digits(&date_time[0..4])?;
        let month = digits(&date_time[5..7])?;
        let day = digits(&date_time[8..10])?;
        let hour = digits(&date_time[11..13])?;
        let minute = digits(&date_time[14..16])?;
        let second = digits(&date_time[17..19])?;
        // 60 is a leap second.
        if !(1..=12).contains(&month)
            || !(1..=31).contains(&day)
            || hour > 23
            || minute > 59
            || second > 60
        {
            return None;
        }

        let mut nanos = 0;
        if let [b'.', fraction @ ..] = rest {
            let len = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            if !(1..=9).contains(&len) {
                return None;
            }
            nanos = digits(&fraction[..len])?;
            for _ in len..9 {
                nanos *= 10;
            }
            rest = &fraction[len..];
        }
        let offset_seconds = match rest {
            b"Z" | b"z" => 0,
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
                let offset = digits(&[*h1, *h2])? * 3600 + digits(&[*m1, *m2])? * 60;
                if *sign == b'+' { offset } else { -offset }
            }
            _ => return None,
        };

        let seconds =
            days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
                - offset_seconds;
        let unix_nanos = seconds.checked_mul(NANOS_PER_SECOND)?.checked_add(nanos)?;
        Some(Self { unix_nanos })
    }

    /// In the format of the API's `since` and `until` parameters: seconds and nanoseconds.
    pub(crate) fn as_parameter(self) -> String {
        format!(
            "{}.{:09}",
            self.unix_seconds(),
            self.unix_nanos.rem_euclid(NANOS_PER_SECOND)
        )
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.unix_seconds();
        let (year, month, day) = date_of(seconds.div_euclid(86_400));
        let of_day = seconds.rem_euclid(86_400);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:09}Z",
            of_day / 3600,
            of_day / 60 % 60,
            of_day % 60,
            self.unix_nanos.rem_euclid(NANOS_PER_SECOND)
        )
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0_i64, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value * 10 + i64::from(byte - b'0'))
    })
}

/// Days in the proleptic Gregorian calendar, counted in years that begin in March so that the
/// leap day comes last (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_since_1970`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        let parsed = Timestamp::parse(text.as_bytes()).map(Timestamp::unix_nanos);
        assert_eq!(parsed, expected, "{text}");
    }

    #[test]
    fn reads_what_engines_write() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("1970-01-01T00:00:00.000000001Z", Some(1));
        check("1970-01-01T00:00:00.5Z", Some(500_000_000));
        check("1969-12-31T23:59:59Z", Some(-NANOS_PER_SECOND));
        check(
            "2024-02-29T12:34:56.123456789Z",
            Some(1_709_210_096_123_456_789),
        );
        check(
            "2024-02-29T14:34:56.123456789+02:00",
            Some(1_709_210_096_123_456_789),
        );
        check(
            "2024-02-29T07:04:56.123456789-05:30",
            Some(1_709_210_096_123_456_789),
        );
    }

    #[test]
    fn refuses_the_rest() {
        check("0001-01-01T00:00:00Z", None);
        check("", None);
        check("2024-02-29", None);
        check("2024-02-29T12:34:56", None);
        check("2024-13-29T12:34:56Z", None);
        check("2024-02-29T12:34:56.Z", None);
        check("2024-02-29T12:34:56.1234567890Z", None);
        check("2024-02-29T12:34:56Z trailing", None);
        check("2024-02-29T12:3é:56Z", None);
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_read(unix_nanos in any::<i64>()) {
            let timestamp = Timestamp::from_unix_nanos(unix_nanos);
            let text = timestamp.to_string();
            // The very first representable second cannot be reached from whole seconds.
            prop_assume!(unix_nanos > i64::MIN + NANOS_PER_SECOND);
            prop_assert_eq!(Timestamp::parse(text.as_bytes()), Some(timestamp));
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Timestamp::parse(&bytes);
        }
    }
}
