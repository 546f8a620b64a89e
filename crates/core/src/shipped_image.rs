//! The image that ships with Slipway, so that the first run needs no network: it is loaded from a file instead of
//! pulled.

use std::path::{Path, PathBuf};

use slipway_api::operation::{PullPhase, PullProgress};
use slipway_api::{ApiError, ErrorKind};
use slipway_catalog::ImageReference;
use slipway_engine::{Engine, EngineError, ImageDetail};

use crate::blocking::blocking;
use crate::error::{api_error, file_error};
use crate::view;

/// A name that no registry can have (RFC 9476 reserves `.internal` for private use).
const NAME: &str = "slipway.internal/welcome";
const TAG: &str = "latest";

/// Environment variable with the directory of the archives, which replaces the usual places.
const VARIABLE: &str = "SLIPWAY_WELCOME_IMAGES";

/// The architectures that have archives.
const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];

/// Larger files are not ours.
const MAX_BYTES: u64 = 16 << 20;

/// Whether a reference names the image that ships with Slipway.
pub(crate) fn is_shipped(reference: &ImageReference) -> bool {
    reference.name() == NAME && reference.tag() == Some(TAG) && reference.digest().is_none()
}

/// Whether the engine has the image of another version of Slipway.
pub(crate) fn is_of_another_version(reference: &ImageReference, image: &ImageDetail) -> bool {
    is_shipped(reference)
        && image
            .labels
            .get("org.opencontainers.image.version")
            .is_none_or(|version| version != env!("CARGO_PKG_VERSION"))
}

/// Loads it into an engine from the archive for that engine's architecture.
pub(crate) async fn load(
    engine: &Engine,
    reference: &ImageReference,
    progress: impl Fn(PullProgress) + Send,
) -> Result<(), ApiError> {
    let mut told = PullProgress {
        image: reference.familiar(),
        phase: PullPhase::Loading,
        layers_done: 0,
        layers_total: 1,
        bytes_done: 0,
        bytes_total: None,
    };
    progress(told.clone());
    let arch = view::oci_arch(&engine.info().arch).to_owned();
    let archive = blocking(move || read(&arch, &places())).await?;
    let bytes = archive.len() as u64;
    let loaded = engine
        .load_image(archive.into())
        .await
        .map_err(|error| refused(&error))?;
    if !loaded.iter().any(|name| name == &reference.to_string()) {
        return Err(damaged(format!(
            "the engine loaded {loaded:?} and not {reference}"
        )));
    }
    told.phase = PullPhase::Done;
    told.layers_done = told.layers_total;
    told.bytes_done = bytes;
    told.bytes_total = Some(bytes);
    progress(told);
    Ok(())
}

fn read(arch: &str, places: &[PathBuf]) -> Result<Vec<u8>, ApiError> {
    if !ARCHITECTURES.contains(&arch) {
        return Err(ApiError {
            kind: ErrorKind::WrongArchitecture,
            message: format!("The image that ships with Slipway is not made for {arch}"),
            hint: Some(format!(
                "It is made for {}; run another image on this engine",
                ARCHITECTURES.join(" and ")
            )),
            detail: None,
        });
    }
    let name = format!("{arch}.tar");
    let found = places
        .iter()
        .map(|place| place.join(&name))
        .find(|path| path.exists());
    let Some(path) = found else {
        let places: Vec<_> = places
            .iter()
            .map(|place| place.join(&name).display().to_string())
            .collect();
        return Err(ApiError {
            kind: ErrorKind::Other,
            message: "The image that ships with Slipway is missing".to_owned(),
            hint: Some("Install Slipway again, or run another image".to_owned()),
            detail: Some(format!("It is in none of:\n{}", places.join("\n"))),
        });
    };
    let failed = |error| file_error("Reading", &path, &error);
    let length = std::fs::metadata(&path).map_err(failed)?.len();
    if length > MAX_BYTES {
        return Err(damaged(format!("{} has {length} bytes", path.display())));
    }
    std::fs::read(&path).map_err(failed)
}

/// The places of the archives: the environment variable, or beside an installed or freshly built program.
fn places() -> Vec<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|name| !name.is_empty()) {
        return vec![named.into()];
    }
    std::env::current_exe()
        .ok()
        .as_deref()
        .map(places_of)
        .unwrap_or_default()
}

fn places_of(program: &Path) -> Vec<PathBuf> {
    let Some(directory) = program.parent() else {
        return Vec::new();
    };
    let mut places = vec![
        directory.join("../lib/slipway/welcome"),
        // macOS application bundles, and Windows' flat directories.
        directory.join("../Resources/welcome"),
        directory.join("welcome"),
    ];
    // A build's programs are in target/debug, its tests in target/debug/deps.
    if cfg!(debug_assertions) {
        let above = directory.ancestors().skip(1).take(2);
        places.extend(above.map(|directory| directory.join("welcome")));
    }
    places
}

/// The error of an engine that refused the archive; errors of the engine itself keep their message.
fn refused(error: &EngineError) -> ApiError {
    match error {
        EngineError::InvalidRequest { .. } | EngineError::Engine { .. } => {
            damaged(error.to_string())
        }
        error => api_error(error),
    }
}

fn damaged(detail: String) -> ApiError {
    ApiError {
        kind: ErrorKind::Other,
        message: "The image that ships with Slipway cannot be loaded".to_owned(),
        hint: Some("Its file may be damaged: install Slipway again".to_owned()),
        detail: Some(detail),
    }
}

#[cfg(test)]
mod tests {
    use slipway_catalog::Catalog;

    use super::*;

    #[test]
    fn the_catalogs_entry_is_what_ships() {
        let entry = Catalog::bundled().entry("welcome").expect("an entry");
        assert!(is_shipped(&entry.reference()));
        assert_eq!(entry.architectures, ARCHITECTURES);
        for other in [
            "welcome",
            "slipway.internal/welcome:2",
            "slipway.internal/other:latest",
        ] {
            assert!(!is_shipped(&other.parse().expect("a reference")), "{other}");
        }
    }

    #[test]
    fn an_installed_and_a_built_program_find_theirs() {
        let installed = places_of(Path::new("/usr/bin/slipway"));
        assert!(installed.contains(&PathBuf::from("/usr/bin/../lib/slipway/welcome")));
        let built = places_of(Path::new("/p/target/debug/slipway"));
        assert!(built.contains(&PathBuf::from("/p/target/welcome")));
        let test = places_of(Path::new("/p/target/debug/deps/test"));
        assert!(test.contains(&PathBuf::from("/p/target/welcome")));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let places = [directory.path().to_owned()];
        let error = |arch: &str| read(arch, &places).expect_err("it cannot be read");
        assert_eq!(error("riscv64").kind, ErrorKind::WrongArchitecture);
        assert!(error("riscv64").message.contains("riscv64"));
        let missing = error("amd64");
        assert!(missing.message.contains("is missing"), "{missing:?}");
        assert!(missing.detail.is_some_and(|it| it.contains("amd64.tar")));
        let path = directory.path().join("amd64.tar");
        let file = std::fs::File::create(&path).expect("writable");
        file.set_len(MAX_BYTES + 1).expect("sparse");
        assert!(error("amd64").message.contains("cannot be loaded"));
        std::fs::write(&path, b"small").expect("writable");
        assert_eq!(read("amd64", &places).expect("readable"), b"small");
    }
}
