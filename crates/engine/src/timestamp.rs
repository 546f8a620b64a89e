//! A moment in time, as engines write it.

/// A moment, as nanoseconds since 1970-01-01 00:00 UTC. Covers the years 1678 to 2261.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    unix_nanos: i64,
}
