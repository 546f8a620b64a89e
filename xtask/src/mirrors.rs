//! The Debian mirrors that this computer's own apt gets packages from.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::Result;

use crate::shell;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A mirror with a part of a Debian release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mirror {
    pub(crate) uri: String,
    /// The release that the computer takes from there: `bookworm`.
    pub(crate) release: String,
    /// Suffix of the suite: empty, `-updates` or `-security`.
    pub(crate) part: &'static str,
}

/// The mirrors of this computer; empty if its package lists were never fetched, or if it does not run Debian.
pub(crate) fn own() -> Result<Vec<Mirror>> {
    let output = shell::output(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(ORIGIN) $(CODENAME) $(REPO_URI)",
        "Created-By: Packages",
    ]))?;
    let mut mirrors: Vec<_> = output.lines().filter_map(mirror).collect();
    mirrors.sort();
    mirrors.dedup();
    Ok(mirrors)
}

fn mirror(line: &str) -> Option<Mirror> {
    let mut words = line.split_whitespace();
    if words.next()? != "Debian" {
        return None;
    }
    let codename = words.next()?;
    let (release, part) = match codename.split_once('-') {
        None => (codename, ""),
        Some((release, "security")) => (release, "-security"),
        Some((release, "updates")) => (release, "-updates"),
        Some(_) => return None,
    };
    Some(Mirror {
        uri: words.next()?.to_owned(),
        release: release.to_owned(),
        part,
    })
}

/// Parses suites and URIs in apt's `debian.sources`.
pub(crate) fn sources<'a>(places: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut text = String::new();
    for (uri, suite) in places {
        let _ = writeln!(
            text,
            "Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: main\nSigned-By: {KEYRING}\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debians_own_suites_are_mirrors() {
        let check = |line: &str, expected: Option<(&str, &'static str, &str)>| {
            let expected = expected.map(|(release, part, uri)| Mirror {
                uri: uri.to_owned(),
                release: release.to_owned(),
                part,
            });
            assert_eq!(mirror(line), expected, "{line}");
        };
        check(
            "Debian bookworm http://m/debian/",
            Some(("bookworm", "", "http://m/debian/")),
        );
        check(
            "Debian bookworm-security http://m/security/",
            Some(("bookworm", "-security", "http://m/security/")),
        );
        check("Debian bookworm-backports http://m/debian/", None);
        check("Ubuntu noble http://u/ubuntu/", None);
        check("$(ORIGIN) $(CODENAME) http://n/", None);
    }
}
