//! System packages: which are needed, what for, and their installation with apt.

use std::io::{IsTerminal as _, Write as _};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::arch::Arch;
use crate::workspace::target;
use crate::{mirrors, shell};

/// A package and what it is needed for.
pub(crate) type Need = (&'static str, &'static str);

/// Packages to build Slipway.
pub(crate) const BUILD: &[Need] = &[
    ("build-essential", "linking"),
    ("pkg-config", "finding the libraries below"),
    ("libwebkit2gtk-4.1-dev", "the window's web view"),
    ("libgtk-3-dev", "the window"),
    ("librsvg2-dev", "the window's icons"),
];

/// Packages to start it without a display.
pub(crate) const DISPLAY: &[Need] = &[
    ("xvfb", "a virtual display"),
    ("dbus-daemon", "one instance at a time"),
    (
        "fonts-dejavu-core",
        "characters that Slipway's own fonts lack",
    ),
];

/// Packages for a private engine with sample images.
pub(crate) const ENGINE: &[Need] = &[
    ("docker.io", "a private container engine"),
    ("iptables", "networks of the private engine"),
    ("iproute2", "networks of the private engine"),
    ("docker-registry", "a private registry"),
    ("busybox-static", "sample images"),
    ("mmdebstrap", "sample images"),
    ("gpg", "sample images"),
];

/// Additional packages for tests.
pub(crate) const TEST: &[Need] = &[
    ("webkit2gtk-driver", "driving the window"),
    ("podman", "tests against the other engine"),
    ("util-linux", "ending what tests start"),
    ("procps", "looking at what tests start"),
    ("x11-utils", "looking at windows"),
    ("at-spi2-core", "reading windows as a screen reader does"),
    (
        "docker-compose",
        "tests of compose with the machine's engine",
    ),
    ("e2fsprogs", "damaging a disk on purpose"),
];

/// Additional packages for the benchmark of the machine.
pub(crate) const BENCH_MACHINE: &[Need] = &[
    ("mmdebstrap", "a Debian to compare the machine with"),
    ("e2fsprogs", "the disk of that Debian"),
    ("openssh-client", "reaching that Debian"),
    ("cpio", "the initrd of the least that boots an engine"),
    ("busybox-static", "the first process of that"),
    ("util-linux", "ending what is measured"),
];

/// Additional packages for bundles.
pub(crate) const BUNDLE: &[Need] = &[
    ("rpm", "looking into the rpm"),
    ("cpio", "looking into the rpm"),
    ("desktop-file-utils", "checking the menu entry"),
];

/// Packages to start the machine of an architecture.
fn machine(arch: Arch) -> Need {
    let reason = "Slipway's machine";
    match arch {
        Arch::Amd64 => ("qemu-system-x86", reason),
        Arch::Arm64 => ("qemu-system-arm", reason),
    }
}

/// Whether packages may be installed without asking.
#[derive(Clone, Copy)]
pub(crate) struct Consent(bool);

impl From<bool> for Consent {
    fn from(yes: bool) -> Self {
        let unattended = std::env::var_os("CI").is_some() || !std::io::stdin().is_terminal();
        Self(yes || unattended)
    }
}

/// Installs those packages that are missing.
pub(crate) fn install(consent: Consent, needs: &[Need]) -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    if shell::find("apt-get").is_none() {
        report_without_apt(needs);
        return Ok(());
    }
    let names = missing(consent, needs)?;
    if names.is_empty() {
        return Ok(());
    }
    apt(&["update", "-qq"])?;
    apt_install(&[], &names)
}

/// Oldest QEMU that emulates several processors at once without crashing the guest: `slipwayd` gives older ones one
/// thread for all of them, which is slower.
const GOOD_QEMU: (u32, u32) = (8, 1);

/// Installs the packages that start the machine of these architectures. They come from backports if the release's own
/// QEMU is old, and also if apt refuses the release's own: if parts of QEMU are from backports, the rest must be too, and
/// the computer's sources may no longer contain backports.
pub(crate) fn install_machine(consent: Consent, archs: &[Arch]) -> Result<()> {
    let needs: Vec<Need> = archs.iter().map(|arch| machine(*arch)).collect();
    if !cfg!(target_os = "linux") || shell::find("apt-get").is_none() {
        return install(consent, &needs);
    }
    let names = missing(consent, &needs)?;
    if names.is_empty() {
        return Ok(());
    }
    apt(&["update", "-qq"])?;
    let is_old = names
        .iter()
        .any(|name| offered_version(name).is_some_and(|version| version < GOOD_QEMU));
    if is_old {
        match install_from_backports(&names) {
            Ok(()) => return Ok(()),
            Err(error) => {
                println!(
                    "Backports are not available ({error}): installing the release's own QEMU"
                );
            }
        }
    }
    let Err(refusal) = apt_install(&[], &names) else {
        return Ok(());
    };
    println!("apt refused ({refusal}): trying backports");
    install_from_backports(&names)
}

fn install_from_backports(names: &[&str]) -> Result<()> {
    let options = backports()?;
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    apt(&[&["update", "-qq"], &options[..]].concat())?;
    apt_install(&options, names)
}

/// Major and minor version of a package that apt would install.
fn offered_version(package: &str) -> Option<(u32, u32)> {
    let output = Command::new("apt-cache")
        .args(["show", "--no-all-versions", package])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text
        .lines()
        .find_map(|line| line.strip_prefix("Version: "))?;
    upstream_version(version)
}

/// Major and minor version in a Debian version, such as `1:7.2+dfsg-7+deb12u18`.
fn upstream_version(version: &str) -> Option<(u32, u32)> {
    let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
    let mut numbers = upstream
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|number| number.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

/// Options that make apt use this computer's Debian mirrors with backports, and prefer backports.
fn backports() -> Result<Vec<String>> {
    let mirrors = mirrors::own()?;
    let Some(release) = mirrors.first().map(|mirror| mirror.release.clone()) else {
        bail!("this is no Debian, or its lists of packages cannot be fetched");
    };
    let directory = target().join("backports");
    let lists = directory.join("lists");
    let sources = directory.join("sources");
    std::fs::create_dir_all(&sources)?;
    std::fs::create_dir_all(lists.join("partial"))?;
    let places = mirrors.iter().flat_map(|mirror| {
        let suites = [
            Some(mirror.part),
            mirror.part.is_empty().then_some("-backports"),
        ];
        suites
            .into_iter()
            .flatten()
            .map(|part| (&*mirror.uri, format!("{release}{part}")))
    });
    std::fs::write(sources.join("debian.sources"), mirrors::sources(places))?;
    Ok(vec![
        "-oDir::Etc::SourceList=/dev/null".into(),
        format!("-oDir::Etc::SourceParts={}", sources.display()),
        format!("-oDir::State::Lists={}", lists.display()),
        // Apt's own user may not have access to our directory.
        "-oAPT::Sandbox::User=root".into(),
        format!("-t={release}-backports"),
    ])
}

/// The missing packages, after permission to install them was given.
fn missing(consent: Consent, needs: &[Need]) -> Result<Vec<&'static str>> {
    let missing: Vec<&Need> = needs
        .iter()
        .filter(|(package, _)| !is_installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    println!("These system packages are missing:");
    for (package, reason) in &missing {
        println!("  {package:<26} {reason}");
    }
    if !consent.0 {
        print!("Install them with apt? [Y/n] ");
        std::io::stdout().flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        if !matches!(
            answer.trim().to_ascii_lowercase().as_str(),
            "" | "y" | "yes"
        ) {
            bail!("not without these packages");
        }
    }
    Ok(missing.iter().map(|(package, _)| *package).collect())
}

fn apt_install(options: &[&str], names: &[&str]) -> Result<()> {
    let mut names = names.to_vec();
    // Newer releases split the docker command and its build plug-in into separate packages.
    if names.contains(&"docker.io") {
        let apart = ["docker-cli", "docker-buildx"];
        names.extend(apart.into_iter().filter(|package| exists(package)));
    }
    let mut arguments = vec!["install", "--yes", "--no-install-recommends", "-qq"];
    arguments.extend(options);
    arguments.extend(&names);
    apt(&arguments)?;
    if let Some(package) = names.iter().find(|package| !is_installed(package)) {
        bail!("apt did not install {package}");
    }
    Ok(())
}

fn report_without_apt(needs: &[Need]) {
    // Without apt, package names are unknown; the build reports what is missing.
    println!("This system has no apt. Slipway needs what Debian calls:");
    for (package, reason) in needs {
        println!("  {package:<26} {reason}");
    }
}

fn is_installed(package: &str) -> bool {
    Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|output| output.stdout == b"installed")
}

fn exists(package: &str) -> bool {
    Command::new("apt-cache")
        .args(["show", package])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn apt(arguments: &[&str]) -> Result<()> {
    let mut command = as_root("apt-get")?;
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    shell::run(&mut command)
}

/// A command that runs as root: directly if we are root, otherwise with sudo.
pub(crate) fn as_root(program: &str) -> Result<Command> {
    if is_root() {
        return Ok(Command::new(program));
    }
    if shell::find("sudo").is_none() {
        bail!("{program} has to run as root, and there is no sudo: run this as root");
    }
    let mut command = Command::new("sudo");
    command
        .arg("--preserve-env=DEBIAN_FRONTEND")
        .arg("--")
        .arg(program);
    Ok(command)
}

/// Whether this process is root.
pub(crate) fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debian_version_has_an_upstream_version() {
        let check = |version: &str, expected| assert_eq!(upstream_version(version), expected);
        check("1:7.2+dfsg-7+deb12u18+b3", Some((7, 2)));
        check("1:10.0.2+ds-2+deb13u1~bpo12+1", Some((10, 0)));
        check("9.1.0", Some((9, 1)));
        check("", None);
    }
}
