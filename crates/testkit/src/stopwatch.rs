//! A stopwatch for time limits that is fair on a busy machine.

use std::{
    fs,
    time::{Duration, Instant},
};

/// Measures how long something takes. While more programs want to run than there are processors, waiting time does not
/// count, up to the limit itself: a quiet machine is held to the limit, the busiest to twice the limit.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    began: Instant,
    starved: Duration,
}

impl Stopwatch {
    /// Starts the clock.
    #[must_use]
    pub fn start() -> Self {
        Self {
            began: Instant::now(),
            starved: starved(),
        }
    }

    /// Time on the wall since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Fails the test if `what` took longer than `goal`.
    ///
    /// # Panics
    /// When it did.
    #[track_caller]
    pub fn within(&self, goal: Duration, what: &str) {
        let took = self.began.elapsed();
        let starved = starved().saturating_sub(self.starved);
        assert!(
            took <= goal + starved.min(goal),
            "{what} took {took:?}, in {starved:?} of which programs waited for a processor or a disk; the goal is {goal:?}"
        );
    }
}

/// How long since the start of the machine some program had to wait for a processor or the disk, as the kernel counts
/// it (PSI).
fn starved() -> Duration {
    ["/proc/pressure/cpu", "/proc/pressure/io"]
        .into_iter()
        .filter_map(|path| total(&fs::read_to_string(path).ok()?))
        .sum()
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=<microseconds>`
fn total(pressure: &str) -> Option<Duration> {
    let some = pressure.lines().find(|line| line.starts_with("some "))?;
    let total = some.split_once("total=")?.1.trim().parse().ok()?;
    Some(Duration::from_micros(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_is_read() {
        let text = "some avg10=94.32 avg60=90.72 avg300=83.00 total=5189309863\n\
                    full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        assert_eq!(total(text), Some(Duration::from_micros(5_189_309_863)));
        assert_eq!(total("nonsense"), None);
    }

    #[test]
    #[should_panic(expected = "a nap took")]
    fn what_takes_twice_its_goal_fails() {
        let stopwatch = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(21));
        stopwatch.within(Duration::from_millis(10), "a nap");
    }
}
