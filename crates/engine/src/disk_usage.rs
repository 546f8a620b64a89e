//! The disk usage of an engine.

use std::time::Duration;

use http::Method;
use serde::Deserialize;

use crate::{Engine, EngineError, json};

/// Timeout: the engine walks through every volume.
const DEADLINE: Duration = Duration::from_mins(2);

/// Disk usage of an engine, in bytes. Values that an engine does not count are 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskUsage {
    /// Images, layers that several share counted once.
    pub images: u64,
    /// What containers have written outside volumes.
    pub containers: u64,
    /// Volumes.
    pub volumes: u64,
    /// Build cache.
    pub build_cache: u64,
}

/// Until API 1.51 there are lists to add up; from 1.52 on there are totals as well, and the lists may be missing.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    image_usage: Option<WireUsage>,
    container_usage: Option<WireUsage>,
    volume_usage: Option<WireUsage>,
    build_cache_usage: Option<WireUsage>,
    layers_size: Option<i64>,
    containers: Option<Vec<WireContainer>>,
    volumes: Option<Vec<WireVolume>>,
    build_cache: Option<Vec<WireCacheRecord>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireUsage {
    total_size: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireContainer {
    size_rw: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireVolume {
    usage_data: Option<WireVolumeUsage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireVolumeUsage {
    size: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireCacheRecord {
    size: Option<i64>,
    shared: Option<bool>,
}

/// Engines report -1 for values that they did not count.
fn counted(bytes: Option<i64>) -> u64 {
    u64::try_from(bytes.unwrap_or(0)).unwrap_or(0)
}

fn sum(sizes: impl Iterator<Item = Option<i64>>) -> u64 {
    sizes.map(counted).fold(0, u64::saturating_add)
}

fn parse(body: &[u8]) -> Result<DiskUsage, EngineError> {
    let wire: Wire = json::object(body, "what the engine keeps on its disk")?;
    let total = |usage: Option<WireUsage>| usage.map(|usage| counted(usage.total_size));
    Ok(DiskUsage {
        images: total(wire.image_usage).unwrap_or_else(|| counted(wire.layers_size)),
        containers: total(wire.container_usage).unwrap_or_else(|| {
            sum(wire
                .containers
                .iter()
                .flatten()
                .map(|container| container.size_rw))
        }),
        volumes: total(wire.volume_usage).unwrap_or_else(|| {
            sum(wire
                .volumes
                .iter()
                .flatten()
                .map(|volume| volume.usage_data.as_ref()?.size))
        }),
        // A shared record belongs to an image, and is counted there.
        build_cache: total(wire.build_cache_usage).unwrap_or_else(|| {
            sum(wire
                .build_cache
                .iter()
                .flatten()
                .filter(|record| record.shared != Some(true))
                .map(|record| record.size))
        }),
    })
}

impl Engine {
    /// Requests the engine's disk usage, which may take it long to compute.
    pub async fn disk_usage(&self) -> Result<DiskUsage, EngineError> {
        let answer = self
            .call(Method::GET, &["system", "df"])
            .deadline(DEADLINE)
            .send()
            .await?;
        parse(&answer.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_added_up() {
        let usage = parse(
            br#"{"LayersSize":1000,"Images":[{"Id":"a","Size":700},{"Id":"b","Size":600}],
                "Containers":[{"Id":"c","SizeRw":5},{"Id":"d"}],
                "Volumes":[{"Name":"v","UsageData":{"RefCount":1,"Size":20}},{"Name":"w","UsageData":{"Size":-1}},{"Name":"x"}],
                "BuildCache":[{"ID":"1","Size":7,"Shared":false},{"ID":"2","Size":100,"Shared":true},{"ID":"3","Size":2}]}"#,
        )
        .unwrap();
        assert_eq!(
            usage,
            DiskUsage {
                images: 1000,
                containers: 5,
                volumes: 20,
                build_cache: 9
            }
        );
        let nothing = parse(
            br#"{"LayersSize":0,"Images":null,"Containers":null,"Volumes":null,"BuildCache":null}"#,
        );
        assert_eq!(nothing.unwrap(), DiskUsage::default());
    }

    #[test]
    fn sums_of_newer_engines_count() {
        let usage = parse(
            br#"{"ImageUsage":{"TotalCount":2,"TotalSize":11,"Reclaimable":1},"ContainerUsage":{"TotalSize":12},
                "VolumeUsage":{"TotalSize":13},"BuildCacheUsage":{"TotalSize":14},"LayersSize":5}"#,
        )
        .unwrap();
        assert_eq!(
            (
                usage.images,
                usage.containers,
                usage.volumes,
                usage.build_cache
            ),
            (11, 12, 13, 14)
        );
    }

    #[test]
    fn odd_answers_cost_only_what_is_odd() {
        let usage = parse(br#"{"LayersSize":"many","Volumes":[{"UsageData":{"Size":9223372036854775807}},{"UsageData":{"Size":9223372036854775807}},{"UsageData":{"Size":9223372036854775807}}]}"#).unwrap();
        assert_eq!(usage.images, 0);
        assert_eq!(usage.volumes, u64::MAX);
    }
}
