//! Rewords an engine's error text in plain words. Engines pass on the texts of the programs beneath them (`OCI runtime
//! create failed: runc create failed: …`). The raw text stays available for "Details".

/// The message for a request that the engine refused or failed to carry out. Unknown text is shortened: prefixes of the
/// layers that passed it on are removed.
pub(crate) fn in_words(raw: &str) -> String {
    let lower = raw.to_lowercase();
    known(raw, &lower).unwrap_or_else(|| shortened(raw))
}

/// Says which object is still in use, and by which container if the engine names it.
pub(crate) fn in_use(raw: &str) -> String {
    let lower = raw.to_lowercase();
    if lower.contains("has active endpoints") {
        return "The network still has containers attached".to_owned();
    }
    if lower.contains("dependent child images") {
        return "Other images are built on this image".to_owned();
    }
    let noun = if lower.contains("volume") {
        "volume"
    } else {
        "image"
    };
    match container_named(raw) {
        Some(id) => format!("The {noun} is in use by container {}", short_id(id)),
        None => format!("The {noun} is in use by a container"),
    }
}

/// Why the state of a container does not allow the request.
pub(crate) fn conflict(raw: &str) -> String {
    let lower = raw.to_lowercase();
    let has = |part: &str| lower.contains(part);
    let words = if has("cannot remove a running container")
        || has("cannot remove container") && has("running")
    {
        "The container is running"
    } else if has("cannot remove a paused container") || has("is paused") || has("already paused") {
        "The container is paused"
    } else if has("not paused") {
        "The container is not paused"
    } else if has("is already in progress") {
        "The container is already being removed"
    } else if has("is restarting") {
        "The container is restarting"
    } else if has("is not running") {
        "The container is not running"
    } else {
        return in_words(raw);
    };
    words.to_owned()
}

/// Why the engine cannot reach the registry.
pub(crate) fn registry_unreachable(raw: &str) -> &'static str {
    let lower = raw.to_lowercase();
    let has = |part: &str| lower.contains(part);
    if has("no such host") || has("server misbehaving") {
        "The engine cannot resolve the registry's host name"
    } else if has("x509:") {
        "The engine does not trust the registry's certificate"
    } else if has("http response to https") {
        "The registry speaks plain HTTP, and the engine expects HTTPS"
    } else if has("connection refused") {
        "The registry refuses connections from the engine"
    } else if has("timeout") || has("request canceled") {
        "The registry does not respond to the engine"
    } else {
        "The engine cannot reach the registry"
    }
}

/// What to do about it.
pub(crate) fn registry_remedy(raw: &str) -> &'static str {
    let lower = raw.to_lowercase();
    if lower.contains("x509:") {
        "Have the engine trust the registry's certificate, or list the registry in its `insecure-registries`"
    } else if lower.contains("http response to https") {
        "Serve the registry with HTTPS, or list it in the engine's `insecure-registries`"
    } else if lower.contains("connection refused") {
        "Check the registry's address and port, and that it is running"
    } else {
        "Check the engine's network, proxy and DNS"
    }
}

fn known(raw: &str, lower: &str) -> Option<String> {
    let has = |part: &str| lower.contains(part);
    if let Some(command) = between(raw, "exec: \"", "\"") {
        if has("executable file not found") || has("no such file or directory") {
            return Some(format!(
                "The command `{command}` does not exist in the image"
            ));
        }
        if has("permission denied") {
            return Some(format!("The command `{command}` is not executable"));
        }
    }
    // Podman: executable file `x` not found in $PATH
    if let Some(command) = between(raw, "executable file `", "`")
        && has("not found")
    {
        return Some(format!(
            "The command `{command}` does not exist in the image"
        ));
    }
    if has("range of cpus is from") {
        let most = lower
            .split("as there are only ")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next());
        return Some(most.map_or_else(
            || "The engine has fewer CPUs than the limit".to_owned(),
            |most| match most {
                "1" => "The engine has only 1 CPU".to_owned(),
                most => format!("The engine has only {most} CPUs"),
            },
        ));
    }
    if has("minimum memory limit allowed is") {
        let least = between(lower, "minimum memory limit allowed is ", "mb").map(str::trim);
        return Some(format!(
            "The memory limit is below the engine's minimum of {} MB",
            least.unwrap_or("6")
        ));
    }
    if let Some(path) = between(raw, "bind source path does not exist: ", "\n") {
        return Some(format!(
            "The folder `{path}` does not exist on the engine's host"
        ));
    }
    if let Some(path) = between(raw, "Duplicate mount point: ", "\n") {
        return Some(format!("Two mounts have the path {path}"));
    }
    if has("are you trying to mount a directory onto a file") {
        return Some("A file and a folder cannot be mounted onto each other".to_owned());
    }
    if has("could not select device driver") && has("gpu") {
        return Some("The engine does not support GPUs in containers".to_owned());
    }
    if let Some(user) = between(raw, "unable to find user ", ":") {
        return Some(format!("The image has no user {user}"));
    }
    if let Some(name) = between(raw, "Invalid container name (", ")") {
        return Some(format!("{name} is not a valid container name"));
    }
    None
}

/// Prefixes of programs that pass on another program's error.
const LAYERS: &[&str] = &[
    "error response from daemon: ",
    "failed to create task for container: ",
    "failed to create shim task: ",
    "failed to create shim: ",
    "oci runtime create failed: ",
    "oci runtime error: ",
    "runc create failed: ",
    "container_linux.go:380: ",
    "starting container process caused: ",
    "unable to start container process: ",
    "error during container init: ",
    "conflict: ",
];

fn shortened(raw: &str) -> String {
    let mut text = raw.trim();
    while let Some(layer) = LAYERS.iter().find(|layer| {
        text.get(..layer.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(layer))
    }) {
        text = text[layer.len()..].trim_start();
    }
    let text = text.strip_suffix(": unknown").unwrap_or(text);
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => "The engine gave no reason".to_owned(),
    }
}

/// The text between two markers; without the second one, up to the end.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    let found = rest.split(end).next().unwrap_or(rest).trim();
    (!found.is_empty()).then_some(found)
}

/// The id in `container ID is using …`, `by running container ID`, `volume is in use - [ID]`, `used by ID`.
fn container_named(raw: &str) -> Option<&str> {
    let mut before = "";
    for word in raw.split_whitespace() {
        let id = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_id = id.len() >= 12 && id.bytes().all(|b| b.is_ascii_hexdigit());
        if is_id && matches!(before, "container" | "by" | "-") {
            return Some(id);
        }
        before = word;
    }
    None
}

fn short_id(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_to_start_are_told_in_words() {
        for (raw, words) in [
            (
                "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"nope\": executable file not found in $PATH: unknown",
                "The command `nope` does not exist in the image",
            ),
            (
                "OCI runtime create failed: container_linux.go:380: starting container process caused: exec: \"/x\": stat /x: no such file or directory: unknown",
                "The command `/x` does not exist in the image",
            ),
            (
                "OCI runtime create failed: runc create failed: unable to start container process: exec: \"/etc/passwd\": permission denied: unknown",
                "The command `/etc/passwd` is not executable",
            ),
            (
                "crun: executable file `nope` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found",
                "The command `nope` does not exist in the image",
            ),
            (
                "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available",
                "The engine has only 2 CPUs",
            ),
            (
                "range of CPUs is from 0.01 to 1.00, as there are only 1 CPUs available",
                "The engine has only 1 CPU",
            ),
            (
                "Minimum memory limit allowed is 6MB",
                "The memory limit is below the engine's minimum of 6 MB",
            ),
            (
                "invalid mount config for type \"bind\": bind source path does not exist: /nowhere",
                "The folder `/nowhere` does not exist on the engine's host",
            ),
            (
                "Duplicate mount point: /data",
                "Two mounts have the path /data",
            ),
            (
                "unable to find user nobody2: no matching entries in passwd file",
                "The image has no user nobody2",
            ),
            (
                "failed to create shim task: OCI runtime create failed: runc create failed: something odd: unknown",
                "Something odd",
            ),
            ("", "The engine gave no reason"),
        ] {
            assert_eq!(in_words(raw), words, "{raw}");
        }
    }

    #[test]
    fn users_of_a_thing_are_named() {
        for (raw, words) in [
            (
                "conflict: unable to remove repository reference \"a\" (must force) - container 0123456789ab is using its referenced image fedcba987654",
                "The image is in use by container 0123456789ab",
            ),
            (
                "conflict: unable to delete fedcba987654 (cannot be forced) - image is being used by running container 0123456789ab",
                "The image is in use by container 0123456789ab",
            ),
            (
                "remove data: volume is in use - [0123456789abcdef0123456789abcdef]",
                "The volume is in use by container 0123456789ab",
            ),
            (
                "error while removing network: network front id 12 has active endpoints",
                "The network still has containers attached",
            ),
            (
                "conflict: unable to delete 12 (cannot be forced) - image has dependent child images",
                "Other images are built on this image",
            ),
        ] {
            assert_eq!(in_use(raw), words, "{raw}");
        }
    }

    #[test]
    fn states_that_forbid_a_request_are_named() {
        for (raw, words) in [
            (
                "You cannot remove a running container 12. Stop the container before attempting removal or force remove",
                "The container is running",
            ),
            (
                "Container 12 is not running",
                "The container is not running",
            ),
            ("Container 12 is not paused", "The container is not paused"),
            ("Container 12 is already paused", "The container is paused"),
            (
                "removal of container 12 is already in progress",
                "The container is already being removed",
            ),
            (
                "Container 12 is restarting, wait until the container is running",
                "The container is restarting",
            ),
        ] {
            assert_eq!(conflict(raw), words, "{raw}");
        }
    }

    #[test]
    fn the_way_to_a_registry_is_explained() {
        for (raw, words) in [
            (
                "Get \"https://r/v2/\": dial tcp: lookup r: no such host",
                "The engine cannot resolve the registry's host name",
            ),
            (
                "Get \"https://r/v2/\": http: server gave HTTP response to HTTPS client",
                "The registry speaks plain HTTP, and the engine expects HTTPS",
            ),
            (
                "x509: certificate signed by unknown authority",
                "The engine does not trust the registry's certificate",
            ),
            (
                "dial tcp 127.0.0.1:1: connect: connection refused",
                "The registry refuses connections from the engine",
            ),
            (
                "net/http: TLS handshake timeout",
                "The registry does not respond to the engine",
            ),
            ("unexpected EOF", "The engine cannot reach the registry"),
        ] {
            assert_eq!(registry_unreachable(raw), words, "{raw}");
        }
        let remedy = registry_remedy("x509: certificate signed by unknown authority");
        assert!(remedy.contains("certificate"), "{remedy}");
        assert!(registry_remedy("no such host").contains("DNS"));
    }
}
