//! Resource use of containers: one stream for each container on screen, and none for the others.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use slipway_api::ApiError;
use slipway_api::stats::StatsView;
use slipway_engine::Engine;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::error::api_error;
use crate::{Slipway, view};

/// How long the first samples wait for others to be delivered with.
const BATCH: Duration = Duration::from_millis(250);
/// Interval between two deliveries. Each stream has a sample a second, and each delivery costs the window more than what
/// is in it.
const INTERVAL: Duration = Duration::from_secs(1);
/// Timeout of the samples of one measurement, which come each second.
const SAMPLES_DEADLINE: Duration = Duration::from_secs(10);
/// Limit of watched containers; no screen shows more rows.
const MAX_WATCHED: usize = 100;

/// The watch of the window, at most one.
#[derive(Default)]
pub(crate) struct StatsWatch {
    watch: Mutex<Option<Watch>>,
}

type Sink = Box<dyn Fn(Vec<StatsView>) -> bool + Send>;

/// One stream for each container, and a task that delivers their samples. Dropping it ends all of them.
struct Watch {
    sink: Arc<Mutex<Sink>>,
    sender: mpsc::Sender<StatsView>,
    /// By full id.
    streams: HashMap<String, AbortHandle>,
    handing_on: AbortHandle,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handing_on.abort();
        for stream in self.streams.values() {
            stream.abort();
        }
    }
}

impl Watch {
    fn new(sink: Sink) -> Self {
        let (sender, receiver) = mpsc::channel(MAX_WATCHED);
        let sink = Arc::new(Mutex::new(sink));
        Self {
            handing_on: tokio::spawn(hand_on(receiver, Arc::clone(&sink))).abort_handle(),
            sink,
            sender,
            streams: HashMap::new(),
        }
    }

    /// Follows exactly these containers. Streams that are already open stay open: opening one costs the engine more
    /// than keeping it.
    fn follow(&mut self, engine: &Engine, ids: Vec<String>) {
        let wanted: HashSet<&String> = ids.iter().collect();
        self.streams.retain(|id, stream| {
            let keep = wanted.contains(id) && !stream.is_finished();
            if !keep {
                stream.abort();
            }
            keep
        });
        for id in ids {
            let sender = &self.sender;
            self.streams.entry(id).or_insert_with_key(|id| {
                tokio::spawn(read(engine.clone(), id.clone(), sender.clone())).abort_handle()
            });
        }
    }
}

impl Slipway {
    /// Streams the resource use of these containers, replacing the previous set, until `samples` returns false. An
    /// empty list ends the watch.
    pub async fn stats_watch(
        &self,
        mut ids: Vec<String>,
        samples: impl Fn(Vec<StatsView>) -> bool + Send + 'static,
    ) -> Result<(), ApiError> {
        ids.truncate(MAX_WATCHED);
        if ids.is_empty() {
            *lock(&self.stats.watch) = None;
            return Ok(());
        }
        let engine = self.selected().await?.engine;
        let mut current = lock(&self.stats.watch);
        match &mut *current {
            Some(watch) if !watch.handing_on.is_finished() => {
                *lock(&watch.sink) = Box::new(samples);
                watch.follow(&engine, ids);
            }
            _ => {
                let mut watch = Watch::new(Box::new(samples));
                watch.follow(&engine, ids);
                *current = Some(watch);
            }
        }
        Ok(())
    }

    /// One measurement of each of these containers (of all running ones if the list is empty), over about a second.
    pub async fn stats_once(&self, ids: &[String]) -> Result<Vec<(String, StatsView)>, ApiError> {
        let engine = self.selected().await?.engine;
        let containers: Vec<(String, String)> = if ids.is_empty() {
            self.container_list(false)
                .await?
                .into_iter()
                .map(|view| (view.id, view.name))
                .collect()
        } else {
            let mut found = Vec::new();
            for id in ids {
                let detail = engine
                    .inspect_container(id)
                    .await
                    .map_err(|error| api_error(&error))?;
                found.push((detail.id, detail.name));
            }
            found
        };
        let measure = |(id, name): (String, String)| {
            let engine = engine.clone();
            async move {
                let first = engine.stats_once(&id).await?;
                let samples = async {
                    let mut stream = engine.stats_stream_after(&id, first.cpu).await?;
                    let mut latest = None;
                    // The first sample has no earlier CPU time to compare with.
                    while let Some(sample) = stream.next().await {
                        let sample = sample?;
                        let complete = sample.cpu_percent.is_some();
                        latest = Some(sample);
                        if complete {
                            break;
                        }
                    }
                    Ok(latest)
                };
                // dockerd neither answers nor refuses for a container that was removed meanwhile.
                let latest = timeout(SAMPLES_DEADLINE, samples)
                    .await
                    .unwrap_or(Ok(None))?;
                Ok(latest.map(|sample| (name, view::stats(&id, &sample))))
            }
        };
        let results: Vec<Result<Option<(String, StatsView)>, slipway_engine::EngineError>> =
            futures_util::stream::iter(containers)
                .map(measure)
                .buffered(32)
                .collect()
                .await;
        let mut views = Vec::new();
        for result in results {
            match result {
                Ok(Some(view)) => views.push(view),
                Ok(None) | Err(slipway_engine::EngineError::NotFound { .. }) => {}
                Err(error) => return Err(api_error(&error)),
            }
        }
        Ok(views)
    }
}

async fn read(engine: Engine, id: String, sender: mpsc::Sender<StatsView>) {
    // A stream delivers its first sample after a second or two, and CPU use with the next one.
    let first = engine.stats_once(&id).await.ok();
    let earlier = first.as_ref().and_then(|sample| sample.cpu);
    if let Some(first) = first
        && sender.send(view::stats(&id, &first)).await.is_err()
    {
        return;
    }
    let Ok(mut stream) = engine.stats_stream_after(&id, earlier).await else {
        return;
    };
    while let Some(Ok(sample)) = stream.next().await {
        if sender.send(view::stats(&id, &sample)).await.is_err() {
            return;
        }
    }
}

async fn hand_on(mut receiver: mpsc::Receiver<StatsView>, sink: Arc<Mutex<Sink>>) {
    // A first figure does not wait for the next delivery. CPU use comes with the second sample.
    let mut known: HashSet<(String, bool)> = HashSet::new();
    let mut is_first =
        move |sample: &StatsView| known.insert((sample.id.clone(), sample.cpu_percent.is_some()));
    let mut next = Instant::now();
    while let Some(first) = receiver.recv().await {
        let soon = || Instant::now() + BATCH;
        let mut due = if is_first(&first) {
            soon()
        } else {
            next.max(soon())
        };
        let mut batch = vec![first];
        loop {
            // Both are cancel-safe.
            tokio::select! {
                () = sleep_until(due) => break,
                Some(sample) = receiver.recv() => {
                    if is_first(&sample) {
                        due = due.min(soon());
                    }
                    batch.push(sample);
                }
            }
        }
        next = Instant::now() + INTERVAL;
        let sink = lock(&sink);
        if !sink(batch) {
            return;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
