//! Loads kernel modules without modprobe: one read of a list instead of a process for each.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, OsStr};
use std::fs::{self, File};
use std::path::Path;

use rustix::io::Errno;
use rustix::system::{finit_module, uname};

use crate::error::{Doing, Result};

/// What containerd and dockerd ask for while they start, in the order in which they do.
///
/// They and the kernel would load them by themselves, each by a modprobe of its own, one after the other.
const FOR_DOCKER: [&str; 14] = [
    "overlay",
    "nf_tables",
    "nft_ct",
    "nft_compat",
    "nft_chain_nat",
    "xt_addrtype",
    "xt_conntrack",
    "xt_MASQUERADE",
    "bridge",
    "br_netfilter",
    "nf_conntrack_netlink",
    "xfrm_user",
    "veth",
    "xt_nat",
];

/// The power button of one kind of machine or another.
const POWER_BUTTON: [&str; 4] = ["evdev", "button", "gpio_pl061", "gpio_keys"];

/// Loads what `directory/order` names, one file a line, in that order.
///
/// What cannot be loaded is returned in words: the next step says whether it was needed.
pub(crate) fn load_in_order(directory: &Path) -> Result<Vec<String>> {
    let order = directory.join("order");
    let order = fs::read_to_string(&order).doing(|| format!("{}", order.display()))?;
    Ok(names(&order)
        .filter_map(|name| load(&directory.join(name)))
        .collect())
}

/// Loads what dockerd needs, and what that depends on, from the root. What cannot be loaded is returned in words.
pub(crate) fn load_for_docker() -> Result<Vec<String>> {
    load_from_root(&FOR_DOCKER)
}

/// Loads what it takes to hear the power button.
pub(crate) fn load_for_power_button() -> Result<Vec<String>> {
    load_from_root(&POWER_BUTTON)
}

fn load_from_root(wanted: &[&str]) -> Result<Vec<String>> {
    let release = uname();
    let directory = Path::new("/lib/modules").join(release.release().to_string_lossy().as_ref());
    let index = directory.join("modules.dep");
    let index = fs::read_to_string(&index).doing(|| format!("{}", index.display()))?;
    Ok(with_dependencies(wanted, &index)
        .into_iter()
        .filter_map(|path| load(&directory.join(path)))
        .collect())
}

/// How a module is told to work.
fn options(path: &Path) -> &'static CStr {
    match path.file_name().and_then(OsStr::to_str) {
        // What was sent is put away with what is sent next, and no interrupt comes just to say that it was.
        Some("virtio_net.ko") => c"napi_tx=0",
        _ => c"",
    }
}

fn load(path: &Path) -> Option<String> {
    let loaded = File::open(path)
        .map_err(|error| error.to_string())
        .and_then(|file| match finit_module(&file, options(path), 0) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error.to_string()),
        });
    loaded.err().map(|error| {
        format!(
            "The kernel module {} was not loaded: {error}",
            path.display()
        )
    })
}

fn names(order: &str) -> impl Iterator<Item = &str> {
    order
        .lines()
        .map(str::trim)
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
}

/// The files of `wanted` in an order in which each comes after what it depends on. What `modules.dep` does not know is
/// built into the kernel.
fn with_dependencies<'a>(wanted: &[&str], modules_dep: &'a str) -> Vec<&'a str> {
    let mut by_name: HashMap<String, (&str, &str)> = HashMap::new();
    for line in modules_dep.lines() {
        if let Some((path, dependencies)) = line.split_once(':') {
            by_name.insert(name_of(path), (path, dependencies));
        }
    }
    let mut taken = HashSet::new();
    let mut order = Vec::new();
    for (path, dependencies) in wanted.iter().filter_map(|name| by_name.get(*name)) {
        // Each is listed before what it depends on.
        for path in dependencies.split_whitespace().rev().chain([*path]) {
            if taken.insert(path) {
                order.push(path);
            }
        }
    }
    order
}

fn name_of(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split('.').next().unwrap_or(file).replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_one_file_a_line() {
        let names: Vec<_> = names("# for disks\nvirtio.ko\n\n kernel/fs/erofs.ko \n").collect();
        assert_eq!(names, ["virtio.ko", "kernel/fs/erofs.ko"]);
    }

    #[test]
    fn what_a_module_depends_on_comes_first_and_once() {
        let index = "kernel/net/bridge/br_netfilter.ko: kernel/net/bridge/bridge.ko kernel/net/802/stp.ko kernel/net/llc/llc.ko\n\
                     kernel/net/bridge/bridge.ko: kernel/net/802/stp.ko kernel/net/llc/llc.ko\n\
                     kernel/net/802/stp.ko: kernel/net/llc/llc.ko\n\
                     kernel/net/llc/llc.ko:\n\
                     kernel/net/xfrm-user.ko:\n";
        let order = with_dependencies(&["bridge", "br_netfilter", "overlay", "xfrm_user"], index);
        assert_eq!(
            order,
            [
                "kernel/net/llc/llc.ko",
                "kernel/net/802/stp.ko",
                "kernel/net/bridge/bridge.ko",
                "kernel/net/bridge/br_netfilter.ko",
                "kernel/net/xfrm-user.ko",
            ]
        );
    }
}
