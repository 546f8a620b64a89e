//! A stock Debian to compare the machine with: systemd, docker.io and sshd on an ext4 disk, with Debian's own kernel
//! and initrd.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::arch::Arch;
use crate::workspace::target;
use crate::{guest_image, packages, shell};

/// Packages beyond Debian's essential ones: just enough to boot, to run an engine and to be reachable.
const PACKAGES: &[&str] = &[
    "systemd-sysv",
    "udev",
    "dbus",
    "initramfs-tools",
    "docker.io",
    "iptables",
    "openssh-server",
    "ca-certificates",
];

/// About the size of the machine's disk; it is sparse.
const DISK: u64 = 8 << 30;

/// Changes to the stock system; `$1` is its root. The engine also listens on a port, and one unit reports when it
/// answers.
const SETUP: &str = r#"
echo slipway-bench > "$1/etc/hostname"
echo '/dev/vda / ext4 defaults 0 1' > "$1/etc/fstab"
cat > "$1/etc/systemd/network/80-dhcp.network" <<END
[Match]
Name=en* eth*
[Network]
DHCP=yes
END
mkdir -p "$1/etc/systemd/system/docker.socket.d"
cat > "$1/etc/systemd/system/docker.socket.d/port.conf" <<END
[Socket]
ListenStream=2375
END
cat > "$1/etc/systemd/system/report.service" <<END
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/usr/local/bin/slipway-peer report /run/docker.sock /dev/virtio-ports/slipway.link
[Install]
WantedBy=sysinit.target
END
install -m 755 peer "$1/usr/local/bin/slipway-peer"
install -m 600 key.pub "$1/etc/ssh/bench_keys"
echo 'AuthorizedKeysFile /etc/ssh/bench_keys' > "$1/etc/ssh/sshd_config.d/bench.conf"
chroot "$1" systemctl enable systemd-networkd ssh docker report
cp "$1"/boot/vmlinuz-* vmlinuz
cp "$1"/boot/initrd.img-* initrd
"#;

/// Builds it, unless an up-to-date one exists: `vmlinuz`, `initrd`, `root.raw` and `key`. Needs root, because the
/// packages' own scripts run.
pub(crate) fn make(peer: &Path) -> Result<PathBuf> {
    let directory = target().join("bench-debian");
    let (suite, sources, reaching) = guest_image::debian()?;
    let mut digest = Sha256::new();
    for part in [suite, &PACKAGES.join(" "), SETUP] {
        digest.update(part);
    }
    digest.update(std::fs::read(peer)?);
    let stamp = format!("{:x?}", digest.finalize());
    let mark = directory.join("stamp");
    if std::fs::read_to_string(&mark).is_ok_and(|made| made == stamp) {
        return Ok(directory);
    }
    if !packages::is_root() {
        bail!("the Debian to compare with is installed as root: run this with sudo, or as root");
    }
    println!("Making a Debian to compare the machine with");
    if directory.exists() {
        std::fs::remove_dir_all(&directory)
            .with_context(|| format!("{} cannot be cleared", directory.display()))?;
    }
    std::fs::create_dir_all(&directory)?;
    std::fs::write(directory.join("debian.sources"), sources)?;
    std::fs::write(directory.join("apt.conf"), reaching)?;
    std::fs::write(directory.join("setup"), SETUP)?;
    std::fs::copy(peer, directory.join("peer"))?;
    shell::run(
        Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f"])
            .arg(directory.join("key")),
    )?;
    let kernel = format!("linux-image-{}", Arch::of_this_computer()?.name());
    shell::run(
        Command::new("mmdebstrap")
            .args(["--variant=minbase", "--format=directory", "--quiet"])
            .arg(format!("--aptopt={}", directory.join("apt.conf").display()))
            .arg("--aptopt=APT::Install-Recommends \"false\"")
            .arg(format!("--include={},{kernel}", PACKAGES.join(",")))
            .arg(format!(
                "--customize-hook=cd '{}' && sh -eu setup \"$1\"",
                directory.display()
            ))
            .args([suite, "root", "debian.sources"])
            .current_dir(&directory)
            .stdin(Stdio::null()),
    )
    .context("the Debian to compare with cannot be made")?;
    let disk = directory.join("root.raw");
    std::fs::File::create(&disk)?.set_len(DISK)?;
    shell::run(
        Command::new("mke2fs")
            .args(["-q", "-t", "ext4", "-d"])
            .arg(directory.join("root"))
            .arg(&disk),
    )?;
    std::fs::remove_dir_all(directory.join("root"))?;
    std::fs::write(mark, stamp)?;
    Ok(directory)
}
