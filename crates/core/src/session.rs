//! Owns the connection to the engine: one task, and all state that is derived from it.
//!
//! ```text
//!             ┌──────────── nothing answers ───────────┐
//!             ▼                                        │
//!  Searching ─┴─ select ─► Connected ◄── answers ──► NotResponding
//!                 ▲            │                            │
//!                 │            └─ events end, ping fails ───┤
//!                 └────────── Reconnecting ◄────────────────┘
//! ```
//!
//! - Subscribe to events, then list: so no change is missed. Events are hints; the containers they name are listed
//!   again, in one call for all events within [`GATHER`].
//! - dockerd reports a container's death before its own list shows it. A container that died but is still listed as
//!   running is listed again, a few times, until it is not.
//! - A silent engine is detected by a ping every [`HEARTBEAT`], but only while somebody is watching: a hidden window
//!   costs one list for each burst of events, and nothing while nothing happens.
//! - State leaves on watch channels, changes of containers, images and volumes on [`Changes`]; a receiver that falls
//!   behind requests a new snapshot.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use slipway_api::container::{ContainerDelta, ContainerState, ContainerView, Ending};
use slipway_api::engine::EngineState;
use slipway_api::machine::{MachinePort, MachineView};
use slipway_api::{ApiError, ErrorKind};
use slipway_engine::{
    Action, Engine, EngineError, Environment, Event, EventStream, ListFilter, Subject,
};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::connection::still_searching;
use crate::container_store::ContainerStore;
use crate::end_request::{self, EndRequests};
use crate::error::api_error;
use crate::exit_reason;
use crate::killed::{Inquiries, Question};
use crate::machine::downtime::Downtimes;
use crate::machine::{self, held_ports};
use crate::selection::{self, Selected, list as list_endpoints, select};
use crate::settings::SettingsFile;
use crate::view;

/// Events within this time are handled by one list.
const GATHER: Duration = Duration::from_millis(30);
/// First pause before a container is listed again that an event tells more of than the list (it doubles each time), and
/// the number of attempts.
const LAG: (Duration, u32) = (Duration::from_millis(60), 7);
/// Interval of pings while somebody is watching.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long a ping may take before the engine counts as not responding.
const PING_DEADLINE: Duration = Duration::from_secs(2);
/// Interval of complete lists while somebody is watching, in case an event was lost.
const RELIST: Duration = Duration::from_mins(1);
/// First and longest pause before the engine is looked for again.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));
/// While there is no engine, every endpoint is probed at most this often.
const PROBE_PAUSE: Duration = Duration::from_secs(10);
/// The same for engines on other computers, and while nobody is watching.
const BACK_OFF_REMOTE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// Above this number of changed containers, listing all of them is cheaper.
const MANY: usize = 40;
/// Limits of containers that are inspected because they may have gone down with the engine: of all, and at once.
const MOST_GONE_DOWN: usize = 256;
const INSPECTS: usize = 8;

/// A change.
#[derive(Debug, Clone)]
pub enum Change {
    /// Containers.
    Containers(ContainerDelta),
    /// Images changed: list them again.
    Images,
    /// Volumes were created or removed, so disk usage has changed.
    Volumes,
}

/// The channel of changes.
pub type Changes = broadcast::Receiver<Change>;

enum Request {
    Retry,
    Watched(bool),
}

/// The handle of the task. Dropping it ends the task.
pub(crate) struct Session {
    state: watch::Receiver<EngineState>,
    changes: broadcast::Sender<Change>,
    requests: mpsc::UnboundedSender<Request>,
    /// Signals that another engine was selected. A separate channel, because the work in progress is dropped for it.
    chosen: mpsc::UnboundedSender<()>,
    task: AbortHandle,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Session {
    pub(crate) fn spawn(
        environment: Environment,
        settings: SettingsFile,
        store: Arc<ContainerStore>,
        machine: Option<watch::Receiver<Option<MachineView>>>,
    ) -> (Self, watch::Receiver<Result<Selected, ApiError>>) {
        let (state_sender, state) = watch::channel(EngineState::Searching);
        let (selected_sender, selected) = watch::channel(Err(still_searching()));
        let (changes, _) = broadcast::channel(256);
        let (requests, request_receiver) = mpsc::unbounded_channel();
        let (chosen, chosen_receiver) = mpsc::unbounded_channel();
        let follower = Follower {
            environment,
            settings,
            inquiries: Inquiries::new(Arc::clone(&store), changes.clone()),
            end_requests: EndRequests::default(),
            store,
            state: state_sender,
            selected: selected_sender,
            changes: changes.clone(),
            requests: request_receiver,
            watched: true,
            probed: None,
            last: None,
            machine,
            held_ports: Vec::new(),
        };
        let task = tokio::spawn(follower.run(chosen_receiver)).abort_handle();
        let session = Self {
            state,
            changes,
            requests,
            chosen,
            task,
        };
        (session, selected)
    }

    pub(crate) fn state(&self) -> watch::Receiver<EngineState> {
        self.state.clone()
    }

    pub(crate) fn changes(&self) -> Changes {
        self.changes.subscribe()
    }

    /// Reports what was found out about a container, if it is news.
    pub(crate) fn tell(&self, delta: Option<ContainerDelta>) {
        if let Some(delta) = delta {
            let _ = self.changes.send(Change::Containers(delta));
        }
    }

    // A send fails only when the task is gone, and then there are no listeners.
    pub(crate) fn retry(&self) {
        let _ = self.requests.send(Request::Retry);
    }

    pub(crate) fn reselect(&self) {
        let _ = self.chosen.send(());
    }

    /// A handle for other tasks to make the session look for the engine.
    pub(crate) fn nudge(&self) -> Nudge {
        Nudge {
            requests: self.requests.clone(),
            chosen: self.chosen.clone(),
        }
    }

    pub(crate) fn set_watched(&self, watched: bool) {
        let _ = self.requests.send(Request::Watched(watched));
    }
}

/// Makes the session look for the engine.
pub(crate) struct Nudge {
    requests: mpsc::UnboundedSender<Request>,
    chosen: mpsc::UnboundedSender<()>,
}

impl Nudge {
    /// Retry now.
    pub(crate) fn retry(&self) {
        let _ = self.requests.send(Request::Retry);
    }

    /// Another engine was selected.
    pub(crate) fn reselect(&self) {
        let _ = self.chosen.send(());
    }
}

struct Follower {
    environment: Environment,
    settings: SettingsFile,
    store: Arc<ContainerStore>,
    state: watch::Sender<EngineState>,
    selected: watch::Sender<Result<Selected, ApiError>>,
    changes: broadcast::Sender<Change>,
    requests: mpsc::UnboundedReceiver<Request>,
    watched: bool,
    /// When all endpoints were last probed because there was no engine.
    probed: Option<Instant>,
    /// The engine that was connected last; the session waits for it instead of switching to another one.
    last: Option<Selected>,
    /// Pending inspects.
    inquiries: Inquiries,
    /// Which containers were asked to end.
    end_requests: EndRequests,
    /// Slipway's machine: `slipwayd` knows which of its ports are bound on this computer.
    machine: Option<watch::Receiver<Option<MachineView>>>,
    /// The bound ports of the followed containers.
    held_ports: Vec<MachinePort>,
}

impl Follower {
    /// Work with one engine, even if hung, is dropped when another engine is selected.
    async fn run(mut self, mut chosen: mpsc::UnboundedReceiver<()>) {
        loop {
            tokio::select! {
                biased;
                another = chosen.recv() => match another {
                    Some(()) => self.forget(),
                    None => return,
                },
                () = self.follow_the_choice() => return,
            }
        }
    }

    /// Finds the engine, follows it, and reconnects, until the handle is gone.
    async fn follow_the_choice(&mut self) {
        let mut pause = BACK_OFF.0;
        loop {
            let longest = match self.find().await {
                Ok(selected) => {
                    self.last = Some(selected.clone());
                    let longest = if view::is_local(&selected.endpoint) {
                        BACK_OFF.1
                    } else {
                        BACK_OFF_REMOTE.1
                    };
                    let connected_at = Instant::now();
                    let error = self.follow(&selected).await;
                    tracing::debug!(%error, "lost the engine");
                    if connected_at.elapsed() > BACK_OFF.1 {
                        pause = BACK_OFF.0;
                    }
                    self.lost(&selected, api_error(&error));
                    longest
                }
                Err(error) => {
                    match &self.last {
                        // A machine that was stopped will not come back by waiting.
                        Some(selected)
                            if self.is_machines(selected) && machine::is_over().await =>
                        {
                            self.forget();
                            continue;
                        }
                        Some(selected) => self.lost(&selected.clone(), error),
                        None => {
                            if self.nothing_found(error).await.is_none() {
                                continue;
                            }
                        }
                    }
                    let wanted = self.settings.loaded().await.engine;
                    if self.watched
                        && selection::is_local(&self.environment, wanted.as_deref()).await
                    {
                        BACK_OFF.1
                    } else {
                        BACK_OFF_REMOTE.1
                    }
                }
            };
            if self.rest(pause).await.is_none() {
                return;
            }
            pause = (pause * 2).min(longest);
        }
    }

    /// Connects to the engine that was connected last, or selects one. A request to retry starts over: the attempt in
    /// progress may hang on a connection that is already dead.
    async fn find(&mut self) -> Result<Selected, ApiError> {
        loop {
            let (environment, settings, last) = (&self.environment, &self.settings, &self.last);
            let finding = async {
                match last {
                    Some(selected) => Engine::connect(&selected.endpoint)
                        .await
                        .map(|engine| Selected {
                            endpoint: selected.endpoint.clone(),
                            engine,
                        })
                        .map_err(|error| api_error(&error)),
                    None => select(environment, settings.loaded().await.engine.as_deref()).await,
                }
            };
            let found = unless_retried(&mut self.requests, &mut self.watched, finding).await;
            if let Some(found) = found {
                return found;
            }
        }
    }

    fn is_machines(&self, selected: &Selected) -> bool {
        selection::is_machines(&self.environment, &selected.endpoint)
    }

    /// Waits before the next attempt. `None` when the handle is gone.
    async fn rest(&mut self, pause: Duration) -> Option<()> {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return Some(()),
                request = self.requests.recv() => match request? {
                    Request::Retry => {
                        self.probed = None;
                        return Some(());
                    }
                    Request::Watched(watched) => {
                        let looks_again = watched && !self.watched;
                        self.watched = watched;
                        if looks_again {
                            return Some(());
                        }
                    }
                },
            }
        }
    }

    /// Resets everything for another engine: nothing of the old one may stay on screen.
    fn forget(&mut self) {
        self.last = None;
        // Other endpoints are probed right away.
        self.probed = None;
        self.inquiries.end();
        self.end_requests = EndRequests::default();
        self.select(Err(still_searching()));
        self.state.send_replace(EngineState::Searching);
        self.tell(self.store.reset(Vec::new()));
    }

    fn lost(&self, selected: &Selected, error: ApiError) {
        self.select(Err(error.clone()));
        let engine = view::engine(selected);
        self.set_state(if error.kind == ErrorKind::NotResponding {
            EngineState::NotResponding { engine, error }
        } else {
            EngineState::Reconnecting { engine, error }
        });
    }

    /// Publishes that there is no engine, and what was tried. Other endpoints, remote ones among them, are probed only
    /// now and then: a login attempt every second is a nuisance for a remote host. `None` if a retry was requested
    /// meanwhile.
    async fn nothing_found(&mut self, error: ApiError) -> Option<()> {
        self.select(Err(error.clone()));
        let known = match &*self.state.borrow() {
            EngineState::NoEngine { tried, .. } => tried.clone(),
            _ => Vec::new(),
        };
        let wanted = self.settings.loaded().await.engine;
        let machine_helps = selection::machine_helps(&self.environment, wanted.as_deref()).await;
        let chosen = selection::chosen(&self.environment, wanted.as_deref()).await;
        let is_due = self.probed.is_none_or(|at| at.elapsed() > PROBE_PAUSE);
        self.set_state(EngineState::NoEngine {
            error: error.clone(),
            tried: known,
            machine_helps,
            chosen: chosen.clone(),
        });
        if is_due && self.watched {
            let listing = list_endpoints(&self.environment, None);
            let tried = unless_retried(&mut self.requests, &mut self.watched, listing).await?;
            self.probed = Some(Instant::now());
            self.set_state(EngineState::NoEngine {
                error,
                tried,
                machine_helps,
                chosen,
            });
        }
        Some(())
    }

    fn set_state(&self, state: EngineState) {
        self.state.send_if_modified(|current| {
            let different = *current != state;
            *current = state;
            different
        });
    }

    fn select(&self, selected: Result<Selected, ApiError>) {
        self.selected.send_modify(|current| *current = selected);
    }

    fn tell(&self, delta: ContainerDelta) {
        // There may be no receivers.
        let _ = self.changes.send(Change::Containers(delta));
    }

    /// Follows an engine until it is lost.
    async fn follow(&mut self, selected: &Selected) -> EngineError {
        let engine = selected.engine.clone();
        let mut events = match timeout(PING_DEADLINE * 2, engine.events(None)).await {
            Ok(Ok(events)) => events,
            Ok(Err(error)) => return error,
            Err(_) => {
                return EngineError::NotResponding {
                    after: PING_DEADLINE * 2,
                };
            }
        };
        let of_machine = self.is_machines(selected);
        self.held_ports = match &self.machine {
            Some(machine) if of_machine => held_ports::of_view(machine.borrow().as_ref()),
            _ => Vec::new(),
        };
        let before = self.store.snapshot().containers;
        if let Err(error) = self.list_all(selected).await {
            return error;
        }
        self.connected(selected);
        let _ = self.changes.send(Change::Images);
        self.recall(selected, &before).await;
        let mut heartbeat = Instant::now() + HEARTBEAT;
        let mut relist = Instant::now() + RELIST;
        let mut lagging = Lagging::default();
        loop {
            tokio::select! {
                event = events.next() => {
                    let first = match event {
                        Some(Ok(event)) => event,
                        Some(Err(error)) => return error,
                        None => return EngineError::CutOff { what: "the event stream" },
                    };
                    if let Err(error) = self.handle(selected, first, &mut events, &mut lagging).await {
                        return error;
                    }
                }
                () = tokio::time::sleep_until(lagging.next_look()), if !lagging.is_empty() => {
                    if let Err(error) = self.look_again(selected, &mut lagging).await {
                        return error;
                    }
                }
                held = held_ports::others(self.machine.as_mut(), &self.held_ports), if of_machine => {
                    self.held_ports = held;
                    if let Err(error) = self.list_again(selected).await {
                        return error;
                    }
                }
                Some(request) = self.requests.recv() => match request {
                    Request::Retry => heartbeat = Instant::now(),
                    Request::Watched(watched) => {
                        if watched && !self.watched {
                            heartbeat = Instant::now();
                        }
                        self.watched = watched;
                    }
                },
                () = tokio::time::sleep_until(heartbeat), if self.watched => {
                    if let Err(error) = self.ping(selected).await {
                        return error;
                    }
                    if Instant::now() >= relist {
                        if let Err(error) = self.list_all(selected).await {
                            return error;
                        }
                        relist = Instant::now() + RELIST;
                    }
                    heartbeat = Instant::now() + HEARTBEAT;
                }
            }
        }
    }

    fn connected(&self, selected: &Selected) {
        self.select(Ok(selected.clone()));
        self.set_state(EngineState::Connected {
            engine: view::engine(selected),
        });
    }

    /// Pings until the engine answers or is gone. Meanwhile the window shows the last known state.
    async fn ping(&mut self, selected: &Selected) -> Result<(), EngineError> {
        let mut silent = false;
        loop {
            match selected.engine.ping(PING_DEADLINE).await {
                Ok(_) if silent => {
                    // Events may have been lost meanwhile.
                    self.list_all(selected).await?;
                    self.connected(selected);
                    return Ok(());
                }
                Ok(_) => return Ok(()),
                Err(error @ EngineError::NotResponding { .. }) => {
                    silent = true;
                    self.set_state(EngineState::NotResponding {
                        engine: view::engine(selected),
                        error: not_responding(&error),
                    });
                }
                Err(error) => return Err(error),
            }
            tokio::select! {
                () = sleep(Duration::from_millis(500)) => {}
                Some(request) = self.requests.recv() => match request {
                    Request::Retry => {}
                    Request::Watched(watched) => self.watched = watched,
                }
            }
        }
    }

    async fn list_all(&mut self, selected: &Selected) -> Result<(), EngineError> {
        let mut list = list(selected, None, &self.held_ports).await?;
        self.find_reasons(selected, &mut list);
        self.tell(self.store.reset(list));
        Ok(())
    }

    /// Collects the events that follow right after another, then lists all containers they name in one call.
    async fn handle(
        &mut self,
        selected: &Selected,
        first: Event,
        events: &mut EventStream,
        lagging: &mut Lagging,
    ) -> Result<(), EngineError> {
        let mut changed = HashSet::new();
        let mut removed = HashSet::new();
        let mut images = false;
        let mut volumes = false;
        let mut next = Some(first);
        let until = Instant::now() + GATHER;
        loop {
            if let Some(event) = next.take() {
                self.hear(selected, &event);
                match (&event.subject, &event.action) {
                    (Subject::Container, Action::Other(_)) => {}
                    (Subject::Container, Action::Remove) => {
                        changed.remove(&event.id);
                        removed.insert(event.id);
                    }
                    (Subject::Container, action) => {
                        match action {
                            Action::Die { .. } | Action::Pause => {
                                lagging.leaves(event.id.clone(), ContainerState::Running);
                            }
                            Action::Unpause => {
                                lagging.leaves(event.id.clone(), ContainerState::Paused);
                            }
                            Action::Start => lagging.forget(&event.id),
                            Action::Oom => {
                                self.inquiries.ask(
                                    &selected.engine,
                                    &event.id,
                                    Question::WasItMemory,
                                );
                            }
                            _ => {}
                        }
                        if !removed.contains(&event.id) {
                            changed.insert(event.id);
                        }
                    }
                    (Subject::Image, _) => images = true,
                    (Subject::Volume, Action::Create | Action::Remove) => volumes = true,
                    _ => {}
                }
            }
            match tokio::time::timeout_at(until, events.next()).await {
                Ok(Some(event)) => next = Some(event?),
                Ok(None) => {
                    return Err(EngineError::CutOff {
                        what: "the event stream",
                    });
                }
                Err(_) => break,
            }
        }
        if !removed.is_empty() {
            let removed: Vec<String> = removed.into_iter().collect();
            if let Some(delta) = self.store.update(&removed, Vec::new()) {
                self.tell(delta);
            }
        }
        if changed.len() > MANY {
            self.list_all(selected).await?;
        } else if !changed.is_empty() {
            self.list_some(selected, changed.into_iter().collect(), lagging)
                .await?;
        }
        if images {
            let _ = self.changes.send(Change::Images);
        }
        if volumes {
            let _ = self.changes.send(Change::Volumes);
        }
        Ok(())
    }

    /// Publishes what has changed, if anything.
    async fn list_again(&mut self, selected: &Selected) -> Result<(), EngineError> {
        let mut list = list(selected, None, &self.held_ports).await?;
        self.find_reasons(selected, &mut list);
        if let Some(delta) = self.store.update(&[], list) {
            self.tell(delta);
        }
        Ok(())
    }

    async fn list_some(
        &mut self,
        selected: &Selected,
        ids: Vec<String>,
        lagging: &mut Lagging,
    ) -> Result<(), EngineError> {
        let mut list = list(selected, Some(ids.clone()), &self.held_ports).await?;
        self.find_reasons(selected, &mut list);
        for id in &ids {
            let state = list.iter().find(|view| view.id == *id);
            lagging.is_listed(id, state.map(|view| view.state));
        }
        if let Some(delta) = self.store.update(&ids, list) {
            self.tell(delta);
        }
        Ok(())
    }

    /// Lists those again whose state was still the one before the event.
    async fn look_again(
        &mut self,
        selected: &Selected,
        lagging: &mut Lagging,
    ) -> Result<(), EngineError> {
        let ids = lagging.due();
        self.list_some(selected, ids, lagging).await
    }

    /// Completes the ends of containers. Exit code 137 says "killed" but not why: events tell whether it was requested,
    /// inspect whether memory ran out. Inspect also has the number of restarts, which a list lacks.
    fn find_reasons(&mut self, selected: &Selected, list: &mut [ContainerView]) {
        for view in list {
            let asked_for = self.end_requests.put_in(view);
            let old = self.store.get(&view.id);
            let question = if view.state == ContainerState::Restarting {
                let known = old.is_some_and(|old| {
                    old.state == ContainerState::Restarting && old.restart_count.is_some()
                });
                (!known).then_some(Question::HowOftenRestarted)
            } else {
                let is_created = view.state == ContainerState::Created;
                let is_news = exit_reason::needs_inspect(view)
                    && old.is_none_or(|old| {
                        (old.ending.is_none() && !is_created) || old.exit_code != view.exit_code
                    });
                (is_news && !asked_for).then_some(if is_created {
                    Question::WasItStarted
                } else {
                    Question::WhyEnded
                })
            };
            if let Some(question) = question {
                self.inquiries.ask(&selected.engine, &view.id, question);
            }
        }
    }

    /// Applies what an event has and a list lacks.
    fn hear(&mut self, selected: &Selected, event: &Event) {
        let restarted = self.end_requests.hear(event);
        if event.subject != Subject::Container || event.action != Action::Start {
            return;
        }
        let known = self.store.get(&event.id).map(|view| view.state);
        match known {
            // Lists missed the moment in which it was restarting.
            Some(ContainerState::Running) if restarted => {
                self.inquiries
                    .ask(&selected.engine, &event.id, Question::HowOftenRestarted);
            }
            Some(ContainerState::Restarting) if restarted => {}
            _ => self.store.forget_learnt(&event.id),
        }
    }

    /// Applies the engine's past events to learn which ends were requested before Slipway listened. `before` is the
    /// state when the engine was lost: containers that ran then, and did not die in this life of the engine, went down
    /// with it. So did those that ended while the machine's engine was down.
    async fn recall(&mut self, selected: &Selected, before: &[ContainerView]) {
        let downtimes = Downtimes::of(&self.environment, &selected.endpoint).await;
        let ran_before = |view: &ContainerView| {
            before
                .iter()
                .any(|old| old.id == view.id && old.state == ContainerState::Running)
        };
        let may_have_gone_down = |view: &ContainerView| {
            view.state == ContainerState::Exited
                && view.ending != Some(Ending::OutOfMemory)
                && (ran_before(view) || downtimes.may_explain(view))
        };
        let mut ended = self.store.snapshot().containers;
        ended.retain(|view| end_request::may_have_been_asked_for(view) || may_have_gone_down(view));
        if ended.is_empty() {
            return;
        }
        self.end_requests.recall(&selected.engine, &ended).await;
        // Read again, because inspects may have changed it during the recall.
        let mut list = self.store.snapshot().containers;
        list.retain_mut(|view| self.end_requests.put_in(view));
        if let Some(delta) = self.store.update(&[], list) {
            self.tell(delta);
        }
        ended.retain(|view| {
            may_have_gone_down(view) && !self.end_requests.has_heard_the_end_of(&view.id)
        });
        ended.truncate(MOST_GONE_DOWN);
        // Facts of inspect, such as memory that ran out, go before inferences.
        let engine = &selected.engine;
        let found: Vec<_> = futures_util::stream::iter(ended)
            .map(async |view| (engine.inspect_container(&view.id).await, view))
            .buffer_unordered(INSPECTS)
            .collect()
            .await;
        for (detail, view) in found {
            let Ok(detail) = detail else { continue };
            let with_engine = || {
                let ended = ran_before(&view) && exit_reason::of_ended(&detail).is_some();
                ended.then(|| exit_reason::asked_for(None, exit_reason::Request::EngineShutdown))
            };
            let ended = exit_reason::found_by_inspect(&detail)
                .or_else(|| downtimes.explain(&detail))
                .or_else(with_engine);
            let delta = ended.and_then(|ended| self.store.set_end(&view.id, ended));
            if let Some(delta) = delta {
                self.tell(delta);
            }
        }
    }
}

/// Runs something that may take long. `None` if a retry was requested instead.
async fn unless_retried<T>(
    requests: &mut mpsc::UnboundedReceiver<Request>,
    watched: &mut bool,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Some(done),
            Some(request) = requests.recv() => match request {
                Request::Retry => return None,
                Request::Watched(is_watched) => *watched = is_watched,
            },
        }
    }
}

/// Containers that have changed by an event but not yet by the list: dockerd sends events of ends and pauses before its
/// list shows them, by as long as its disk takes. With each the state that it has left, the time of the next check and the
/// number of checks.
#[derive(Default)]
struct Lagging {
    looks: HashMap<String, (ContainerState, Instant, u32)>,
}

impl Lagging {
    fn leaves(&mut self, id: String, state: ContainerState) {
        self.looks.insert(id, (state, Instant::now() + LAG.0, 0));
    }

    fn forget(&mut self, id: &str) {
        self.looks.remove(id);
    }

    /// Its state in the list; `None` if it is not there.
    fn is_listed(&mut self, id: &str, state: Option<ContainerState>) {
        if self.looks.get(id).is_some_and(|look| Some(look.0) != state) {
            self.forget(id);
        }
    }

    fn is_empty(&self) -> bool {
        self.looks.is_empty()
    }

    fn next_look(&self) -> Instant {
        self.looks
            .values()
            .map(|(_, at, _)| *at)
            .min()
            .unwrap_or_else(Instant::now)
    }

    /// Those due for a check. Each is checked a few times with growing pauses, and then taken as the list has it.
    fn due(&mut self) -> Vec<String> {
        let now = Instant::now();
        let mut due = Vec::new();
        self.looks.retain(|id, (_, at, looks)| {
            if *at > now {
                return true;
            }
            due.push(id.clone());
            *looks += 1;
            *at = now + LAG.0 * 2_u32.pow(*looks);
            *looks < LAG.1
        });
        due
    }
}

fn not_responding(error: &EngineError) -> ApiError {
    ApiError {
        kind: ErrorKind::NotResponding,
        message: "The engine is not responding".to_owned(),
        hint: Some("What you see is what was last known. Slipway goes on trying; restarting the engine may help".to_owned()),
        detail: Some(error.to_string()),
    }
}

/// Timeout of a long list: generous, but the list fails when the engine stops answering pings.
async fn while_answering<T>(
    engine: &Engine,
    call: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    let mut call = std::pin::pin!(call);
    loop {
        tokio::select! {
            answer = &mut call => return answer,
            () = sleep(HEARTBEAT) => {}
        }
        tokio::select! {
            answer = &mut call => return answer,
            pong = engine.ping(PING_DEADLINE) => { pong?; }
        }
    }
}

async fn list(
    selected: &Selected,
    ids: Option<Vec<String>>,
    held_ports: &[MachinePort],
) -> Result<Vec<ContainerView>, EngineError> {
    let filter = ListFilter {
        all: true,
        ids,
        ..ListFilter::default()
    };
    let host = view::engine_host(&selected.endpoint);
    let answer =
        while_answering(&selected.engine, selected.engine.list_containers(&filter)).await?;
    Ok(answer
        .into_iter()
        .map(|container| {
            let mut view = view::container(container, host);
            held_ports::put_in(&mut view, held_ports);
            view
        })
        .collect())
}
