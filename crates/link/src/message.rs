//! What host and guest say to each other.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the host asks for. Each request opens a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// The stream becomes a connection to dockerd's API.
    Docker,
    /// The stream becomes a TCP connection that the guest makes.
    DialTcp {
        /// Where to.
        address: SocketAddr,
    },
    /// The stream carries datagrams ([`crate::LinkStream::send_bytes`]) to and from one address.
    DialUdp {
        /// Where to.
        address: SocketAddr,
    },
    /// The stream carries [`GuestNews`]: everything that happened since the kernel started, then what happens.
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
        /// Whose.
        source: LogSource,
        /// Whether to go on with what is still to come.
        follow: bool,
    },
    /// Gives unused blocks of the data disk back to the host.
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
    /// Stops dockerd and starts it again.
    RestartDocker,
    /// Repairs the data disk's file system as far as e2fsck can, when it was found broken; the boot goes on then.
    RepairDisk,
    /// Stops the containers and dockerd, writes everything to the disks and powers the machine off.
    PowerOff,
}

/// How long a guest may take for its answer to most requests.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

impl Request {
    /// How long the guest may take to answer.
    pub fn patience(&self) -> Duration {
        match self {
            Self::RepairDisk => Duration::from_mins(31),
            Self::Trim => Duration::from_mins(11),
            _ => ANSWER_DEADLINE,
        }
    }
}

/// Whose log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogSource {
    /// The agent's own.
    Agent,
    /// dockerd's.
    Dockerd,
    /// containerd's.
    Containerd,
    /// The kernel's.
    Kernel,
}

/// What the guest answers when it does what was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// The stream is what the request asked for.
    Connected,
    /// It was done.
    Done,
    /// To [`Request::Ping`].
    Pong {
        /// Milliseconds since the kernel started.
        uptime_ms: u64,
    },
    /// To [`Request::Clock`].
    Clock {
        /// By how much the guest's clock was off, in nanoseconds; positive if it was behind.
        offset_ns: i64,
        /// Whether it was set.
        stepped: bool,
    },
    /// To [`Request::Stats`].
    Stats(GuestStats),
    /// To [`Request::Trim`].
    Trimmed {
        /// How many bytes were given back; blocks that were given back before may be counted again.
        bytes: u64,
    },
    /// To [`Request::RepairDisk`].
    Repaired {
        /// e2fsck's words.
        report: String,
    },
}

/// Why the guest does not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What a program may tell apart.
    pub kind: RefusalKind,
    /// Words for people.
    pub message: String,
}

impl Refusal {
    /// Words of a length that can be shown, and without control characters.
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

/// What a program may tell apart about refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The agent does not know such a request.
    Unknown,
    /// Not now: the machine is still starting, or stopping.
    NotReady,
    /// Nobody listens at the address.
    ConnectionRefused,
    /// No way leads to the address, or nothing answered in time.
    Unreachable,
    /// It was tried and failed.
    Failed,
    /// A kind that this version does not know.
    #[serde(other)]
    Other,
}

/// One piece of news from the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestNews {
    /// Milliseconds from the kernel's start until it happened.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: GuestEvent,
}

/// What happened in the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum GuestEvent {
    /// The boot got somewhere.
    Phase {
        /// Where.
        phase: Phase,
    },
    /// The data disk.
    Disk {
        /// How it is.
        state: DiskState,
    },
    /// dockerd.
    Docker {
        /// How it is.
        state: DockerState,
    },
    /// dockerd listens, or is about to, on a network of its own as well: [`crate::guest_network::ENGINE`].
    EngineNetwork,
    /// A program that the guest cannot do without ended and is started again.
    Restarted {
        /// Which.
        service: Service,
        /// How it ended, in words for people.
        why: String,
    },
    /// The clock was set, because it was off.
    ClockSet {
        /// By how much, in nanoseconds.
        offset_ns: i64,
    },
    /// Something is not as it should be and the machine goes on without it.
    Warning {
        /// Words for people.
        message: String,
    },
    /// The boot has come to an end without dockerd, for a reason that is not the data disk. The link stays.
    Failed {
        /// Words for people.
        reason: String,
    },
    /// The machine is going down.
    PoweringOff,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Where a boot has got to. Some of it happens at the same time, so the order may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The agent runs.
    Agent,
    /// The drivers for disks and the link are loaded.
    Drivers,
    /// The root file system is mounted.
    Root,
    /// The link is open.
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

/// How the data disk is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "disk", rename_all = "snake_case")]
pub enum DiskState {
    /// A blank disk is made into a data disk.
    Formatting,
    /// The file system is checked.
    Checking,
    /// The file system takes up the disk's new size.
    Growing,
    /// It is in use.
    Mounted,
    /// It cannot be used; dockerd does not run. The link stays.
    Broken {
        /// Words for people.
        reason: String,
        /// Whether [`Request::RepairDisk`] may help.
        repairable: bool,
    },
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// How dockerd is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "docker", rename_all = "snake_case")]
pub enum DockerState {
    /// It was started and does not answer yet.
    Starting,
    /// It answers.
    Running,
    /// It ended and is started again after a while.
    Restarting {
        /// How it ended, in words for people.
        why: String,
        /// How long until the next attempt, in milliseconds.
        after_ms: u64,
    },
    /// It was stopped, for the machine is going down.
    Stopped,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A program that the guest cannot do without.
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

/// What the guest uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GuestStats {
    /// Milliseconds since the kernel started.
    pub uptime_ms: u64,
    /// The memory that the kernel has, in bytes.
    pub memory_total: u64,
    /// What could be had without swapping, in bytes.
    pub memory_available: u64,
    /// The average length of the run queue over the last minute.
    pub load_1: f64,
    /// Over the last five minutes.
    pub load_5: f64,
    /// Over the last fifteen minutes.
    pub load_15: f64,
    /// Time that all processors have worked, in milliseconds, since the kernel started.
    pub cpu_busy_ms: u64,
    /// Time that all processors have had nothing to do, in milliseconds.
    pub cpu_idle_ms: u64,
    /// The size of the data disk's file system, in bytes. Zero while there is none.
    pub disk_total: u64,
    /// What is used of it.
    pub disk_used: u64,
    /// What containers may still write.
    pub disk_available: u64,
}

/// What the guest answers.
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
