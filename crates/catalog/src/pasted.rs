//! Image references inside what people paste: commands, web addresses, padded names.
//!
//! Used for hints and for search. It guesses; it is never used where a valid reference was given.

use crate::image_reference::{ImageReference, ImageReferenceError, parse};

/// Programs whose command line names an image.
const PROGRAMS: [&str; 3] = ["docker", "podman", "nerdctl"];
/// Options of `docker run`, `create` and `pull` that take no value.
const SWITCHES: [&str; 15] = [
    "--all-tags",
    "--detach",
    "--disable-content-trust",
    "--help",
    "--init",
    "--interactive",
    "--no-healthcheck",
    "--oom-kill-disable",
    "--privileged",
    "--publish-all",
    "--quiet",
    "--read-only",
    "--rm",
    "--sig-proxy",
    "--tty",
];
const SHORT_SWITCHES: &str = "ditPqa";

/// Says what the text is, if it is one of the things that people paste in place of a name.
pub(crate) fn diagnosis(input: &str) -> Option<ImageReferenceError> {
    let text = input.trim();
    let input = || input.to_owned();
    if text.is_empty() {
        return Some(ImageReferenceError::Empty);
    }
    if arguments_of_command(text).is_some() {
        return Some(ImageReferenceError::CommandLine { input: input() });
    }
    if text.contains("://") {
        return Some(ImageReferenceError::WebAddress { input: input() });
    }
    if text.len() != input().len() && parse(text).is_ok() {
        return Some(ImageReferenceError::SurroundingSpace { input: input() });
    }
    None
}

/// The image that a pasted text is about, if there is one.
pub(crate) fn image_in(input: &str) -> Option<ImageReference> {
    let text = input.trim();
    if let Some(arguments) = arguments_of_command(text) {
        return image_argument(&arguments).and_then(|word| parse(word).ok());
    }
    match text.split_once("://") {
        Some((_, address)) => image_in_address(address),
        None => parse(text).ok(),
    }
}

/// The words after `docker pull`, `docker run` and the like.
fn arguments_of_command(text: &str) -> Option<Vec<&str>> {
    let mut words = text
        .split_whitespace()
        .filter(|word| *word != "\\")
        .skip_while(|word| matches!(*word, "$" | "#" | "sudo"));
    if !PROGRAMS.contains(&words.next()?) {
        return None;
    }
    let mut command = words.next()?;
    if matches!(command, "image" | "container") {
        command = words.next()?;
    }
    matches!(command, "pull" | "run" | "create").then(|| words.collect())
}

/// The first word that is neither an option nor an option's value.
fn image_argument<'a>(arguments: &[&'a str]) -> Option<&'a str> {
    let mut words = arguments.iter().copied();
    while let Some(word) = words.next() {
        if word == "--" {
            return words.next();
        }
        if let Some(long) = word.strip_prefix("--") {
            if !long.contains('=') && !SWITCHES.contains(&word) {
                words.next();
            }
        } else if let Some(short) = word.strip_prefix('-') {
            // `-it` are two switches, `-p80:80` has its value attached, `-p` and `-itp` want the next word.
            let value = short.trim_start_matches(|letter| SHORT_SWITCHES.contains(letter));
            if value.chars().count() == 1 {
                words.next();
            }
        } else {
            return Some(word.trim_matches(['"', '\'']));
        }
    }
    None
}

/// Reads `hub.docker.com/_/nginx`, `hub.docker.com/r/grafana/grafana/tags` and `ghcr.io/org/app:1`.
fn image_in_address(address: &str) -> Option<ImageReference> {
    let address = address.split(['?', '#']).next()?.trim_end_matches('/');
    let Some(page) = address
        .strip_prefix("hub.docker.com/")
        .or_else(|| address.strip_prefix("www.hub.docker.com/"))
    else {
        return parse(address).ok().filter(|_| address.contains('/'));
    };
    let mut parts = page.split('/');
    match parts.next()? {
        "_" => parse(parts.next()?).ok(),
        "r" => parse(&format!("{}/{}", parts.next()?, parts.next()?)).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Option<&str>) {
        let found = image_in(input).map(|image| image.familiar());
        assert_eq!(found.as_deref(), expected, "{input}");
    }

    #[test]
    fn commands() {
        check("docker pull nginx:1.27", Some("nginx:1.27"));
        check("$ sudo docker image pull -q nginx", Some("nginx"));
        check("podman pull ghcr.io/org/app", Some("ghcr.io/org/app"));
        check(
            "docker run -d --name web -p 80:80 -e A=b --restart=always nginx nginx -g off",
            Some("nginx"),
        );
        check("docker run -itp 80:80 -p81:81 --rm nginx", Some("nginx"));
        check("docker run -dit 'nginx:1'", Some("nginx:1"));
        check("docker run --rm -- nginx", Some("nginx"));
        check(
            "docker run \\\n  -v data:/data \\\n  redis:7 \\\n  redis-server",
            Some("redis:7"),
        );
        check("docker container run redis", Some("redis"));
        check("docker run --name", None);
        check("docker ps", None);
        check("docker", Some("docker"));
    }

    #[test]
    fn addresses() {
        check("https://hub.docker.com/_/postgres", Some("postgres"));
        check(
            "https://hub.docker.com/r/grafana/grafana/tags",
            Some("grafana/grafana"),
        );
        check("docker://quay.io/org/app:1", Some("quay.io/org/app:1"));
        check("https://example.com", None);
        check("https://hub.docker.com/search?q=nginx", None);
        check("  nginx\t", Some("nginx"));
    }
}
