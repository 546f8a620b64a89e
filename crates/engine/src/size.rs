//! Formats sizes in bytes. The window follows the same rules: see `ui/src/format/bytes.ts`.
//!
//! Stored or transferred bytes are counted in powers of 1000, as `docker images` does; memory and its limits in powers
//! of 1024, as engines count limits. Both are labelled KB, MB, GB.

/// Images, downloads, files, disks and networks: 71800000 is `71.8 MB`.
pub fn bytes(count: u64) -> String {
    scaled(count, 1000.0)
}

/// Memory, and disks whose size is set in powers of two: 536870912 is `512 MB`.
pub fn memory(count: u64) -> String {
    scaled(count, 1024.0)
}

/// One decimal below 100 unless it is zero, none above.
fn scaled(count: u64, step: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KB", "MB", "GB", "TB", "PB"];
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = count as f64;
    let mut unit = 0;
    while value.round() >= step && unit + 1 < UNITS.len() {
        value /= step;
        unit += 1;
    }
    let rounded = if unit == 0 || value >= 100.0 {
        value.round()
    } else {
        (value * 10.0).round() / 10.0
    };
    format!("{rounded} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The window's tests read the same lines.
    #[test]
    fn sizes_are_written_as_in_the_window() {
        let mut checked = 0;
        for line in include_str!("../../cli/src/numbers.tsv").lines() {
            let cells: Vec<&str> = line.split('\t').collect();
            let [kind, number, wanted] = cells[..] else {
                continue;
            };
            let write: fn(u64) -> String = match kind {
                "bytes" => bytes,
                "memory" => memory,
                _ => continue,
            };
            let number = number.parse().expect("a whole number");
            assert_eq!(write(number), wanted, "{kind} {number}");
            checked += 1;
        }
        assert!(checked > 10, "{checked}");
        assert_eq!(memory(u64::MAX), "16384 PB");
    }
}
