//! The rules that every entry of a catalog keeps.

use std::collections::HashSet;

use crate::catalog::CatalogError;
use crate::entry::{Entry, EnvVariable, Protocol};
use crate::secret::SecretSpec;
use crate::template::Template;

/// The longest summary, in characters.
const SUMMARY_MAX: usize = 90;

pub(crate) fn unique(
    what: &'static str,
    values: impl Iterator<Item = String>,
) -> Result<(), CatalogError> {
    let mut seen = HashSet::new();
    for value in values {
        if !seen.insert(value.clone()) {
            return Err(CatalogError::Duplicate { what, value });
        }
    }
    Ok(())
}

pub(crate) fn check(entry: &Entry, all: &[Entry]) -> Result<(), CatalogError> {
    let rule = |holds: bool, rule: &'static str, value: &str| {
        if holds {
            Ok(())
        } else {
            Err(CatalogError::Rule {
                slug: entry.slug.clone(),
                rule,
                value: value.to_owned(),
            })
        }
    };
    rule(
        is_slug(&entry.slug),
        "a slug is lower-case letters, digits and single `-`",
        &entry.slug,
    )?;
    rule(
        !entry.name.trim().is_empty(),
        "a name is wanted",
        &entry.name,
    )?;
    let length = entry.summary.chars().count();
    rule(
        (1..=SUMMARY_MAX).contains(&length) && !entry.summary.ends_with('.'),
        "a summary has up to 90 characters and no full stop",
        &entry.summary,
    )?;
    rule(
        entry.image.tag().is_none() && !entry.image.is_pinned(),
        "an image has neither tag nor digest",
        &entry.image.familiar(),
    )?;
    for tag in entry.all_tags() {
        rule(entry.image.with_tag(tag).is_ok(), "a tag is not valid", tag)?;
    }
    let mut tags = HashSet::new();
    for tag in entry.all_tags() {
        rule(tags.insert(tag), "a tag is there twice", tag)?;
    }
    if let Some(logo) = &entry.logo {
        rule(
            !logo.is_empty()
                && logo
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
            "a logo is a slug of simple-icons",
            logo,
        )?;
    }
    rule(
        entry.docs.starts_with("https://"),
        "documentation is an https address",
        &entry.docs,
    )?;
    rule(
        !entry.architectures.is_empty(),
        "an architecture is wanted",
        "",
    )?;
    rule(entry.featured != Some(0), "featured ranks start at 1", "0")?;
    for keyword in &entry.keywords {
        rule(!keyword.trim().is_empty(), "a keyword is empty", keyword)?;
    }
    check_ports_and_volumes(entry, rule)?;
    check_env(entry, all, rule)
}

fn check_ports_and_volumes(
    entry: &Entry,
    rule: impl Fn(bool, &'static str, &str) -> Result<(), CatalogError>,
) -> Result<(), CatalogError> {
    let mut sockets = HashSet::new();
    for port in &entry.ports {
        let number = port.number.to_string();
        rule(port.number != 0, "ports start at 1", &number)?;
        rule(
            sockets.insert((port.number, port.protocol)),
            "a port is there twice",
            &number,
        )?;
        rule(
            !port.purpose.is_empty(),
            "a port says what it is for",
            &number,
        )?;
        rule(
            port.path.starts_with('/'),
            "a port's path starts with `/`",
            &port.path,
        )?;
    }
    let primaries = entry.ports.iter().filter(|port| port.primary).count();
    rule(
        primaries == usize::from(!entry.ports.is_empty()),
        "exactly one of its ports is primary",
        &primaries.to_string(),
    )?;

    let mut suffixes = HashSet::new();
    let mut paths = HashSet::new();
    for volume in &entry.volumes {
        rule(
            volume.path.starts_with('/') && volume.path.len() > 1 && !volume.path.ends_with('/'),
            "a volume's path is absolute",
            &volume.path,
        )?;
        rule(
            paths.insert(&volume.path),
            "a volume is there twice",
            &volume.path,
        )?;
        rule(
            is_slug(&volume.suffix) && suffixes.insert(&volume.suffix),
            "a volume's suffix is a slug of its own",
            &volume.suffix,
        )?;
        rule(
            !volume.holds.is_empty(),
            "a volume says what it holds",
            &volume.path,
        )?;
    }
    Ok(())
}

fn check_env(
    entry: &Entry,
    all: &[Entry],
    rule: impl Fn(bool, &'static str, &str) -> Result<(), CatalogError>,
) -> Result<(), CatalogError> {
    let find = |slug: &str| all.iter().find(|other| other.slug == slug);
    let declares = |entry: &Entry, name: &str| entry.env.iter().any(|known| known.name == name);

    for slug in &entry.needs {
        rule(
            *slug != entry.slug && find(slug).is_some(),
            "it needs an entry that is not there",
            slug,
        )?;
    }
    let mut names = HashSet::new();
    for variable in &entry.env {
        let EnvVariable {
            name,
            about,
            default,
            generate,
            prefix,
            from,
            ..
        } = variable;
        rule(
            is_variable_name(name),
            "a variable's name is not valid",
            name,
        )?;
        rule(names.insert(name), "a variable is there twice", name)?;
        rule(!about.is_empty(), "a variable says what it does", name)?;
        rule(
            default.is_none() || generate.is_none(),
            "a variable has a default or a generated value, not both",
            name,
        )?;
        if let Some(spec) = generate {
            rule(
                spec.length >= SecretSpec::MIN_LENGTH,
                "a generated secret is too short",
                name,
            )?;
        }
        rule(
            prefix.is_empty() || generate.is_some(),
            "a prefix goes before a generated value",
            name,
        )?;
        for placeholder in from.iter().flat_map(Template::variables) {
            let (slug, wanted) = match placeholder.split_once(':') {
                Some((slug, wanted)) => (slug, Some(wanted)),
                None => (placeholder, None),
            };
            rule(
                entry.needs.iter().any(|needed| needed == slug),
                "a value comes from an entry that is not needed",
                slug,
            )?;
            if let (Some(wanted), Some(other)) = (wanted, find(slug)) {
                rule(
                    declares(other, wanted),
                    "a value comes from a variable that is not there",
                    wanted,
                )?;
            }
        }
    }
    if let Some(note) = &entry.note {
        for name in note.variables() {
            let is_there = match name.strip_prefix("mount:") {
                Some(path) => entry.volumes.iter().any(|volume| volume.path == path),
                None => declares(entry, name),
            };
            rule(
                is_there,
                "its note mentions a variable that is not there",
                name,
            )?;
        }
    }
    for way in &entry.connections {
        rule(
            entry
                .ports
                .iter()
                .any(|port| port.number == way.port && port.protocol == Protocol::Tcp),
            "a connection is to a port that is not there",
            &way.port.to_string(),
        )?;
        let when = way.when.iter().map(|(name, _)| name.as_str());
        for name in way.uri.variables().chain(when) {
            rule(
                matches!(name, "host" | "port") || declares(entry, name),
                "a connection mentions a variable that is not there",
                name,
            )?;
        }
    }
    Ok(())
}

/// Dots are not for shells, but some images have them: `discovery.type`.
fn is_variable_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

fn is_slug(text: &str) -> bool {
    text.split('-').all(|part| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}
