//! Reads an ext4 superblock before the file system is mounted: its label and its size.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const SUPERBLOCK: u64 = 1024;
const LENGTH: usize = 1024;
const MAGIC: u16 = 0xEF53;
const FEATURE_64BIT: u32 = 0x80;

/// The relevant fields of the superblock.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Superblock {
    pub(crate) label: String,
    /// The size of the file system in bytes.
    pub(crate) size: u64,
}

/// `None` if there is no ext2, ext3 or ext4.
pub(crate) fn read(disk: &File) -> io::Result<Option<Superblock>> {
    let mut bytes = [0; LENGTH];
    disk.read_exact_at(&mut bytes, SUPERBLOCK)?;
    Ok(parse(&bytes))
}

fn parse(bytes: &[u8; LENGTH]) -> Option<Superblock> {
    let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let u32_at =
        |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    if u16_at(0x38) != MAGIC {
        return None;
    }
    let mut blocks = u64::from(u32_at(0x04));
    if u32_at(0x60) & FEATURE_64BIT != 0 {
        blocks |= u64::from(u32_at(0x150)) << 32;
    }
    let block_size = 1024_u64.checked_shl(u32_at(0x18)).unwrap_or(0);
    let label = &bytes[0x78..0x88];
    let label = label.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(Superblock {
        label: String::from_utf8_lossy(label).into_owned(),
        size: blocks.checked_mul(block_size)?,
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_mkfs_made_is_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(40 << 20).unwrap();
        assert_eq!(read(file.as_file()).unwrap(), None);
        let made = Command::new("/sbin/mkfs.ext4")
            .args(["-q", "-F", "-L", "slipway-data"])
            .arg(file.path())
            .status()
            .expect("mkfs.ext4 (package e2fsprogs)");
        assert!(made.success());
        assert_eq!(
            read(file.as_file()).unwrap(),
            Some(Superblock {
                label: "slipway-data".into(),
                size: 40 << 20,
            })
        );
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), LENGTH)) {
            let mut bytes: [u8; LENGTH] = bytes.try_into().unwrap();
            parse(&bytes);
            bytes[0x38..0x3A].copy_from_slice(&MAGIC.to_le_bytes());
            parse(&bytes);
        }
    }
}
