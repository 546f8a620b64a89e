//! Prepares the data disk, whatever its state, and mounts it.
//!
//! ```text
//! blank ──► format ──┐
//! ours, cut while formatting ──► format
//! ours ──► e2fsck -p ──► mounted ──► grown, if the disk is larger
//! anything else, or damaged ──► broken: left as it is
//! ```
//!
//! Only a disk that is provably blank is ever formatted. The file system is built in memory and copied, its first block
//! last; until then the disk begins with a marker of ours, so that an interruption leaves a disk that is known to hold
//! nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::SeekFrom as Extent;
use slipway_link::DiskState;

use crate::children::{Children, Ended};
use crate::error::{Doing, Error, Result};
use crate::news::News;
use crate::{blank, disk, ext4, mounts};

const LABEL: &str = "slipway-data";
/// Version of the data disk's layout. A higher number comes from a newer Slipway.
const LAYOUT: u32 = 1;
const LAYOUT_FILE: &str = "/data/layout-version";
/// Marker at the start of a disk that is being formatted.
const FORMATTING: &[u8] = b"slipway-data: being formatted; it holds nothing\n";
/// A file system may be smaller than its disk by this much without being grown.
const NOT_WORTH_GROWING: u64 = 64 * 1024 * 1024;

const CHECK_PATIENCE: Duration = Duration::from_mins(30);
const GROW_PATIENCE: Duration = Duration::from_mins(10);
const FORMAT_PATIENCE: Duration = Duration::from_mins(2);

/// Why the data disk cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    /// Because of its content.
    #[error("{reason}")]
    Broken { reason: String, repairable: bool },
    /// For another reason, which says nothing about its content.
    #[error(transparent)]
    Failed(#[from] Error),
}

fn broken(reason: impl Into<String>) -> Unusable {
    Unusable::Broken {
        reason: reason.into(),
        repairable: false,
    }
}

/// A data disk that is mounted.
pub(crate) struct Mounted {
    device: PathBuf,
    to_grow: bool,
}

/// Prepares the data disk and mounts it.
pub(crate) async fn mount(children: &Children, news: &News) -> Result<Mounted, Unusable> {
    let device = disk::find("data").await?;
    let file = open(&device)?;
    let size = size_of(&file).doing(|| "The data disk's size could not be read".into())?;
    let found = ext4::read(&file).doing(unreadable)?;
    let superblock = match found {
        Some(superblock) if superblock.label == LABEL => Some(superblock),
        Some(superblock) => {
            return Err(broken(format!(
                "The data disk holds a file system of something else (its label is “{}”). It was left as it is.",
                superblock.label
            )));
        }
        None if is_ours_unfinished(&file).doing(unreadable)? => None,
        None if blank::is_blank(&file, size).doing(unreadable)? => None,
        None => {
            return Err(broken(
                "The data disk holds data that is not Slipway's. It was left as it is.",
            ));
        }
    };
    let to_grow = match superblock {
        None => {
            news.disk(DiskState::Formatting);
            format(children, &file, size).await?;
            false
        }
        Some(superblock) if superblock.size > size => {
            return Err(broken(format!(
                "The data disk is {size} bytes long, its file system {}: the end of it is missing.",
                superblock.size
            )));
        }
        Some(superblock) => {
            news.disk(DiskState::Checking);
            check(children, &device).await?;
            superblock.size + NOT_WORTH_GROWING < size
        }
    };
    drop(file);
    // The quick check trusts a file system that is marked clean; a repair checks all of it.
    mounts::data(&device).map_err(|error| Unusable::Broken {
        reason: error.to_string(),
        repairable: true,
    })?;
    if let Err(unknown) = layout() {
        let _ = mounts::data_off();
        return Err(unknown);
    }
    mounts::data_places()?;
    news.disk(DiskState::Mounted);
    Ok(Mounted { device, to_grow })
}

impl Mounted {
    /// Grows the mounted file system to the size of its disk.
    pub(crate) async fn grow(&self, children: &Children, news: &News) {
        if !self.to_grow {
            return;
        }
        news.disk(DiskState::Growing);
        let device = self.device.to_string_lossy();
        match children
            .run_ok("/usr/sbin/resize2fs", &[&device], GROW_PATIENCE)
            .await
        {
            Ok(_) => news.disk(DiskState::Mounted),
            Err(error) => news.warn(format!("The data disk keeps its old size: {error}")),
        }
    }
}

/// Repairs what e2fsck can repair without asking; returns its output.
pub(crate) async fn repair(children: &Children) -> Result<String, Unusable> {
    let device = disk::find("data").await?;
    let file = open(&device)?;
    let ours = ext4::read(&file).doing(unreadable)?;
    if ours.is_none_or(|superblock| superblock.label != LABEL) {
        return Err(broken(
            "The data disk holds no file system of Slipway's that could be repaired.",
        ));
    }
    drop(file);
    let device = device.to_string_lossy();
    let arguments = ["-f", "-y", &device];
    let (how, output) = children
        .run("/usr/sbin/e2fsck", &arguments, CHECK_PATIENCE)
        .await?;
    match how {
        Ended::Exit(0..=3) => Ok(output),
        how => Err(broken(format!(
            "The data disk could not be repaired ({how}): {output}"
        ))),
    }
}

fn unreadable() -> String {
    "The data disk could not be read".into()
}

fn open(device: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(device)
        .doing(|| format!("The data disk {} could not be opened", device.display()))
}

fn size_of(mut file: &File) -> io::Result<u64> {
    file.seek(SeekFrom::End(0))
}

fn is_ours_unfinished(file: &File) -> io::Result<bool> {
    let mut start = [0; FORMATTING.len()];
    file.read_exact_at(&mut start, 0)?;
    Ok(start == FORMATTING)
}

/// Checks, and makes repairs that are safe.
async fn check(children: &Children, device: &Path) -> Result<(), Unusable> {
    let device = device.to_string_lossy();
    let (how, output) = children
        .run("/usr/sbin/e2fsck", &["-p", &device], CHECK_PATIENCE)
        .await?;
    match how {
        // 1: errors were corrected, 2: a mounted file system would have to be remounted.
        Ended::Exit(0..=3) => Ok(()),
        how => Err(Unusable::Broken {
            reason: format!("The data disk's file system is damaged ({how}): {output}"),
            repairable: true,
        }),
    }
}

async fn format(children: &Children, file: &File, size: u64) -> Result<(), Unusable> {
    const IMAGE: &str = "/run/data-disk";
    const SEED: &str = "/run/data-disk-seed";
    let image = File::create_new(IMAGE)
        .and_then(|image| image.set_len(size).map(|()| image))
        .doing(|| "There is no memory to format the data disk in".into())?;
    fs::create_dir_all(SEED)
        .and_then(|()| fs::write(format!("{SEED}/layout-version"), format!("{LAYOUT}\n")))
        .doing(|| "There is no memory to format the data disk in".into())?;
    // The disk is all zeros: nothing has to be zeroed, now or later, and the host's sparse file stays small.
    let arguments = [
        "-q",
        "-F",
        "-t",
        "ext4",
        "-m",
        "1",
        "-L",
        LABEL,
        "-E",
        "assume_storage_prezeroed=1,nodiscard",
        "-d",
        SEED,
        IMAGE,
    ];
    let made = children
        .run_ok("/usr/sbin/mke2fs", &arguments, FORMAT_PATIENCE)
        .await;
    let copied = match made {
        Ok(_) => copy(&image, file).doing(|| "The data disk could not be written".into()),
        Err(error) => Err(error),
    };
    let _ = fs::remove_file(IMAGE);
    let _ = fs::remove_dir_all(SEED);
    Ok(copied?)
}

/// Copies everything but holes, the first block last.
fn copy(image: &File, disk: &File) -> io::Result<()> {
    const FIRST: usize = 4096;
    let mut mark = vec![0; FIRST];
    mark[..FORMATTING.len()].copy_from_slice(FORMATTING);
    disk.write_all_at(&mark, 0)?;
    disk.sync_all()?;
    let mut buffer = vec![0; 256 * 1024];
    let mut at = FIRST as u64;
    loop {
        at = match rustix::fs::seek(image, Extent::Data(at)) {
            Ok(data) => data,
            Err(rustix::io::Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(image, Extent::Hole(at))?;
        while at < end {
            let length = usize::try_from(end - at).unwrap_or(usize::MAX);
            let part = &mut buffer[..length.min(256 * 1024)];
            image.read_exact_at(part, at)?;
            disk.write_all_at(part, at)?;
            at += part.len() as u64;
        }
    }
    disk.sync_all()?;
    image.read_exact_at(&mut mark, 0)?;
    disk.write_all_at(&mark, 0)?;
    disk.sync_all()
}

/// Whether this Slipway supports the layout.
fn layout() -> Result<(), Unusable> {
    let found = match fs::read_to_string(LAYOUT_FILE) {
        Ok(found) => found,
        Err(error) => {
            return Err(broken(format!(
                "The data disk does not say how it is laid out ({error}). It was left as it is."
            )));
        }
    };
    check_layout(&found)
}

fn check_layout(found: &str) -> Result<(), Unusable> {
    match found.trim().parse::<u32>() {
        Ok(LAYOUT) => Ok(()),
        Ok(newer) if newer > LAYOUT => Err(broken(format!(
            "The data disk was made by a newer Slipway (layout {newer}, this one knows {LAYOUT}). Update Slipway to use it."
        ))),
        _ => Err(broken(format!(
            "The data disk says “{}” of its layout, which no Slipway wrote. It was left as it is.",
            found.trim().chars().take(40).collect::<String>()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn only_layouts_that_are_known_are_used() {
        assert!(check_layout("1\n").is_ok());
        match check_layout("2\n").unwrap_err() {
            Unusable::Broken { reason, repairable } => {
                assert!(reason.contains("newer Slipway"), "{reason}");
                assert!(!repairable);
            }
            Unusable::Failed(error) => panic!("{error}"),
        }
        for strange in ["", "0", "-1", "1.0", "\u{0}"] {
            assert!(check_layout(strange).is_err(), "{strange:?}");
        }
    }

    #[test]
    fn what_is_not_on_the_disk_says_nothing_of_it() {
        let slow = Error::TooSlow {
            program: "/usr/sbin/e2fsck".into(),
            seconds: 1800,
        };
        for error in [slow, Error::NoDisk { serial: "data" }] {
            let words = error.to_string();
            let unusable = Unusable::from(error);
            assert_eq!(unusable.to_string(), words);
            assert!(matches!(unusable, Unusable::Failed(_)), "{unusable:?}");
        }
    }

    /// A file system in memory, and a disk of the same size.
    fn image_and_disk(size: u64) -> (tempfile::NamedTempFile, File) {
        let image = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
        image.as_file().set_len(size).unwrap();
        let made = Command::new("/usr/sbin/mke2fs")
            .args(["-q", "-F", "-t", "ext4", "-L", LABEL])
            .args(["-E", "assume_storage_prezeroed=1,nodiscard"])
            .arg(image.path())
            .status()
            .expect("mke2fs (package e2fsprogs)");
        assert!(made.success());
        let disk = tempfile::tempfile().unwrap();
        disk.set_len(size).unwrap();
        (image, disk)
    }

    #[test]
    fn a_copy_is_the_same_and_small() {
        use std::os::unix::fs::MetadataExt;

        let size = 256 << 20;
        let (image, disk) = image_and_disk(size);
        copy(image.as_file(), &disk).unwrap();
        let mut ours = vec![0; 1 << 20];
        let mut theirs = ours.clone();
        for at in (0..size).step_by(1 << 20) {
            image.as_file().read_exact_at(&mut ours, at).unwrap();
            disk.read_exact_at(&mut theirs, at).unwrap();
            assert!(ours == theirs, "they differ at {at}");
        }
        assert!(disk.metadata().unwrap().blocks() * 512 < 16 << 20);
        assert!(!is_ours_unfinished(&disk).unwrap());
        assert_eq!(ext4::read(&disk).unwrap().unwrap().label, LABEL);
    }

    #[test]
    fn a_copy_that_was_cut_is_known_to_hold_nothing() {
        let (image, disk) = image_and_disk(64 << 20);
        copy(image.as_file(), &disk).unwrap();
        // The disk just before the last write.
        let mut mark = vec![0; 4096];
        mark[..FORMATTING.len()].copy_from_slice(FORMATTING);
        disk.write_all_at(&mark, 0).unwrap();
        assert!(is_ours_unfinished(&disk).unwrap());
        assert_eq!(ext4::read(&disk).unwrap(), None);
        assert!(!blank::is_blank(&disk, 64 << 20).unwrap());
    }
}
