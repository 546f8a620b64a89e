//! Named volumes.

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;

use crate::container_detail::some_text;
use crate::text;
use crate::{Engine, EngineError, Noun, json};

/// A volume as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name; 64 hexadecimal digits for an anonymous volume.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireList {
    volumes: Option<Vec<WireVolume>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireVolume {
    #[serde(default, deserialize_with = "text::line")]
    name: Option<String>,
    #[serde(default, deserialize_with = "text::labels")]
    labels: Option<BTreeMap<String, String>>,
}

fn parse_list(body: &[u8]) -> Result<Vec<Volume>, EngineError> {
    let wire: WireList = json::object(body, "the list of volumes")?;
    Ok(wire
        .volumes
        .unwrap_or_default()
        .into_iter()
        .filter_map(|volume| {
            Some(Volume {
                name: some_text(volume.name)?,
                labels: volume.labels.unwrap_or_default(),
            })
        })
        .collect())
}

impl Engine {
    /// Lists volumes, only those with all of these labels: `key` or `key=value`.
    pub async fn list_volumes(&self, labels: &[String]) -> Result<Vec<Volume>, EngineError> {
        let mut call = self.call(Method::GET, &["volumes"]).about(Noun::Engine, "");
        if !labels.is_empty() {
            let filters = serde_json::json!({ "label": labels });
            call = call.query("filters", &filters.to_string());
        }
        let answer = call.send().await?;
        parse_list(&answer.body)
    }

    /// Removes a volume with its data. Refused while a container uses it.
    pub async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        self.call(Method::DELETE, &["volumes", name])
            .about(Noun::Volume, name)
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
        let volumes = parse_list(
            br#"{"Volumes":[{"Name":"db-data","Driver":"local","Labels":{"a":"b"},"Scope":"local"},
                {"Name":"plain","Labels":null},{"Name":""},{}],"Warnings":null}"#,
        )
        .unwrap();
        let names: Vec<&str> = volumes.iter().map(|volume| volume.name.as_str()).collect();
        assert_eq!(names, ["db-data", "plain"]);
        assert_eq!(volumes[0].labels["a"], "b");
        assert_eq!(parse_list(br#"{"Volumes":null}"#).unwrap(), []);
    }
}
