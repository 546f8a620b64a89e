//! The messages between host and guest.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A request of the host. Each one opens a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// The stream becomes a connection to dockerd's API.
    Docker,
    /// The stream becomes a TCP connection that the guest opens.
    DialTcp {
        /// The destination.
        address: SocketAddr,
    },
    /// The stream carries datagrams ([`crate::LinkStream::send_bytes`]) to and from one address.
    DialUdp {
        /// The destination.
        address: SocketAddr,
    },
    /// The stream carries [`GuestNews`]: all events since the kernel started, then new ones.
    Events,
    /// Answered with [`Reply::Pong`].
    Ping,
    /// Sets the guest's clock if it is off by more than 100 ms.
    Clock {
        /// Nanoseconds since 1970.
        unix_time_ns: u64,
    },
    /// Answered with [`Reply::Stats`].
    Stats,
    /// The stream carries the lines of a log as bytes.
    Log {
        /// The log's source.
        source: LogSource,
        /// Whether to continue with new lines.
        follow: bool,
    },
    /// Trims unused blocks of the data disk, which returns them to the host.
    Trim,
    /// Runs a program in the guest, for diagnosis; the stream carries [`crate::ShellInput`] and [`crate::ShellOutput`].
    Shell {
        /// The program and its arguments; without one, a shell.
        command: Option<Vec<String>>,
        /// The terminal's width. With no columns or no rows there is no terminal.
        columns: u16,
        /// The terminal's height.
        rows: u16,
    },
    /// Restarts dockerd.
    RestartDocker,
    /// Repairs the data disk's file system as far as e2fsck can, after it was found damaged; then the boot continues.
    RepairDisk,
    /// Stops the containers and dockerd, flushes all disks and powers the machine off.
    PowerOff,
}

/// The guest's timeout for most requests.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

impl Request {
    /// The guest's timeout for this request.
    pub fn patience(&self) -> Duration {
        match self {
            Self::RepairDisk => Duration::from_mins(31),
            Self::Trim => Duration::from_mins(11),
            _ => ANSWER_DEADLINE,
        }
    }
}

/// The source of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogSource {
    /// The agent.
    Agent,
    /// dockerd.
    Dockerd,
    /// containerd.
    Containerd,
    /// The kernel.
    Kernel,
}

/// The guest's answer to a request that it carries out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// The stream is ready to be used as requested.
    Connected,
    /// Done.
    Done,
    /// To [`Request::Ping`].
    Pong {
        /// Milliseconds since the kernel started.
        uptime_ms: u64,
    },
    /// To [`Request::Clock`].
    Clock {
        /// Deviation of the guest's clock, in nanoseconds; positive if it was behind.
        offset_ns: i64,
        /// Whether the clock was set.
        stepped: bool,
    },
    /// To [`Request::Stats`].
    Stats(GuestStats),
    /// To [`Request::Trim`].
    Trimmed {
        /// Bytes that were trimmed; blocks that had been trimmed before may be counted again.
        bytes: u64,
    },
    /// To [`Request::RepairDisk`].
    Repaired {
        /// Output of e2fsck.
        report: String,
    },
}

/// Why the guest does not carry out a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The reason, for programs.
    pub kind: RefusalKind,
    /// The reason, for people.
    pub message: String,
}

impl Refusal {
    /// Text limited in length and without control characters.
    pub(crate) fn bounded(mut self) -> Self {
        self.message = self
            .message
            .chars()
            .map(|character| match character {
                '\n' | '\t' => ' ',
                other => other,
            })
            .filter(|character| !character.is_control())
            .take(2000)
            .collect();
        self
    }
}

/// Reasons for a refusal that programs distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The agent does not know this request.
    Unknown,
    /// Not now: the machine is still starting, or stopping.
    NotReady,
    /// Nothing is listening at the address.
    ConnectionRefused,
    /// There is no route to the address, or nothing answered in time.
    Unreachable,
    /// The attempt failed.
    Failed,
    /// A kind that this version does not know.
    #[serde(other)]
    Other,
}

/// One event of the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestNews {
    /// Time since the kernel's start, in milliseconds.
    pub at_ms: u64,
    /// The event.
    #[serde(flatten)]
    pub event: GuestEvent,
}

/// The kinds of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum GuestEvent {
    /// The boot has reached a phase.
    Phase {
        /// The phase.
        phase: Phase,
    },
    /// The data disk's state has changed.
    Disk {
        /// The state.
        state: DiskState,
    },
    /// dockerd's state has changed.
    Docker {
        /// The state.
        state: DockerState,
    },
    /// dockerd also listens, now or soon, on a separate network: [`crate::guest_network::ENGINE`].
    EngineNetwork,
    /// An essential program has ended and will be restarted.
    Restarted {
        /// The program.
        service: Service,
        /// How it ended, for people.
        why: String,
    },
    /// The clock was wrong and has been set.
    ClockSet {
        /// The deviation, in nanoseconds.
        offset_ns: i64,
    },
    /// A problem that does not stop the machine.
    Warning {
        /// The problem, for people.
        message: String,
    },
    /// The boot ended without dockerd, for a reason other than the data disk. The link stays.
    Failed {
        /// The reason, for people.
        reason: String,
    },
    /// The machine is shutting down.
    PoweringOff,
    /// An event that this version does not know.
    #[serde(other)]
    Unknown,
}

/// The phases of a boot. Some overlap, so their order may vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The agent is running.
    Agent,
    /// The drivers for disks and the link are loaded.
    Drivers,
    /// The root file system is mounted.
    Root,
    /// The link's port is open.
    Link,
    /// The data disk is mounted.
    Data,
    /// containerd listens.
    Containerd,
    /// The network is set up.
    Network,
    /// dockerd answers.
    Docker,
    /// A phase that this version does not know.
    #[serde(other)]
    Unknown,
}

/// The states of the data disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "disk", rename_all = "snake_case")]
pub enum DiskState {
    /// A blank disk is being formatted.
    Formatting,
    /// The file system is being checked.
    Checking,
    /// The file system is being grown to the disk's new size.
    Growing,
    /// It is mounted.
    Mounted,
    /// It cannot be used; dockerd is not started. The link stays.
    Broken {
        /// The reason, for people.
        reason: String,
        /// Whether [`Request::RepairDisk`] may help.
        repairable: bool,
    },
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// The states of dockerd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "docker", rename_all = "snake_case")]
pub enum DockerState {
    /// It was started and does not answer yet.
    Starting,
    /// It answers.
    Running,
    /// It has ended and will be restarted after a pause.
    Restarting {
        /// How it ended, for people.
        why: String,
        /// Time until the next attempt, in milliseconds.
        after_ms: u64,
    },
    /// It was stopped because the machine is shutting down.
    Stopped,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// The essential programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// containerd.
    Containerd,
    /// dockerd.
    Dockerd,
    /// A service that this version does not know.
    #[serde(other)]
    Unknown,
}

/// The guest's resource use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GuestStats {
    /// Milliseconds since the kernel started.
    pub uptime_ms: u64,
    /// Total memory of the kernel, in bytes.
    pub memory_total: u64,
    /// Memory available without swapping, in bytes.
    pub memory_available: u64,
    /// Load average of the last minute.
    pub load_1: f64,
    /// Load average of the last five minutes.
    pub load_5: f64,
    /// Load average of the last fifteen minutes.
    pub load_15: f64,
    /// Busy time of all processors since the kernel started, in milliseconds.
    pub cpu_busy_ms: u64,
    /// Idle time of all processors, in milliseconds.
    pub cpu_idle_ms: u64,
    /// The size of the data disk's file system, in bytes. Zero while there is none.
    pub disk_total: u64,
    /// Used space of it.
    pub disk_used: u64,
    /// Space that containers can still write.
    pub disk_available: u64,
}

/// The guest's reply to a request: an answer or a refusal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Reply(Reply),
    Refusal(Refusal),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: GuestEvent) {
        let news: GuestNews = serde_json::from_str(json).expect("news");
        assert_eq!(
            news,
            GuestNews {
                at_ms: 7,
                event: expected
            }
        );
    }

    #[test]
    fn news_of_a_newer_guest_is_no_error() {
        let phase = |phase| GuestEvent::Phase { phase };
        check(
            r#"{"at_ms":7,"event":"phase","phase":"root","more":1}"#,
            phase(Phase::Root),
        );
        check(
            r#"{"at_ms":7,"event":"phase","phase":"later"}"#,
            phase(Phase::Unknown),
        );
        check(
            r#"{"at_ms":7,"event":"failed","reason":"x","at":"root"}"#,
            GuestEvent::Failed { reason: "x".into() },
        );
        check(
            r#"{"at_ms":7,"event":"engine_network","mtu":1500}"#,
            GuestEvent::EngineNetwork,
        );
        check(
            r#"{"at_ms":7,"event":"weather","is":"fine"}"#,
            GuestEvent::Unknown,
        );
        check(
            r#"{"at_ms":7,"event":"disk","state":{"disk":"defragmenting","percent":3}}"#,
            GuestEvent::Disk {
                state: DiskState::Unknown,
            },
        );
        check(
            r#"{"at_ms":7,"event":"docker","state":{"docker":"upgrading"}}"#,
            GuestEvent::Docker {
                state: DockerState::Unknown,
            },
        );
        check(
            r#"{"at_ms":7,"event":"restarted","service":"dnsd","why":"x"}"#,
            GuestEvent::Restarted {
                service: Service::Unknown,
                why: "x".into(),
            },
        );
        let refusal = r#"{"kind":"too_windy","message":"no"}"#;
        let refusal: Refusal = serde_json::from_str(refusal).expect("a refusal");
        assert_eq!(refusal.kind, RefusalKind::Other);
    }

    #[test]
    fn what_is_shown_of_a_refusal_is_bounded() {
        let refusal = Refusal {
            kind: RefusalKind::Failed,
            message: "a\n\u{1b}[31m".repeat(5000),
        };
        let message = refusal.bounded().message;
        assert_eq!(message.chars().count(), 2000);
        assert!(!message.contains(char::is_control));
    }
}
