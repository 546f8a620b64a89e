//! Connection strings: how a client connects to a container.

use std::borrow::Cow;

use crate::entry::Entry;
use crate::template::Template;

/// Replaces a secret in a masked text.
pub const MASK: &str = "••••••••";

/// One way to write how to connect to a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The port inside the container. TCP.
    pub port: u16,
    /// The string. `{{host}}` and `{{port}}` are where the port is reached, other names are variables of the
    /// container, whose values are escaped as parts of a URL.
    pub uri: Template,
    /// A variable and the value that it must have for this string to apply.
    pub when: Option<(String, String)>,
}

impl Entry {
    /// How to connect to a port of a container: the first way whose variables are all set. `host` and `port` are where
    /// the port is reached, `env` are the container's variables; those for which `masked` says so are written as
    /// [`MASK`].
    pub fn connection_string<'v>(
        &self,
        container_port: u16,
        (host, port): (&str, u16),
        env: impl Fn(&str) -> Option<&'v str>,
        masked: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        self.connections
            .iter()
            .filter(|way| way.port == container_port)
            .filter(|way| {
                way.when
                    .as_ref()
                    .is_none_or(|(name, value)| env(name) == Some(value.as_str()))
            })
            .find_map(|way| {
                way.uri.fill(|name| match name {
                    "host" => Some(Cow::Owned(host.clone())),
                    "port" => Some(Cow::Owned(port.to_string())),
                    name => env(name).map(|value| {
                        if value.is_empty() {
                            Cow::Borrowed(value)
                        } else if masked(name) {
                            Cow::Borrowed(MASK)
                        } else {
                            Cow::Owned(escaped(value))
                        }
                    }),
                })
            })
    }
}

/// A text as a part of a URL: what RFC 3986 calls unreserved stays, all else is written as its UTF-8 bytes.
pub fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut url, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
        url
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;

    #[track_caller]
    fn check(slug: &str, port: u16, env: &[(&str, &str)], expected: Option<&str>) {
        let entry = Catalog::bundled().entry(slug).unwrap();
        let value = |name: &str| {
            env.iter()
                .find_map(|(known, value)| (*known == name).then_some(*value))
        };
        let found = entry.connection_string(port, ("127.0.0.1", 55_000), value, |_| false);
        assert_eq!(found.as_deref(), expected, "{slug} {env:?}");
    }

    #[test]
    fn databases_are_reached_with_the_values_of_the_run() {
        check(
            "postgres",
            5432,
            &[
                ("POSTGRES_USER", "ada"),
                ("POSTGRES_PASSWORD", "p@ss/w:rd"),
                ("POSTGRES_DB", "shop"),
            ],
            Some("postgresql://ada:p%40ss%2Fw%3Ard@127.0.0.1:55000/shop"),
        );
        // The image's defaults: the user is postgres, and the database is named after the user.
        check(
            "postgres",
            5432,
            &[("POSTGRES_PASSWORD", "x")],
            Some("postgresql://postgres:x@127.0.0.1:55000/postgres"),
        );
        check(
            "postgres",
            5432,
            &[("POSTGRES_USER", "ada"), ("POSTGRES_PASSWORD", "x")],
            Some("postgresql://ada:x@127.0.0.1:55000/ada"),
        );
        check(
            "postgres",
            5432,
            &[("POSTGRES_HOST_AUTH_METHOD", "trust")],
            Some("postgresql://postgres@127.0.0.1:55000/postgres"),
        );
        check(
            "mysql",
            3306,
            &[
                ("MYSQL_USER", "app"),
                ("MYSQL_PASSWORD", "x"),
                ("MYSQL_DATABASE", "shop"),
                ("MYSQL_ROOT_PASSWORD", "r"),
            ],
            Some("mysql://app:x@127.0.0.1:55000/shop"),
        );
        check(
            "mysql",
            3306,
            &[("MYSQL_ROOT_PASSWORD", "r")],
            Some("mysql://root:r@127.0.0.1:55000/"),
        );
        check(
            "mariadb",
            3306,
            &[
                ("MYSQL_USER", "app"),
                ("MARIADB_PASSWORD", "x"),
                ("MYSQL_DATABASE", "shop"),
            ],
            Some("mysql://app:x@127.0.0.1:55000/shop"),
        );
        check(
            "mongo",
            27017,
            &[
                ("MONGO_INITDB_ROOT_USERNAME", "root"),
                ("MONGO_INITDB_ROOT_PASSWORD", "x"),
            ],
            Some("mongodb://root:x@127.0.0.1:55000/?authSource=admin"),
        );
        check("mongo", 27017, &[], Some("mongodb://127.0.0.1:55000/"));
        check("redis", 6379, &[], Some("redis://127.0.0.1:55000"));
        check(
            "elasticsearch",
            9200,
            &[
                ("ELASTIC_PASSWORD", "x"),
                ("xpack.security.http.ssl.enabled", "false"),
            ],
            Some("http://elastic:x@127.0.0.1:55000"),
        );
        check(
            "elasticsearch",
            9200,
            &[("ELASTIC_PASSWORD", "x")],
            Some("https://elastic:x@127.0.0.1:55000"),
        );
        check("postgres", 80, &[("POSTGRES_PASSWORD", "x")], None);
        check("nginx", 80, &[], None);
    }

    #[test]
    fn secrets_are_masked_and_addresses_of_ipv6_are_bracketed() {
        let entry = Catalog::bundled().entry("postgres").unwrap();
        let env = |name: &str| (name == "POSTGRES_PASSWORD").then_some("s3cret");
        let masked = |name: &str| name == "POSTGRES_PASSWORD";
        assert_eq!(
            entry
                .connection_string(5432, ("::1", 5432), env, masked)
                .unwrap(),
            "postgresql://postgres:••••••••@[::1]:5432/postgres"
        );
    }

    #[test]
    fn what_is_reserved_in_a_url_is_escaped() {
        assert_eq!(escaped("aZ09-._~"), "aZ09-._~");
        assert_eq!(escaped("a b%é@"), "a%20b%25%C3%A9%40");
    }

    /// Every entry with a prefilled draft has a connection string for each port that has one at all.
    #[test]
    fn every_connection_can_be_written_for_what_the_catalog_runs() {
        for entry in Catalog::bundled().entries() {
            let values: Vec<(String, String)> = entry
                .env
                .iter()
                .filter_map(|known| Some((known.name.clone(), known.initial_value().unwrap()?)))
                .collect();
            let value = |name: &str| {
                values
                    .iter()
                    .find_map(|(known, value)| (known == name).then_some(value.as_str()))
            };
            for way in &entry.connections {
                let found = entry.connection_string(way.port, ("h", 1), value, |_| false);
                assert!(found.is_some(), "{}: {}", entry.slug, way.port);
            }
        }
    }
}
