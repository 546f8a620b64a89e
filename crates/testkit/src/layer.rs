//! One layer of an image: a gzipped tar of a directory.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Result, command::run, error::At};

/// A layer as a file beside its digests.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    /// Of the gzipped bytes.
    pub(crate) digest: String,
    /// Of the tar inside.
    pub(crate) diff_id: String,
    /// What the image's history says of it.
    pub(crate) created_by: String,
}

impl Layer {
    /// Packs `tree` as `<tree>.tar.gz`. `below` is the tree of the layers below: its files are not packed again.
    /// Neither is what one of the `left_out` patterns matches.
    pub(crate) fn pack(
        tree: &Path,
        below: Option<&Path>,
        left_out: &[&str],
        created_by: &str,
    ) -> Result<Self> {
        let tar = tree.with_extension("tar");
        let mut command = Command::new("tar");
        command.args([
            "--sort=name",
            "--mtime=@1700000000",
            "--numeric-owner",
            "--anchored",
            "--no-wildcards",
        ]);
        if let Some(below) = below {
            let list = tree.with_extension("below");
            fs::write(&list, files(below)?).at("write", &list)?;
            command.arg("--exclude-from").arg(&list);
        }
        command.arg("--wildcards").args(
            left_out
                .iter()
                .map(|pattern| format!("--exclude={pattern}")),
        );
        run(
            command.arg("-cf").arg(&tar).arg("-C").arg(tree).arg("."),
            "tar",
        )?;
        let diff_id = digest(&tar)?;
        // Level 1: layers are read from a local disk, so time counts and size does not.
        run(
            Command::new("gzip").args(["-1", "-n", "-f"]).arg(&tar),
            "gzip",
        )?;
        let path = tree.with_extension("tar.gz");
        let size = fs::metadata(&path).at("read", &path)?.len();
        Ok(Self {
            size,
            digest: digest(&path)?,
            diff_id,
            created_by: created_by.to_owned(),
            path,
        })
    }
}

fn files(tree: &Path) -> Result<Vec<u8>> {
    let mut command = Command::new("find");
    Ok(run(
        command.arg(".").args(["!", "-type", "d"]).current_dir(tree),
        "findutils",
    )?
    .stdout)
}

/// `sha256:…` of a file. A program does it, because unoptimised test builds take seconds for what it does in one.
fn digest(path: &Path) -> Result<String> {
    let output = run(Command::new("sha256sum").arg(path), "coreutils")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(format!(
        "sha256:{}",
        text.split(' ').next().unwrap_or_default()
    ))
}
