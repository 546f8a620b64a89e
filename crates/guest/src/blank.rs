//! Recognises a disk that was never written to.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const MIB: u64 = 1024 * 1024;
const SAMPLES: u64 = 64;
const SAMPLE: usize = 64 * 1024;

/// Whether a disk was never written to: its first and last MiB and samples from all over it are zero.
///
/// Every known file system, partition table, volume manager and encryption leaves a signature in the first or the last
/// MiB. The samples detect data that was written without any.
pub(crate) fn is_blank(disk: &File, size: u64) -> io::Result<bool> {
    let mut buffer = vec![0; SAMPLE];
    let ends = (0..MIB)
        .step_by(SAMPLE)
        .chain((size.saturating_sub(MIB)..size).step_by(SAMPLE));
    let between = (1..SAMPLES).map(|at| size / SAMPLES * at);
    for at in ends.chain(between) {
        let left = usize::try_from(size.saturating_sub(at)).unwrap_or(usize::MAX);
        let part = &mut buffer[..SAMPLE.min(left)];
        disk.read_exact_at(part, at)?;
        if part.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn disk(size: u64) -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(size).unwrap();
        file
    }

    #[test]
    fn a_disk_of_zeros_is_blank_whatever_its_size() {
        for size in [0, 1, 4096, MIB - 1, MIB, 3 * MIB + 5, 1 << 36] {
            assert!(is_blank(&disk(size), size).unwrap(), "{size}");
        }
    }

    #[test]
    fn a_disk_that_ends_early_is_an_error_and_not_blank() {
        assert!(is_blank(&disk(4096), 8192).is_err());
    }

    proptest! {
        #[test]
        fn one_byte_at_either_end_is_enough(at in 0..MIB, byte in 1_u8.., end: bool) {
            let size = 1 << 30;
            let disk = disk(size);
            let at = if end { size - 1 - at } else { at };
            disk.write_all_at(&[byte], at).unwrap();
            prop_assert!(!is_blank(&disk, size).unwrap());
        }

        #[test]
        fn data_that_covers_a_tenth_is_found(start in 0..90_u64) {
            let size = 64 * MIB;
            let disk = disk(size);
            let data = vec![b'x'; (size / 10) as usize];
            disk.write_all_at(&data, size * start / 100).unwrap();
            prop_assert!(!is_blank(&disk, size).unwrap());
        }
    }
}
