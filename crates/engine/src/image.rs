//! Images that the engine has.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::container::parse_port;
use crate::container_detail::{OneOrMany, some_text};
use crate::engine::image_arch;
use crate::error::{About, classify};
use crate::text::{self, clean};
use crate::{Engine, EngineError, Noun, Protocol, Timestamp, json};

/// An image as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Id, `sha256:…`.
    pub id: String,
    /// Tags, `nginx:1.27`. Empty for a dangling image.
    pub tags: Vec<String>,
    /// Digests, `nginx@sha256:…`.
    pub digests: Vec<String>,
    /// When it was built.
    pub created_at: Option<Timestamp>,
    /// Size in bytes with all layers; shared layers count in each image that has them.
    pub size: u64,
    /// Number of containers that use it, if the engine reports it.
    pub containers: Option<u64>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// One image in full.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageDetail {
    /// Id, `sha256:…`.
    pub id: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Digests.
    pub digests: Vec<String>,
    /// When it was built.
    pub created_at: Option<Timestamp>,
    /// Size in bytes with all layers.
    pub size: u64,
    /// How many layers it has.
    pub layers: usize,
    /// Operating system.
    pub os: String,
    /// Architecture.
    pub arch: String,
    /// Variant of the architecture, such as `v8`.
    pub variant: Option<String>,
    /// Ports that it exposes.
    pub exposed_ports: Vec<(u16, Protocol)>,
    /// Paths that it declares as volumes.
    pub volumes: Vec<String>,
    /// Environment, `KEY=value`.
    pub env: Vec<String>,
    /// Command.
    pub command: Vec<String>,
    /// Entry point.
    pub entrypoint: Vec<String>,
    /// Health check: the test as Docker writes it, `["CMD-SHELL", "…"]`. Empty if there is none.
    pub healthcheck: Vec<String>,
    /// Interval of the health check, if the image sets it.
    pub healthcheck_interval: Option<Duration>,
    /// User.
    pub user: Option<String>,
    /// Working directory.
    pub working_dir: Option<String>,
    /// Its stop signal.
    pub stop_signal: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The engine's raw answer.
    pub raw: Value,
}

/// Disk usage of images.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageDiskUsage {
    /// All images in bytes, layers that several share counted once.
    pub total: u64,
    /// Shared bytes of each image, by id; only for images whose share the engine counted.
    pub shared: HashMap<String, u64>,
}

/// The result of removing an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemovedImages {
    /// Tags and digests that are gone.
    pub untagged: Vec<String>,
    /// Ids of images and layers that are gone.
    pub deleted: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireImage {
    #[serde(default, deserialize_with = "text::line")]
    id: Option<String>,
    #[serde(default, deserialize_with = "text::lines")]
    repo_tags: Option<Vec<String>>,
    #[serde(default, deserialize_with = "text::lines")]
    repo_digests: Option<Vec<String>>,
    created: Option<i64>,
    size: Option<i64>,
    containers: Option<i64>,
    #[serde(default, deserialize_with = "text::labels")]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireDetail {
    #[serde(default, deserialize_with = "text::line")]
    id: Option<String>,
    #[serde(default, deserialize_with = "text::lines")]
    repo_tags: Option<Vec<String>>,
    #[serde(default, deserialize_with = "text::lines")]
    repo_digests: Option<Vec<String>>,
    created: Option<String>,
    size: Option<i64>,
    #[serde(default, deserialize_with = "text::line")]
    os: Option<String>,
    #[serde(default, deserialize_with = "text::line")]
    architecture: Option<String>,
    #[serde(default, deserialize_with = "text::line")]
    variant: Option<String>,
    #[serde(rename = "RootFS")]
    root_fs: Option<WireRootFs>,
    config: Option<WireConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireRootFs {
    layers: Option<Vec<IgnoredAny>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireConfig {
    exposed_ports: Option<BTreeMap<String, Value>>,
    volumes: Option<BTreeMap<String, Value>>,
    #[serde(default, deserialize_with = "text::words")]
    env: Option<Vec<String>>,
    cmd: Option<OneOrMany>,
    entrypoint: Option<OneOrMany>,
    healthcheck: Option<WireHealthcheck>,
    #[serde(default, deserialize_with = "text::line")]
    user: Option<String>,
    #[serde(default, deserialize_with = "text::path")]
    working_dir: Option<String>,
    #[serde(default, deserialize_with = "text::line")]
    stop_signal: Option<String>,
    #[serde(default, deserialize_with = "text::labels")]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireHealthcheck {
    #[serde(default, deserialize_with = "text::words")]
    test: Option<Vec<String>>,
    /// Nanoseconds.
    interval: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireRemoved {
    #[serde(default, deserialize_with = "text::line")]
    untagged: Option<String>,
    #[serde(default, deserialize_with = "text::line")]
    deleted: Option<String>,
}

#[derive(Deserialize)]
struct WireLoaded {
    stream: Option<String>,
    error: Option<String>,
    #[serde(rename = "errorDetail")]
    error_detail: Option<WireLoadError>,
}

#[derive(Deserialize)]
struct WireLoadError {
    message: Option<String>,
}

/// The references that an engine has loaded, from a stream of JSON documents, the last of which may be an error.
fn parse_loaded(body: &[u8]) -> Result<Vec<String>, EngineError> {
    let mut loaded = Vec::new();
    for message in serde_json::Deserializer::from_slice(body).into_iter::<WireLoaded>() {
        let message = message.map_err(|error| json::protocol("what was loaded", error))?;
        let error = message
            .error_detail
            .and_then(|detail| detail.message)
            .or(message.error);
        if let Some(text) = error {
            let about = About {
                noun: Noun::Engine,
                name: String::new(),
            };
            return Err(classify(0, &text, &about));
        }
        // An image without a name is reported by its id, which is not a reference.
        let lines = message.stream.unwrap_or_default();
        for line in lines.lines() {
            if let Some(references) = line.trim().strip_prefix("Loaded image: ") {
                // Podman writes all of them into one line.
                loaded.extend(references.split(',').map(|name| clean(name.trim())));
            }
        }
    }
    Ok(loaded)
}

/// Until API 1.51 there is a list, from 1.52 on a summary that contains the list on request.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireDiskUsage {
    layers_size: Option<i64>,
    images: Option<Vec<WireShare>>,
    image_usage: Option<WireImageUsage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireImageUsage {
    total_size: Option<i64>,
    items: Option<Vec<WireShare>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireShare {
    id: Option<String>,
    shared_size: Option<i64>,
}

fn parse_disk_usage(body: &[u8]) -> Result<ImageDiskUsage, EngineError> {
    let wire: WireDiskUsage = json::object(body, "the disk space of images")?;
    let (total, items) = match wire.image_usage {
        Some(usage) => (usage.total_size, usage.items),
        None => (wire.layers_size, None),
    };
    let listed = items.or(wire.images).unwrap_or_default().into_iter();
    Ok(ImageDiskUsage {
        total: natural(total).unwrap_or_default(),
        shared: listed
            .filter_map(|image| Some((some_text(image.id)?, natural(image.shared_size)?)))
            .collect(),
    })
}

/// Tags or digests without the placeholders that engines write for "none".
fn real_names(names: Option<Vec<String>>) -> Vec<String> {
    let mut names = names.unwrap_or_default();
    names.retain(|name| !name.contains("<none>"));
    names
}

/// A size or count; engines write -1 for "unknown".
fn natural(number: Option<i64>) -> Option<u64> {
    number.and_then(|number| number.try_into().ok())
}

fn parse_list(body: &[u8]) -> Result<Vec<Image>, EngineError> {
    let wire: Vec<WireImage> = json::list(body, "the list of images")?;
    Ok(wire
        .into_iter()
        .filter_map(|image| {
            Some(Image {
                id: some_text(image.id)?,
                tags: real_names(image.repo_tags),
                digests: real_names(image.repo_digests),
                created_at: image.created.and_then(Timestamp::from_unix_seconds),
                size: natural(image.size).unwrap_or_default(),
                containers: natural(image.containers),
                labels: image.labels.unwrap_or_default(),
            })
        })
        .collect())
}

fn parse_detail(body: &[u8]) -> Result<ImageDetail, EngineError> {
    const WHAT: &str = "an image in full";
    let raw = serde_json::from_slice(body).map_err(|error| json::protocol(WHAT, error))?;
    let wire: WireDetail = json::object(body, WHAT)?;
    let config = wire.config.unwrap_or_default();
    let healthcheck = config.healthcheck.filter(|check| {
        // `NONE` disables the base image's check.
        check
            .test
            .as_ref()
            .is_some_and(|test| test.first().is_some_and(|kind| kind != "NONE"))
    });
    Ok(ImageDetail {
        id: some_text(wire.id).ok_or_else(|| EngineError::Protocol {
            what: "an image without an id".to_owned(),
            source: None,
        })?,
        tags: real_names(wire.repo_tags),
        digests: real_names(wire.repo_digests),
        created_at: wire
            .created
            .and_then(|created| Timestamp::parse(created.as_bytes())),
        size: natural(wire.size).unwrap_or_default(),
        layers: wire
            .root_fs
            .and_then(|root_fs| root_fs.layers)
            .map_or(0, |layers| layers.len()),
        os: wire.os.unwrap_or_default(),
        arch: image_arch(&wire.architecture.unwrap_or_default()),
        variant: some_text(wire.variant),
        exposed_ports: config
            .exposed_ports
            .unwrap_or_default()
            .keys()
            .filter_map(|port| parse_port(port))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        volumes: config.volumes.unwrap_or_default().into_keys().collect(),
        env: config.env.unwrap_or_default(),
        command: config.cmd.map(OneOrMany::into_vec).unwrap_or_default(),
        entrypoint: config
            .entrypoint
            .map(OneOrMany::into_vec)
            .unwrap_or_default(),
        healthcheck_interval: healthcheck
            .as_ref()
            .and_then(|check| natural(check.interval))
            .filter(|nanos| *nanos > 0)
            .map(Duration::from_nanos),
        healthcheck: healthcheck.and_then(|check| check.test).unwrap_or_default(),
        user: some_text(config.user),
        working_dir: some_text(config.working_dir),
        stop_signal: some_text(config.stop_signal),
        labels: config.labels.unwrap_or_default(),
        raw,
    })
}

/// Extra time for removing an image: its layers are deleted meanwhile.
const REMOVAL_GRACE: Duration = Duration::from_mins(1);

/// Extra time for loading an image: it is sent, unpacked and written.
const LOAD_GRACE: Duration = Duration::from_mins(2);

/// Engines before API 1.42 also walk through every volume.
const DISK_USAGE_DEADLINE: Duration = Duration::from_mins(2);

/// Limit of an archive; larger ones would have to be streamed, and Slipway ships none.
const MAX_ARCHIVE_BYTES: usize = 64 << 20;

impl Engine {
    /// Lists images, without intermediate ones.
    pub async fn list_images(&self) -> Result<Vec<Image>, EngineError> {
        let answer = self
            .call(Method::GET, &["images", "json"])
            .about(Noun::Engine, "")
            .send()
            .await?;
        parse_list(&answer.body)
    }

    /// Inspects one image, by reference or id.
    pub async fn inspect_image(&self, reference: &str) -> Result<ImageDetail, EngineError> {
        let answer = self
            .call(Method::GET, &["images"])
            .reference(reference, "/json")
            .about(Noun::Image, reference)
            .send()
            .await?;
        parse_detail(&answer.body)
    }

    /// Requests the disk usage of images, which may take the engine long to compute.
    pub async fn image_disk_usage(&self) -> Result<ImageDiskUsage, EngineError> {
        let answer = self
            .call(Method::GET, &["system", "df"])
            .about(Noun::Engine, "")
            .deadline(DISK_USAGE_DEADLINE)
            .query("type", "image")
            .query("verbose", "1")
            .send()
            .await?;
        parse_disk_usage(&answer.body)
    }

    /// Loads images from an archive as `docker save` writes it (tar, also compressed), and returns their references.
    /// An archive of more than 64 MiB is refused.
    pub async fn load_image(&self, archive: Bytes) -> Result<Vec<String>, EngineError> {
        if archive.len() > MAX_ARCHIVE_BYTES {
            return Err(EngineError::InvalidRequest {
                message: format!(
                    "an archive of {} bytes is too large to be loaded; {MAX_ARCHIVE_BYTES} is the limit",
                    archive.len()
                ),
            });
        }
        let answer = self
            .call(Method::POST, &["images", "load"])
            .about(Noun::Engine, "")
            .deadline(self.deadline() + LOAD_GRACE)
            .query("quiet", "1")
            .bytes("application/x-tar", archive)
            .send()
            .await?;
        parse_loaded(&answer.body)
    }

    /// Removes a tag, and the image with its last tag.
    pub async fn remove_image(
        &self,
        reference: &str,
        force: bool,
    ) -> Result<RemovedImages, EngineError> {
        let answer = self
            .call(Method::DELETE, &["images"])
            .reference(reference, "")
            .about(Noun::Image, reference)
            .deadline(self.deadline() + REMOVAL_GRACE)
            .query("force", if force { "1" } else { "0" })
            .send()
            .await?;
        let wire: Vec<WireRemoved> = json::list(&answer.body, "what was removed")?;
        let mut removed = RemovedImages::default();
        for item in wire {
            removed.untagged.extend(item.untagged);
            removed.deleted.extend(item.deleted);
        }
        Ok(removed)
    }

    /// Adds a name to an image: `repository` with a tag, such as `me/web` and `v1`.
    pub async fn tag_image(
        &self,
        reference: &str,
        repository: &str,
        tag: &str,
    ) -> Result<(), EngineError> {
        self.call(Method::POST, &["images"])
            .reference(reference, "/tag")
            .about(Noun::Image, reference)
            .query("repo", repository)
            .query("tag", tag)
            .send()
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let images = parse_list(
            br#"[{"Id":"sha256:1","RepoTags":["nginx:1.27"],"RepoDigests":["nginx@sha256:2"],"Created":1700000000,"Size":123,"SharedSize":-1,"VirtualSize":123,"Containers":-1,"Labels":null},
                 {"Id":"sha256:3","RepoTags":["<none>:<none>"],"RepoDigests":["<none>@<none>"],"Created":1,"Size":4,"Containers":2},
                 {"Id":"sha256:5","RepoTags":null,"Labels":{"a":"b"}}]"#,
        )
        .unwrap();
        assert_eq!(images[0].tags, ["nginx:1.27"]);
        assert_eq!(images[0].containers, None);
        assert!(images[1].tags.is_empty() && images[1].digests.is_empty());
        assert_eq!(images[1].containers, Some(2));
        assert_eq!(images[2].labels["a"], "b");
    }

    #[test]
    fn disk_usage() {
        let check = |body: &str, total: u64, shared: &[(&str, u64)]| {
            let usage = parse_disk_usage(body.as_bytes()).unwrap();
            let shared = shared
                .iter()
                .map(|(id, bytes)| ((*id).to_owned(), *bytes))
                .collect();
            assert_eq!(usage, ImageDiskUsage { total, shared }, "{body}");
        };
        check(
            r#"{"LayersSize":1000,"Images":[{"Id":"a","Size":700,"SharedSize":300},{"Id":"b","SharedSize":-1}],"Volumes":null}"#,
            1000,
            &[("a", 300)],
        );
        check(
            r#"{"ImageUsage":{"TotalCount":1,"TotalSize":11,"Items":[{"Id":"a","SharedSize":4}]}}"#,
            11,
            &[("a", 4)],
        );
        check(r#"{"LayersSize":-1,"Images":null}"#, 0, &[]);
    }

    #[test]
    fn what_was_loaded() {
        let names = |body: &str| parse_loaded(body.as_bytes());
        assert_eq!(
            names(
                "{\"stream\":\"Loaded image: a/b:1\\n\"}\r\n{\"stream\":\"Loaded image: c:2\\n\"}\n"
            )
            .unwrap(),
            ["a/b:1", "c:2"]
        );
        assert_eq!(
            names("{\"stream\":\"Loaded image: docker.io/library/a:1,localhost/b:2\"}").unwrap(),
            ["docker.io/library/a:1", "localhost/b:2"]
        );
        assert!(
            names("{\"stream\":\"Loaded image ID: sha256:12\\n\"}")
                .unwrap()
                .is_empty()
        );
        assert!(names("").unwrap().is_empty());
        let error = names("{\"errorDetail\":{\"message\":\"write: no space left on device\"},\"error\":\"write: no space left on device\"}").unwrap_err();
        assert!(matches!(error, EngineError::NoSpace { .. }), "{error:?}");
        let error = names("{\"error\":\"invalid archive\"}").unwrap_err();
        assert_eq!(error.to_string(), "Invalid archive");
        assert!(names("<html>").is_err());
    }

    #[test]
    fn details() {
        let image =
            parse_detail(include_bytes!("../tests/fixtures/image-docker-20.10.json")).unwrap();
        assert_eq!(
            image.exposed_ports,
            [(53, Protocol::Udp), (80, Protocol::Tcp)]
        );
        assert_eq!(image.volumes, ["/data"]);
        assert_eq!(image.layers, 2);
        assert_eq!(image.healthcheck, ["CMD-SHELL", "curl -f localhost"]);
        assert_eq!(image.healthcheck_interval, Some(Duration::from_secs(30)));
        assert_eq!(image.variant.as_deref(), Some("v8"));
        assert!(image.created_at.is_some());
        let bare = parse_detail(
            br#"{"Id":"sha256:1","Config":{"Healthcheck":{"Test":["NONE"]},"Entrypoint":null}}"#,
        )
        .unwrap();
        assert!(bare.healthcheck.is_empty());
    }
}
