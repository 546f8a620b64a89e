//! Many short connections through a published port, and whether anything of them stays.

use std::fs;
use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::PEER_PORT;
use super::ours::Ours;
use super::way::Way;
use crate::report::{Figure, Goal, Series, Unit};

const CONNECTIONS: usize = 10_000;
const AT_ONCE: usize = 16;
/// What the first connections leave behind for the next ones is no leak. It takes the allocator thousands of them, sixteen
/// at once, until nothing is added: measured up to 50,000.
const WARM_UP: usize = CONNECTIONS;
/// Connections that are closing are gone by then.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// What a process holds.
#[derive(Debug, Clone, Copy)]
struct Holds {
    descriptors: f64,
    threads: f64,
    /// In bytes.
    memory: f64,
}

/// Before and after.
pub(super) struct Connections {
    daemon: (Holds, Holds),
    agent: (Holds, Holds),
    seconds: f64,
}

/// Makes the connections.
pub(super) fn measure(ours: &Ours) -> Result<Connections> {
    let way = Way::Port(PEER_PORT);
    make(&way, WARM_UP)?;
    std::thread::sleep(AFTERWARDS);
    let before = (daemon(ours)?, agent(ours)?);
    let began = Instant::now();
    make(&way, CONNECTIONS)?;
    let seconds = began.elapsed().as_secs_f64();
    std::thread::sleep(AFTERWARDS);
    let after = (daemon(ours)?, agent(ours)?);
    Ok(Connections {
        daemon: (before.0, after.0),
        agent: (before.1, after.1),
        seconds,
    })
}

/// Each is opened, asks one thing, gets its answer to the end, and is closed.
fn make(way: &Way, count: usize) -> Result<()> {
    let next = AtomicUsize::new(0);
    let one_after_the_other = || {
        while next.fetch_add(1, Ordering::Relaxed) < count {
            let mut stream = way.connect()?;
            stream.write_all(b"?")?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer)?;
            ensure!(
                answer == b"here\n",
                "a connection was answered with {answer:?}"
            );
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE)
            .map(|_| scope.spawn(one_after_the_other))
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| Ok(())))
    })
}

fn daemon(ours: &Ours) -> Result<Holds> {
    let pid = ours.daemon()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Holds::parse(&status, fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// The shell by which it is asked has descriptors in the agent too, the same before and after.
fn agent(ours: &Ours) -> Result<Holds> {
    let text = ours.in_guest(&["sh", "-c", "ls /proc/1/fd | wc -l; cat /proc/1/status"])?;
    let (descriptors, status) = text.split_once('\n').context("the guest tells nothing")?;
    Holds::parse(status, descriptors.trim().parse()?)
}

impl Holds {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
    fn parse(status: &str, descriptors: usize) -> Result<Self> {
        let of = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .and_then(|value| value.split_whitespace().next()?.parse::<f64>().ok())
                .with_context(|| format!("the kernel does not tell {name}"))
        };
        Ok(Self {
            descriptors: descriptors as f64,
            threads: of("Threads")?,
            memory: of("VmRSS")? * 1024.0,
        })
    }

    fn json(self) -> Value {
        json!({ "descriptors": self.descriptors, "threads": self.threads, "memory": self.memory })
    }
}

impl Connections {
    pub(super) fn figures(&self) -> Vec<Figure> {
        let mut figures = Vec::new();
        for (who, (before, after)) in [("slipwayd", self.daemon), ("the guest's agent", self.agent)]
        {
            figures.push(Figure::difference(
                format!("open descriptors of {who} after 10,000 connections to a published port"),
                Unit::Calls,
                Series::of("after", vec![after.descriptors]),
                Series::of("before", vec![before.descriptors]),
                Some(Goal::AtMost(0.0)),
            ));
            figures.push(Figure::difference(
                format!("memory of {who} after them"),
                Unit::Megabytes,
                Series::of("after", vec![after.memory / 1e6]),
                Series::of("before", vec![before.memory / 1e6]),
                Some(Goal::AtMost(2.0)),
            ));
        }
        figures
    }

    pub(super) fn note(&self) -> Value {
        json!({
            "connections": CONNECTIONS,
            "at_once": AT_ONCE,
            "seconds": self.seconds,
            "slipwayd": [self.daemon.0.json(), self.daemon.1.json()],
            "agent": [self.agent.0.json(), self.agent.1.json()],
        })
    }
}
