//! The guest's resource use.

use std::fs;

use slipway_link::GuestStats;

use crate::clock::since_kernel_start_ms;

/// Reads the kernel's current values.
pub(crate) fn read(data_mounted: bool) -> GuestStats {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let mut stats = GuestStats {
        uptime_ms: since_kernel_start_ms(),
        ..GuestStats::default()
    };
    memory(&text("/proc/meminfo"), &mut stats);
    load(&text("/proc/loadavg"), &mut stats);
    processors(&text("/proc/stat"), &mut stats);
    if data_mounted && let Ok(disk) = rustix::fs::statvfs("/data") {
        stats.disk_total = disk.f_blocks * disk.f_frsize;
        stats.disk_used = disk.f_blocks.saturating_sub(disk.f_bfree) * disk.f_frsize;
        stats.disk_available = disk.f_bavail * disk.f_frsize;
    }
    stats
}

fn memory(meminfo: &str, stats: &mut GuestStats) {
    for line in meminfo.lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let kib = value.split_whitespace().next().and_then(|n| n.parse().ok());
        let bytes = kib.unwrap_or(0_u64) * 1024;
        match name {
            "MemTotal" => stats.memory_total = bytes,
            "MemAvailable" => stats.memory_available = bytes,
            _ => {}
        }
    }
}

fn load(loadavg: &str, stats: &mut GuestStats) {
    let mut numbers = loadavg
        .split_whitespace()
        .map(|number| number.parse().unwrap_or(0.0));
    stats.load_1 = numbers.next().unwrap_or(0.0);
    stats.load_5 = numbers.next().unwrap_or(0.0);
    stats.load_15 = numbers.next().unwrap_or(0.0);
}

/// The kernel counts in hundredths of a second.
fn processors(stat: &str, stats: &mut GuestStats) {
    const IDLE: usize = 3;
    const WAITING_FOR_DISK: usize = 4;
    /// Guest time is already included in the other fields.
    const COUNTED: usize = 8;
    let all = stat.lines().next().unwrap_or_default();
    let ticks = all.split_whitespace().skip(1).take(COUNTED);
    for (at, ticks) in ticks.enumerate() {
        let ms = ticks.parse().unwrap_or(0_u64) * 10;
        match at {
            IDLE | WAITING_FOR_DISK => stats.cpu_idle_ms += ms,
            _ => stats.cpu_busy_ms += ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_understood() {
        let mut stats = GuestStats::default();
        memory(
            "MemTotal:        2018904 kB\nMemFree: 5 kB\nMemAvailable:    1870932 kB\nHugePages_Total:       0\n",
            &mut stats,
        );
        load("0.08 0.03 0.01 2/98 231\n", &mut stats);
        processors("cpu  100 1 50 4000 20 3 2 0 7 0\ncpu0 1 1 1\n", &mut stats);
        assert_eq!(stats.memory_total, 2_018_904 * 1024);
        assert_eq!(stats.memory_available, 1_870_932 * 1024);
        assert!((stats.load_1 - 0.08).abs() < 1e-9 && (stats.load_15 - 0.01).abs() < 1e-9);
        assert_eq!((stats.cpu_busy_ms, stats.cpu_idle_ms), (1560, 40_200));
    }

    #[test]
    fn nothing_is_no_panic() {
        let mut stats = GuestStats::default();
        memory("", &mut stats);
        load("", &mut stats);
        processors("", &mut stats);
        assert_eq!(stats, GuestStats::default());
    }
}
