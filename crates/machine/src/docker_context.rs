//! The Docker context `slipway`, through which Docker's own tools find the machine. Slipway never makes it the current
//! context.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use atomic_write_file::AtomicWriteFile;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::MachineError;

/// The context's name.
pub(crate) const NAME: &str = "slipway";

/// Metadata key that marks the context as Slipway's.
const MARK: &str = "slipway-machine";

/// Metadata key with the number of parent directories that were created for the context.
const MADE: &str = "slipway-made";

/// Creates or updates the context. A context of this name that is not ours, or that cannot be read, is left alone with
/// a warning, because its owner is unknown.
pub(crate) fn install(docker_config: &Path, host: &str) -> Result<Option<String>, MachineError> {
    let file = file(docker_config);
    let found = match read(&file) {
        Ok(found) => found,
        Err(error) => {
            return Ok(Some(format!(
                "The Docker context `{NAME}` in {} cannot be read ({error}) and was left as it is; `docker --host {host}` \
                 reaches the machine",
                file.display()
            )));
        }
    };
    let made = match &found {
        Some(found) => found["Metadata"][MADE].as_u64().unwrap_or_default(),
        None => above(docker_config).filter(|path| !path.exists()).count() as u64,
    };
    let wanted = json!({
        "Name": NAME,
        "Metadata": { "Description": "Slipway's machine", (MARK): true, (MADE): made },
        "Endpoints": { "docker": { "Host": host, "SkipTLSVerify": false } },
    });
    match found {
        Some(found) if !is_ours(&found) => {
            return Ok(Some(format!(
                "There is a Docker context `{NAME}` that is not Slipway's; `docker --host {host}` reaches the machine"
            )));
        }
        Some(found) if found == wanted => return Ok(None),
        _ => {}
    }
    let write = || -> io::Result<()> {
        if let Some(directory) = file.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let mut out = AtomicWriteFile::open(&file)?;
        serde_json::to_writer(&mut out, &wanted)?;
        out.commit()
    };
    write().map_err(MachineError::file("Writing the Docker context", &file))?;
    Ok(None)
}

/// The parent directories of a context's own directory, innermost first.
fn above(docker_config: &Path) -> impl Iterator<Item = PathBuf> {
    ["contexts/meta", "contexts", ""]
        .into_iter()
        .map(|path| docker_config.join(path))
}

/// Removes the context if it is ours, and the directories that were created for it if they are empty. If it was the
/// current context, Docker's default becomes current again; a warning says when that cannot be determined.
pub(crate) fn remove(docker_config: &Path) -> Result<Option<String>, MachineError> {
    let file = file(docker_config);
    let Some(found) = read(&file).ok().flatten().filter(is_ours) else {
        return Ok(None);
    };
    let directory = file.parent().unwrap_or(docker_config);
    std::fs::remove_dir_all(directory)
        .map_err(MachineError::file("Removing the Docker context", directory))?;
    let made = found["Metadata"][MADE].as_u64().unwrap_or_default();
    for directory in above(docker_config).take(usize::try_from(made).unwrap_or(0)) {
        // Not empty if something else was put there since.
        if std::fs::remove_dir(directory).is_err() {
            break;
        }
    }
    let config = docker_config.join("config.json");
    leave(&config).map_err(MachineError::file("Changing", &config))
}

/// Docker refuses to work with a current context that does not exist.
fn leave(config: &Path) -> io::Result<Option<String>> {
    // If `config.json` is a symbolic link (dotfile managers do that), the target is changed.
    let file = match std::fs::canonicalize(config) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(config.is_symlink().then(|| {
                format!(
                    "{} is a link to a file that is not there; if that file names `{NAME}` as Docker's context when it is \
                     back, `docker context use default` changes it",
                    config.display()
                )
            }));
        }
        Err(error) => return Err(error),
    };
    let Ok(Some(mut settings)) = read(&file) else {
        return Ok(None);
    };
    let Some(settings_map) = settings.as_object_mut() else {
        return Ok(None);
    };
    if settings_map.get("currentContext").and_then(Value::as_str) != Some(NAME) {
        return Ok(None);
    }
    settings_map.remove("currentContext");
    let mut out = AtomicWriteFile::open(&file)?;
    serde_json::to_writer_pretty(&mut out, &settings)?;
    out.write_all(b"\n")?;
    out.commit()?;
    Ok(None)
}

fn is_ours(context: &Value) -> bool {
    context["Metadata"][MARK] == json!(true)
}

/// `contexts/meta/<SHA-256 of the name>/meta.json`
fn file(docker_config: &Path) -> PathBuf {
    let id = Sha256::digest(NAME.as_bytes())
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
    docker_config
        .join("contexts/meta")
        .join(id)
        .join("meta.json")
}

/// The content of a file, if it exists.
fn read(path: &Path) -> io::Result<Option<Value>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use slipway_engine::{Environment, Os, discover};

    use super::*;

    fn contexts(config: &Path) -> Vec<String> {
        let environment = Environment {
            home: None,
            variables: [("DOCKER_CONFIG".to_owned(), config.display().to_string())].into(),
            os: Os::Linux,
            root: config.join("no-system"),
        };
        discover(&environment)
            .candidates
            .into_iter()
            .filter(|candidate| candidate.name == NAME)
            .map(|candidate| candidate.endpoint.unwrap().address.to_string())
            .collect()
    }

    #[test]
    fn it_comes_changes_and_goes() {
        let config = tempfile::tempdir().unwrap();
        assert_eq!(install(config.path(), "unix:///a").unwrap(), None);
        assert_eq!(contexts(config.path()), ["unix:///a"]);
        assert_eq!(install(config.path(), "unix:///b").unwrap(), None);
        assert_eq!(contexts(config.path()), ["unix:///b"]);
        assert_eq!(remove(config.path()).unwrap(), None);
        assert!(contexts(config.path()).is_empty());
        assert_eq!(remove(config.path()).unwrap(), None);
    }

    #[test]
    fn directories_that_it_made_go_with_it() {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join(".docker");
        let all = || {
            above(&config)
                .map(|directory| directory.exists())
                .collect::<Vec<_>>()
        };
        install(&config, "unix:///a").unwrap();
        // An update keeps the recorded number.
        install(&config, "unix:///b").unwrap();
        remove(&config).unwrap();
        assert_eq!(all(), [false; 3]);

        std::fs::create_dir_all(config.join("contexts")).unwrap();
        install(&config, "unix:///a").unwrap();
        remove(&config).unwrap();
        assert_eq!(all(), [false, true, true]);

        install(&config, "unix:///a").unwrap();
        std::fs::create_dir(config.join("contexts/meta/another")).unwrap();
        remove(&config).unwrap();
        assert_eq!(all(), [true; 3]);
    }

    #[test]
    fn one_that_is_not_ours_stays() {
        let config = tempfile::tempdir().unwrap();
        let file = file(config.path());
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let theirs =
            r#"{"Name":"slipway","Metadata":{},"Endpoints":{"docker":{"Host":"ssh://ship"}}}"#;
        std::fs::write(&file, theirs).unwrap();
        let warning = install(config.path(), "unix:///a").unwrap().unwrap();
        assert!(warning.contains("not Slipway's"), "{warning}");
        remove(config.path()).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), theirs);
    }

    #[test]
    fn who_used_it_gets_the_default_again_and_keeps_the_rest() {
        let config = tempfile::tempdir().unwrap();
        let settings = config.path().join("config.json");
        std::fs::write(
            &settings,
            r#"{"auths":{"r":{}},"currentContext":"slipway"}"#,
        )
        .unwrap();
        install(config.path(), "unix:///a").unwrap();
        remove(config.path()).unwrap();
        assert_eq!(read(&settings).unwrap(), Some(json!({"auths": {"r": {}}})));
    }

    #[test]
    fn one_that_cannot_be_read_stays() {
        let config = tempfile::tempdir().unwrap();
        let file = file(config.path());
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let theirs = r#"{"Name":"slipway","Endpoints":{"docker":{"Host":"ssh://sh"#;
        std::fs::write(&file, theirs).unwrap();
        let warning = install(config.path(), "unix:///a").unwrap().unwrap();
        assert!(warning.contains("cannot be read"), "{warning}");
        assert!(warning.contains("docker --host unix:///a"), "{warning}");
        remove(config.path()).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), theirs);

        // Not a file at all.
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        assert!(install(config.path(), "unix:///a").unwrap().is_some());
        assert!(file.is_dir());
    }

    #[cfg(unix)]
    #[test]
    fn settings_behind_a_link_change_where_they_are() {
        let config = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let settings = config.path().join("config.json");
        let target = elsewhere.path().join("docker.json");
        std::fs::write(&target, r#"{"currentContext":"slipway","detachKeys":"c"}"#).unwrap();
        std::os::unix::fs::symlink(&target, &settings).unwrap();
        install(config.path(), "unix:///a").unwrap();
        assert_eq!(remove(config.path()).unwrap(), None);
        assert_eq!(std::fs::read_link(&settings).unwrap(), target);
        assert_eq!(read(&target).unwrap(), Some(json!({"detachKeys": "c"})));

        // The target of the link is missing, so the current context is unknown.
        std::fs::remove_file(&target).unwrap();
        install(config.path(), "unix:///a").unwrap();
        let warning = remove(config.path()).unwrap().unwrap();
        assert!(warning.contains("docker context use default"), "{warning}");
        assert_eq!(std::fs::read_link(&settings).unwrap(), target);
        assert!(!target.exists());
    }
}
