//! Resource use of containers.

use serde::{Deserialize, Serialize};
use specta::Type;

/// One measurement of one container. What the engine does not report is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct StatsView {
    /// Full id of the container.
    pub id: String,
    /// CPU in percent of one CPU: 150 is one and a half CPUs.
    #[specta(type = Option<u32>)]
    pub cpu_percent: Option<f64>,
    /// Memory in use without the page cache, in bytes.
    pub memory_bytes: Option<u64>,
    /// Memory limit in bytes.
    pub memory_limit: Option<u64>,
    /// Bytes received from networks since the start.
    pub network_rx_bytes: Option<u64>,
    /// Bytes sent to networks since the start.
    pub network_tx_bytes: Option<u64>,
    /// Bytes read from disks since the start.
    pub block_read_bytes: Option<u64>,
    /// Bytes written to disks since the start.
    pub block_write_bytes: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}
