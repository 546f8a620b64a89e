//! The manifest of an image, against which the machine verifies the image before it boots.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::lock::Pinned;
use super::{INITRD, Image, ROOT, VMLINUZ, recipe};

/// Incremented when an older Slipway could no longer boot the described image.
const FORMAT: u32 = 1;

#[derive(Serialize)]
pub(super) struct Manifest {
    format: u32,
    arch: &'static str,
    suite: &'static str,
    kernel_version: String,
    /// Kernel arguments; a driver may add to them.
    command_line: String,
    agent: Agent,
    files: BTreeMap<&'static str, File>,
    /// Versions by name of the packages that contributed to the image.
    packages: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Agent {
    version: &'static str,
    sha256: String,
}

#[derive(Serialize)]
struct File {
    size: u64,
    sha256: String,
}

impl Manifest {
    pub(super) fn of(
        image: &Image,
        kernel_version: &str,
        used: &[Pinned],
        directory: &Path,
    ) -> Result<Self> {
        let mut files = BTreeMap::new();
        for name in [VMLINUZ, INITRD, ROOT] {
            let path = directory.join(name);
            files.insert(
                name,
                File {
                    size: std::fs::metadata(&path)?.len(),
                    sha256: recipe::sha256(&path)?,
                },
            );
        }
        Ok(Self {
            format: FORMAT,
            arch: image.arch.name(),
            suite: recipe::SUITE,
            kernel_version: kernel_version.to_owned(),
            command_line: image.recipe.command_line(image.arch),
            agent: Agent {
                // All of the workspace has one version.
                version: env!("CARGO_PKG_VERSION"),
                sha256: image.agent.sha256.clone(),
            },
            files,
            packages: used
                .iter()
                .map(|pinned| (pinned.package.name.clone(), pinned.package.version.clone()))
                .collect(),
        })
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        std::fs::write(path, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(())
    }

    /// Total size of the files.
    pub(super) fn size(&self) -> u64 {
        self.files.values().map(|file| file.size).sum()
    }

    pub(super) fn print(&self) {
        for (name, file) in &self.files {
            println!("  {name:<12} {:>12} bytes", file.size);
        }
        println!(
            "  together     {:>12} bytes, Linux {}",
            self.size(),
            self.kernel_version
        );
    }
}
