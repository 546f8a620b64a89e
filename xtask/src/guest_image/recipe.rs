//! The recipe: text files in `installers/guest-image`, with an item a line.
//!
//! Text after a `#` is a comment. A line that ends in `[amd64]` or `[arm64]` applies to that architecture only.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use sha2::Digest as _;

use crate::arch::Arch;
use crate::workspace::root;

/// The recipe's directory.
pub(super) fn directory() -> PathBuf {
    root().join("installers/guest-image")
}

/// The Debian release that all comes from.
pub(super) const SUITE: &str = "trixie";

/// The parsed recipe.
pub(super) struct Recipe {
    packages: Vec<Line>,
    tools: Vec<Line>,
    contents: Vec<Line>,
    modules: Vec<Line>,
    command_line: Vec<Line>,
}

/// An item of a list, with its architecture.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    words: Vec<String>,
    arch: Option<Arch>,
}

/// An item of `contents.txt`, which describes the root.
#[derive(Debug)]
pub(super) enum Content {
    /// Copies the packages' files that match this pattern.
    Take(String),
    /// A symbolic link and its target.
    Link(String, String),
    /// An empty directory.
    Directory(String),
    /// Names of busybox links.
    Busybox(Vec<String>),
}

impl Recipe {
    pub(super) fn read() -> Result<Self> {
        let read = |name: &str| {
            let path = directory().join(name);
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            lines(&text).with_context(|| format!("{} is not in order", path.display()))
        };
        Ok(Self {
            packages: read("packages.txt")?,
            tools: read("tools.txt")?,
            contents: read("contents.txt")?,
            modules: read("modules.txt")?,
            command_line: read("command-line.txt")?,
        })
    }

    pub(super) fn packages(&self, arch: Arch) -> Result<Vec<String>> {
        words(&self.packages, arch)
    }

    pub(super) fn tools(&self, arch: Arch) -> Result<Vec<String>> {
        words(&self.tools, arch)
    }

    /// Modules that the initrd carries (`initrd`), or the root (`root`).
    pub(super) fn modules(&self, place: &str, arch: Arch) -> Vec<String> {
        of(&self.modules, arch)
            .filter(|words| words[0] == place)
            .flat_map(|words| words[1..].iter().cloned())
            .collect()
    }

    /// Kernel arguments.
    pub(super) fn command_line(&self, arch: Arch) -> String {
        of(&self.command_line, arch)
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }

    pub(super) fn contents(&self, arch: Arch) -> Result<Vec<Content>> {
        of(&self.contents, arch)
            .map(|words| {
                Ok(
                    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                        ["take", pattern] => Content::Take(pattern.into()),
                        ["link", path, target] => Content::Link(path.into(), target.into()),
                        ["directory", path] => Content::Directory(path.into()),
                        ["busybox", ref names @ ..] => {
                            Content::Busybox(names.iter().map(|&name| name.to_owned()).collect())
                        }
                        _ => bail!(
                            "contents.txt does not say what to do with `{}`",
                            words.join(" ")
                        ),
                    },
                )
            })
            .collect()
    }

    /// A digest of all its files, and of the code that interprets it.
    pub(super) fn digest() -> Result<String> {
        let mut digest = Digest::default();
        for directory in [directory(), root().join("xtask/src/guest_image")] {
            digest.add_tree(&directory)?;
        }
        digest.add(&std::fs::read(root().join("xtask/src/guest_image.rs"))?);
        Ok(digest.finish())
    }
}

/// A digest of several strings, in which "a" and "bc" differ from "ab" and "c".
#[derive(Default)]
pub(super) struct Digest(sha2::Sha256);

impl Digest {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes.len().to_le_bytes());
        self.0.update(bytes);
    }

    fn add_tree(&mut self, directory: &Path) -> Result<()> {
        for path in sorted(directory)? {
            self.add(path.to_string_lossy().as_bytes());
            if path.is_dir() {
                self.add_tree(&path)?;
            } else {
                self.add(&std::fs::read(&path)?);
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// The SHA-256 of a file's content.
pub(super) fn sha256(path: &Path) -> Result<String> {
    let content =
        std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(hex(&sha2::Sha256::digest(content)))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The content of a directory, in a stable order.
pub(super) fn sorted(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(directory)
        .with_context(|| format!("{} cannot be read", directory.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn of(lines: &[Line], arch: Arch) -> impl Iterator<Item = &Vec<String>> {
    lines
        .iter()
        .filter(move |line| line.arch.is_none_or(|only| only == arch))
        .map(|line| &line.words)
}

fn words(lines: &[Line], arch: Arch) -> Result<Vec<String>> {
    of(lines, arch)
        .map(|words| match &words[..] {
            [word] => Ok(word.clone()),
            _ => bail!("`{}` is more than one word", words.join(" ")),
        })
        .collect()
}

fn lines(text: &str) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let mut arch = None;
        if let Some(mark) = words.pop_if(|word| word.starts_with('[')) {
            let name = mark.trim_matches(['[', ']']);
            arch = Some(
                Arch::ALL
                    .into_iter()
                    .find(|arch| arch.name() == name)
                    .with_context(|| format!("there is no architecture {mark}"))?,
            );
        }
        if !words.is_empty() {
            lines.push(Line { words, arch });
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_for_all_or_for_one_architecture() {
        let lines =
            lines("# a comment\n\none two # why\nthree [arm64]\n").expect("these are in order");
        let words = |arch| {
            of(&lines, arch)
                .map(|words| words.join(" "))
                .collect::<Vec<_>>()
        };
        assert_eq!(words(Arch::Amd64), ["one two"]);
        assert_eq!(words(Arch::Arm64), ["one two", "three"]);
        assert!(super::lines("four [s390x]").is_err());
    }

    #[test]
    fn the_recipe_is_in_order() {
        let recipe = Recipe::read().expect("it is in order");
        for arch in Arch::ALL {
            assert!(
                recipe
                    .packages(arch)
                    .is_ok_and(|packages| !packages.is_empty())
            );
            assert!(
                recipe
                    .contents(arch)
                    .is_ok_and(|contents| !contents.is_empty())
            );
            assert!(!recipe.modules("initrd", arch).is_empty());
            assert!(!recipe.modules("root", arch).is_empty());
            assert!(recipe.command_line(arch).contains("console="));
        }
    }
}
