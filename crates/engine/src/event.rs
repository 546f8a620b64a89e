//! What changes in an engine, as it changes.
//!
//! Events are hints: an engine drops them for a slow reader and forgets old ones. Who needs the
//! truth subscribes, lists, applies events, and lists again after every gap.

use std::collections::BTreeMap;
use std::pin::Pin;

use futures_util::Stream;

use crate::{Engine, EngineError, Health, Timestamp};

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
    Kill,
    /// Ended.
    Die {
        /// Exit code.
        exit_code: Option<i64>,
    },
    /// The kernel ended a process of it for want of memory.
    Oom,
    /// Frozen.
    Pause,
    /// Thawed.
    Unpause,
    /// Has another name now; the event's name is the new one.
    Rename {
        /// The name before.
        old_name: Option<String>,
    },
    /// Limits or restart policy changed.
    Update,
    /// Gone: a container, volume or network was removed, or an image deleted.
    Remove,
    /// The health check has another verdict.
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

/// Something that happened in an engine.
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
    /// Everything else that the engine tells, a container's labels among it.
    pub attributes: BTreeMap<String, String>,
}

/// Events as they come. Ends when the connection does; an error is the last item.
pub type EventStream = Pin<Box<dyn Stream<Item = Result<Event, EngineError>> + Send>>;

impl Engine {
    /// Subscribes to events, from `since` if given. Whatever happens after this returns is in the
    /// stream, so a list taken then misses nothing.
    pub async fn events(&self, since: Option<Timestamp>) -> Result<EventStream, EngineError> {
        let _ = since;
        todo!()
    }
}
