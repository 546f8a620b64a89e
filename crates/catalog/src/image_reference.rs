//! Image references: `[registry/]repository[:tag][@digest]`, read and written as Docker does.
//!
//! The grammar is the one of [`distribution/reference`](https://github.com/distribution/reference),
//! with its normalisation of Docker Hub names. One deviation: a first component that counts as a
//! registry (it has a dot, a colon or an upper-case letter) but is no valid host, such as
//! `my_host.example/app`, is refused. The original lets it through as a name without a registry,
//! which nothing can pull.

use std::fmt;
use std::str::FromStr;

use crate::pasted;

/// The registry of a name that does not say one.
const DOCKER_HUB: &str = "docker.io";
/// The old name of Docker Hub's registry, still found in scripts and in `config.json`.
const LEGACY_DOCKER_HUB: &str = "index.docker.io";
/// The namespace of Docker Hub's official images, left out in familiar names.
const OFFICIAL_NAMESPACE: &str = "library/";
const LOCALHOST: &str = "localhost";
const DEFAULT_TAG: &str = "latest";
/// The longest repository, counted in bytes, without its registry.
const REPOSITORY_MAX: usize = 255;
const TAG_MAX: usize = 128;

/// A normalised image reference. Every value of this type is valid.
///
/// ```
/// use slipway_catalog::ImageReference;
///
/// let image: ImageReference = "nginx:1.27".parse().unwrap();
/// assert_eq!(image.registry(), "docker.io");
/// assert_eq!(image.repository(), "library/nginx");
/// assert_eq!(image.to_string(), "docker.io/library/nginx:1.27");
/// assert_eq!(image.familiar(), "nginx:1.27");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageReference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Why a text is not an image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageReferenceError {
    /// Nothing was given.
    #[error("The image name is empty")]
    Empty,
    /// There is white space before or after the name.
    #[error("The image name has spaces around it")]
    SurroundingSpace {
        /// The text as given.
        input: String,
    },
    /// A web address was given.
    #[error("`{input}` is a web address, not an image name")]
    WebAddress {
        /// The text as given.
        input: String,
    },
    /// A command line was given.
    #[error("`{input}` is a command, not an image name")]
    CommandLine {
        /// The text as given.
        input: String,
    },
    /// The text is an image id (64 hexadecimal digits), which no registry can resolve.
    #[error("`{id}` is an image id, not an image name")]
    ImageId {
        /// The text as given.
        id: String,
    },
    /// The part before the first `/` counts as a registry but is no valid `host[:port]`.
    #[error("`{registry}` is not a valid registry address")]
    Registry {
        /// The part before the first `/`.
        registry: String,
    },
    /// There is nothing where the repository should be.
    #[error("The image name is missing in `{input}`")]
    MissingRepository {
        /// The text as given.
        input: String,
    },
    /// The repository has upper-case letters.
    #[error("The image name `{repository}` has upper-case letters")]
    UpperCase {
        /// The repository as given.
        repository: String,
        /// The whole reference as given.
        input: String,
    },
    /// The repository has a character, or a separator at a place, that is not allowed.
    #[error("`{repository}` is not a valid image name")]
    Repository {
        /// The repository as given.
        repository: String,
    },
    /// The repository is longer than 255 bytes.
    #[error("The image name is {length} characters long; 255 are allowed")]
    RepositoryTooLong {
        /// Length of the normalised repository in bytes.
        length: usize,
    },
    /// The tag is empty, too long, or has a character that is not allowed.
    #[error("`{tag}` is not a valid tag")]
    Tag {
        /// The tag as given.
        tag: String,
    },
    /// The digest is not `algorithm:hex` of the right length.
    #[error("`{digest}` is not a valid digest")]
    Digest {
        /// The digest as given.
        digest: String,
    },
}

impl ImageReferenceError {
    /// What to try instead, in a sentence, where something better than "check it" can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Empty => Some("Type a name such as `nginx`".to_owned()),
            Self::SurroundingSpace { input }
            | Self::WebAddress { input }
            | Self::CommandLine { input } => {
                pasted::image_in(input).map(|image| format!("Try `{}`", image.familiar()))
            }
            Self::ImageId { .. } => {
                Some("Use the image's name, such as `nginx`, optionally with a tag".to_owned())
            }
            Self::Registry { .. } => Some(
                "A registry is a host with an optional port, such as `registry.example:5000`"
                    .to_owned(),
            ),
            Self::MissingRepository { .. } => {
                Some("Put the image's name first, such as `nginx:1.27`".to_owned())
            }
            Self::UpperCase { input, .. } => {
                let fixed = lower_case_name(input).parse::<ImageReference>().ok()?;
                Some(format!(
                    "Image names are lower case: try `{}`",
                    fixed.familiar()
                ))
            }
            Self::Repository { .. } => Some(
                "Image names have lower-case letters and digits, separated by `.`, `_`, `-` or `/`"
                    .to_owned(),
            ),
            Self::RepositoryTooLong { .. } => None,
            Self::Tag { tag } if tag.is_empty() => {
                Some("Put a tag after the `:`, or leave the `:` out".to_owned())
            }
            Self::Tag { .. } => Some(format!(
                "Tags have up to {TAG_MAX} letters, digits, `_`, `.` and `-`, and start with a letter, digit or `_`"
            )),
            Self::Digest { .. } => {
                Some("A digest is `sha256:` and 64 lower-case hexadecimal digits".to_owned())
            }
        }
    }
}

impl ImageReference {
    /// The registry as `host[:port]`; `docker.io` for Docker Hub.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository without its registry, such as `library/nginx`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if one was given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest as `algorithm:hex`, if one was given.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// Registry and repository, such as `docker.io/library/nginx`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The last component of the repository, such as `nginx`: what to derive a container's name from.
    pub fn short_name(&self) -> &str {
        self.repository
            .rsplit_once('/')
            .map_or(&*self.repository, |(_, last)| last)
    }

    /// Whether the image is on Docker Hub.
    pub fn is_docker_hub(&self) -> bool {
        self.registry == DOCKER_HUB
    }

    /// Whether the reference names one exact image for ever, which only a digest does.
    pub fn is_pinned(&self) -> bool {
        self.digest.is_some()
    }

    /// Whether both name the same repository, whatever their tags and digests.
    pub fn same_repository(&self, other: &Self) -> bool {
        self.registry == other.registry && self.repository == other.repository
    }

    /// The short form that Docker shows, such as `nginx:1.27`. It reads back as the same reference:
    /// where Docker's short form would not (`docker.io/localhost/app`), more of the name is kept.
    pub fn familiar(&self) -> String {
        self.written(&self.familiar_name())
    }

    /// [`Self::familiar`] without tag and digest, such as `nginx` or `ghcr.io/org/app`.
    pub fn familiar_name(&self) -> String {
        if !self.is_docker_hub() {
            return self.name();
        }
        if let Some(official) = self.repository.strip_prefix(OFFICIAL_NAMESPACE)
            && !official.contains('/')
            && !is_image_id(official)
        {
            return official.to_owned();
        }
        match self.repository.split_once('/') {
            Some((first, _)) if is_registry(first) => self.name(),
            _ => self.repository.clone(),
        }
    }

    /// The same reference with the tag `latest` if it has neither a tag nor a digest.
    #[must_use]
    pub fn with_default_tag(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(DEFAULT_TAG.to_owned());
        }
        self
    }

    /// The same repository at another tag. A digest is dropped, since it belonged to the old tag.
    pub fn with_tag(&self, tag: &str) -> Result<Self, ImageReferenceError> {
        check_tag(tag)?;
        Ok(Self {
            tag: Some(tag.to_owned()),
            digest: None,
            ..self.clone()
        })
    }

    /// The same repository and tag at a digest.
    pub fn with_digest(&self, digest: &str) -> Result<Self, ImageReferenceError> {
        check_digest(digest)?;
        Ok(Self {
            digest: Some(digest.to_owned()),
            ..self.clone()
        })
    }

    /// The repository alone, without tag and digest.
    #[must_use]
    pub fn without_tag(&self) -> Self {
        Self {
            tag: None,
            digest: None,
            ..self.clone()
        }
    }

    fn written(&self, name: &str) -> String {
        let mut text = name.to_owned();
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(digest);
        }
        text
    }
}

/// The canonical form, such as `docker.io/library/nginx:1.27`.
impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written(&self.name()))
    }
}

impl FromStr for ImageReference {
    type Err = ImageReferenceError;

    fn from_str(input: &str) -> Result<Self, Self::Err> {
        match parse(input) {
            Ok(reference) => Ok(reference),
            // Only what is refused is looked at again, so that nothing valid is taken for a paste.
            Err(error) => Err(pasted::diagnosis(input).unwrap_or(error)),
        }
    }
}

pub(crate) fn parse(input: &str) -> Result<ImageReference, ImageReferenceError> {
    if input.is_empty() {
        return Err(ImageReferenceError::Empty);
    }
    if is_image_id(input) {
        return Err(ImageReferenceError::ImageId {
            id: input.to_owned(),
        });
    }
    let (registry, rest) = split_registry(input);
    let (rest, digest) = match rest.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (rest, None),
    };
    let (repository, tag) = match rest.split_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (rest, None),
    };

    let registry = registry.unwrap_or(DOCKER_HUB);
    if !is_host_and_port(registry) {
        return Err(ImageReferenceError::Registry {
            registry: registry.to_owned(),
        });
    }
    check_repository(repository, input)?;
    if let Some(tag) = tag {
        check_tag(tag)?;
    }
    if let Some(digest) = digest {
        check_digest(digest)?;
    }

    let repository = if registry == DOCKER_HUB && !repository.contains('/') {
        format!("{OFFICIAL_NAMESPACE}{repository}")
    } else {
        repository.to_owned()
    };
    if repository.len() > REPOSITORY_MAX {
        return Err(ImageReferenceError::RepositoryTooLong {
            length: repository.len(),
        });
    }
    Ok(ImageReference {
        registry: registry.to_owned(),
        repository,
        tag: tag.map(str::to_owned),
        digest: digest.map(str::to_owned),
    })
}

/// Splits off the registry, normalised, if the first component is one.
fn split_registry(input: &str) -> (Option<&str>, &str) {
    match input.split_once('/') {
        Some((LEGACY_DOCKER_HUB, rest)) => (Some(DOCKER_HUB), rest),
        Some((first, rest)) if is_registry(first) => (Some(first), rest),
        _ => (None, input),
    }
}

/// The rule by which a first component counts as a registry. Upper case counts, because no
/// namespace has it.
fn is_registry(component: &str) -> bool {
    component == LOCALHOST
        || component.contains(['.', ':'])
        || component.chars().any(char::is_uppercase)
}

fn is_image_id(text: &str) -> bool {
    text.len() == 64 && is_lower_hex(text)
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_host_and_port(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, port)| {
            !address.is_empty()
                && address
                    .bytes()
                    .all(|byte| byte.is_ascii_hexdigit() || byte == b':')
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        });
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    port.is_none_or(is_port) && host.split('.').all(is_domain_label)
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_domain_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn check_repository(repository: &str, input: &str) -> Result<(), ImageReferenceError> {
    if repository.is_empty() {
        return Err(ImageReferenceError::MissingRepository {
            input: input.to_owned(),
        });
    }
    if repository.split('/').all(is_path_component) {
        return Ok(());
    }
    let lower = repository.to_ascii_lowercase();
    if lower != repository && lower.split('/').all(is_path_component) {
        return Err(ImageReferenceError::UpperCase {
            repository: repository.to_owned(),
            input: input.to_owned(),
        });
    }
    Err(ImageReferenceError::Repository {
        repository: repository.to_owned(),
    })
}

/// Runs of `[a-z0-9]`, separated by one `.`, one or two `_`, or any number of `-`.
fn is_path_component(component: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    if !bytes.first().copied().is_some_and(is_letter)
        || !bytes.last().copied().is_some_and(is_letter)
    {
        return false;
    }
    bytes
        .split(|&byte| is_letter(byte))
        .all(|separator| match separator {
            [] | [b'.' | b'_'] | [b'_', b'_'] => true,
            _ => separator.iter().all(|&byte| byte == b'-'),
        })
}

fn check_tag(tag: &str) -> Result<(), ImageReferenceError> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let valid = tag.len() <= TAG_MAX
        && tag.bytes().next().is_some_and(is_word)
        && tag
            .bytes()
            .all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'));
    if valid {
        Ok(())
    } else {
        Err(ImageReferenceError::Tag {
            tag: tag.to_owned(),
        })
    }
}

/// The algorithms are those that registries and engines know; each has its length.
fn check_digest(digest: &str) -> Result<(), ImageReferenceError> {
    let valid = digest.split_once(':').is_some_and(|(algorithm, hex)| {
        let length = match algorithm {
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ => return false,
        };
        hex.len() == length && is_lower_hex(hex)
    });
    if valid {
        Ok(())
    } else {
        Err(ImageReferenceError::Digest {
            digest: digest.to_owned(),
        })
    }
}

/// Lower-cases the name in a reference, leaving its tag as it is.
fn lower_case_name(input: &str) -> String {
    let name_start = input.find('/').map_or(0, |slash| slash + 1);
    let name_end = input[name_start..]
        .find([':', '@'])
        .map_or(input.len(), |end| name_start + end);
    let mut text = input.to_owned();
    text[..name_end].make_ascii_lowercase();
    text
}

#[cfg(test)]
mod tests;
