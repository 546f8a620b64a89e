//! The catalog of images to run: the bundled entries, their search, and image references.
//!
//! This crate is plain data and pure functions. It deliberately opens no network connection, talks to
//! no engine, reads no file at run time and keeps no state beyond the catalog that is compiled into it.
//!
//! - [`Catalog::bundled`] gives the entries; [`Catalog::search`] ranks them against what a user types.
//! - [`ImageReference`] follows the grammar of `distribution/reference`, as Docker does.
//! - [`Template`] is text with placeholders for environment values (`{{POSTGRES_PASSWORD}}`).
//! - [`Connection`] is how a client connects to what an entry runs.
//! - [`SecretSpec`] generates the passwords that entries ask for.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bundled;
mod catalog;
mod connection;
mod entry;
mod image_reference;
mod pasted;
mod rules;
mod search;
mod secret;
mod template;

pub use catalog::{Catalog, CatalogError};
pub use connection::{Connection, MASK, escaped};
pub use entry::{Badge, Category, Color, Entry, EnvVariable, Port, Protocol, VolumeMount};
pub use image_reference::{ImageReference, ImageReferenceError};
pub use search::{Hit, Match};
pub use secret::{Alphabet, SecretError, SecretSpec};
pub use template::{Note, Template, TemplateError};
