//! The events of an engine.
//!
//! Events are hints: an engine drops them for a slow reader and forgets old ones. For a reliable view, subscribe, list,
//! apply events, and list again after every gap.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, stream};
use http::Method;
use serde::Deserialize;
use tokio::time::timeout;

use crate::byte_stream::JsonStream;
use crate::text::{self, clean};
use crate::{Engine, EngineError, Health, Product, Timestamp, json};

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A container; the event's id is its full id.
    Container,
    /// An image; the event's id is its id or reference.
    Image,
    /// A volume; the event's id is its name.
    Volume,
    /// A network; the event's id is its id.
    Network,
    /// Something else, in the engine's word.
    Other(String),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Made.
    Create,
    /// Started.
    Start,
    /// Stopped and started by the user.
    Restart,
    /// Stopped by the user. Comes beside [`Action::Die`].
    Stop,
    /// A signal was sent.
    Kill {
        /// Its number, where the engine tells.
        signal: Option<u32>,
    },
    /// Ended.
    Die {
        /// Exit code.
        exit_code: Option<i64>,
    },
    /// A process in it was killed because memory ran out.
    Oom,
    /// Paused.
    Pause,
    /// Resumed.
    Unpause,
    /// Renamed; the event's name is the new one.
    Rename {
        /// The name before.
        old_name: Option<String>,
    },
    /// Limits or restart policy changed.
    Update,
    /// Deleted: a container, volume or network was removed, or an image deleted.
    Remove,
    /// The health check's result has changed.
    Health(Health),
    /// A container was attached to a network.
    Connect,
    /// A container was detached from a network.
    Disconnect,
    /// An image was pulled.
    Pull,
    /// An image got a tag.
    Tag,
    /// An image lost a tag.
    Untag,
    /// Anything else, in the engine's word.
    Other(String),
}

/// An event of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, by the engine's clock.
    pub at: Option<Timestamp>,
    /// What it is about.
    pub subject: Subject,
    /// What happened.
    pub action: Action,
    /// The subject's id; see [`Subject`].
    pub id: String,
    /// The subject's name, where the engine tells.
    pub name: Option<String>,
    /// All other attributes, including a container's labels.
    pub attributes: BTreeMap<String, String>,
}

/// Events as they come. Ends when the connection does; an error is the last item.
pub type EventStream = Pin<Box<dyn Stream<Item = Result<Event, EngineError>> + Send>>;

const WHAT: &str = "the stream of events";

/// Limits of a read of past events: the number of latest events to keep, the time for the whole read, and the silence
/// after which it ends. An engine whose clock is behind would keep the stream open.
const PAST: (usize, Duration, Duration) =
    (2048, Duration::from_secs(2), Duration::from_millis(300));

/// How long to wait for Podman to begin its answer, which it may do only with the first event.
const PODMAN_PATIENCE: Duration = Duration::from_millis(250);

/// How far back Podman is asked to replay, so that no event is lost while subscribing. Events are hints, so a duplicate
/// does no harm.
const PODMAN_OVERLAP: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "Type")]
    subject: Option<String>,
    #[serde(rename = "Action")]
    action: Option<String>,
    #[serde(rename = "Actor")]
    actor: Option<WireActor>,
    time: Option<i64>,
    #[serde(rename = "timeNano")]
    time_nano: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireActor {
    #[serde(rename = "ID")]
    #[serde(default, deserialize_with = "text::line")]
    id: Option<String>,
    #[serde(default, deserialize_with = "text::labels")]
    attributes: Option<BTreeMap<String, String>>,
}

impl Subject {
    fn parse(word: &str) -> Self {
        match word {
            "container" => Self::Container,
            "image" => Self::Image,
            "volume" => Self::Volume,
            "network" => Self::Network,
            other => Self::Other(clean(other)),
        }
    }
}

impl Action {
    fn parse(word: &str, attributes: &BTreeMap<String, String>) -> Self {
        let health = |word: &str| match word.trim() {
            "starting" => Some(Health::Starting),
            "healthy" => Some(Health::Healthy),
            "unhealthy" => Some(Health::Unhealthy),
            _ => None,
        };
        match word {
            "create" => Self::Create,
            "start" => Self::Start,
            "restart" => Self::Restart,
            "stop" => Self::Stop,
            "kill" => Self::Kill {
                signal: attributes
                    .get("signal")
                    .and_then(|signal| signal_number(signal)),
            },
            "die" | "died" => Self::Die {
                exit_code: ["exitCode", "containerExitCode"]
                    .iter()
                    .find_map(|key| attributes.get(*key)?.parse().ok()),
            },
            "oom" => Self::Oom,
            "pause" => Self::Pause,
            "unpause" => Self::Unpause,
            "rename" => Self::Rename {
                old_name: attributes
                    .get("oldName")
                    .map(|name| name.trim_start_matches('/').to_owned()),
            },
            "update" => Self::Update,
            // Docker's words for containers, volumes and networks; for images; and Podman's.
            "destroy" | "delete" | "remove" | "removed" => Self::Remove,
            "connect" => Self::Connect,
            "disconnect" => Self::Disconnect,
            "pull" => Self::Pull,
            "tag" => Self::Tag,
            "untag" => Self::Untag,
            other => {
                // `health_status: healthy`; Podman may put the verdict into an attribute.
                let verdict = other.strip_prefix("health_status").and_then(|rest| {
                    health(rest.trim_start_matches(':'))
                        .or_else(|| health(attributes.get("health_status")?))
                });
                match verdict {
                    Some(verdict) => Self::Health(verdict),
                    None => Self::Other(clean(other)),
                }
            }
        }
    }
}

/// The number of the signal in an event: Docker writes `15` or, in old versions, what the caller wrote.
fn signal_number(word: &str) -> Option<u32> {
    if let Ok(number) = word.parse() {
        return Some(number);
    }
    match word.trim_start_matches("SIG") {
        "HUP" => Some(1),
        "INT" => Some(2),
        "QUIT" => Some(3),
        "KILL" => Some(9),
        "TERM" => Some(15),
        _ => None,
    }
}

/// Parses one event; `None` for one without a subject.
fn parse(line: &[u8]) -> Result<Option<Event>, EngineError> {
    let wire: Wire = json::object(line, "an event")?;
    let (Some(subject), Some(action)) = (wire.subject, wire.action) else {
        return Ok(None);
    };
    let actor = wire.actor.unwrap_or_default();
    let attributes = actor.attributes.unwrap_or_default();
    Ok(Some(Event {
        at: wire
            .time_nano
            .filter(|nanos| *nanos > 0)
            .map(Timestamp::from_unix_nanos)
            .or_else(|| wire.time.and_then(Timestamp::from_unix_seconds)),
        subject: Subject::parse(&subject),
        action: Action::parse(&action, &attributes),
        id: actor.id.unwrap_or_default(),
        name: attributes.get("name").cloned(),
        attributes,
    }))
}

impl Engine {
    /// Subscribes to events, from `since` if given. All events after this returns are in the stream, so a list
    /// requested then misses nothing.
    ///
    /// Docker begins its answer once it has subscribed. Podman may begin only with the first event, which may never
    /// come, so it is asked to replay the last two seconds: events during the subscription are then included, and some
    /// events may arrive twice.
    ///
    /// The stream is silent while nothing happens. Use [`Engine::ping`] to find out whether the engine is alive.
    pub async fn events(&self, since: Option<Timestamp>) -> Result<EventStream, EngineError> {
        let call = |since: Option<Timestamp>| {
            let call = self.call(Method::GET, &["events"]);
            match since {
                Some(since) => call.query("since", &since.as_parameter()),
                None => call,
            }
        };
        let bytes = match self.info().product {
            Product::Docker => call(since).stream(WHAT).await?,
            Product::Podman => {
                let overlap = i64::try_from(PODMAN_OVERLAP.as_nanos()).unwrap_or_default();
                let since = since.unwrap_or_else(|| {
                    Timestamp::from_unix_nanos(Timestamp::now().unix_nanos() - overlap)
                });
                call(Some(since)).stream_late(WHAT, PODMAN_PATIENCE).await?
            }
        };
        Ok(Box::pin(stream::try_unfold(
            JsonStream::new(bytes),
            |mut events| async move {
                let event = events.next(parse).await?;
                Ok(event.map(|event| (event, events)))
            },
        )))
    }
}

impl Engine {
    /// The past events of containers that were started, sent signals, or ended since `since`, oldest first: the
    /// latest ones, if there are too many. Docker keeps its last 256 events until it is restarted; Podman keeps a log.
    /// Returns the events that could be read within two seconds, however the stream ends.
    pub async fn past_container_events(&self, since: Timestamp) -> Vec<Event> {
        let (most, deadline, silence) = PAST;
        let filters = match self.info().product {
            Product::Docker => serde_json::json!({
                "type": ["container"],
                "event": ["start", "kill", "stop", "die"],
            }),
            // Podman 4 combines several values of this filter with AND.
            Product::Podman => serde_json::json!({ "type": ["container"] }),
        };
        // Podman stops reading its log at `until`, be that before the first line.
        let until = match self.info().product {
            Product::Docker => Timestamp::now(),
            Product::Podman => Timestamp::from_unix_nanos(
                Timestamp::now().unix_nanos()
                    + i64::try_from(deadline.as_nanos()).unwrap_or_default(),
            ),
        };
        let mut past = VecDeque::new();
        let mut begun = false;
        let reading = async {
            let bytes = self
                .call(Method::GET, &["events"])
                .query("since", &since.as_parameter())
                .query("until", &until.as_parameter())
                .query("filters", &filters.to_string())
                .stream(WHAT)
                .await?;
            let mut events = JsonStream::new(bytes);
            loop {
                // The first one takes the engine a moment.
                let patience = if begun { silence } else { deadline };
                match timeout(patience, events.next(parse)).await {
                    Ok(Ok(Some(event))) => {
                        begun = true;
                        // Podman sends health checks too, a thousand times as many.
                        if !matches!(
                            event.action,
                            Action::Start | Action::Kill { .. } | Action::Stop | Action::Die { .. }
                        ) {
                            continue;
                        }
                        if past.len() == most {
                            past.pop_front();
                        }
                        past.push_back(event);
                    }
                    Ok(Err(error)) => return Err(error),
                    Ok(Ok(None)) | Err(_) => break,
                }
            }
            Ok(())
        };
        if let Ok(Err(error)) = timeout(deadline, reading).await {
            tracing::debug!(%error, "past events are not known");
        }
        past.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, subject: &Subject, action: &Action, id: &str) -> Event {
        let event = parse(json.as_bytes()).unwrap().unwrap();
        assert_eq!(
            (&event.subject, &event.action, event.id.as_str()),
            (subject, action, id)
        );
        event
    }

    #[test]
    fn docker() {
        let event = check(
            r#"{"status":"die","id":"abc","from":"nginx","Type":"container","Action":"die","Actor":{"ID":"abc","Attributes":{"exitCode":"137","image":"nginx","name":"web","com.example":"x"}},"scope":"local","time":1700000000,"timeNano":1700000000123456789}"#,
            &Subject::Container,
            &Action::Die {
                exit_code: Some(137),
            },
            "abc",
        );
        assert_eq!(event.name.as_deref(), Some("web"));
        assert_eq!(
            event.at,
            Some(Timestamp::from_unix_nanos(1_700_000_000_123_456_789))
        );
        check(
            r#"{"Type":"container","Action":"health_status: unhealthy","Actor":{"ID":"abc","Attributes":{}}}"#,
            &Subject::Container,
            &Action::Health(Health::Unhealthy),
            "abc",
        );
        check(
            r#"{"Type":"container","Action":"rename","Actor":{"ID":"abc","Attributes":{"name":"new","oldName":"/old"}}}"#,
            &Subject::Container,
            &Action::Rename {
                old_name: Some("old".to_owned()),
            },
            "abc",
        );
        check(
            r#"{"Type":"image","Action":"delete","Actor":{"ID":"sha256:1"},"time":5}"#,
            &Subject::Image,
            &Action::Remove,
            "sha256:1",
        );
        for (word, signal) in [("15", Some(15)), ("SIGKILL", Some(9)), ("odd", None)] {
            check(
                &format!(
                    r#"{{"Type":"container","Action":"kill","Actor":{{"ID":"abc","Attributes":{{"signal":"{word}"}}}}}}"#
                ),
                &Subject::Container,
                &Action::Kill { signal },
                "abc",
            );
        }
        check(
            r#"{"Type":"container","Action":"exec_create: sh -c true","Actor":{"ID":"abc"}}"#,
            &Subject::Container,
            &Action::Other("exec_create: sh -c true".to_owned()),
            "abc",
        );
    }

    #[test]
    fn podman() {
        check(
            r#"{"Type":"container","Action":"died","Actor":{"ID":"abc","Attributes":{"containerExitCode":"1"}}}"#,
            &Subject::Container,
            &Action::Die { exit_code: Some(1) },
            "abc",
        );
        check(
            r#"{"Type":"container","Action":"health_status","Actor":{"ID":"abc","Attributes":{"health_status":"healthy"}}}"#,
            &Subject::Container,
            &Action::Health(Health::Healthy),
            "abc",
        );
    }

    #[test]
    fn odd_ones() {
        assert_eq!(parse(br#"{"Type":"container"}"#).unwrap(), None);
        assert!(parse(b"garbage").is_err());
        check(
            r#"{"Type":"plugin","Action":"enable","Actor":"none"}"#,
            &Subject::Other("plugin".to_owned()),
            &Action::Other("enable".to_owned()),
            "",
        );
    }
}
