//! QEMU's machine protocol (QMP): the few commands and events that we need.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use crate::{MachineError, VmStream};

/// How long QEMU may take to answer a command.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// Limit of a line; no answer that we request comes near it.
const MAX_LINE: u64 = 1 << 20;

/// A change of the virtual machine's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// It is shutting down.
    Shutdown {
        /// Whether the guest requested that.
        guest: bool,
    },
    /// Its CPUs are paused because its disk cannot be written.
    Paused {
        /// Why.
        reason: String,
    },
    /// Its CPUs run again.
    Resumed,
    /// Its CPUs have stopped for good.
    Stuck {
        /// Why.
        reason: String,
    },
}

/// Events as they come.
pub(super) type Events = mpsc::UnboundedReceiver<Event>;

/// A command and the receiver of its answer.
type Question = (Value, oneshot::Sender<Result<Value, MachineError>>);

/// A connection to QEMU. Clones share it.
#[derive(Clone)]
pub(super) struct Qmp {
    questions: mpsc::Sender<Question>,
    /// One command at a time, so that answers need no ids.
    turn: Arc<Mutex<()>>,
    _task: Arc<AbortOnDropHandle<()>>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "return")]
    answer: Option<Value>,
    error: Option<QmpError>,
    event: Option<String>,
    #[serde(default)]
    data: Value,
}

#[derive(Deserialize)]
struct QmpError {
    #[serde(default)]
    desc: String,
}

impl Qmp {
    /// Connects as soon as QEMU is listening, and queries whether the CPUs are running.
    pub(super) async fn connect(
        path: &Path,
        deadline: Duration,
    ) -> Result<(Self, Events), MachineError> {
        let connect = async {
            let stream = connect_when_there(path).await?;
            let (task, questions, events) = Self::serve(stream);
            let qmp = Self {
                questions,
                turn: Arc::default(),
                _task: Arc::new(task),
            };
            qmp.ask("qmp_capabilities").await?;
            Ok((qmp, events))
        };
        tokio::time::timeout(deadline, connect)
            .await
            .unwrap_or_else(|_| {
                Err(MachineError::Stuck {
                    reason: "QEMU is not responding".to_owned(),
                })
            })
    }

    fn serve(stream: Box<dyn VmStream>) -> (AbortOnDropHandle<()>, mpsc::Sender<Question>, Events) {
        let (questions, mut asked) = mpsc::channel::<Question>(1);
        let (events_sender, events) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let (reader, mut writer) = tokio::io::split(stream);
            let mut lines = Lines::new(reader);
            let mut waiting: Option<oneshot::Sender<Result<Value, MachineError>>> = None;
            loop {
                tokio::select! {
                    line = lines.next() => {
                        let Some(line) = line else { return };
                        if let Some(event) = line.event {
                            if let Some(event) = read_event(&event, &line.data)
                                && events_sender.send(event).is_err()
                            {
                                tracing::debug!("nobody follows QEMU's events");
                            }
                        } else if let Some(error) = line.error {
                            answer(&mut waiting, Err(MachineError::Stuck { reason: error.desc }));
                        } else if let Some(value) = line.answer {
                            answer(&mut waiting, Ok(value));
                        }
                    }
                    question = asked.recv() => {
                        let Some((command, sender)) = question else { return };
                        waiting = Some(sender);
                        let line = format!("{command}\n");
                        if writer.write_all(line.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                }
            }
        });
        (AbortOnDropHandle::new(task), questions, events)
    }

    /// Presses the machine's power button.
    pub(super) async fn power_down(&self) -> Result<(), MachineError> {
        self.ask("system_powerdown").await.map(drop)
    }

    /// Resumes paused CPUs; failed writes are tried again.
    pub(super) async fn resume(&self) -> Result<(), MachineError> {
        self.ask("cont").await.map(drop)
    }

    /// Makes QEMU quit.
    pub(super) async fn quit(&self) -> Result<(), MachineError> {
        self.ask("quit").await.map(drop)
    }

    /// The run state: `running`, `internal-error`, …
    pub(super) async fn status(&self) -> Result<String, MachineError> {
        let answer = self.ask("query-status").await?;
        Ok(answer["status"].as_str().unwrap_or_default().to_owned())
    }

    async fn ask(&self, command: &str) -> Result<Value, MachineError> {
        let _turn = self.turn.lock().await;
        let gone = || MachineError::Ended {
            reason: "QEMU closed its control socket".to_owned(),
        };
        let (sender, answer) = oneshot::channel();
        let command = json!({ "execute": command });
        let ask = async {
            self.questions
                .send((command, sender))
                .await
                .map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?
        };
        tokio::time::timeout(ANSWER_DEADLINE, ask)
            .await
            .unwrap_or_else(|_| {
                Err(MachineError::Stuck {
                    reason: "QEMU is not responding on its control socket".to_owned(),
                })
            })
    }
}

fn answer(
    waiting: &mut Option<oneshot::Sender<Result<Value, MachineError>>>,
    answer: Result<Value, MachineError>,
) {
    if let Some(waiting) = waiting.take() {
        // The caller may have given up.
        let _ = waiting.send(answer);
    }
}

fn read_event(name: &str, data: &Value) -> Option<Event> {
    match name {
        "SHUTDOWN" => Some(Event::Shutdown {
            guest: data["guest"].as_bool().unwrap_or_default(),
        }),
        // This event precedes the STOP event that it causes.
        "BLOCK_IO_ERROR" if data["action"] == "stop" => Some(Event::Paused {
            reason: if data["nospace"].as_bool().unwrap_or_default() {
                "this computer's disk is full".to_owned()
            } else {
                let reason = data["reason"].as_str().unwrap_or("for no reason given");
                format!("this computer cannot write the machine's disk: {reason}")
            },
        }),
        "RESUME" => Some(Event::Resumed),
        "STOP" => Some(Event::Stuck {
            reason: "its processors have stopped (an internal error of the accelerator)".to_owned(),
        }),
        "GUEST_PANICKED" => Some(Event::Stuck {
            reason: "its kernel has panicked".to_owned(),
        }),
        _ => None,
    }
}

/// QEMU's lines, each limited in size. Cancel safe.
struct Lines<R> {
    reader: BufReader<tokio::io::Take<R>>,
    line: Vec<u8>,
}

impl<R: tokio::io::AsyncRead + Unpin> Lines<R> {
    fn new(reader: R) -> Self {
        Self {
            reader: BufReader::new(reader.take(MAX_LINE)),
            line: Vec::new(),
        }
    }

    /// The next line that can be parsed; `None` at the end, or if a line exceeds the limit.
    async fn next(&mut self) -> Option<Line> {
        loop {
            self.reader.get_mut().set_limit(MAX_LINE);
            self.reader.read_until(b'\n', &mut self.line).await.ok()?;
            if self.line.last() != Some(&b'\n') {
                return None;
            }
            let line = std::mem::take(&mut self.line);
            // The greeting, and messages of later versions that we do not use.
            if let Ok(line) = serde_json::from_slice::<Line>(&line) {
                return Some(line);
            }
        }
    }
}

/// Connects as soon as the socket exists.
async fn connect_when_there(path: &Path) -> Result<Box<dyn VmStream>, MachineError> {
    loop {
        match connect_socket(path).await {
            Ok(stream) => return Ok(stream),
            // QEMU has no other way to signal that it is listening.
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused
                ) =>
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(error) => return Err(MachineError::file("Connecting to", path)(error)),
        }
    }
}

/// Connects to one of QEMU's sockets.
#[cfg(unix)]
pub(super) async fn connect_socket(path: &Path) -> std::io::Result<Box<dyn VmStream>> {
    Ok(Box::new(tokio::net::UnixStream::connect(path).await?))
}

/// On Windows, QEMU will use named pipes.
#[cfg(not(unix))]
pub(super) async fn connect_socket(_path: &Path) -> std::io::Result<Box<dyn VmStream>> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_that_matter() {
        let check = |name: &str, data: Value, expected: Option<Event>| {
            assert_eq!(read_event(name, &data), expected, "{name}");
        };
        check(
            "SHUTDOWN",
            json!({"guest": true, "reason": "guest-shutdown"}),
            Some(Event::Shutdown { guest: true }),
        );
        check("SHUTDOWN", json!(7), Some(Event::Shutdown { guest: false }));
        check("RTC_CHANGE", json!({}), None);
        let failed = |nospace| json!({"action": "stop", "nospace": nospace, "reason": "I/O error"});
        let paused = |reason: &str| {
            Some(Event::Paused {
                reason: reason.to_owned(),
            })
        };
        check(
            "BLOCK_IO_ERROR",
            failed(true),
            paused("this computer's disk is full"),
        );
        check(
            "BLOCK_IO_ERROR",
            failed(false),
            paused("this computer cannot write the machine's disk: I/O error"),
        );
        check("BLOCK_IO_ERROR", json!({"action": "report"}), None);
        check("RESUME", json!({}), Some(Event::Resumed));
        assert!(matches!(
            read_event("STOP", &json!({})),
            Some(Event::Stuck { .. })
        ));
    }

    #[tokio::test]
    async fn answers_find_who_asked_among_events_and_noise() {
        let (ours, theirs) = tokio::io::duplex(4096);
        let (task, questions, mut events) = Qmp::serve(Box::new(ours));
        let qmp = Qmp {
            questions,
            turn: Arc::default(),
            _task: Arc::new(task),
        };
        let qemu = tokio::spawn(async move {
            let (reader, mut writer) = tokio::io::split(theirs);
            writer
                .write_all(b"{\"QMP\": {\"version\": {}}}\nnoise\n")
                .await
                .unwrap();
            let mut lines = BufReader::new(reader).lines();
            let mut asked = Vec::new();
            for answer in [
                "{\"event\":\"SHUTDOWN\",\"data\":{\"guest\":true}}\n{\"return\":{\"status\":\"running\"}}\n",
                "{\"error\":{\"class\":\"GenericError\",\"desc\":\"no\"}}\n",
            ] {
                asked.push(lines.next_line().await.unwrap().unwrap());
                writer.write_all(answer.as_bytes()).await.unwrap();
            }
            asked
        });
        assert_eq!(qmp.status().await.unwrap(), "running");
        assert_eq!(events.recv().await, Some(Event::Shutdown { guest: true }));
        assert!(
            qmp.power_down()
                .await
                .unwrap_err()
                .to_string()
                .contains("no")
        );
        assert_eq!(
            qemu.await.unwrap(),
            [
                r#"{"execute":"query-status"}"#,
                r#"{"execute":"system_powerdown"}"#
            ]
        );
        // QEMU is gone.
        assert!(matches!(qmp.quit().await, Err(MachineError::Ended { .. })));
    }

    #[tokio::test]
    async fn a_line_without_end_ends_the_connection() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        let (task, _questions, mut events) = Qmp::serve(Box::new(ours));
        let flood = vec![b'x'; 1 << 16];
        while theirs.write_all(&flood).await.is_ok() {}
        assert_eq!(events.recv().await, None);
        drop(task);
    }
}
