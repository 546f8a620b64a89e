//! The programs that build file systems and module lists: also from pinned packages, so that every computer gets the
//! same result.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::lock::{Lock, Taken};
use super::recipe::Recipe;
use crate::arch::Arch;

/// Unpacked programs of this computer's architecture, with their libraries.
pub(super) struct Tools {
    tree: PathBuf,
    arch: Arch,
}

impl Tools {
    pub(super) fn prepare(recipe: &Recipe, renew: bool) -> Result<Self> {
        let arch = Arch::of_this_computer()?;
        let lock = format!("tools.{}.lock", arch.name());
        let taken = Taken::packages(&lock, arch, &recipe.tools(arch)?, renew)?;
        let pinned = Lock::from(&taken.0[..]);
        let tree = super::directory().join("work/tools");
        // Unpacked again only if the packages have changed.
        let mark = tree.join("packages");
        if std::fs::read_to_string(&mark).unwrap_or_default() != pinned.text() {
            let _ = std::fs::remove_dir_all(&tree);
            taken.unpack(&tree)?;
            std::fs::write(&mark, pinned.text())?;
        }
        if renew {
            pinned.write(&lock)?;
        }
        Ok(Self { tree, arch })
    }

    /// A program of them, run by their own loader with their own libraries.
    pub(super) fn command(&self, program: &str) -> Result<Command> {
        let path = ["usr/sbin", "usr/bin"]
            .iter()
            .map(|directory| self.tree.join(directory).join(program))
            .find(|path| path.exists())
            .with_context(|| format!("no package of tools.txt has {program}"))?;
        let libraries = self.tree.join(self.arch.libraries());
        let loader = match self.arch {
            Arch::Amd64 => self.tree.join("usr/lib64/ld-linux-x86-64.so.2"),
            Arch::Arm64 => libraries.join("ld-linux-aarch64.so.1"),
        };
        let mut command = Command::new(loader);
        command
            .arg("--library-path")
            .arg(&libraries)
            // Programs with several names depend on the name they are called by.
            .arg("--argv0")
            .arg(program)
            .arg(path)
            .env("SOURCE_DATE_EPOCH", super::EPOCH)
            .env("LC_ALL", "C");
        Ok(command)
    }

    /// Decompresses a file with `xz`.
    pub(super) fn unxz(&self, path: &Path) -> Result<Vec<u8>> {
        let output = self
            .command("xz")?
            .args(["--decompress", "--stdout"])
            .arg(path)
            .output()?;
        anyhow::ensure!(
            output.status.success(),
            "{} cannot be unpacked: {}",
            path.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(output.stdout)
    }
}
