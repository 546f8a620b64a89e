//! User-defined networks.

use http::Method;
use serde::Deserialize;

use crate::container_detail::some_text;
use crate::{Engine, EngineError, Noun, json};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireNetwork {
    name: Option<String>,
}

fn parse_list(body: &[u8]) -> Result<Vec<String>, EngineError> {
    let wire: Option<Vec<WireNetwork>> = json::object(body, "the list of networks")?;
    Ok(wire
        .unwrap_or_default()
        .into_iter()
        .filter_map(|network| some_text(network.name))
        .collect())
}

impl Engine {
    /// Names of all networks.
    pub async fn list_networks(&self) -> Result<Vec<String>, EngineError> {
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
        assert_eq!(parse_list(body).unwrap(), ["bridge", "shop"]);
        assert_eq!(parse_list(b"null").unwrap(), [""; 0]);
    }
}
