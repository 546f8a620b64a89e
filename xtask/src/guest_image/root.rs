//! The guest's root file system: files from packages by `contents.txt`, the libraries they need, and the recipe's own
//! files.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use super::EPOCH;
use super::recipe::{self, Content, Recipe, sorted};
use super::tools::Tools;
use crate::arch::Arch;
use crate::shell;

const CERTIFICATES: &str = "usr/share/ca-certificates/mozilla";
const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";
const BUSYBOX: &str = "usr/bin/busybox";

/// UUID of the file system, which has to be the same in every build.
const UUID: &str = "51190a11-0000-4000-8000-000000000001";

/// How `root.erofs` is compressed. zstd makes it a fifth smaller, but a boot without hardware acceleration takes 8 % more
/// of the processor, and the file system thirty times as long to make. Fragments and deduplication win 1 %.
const COMPRESSION: &[&str] = &["-zlz4hc,9", "-C65536", "-Eztailpacking"];

/// A root under construction, from unpacked packages.
pub(super) struct Root<'a> {
    tree: &'a Path,
    directory: &'a Path,
    taken: BTreeSet<PathBuf>,
}

impl<'a> Root<'a> {
    pub(super) fn new(tree: &'a Path, directory: &'a Path) -> Self {
        Self {
            tree,
            directory,
            taken: BTreeSet::new(),
        }
    }

    pub(super) fn directory(&self) -> &Path {
        self.directory
    }

    /// Paths in the packages that contributed files.
    pub(super) fn into_taken(self) -> BTreeSet<PathBuf> {
        self.taken
    }

    /// Records that a path in the packages contributed a file.
    pub(super) fn note(&mut self, path: &Path) {
        self.taken.insert(path.to_owned());
    }

    /// Installs everything except the kernel's modules.
    pub(super) fn lay(&mut self, recipe: &Recipe, arch: Arch) -> Result<()> {
        for content in recipe.contents(arch)? {
            match content {
                Content::Take(pattern) => self.take_all(&pattern)?,
                Content::Link(path, target) => self.link(&path, &target)?,
                Content::Directory(path) => fs::create_dir_all(self.directory.join(path))?,
                Content::Busybox(names) => {
                    for name in names {
                        self.link(&format!("usr/bin/{name}"), "busybox")?;
                    }
                }
            }
        }
        self.take(Path::new(BUSYBOX))?;
        self.libraries(arch)?;
        self.certificates()?;
        copy_tree(&recipe::directory().join("files"), self.directory)
    }

    fn take_all(&mut self, pattern: &str) -> Result<()> {
        let path = Path::new(pattern);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            bail!("contents.txt takes `{pattern}`, which is no file");
        };
        let Some((before, after)) = name.to_str().and_then(|name| name.split_once('*')) else {
            return self.take(path);
        };
        let mut any = false;
        for found in sorted(&self.tree.join(parent))? {
            let Some(name) = found.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            if name.len() >= before.len() + after.len()
                && name.starts_with(before)
                && name.ends_with(after)
            {
                self.take(&parent.join(name))?;
                any = true;
            }
        }
        ensure!(
            any,
            "no package has {pattern}: see contents.txt, or renew the lock with --update-lock"
        );
        Ok(())
    }

    /// Installs a file; of a symbolic link, its target too.
    fn take(&mut self, path: &Path) -> Result<()> {
        if !self.taken.insert(path.to_owned()) {
            return Ok(());
        }
        let from = self.tree.join(path);
        let kind = fs::symlink_metadata(&from).with_context(|| {
            format!(
                "no package has {}: see contents.txt, or renew the lock with --update-lock",
                path.display()
            )
        })?;
        let to = self.directory.join(path);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        if kind.is_symlink() {
            let target = fs::read_link(&from)?;
            symlink(&target, &to)?;
            let parent = path.parent().unwrap_or(Path::new(""));
            return match target.strip_prefix("/") {
                Ok(absolute) => self.take(absolute),
                Err(_) => self.take(&parent.join(target)),
            };
        }
        fs::copy(&from, &to)?;
        Ok(())
    }

    fn link(&self, path: &str, target: &str) -> Result<()> {
        let path = self.directory.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        symlink(target, &path).with_context(|| format!("{} cannot be made", path.display()))
    }

    /// Installs the libraries and the loader that programs need, recursively.
    fn libraries(&mut self, arch: Arch) -> Result<()> {
        let mut looked_at = BTreeSet::new();
        loop {
            let new: Vec<PathBuf> = self
                .taken
                .iter()
                .filter(|path| !looked_at.contains(*path) && is_elf(&self.directory.join(path)))
                .cloned()
                .collect();
            if new.is_empty() {
                return Ok(());
            }
            let output = shell::output(
                Command::new("readelf")
                    .args(["--wide", "--dynamic", "--program-headers"])
                    .args(new.iter().map(|path| self.directory.join(path)))
                    .env("LC_ALL", "C"),
            )?;
            looked_at.extend(new);
            for needed in output.lines().filter_map(needed) {
                let path = match needed.strip_prefix('/') {
                    // The loader is named by a path that leads over the root's links.
                    Some(path) => Path::new("usr").join(path),
                    None => Path::new(&arch.libraries()).join(needed),
                };
                self.take(&path)?;
            }
        }
    }

    /// The certificate bundle, which a maintainer script would otherwise create.
    fn certificates(&mut self) -> Result<()> {
        let mut bundle = Vec::new();
        for path in sorted(&self.tree.join(CERTIFICATES))? {
            bundle.extend(fs::read(&path)?);
            self.note(path.strip_prefix(self.tree)?);
        }
        ensure!(!bundle.is_empty(), "no package has certificates");
        let path = self.directory.join(BUNDLE);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(path, bundle)?;
        Ok(())
    }
}

/// Parses a dependency in the output of readelf: a library's name, or the loader's path.
fn needed(line: &str) -> Option<&str> {
    let (before, rest) = if line.contains("(NEEDED)") {
        ("[", line)
    } else {
        ("interpreter: ", line)
    };
    let rest = &rest[rest.find(before)? + before.len()..];
    (line.contains("(NEEDED)") || line.contains("Requesting program")).then_some(())?;
    rest.split(']').next()
}

fn is_elf(path: &Path) -> bool {
    let mut magic = [0; 4];
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file())
        && fs::File::open(path)
            .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut magic))
            .is_ok()
        && magic == *b"\x7fELF"
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for path in sorted(from)? {
        let to = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_tree(&path, &to)?;
        } else {
            fs::copy(&path, &to)?;
        }
    }
    Ok(())
}

/// Normalises all modes: they must not depend on the umask of the checkout.
fn settle_modes(directory: &Path) -> Result<()> {
    for path in sorted(directory)? {
        let meta = fs::symlink_metadata(&path)?;
        if meta.is_symlink() {
            continue;
        }
        let program = meta.is_dir() || meta.permissions().mode() & 0o100 != 0;
        let mode = if program { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        if meta.is_dir() {
            settle_modes(&path)?;
        }
    }
    Ok(())
}

/// Builds the file system.
pub(super) fn pack(tools: &Tools, directory: &Path, image: &Path) -> Result<()> {
    settle_modes(directory)?;
    shell::output(
        tools
            .command("mkfs.erofs")?
            .args(COMPRESSION)
            .args(["--quiet", "--all-root", "-x-1", "-T", EPOCH, "-U", UUID])
            .arg(image)
            .arg(directory),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readelf_says_what_a_program_needs() {
        let check = |line: &str, expected| assert_eq!(needed(line), expected, "{line}");
        check(
            " 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]",
            Some("libc.so.6"),
        );
        check(
            "      [Requesting program interpreter: /lib64/ld-linux-x86-64.so.2]",
            Some("/lib64/ld-linux-x86-64.so.2"),
        );
        check(
            " 0x000000000000000e (SONAME)             Library soname: [libm.so.6]",
            None,
        );
        check("  LOAD           0x000000 0x0000000000000000", None);
    }
}
