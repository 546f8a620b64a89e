//! State shared by all tasks of the agent.

use std::cell::Cell;
use std::rc::Rc;

use slipway_link::LogSource;
use tokio::sync::Notify;

use crate::children::Children;
use crate::log::Log;
use crate::news::News;

/// State shared by all tasks of the agent. Everything runs on one thread.
#[derive(Clone)]
pub(crate) struct Machine(Rc<Shared>);

pub(crate) struct Shared {
    pub(crate) children: Children,
    pub(crate) news: News,
    pub(crate) agent_log: Log,
    pub(crate) dockerd_log: Log,
    pub(crate) containerd_log: Log,
    /// The machine is shutting down: nothing is restarted.
    pub(crate) stopping: Cell<bool>,
    pub(crate) docker_answers: Cell<bool>,
    pub(crate) data_mounted: Cell<bool>,
    /// Requests another attempt at mounting the data disk.
    pub(crate) try_disk_again: Notify,
    /// Requests the end of dockerd, which is then restarted unless the machine is shutting down.
    pub(crate) end_dockerd: Notify,
    pub(crate) end_containerd: Notify,
    /// dockerd has ended for good.
    pub(crate) dockerd_ended: Notify,
    pub(crate) dockerd_runs: Cell<bool>,
}

impl std::ops::Deref for Machine {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Machine {
    pub(crate) fn new() -> Self {
        let agent_log = Log::default();
        Self(Rc::new(Shared {
            children: Children::default(),
            news: News::new(agent_log.clone()),
            agent_log,
            dockerd_log: Log::default(),
            containerd_log: Log::default(),
            stopping: Cell::new(false),
            docker_answers: Cell::new(false),
            data_mounted: Cell::new(false),
            try_disk_again: Notify::new(),
            end_dockerd: Notify::new(),
            end_containerd: Notify::new(),
            dockerd_ended: Notify::new(),
            dockerd_runs: Cell::new(false),
        }))
    }

    /// The log of a program; the kernel keeps its own.
    pub(crate) fn log_of(&self, source: LogSource) -> Option<&Log> {
        match source {
            LogSource::Agent => Some(&self.agent_log),
            LogSource::Dockerd => Some(&self.dockerd_log),
            LogSource::Containerd => Some(&self.containerd_log),
            LogSource::Kernel => None,
        }
    }
}
