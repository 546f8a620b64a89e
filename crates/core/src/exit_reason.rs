//! Why a container ended, in words.

use slipway_engine::{ContainerDetail, ContainerState};

/// What is known from the exit code alone. `None` for a normal end.
pub(crate) fn of_exit_code(code: i64) -> Option<&'static str> {
    Some(match code {
        125 => "the engine could not start it",
        126 => "its command cannot be executed",
        127 => "its command was not found",
        130 => "interrupted",
        134 => "aborted",
        137 => "killed",
        139 => "crashed (segmentation fault)",
        143 => "stopped",
        _ => return None,
    })
}

/// What is known from everything that the engine tells about it.
pub(crate) fn of_detail(detail: &ContainerDetail) -> Option<String> {
    let state = &detail.state;
    if let Some(error) = state.error.as_deref().filter(|error| !error.is_empty()) {
        return Some(error.to_owned());
    }
    if !matches!(state.state, ContainerState::Exited | ContainerState::Dead) {
        return None;
    }
    if state.oom_killed {
        return Some(detail.limits.memory.map_or_else(
            || "out of memory".to_owned(),
            |limit| format!("out of memory (limit {})", bytes(limit)),
        ));
    }
    of_exit_code(state.exit_code?).map(str::to_owned)
}

/// Bytes as people say them: `64 MB`, `1.5 GB` (powers of 1024, as engines count limits).
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value.fract() < 0.05 || value >= 100.0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn bytes_read_like_people_say_them() {
        for (given, wanted) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (64 << 20, "64 MB"),
            (1536 << 20, "1.5 GB"),
        ] {
            assert_eq!(bytes(given), wanted);
        }
    }
}
