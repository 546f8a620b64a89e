//! Inspects containers for what lists and events lack: why they were killed, and how often they were restarted.
//!
//! Exit code 137 says "killed" but not why: only inspect knows whether memory ran out. The number of concurrent
//! inspects is limited, and each container is inspected once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use slipway_engine::{ContainerDetail, ContainerState, Engine, EngineError};
use tokio::sync::{Semaphore, broadcast};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::container_store::ContainerStore;
use crate::exit_reason::{self, Ended};
use crate::session::Change;

/// Limit of concurrent inspects.
const AT_ONCE: usize = 4;
/// Limit of inspects in progress and waiting. Beyond it, the details are found when somebody opens the container.
const MOST: usize = 64;
/// How often a container with an out-of-memory event is inspected until it has ended, or a new one until it was started,
/// and the first pause; the pause doubles each time.
const LOOKS: (u32, Duration) = (5, Duration::from_millis(120));

/// The question to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    /// It was killed, or not started: why?
    WhyEnded,
    /// It was created: did the engine fail to start it? `docker run` starts it a moment later.
    WasItStarted,
    /// Memory ran out: did that end the container? The kernel may have killed a lesser process of it, so the
    /// container's own end decides, which may come a little later.
    WasItMemory,
    /// Its policy restarts it: how often so far?
    HowOftenRestarted,
}

/// The inspects in progress. Dropping it ends them.
pub(crate) struct Inquiries {
    store: Arc<ContainerStore>,
    changes: broadcast::Sender<Change>,
    tasks: JoinSet<()>,
    open: Arc<Mutex<HashSet<(String, Question)>>>,
    permits: Arc<Semaphore>,
}

impl Inquiries {
    pub(crate) fn new(store: Arc<ContainerStore>, changes: broadcast::Sender<Change>) -> Self {
        Self {
            store,
            changes,
            tasks: JoinSet::new(),
            open: Arc::default(),
            permits: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Inspects in the background and reports the result as a change.
    pub(crate) fn ask(&mut self, engine: &Engine, id: &str, question: Question) {
        while self.tasks.try_join_next().is_some() {}
        if self.tasks.len() >= MOST {
            return;
        }
        let key = (id.to_owned(), question);
        if !lock(&self.open).insert(key.clone()) {
            return;
        }
        let open = Arc::clone(&self.open);
        let inquiry = Inquiry {
            engine: engine.clone(),
            id: id.to_owned(),
            store: Arc::clone(&self.store),
            changes: self.changes.clone(),
            permits: Arc::clone(&self.permits),
        };
        self.tasks.spawn(async move {
            match question {
                Question::WhyEnded => inquiry.why_ended().await,
                Question::WasItStarted => inquiry.was_it_started().await,
                Question::WasItMemory => inquiry.was_it_memory().await,
                Question::HowOftenRestarted => inquiry.how_often_restarted().await,
            }
            lock(&open).remove(&key);
        });
    }

    /// Another engine was selected.
    pub(crate) fn end(&mut self) {
        self.tasks = JoinSet::new();
        self.open = Arc::default();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Age from which on a container that was never started is not looked at again.
const NEW: Duration = Duration::from_secs(10);

struct Inquiry {
    engine: Engine,
    id: String,
    store: Arc<ContainerStore>,
    changes: broadcast::Sender<Change>,
    permits: Arc<Semaphore>,
}

impl Inquiry {
    async fn inspect(&self) -> Result<ContainerDetail, EngineError> {
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await;
        self.engine.inspect_container(&self.id).await
    }

    /// Returns whether it was news.
    fn tell(&self, ended: Option<Ended>) -> bool {
        let delta = ended.and_then(|ended| self.store.set_end(&self.id, ended));
        let Some(delta) = delta else { return false };
        // There may be no receivers.
        let _ = self.changes.send(Change::Containers(delta));
        true
    }

    async fn why_ended(&self) {
        if let Ok(detail) = self.inspect().await {
            self.tell(exit_reason::found_by_inspect(&detail));
        }
    }

    async fn how_often_restarted(&self) {
        let Ok(detail) = self.inspect().await else {
            return;
        };
        let count = u32::try_from(detail.restart_count).unwrap_or(u32::MAX);
        if let Some(delta) = self.store.set_restart_count(&self.id, count) {
            let _ = self.changes.send(Change::Containers(delta));
        }
    }

    async fn was_it_started(&self) {
        for look in 0..LOOKS.0 {
            let Ok(detail) = self.inspect().await else {
                return;
            };
            let is_old = detail.created_at.is_none_or(|at| at.elapsed() > NEW);
            let is_created = detail.state.state == ContainerState::Created;
            if self.tell(exit_reason::found_by_inspect(&detail)) || !is_created || is_old {
                return;
            }
            sleep(LOOKS.1 * 2_u32.pow(look)).await;
        }
    }

    async fn was_it_memory(&self) {
        for look in 0..LOOKS.0 {
            sleep(LOOKS.1 * 2_u32.pow(look)).await;
            let Ok(mut detail) = self.inspect().await else {
                return;
            };
            if detail.state.exit_code != Some(137) {
                continue;
            }
            detail.state.oom_killed = true;
            if self.tell(exit_reason::found_by_inspect(&detail)) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use slipway_engine::Endpoint;
    use slipway_testkit::{Engine as Dockerd, Fault, FaultProxy};
    use tokio::time::Instant;

    use super::*;

    async fn eventually(what: &str, right: impl Fn() -> bool) {
        let began = Instant::now();
        while !right() {
            assert!(began.elapsed() < Duration::from_secs(20), "{what}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_hundred_deaths_are_looked_at_a_few_at_a_time() {
        let dockerd = Dockerd::start().expect("an engine");
        let proxy = FaultProxy::in_front_of(&dockerd).expect("a proxy");
        let endpoint = Endpoint::at(proxy.host().parse().expect("an address"));
        let engine = Engine::connect(&endpoint).await.expect("it answers");
        let (changes, _) = broadcast::channel(4);
        let mut inquiries = Inquiries::new(Arc::default(), changes);
        proxy.set(Fault::Delay(Duration::from_hours(1)));
        proxy.clear();
        for number in 0..100 {
            // No container is inspected twice for the same question.
            for _ in 0..3 {
                inquiries.ask(&engine, &format!("{number:064}"), Question::WhyEnded);
            }
        }
        let asked = || proxy.count("GET ");
        eventually("the engine is asked", || asked() == AT_ONCE).await;
        sleep(Duration::from_millis(300)).await;
        assert_eq!(asked(), AT_ONCE);
        proxy.set(Fault::Pass);
        eventually("the others have their turn", || asked() == MOST).await;
        eventually("nothing is left", || lock(&inquiries.open).is_empty()).await;
        inquiries.ask(&engine, &"0".repeat(64), Question::WhyEnded);
        eventually("it can be asked again", || asked() == MOST + 1).await;
    }
}
