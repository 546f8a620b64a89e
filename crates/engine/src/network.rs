//! User-defined networks.

use http::Method;
use serde::Deserialize;

use crate::container_detail::some_text;
use crate::text;
use crate::{Engine, EngineError, Noun, json};

/// A network of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Empty where the engine does not tell it.
    pub id: String,
    /// Unique on most engines; old ones allow two of the same name.
    pub name: String,
}

impl Network {
    /// Whether the engine finds this network by `reference`: its name, or the beginning of its id.
    #[must_use]
    pub fn is(&self, reference: &str) -> bool {
        self.name == reference || (!reference.is_empty() && self.id.starts_with(reference))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireNetwork {
    #[serde(default, deserialize_with = "text::line")]
    id: Option<String>,
    #[serde(default, deserialize_with = "text::line")]
    name: Option<String>,
}

fn parse_list(body: &[u8]) -> Result<Vec<Network>, EngineError> {
    let wire: Option<Vec<WireNetwork>> = json::object(body, "the list of networks")?;
    Ok(wire
        .unwrap_or_default()
        .into_iter()
        .filter_map(|network| {
            Some(Network {
                name: some_text(network.name)?,
                id: network.id.unwrap_or_default(),
            })
        })
        .collect())
}

impl Engine {
    /// All networks, with the engine's own.
    pub async fn list_networks(&self) -> Result<Vec<Network>, EngineError> {
        let call = self
            .call(Method::GET, &["networks"])
            .about(Noun::Engine, "");
        parse_list(&call.send().await?.body)
    }

    /// Creates a network of the engine's default kind, on which containers find each other by name. Refused if the name
    /// exists.
    pub async fn create_network(&self, name: &str) -> Result<(), EngineError> {
        // Old engines create a second one of the same name unless told not to.
        let body = serde_json::json!({ "Name": name, "CheckDuplicate": true });
        self.call(Method::POST, &["networks", "create"])
            .about(Noun::Network, name)
            .json(&body)
            .send()
            .await?;
        Ok(())
    }

    /// Attaches a container to a network, also while it is running.
    pub async fn connect_network(&self, network: &str, container: &str) -> Result<(), EngineError> {
        let body = serde_json::json!({ "Container": container });
        self.call(Method::POST, &["networks", network, "connect"])
            .about(Noun::Network, network)
            .json(&body)
            .send()
            .await?;
        Ok(())
    }

    /// Removes a network. Refused while containers are attached to it.
    pub async fn remove_network(&self, name: &str) -> Result<(), EngineError> {
        self.call(Method::DELETE, &["networks", name])
            .about(Noun::Network, name)
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
        let body = br#"[{"Name":"bridge","Id":"a"},{"Name":"shop","Labels":null},{"Name":""},{}]"#;
        let networks = parse_list(body).unwrap();
        let names: Vec<&str> = networks.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["bridge", "shop"]);
        assert_eq!(parse_list(b"null").unwrap(), []);
    }

    #[test]
    fn a_network_is_found_by_its_name_and_by_the_beginning_of_its_id() {
        let network = Network {
            id: "4f2c".to_owned(),
            name: "shop".to_owned(),
        };
        for (reference, found) in [("shop", true), ("4f", true), ("sho", false), ("", false)] {
            assert_eq!(network.is(reference), found, "{reference}");
        }
    }
}
