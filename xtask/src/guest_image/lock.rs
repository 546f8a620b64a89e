//! Lock files, which pin the packages of an image, and the download of these packages.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::apt::{Apt, Offered};
use super::recipe;
use crate::arch::Arch;
use crate::shell;

/// A package of one version and content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pinned {
    pub(super) package: Offered,
    pub(super) sha256: String,
}

/// A lock file: a line `NAME VERSION SHA256` for each package.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lock(Vec<Pinned>);

impl Lock {
    /// `None` if there is none.
    pub(super) fn read(name: &str) -> Result<Option<Self>> {
        let path = recipe::directory().join(name);
        if !path.exists() {
            return Ok(None);
        }
        Self::parse(&std::fs::read_to_string(&path)?)
            .with_context(|| format!("{} is not in order", path.display()))
            .map(Some)
    }

    fn parse(text: &str) -> Result<Self> {
        text.lines()
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                let [name, version, sha256] = words[..] else {
                    anyhow::bail!("`{line}` is not a name, a version and a SHA-256");
                };
                Ok(Pinned {
                    package: Offered {
                        name: name.to_owned(),
                        version: version.to_owned(),
                    },
                    sha256: sha256.to_owned(),
                })
            })
            .collect::<Result<_>>()
            .map(Self)
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for Pinned { package, sha256 } in &self.0 {
            let _ = writeln!(text, "{} {} {sha256}", package.name, package.version);
        }
        text
    }

    /// Saves the packages, for [`take_all`].
    pub(super) fn save(&self, into: &Path) -> Result<()> {
        std::fs::create_dir_all(into)?;
        for Pinned { package, sha256 } in &self.0 {
            // The colon of an epoch, as apt writes it in the names of files.
            let version = package.version.replace(':', "%3a");
            let file = into.join(format!("{}_{version}.deb", package.name));
            std::fs::copy(kept(sha256), &file)
                .with_context(|| format!("{} cannot be saved", file.display()))?;
        }
        Ok(())
    }

    /// Whether all packages are here already.
    fn is_kept(&self) -> bool {
        self.0.iter().all(|pinned| is_kept(&pinned.sha256))
    }

    pub(super) fn write(&self, name: &str) -> Result<()> {
        std::fs::write(recipe::directory().join(name), self.text())?;
        println!("  wrote {name}: {} packages", self.0.len());
        Ok(())
    }
}

impl From<&[Pinned]> for Lock {
    fn from(packages: &[Pinned]) -> Self {
        let mut packages = packages.to_vec();
        packages.sort_by(|a, b| a.package.name.cmp(&b.package.name));
        Self(packages)
    }
}

/// Downloaded packages.
pub(super) struct Taken(pub(super) Vec<Pinned>);

/// An unpacked package, and the paths it contains.
pub(super) struct Unpacked {
    pinned: Pinned,
    paths: BTreeSet<PathBuf>,
}

impl Taken {
    /// The pinned packages. Without a lock, on renewal, and if a pinned package is gone from the mirrors: the newest of
    /// `packages`, with their dependencies.
    pub(super) fn packages(
        lock: &str,
        arch: Arch,
        packages: &[String],
        renew: bool,
    ) -> Result<Self> {
        let pinned = if renew { None } else { Lock::read(lock)? };
        if let Some(pinned) = &pinned
            && pinned.is_kept()
        {
            return Ok(Self(pinned.0.clone()));
        }
        let mut apt = Apt::prepare(arch)?;
        if !renew {
            match pinned {
                Some(pinned) => match Self::fetch_pinned(&mut apt, pinned)? {
                    Ok(taken) => return Ok(taken),
                    Err(gone) => println!(
                        "  {} {} of {lock} is gone from the mirrors: taking the newest of all packages instead. \
                         This image cannot be built again from the lock, and differs from that of other computers. \
                         `--debs DIRECTORY` takes saved packages; `--update-lock` renews the lock",
                        gone.name, gone.version
                    ),
                },
                None => println!("  there is no {lock}: taking the newest packages"),
            }
        }
        let mut taken = Vec::new();
        for package in apt.resolve(packages)? {
            let file = apt.download(&package)?.with_context(|| {
                format!(
                    "{} {} is listed, but no mirror has it",
                    package.name, package.version
                )
            })?;
            let sha256 = keep(&file)?;
            taken.push(Pinned { package, sha256 });
        }
        Ok(Self(taken))
    }

    /// The first package that is gone is the error.
    fn fetch_pinned(apt: &mut Apt, lock: Lock) -> Result<Result<Self, Offered>> {
        for Pinned { package, sha256 } in &lock.0 {
            if is_kept(sha256) {
                continue;
            }
            let Some(file) = apt.download(package)? else {
                return Ok(Err(package.clone()));
            };
            let actual = keep(&file)?;
            ensure!(
                actual == *sha256,
                "{} {} has another content than the lock says: it has the SHA-256 {actual}",
                package.name,
                package.version
            );
        }
        Ok(Ok(Self(lock.0)))
    }

    /// Unpacks all into one tree. No script of theirs runs.
    pub(super) fn unpack(self, tree: &Path) -> Result<Vec<Unpacked>> {
        std::fs::create_dir_all(tree)?;
        self.0
            .into_iter()
            .map(|pinned| {
                let list = shell::output(
                    Command::new("dpkg-deb")
                        .arg("--vextract")
                        .arg(kept(&pinned.sha256))
                        .arg(tree),
                )?;
                let paths = list
                    .lines()
                    .filter_map(|line| Some(line.strip_prefix("./")?.into()))
                    .collect();
                Ok(Unpacked { pinned, paths })
            })
            .collect()
    }
}

impl Unpacked {
    pub(super) fn pinned(&self) -> &Pinned {
        &self.pinned
    }

    /// Whether the package has one of these.
    pub(super) fn has_any(&self, paths: &BTreeSet<PathBuf>) -> bool {
        !self.paths.is_disjoint(paths)
    }
}

/// Stores a downloaded file by its content's hash.
fn keep(file: &Path) -> Result<String> {
    let sha256 = recipe::sha256(file)?;
    let kept = kept(&sha256);
    std::fs::create_dir_all(kept.parent().unwrap_or(&kept))?;
    std::fs::rename(file, &kept)?;
    Ok(sha256)
}

/// Takes all packages of a directory, so that a lock whose packages are gone from the mirrors can be built again.
pub(super) fn take_all(from: &Path) -> Result<()> {
    take_all_into(from, &cache())
}

fn take_all_into(from: &Path, cache: &Path) -> Result<()> {
    std::fs::create_dir_all(cache)?;
    let mut count = 0;
    let entries =
        std::fs::read_dir(from).with_context(|| format!("{} cannot be read", from.display()))?;
    for entry in entries {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "deb") {
            let sha256 = recipe::sha256(&file)?;
            std::fs::copy(&file, cache.join(format!("{sha256}.deb")))?;
            count += 1;
        }
    }
    println!("  took {count} packages from {}", from.display());
    Ok(())
}

fn cache() -> PathBuf {
    super::directory().join("cache/debs")
}

fn kept(sha256: &str) -> PathBuf {
    cache().join(format!("{sha256}.deb"))
}

fn is_kept(sha256: &str) -> bool {
    let kept = kept(sha256);
    kept.is_file() && recipe::sha256(&kept).is_ok_and(|actual| actual == *sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_read_as_it_is_written() {
        let text = "iptables 1.8.11-2 aa\nlibzstd1 1:2 bb\n";
        let lock = Lock::parse(text).expect("it is in order");
        assert_eq!(lock.text(), text);
        assert!(Lock::parse("iptables 1.8.11-2").is_err());
    }

    #[test]
    fn saved_packages_are_taken_by_their_content() {
        let saved = tempfile::tempdir().expect("a directory");
        let cache = tempfile::tempdir().expect("a directory");
        std::fs::write(saved.path().join("a_1%3a2.deb"), "content").expect("writable");
        std::fs::write(saved.path().join("notes.txt"), "no package").expect("writable");
        take_all_into(saved.path(), cache.path()).expect("it is readable");
        let taken: Vec<_> = std::fs::read_dir(cache.path())
            .expect("readable")
            .map(|entry| entry.expect("readable").file_name())
            .collect();
        let sha256 = recipe::sha256(&saved.path().join("a_1%3a2.deb")).expect("readable");
        assert_eq!(taken, [format!("{sha256}.deb").as_str()]);
        assert!(take_all_into(&saved.path().join("none"), cache.path()).is_err());
    }
}
