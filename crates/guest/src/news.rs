//! The guest's events since the kernel started; every host receives them from the beginning.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use slipway_link::{DiskState, DockerState, GuestEvent, GuestNews, Phase};
use tokio::sync::Notify;

use crate::log::Log;

/// Limit of kept events. The phases of the boot are always kept.
const KEPT: usize = 256;

#[derive(Clone)]
pub(crate) struct News(Rc<Inner>);

struct Inner {
    kept: RefCell<VecDeque<(u64, GuestNews)>>,
    next: RefCell<u64>,
    more: Notify,
    log: Log,
}

impl News {
    pub(crate) fn new(log: Log) -> Self {
        Self(Rc::new(Inner {
            kept: RefCell::default(),
            next: RefCell::new(0),
            more: Notify::new(),
            log,
        }))
    }

    pub(crate) fn tell(&self, event: GuestEvent) {
        self.tell_at(crate::clock::since_kernel_start_ms(), event);
    }

    pub(crate) fn tell_at(&self, at_ms: u64, event: GuestEvent) {
        self.0.log.push(line(at_ms, &words(&event)).as_bytes());
        let mut kept = self.0.kept.borrow_mut();
        let mut next = self.0.next.borrow_mut();
        kept.push_back((*next, GuestNews { at_ms, event }));
        *next += 1;
        if kept.len() > KEPT {
            let oldest = kept
                .iter()
                .position(|(_, news)| !matches!(news.event, GuestEvent::Phase { .. }))
                .unwrap_or(0);
            kept.remove(oldest);
        }
        self.0.more.notify_waiters();
    }

    pub(crate) fn phase(&self, phase: Phase) {
        self.tell(GuestEvent::Phase { phase });
    }

    pub(crate) fn disk(&self, state: DiskState) {
        self.tell(GuestEvent::Disk { state });
    }

    pub(crate) fn docker(&self, state: DockerState) {
        self.tell(GuestEvent::Docker { state });
    }

    pub(crate) fn warn(&self, message: impl Into<String>) {
        self.tell(GuestEvent::Warning {
            message: message.into(),
        });
    }

    /// The events from number `from` on, each with its number.
    pub(crate) fn since(&self, from: u64) -> Vec<(u64, GuestNews)> {
        self.0
            .kept
            .borrow()
            .iter()
            .filter(|(number, _)| *number >= from)
            .cloned()
            .collect()
    }

    /// Resolves when an event is added after this call.
    pub(crate) fn more(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.more.notified()
    }

    /// A line for the agent's own log.
    pub(crate) fn log(&self, words: &str) {
        let at_ms = crate::clock::since_kernel_start_ms();
        self.0.log.push(line(at_ms, words).as_bytes());
    }
}

fn line(at_ms: u64, words: &str) -> String {
    format!("{:6}.{:03} {words}\n", at_ms / 1000, at_ms % 1000)
}

fn words(event: &GuestEvent) -> String {
    serde_json::to_string(event).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_stay_however_much_happens() {
        let news = News::new(Log::default());
        news.phase(Phase::Agent);
        for at in 0..1000 {
            news.warn(at.to_string());
        }
        let kept = news.since(0);
        assert_eq!(kept.len(), KEPT);
        assert_eq!(
            kept[0].1.event,
            GuestEvent::Phase {
                phase: Phase::Agent
            }
        );
        assert_eq!(kept.last().unwrap().0, 1000);
        assert_eq!(news.since(999).len(), 2);
    }
}
