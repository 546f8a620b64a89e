//! `cargo xtask welcome-image`: the image that ships with Slipway, so that the first container runs with no network.
//!
//! One archive for each architecture, as `docker save` writes it and every engine loads it. It has one layer with one
//! file, the program of `crates/welcome`. The same program gives the same bytes.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::arch::Arch;
use crate::packages::Consent;
use crate::static_program;
use crate::workspace::target;

/// The image's name. No such registry can be on the internet (RFC 9476), so it is never pulled by mistake.
const REFERENCE: &str = "slipway.internal/welcome:latest";

/// The port of the page: above 1024, because Podman lets only root bind lower ports.
const PORT: u16 = 8080;

/// `nobody` and `nogroup` by number, because the image has no file that names them.
const USER: &str = "65534:65534";

/// Timestamp of everything: the same input has to give the same bytes.
const CREATED: (&str, u64) = ("2026-01-01T00:00:00Z", 1_767_225_600);

/// Limit of the packed program's size, because it is in every installer.
const BUDGET: usize = 2_000_000;

/// The output directory of the archives.
pub(crate) fn directory() -> PathBuf {
    target().join("welcome")
}

/// Packs the image for each architecture, unless it is up to date.
pub(crate) fn welcome_image(consent: Consent) -> Result<()> {
    if !cfg!(target_os = "linux") {
        println!("The welcome image is built on Linux; without it, `slipway run welcome` says so.");
        return Ok(());
    }
    let directory = directory();
    std::fs::create_dir_all(&directory)?;
    for arch in Arch::ALL {
        let program = static_program::build(consent, "slipway-welcome", arch)?;
        let program = std::fs::read(&program)
            .with_context(|| format!("{} cannot be read", program.display()))?;
        let archive = pack(&program, arch)?;
        ensure!(
            archive.len() <= BUDGET,
            "the welcome image takes {} bytes, more than the {BUDGET} that it may take",
            archive.len()
        );
        let path = directory.join(format!("{}.tar", arch.name()));
        if std::fs::read(&path).is_ok_and(|packed| packed == archive) {
            continue;
        }
        // A test or a run in parallel sees either the old one or the new one.
        let partial = path.with_extension("partial");
        std::fs::write(&partial, &archive)?;
        std::fs::rename(&partial, &path)?;
        println!("{} ({} KB)", path.display(), archive.len() / 1000);
    }
    Ok(())
}

/// The archive of one image.
fn pack(program: &[u8], arch: Arch) -> Result<Vec<u8>> {
    let layer = tar(&[("welcome", program, 0o755)])?;
    let config = json!({
        "architecture": arch.name(),
        "os": "linux",
        "created": CREATED.0,
        "config": {
            "User": USER,
            "Env": [format!("PORT={PORT}")],
            "Entrypoint": ["/welcome"],
            "ExposedPorts": { format!("{PORT}/tcp"): {} },
            "WorkingDir": "/",
            "Labels": {
                "org.opencontainers.image.title": "Welcome to Slipway",
                "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"),
                "org.opencontainers.image.licenses": "Apache-2.0",
            },
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer))] },
        "history": [{ "created": CREATED.0, "created_by": "cargo xtask welcome-image" }],
    });
    let config = serde_json::to_vec(&config)?;
    let config_name = format!("{}.json", sha256(&config));
    let manifest = serde_json::to_vec(&json!([{
        "Config": config_name,
        "RepoTags": [REFERENCE],
        "Layers": ["layer.tar"],
    }]))?;
    tar(&[
        (&config_name, &config, 0o644),
        ("layer.tar", &layer, 0o644),
        ("manifest.json", &manifest, 0o644),
    ])
}

/// A tar archive (POSIX ustar) of files that all belong to root.
fn tar(files: &[(&str, &[u8], u32)]) -> Result<Vec<u8>> {
    const BLOCK: usize = 512;
    let mut archive = Vec::new();
    for &(name, content, mode) in files {
        ensure!(name.len() < 100, "{name} is too long for a tar archive");
        let mut header = [0_u8; BLOCK];
        let mut put = |at: usize, text: &str| {
            header[at..at + text.len()].copy_from_slice(text.as_bytes());
        };
        put(0, name);
        put(100, &format!("{mode:07o}"));
        put(108, "0000000");
        put(116, "0000000");
        put(124, &format!("{:011o}", content.len()));
        put(136, &format!("{:011o}", CREATED.1));
        put(148, "        ");
        put(156, "0");
        put(257, "ustar\u{0}00");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend_from_slice(&header);
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    Ok(archive)
}

fn sha256(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    /// The entries that `tar` lists in an archive.
    fn listed(archive: &[u8]) -> String {
        let mut tar = Command::new("tar")
            .args([
                "--list",
                "--verbose",
                "--numeric-owner",
                "--utc",
                "--file=-",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tar runs");
        let mut stdin = tar.stdin.take().expect("it is piped");
        stdin.write_all(archive).expect("it is read");
        drop(stdin);
        let output = tar.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    #[test]
    fn an_archive_is_what_tar_can_read_and_always_the_same() {
        let archive = pack(b"a program", Arch::Arm64).expect("it fits");
        assert_eq!(archive, pack(b"a program", Arch::Arm64).expect("it fits"));
        assert_ne!(archive, pack(b"a program", Arch::Amd64).expect("it fits"));
        let listed = listed(&archive);
        let names: Vec<&str> = listed
            .lines()
            .filter_map(|line| line.split_whitespace().last())
            .collect();
        assert_eq!(names[1..], ["layer.tar", "manifest.json"]);
        assert_eq!(names[0].strip_suffix(".json").map(str::len), Some(64));
        assert!(
            listed
                .lines()
                .all(|line| line.contains("0/0") && line.contains("2026-01-01 00:00")),
            "{listed}"
        );
    }

    #[test]
    fn a_layer_is_the_program_alone() {
        let listed = listed(&tar(&[("welcome", &[7; 1000], 0o755)]).expect("it fits"));
        assert!(listed.starts_with("-rwxr-xr-x 0/0"), "{listed}");
        assert!(listed.trim_end().ends_with(" welcome"), "{listed}");
        assert!(listed.contains(" 1000 "), "{listed}");
    }
}
