//! Debian's packages, through an apt with a separate directory, lists and architecture.
//!
//! The computer's own apt is asked where it gets packages from and how (mirror, proxy); nothing of it is changed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::recipe;
use crate::arch::Arch;
use crate::{mirrors, packages, shell};

/// The mirror to use if the computer's own apt knows none for Debian.
const DEBIAN: [(&str, &str); 2] = [
    ("http://deb.debian.org/debian", ""),
    ("http://deb.debian.org/debian-security", "-security"),
];

/// Names of settings that say how the computer reaches its mirrors.
const REACHING: [&str; 5] = [
    "Acquire::http",
    "Acquire::https",
    "Acquire::Retries",
    "Acquire::Check-Valid-Until",
    "Acquire::Check-Date",
];

/// An apt for the guest's release and architecture.
pub(super) struct Apt {
    directory: PathBuf,
    updated: bool,
}

/// A package that apt would download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offered {
    pub(super) name: String,
    pub(super) version: String,
}

impl Apt {
    pub(super) fn prepare(arch: Arch) -> Result<Self> {
        let directory = super::directory().join("cache/apt").join(arch.name());
        for inner in [
            "etc/apt.conf.d",
            "etc/sources.list.d",
            "etc/preferences.d",
            "state/lists/partial",
            "cache/archives/partial",
            "download",
        ] {
            std::fs::create_dir_all(directory.join(inner))?;
        }
        std::fs::write(directory.join("state/status"), "")?;
        std::fs::write(
            directory.join("etc/sources.list.d/debian.sources"),
            sources()?,
        )?;
        std::fs::write(directory.join("apt.conf"), configuration(&directory, arch)?)?;
        Ok(Self {
            directory,
            updated: false,
        })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("APT_CONFIG", self.directory.join("apt.conf"))
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        command
    }

    /// Fetches the lists of packages, once.
    pub(super) fn update(&mut self) -> Result<()> {
        if !self.updated {
            shell::run(self.command("apt-get").args(["update", "-qq"]))
                .context("the lists of packages cannot be fetched")?;
            self.updated = true;
        }
        Ok(())
    }

    /// The newest of these packages and of all that they depend on.
    pub(super) fn resolve(&mut self, packages: &[String]) -> Result<Vec<Offered>> {
        self.update()?;
        let output = shell::output(
            self.command("apt-get")
                .args(["install", "--print-uris", "-qq"])
                .args(packages),
        )?;
        output.lines().map(offered).collect()
    }

    /// Downloads one package in the given version. Apt checks it against its signed lists. `None` if no mirror has it
    /// any more.
    pub(super) fn download(&mut self, package: &Offered) -> Result<Option<PathBuf>> {
        self.update()?;
        let directory = self.directory.join("download");
        for left in recipe::sorted(&directory)? {
            std::fs::remove_file(left)?;
        }
        let output = self
            .command("apt-get")
            .args(["download", "-qq"])
            .arg(format!("{}={}", package.name, package.version))
            .current_dir(&directory)
            .output()?;
        if output.status.success() {
            return Ok(recipe::sorted(&directory)?.pop());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        if words.contains("was not found") || words.contains("Unable to locate package") {
            return Ok(None);
        }
        bail!(
            "{} {} cannot be downloaded: {}",
            package.name,
            package.version,
            words.trim()
        )
    }
}

/// Parses a line of `--print-uris`: `'URI' NAME_VERSION_ARCH.deb SIZE HASH`.
fn offered(line: &str) -> Result<Offered> {
    let file = line.split_whitespace().nth(1).unwrap_or_default();
    let mut parts = file.split('_');
    let (Some(name), Some(version)) = (parts.next(), parts.next()) else {
        bail!("apt says `{line}`, which names no package");
    };
    Ok(Offered {
        name: name.to_owned(),
        // A colon, the only character of a version that file names do not have.
        version: version.replace("%3a", ":"),
    })
}

/// The computer's own Debian mirrors, for the guest's release.
pub(super) fn sources() -> Result<String> {
    let mut own = mirrors::own()?;
    if own.is_empty() {
        // Its lists may never have been fetched.
        let _ = shell::status(packages::as_root("apt-get")?.args(["update", "-qq"]));
        own = mirrors::own()?;
    }
    if own.is_empty() {
        return Ok(mirrors::sources(
            DEBIAN.map(|(uri, part)| (uri, format!("{}{part}", recipe::SUITE))),
        ));
    }
    Ok(mirrors::sources(own.iter().map(|mirror| {
        (&*mirror.uri, format!("{}{}", recipe::SUITE, mirror.part))
    })))
}

/// How the computer reaches its mirrors, as apt's configuration says it.
pub(super) fn reaching() -> Result<String> {
    let own = shell::output(Command::new("apt-config").arg("dump"))?;
    let mut text = String::new();
    for line in own
        .lines()
        .filter(|line| REACHING.iter().any(|name| line.starts_with(name)))
    {
        writeln!(text, "{line}")?;
    }
    Ok(text)
}

fn configuration(directory: &Path, arch: Arch) -> Result<String> {
    let mut text = reaching()?;
    let name = arch.name();
    let directory = directory.display();
    write!(
        text,
        r#"APT::Architecture "{name}";
APT::Architectures {{ "{name}"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "root";
APT::Get::Assume-Yes "true";
Acquire::Languages "none";
Dir "{directory}";
Dir::Etc "{directory}/etc";
Dir::Etc::NetrcParts "/etc/apt/auth.conf.d";
Dir::State "{directory}/state";
Dir::State::status "{directory}/state/status";
Dir::Cache "{directory}/cache";
pkgCacheGen::Essential "none";
"#
    )?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_uri_names_a_package() {
        let line = "'http://mirror/pool/main/i/iptables/iptables_1.8.11-2_amd64.deb' iptables_1.8.11-2_amd64.deb 360860 SHA256:00";
        let iptables = offered(line).expect("this is what apt prints");
        assert_eq!(
            (&*iptables.name, &*iptables.version),
            ("iptables", "1.8.11-2")
        );
        let epoch = offered("'u' libzstd1_1%3a2_amd64.deb 1 SHA256:00").expect("this too");
        assert_eq!(epoch.version, "1:2");
        assert!(offered("nonsense").is_err());
    }
}
