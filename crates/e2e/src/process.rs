//! Resource use of a program and its children, from `/proc`.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// A process and all of its descendants.
pub fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut tree = vec![root];
    let mut next = 0;
    while next < tree.len() {
        if let Some(more) = children.get(&tree[next]) {
            tree.extend(more);
        }
        next += 1;
    }
    tree
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may contain anything.
    let rest = stat.rsplit_once(')')?.1;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Name of a process.
pub fn name(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}

/// Total processor time of some processes so far, in steps of a hundredth of a second.
pub fn cpu_time(pids: &[u32]) -> Duration {
    pids.iter()
        .filter_map(|pid| times(&pid.to_string(), 14))
        .sum()
}

/// Total processor time of this process's ended children, in steps of a hundredth of a second.
pub fn cpu_time_of_ended_children() -> Duration {
    times("self", 16).unwrap_or_default()
}

/// Two neighbouring fields of `/proc/…/stat`: user and system time.
fn times(process: &str, field: usize) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field, the name in parentheses, may contain anything; the third follows it.
    let mut rest = stat
        .rsplit_once(')')?
        .1
        .split_ascii_whitespace()
        .skip(field - 3);
    let user: u64 = rest.next()?.parse().ok()?;
    let system: u64 = rest.next()?.parse().ok()?;
    // To programs, Linux reports hundredths of a second, whatever it uses internally.
    Some(Duration::from_millis((user + system) * 10))
}

/// Proportional set size of some processes, in bytes.
pub fn pss(pids: &[u32]) -> u64 {
    pids.iter()
        .filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok())
        .filter_map(|rollup| {
            let line = rollup.lines().find(|line| line.starts_with("Pss:"))?;
            line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .sum::<u64>()
        * 1024
}

/// Kills a process and all of its descendants.
pub fn kill_tree(root: u32) {
    for pid in tree(root) {
        // Some end together with others.
        let _ = slipway_testkit::signal(pid, "KILL");
    }
}
