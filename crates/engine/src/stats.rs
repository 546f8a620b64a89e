//! Resource use of containers.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, stream};
use http::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::byte_stream::JsonStream;
use crate::{Engine, EngineError, Timestamp, json};

/// Resource use of a container at one moment. Values that the engine does not report are `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StatsSample {
    /// When it was measured.
    pub at: Option<Timestamp>,
    /// CPU since the previous sample, in percent of one CPU; 200 is two CPUs.
    pub cpu_percent: Option<f64>,
    /// The counters behind `cpu_percent`, for percentages between other samples.
    pub cpu: Option<CpuReading>,
    /// Memory in bytes, without the page cache that the kernel can drop at once.
    pub memory_used: Option<u64>,
    /// Memory limit in bytes; the host's memory if the container has none.
    pub memory_limit: Option<u64>,
    /// Bytes received, all networks together.
    pub network_rx: Option<u64>,
    /// Bytes sent, all networks together.
    pub network_tx: Option<u64>,
    /// Bytes read from disks.
    pub block_read: Option<u64>,
    /// Bytes written to disks.
    pub block_write: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

/// CPU counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuReading {
    /// Nanoseconds that the container has used.
    pub container_nanos: u64,
    /// Nanoseconds that all CPUs of the host have spent.
    pub system_nanos: u64,
    /// CPUs.
    pub online_cpus: u32,
}

/// A sample about every second.
pub type StatsStream = Pin<Box<dyn Stream<Item = Result<StatsSample, EngineError>> + Send>>;

impl CpuReading {
    /// CPU since an earlier reading, in percent of one CPU. `None` if no time has passed or a
    /// counter has gone back, as after a restart.
    pub fn percent_since(&self, earlier: &Self) -> Option<f64> {
        let container = self.container_nanos.checked_sub(earlier.container_nanos)?;
        let system = self.system_nanos.checked_sub(earlier.system_nanos)?;
        if system == 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "differences of nanoseconds over a second are far below 2^52"
        )]
        let ratio = container as f64 / system as f64;
        Some(ratio * f64::from(self.online_cpus) * 100.0)
    }
}

impl CpuReading {
    /// Whether enough time has passed since an earlier reading for a meaningful percentage: the kernel counts in steps
    /// of 10 ms.
    fn is_well_after(&self, earlier: &Self) -> bool {
        const ENOUGH: u64 = 100_000_000;
        let passed = self.system_nanos.saturating_sub(earlier.system_nanos);
        passed >= ENOUGH.saturating_mul(self.online_cpus.into())
    }
}

#[derive(Deserialize)]
struct Wire {
    read: Option<String>,
    cpu_stats: Option<WireCpu>,
    precpu_stats: Option<WireCpu>,
    memory_stats: Option<WireMemory>,
    networks: Option<BTreeMap<String, WireNetwork>>,
    blkio_stats: Option<WireBlock>,
    pids_stats: Option<WirePids>,
}

#[derive(Deserialize)]
struct WireCpu {
    cpu_usage: Option<WireCpuUsage>,
    system_cpu_usage: Option<u64>,
    online_cpus: Option<u32>,
}

#[derive(Deserialize)]
struct WireCpuUsage {
    total_usage: Option<u64>,
    percpu_usage: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
struct WireMemory {
    usage: Option<u64>,
    limit: Option<u64>,
    stats: Option<BTreeMap<String, u64>>,
    /// Windows.
    privateworkingset: Option<u64>,
}

#[derive(Deserialize)]
struct WireNetwork {
    rx_bytes: Option<u64>,
    tx_bytes: Option<u64>,
}

#[derive(Deserialize)]
struct WireBlock {
    io_service_bytes_recursive: Option<Vec<WireBlockEntry>>,
}

#[derive(Deserialize)]
struct WireBlockEntry {
    op: Option<String>,
    value: Option<u64>,
}

#[derive(Deserialize)]
struct WirePids {
    current: Option<u64>,
}

impl WireCpu {
    fn reading(&self) -> Option<CpuReading> {
        let usage = self.cpu_usage.as_ref()?;
        let counted = || {
            let cpus = usage.percpu_usage.as_ref()?.len();
            u32::try_from(cpus).ok().filter(|cpus| *cpus > 0)
        };
        Some(CpuReading {
            container_nanos: usage.total_usage?,
            // Zero before the first sample; a percentage from it would be the average over the host's uptime.
            system_nanos: self.system_cpu_usage.filter(|nanos| *nanos > 0)?,
            online_cpus: self.online_cpus.filter(|cpus| *cpus > 0).or_else(counted)?,
        })
    }
}

impl WireMemory {
    /// Memory as `docker stats` shows it: without the page cache that the kernel can drop at once.
    fn used(&self) -> Option<u64> {
        let Some(usage) = self.usage else {
            return self.privateworkingset;
        };
        let cache = |key: &str| {
            let bytes = *self.stats.as_ref()?.get(key)?;
            (bytes < usage).then_some(bytes)
        };
        // cgroup v1, then v2.
        let reclaimable = cache("total_inactive_file").or_else(|| cache("inactive_file"));
        Some(usage - reclaimable.unwrap_or_default())
    }
}

impl Wire {
    fn into_sample(self, previous: Option<&CpuReading>) -> StatsSample {
        let cpu = self.cpu_stats.as_ref().and_then(WireCpu::reading);
        let before = self.precpu_stats.as_ref().and_then(WireCpu::reading);
        let sum = |value: fn(&WireNetwork) -> Option<u64>| {
            let networks = self.networks.as_ref()?;
            Some(
                networks
                    .values()
                    .filter_map(value)
                    .fold(0, u64::saturating_add),
            )
        };
        let block = |wanted: &str| {
            let entries = self
                .blkio_stats
                .as_ref()?
                .io_service_bytes_recursive
                .as_ref()?;
            Some(
                entries
                    .iter()
                    .filter(|entry| {
                        entry
                            .op
                            .as_ref()
                            .is_some_and(|op| op.eq_ignore_ascii_case(wanted))
                    })
                    .filter_map(|entry| entry.value)
                    .fold(0, u64::saturating_add),
            )
        };
        StatsSample {
            at: self.read.and_then(|read| Timestamp::parse(read.as_bytes())),
            cpu_percent: cpu
                .zip(before.as_ref().or(previous))
                .and_then(|(cpu, before)| cpu.percent_since(before)),
            cpu,
            memory_used: self.memory_stats.as_ref().and_then(WireMemory::used),
            memory_limit: self
                .memory_stats
                .as_ref()
                .and_then(|memory| memory.limit)
                .filter(|limit| *limit > 0),
            network_rx: sum(|network| network.rx_bytes),
            network_tx: sum(|network| network.tx_bytes),
            block_read: block("read"),
            block_write: block("write"),
            pids: self.pids_stats.and_then(|pids| pids.current),
        }
    }
}

const WHAT: &str = "the statistics";

/// Engines send a sample every second, and an empty one while the container does not run.
const STALL: Duration = Duration::from_secs(30);

fn parse(line: &[u8]) -> Result<Wire, EngineError> {
    json::object(line, "statistics")
}

/// Docker answers with nothing at all when the container ends while it is asked.
fn first_sample(body: &[u8]) -> Result<StatsSample, EngineError> {
    if body.trim_ascii().is_empty() {
        return Ok(StatsSample::default());
    }
    Ok(parse(body)?.into_sample(None))
}

impl Engine {
    /// One sample, at once. It has no `cpu_percent`: that takes two, see
    /// [`CpuReading::percent_since`].
    pub async fn stats_once(&self, id: &str) -> Result<StatsSample, EngineError> {
        let answer = self
            .container_call(Method::GET, id, "stats")
            .query("stream", "0")
            // Without it the engine waits for a second sample.
            .query("one-shot", "1")
            .send()
            .await?;
        first_sample(&answer.body)
    }

    /// A stream of samples. While the container is not running, Docker sends samples that are all `None`, and Podman
    /// ends the stream.
    pub async fn stats_stream(&self, id: &str) -> Result<StatsStream, EngineError> {
        self.stats_stream_after(id, None).await
    }

    /// Like [`Engine::stats_stream`], with an earlier reading to compare the first sample with.
    pub async fn stats_stream_after(
        &self,
        id: &str,
        earlier: Option<CpuReading>,
    ) -> Result<StatsStream, EngineError> {
        let bytes = self
            .container_call(Method::GET, id, "stats")
            .query("stream", "1")
            .stream(WHAT)
            .await?;
        let mut samples = JsonStream::new(bytes);
        samples.watch(STALL);
        Ok(Box::pin(stream::try_unfold(
            (samples, earlier),
            |(mut samples, previous)| async move {
                let Some(wire) = samples.next(|line| parse(line).map(Some)).await? else {
                    return Ok(None);
                };
                let now = wire.cpu_stats.as_ref().and_then(WireCpu::reading);
                let previous =
                    previous.filter(|previous| now.is_some_and(|now| now.is_well_after(previous)));
                let sample = wire.into_sample(previous.as_ref());
                let previous = sample.cpu;
                Ok(Some((sample, (samples, previous))))
            },
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(json: &str) -> StatsSample {
        parse(json.as_bytes()).unwrap().into_sample(None)
    }

    #[test]
    fn cgroup_v1() {
        let sample = sample(include_str!("../tests/fixtures/stats-docker-20.10-v1.json"));
        assert_eq!(sample.cpu_percent, Some(50.0));
        assert_eq!(sample.memory_used, Some(90_000_000));
        assert_eq!(sample.memory_limit, Some(2_000_000_000));
        assert_eq!(
            (sample.network_rx, sample.network_tx),
            (Some(300), Some(30))
        );
        assert_eq!(
            (sample.block_read, sample.block_write),
            (Some(4096), Some(8192))
        );
        assert_eq!(sample.pids, Some(3));
    }

    #[test]
    fn cgroup_v2() {
        let sample = sample(include_str!("../tests/fixtures/stats-docker-26-v2.json"));
        assert_eq!(sample.memory_used, Some(80_000_000));
        assert_eq!(
            sample.cpu_percent, None,
            "the first sample has nothing to compare with"
        );
        assert_eq!(sample.cpu.unwrap().online_cpus, 2);
        assert_eq!(sample.block_read, None);
        assert_eq!(sample.network_rx, None);
    }

    #[test]
    fn of_a_container_that_does_not_run() {
        let empty = sample(
            r#"{"read":"0001-01-01T00:00:00Z","preread":"0001-01-01T00:00:00Z","pids_stats":{},"blkio_stats":{"io_service_bytes_recursive":null},"num_procs":0,"storage_stats":{},"cpu_stats":{"cpu_usage":{"total_usage":0},"throttling_data":{}},"precpu_stats":{"cpu_usage":{"total_usage":0}},"memory_stats":{},"name":"/x","id":"y"}"#,
        );
        assert_eq!(empty, StatsSample::default());
        assert_eq!(first_sample(b"\n").unwrap(), StatsSample::default());
        assert!(first_sample(b"<html>").is_err());
    }

    #[test]
    fn a_percentage_takes_a_while() {
        let at = |milliseconds: u64| CpuReading {
            container_nanos: 0,
            // Two CPUs.
            system_nanos: 2 * milliseconds * 1_000_000,
            online_cpus: 2,
        };
        assert!(!at(20).is_well_after(&at(0)));
        assert!(at(200).is_well_after(&at(0)));
        assert!(!at(0).is_well_after(&at(200)));
    }

    #[test]
    fn counters_that_go_back_give_nothing() {
        let reading = |container_nanos, system_nanos| CpuReading {
            container_nanos,
            system_nanos,
            online_cpus: 2,
        };
        assert_eq!(reading(10, 100).percent_since(&reading(20, 50)), None);
        assert_eq!(reading(20, 100).percent_since(&reading(10, 100)), None);
        assert_eq!(
            reading(20, 200).percent_since(&reading(10, 100)),
            Some(20.0)
        );
    }
}
