//! `slipway stats`: resource use of containers, once or continuously.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use slipway_api::stats::StatsView;
use slipway_core::Slipway;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::arguments::Stats;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::numbers::percent;
use crate::output::{Output, Tone};
use crate::size;
use crate::table::{Cell, Table};

const REFRESH: Duration = Duration::from_secs(1);
/// Number of refreshes after which the list of running containers is updated.
const LIST_AGAIN: u32 = 5;

/// A measurement with the name of its container.
#[derive(Serialize)]
struct Named {
    name: String,
    #[serde(flatten)]
    used: StatsView,
}

/// `slipway stats [C…]`
pub(crate) async fn stats(
    what: &Stats,
    slipway: &Slipway,
    output: &Output,
) -> Result<Exit, Failure> {
    if what.no_stream || !output.stdout_is_terminal() {
        let mut rows: Vec<Named> = slipway
            .stats_once(&what.containers)
            .await?
            .into_iter()
            .map(|(name, used)| Named { name, used })
            .collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        if output.json_wanted() {
            output.print_json(&rows)?;
        } else {
            output.print(&table(&rows).for_output(output))?;
        }
        return Ok(Exit::Done);
    }
    follow(what, slipway, output).await
}

/// Refreshes until Ctrl-C, or until the given containers have ended.
async fn follow(what: &Stats, slipway: &Slipway, output: &Output) -> Result<Exit, Failure> {
    let mut screen = Screen::default();
    let mut names = watched(what, slipway).await?;
    let (mut samples, mut received) = watch(slipway, &names).await?;
    let mut latest: BTreeMap<String, StatsView> = BTreeMap::new();
    let mut ticks = interval(REFRESH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut refreshes = 0;
    loop {
        tokio::select! {
            batch = received.recv(), if samples => match batch {
                Some(batch) => {
                    for sample in batch {
                        latest.insert(sample.id.clone(), sample);
                    }
                }
                // All of them have ended.
                None if !what.containers.is_empty() => return Ok(Exit::Done),
                None => samples = false,
            },
            _ = ticks.tick() => {
                refreshes += 1;
                if what.containers.is_empty() && refreshes % LIST_AGAIN == 0 {
                    let now = watched(what, slipway).await?;
                    if now != names {
                        names = now;
                        (samples, received) = watch(slipway, &names).await?;
                        latest.retain(|id, _| names.contains_key(id));
                    }
                }
                let mut rows: Vec<Named> = latest
                    .values()
                    .map(|used| Named {
                        name: names.get(&used.id).cloned().unwrap_or_default(),
                        used: used.clone(),
                    })
                    .collect();
                rows.sort_by(|a, b| a.name.cmp(&b.name));
                if output.json_wanted() {
                    if !rows.is_empty() {
                        let line = serde_json::to_string(&rows).map_err(std::io::Error::from)?;
                        output.print(&format!("{line}\n"))?;
                    }
                } else {
                    screen.show(&table(&rows).for_output(output), output)?;
                }
            }
        }
    }
}

/// Names of the containers to watch, by full id.
async fn watched(what: &Stats, slipway: &Slipway) -> Result<BTreeMap<String, String>, Failure> {
    let mut names = BTreeMap::new();
    if what.containers.is_empty() {
        for container in slipway.container_list(false).await? {
            names.insert(container.id, container.name);
        }
    }
    for container in &what.containers {
        let container = slipway.container_detail(container).await?.container;
        names.insert(container.id, container.name);
    }
    Ok(names)
}

type Batches = mpsc::UnboundedReceiver<Vec<StatsView>>;

async fn watch(
    slipway: &Slipway,
    names: &BTreeMap<String, String>,
) -> Result<(bool, Batches), Failure> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let ids: Vec<String> = names.keys().cloned().collect();
    let any = !ids.is_empty();
    slipway
        .stats_watch(ids, move |batch| sender.send(batch).is_ok())
        .await?;
    Ok((any, receiver))
}

/// A table that is redrawn in place.
#[derive(Default)]
struct Screen {
    lines: usize,
}

impl Screen {
    fn show(&mut self, table: &str, output: &Output) -> std::io::Result<()> {
        let back = match self.lines {
            0 => String::new(),
            lines => format!("\x1b[{lines}A"),
        };
        // Each line is cleared to its end, and so are the remaining lines of a longer table.
        let lines: String = table.lines().flat_map(|line| [line, "\x1b[K\n"]).collect();
        self.lines = table.lines().count();
        // A long line is cut: if it were wrapped, it would take two lines to go back over it.
        output.print(&format!("\x1b[?7l{back}{lines}\x1b[J\x1b[?7h"))
    }
}

fn table(rows: &[Named]) -> Table<7> {
    let mut table = Table::new([
        "NAME",
        "CPU",
        "MEMORY",
        "LIMIT",
        "NET IN / OUT",
        "DISK IN / OUT",
        "PIDS",
    ]);
    let memory = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), size::memory);
    let bytes = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), size::bytes);
    for Named { name, used } in rows {
        table.row([
            Cell::new(name, Tone::Heading),
            used.cpu_percent
                .map_or_else(|| "-".to_owned(), percent)
                .into(),
            memory(used.memory_bytes).into(),
            memory(used.memory_limit).into(),
            format!(
                "{} / {}",
                bytes(used.network_rx_bytes),
                bytes(used.network_tx_bytes)
            )
            .into(),
            format!(
                "{} / {}",
                bytes(used.block_read_bytes),
                bytes(used.block_write_bytes)
            )
            .into(),
            used.pids
                .map_or_else(|| "-".to_owned(), |pids| pids.to_string())
                .into(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_a_dash() {
        let used = StatsView {
            id: String::new(),
            cpu_percent: Some(150.04),
            memory_bytes: Some(64 << 20),
            memory_limit: Some(4 << 30),
            network_rx_bytes: Some(1536),
            network_tx_bytes: Some(0),
            block_read_bytes: Some(1 << 20),
            block_write_bytes: None,
            pids: Some(5),
        };
        let nothing = StatsView {
            cpu_percent: None,
            memory_bytes: None,
            memory_limit: None,
            network_rx_bytes: None,
            network_tx_bytes: None,
            block_read_bytes: None,
            pids: None,
            ..used.clone()
        };
        let rows = [("web", used), ("just-started", nothing)].map(|(name, used)| Named {
            name: name.to_owned(),
            used,
        });
        insta::assert_snapshot!(table(&rows).render(false, None), @r"
        NAME          CPU   MEMORY  LIMIT  NET IN / OUT  DISK IN / OUT  PIDS
        web           150%  64 MB   4 GB   1.5 KB / 0 B  1 MB / -       5
        just-started  -     -       -      - / -         - / -          -
        ");
    }
}
