//! The catalog: what can be run.

use serde::{Deserialize, Serialize};
use specta::Type;

/// Something to run, with what one needs to know to run it well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct CatalogEntry {
    /// Unique short name, for example `postgres`.
    pub slug: String,
    /// Name as people write it, for example `PostgreSQL`.
    pub name: String,
    /// One line on what it is.
    pub summary: String,
    /// Id of its category, for example `databases`.
    pub category: String,
    /// Image without a tag, for example `grafana/grafana`.
    pub image: String,
    /// The tag to run when none is chosen.
    pub default_tag: String,
    /// Other tags worth offering.
    pub tags: Vec<String>,
    /// Who vouches for the image.
    pub badge: Badge,
    /// Slug of its logo in Simple Icons; a letter tile is drawn where there is none.
    pub logo: Option<String>,
    /// Brand colour, `#rrggbb`.
    pub color: String,
    /// Ports it listens on.
    pub ports: Vec<CatalogPort>,
    /// Paths that hold data worth keeping.
    pub volumes: Vec<CatalogVolume>,
    /// Environment variables it understands.
    pub env: Vec<CatalogEnv>,
    /// Slugs of entries that it wants beside it.
    pub needs: Vec<String>,
    /// What to know on first use, as far as it holds for every container.
    pub note: Option<String>,
    /// Where its documentation is.
    pub docs_url: Option<String>,
    /// Architectures it exists for, for example `amd64`.
    pub architectures: Vec<String>,
}

/// Who vouches for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum Badge {
    /// A Docker Official Image.
    Official,
    /// Published by its makers.
    Verified,
    /// Nobody in particular.
    None,
}

/// A port of a catalog entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct CatalogPort {
    /// Port inside the container.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The path of the web page behind it, when it is one.
    pub web_path: Option<String>,
    /// What it is for, in a few words.
    pub purpose: Option<String>,
}

/// A data path of a catalog entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct CatalogVolume {
    /// Path in the container.
    pub path: String,
    /// What it holds.
    pub holds: String,
}

/// An environment variable of a catalog entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct CatalogEnv {
    /// Name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Whether the image fails to start without it.
    pub required: bool,
    /// Value it is given unless another is chosen.
    pub default: Option<String>,
    /// Whether it is masked on screen.
    pub secret: bool,
    /// Whether Slipway makes up a value.
    pub generated: bool,
}

/// How a client connects to what runs in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ConnectionString {
    /// From where it can be used: "This computer", "Containers on the network `shop`".
    pub from: String,
    /// The string, with the secrets in it.
    pub value: String,
    /// The same with secrets masked, to be on a screen; equal to `value` where there are none.
    pub masked: String,
}

/// A category of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct CatalogCategory {
    /// Id, for example `databases`.
    pub id: String,
    /// Name on screen, for example `Databases`.
    pub name: String,
}

/// Answer to a search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct CatalogResults {
    /// Matching entries of the category that was asked for, or of all of them; best first.
    pub entries: Vec<CatalogEntry>,
    /// What the words match in other categories, best first. Empty without a category, and without words.
    pub elsewhere: Vec<CatalogEntry>,
    /// When the words are an image reference, and not what an entry runs: the reference in short form, to run as it is.
    pub reference: Option<String>,
}
