//! Inspects containers beside each other: the newest request for each container, and failed ones again later.

use std::collections::{BTreeSet, HashMap, VecDeque};

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use slipway_engine::{ContainerDetail, Engine, EngineError};

/// Limit of inspects that run at once.
const AT_ONCE: usize = 8;

type Inspected = Result<ContainerDetail, EngineError>;

/// Inspects in progress. Dropping it ends them.
pub(crate) struct Inspections {
    engine: Engine,
    waiting: VecDeque<(String, u64)>,
    running: FuturesUnordered<BoxFuture<'static, (String, u64, Inspected)>>,
    /// The number of the newest request for each container. Results of older ones are outdated.
    newest: HashMap<String, u64>,
    failed: BTreeSet<String>,
    count: u64,
}

impl Inspections {
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            engine,
            waiting: VecDeque::new(),
            running: FuturesUnordered::new(),
            newest: HashMap::new(),
            failed: BTreeSet::new(),
            count: 0,
        }
    }

    /// Requests an inspect, which replaces an earlier one of the same container.
    pub(crate) fn begin(&mut self, id: String) {
        self.count += 1;
        self.failed.remove(&id);
        self.newest.insert(id.clone(), self.count);
        self.waiting.push_back((id, self.count));
        self.fill();
    }

    /// Drops the request for a container that is gone.
    pub(crate) fn forget(&mut self, id: &str) {
        self.newest.remove(id);
        self.failed.remove(id);
    }

    /// Notes a failure, for [`Self::retry`].
    pub(crate) fn failed(&mut self, id: String) {
        self.failed.insert(id);
    }

    /// Requests again what failed.
    pub(crate) fn retry(&mut self) {
        for id in std::mem::take(&mut self.failed) {
            self.begin(id);
        }
    }

    /// The next result; waits for ever while none is requested. Cancel safe.
    pub(crate) async fn next(&mut self) -> (String, Inspected) {
        loop {
            let Some((id, number, result)) = self.running.next().await else {
                return std::future::pending().await;
            };
            self.fill();
            if self.newest.get(&id) == Some(&number) {
                self.newest.remove(&id);
                return (id, result);
            }
        }
    }

    fn fill(&mut self) {
        while self.running.len() < AT_ONCE
            && let Some((id, number)) = self.waiting.pop_front()
        {
            if self.newest.get(&id) != Some(&number) {
                continue;
            }
            let engine = self.engine.clone();
            let inspect = async move {
                let result = engine.inspect_container(&id).await;
                (id, number, result)
            };
            self.running.push(inspect.boxed());
        }
    }
}
