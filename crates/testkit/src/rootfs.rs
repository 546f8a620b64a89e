//! Directory trees that become layers: unpacked Debian packages, and what a script writes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Result, command::run, error::At, layer::Layer};

const BASE_PACKAGES: &[&str] = &[
    "base-files",
    "base-passwd",
    "bash",
    "dash",
    "coreutils",
    "sed",
    "grep",
    "findutils",
    "libc-bin",
    "util-linux",
];

/// Nothing in a container reads these, and they are most of a Debian system. Only packages are trimmed: what a script
/// wrote is meant to be there.
const LEFT_OUT: &[&str] = &[
    "./dev/*",
    "./boot/*",
    "./tmp/*",
    "./proc/*",
    "./sys/*",
    "./etc/apt",
    "./etc/dpkg",
    "./var/lib/apt",
    "./var/lib/dpkg",
    "./var/cache/*",
    "./var/log/*",
    "./usr/share/doc",
    "./usr/share/man",
    "./usr/share/info",
    "./usr/share/locale",
    "./usr/share/lintian",
    "./usr/share/i18n",
    "./usr/share/perl*",
    "./usr/share/bash-completion",
    "./usr/lib/*/gconv",
    "./usr/lib/*/perl*",
    "./usr/lib/*/libLLVM*",
    "./usr/lib/llvm*",
    "./usr/lib/postgresql/15/lib/bitcode",
    "./usr/lib/postgresql/15/lib/llvmjit*",
    "./usr/lib/locale/locale-archive",
];

/// A tree of unpacked packages: a base, or a base with more.
#[derive(Debug)]
pub(crate) struct Rootfs {
    suite: &'static str,
    tree: PathBuf,
    below: Option<PathBuf>,
    layer: Layer,
}

impl Rootfs {
    /// The packages that every image of a Debian release has. `script` runs in the tree and finishes it.
    pub(crate) fn base(dir: &Path, suite: &'static str, script: &str) -> Result<Self> {
        let tree = dir.join(format!("{suite}-base"));
        unpack(suite, &tree, BASE_PACKAGES)?;
        run_script(&tree, script, &[])?;
        let layer = Layer::pack(&tree, None, LEFT_OUT, &format!("debootstrap {suite}"))?;
        Ok(Self {
            suite,
            tree,
            below: None,
            layer,
        })
    }

    /// The base's packages and more, with a layer that has only what is more.
    pub(crate) fn with(&self, name: &str, packages: &[&str]) -> Result<Self> {
        let tree = self.tree.with_file_name(format!("{}-{name}", self.suite));
        unpack(self.suite, &tree, &[BASE_PACKAGES, packages].concat())?;
        let created_by = format!(
            "RUN apt-get install -y --no-install-recommends {}",
            packages.join(" ")
        );
        let layer = Layer::pack(&tree, Some(&self.tree), LEFT_OUT, &created_by)?;
        Ok(Self {
            suite: self.suite,
            below: Some(self.tree.clone()),
            tree,
            layer,
        })
    }

    pub(crate) fn layer(&self) -> Layer {
        self.layer.clone()
    }

    /// A layer on top that has what `script` writes; it finds the trees below in `$BASE` and `$FULL`.
    pub(crate) fn changes(&self, name: &str, script: &str) -> Result<Layer> {
        let tree = self
            .tree
            .with_file_name(format!("{}-{name}-changes", self.suite));
        fs::create_dir_all(tree.join("etc")).at("create", &tree)?;
        // A directory here would cover a symbolic link below, as /run is none but /bin is one in newer releases.
        run_script(
            &tree,
            script,
            &[
                ("BASE", self.below.as_ref().unwrap_or(&self.tree)),
                ("FULL", &self.tree),
            ],
        )?;
        Layer::pack(&tree, None, &[], "COPY rootfs /")
    }
}

/// A layer that has what `script` writes, on nothing.
pub(crate) fn scripted(dir: &Path, name: &str, script: &str) -> Result<Layer> {
    let tree = dir.join(name);
    fs::create_dir_all(&tree).at("create", &tree)?;
    run_script(&tree, script, &[])?;
    Layer::pack(&tree, None, &[], &format!("COPY {name} /"))
}

/// `extract` unpacks without running maintainer scripts, which is ten times faster than an installation.
fn unpack(suite: &str, tree: &Path, packages: &[&str]) -> Result<()> {
    let mut command = Command::new("mmdebstrap");
    command.args(["--variant=extract", "--format=directory", "--quiet"]);
    command
        .arg(format!("--include={}", packages.join(",")))
        .arg(suite)
        .arg(tree);
    run(&mut command, "mmdebstrap")?;
    Ok(())
}

fn run_script(tree: &Path, script: &str, variables: &[(&str, &PathBuf)]) -> Result<()> {
    let mut command = Command::new("sh");
    command
        .args(["-euc", script])
        .current_dir(tree)
        .envs(variables.iter().copied());
    run(&mut command, "busybox-static or gcc")?;
    Ok(())
}
