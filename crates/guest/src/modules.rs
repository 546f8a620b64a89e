//! Loads kernel modules without modprobe: reads one list instead of starting a process for each module.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, OsStr};
use std::fs::{self, File};
use std::path::Path;

use rustix::io::Errno;
use rustix::system::{finit_module, uname};

use crate::error::{Doing, Result};

/// The modules that containerd and dockerd request while they start, in that order, and the one of the way out.
///
/// Otherwise they and the kernel would load each one with a modprobe process, one after the other.
const FOR_DOCKER: [&str; 15] = [
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
    "macvlan",
];

/// Modules for the power button of the supported machine types.
const POWER_BUTTON: [&str; 4] = ["evdev", "button", "gpio_pl061", "gpio_keys"];

/// Loads the modules listed in `directory/order`, one file a line, in that order.
///
/// Failures are returned as text: the next step shows whether the module was needed.
pub(crate) fn load_in_order(directory: &Path) -> Result<Vec<String>> {
    let order = directory.join("order");
    let order = fs::read_to_string(&order).doing(|| format!("{}", order.display()))?;
    Ok(names(&order)
        .filter_map(|name| load(&directory.join(name)))
        .collect())
}

/// Loads the modules that dockerd needs, with their dependencies, from the root. Failures are returned as text.
pub(crate) fn load_for_docker() -> Result<Vec<String>> {
    load_from_root(&FOR_DOCKER)
}

/// Loads the modules for the power button.
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

/// Parameters of a module.
fn options(path: &Path) -> &'static CStr {
    match path.file_name().and_then(OsStr::to_str) {
        // Sent packets are freed with the next ones, without an interrupt just for their completion.
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

/// The files of `wanted`, dependencies first. Modules that `modules.dep` does not list are built into the kernel.
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
        // Each is listed before its dependencies.
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
