//! What containers use: one stream for each container that somebody looks at, and none for the others.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use slipway_api::ApiError;
use slipway_api::stats::StatsView;
use slipway_engine::Engine;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use crate::error::api_error;
use crate::{Slipway, view};

/// Samples are handed on together, about this often.
const BATCH: Duration = Duration::from_millis(250);
/// No screen shows more rows than this.
const MAX_WATCHED: usize = 100;

/// The watch of the window, at most one.
#[derive(Default)]
pub(crate) struct StatsWatch {
    task: Mutex<Option<AbortHandle>>,
}

impl StatsWatch {
    fn replace(&self, task: Option<AbortHandle>) {
        let old = std::mem::replace(
            &mut *self.task.lock().unwrap_or_else(PoisonError::into_inner),
            task,
        );
        if let Some(old) = old {
            old.abort();
        }
    }
}

impl Drop for StatsWatch {
    fn drop(&mut self) {
        self.replace(None);
    }
}

impl Slipway {
    /// Streams what these containers use, in place of what was watched before, until `samples` says false. An empty
    /// list ends the watch.
    pub async fn stats_watch(
        &self,
        mut ids: Vec<String>,
        samples: impl Fn(Vec<StatsView>) -> bool + Send + 'static,
    ) -> Result<(), ApiError> {
        ids.truncate(MAX_WATCHED);
        if ids.is_empty() {
            self.stats.replace(None);
            return Ok(());
        }
        let engine = self.selected().await?.engine;
        let task = tokio::spawn(watch(engine, ids, samples));
        self.stats.replace(Some(task.abort_handle()));
        Ok(())
    }

    /// One measurement of each of these containers (all running ones when there are none), over about a second.
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
                let mut stream = engine.stats_stream(&id).await?;
                let mut latest = None;
                // The first sample has nothing to compare its CPU time with.
                while let Some(sample) = stream.next().await {
                    let sample = sample?;
                    let complete = sample.cpu_percent.is_some();
                    latest = Some(sample);
                    if complete {
                        break;
                    }
                }
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

async fn watch(engine: Engine, ids: Vec<String>, samples: impl Fn(Vec<StatsView>) -> bool) {
    let (sender, mut receiver) = mpsc::channel(ids.len());
    let mut streams = JoinSet::new();
    for id in ids {
        let engine = engine.clone();
        let sender = sender.clone();
        streams.spawn(async move {
            let Ok(mut stream) = engine.stats_stream(&id).await else {
                return;
            };
            while let Some(Ok(sample)) = stream.next().await {
                if sender.send(view::stats(&id, &sample)).await.is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);
    while let Some(first) = receiver.recv().await {
        tokio::time::sleep(BATCH).await;
        let mut batch = vec![first];
        while let Ok(more) = receiver.try_recv() {
            batch.push(more);
        }
        if !samples(batch) {
            return;
        }
    }
}
