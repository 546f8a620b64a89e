//! One entry of the catalog: an image and everything that is known about running it.

use std::fmt;

use serde::Deserialize;

use crate::connection::Connection;
use crate::image_reference::ImageReference;
use crate::secret::{SecretError, SecretSpec};
use crate::template::{Note, Template};

/// Something that can be run with one click.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Unique, lower case, good as a container's name: `postgres`.
    pub slug: String,
    /// The title: `PostgreSQL`.
    pub name: String,
    /// One line of at most 90 characters.
    pub summary: String,
    /// Where it is filed.
    pub category: Category,
    /// The repository, without a tag.
    pub image: ImageReference,
    /// The tag to run unless the user chooses another.
    pub default_tag: String,
    /// Further tags that the same ports, volumes and variables hold for.
    pub tags: Vec<String>,
    /// Who publishes the image, in Docker Hub's terms.
    pub badge: Badge,
    /// The slug of its logo in simple-icons, or `slipway`; without one, show a tile with a letter.
    pub logo: Option<String>,
    /// The brand's colour.
    pub color: Color,
    /// The ports that it listens on; exactly one is primary if there are any.
    pub ports: Vec<Port>,
    /// The directories whose content should outlive the container.
    pub volumes: Vec<VolumeMount>,
    /// The variables that are worth knowing.
    pub env: Vec<EnvVariable>,
    /// Further words by which it is found.
    pub keywords: Vec<String>,
    /// Slugs of the entries that it wants beside it.
    pub needs: Vec<String>,
    /// The command to run in place of the image's own; empty to leave that alone.
    pub command: Vec<String>,
    /// Whether it needs a terminal with an open standard input to stay alive: language and system
    /// images, whose command is an interactive prompt.
    pub tty: bool,
    /// What to know at first use: where to sign in, and as whom. Placeholders name variables in `env`;
    /// `{{mount:/path}}` is what is mounted at the path of one of `volumes`.
    pub note: Option<Note>,
    /// How clients connect to its ports. Of several for one port, the first that can be written counts.
    pub connections: Vec<Connection>,
    /// The image's or the product's documentation.
    pub docs: String,
    /// The architectures it is published for, in OCI terms: `amd64`, `arm64`.
    pub architectures: Vec<String>,
    /// Its place in the recommended order, from 1; none comes after all that have one.
    pub featured: Option<u16>,
}

impl Entry {
    /// The image at the default tag.
    pub fn reference(&self) -> ImageReference {
        self.image
            .with_tag(&self.default_tag)
            .expect("the tags of an entry are checked when the catalog is loaded")
    }

    /// The port that Open should lead to, or that a client should connect to.
    pub fn primary_port(&self) -> Option<&Port> {
        self.ports.iter().find(|port| port.primary)
    }

    /// Whether the image is published for an architecture in OCI terms, such as `arm64`.
    pub fn supports_architecture(&self, architecture: &str) -> bool {
        self.architectures.iter().any(|known| known == architecture)
    }

    /// The default tag and then the others.
    pub fn all_tags(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.default_tag)
            .chain(&self.tags)
            .map(String::as_str)
    }
}

/// The categories of the catalog, in the order they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// Web servers, proxies, load balancers.
    WebServers,
    /// Databases, caches, search engines.
    Databases,
    /// Message brokers and queues.
    Messaging,
    /// Blogs, wikis, clouds and other finished applications.
    Apps,
    /// Dashboards, metrics, logs.
    Monitoring,
    /// What developers run beside their code.
    DeveloperTools,
    /// Object stores, secrets, identity and other building blocks.
    Infrastructure,
    /// Programming languages.
    Languages,
    /// Bare systems to try things in.
    Systems,
}

impl Category {
    /// All categories, in the order they are shown.
    pub const ALL: [Self; 9] = [
        Self::WebServers,
        Self::Databases,
        Self::Messaging,
        Self::Apps,
        Self::Monitoring,
        Self::DeveloperTools,
        Self::Infrastructure,
        Self::Languages,
        Self::Systems,
    ];

    /// A stable name for settings and command lines: `web-servers`.
    pub fn slug(self) -> &'static str {
        match self {
            Self::WebServers => "web-servers",
            Self::Databases => "databases",
            Self::Messaging => "messaging",
            Self::Apps => "apps",
            Self::Monitoring => "monitoring",
            Self::DeveloperTools => "developer-tools",
            Self::Infrastructure => "infrastructure",
            Self::Languages => "languages",
            Self::Systems => "systems",
        }
    }

    /// The English title: `Web servers`.
    pub fn title(self) -> &'static str {
        match self {
            Self::WebServers => "Web servers",
            Self::Databases => "Databases",
            Self::Messaging => "Messaging",
            Self::Apps => "Apps",
            Self::Monitoring => "Monitoring",
            Self::DeveloperTools => "Developer tools",
            Self::Infrastructure => "Infrastructure",
            Self::Languages => "Languages",
            Self::Systems => "Systems",
        }
    }

    /// The category of a [`Self::slug`].
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|category| category.slug() == slug)
    }
}

/// Who stands behind an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Badge {
    /// A Docker Official Image.
    Official,
    /// A Docker Verified Publisher, or sponsored open source.
    Verified,
    /// Neither.
    #[default]
    None,
}

/// A colour, eight bits for each of red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Color {
    /// Red, green, blue.
    pub rgb: [u8; 3],
}

impl Color {
    /// Reads `#rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text
            .strip_prefix('#')
            .filter(|hex| hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        let [_, red, green, blue] = u32::from_str_radix(hex, 16).ok()?.to_be_bytes();
        Some(Self {
            rgb: [red, green, blue],
        })
    }
}

/// `#rrggbb`, in lower case.
impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.rgb;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// A port that the container listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The port inside the container, from 1.
    pub number: u16,
    /// The transport.
    pub protocol: Protocol,
    /// What answers there, in a few words: `Web page`, `SQL`.
    pub purpose: String,
    /// Whether a browser can open it.
    pub web: bool,
    /// Whether that is over TLS (with a certificate that browsers do not know).
    pub https: bool,
    /// The path to open, `/` unless the page is elsewhere.
    pub path: String,
    /// Whether it is the port that Open leads to.
    pub primary: bool,
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// `tcp` or `udp`.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// A directory to keep in a volume.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeMount {
    /// The absolute path inside the container.
    pub path: String,
    /// What is kept there: `Database files`.
    pub holds: String,
    /// The end of a good volume name: `data` for `web-data`. Unique in its entry.
    pub suffix: String,
}

/// An environment variable that an image understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvVariable {
    /// Its name.
    pub name: String,
    /// What it does, in one line.
    pub about: String,
    /// Whether the image does not start, or is of no use, without it.
    pub required: bool,
    /// The value to prefill.
    pub default: Option<String>,
    /// The secret to generate and prefill. Never together with `default`.
    pub generate: Option<SecretSpec>,
    /// What stands before the generated secret: `neo4j/` where a value wants user and password.
    pub prefix: String,
    /// Whether to show it as a password.
    pub secret: bool,
    /// How to make the value from entries that run beside this one. `{{mysql}}` is the name by
    /// which the container of that entry is reached on a shared network, `{{mysql:MYSQL_USER}}`
    /// the value of one of its variables. All of them are in [`Entry::needs`].
    pub from: Option<Template>,
}

impl EnvVariable {
    /// The value to prefill: a fresh secret, or the default, or none.
    pub fn initial_value(&self) -> Result<Option<String>, SecretError> {
        match self.generate {
            Some(spec) => Ok(Some(format!("{}{}", self.prefix, spec.generate()?))),
            None => Ok(self.default.clone()),
        }
    }
}
