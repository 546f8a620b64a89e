//! Mounts, in the syntax of `docker run -v`.

use std::path::{Component, Path, PathBuf};

use slipway_api::ApiError;
use slipway_api::container::MountKind;
use slipway_api::run::MountPlan;

use crate::failure::invalid;

const EXAMPLES: &str =
    "Write for example data:/var/lib/data, ./site:/usr/share/nginx/html:ro or /srv/x:/x";

/// Parses `[SOURCE:]TARGET[:ro]`. The source is the name of a volume or a path on this computer; one that begins with a
/// dot is relative to `directory`. With `windows`, a path may begin with a drive.
pub(crate) fn parse(text: &str, directory: &Path, windows: bool) -> Result<MountPlan, ApiError> {
    let wrong = |why: &str| invalid(format!("`{text}` cannot be mounted: {why}"), EXAMPLES);
    let drive = if windows { drive_length(text) } else { 0 };
    let mut parts = Vec::new();
    let mut rest = text;
    let mut skip = drive;
    while let Some(colon) = rest[skip..].find(':') {
        parts.push(&rest[..skip + colon]);
        rest = &rest[skip + colon + 1..];
        skip = 0;
    }
    parts.push(rest);
    let (source, target, options) = match parts[..] {
        [target] => (None, target, ""),
        // `/data:ro` would mount to a path called `ro`, which nobody means.
        [target, options @ ("ro" | "rw")] => (None, target, options),
        [source, target] => (Some(source), target, ""),
        [source, target, options] => (Some(source), target, options),
        _ => return Err(wrong("there are too many colons")),
    };
    let read_only = match options {
        "" | "rw" => false,
        "ro" => true,
        "z" | "Z" => return Err(wrong("labels for SELinux are not supported")),
        other => return Err(wrong(&format!("`{other}` is neither ro nor rw"))),
    };
    if !target.starts_with('/') {
        return Err(wrong(
            "the path in the container is missing or does not begin with a slash",
        ));
    }
    let (kind, source) = match source {
        None => (MountKind::Volume, None),
        Some("") => return Err(wrong("there is nothing before the colon")),
        Some(path) if is_absolute(path, windows) => (MountKind::Bind, Some(path.to_owned())),
        Some(path) if is_relative(path, windows) => {
            let path = clean(&directory.join(path));
            (MountKind::Bind, Some(path.to_string_lossy().into_owned()))
        }
        Some(home) if home.starts_with('~') => {
            return Err(wrong(
                "your shell replaces `~` only where it is not quoted; write the whole path",
            ));
        }
        Some(path) if path.contains('/') || (windows && path.contains('\\')) => {
            return Err(invalid(
                format!("`{path}` is neither the name of a volume nor a whole path"),
                format!("For a folder here write ./{path}"),
            ));
        }
        Some(name) => (MountKind::Volume, Some(name.to_owned())),
    };
    Ok(MountPlan {
        kind,
        source,
        target: target.to_owned(),
        read_only,
    })
}

/// Length of `C:` in front of a slash or backslash.
fn drive_length(text: &str) -> usize {
    match text.as_bytes() {
        [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic() => 2,
        _ => 0,
    }
}

fn is_absolute(path: &str, windows: bool) -> bool {
    path.starts_with('/') || (windows && (drive_length(path) > 0 || path.starts_with(r"\\")))
}

fn is_relative(path: &str, windows: bool) -> bool {
    let first = path
        .split(|c| c == '/' || (windows && c == '\\'))
        .next()
        .unwrap_or_default();
    matches!(first, "." | "..")
}

/// The path without `.` and `..`, which an engine elsewhere could not resolve.
fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            // The root has no parent.
            Component::ParentDir => drop(cleaned.pop()),
            other => cleaned.push(other),
        }
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `Ok` is kind, source and target; a target that ends with ` ro` is read-only. `Err` is a part of the message.
    fn check_on(windows: bool, text: &str, wanted: Result<(MountKind, &str, &str), &str>) {
        match (parse(text, Path::new("/home/me"), windows), wanted) {
            (Ok(mount), Ok((kind, source, target))) => {
                assert_eq!(mount.kind, kind, "{text}");
                assert_eq!(
                    mount.source.as_deref().unwrap_or_default(),
                    source,
                    "{text}"
                );
                let read_only = if mount.read_only { " ro" } else { "" };
                assert_eq!(format!("{}{read_only}", mount.target), target, "{text}");
            }
            (Err(error), Err(part)) => {
                let told = format!("{} {}", error.message, error.hint.unwrap_or_default());
                assert!(told.contains(part), "{text}: {told}");
            }
            (result, _) => panic!("{text}: {result:?}"),
        }
    }

    #[test]
    fn dockers_syntax_is_read() {
        use MountKind::{Bind, Volume};
        let check = |text, wanted| check_on(false, text, wanted);
        check("data:/data", Ok((Volume, "data", "/data")));
        check("data:/data:ro", Ok((Volume, "data", "/data ro")));
        check("data:/data:rw", Ok((Volume, "data", "/data")));
        check("/data", Ok((Volume, "", "/data")));
        check("/data:ro", Ok((Volume, "", "/data ro")));
        check("/srv/x:/x", Ok((Bind, "/srv/x", "/x")));
        check("./site:/www:ro", Ok((Bind, "/home/me/site", "/www ro")));
        check(".:/www", Ok((Bind, "/home/me", "/www")));
        check("../you/./x:/www", Ok((Bind, "/home/you/x", "/www")));
        check("../../../../x:/www", Ok((Bind, "/x", "/www")));
        check("/with space:/x", Ok((Bind, "/with space", "/x")));
    }

    #[test]
    fn windows_paths_have_a_drive() {
        use MountKind::{Bind, Volume};
        let check = |text, wanted| check_on(true, text, wanted);
        check(r"C:\Users\me:/x", Ok((Bind, r"C:\Users\me", "/x")));
        check(r"c:/Users/me:/x:ro", Ok((Bind, "c:/Users/me", "/x ro")));
        check(r"\\server\share:/x", Ok((Bind, r"\\server\share", "/x")));
        check("data:/x", Ok((Volume, "data", "/x")));
        check(r"site\x:/x", Err("./site"));
        // On other systems, a letter is the name of a volume.
        check_on(false, r"C:\Users\me:/x", Err("neither ro nor rw"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |text, part| check_on(false, text, Err(part));
        check("", "path in the container is missing");
        check("data", "path in the container is missing");
        check("data:", "path in the container is missing");
        check("data:x", "does not begin with a slash");
        check(":/x", "nothing before the colon");
        check("site/x:/x", "write ./site/x");
        check("~/x:/x", "shell");
        check("a:/b:ro:z", "too many colons");
        check("a:/b:Z", "SELinux");
        check("a:/b:cached", "`cached` is neither ro nor rw");
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(text in "[a-zA-Z:/\\\\.~ü ]{0,24}", windows in any::<bool>()) {
            if let Ok(mount) = parse(&text, Path::new("/here"), windows) {
                prop_assert!(mount.target.starts_with('/'));
                if mount.kind == MountKind::Bind {
                    let source = mount.source.unwrap_or_default();
                    prop_assert!(is_absolute(&source, windows), "{source}");
                }
            }
        }
    }
}
