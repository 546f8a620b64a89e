//! Finds the guest image and verifies it against its manifest.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use atomic_write_file::AtomicWriteFile;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::MachineError;

/// The manifest format that this version reads.
const FORMAT: u32 = 1;

/// Limit of a manifest's size.
const MAX_MANIFEST: u64 = 1 << 20;

const KERNEL: &str = "vmlinuz";
const INITRD: &str = "initrd";
const ROOT: &str = "root.erofs";
const MANIFEST: &str = "manifest.json";

/// The architecture of this computer in the words of image platforms.
pub fn guest_arch() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    }
}

/// A verified image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestImage {
    /// The directory that holds it.
    pub directory: PathBuf,
    /// `amd64` or `arm64`.
    pub arch: String,
    /// The kernel's version.
    pub kernel_version: String,
    /// Kernel arguments for every kind of machine.
    pub command_line: String,
}

/// The part that all manifest formats share.
#[derive(Deserialize)]
struct Form {
    format: u32,
}

#[derive(Deserialize)]
struct Manifest {
    arch: String,
    kernel_version: String,
    command_line: String,
    files: BTreeMap<String, ManifestFile>,
}

#[derive(Deserialize)]
struct ManifestFile {
    size: u64,
    sha256: String,
}

/// The metadata by which an unchanged file is recognised. `changed` (ctime) cannot be set by whoever writes the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    size: u64,
    modified: i64,
    modified_ns: i64,
    changed: i64,
    changed_ns: i64,
    inode: u64,
    sha256: String,
}

impl GuestImage {
    /// The kernel.
    pub fn kernel(&self) -> PathBuf {
        self.directory.join(KERNEL)
    }

    /// The initial RAM disk: the agent and the drivers that are needed to reach the disks.
    pub fn initrd(&self) -> PathBuf {
        self.directory.join(INITRD)
    }

    /// The root file system.
    pub fn root(&self) -> PathBuf {
        self.directory.join(ROOT)
    }

    /// Finds the image for this computer's architecture: in the given directory, beside this program, or where a build
    /// of the project puts it. A given directory without an image is an error; the search does not go on.
    pub fn find(named: Option<&Path>) -> Result<PathBuf, MachineError> {
        if let Some(named) = named {
            return if named.join(MANIFEST).is_file() {
                Ok(named.to_owned())
            } else {
                Err(MachineError::NoImage {
                    looked: vec![named.to_owned()],
                })
            };
        }
        let looked = places(std::env::current_exe().ok().as_deref());
        looked
            .iter()
            .find(|place| place.join(MANIFEST).is_file())
            .cloned()
            .ok_or(MachineError::NoImage { looked })
    }

    /// Checks every file against the manifest. A file that was checked before and has not changed since is not read
    /// again; `cache` stores that. `tell` receives bytes done and bytes in total. Blocking.
    pub fn check(
        directory: &Path,
        cache: &Path,
        tell: &dyn Fn(u64, u64),
    ) -> Result<Self, MachineError> {
        let manifest = read_manifest(&directory.join(MANIFEST))?;
        let mut seen: BTreeMap<PathBuf, Seen> = std::fs::read(cache)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let total = manifest.files.values().map(|file| file.size).sum();
        let mut done = 0;
        let mut learnt = false;
        for name in [KERNEL, INITRD, ROOT] {
            let path = directory.join(name);
            let damaged = |reason: String| MachineError::ImageDamaged {
                file: path.clone(),
                reason,
            };
            let expected = manifest
                .files
                .get(name)
                .ok_or_else(|| damaged("is not in the manifest".to_owned()))?;
            let mut now =
                look(&path).map_err(|error| damaged(format!("cannot be read: {error}")))?;
            if now.size != expected.size {
                return Err(damaged(format!(
                    "has {} bytes rather than {}",
                    now.size, expected.size
                )));
            }
            now.sha256 = expected.sha256.to_ascii_lowercase();
            if seen.get(&path) != Some(&now) {
                let sha256 = digest(&path, &mut |bytes| tell(done + bytes, total))
                    .map_err(|error| damaged(format!("cannot be read: {error}")))?;
                if sha256 != now.sha256 {
                    return Err(damaged(
                        "is not the one that came with Slipway (its SHA-256 differs)".to_owned(),
                    ));
                }
                seen.insert(path.clone(), now);
                learnt = true;
            }
            done += expected.size;
            tell(done, total);
        }
        if learnt {
            // Files of earlier versions are no longer needed.
            seen.retain(|path, _| path.parent() == Some(directory));
            remember(cache, &seen);
        }
        Ok(Self {
            directory: directory.to_owned(),
            arch: manifest.arch,
            kernel_version: manifest.kernel_version,
            command_line: manifest.command_line,
        })
    }
}

/// The places of the image in an installation and in a build.
fn places(program: Option<&Path>) -> Vec<PathBuf> {
    let arch = guest_arch();
    let mut places = Vec::new();
    let Some(directory) = program.and_then(Path::parent) else {
        return places;
    };
    let guest = Path::new("guest").join(arch);
    places.push(directory.join("../lib/slipway").join(&guest));
    // macOS application bundles, and Windows' flat directories.
    places.push(directory.join("../Resources").join(&guest));
    places.push(directory.join(&guest));
    if cfg!(debug_assertions) {
        // target/debug/slipwayd, target/debug/deps/test: the image is in target/guest.
        places.extend(
            directory
                .ancestors()
                .skip(1)
                .take(2)
                .map(|up| up.join(&guest)),
        );
    } else {
        places.push(directory.join("..").join(&guest));
    }
    places
}

fn read_manifest(path: &Path) -> Result<Manifest, MachineError> {
    let damaged = |reason: String| MachineError::ImageDamaged {
        file: path.to_owned(),
        reason,
    };
    let file = std::fs::File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => MachineError::NoImage {
            looked: path.parent().map(Path::to_owned).into_iter().collect(),
        },
        _ => damaged(format!("cannot be read: {error}")),
    })?;
    let mut text = Vec::new();
    file.take(MAX_MANIFEST)
        .read_to_end(&mut text)
        .map_err(|error| damaged(format!("cannot be read: {error}")))?;
    let form: Form = serde_json::from_slice(&text)
        .map_err(|error| damaged(format!("is not a manifest: {error}")))?;
    if form.format != FORMAT {
        return Err(MachineError::ImageUnfit {
            reason: format!(
                "its manifest has format {}, this version reads {FORMAT}",
                form.format
            ),
        });
    }
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|error| damaged(format!("is not a manifest: {error}")))?;
    if !matches!(manifest.arch.as_str(), "amd64" | "arm64") {
        return Err(MachineError::ImageUnfit {
            reason: "it is for another kind of processor".to_owned(),
        });
    }
    Ok(manifest)
}

#[cfg(unix)]
fn look(path: &Path) -> std::io::Result<Seen> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path)?;
    Ok(Seen {
        size: metadata.len(),
        modified: metadata.mtime(),
        modified_ns: metadata.mtime_nsec(),
        changed: metadata.ctime(),
        changed_ns: metadata.ctime_nsec(),
        inode: metadata.ino(),
        sha256: String::new(),
    })
}

#[cfg(not(unix))]
fn look(path: &Path) -> std::io::Result<Seen> {
    let metadata = std::fs::metadata(path)?;
    let since = |time: std::time::SystemTime| {
        time.duration_since(std::time::UNIX_EPOCH)
            .ok()
            .and_then(|since| i64::try_from(since.as_nanos()).ok())
            .unwrap_or_default()
    };
    Ok(Seen {
        size: metadata.len(),
        modified: since(metadata.modified()?),
        modified_ns: 0,
        changed: since(metadata.created()?),
        changed_ns: 0,
        inode: 0,
        sha256: String::new(),
    })
}

fn digest(path: &Path, tell: &mut dyn FnMut(u64)) -> std::io::Result<String> {
    use std::fmt::Write as _;
    let mut file = std::fs::File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut done = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        digest.update(&buffer[..count]);
        done += count as u64;
        tell(done);
    }
    Ok(digest
        .finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }))
}

/// If the cache cannot be written, the files are read again next time.
fn remember(cache: &Path, seen: &BTreeMap<PathBuf, Seen>) {
    let write = || -> std::io::Result<()> {
        let mut file = AtomicWriteFile::open(cache)?;
        serde_json::to_writer(&mut file, seen)?;
        file.write_all(b"\n")?;
        file.commit()
    };
    if let Err(error) = write() {
        tracing::warn!(%error, "what was checked of the guest image cannot be written down");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    struct Image {
        directory: tempfile::TempDir,
    }

    impl Image {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let mut files = serde_json::Map::new();
            for name in [KERNEL, INITRD, ROOT] {
                let path = directory.path().join(name);
                std::fs::write(&path, name.repeat(100)).unwrap();
                files.insert(
                    name.to_owned(),
                    serde_json::json!({
                        "size": name.len() * 100,
                        "sha256": digest(&path, &mut |_| {}).unwrap(),
                    }),
                );
            }
            let manifest = serde_json::json!({
                "format": 1, "arch": "amd64", "kernel_version": "6.12", "command_line": "quiet",
                "files": files, "packages": {},
            });
            std::fs::write(directory.path().join(MANIFEST), manifest.to_string()).unwrap();
            Self { directory }
        }

        /// The result, and how often progress below 100 % was reported: a sign that something was read.
        fn check(&self) -> (Result<GuestImage, String>, u32) {
            let told = Cell::new(0);
            let outcome = GuestImage::check(
                self.directory.path(),
                &self.directory.path().join("cache.json"),
                &|_, _| told.set(told.get() + 1),
            );
            (outcome.map_err(|error| error.to_string()), told.get())
        }

        fn write(&self, name: &str, bytes: &[u8]) {
            std::fs::write(self.directory.path().join(name), bytes).unwrap();
        }
    }

    #[test]
    fn what_is_as_the_manifest_says_is_read_once() {
        let image = Image::new();
        let (outcome, first) = image.check();
        assert_eq!(outcome.unwrap().command_line, "quiet");
        let (outcome, second) = image.check();
        outcome.unwrap();
        assert_eq!((first, second), (6, 3));
    }

    #[test]
    fn what_was_tampered_with_is_refused_even_after_a_good_check() {
        let image = Image::new();
        image.check().0.unwrap();
        let mut bytes = ROOT.repeat(100).into_bytes();
        bytes[7] ^= 1;
        image.write(ROOT, &bytes);
        let error = image.check().0.unwrap_err();
        assert!(
            error.contains("root.erofs") && error.contains("SHA-256"),
            "{error}"
        );
    }

    #[test]
    fn what_is_truncated_missing_or_unfit_is_refused_with_words() {
        let check = |change: fn(&Image), words: &str| {
            let image = Image::new();
            change(&image);
            let error = image.check().0.unwrap_err();
            assert!(error.contains(words), "{error}");
        };
        check(
            |image| image.write(INITRD, b"short"),
            "5 bytes rather than 600",
        );
        check(
            |image| std::fs::remove_file(image.directory.path().join(KERNEL)).unwrap(),
            "cannot be read",
        );
        check(|image| image.write(MANIFEST, b"{"), "is not a manifest");
        check(|image| image.write(MANIFEST, b"{\"format\":9}"), "format 9");
        check(
            |image| std::fs::remove_file(image.directory.path().join(MANIFEST)).unwrap(),
            "is missing",
        );
    }

    #[test]
    fn an_installed_and_a_built_program_find_theirs() {
        let found = places(Some(Path::new("/usr/bin/slipwayd")));
        let arch = guest_arch();
        assert!(found.contains(&PathBuf::from(format!(
            "/usr/bin/../lib/slipway/guest/{arch}"
        ))));
        let built = places(Some(Path::new("/p/target/debug/slipwayd")));
        assert!(built.contains(&PathBuf::from(format!("/p/target/guest/{arch}"))));
        let test = places(Some(Path::new("/p/target/debug/deps/test")));
        assert!(test.contains(&PathBuf::from(format!("/p/target/guest/{arch}"))));
        assert!(places(None).is_empty());
    }
}
