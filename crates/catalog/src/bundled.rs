//! The catalog's data as it is written in `data/*.toml`, and its conversion to entries.

use serde::Deserialize;

use crate::catalog::CatalogError;
use crate::connection::Connection;
use crate::entry::{Badge, Category, Color, Entry, EnvVariable, Port, Protocol, VolumeMount};
use crate::secret::SecretSpec;
use crate::template::{Note, Template, TemplateError};

/// One file for each category.
pub(crate) const FILES: [&str; 9] = [
    include_str!("../data/web-servers.toml"),
    include_str!("../data/databases.toml"),
    include_str!("../data/messaging.toml"),
    include_str!("../data/apps.toml"),
    include_str!("../data/monitoring.toml"),
    include_str!("../data/developer-tools.toml"),
    include_str!("../data/infrastructure.toml"),
    include_str!("../data/languages.toml"),
    include_str!("../data/systems.toml"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    category: Category,
    #[serde(rename = "entry")]
    entries: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    slug: String,
    name: String,
    summary: String,
    image: String,
    default_tag: String,
    #[serde(default)]
    tags: Vec<String>,
    badge: Badge,
    logo: Option<String>,
    color: String,
    /// Without one, the first port is the primary one.
    primary_port: Option<u16>,
    #[serde(default)]
    ports: Vec<WrittenPort>,
    #[serde(default)]
    volumes: Vec<VolumeMount>,
    #[serde(default)]
    env: Vec<WrittenEnv>,
    keywords: Vec<String>,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    tty: bool,
    note: Option<String>,
    #[serde(default)]
    connections: Vec<WrittenConnection>,
    docs: String,
    architectures: Vec<String>,
    featured: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPort {
    number: u16,
    #[serde(default)]
    protocol: Protocol,
    purpose: String,
    #[serde(default)]
    web: bool,
    #[serde(default)]
    https: bool,
    path: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEnv {
    name: String,
    about: String,
    #[serde(default)]
    required: bool,
    default: Option<String>,
    generate: Option<SecretSpec>,
    /// Without it, what is generated is secret and nothing else is.
    secret: Option<bool>,
    #[serde(default)]
    prefix: String,
    from: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenConnection {
    port: u16,
    uri: String,
    /// `NAME=value`
    when: Option<String>,
}

/// Reads one file. What a single entry can get wrong is found here; the catalog checks the rest.
pub(crate) fn read(text: &str) -> Result<Vec<Entry>, CatalogError> {
    let File { category, entries } = toml::from_str(text)?;
    entries
        .into_iter()
        .map(|written| entry(written, category))
        .collect()
}

fn entry(written: Written, category: Category) -> Result<Entry, CatalogError> {
    let slug = &written.slug;
    let image = written
        .image
        .parse()
        .map_err(|source| CatalogError::Image {
            slug: slug.clone(),
            source,
        })?;
    let color = Color::parse(&written.color).ok_or_else(|| CatalogError::Color {
        slug: slug.clone(),
        color: written.color.clone(),
    })?;
    let in_entry = |source| CatalogError::Template {
        slug: slug.clone(),
        source,
    };
    let note = written
        .note
        .as_deref()
        .map(Note::parse)
        .transpose()
        .map_err(in_entry)?;
    let connections = written
        .connections
        .into_iter()
        .map(connection)
        .collect::<Result<_, _>>()
        .map_err(in_entry)?;
    let env = written
        .env
        .into_iter()
        .map(env_variable)
        .collect::<Result<_, _>>()
        .map_err(in_entry)?;
    let primary = written
        .primary_port
        .or_else(|| written.ports.first().map(|port| port.number));
    Ok(Entry {
        category,
        image,
        color,
        note,
        connections,
        ports: ports(written.ports, primary),
        env,
        slug: written.slug,
        name: written.name,
        summary: written.summary,
        default_tag: written.default_tag,
        tags: written.tags,
        badge: written.badge,
        logo: written.logo,
        volumes: written.volumes,
        keywords: written.keywords,
        needs: written.needs,
        command: written.command,
        tty: written.tty,
        docs: written.docs,
        architectures: written.architectures,
        featured: written.featured,
    })
}

/// A number can be there for TCP and for UDP; the first of them is the primary one.
fn ports(written: Vec<WrittenPort>, primary: Option<u16>) -> Vec<Port> {
    let position = written.iter().position(|port| Some(port.number) == primary);
    written
        .into_iter()
        .enumerate()
        .map(|(index, port)| Port {
            number: port.number,
            protocol: port.protocol,
            purpose: port.purpose,
            web: port.web || port.https,
            https: port.https,
            path: port.path.unwrap_or_else(|| "/".to_owned()),
            primary: Some(index) == position,
        })
        .collect()
}

fn env_variable(written: WrittenEnv) -> Result<EnvVariable, TemplateError> {
    Ok(EnvVariable {
        secret: written.secret.unwrap_or(written.generate.is_some()),
        name: written.name,
        about: written.about,
        required: written.required,
        default: written.default,
        generate: written.generate,
        prefix: written.prefix,
        from: template(written.from.as_deref())?,
    })
}

fn connection(written: WrittenConnection) -> Result<Connection, TemplateError> {
    Ok(Connection {
        port: written.port,
        uri: Template::parse(&written.uri)?,
        when: written.when.map(|when| {
            let (name, value) = when.split_once('=').unwrap_or((&when, ""));
            (name.to_owned(), value.to_owned())
        }),
    })
}

fn template(written: Option<&str>) -> Result<Option<Template>, TemplateError> {
    written.map(Template::parse).transpose()
}
