//! A registry's storage on disk, in the layout of Distribution 2 and 3.
//!
//! Written directly: a push would need a running engine, and compress everything a second time.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{Result, error::At, layer::Layer};

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const CREATED: &str = "2026-01-15T10:00:00Z";

/// An image before it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    architecture: &'static str,
    config: Value,
    layers: Vec<Layer>,
}

impl Image {
    /// For this machine's architecture.
    pub(crate) fn here(config: Value, layers: &[Layer]) -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Self {
            architecture,
            config,
            layers: layers.to_vec(),
        }
    }

    /// An image that only claims to be for arm64.
    pub(crate) fn arm64(config: Value, layers: &[Layer]) -> Self {
        Self {
            architecture: "arm64",
            config,
            layers: layers.to_vec(),
        }
    }

    fn document(&self) -> Value {
        let layers = self
            .layers
            .iter()
            .map(|layer| json!({"created": CREATED, "created_by": layer.created_by}));
        let steps = self
            .config
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| {
                let created_by = format!("/bin/sh -c #(nop)  {} {value}", key.to_uppercase());
                json!({"created": CREATED, "created_by": created_by, "empty_layer": true})
            });
        let mut document = json!({
            "architecture": self.architecture,
            "os": "linux",
            "created": CREATED,
            "config": self.config,
            "rootfs": {
                "type": "layers",
                "diff_ids": self.layers.iter().map(|layer| &layer.diff_id).collect::<Vec<_>>(),
            },
            "history": layers.chain(steps).collect::<Vec<_>>(),
        });
        if self.architecture == "arm64" {
            document["variant"] = "v8".into();
        }
        document
    }
}

struct Stored {
    digest: String,
    size: usize,
    platform: Value,
}

#[derive(Debug)]
pub(crate) struct Storage {
    root: PathBuf,
    /// Images that share layers are built in parallel.
    writing: Mutex<()>,
}

impl Storage {
    pub(crate) fn create(root: PathBuf) -> Result<Self> {
        fs::create_dir_all(&root).at("create", &root)?;
        Ok(Self {
            root,
            writing: Mutex::default(),
        })
    }

    /// Stores an image under one tag.
    pub(crate) fn add(&self, repository: &str, tag: &str, image: &Image) -> Result<()> {
        let stored = self.image(repository, image)?;
        self.tag(repository, tag, &stored.digest)
    }

    /// Stores an image under `library/` as a manifest list, with an arm64 entry beside it.
    pub(crate) fn add_official(&self, name: &str, tags: &[&str], image: &Image) -> Result<()> {
        let repository = format!("library/{name}");
        let mut entries = vec![self.image(&repository, image)?];
        if image.architecture != "arm64" {
            let other = Image {
                architecture: "arm64",
                config: image.config.clone(),
                layers: image.layers.clone(),
            };
            entries.push(self.image(&repository, &other)?);
        }
        let manifests: Vec<Value> = entries
            .iter()
            .map(|it| json!({"mediaType": MANIFEST, "digest": it.digest, "size": it.size, "platform": it.platform}))
            .collect();
        let list = json!({"schemaVersion": 2, "mediaType": MANIFEST_LIST, "manifests": manifests});
        let digest = self.manifest(&repository, &list)?.0;
        tags.iter()
            .try_for_each(|tag| self.tag(&repository, tag, &digest))
    }

    fn image(&self, repository: &str, image: &Image) -> Result<Stored> {
        let config = image.document().to_string();
        let config_digest = self.blob(config.as_bytes())?;
        self.link(repository, "_layers", &config_digest)?;
        let mut layers = Vec::new();
        for layer in &image.layers {
            self.layer(layer)?;
            self.link(repository, "_layers", &layer.digest)?;
            layers.push(json!({"mediaType": LAYER, "size": layer.size, "digest": layer.digest}));
        }
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "size": config.len(), "digest": config_digest},
            "layers": layers,
        });
        let (digest, size) = self.manifest(repository, &manifest)?;
        let mut platform = json!({"architecture": image.architecture, "os": "linux"});
        if image.architecture == "arm64" {
            platform["variant"] = "v8".into();
        }
        Ok(Stored {
            digest,
            size,
            platform,
        })
    }

    fn manifest(&self, repository: &str, manifest: &Value) -> Result<(String, usize)> {
        let text = manifest.to_string();
        let digest = self.blob(text.as_bytes())?;
        self.link(repository, "_manifests/revisions", &digest)?;
        Ok((digest, text.len()))
    }

    fn tag(&self, repository: &str, tag: &str, digest: &str) -> Result<()> {
        let tag = self
            .repository(repository)
            .join("_manifests/tags")
            .join(tag);
        write_file(&tag.join("current/link"), digest.as_bytes())?;
        write_file(
            &tag.join("index").join(as_path(digest)).join("link"),
            digest.as_bytes(),
        )
    }

    fn link(&self, repository: &str, kind: &str, digest: &str) -> Result<()> {
        let path = self
            .repository(repository)
            .join(kind)
            .join(as_path(digest))
            .join("link");
        write_file(&path, digest.as_bytes())
    }

    fn repository(&self, name: &str) -> PathBuf {
        self.root.join("docker/registry/v2/repositories").join(name)
    }

    fn blob(&self, bytes: &[u8]) -> Result<String> {
        let digest = format!("sha256:{}", hex(&Sha256::digest(bytes)));
        write_file(&self.data(&digest), bytes)?;
        Ok(digest)
    }

    fn layer(&self, layer: &Layer) -> Result<()> {
        let _writing = self.writing.lock();
        let data = self.data(&layer.digest);
        if data.exists() {
            return Ok(());
        }
        create_parent(&data)?;
        match fs::hard_link(&layer.path, &data) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                fs::copy(&layer.path, &data).at("write", &data).map(drop)
            }
            outcome => outcome.at("link", &data),
        }
    }

    fn data(&self, digest: &str) -> PathBuf {
        let hex = digest.trim_start_matches("sha256:");
        self.root
            .join("docker/registry/v2/blobs/sha256")
            .join(&hex[..2])
            .join(hex)
            .join("data")
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn as_path(digest: &str) -> PathBuf {
    digest.replace(':', "/").into()
}

fn create_parent(path: &Path) -> Result<()> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).at("create", parent)
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    create_parent(path)?;
    fs::write(path, bytes).at("write", path)
}
