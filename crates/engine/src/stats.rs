//! What a container uses.

use std::pin::Pin;

use futures_util::Stream;

use crate::{Engine, EngineError, Timestamp};

/// What a container uses at one moment. Whatever the engine does not tell is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StatsSample {
    /// When it was measured.
    pub at: Option<Timestamp>,
    /// CPU since the sample before, in percent of one CPU; 200 is two CPUs.
    pub cpu_percent: Option<f64>,
    /// The counters behind `cpu_percent`, for a percentage between two samples of one's own.
    pub cpu: Option<CpuReading>,
    /// Memory in bytes, without what the kernel can take back at once.
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

/// A sample about every second. Ends when the container does.
pub type StatsStream = Pin<Box<dyn Stream<Item = Result<StatsSample, EngineError>> + Send>>;

impl Engine {
    /// One sample, at once. It has no `cpu_percent`: that takes two, see [`CpuReading`].
    pub async fn stats_once(&self, id: &str) -> Result<StatsSample, EngineError> {
        let _ = id;
        todo!()
    }

    /// Samples as they come.
    pub async fn stats_stream(&self, id: &str) -> Result<StatsStream, EngineError> {
        let _ = id;
        todo!()
    }
}
