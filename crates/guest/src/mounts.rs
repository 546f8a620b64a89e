//! Mounts, and the switch from the initrd to the root.

use std::fs;
use std::path::Path;

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, mount_move,
    mount_remount, unmount,
};
use rustix::process::{chdir, chroot};

use crate::error::{Doing, Result};

const HARMLESS: MountFlags = MountFlags::NOSUID
    .union(MountFlags::NOEXEC)
    .union(MountFlags::NODEV);

/// Mounts that the agent needs to see devices.
pub(crate) fn early() -> Result<()> {
    for (kind, at) in [("proc", "/proc"), ("sysfs", "/sys")] {
        make(at)?;
        mount_at(kind, at, kind, HARMLESS, "")?;
    }
    make("/dev")?;
    mount_at("dev", "/dev", "devtmpfs", MountFlags::NOSUID, "mode=755")
}

/// Makes `device` the root of everything. Early mounts are moved along.
pub(crate) fn switch_root(device: &Path) -> Result<()> {
    const NEW: &str = "/root";
    make(NEW)?;
    let source = device.to_string_lossy();
    mount_at(&source, NEW, "erofs", MountFlags::RDONLY, "")?;
    for at in ["/proc", "/sys", "/dev"] {
        mount_move(at, format!("{NEW}{at}")).doing(|| format!("{at} could not be moved"))?;
    }
    // The initrd stays below, unreachable: its memory is freed, except for the agent's own pages.
    for at in ["/modules", "/init"] {
        let _ = fs::remove_dir_all(at).or_else(|_| fs::remove_file(at));
    }
    chdir(NEW).doing(|| "The new root could not be entered".into())?;
    mount_move(".", "/").doing(|| "The new root could not be moved".into())?;
    chroot(".").doing(|| "The new root could not be made the root".into())?;
    chdir("/").doing(|| "The new root could not be entered".into())
}

/// Mounts that programs expect.
pub(crate) fn late() -> Result<()> {
    for at in ["/run", "/tmp"] {
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount_at("tmpfs", at, "tmpfs", flags, "mode=1777")?;
    }
    for (kind, at, options) in [
        ("devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666"),
        ("tmpfs", "/dev/shm", "mode=1777"),
        ("mqueue", "/dev/mqueue", ""),
    ] {
        make(at)?;
        let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
        mount_at(kind, at, kind, flags, options)?;
    }
    mount_at(
        "cgroup2",
        "/sys/fs/cgroup",
        "cgroup2",
        HARMLESS,
        "nsdelegate",
    )?;
    // As systemd does: `-v /x:/y:rshared` is refused otherwise. Mounts that are made later inherit it.
    mount_change(
        "/",
        MountPropagationFlags::SHARED | MountPropagationFlags::REC,
    )
    .doing(|| "The mounts could not be shared".into())
}

/// The data disk and its directories.
pub(crate) fn data(device: &Path) -> Result<()> {
    let source = device.to_string_lossy();
    mount_at(&source, "/data", "ext4", MountFlags::NOATIME, "nodiscard")
}

/// Directories of containerd and dockerd on the data disk.
pub(crate) fn data_places() -> Result<()> {
    for name in ["docker", "containerd"] {
        let from = format!("/data/{name}");
        let at = format!("/var/lib/{name}");
        make(&from)?;
        mount_bind(from.as_str(), at.as_str()).doing(|| format!("{at} could not be mounted"))?;
    }
    Ok(())
}

/// Unmounts the data disk. If it is still in use, it is remounted read-only, which flushes it as well.
pub(crate) fn data_off() -> Result<()> {
    for at in ["/var/lib/docker", "/var/lib/containerd"] {
        let _ = unmount(at, UnmountFlags::DETACH);
    }
    unmount("/data", UnmountFlags::empty())
        .or_else(|_| mount_remount("/data", MountFlags::RDONLY, ""))
        .doing(|| "The data disk could not be unmounted".into())
}

fn make(at: &str) -> Result<()> {
    fs::create_dir_all(at).doing(|| format!("{at} could not be made"))
}

fn mount_at(source: &str, at: &str, kind: &str, flags: MountFlags, options: &str) -> Result<()> {
    let options = std::ffi::CString::new(options).unwrap_or_default();
    mount(source, at, kind, flags, options.as_c_str())
        .doing(|| format!("{source} ({kind}) could not be mounted on {at}"))
}
