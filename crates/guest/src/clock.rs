//! The guest's clocks: time since the kernel started, and the time of day as set by the host.

use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};
use slipway_link::{GuestEvent, Reply};

use crate::error::{Doing, Result};
use crate::news::News;

/// Smaller deviations are not corrected.
const TOLERATED_NS: u64 = 100_000_000;

const NS: i128 = 1_000_000_000;

pub(crate) fn since_kernel_start_ms() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    u64::try_from(nanoseconds(now) / 1_000_000).unwrap_or(0)
}

fn nanoseconds(time: Timespec) -> i128 {
    i128::from(time.tv_sec) * NS + i128::from(time.tv_nsec)
}

/// Sets the clock to the host's time if it deviates by more than the tolerance.
pub(crate) fn set(unix_time_ns: u64, news: &News) -> Result<Reply> {
    let offset = i128::from(unix_time_ns) - nanoseconds(clock_gettime(ClockId::Realtime));
    let offset_ns = i64::try_from(offset).unwrap_or(if offset < 0 { i64::MIN } else { i64::MAX });
    let stepped = offset_ns.unsigned_abs() > TOLERATED_NS;
    if stepped {
        let time = Timespec {
            tv_sec: i64::try_from(unix_time_ns / 1_000_000_000).unwrap_or(0),
            tv_nsec: i64::try_from(unix_time_ns % 1_000_000_000).unwrap_or(0),
        };
        clock_settime(ClockId::Realtime, time).doing(|| "The clock could not be set".into())?;
        news.tell(GuestEvent::ClockSet { offset_ns });
    }
    Ok(Reply::Clock { offset_ns, stepped })
}
