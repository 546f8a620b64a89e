use proptest::prelude::*;
use regex::Regex;
use std::sync::LazyLock;

use super::*;

const HEX: &str = "7cc4b5aefd1d0cadf8d97d4350462ba51c694ebca145b08d7d41b41acc8db5aa";

/// `registry repository tag digest`, with `-` for what is not there.
fn check(input: &str, expected: &str) {
    let input = input.replace("$HEX", HEX);
    let image: ImageReference = input.parse().unwrap();
    let parts = format!(
        "{} {} {} {}",
        image.registry(),
        image.repository(),
        image.tag().unwrap_or("-"),
        image.digest().unwrap_or("-"),
    );
    assert_eq!(parts, expected.replace("$HEX", HEX), "{input}");
}

fn check_familiar(input: &str, expected: &str) {
    let image: ImageReference = input.parse().unwrap();
    assert_eq!(image.familiar(), expected, "{input}");
    assert_eq!(image.familiar().parse(), Ok(image), "{input}");
}

/// `message / hint`, without a slash where there is no hint.
fn check_error(input: &str, expected: &str) {
    let input = input.replace("$HEX", HEX);
    let error = input.parse::<ImageReference>().unwrap_err();
    let text = match error.hint() {
        Some(hint) => format!("{error} / {hint}"),
        None => error.to_string(),
    };
    assert_eq!(text, expected.replace("$HEX", HEX), "{input}");
}

#[test]
fn names_are_normalised_as_docker_does() {
    check("nginx", "docker.io library/nginx - -");
    check("nginx:1.27", "docker.io library/nginx 1.27 -");
    check("nginx@sha256:$HEX", "docker.io library/nginx - sha256:$HEX");
    check("grafana/grafana", "docker.io grafana/grafana - -");
    check("docker.io/nginx", "docker.io library/nginx - -");
    check("index.docker.io/nginx:1", "docker.io library/nginx 1 -");
    check("index.docker.io/a/b", "docker.io a/b - -");
    check("library/foo/bar", "docker.io library/foo/bar - -");
    check("test_com/foo", "docker.io test_com/foo - -");
    check("dock__er/a---b.c_d", "docker.io dock__er/a---b.c_d - -");
    check("docker.io/$HEX", "docker.io library/$HEX - -");
}

#[test]
fn the_first_component_is_a_registry_by_its_dot_port_or_case() {
    check("ghcr.io/org/app:1", "ghcr.io org/app 1 -");
    check("localhost/app", "localhost app - -");
    check("localhost:5000/app:1", "localhost:5000 app 1 -");
    check("localhost:5000", "docker.io library/localhost 5000 -");
    check("test.com:5000", "docker.io library/test.com 5000 -");
    check("test:5000/repo", "test:5000 repo - -");
    check("192.168.1.1:5000/repo:5050", "192.168.1.1:5000 repo 5050 -");
    check("Docker/docker", "Docker docker - -");
    check(
        "xn--n3h.com/myimage:xn--n3h.com",
        "xn--n3h.com myimage xn--n3h.com -",
    );
    check("[::1]:5000/a/b:t", "[::1]:5000 a/b t -");
    check("[2001:db8::1]/repo", "[2001:db8::1] repo - -");
    check(
        "registry.example:5000/org/app:1@sha256:$HEX",
        "registry.example:5000 org/app 1 sha256:$HEX",
    );
}

#[test]
fn familiar_names_are_short_and_read_back() {
    check_familiar("docker.io/library/nginx:1.27", "nginx:1.27");
    check_familiar("docker.io/grafana/grafana", "grafana/grafana");
    check_familiar("library/foo/bar", "library/foo/bar");
    check_familiar(
        "127.0.0.1:8000/private/app:1",
        "127.0.0.1:8000/private/app:1",
    );
    check_familiar("docker.io/localhost/app", "docker.io/localhost/app");
    check_familiar("docker.io/a.b/app", "docker.io/a.b/app");
    check_familiar(&format!("docker.io/{HEX}"), &format!("library/{HEX}"));
}

#[test]
fn errors_say_what_is_wrong_and_what_to_try() {
    let lower = "Image names have lower-case letters and digits, separated by `.`, `_`, `-` or `/`";
    let digest = "A digest is `sha256:` and 64 lower-case hexadecimal digits";
    let registry = "A registry is a host with an optional port, such as `registry.example:5000`";

    check_error("", "The image name is empty / Type a name such as `nginx`");
    check_error(
        "  ",
        "The image name is empty / Type a name such as `nginx`",
    );
    check_error(
        "Nginx:Alpine",
        "The image name `Nginx` has upper-case letters / Image names are lower case: try `nginx:Alpine`",
    );
    check_error(
        "host:5000/Org/App:V1",
        "The image name `Org/App` has upper-case letters / Image names are lower case: try `host:5000/org/app:V1`",
    );
    check_error(
        " nginx:1 \n",
        "The image name has spaces around it / Try `nginx:1`",
    );
    check_error(
        "https://ghcr.io/org/app:1",
        "`https://ghcr.io/org/app:1` is a web address, not an image name / Try `ghcr.io/org/app:1`",
    );
    check_error(
        "https://hub.docker.com/_/postgres/tags?page=2",
        "`https://hub.docker.com/_/postgres/tags?page=2` is a web address, not an image name / Try `postgres`",
    );
    check_error(
        "docker pull nginx",
        "`docker pull nginx` is a command, not an image name / Try `nginx`",
    );
    check_error(
        "docker run --rm -it -p 80:80 nginx:1.27 sh",
        "`docker run --rm -it -p 80:80 nginx:1.27 sh` is a command, not an image name / Try `nginx:1.27`",
    );
    check_error(
        "docker run -d",
        "`docker run -d` is a command, not an image name",
    );
    check_error(
        "$HEX",
        "`$HEX` is an image id, not an image name / Use the image's name, such as `nginx`, optionally with a tag",
    );
    check_error(
        ":1",
        "The image name is missing in `:1` / Put the image's name first, such as `nginx:1.27`",
    );
    check_error(
        "ghcr.io/",
        "The image name is missing in `ghcr.io/` / Put the image's name first, such as `nginx:1.27`",
    );
    check_error(
        "nginx:",
        "`` is not a valid tag / Put a tag after the `:`, or leave the `:` out",
    );
    check_error(
        "nginx:-1",
        "`-1` is not a valid tag / Tags have up to 128 letters, digits, `_`, `.` and `-`, and start with a letter, digit or `_`",
    );
    check_error("a b", &format!("`a b` is not a valid image name / {lower}"));
    check_error(
        "docker///docker",
        &format!("`docker///docker` is not a valid image name / {lower}"),
    );
    check_error(
        "dock..er",
        &format!("`dock..er` is not a valid image name / {lower}"),
    );
    check_error(
        "a@sha256:ff",
        &format!("`sha256:ff` is not a valid digest / {digest}"),
    );
    check_error(
        "a@md5:$HEX",
        &format!("`md5:$HEX` is not a valid digest / {digest}"),
    );
    check_error(
        "-docker.io/a",
        &format!("`-docker.io` is not a valid registry address / {registry}"),
    );
    check_error(
        "[fe80::1%eth0]:5000/a",
        &format!("`[fe80::1%eth0]:5000` is not a valid registry address / {registry}"),
    );
    check_error(
        "my_host.example/app",
        &format!("`my_host.example` is not a valid registry address / {registry}"),
    );
    check_error(
        &format!("{}a:tag", "a/".repeat(128)),
        "The image name is 257 characters long; 255 are allowed",
    );
}

#[test]
fn lengths_are_limited_at_the_right_place() {
    let tag = "t".repeat(128);
    assert!(format!("nginx:{tag}").parse::<ImageReference>().is_ok());
    assert!(format!("nginx:{tag}t").parse::<ImageReference>().is_err());
    // The registry does not count.
    let name = "a".repeat(255);
    assert!(
        format!("example.com/{name}")
            .parse::<ImageReference>()
            .is_ok()
    );
    assert!(
        format!("example.com/{name}a")
            .parse::<ImageReference>()
            .is_err()
    );
    // `library/` does.
    assert!(name[..247].parse::<ImageReference>().is_ok());
    assert!(name[..248].parse::<ImageReference>().is_err());
}

#[test]
fn tags_and_digests_are_set_and_dropped() {
    let image: ImageReference = "nginx".parse().unwrap();
    assert_eq!(image.clone().with_default_tag().familiar(), "nginx:latest");
    let tagged = image.with_tag("1.27").unwrap();
    assert_eq!(tagged.clone().with_default_tag(), tagged);
    assert!(!tagged.is_pinned());
    let pinned = tagged.with_digest(&format!("sha256:{HEX}")).unwrap();
    assert!(pinned.is_pinned());
    assert_eq!(pinned.familiar(), format!("nginx:1.27@sha256:{HEX}"));
    assert_eq!(pinned.with_tag("2").unwrap().familiar(), "nginx:2");
    assert_eq!(pinned.without_tag(), image);
    assert!(pinned.same_repository(&image));
    assert_eq!(pinned.short_name(), "nginx");
    assert!(image.with_tag("a b").is_err());
    assert!(image.with_digest("sha256:").is_err());
}

/// The official grammar, written down again as its regular expressions, with the normalisation
/// that goes before it. Gives registry, repository, tag, digest.
fn official(input: &str) -> Option<[String; 4]> {
    static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
        let label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
        let host = format!(r"(?:{label}(?:\.{label})*|\[(?:[a-fA-F0-9:]+)\])");
        let component = "[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*";
        let path = format!("{component}(?:/{component})*");
        let tag = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
        let digest = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*[:][0-9A-Fa-f]{32,}";
        Regex::new(&format!(
            "^(?:({host}(?::[0-9]+)?)/)?({path})(?::({tag}))?(?:@({digest}))?$"
        ))
        .unwrap()
    });
    static IDENTIFIER: LazyLock<Regex> = LazyLock::new(|| Regex::new("^[a-f0-9]{64}$").unwrap());
    static DIGEST: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new("^(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})$").unwrap()
    });

    if IDENTIFIER.is_match(input) {
        return None;
    }
    let (domain, mut rest) = match input.split_once('/') {
        Some(("index.docker.io", rest)) => ("docker.io", rest.to_owned()),
        Some((first, rest))
            if first == "localhost"
                || first.contains(['.', ':'])
                || first.to_lowercase() != first =>
        {
            (first, rest.to_owned())
        }
        None | Some(_) => ("docker.io", input.to_owned()),
    };
    if domain == "docker.io" && !rest.contains('/') {
        rest = format!("library/{rest}");
    }
    let full = format!("{domain}/{rest}");
    let found = REFERENCE.captures(&full)?;
    let part = |index| {
        found
            .get(index)
            .map_or(String::new(), |part| part.as_str().to_owned())
    };
    let parts = [part(1), part(2), part(3), part(4)];
    // The one deviation, which the module says: a name without a registry is refused.
    let valid = !parts[0].is_empty()
        && parts[1].len() <= 255
        && (parts[3].is_empty() || DIGEST.is_match(&parts[3]));
    valid.then_some(parts)
}

fn component() -> impl Strategy<Value = String> {
    "[a-z0-9]{1,6}((\\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}"
}

fn registry() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("docker.io".to_owned()),
        Just("localhost".to_owned()),
        "[a-z0-9]{1,5}(-[a-z0-9]{1,3})?\\.[a-z]{2,3}(:[0-9]{1,5})?",
        "[a-zA-Z0-9]{1,6}:[0-9]{1,5}",
        "\\[[0-9a-f:]{2,12}\\](:[0-9]{1,5})?",
    ]
}

fn digest() -> impl Strategy<Value = String> {
    prop_oneof![
        "sha256:[0-9a-f]{64}",
        "sha384:[0-9a-f]{96}",
        "sha512:[0-9a-f]{128}",
    ]
}

/// The written form of a valid reference.
fn valid() -> impl Strategy<Value = String> {
    (
        proptest::option::of(registry()),
        proptest::collection::vec(
            prop_oneof![8 => component(), 1 => Just("localhost".to_owned()), 1 => "[0-9a-f]{64}"],
            1..4,
        ),
        proptest::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}"),
        proptest::option::of(digest()),
    )
        .prop_map(|(registry, components, tag, digest)| {
            let mut text = registry.map_or(String::new(), |registry| registry + "/");
            text.push_str(&components.join("/"));
            if let Some(tag) = tag {
                text = text + ":" + &tag;
            }
            if let Some(digest) = digest {
                text = text + "@" + &digest;
            }
            text
        })
        .prop_filter("an id or a component that looks like no host", |text| {
            official(text).is_some()
        })
}

/// A valid reference with one character put in, changed or taken out.
fn nearly_valid() -> impl Strategy<Value = String> {
    (
        valid(),
        any::<prop::sample::Index>(),
        0..3,
        "[ a-zA-Z0-9._:/@\\[\\]-]",
    )
        .prop_map(|(text, at, change, character)| {
            let mut characters: Vec<char> = text.chars().collect();
            let at = at.index(characters.len());
            let character = character.chars().next().unwrap_or('/');
            match change {
                0 => characters.insert(at, character),
                1 => characters[at] = character,
                _ => drop(characters.remove(at)),
            }
            characters.into_iter().collect()
        })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(text in valid()) {
        let image: ImageReference = text.parse().unwrap();
        prop_assert_eq!(&image.to_string().parse::<ImageReference>().unwrap(), &image);
        prop_assert_eq!(&image.familiar().parse::<ImageReference>().unwrap(), &image);
        prop_assert!(image.familiar().len() <= image.to_string().len());
    }

    #[test]
    fn it_agrees_with_the_official_grammar(
        text in prop_oneof![valid(), nearly_valid(), "[a-zA-Z0-9._:/@\\[\\]-]{0,24}", ".*"]
    ) {
        let ours = text.parse::<ImageReference>().ok().map(|image| {
            [
                image.registry().to_owned(),
                image.repository().to_owned(),
                image.tag().unwrap_or_default().to_owned(),
                image.digest().unwrap_or_default().to_owned(),
            ]
        });
        prop_assert_eq!(ours, official(&text));
    }

    #[test]
    fn nothing_panics(text in prop_oneof![
        any::<String>(),
        "(docker|podman|sudo docker) (run|pull|image pull) .*",
        "https?://.*",
    ]) {
        if let Err(error) = text.parse::<ImageReference>() {
            let _ = (error.to_string(), error.hint());
        }
    }
}
