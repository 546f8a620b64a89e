//! The resources and the identity of this computer.

use std::path::Path;

use slipway_api::machine::MachineHost;

/// The resources that the machine can be given.
pub(crate) fn this_computer() -> MachineHost {
    MachineHost {
        cpus: cpus(),
        memory_mb: memory_mb(),
    }
}

/// Logical CPUs that this process may use.
pub(crate) fn cpus() -> u32 {
    std::thread::available_parallelism()
        .ok()
        .and_then(|count| u32::try_from(count.get()).ok())
        .unwrap_or(1)
}

/// Memory in MiB, where the system reports it.
pub(crate) fn memory_mb() -> Option<u32> {
    #[cfg(target_os = "linux")]
    return u32::try_from(meminfo("MemTotal")? / 1024).ok();
    #[cfg(not(target_os = "linux"))]
    None
}

/// Memory in MiB that is available without swapping, where the system reports it.
pub(crate) fn available_memory_mb() -> Option<u64> {
    #[cfg(target_os = "linux")]
    return Some(meminfo("MemAvailable")? / 1024);
    #[cfg(not(target_os = "linux"))]
    None
}

#[cfg(target_os = "linux")]
fn meminfo(key: &str) -> Option<u64> {
    let table = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = table.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim_start_matches(':')
        .split_ascii_whitespace()
        .next()?
        .parse()
        .ok()
}

/// Bytes that this user can still write to the disk that holds `path`.
pub(crate) fn free_space(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let disk = rustix::fs::statvfs(path).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// The processor's name, to tell computers apart.
pub(crate) fn cpu_model() -> String {
    std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|table| {
            let line = table
                .lines()
                .find(|line| line.starts_with("model name") || line.starts_with("CPU part"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// The kernel's release.
pub(crate) fn kernel_release() -> String {
    #[cfg(unix)]
    return rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned();
    #[cfg(not(unix))]
    std::env::consts::OS.to_owned()
}

/// The boot id, different after every boot of this computer; empty where the system has none.
pub(crate) fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

/// When a process started, in the kernel's own unit. Together with the pid and [`boot_id`] it identifies one process
/// for ever.
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may contain anything, a parenthesis too.
    let after_name = stat.get(stat.rfind(')')? + 1..)?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_computer_has_something() {
        assert!(cpus() > 0);
        assert!(memory_mb().unwrap() > 100);
        assert!(available_memory_mb().unwrap() > 0);
        assert!(free_space(Path::new("/")).is_some());
        assert!(!boot_id().is_empty());
        assert!(start_time(std::process::id()).unwrap() > 0);
        assert_eq!(start_time(u32::MAX), None);
    }
}
