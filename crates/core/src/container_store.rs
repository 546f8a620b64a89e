//! The containers of the engine that is followed: the truth as of the last list, at a revision.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use slipway_api::container::{ContainerDelta, ContainerSnapshot, ContainerView};
use slipway_engine::Timestamp;

/// Containers by full id. Every change makes a new revision and a delta that leads to it.
#[derive(Default)]
pub(crate) struct ContainerStore {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    revision: u32,
    containers: HashMap<String, ContainerView>,
}

impl ContainerStore {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything, newest first.
    pub(crate) fn snapshot(&self) -> ContainerSnapshot {
        let inner = self.lock();
        let mut containers: Vec<_> = inner.containers.values().cloned().collect();
        containers.sort_unstable_by(|a, b| {
            b.created_at
                .cmp(&a.created_at)
                .then_with(|| a.name.cmp(&b.name))
        });
        ContainerSnapshot {
            revision: inner.revision,
            containers,
        }
    }

    /// The container with this full id.
    pub(crate) fn get(&self, id: &str) -> Option<ContainerView> {
        self.lock().containers.get(id).cloned()
    }

    /// Takes a whole list. Reasons that were found out by inspecting stay with containers that have not changed.
    pub(crate) fn reset(&self, list: Vec<ContainerView>) -> ContainerDelta {
        let mut inner = self.lock();
        let mut before = std::mem::take(&mut inner.containers);
        let upserted: Vec<ContainerView> = list
            .into_iter()
            .map(|mut view| {
                if let Some(old) = before.remove(&view.id) {
                    keep_learnt(&old, &mut view);
                }
                view
            })
            .collect();
        inner.containers = upserted
            .iter()
            .map(|view| (view.id.clone(), view.clone()))
            .collect();
        inner.revision = inner.revision.wrapping_add(1);
        ContainerDelta {
            revision: inner.revision,
            upserted,
            removed: before.into_keys().collect(),
            reset: true,
        }
    }

    /// Takes what was learnt about some containers. Of those `asked` for, the ones not in `list` are gone.
    /// `None` when nothing is different.
    pub(crate) fn update(
        &self,
        asked: &[String],
        list: Vec<ContainerView>,
    ) -> Option<ContainerDelta> {
        let mut inner = self.lock();
        let removed: Vec<String> = asked
            .iter()
            .filter(|id| !list.iter().any(|view| view.id == **id))
            .filter(|id| inner.containers.remove(*id).is_some())
            .cloned()
            .collect();
        let mut upserted = Vec::new();
        for mut view in list {
            if let Some(old) = inner.containers.get(&view.id) {
                keep_learnt(old, &mut view);
                if *old == view {
                    continue;
                }
            }
            inner.containers.insert(view.id.clone(), view.clone());
            upserted.push(view);
        }
        if upserted.is_empty() && removed.is_empty() {
            return None;
        }
        inner.revision = inner.revision.wrapping_add(1);
        Some(ContainerDelta {
            revision: inner.revision,
            upserted,
            removed,
            reset: false,
        })
    }

    /// Says why a container ended, once that was found out. It may have been removed meanwhile.
    pub(crate) fn set_reason(&self, id: &str, reason: String) -> Option<ContainerDelta> {
        let mut inner = self.lock();
        let view = inner.containers.get_mut(id)?;
        if view.reason.as_ref() == Some(&reason) || view.exit_code.is_none() {
            return None;
        }
        view.reason = Some(reason);
        let upserted = vec![view.clone()];
        inner.revision = inner.revision.wrapping_add(1);
        Some(ContainerDelta {
            revision: inner.revision,
            upserted,
            removed: Vec::new(),
            reset: false,
        })
    }
}

/// A list knows only exit codes; what inspect told stays true until the container runs again.
fn keep_learnt(old: &ContainerView, new: &mut ContainerView) {
    if old.state == new.state && is_same_time(old.since.as_deref(), new.since.as_deref()) {
        new.since.clone_from(&old.since);
    }
    if old.exit_code.is_some() && old.exit_code == new.exit_code && old.state == new.state {
        let learnt = old.reason.clone();
        if learnt.is_some() {
            new.reason = learnt;
        }
    }
}

/// Whether two times since when a container is in its state can be the same one. Engines round down to whole minutes,
/// hours, days: what was seen to happen is better, unless the container has been started anew meanwhile.
fn is_same_time(known: Option<&str>, rounded: Option<&str>) -> bool {
    const MINUTE: i64 = 60_000_000_000;
    let nanos = |text: Option<&str>| Some(Timestamp::parse(text?.as_bytes())?.unix_nanos());
    let (Some(known), Some(rounded)) = (nanos(known), nanos(rounded)) else {
        return false;
    };
    let now = Timestamp::now().unix_nanos();
    let (known_age, rounded_age) = (now.saturating_sub(known), now.saturating_sub(rounded));
    known_age <= rounded_age.saturating_mul(2).saturating_add(MINUTE)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use slipway_api::container::ContainerState;

    /// A container that runs, with nothing else to be said of it.
    pub(crate) fn view(id: &str, name: &str) -> ContainerView {
        ContainerView {
            id: id.to_owned(),
            name: name.to_owned(),
            image: String::new(),
            image_id: String::new(),
            state: ContainerState::Running,
            status: String::new(),
            since: None,
            health: None,
            exit_code: None,
            reason: None,
            created_at: String::new(),
            ports: Vec::new(),
            mounts: Vec::new(),
            stack: None,
        }
    }

    #[test]
    fn an_asked_for_container_that_is_not_listed_is_gone() {
        let store = ContainerStore::default();
        store.reset(vec![view("a", "web"), view("b", "db")]);
        let delta = store
            .update(
                &["a".to_owned(), "b".to_owned()],
                vec![view("b", "database")],
            )
            .expect("something changed");
        assert_eq!(delta.removed, ["a"]);
        assert_eq!(delta.upserted[0].name, "database");
        assert_eq!(store.snapshot().revision, delta.revision);
    }

    #[test]
    fn nothing_new_is_no_revision() {
        let store = ContainerStore::default();
        store.reset(vec![view("a", "web")]);
        assert!(
            store
                .update(&["a".to_owned()], vec![view("a", "web")])
                .is_none()
        );
    }

    #[test]
    fn a_learnt_reason_survives_a_list_but_not_a_new_run() {
        let store = ContainerStore::default();
        let mut ended = view("a", "etl");
        ended.state = ContainerState::Exited;
        ended.exit_code = Some(137);
        ended.reason = Some("killed".to_owned());
        store.reset(vec![ended.clone()]);
        store.set_reason("a", "out of memory".to_owned());
        store.reset(vec![ended]);
        assert_eq!(
            store.get("a").and_then(|v| v.reason).as_deref(),
            Some("out of memory")
        );
        store.reset(vec![view("a", "etl")]);
        assert_eq!(store.get("a").and_then(|v| v.reason), None);
    }
}
