//! The containers of the followed engine, as of the last list, with a revision number.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use slipway_api::container::{
    ContainerDelta, ContainerSnapshot, ContainerState, ContainerView, Ending,
};
use slipway_engine::Timestamp;

use crate::exit_reason::Ended;
use crate::view::is_up;

/// Containers by full id. Every change makes a new revision and the delta that leads to it.
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

    /// A snapshot, newest container first.
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

    /// Applies a complete list. Reasons found by inspecting are kept for containers that have not changed.
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

    /// Applies a list of some containers. Those in `asked` that are missing from `list` are removed. Returns `None` if
    /// nothing has changed.
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

    /// Sets how a container ended, once that is known. It may have been removed or started meanwhile.
    pub(crate) fn set_end(&self, id: &str, ended: Ended) -> Option<ContainerDelta> {
        self.change(id, |view| {
            // A requested stop explains an end, whatever else happened in the container. A failed start comes after it.
            let is_newer = matches!(ended.ending, Ending::Stopped | Ending::NotStarted);
            let fits = match view.ending {
                Some(known) => is_newer || known != Ending::Stopped,
                None => view.state == ContainerState::Created && ended.ending == Ending::NotStarted,
            };
            if fits {
                ended.put_in(view);
            }
        })
    }

    /// Sets how often a container was restarted by its policy.
    pub(crate) fn set_restart_count(&self, id: &str, count: u32) -> Option<ContainerDelta> {
        self.change(id, |view| view.restart_count = Some(count))
    }

    /// Clears what is known of a container's last run and restarts, because it was started, or stopped by a person.
    /// Makes no delta; a list follows.
    pub(crate) fn forget_learnt(&self, id: &str) {
        if let Some(view) = self.lock().containers.get_mut(id) {
            view.restart_count = None;
            view.last_exit_code = None;
            view.ending = None;
            view.since = None;
        }
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut ContainerView)) -> Option<ContainerDelta> {
        let mut inner = self.lock();
        let view = inner.containers.get_mut(id)?;
        let before = view.clone();
        change(view);
        if *view == before {
            return None;
        }
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

/// A list has only exit codes; what inspect found stays valid until the container runs again.
fn keep_learnt(old: &ContainerView, new: &mut ContainerView) {
    // A pause is part of a run.
    let in_a_run = |state| matches!(state, ContainerState::Running | ContainerState::Paused);
    let same_time = (old.state == new.state || (in_a_run(old.state) && in_a_run(new.state)))
        && keep_time(old.since.as_deref(), &mut new.since);
    let same_end = old.exit_code == new.exit_code && old.state == new.state && same_time;
    // What events said meanwhile is newer than what was known.
    let news = matches!(new.ending, Some(Ending::Stopped | Ending::OutOfMemory))
        && new.ending != old.ending;
    let has_ended = old.exit_code.is_some() || old.ending == Some(Ending::NotStarted);
    if has_ended && same_end && old.ending.is_some() && !news {
        new.ending = old.ending;
        new.reason.clone_from(&old.reason);
    }
    if is_up(old.state) && is_up(new.state) {
        new.restart_count = new.restart_count.or(old.restart_count);
        new.last_exit_code = new.last_exit_code.or(old.last_exit_code);
    }
}

/// Keeps the known time since when a container is in its state, if the engine's can mean the same moment. Engines round:
/// down to seconds and minutes, so that the earlier of two times is the more precise one, and to the nearest hour or day.
/// Returns whether it can.
fn keep_time(known: Option<&str>, rounded: &mut Option<String>) -> bool {
    const MINUTE: i64 = 60_000_000_000;
    let nanos = |text: Option<&str>| Some(Timestamp::parse(text?.as_bytes())?.unix_nanos());
    let (Some(known_at), Some(rounded_at)) = (nanos(known), nanos(rounded.as_deref())) else {
        return known == rounded.as_deref();
    };
    let now = Timestamp::now().unix_nanos();
    let (known_age, rounded_age) = (now.saturating_sub(known_at), now.saturating_sub(rounded_at));
    let is_same = known_age <= rounded_age.saturating_mul(2).saturating_add(MINUTE);
    if is_same && (known_age >= rounded_age || rounded_age >= 60 * MINUTE) {
        *rounded = known.map(str::to_owned);
    }
    is_same
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::exit_reason::of_exit_code;

    /// A running container with no further details.
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
            ending: None,
            reason: None,
            restart_count: None,
            last_exit_code: None,
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
        ended.ending = Some(Ending::Killed);
        ended.reason = Some("killed".to_owned());
        store.reset(vec![ended.clone()]);
        store.set_end(
            "a",
            Ended {
                ending: Ending::OutOfMemory,
                reason: Some("out of memory".to_owned()),
            },
        );
        store.reset(vec![ended]);
        assert_eq!(
            store.get("a").and_then(|v| v.reason).as_deref(),
            Some("out of memory")
        );
        store.reset(vec![view("a", "etl")]);
        assert_eq!(store.get("a").and_then(|v| v.reason), None);
    }

    #[test]
    fn the_same_exit_code_of_a_later_run_has_its_own_reason() {
        let store = ContainerStore::default();
        let mut ended = view("a", "etl");
        ended.state = ContainerState::Exited;
        ended.exit_code = Some(137);
        of_exit_code(137).put_in(&mut ended);
        store.reset(vec![ended.clone()]);
        store.set_end(
            "a",
            Ended {
                ending: Ending::OutOfMemory,
                reason: Some("out of memory".to_owned()),
            },
        );
        store.forget_learnt("a");
        store.update(&[], vec![ended]);
        assert_eq!(
            store.get("a").and_then(|v| v.reason).as_deref(),
            Some("killed")
        );
    }

    /// The engine's text is rounded down: an age never goes back, not after a pause either, and is never behind the text.
    #[test]
    fn an_age_is_as_old_as_what_is_known() {
        use ContainerState::{Exited, Paused, Running};

        let ago = |seconds: i64| {
            let now = Timestamp::now().unix_nanos();
            Some(Timestamp::from_unix_nanos(now - seconds * 1_000_000_000).to_string())
        };
        let check = |state, old: i64, text: i64, kept: bool| {
            let mut known = view("a", "web");
            known.since = ago(old);
            let mut new = view("a", "web");
            new.state = state;
            new.since = ago(text);
            let told = new.since.clone();
            let store = ContainerStore::default();
            store.reset(vec![known.clone()]);
            store.update(&["a".to_owned()], vec![new]);
            let since = store.get("a").expect("it is there").since;
            assert_eq!(since, if kept { known.since } else { told }, "{old} {text}");
        };
        check(Running, 359, 300, true);
        check(Paused, 359, 300, true);
        check(Running, 61, 120, false);
        check(Running, 3 * 3_600 - 1_200, 3 * 3_600, true);
        // It was restarted, or has ended.
        check(Running, 3_600, 1, false);
        check(Exited, 30, 1, false);
    }

    #[test]
    fn restarts_are_counted_while_it_is_up() {
        let store = ContainerStore::default();
        store.reset(vec![view("a", "etl")]);
        assert!(store.set_restart_count("a", 3).is_some());
        assert!(store.set_restart_count("a", 3).is_none());
        let mut restarting = view("a", "etl");
        restarting.state = ContainerState::Restarting;
        store.update(&[], vec![restarting]);
        let count = || store.get("a").and_then(|view| view.restart_count);
        assert_eq!(count(), Some(3));
        let mut ended = view("a", "etl");
        ended.state = ContainerState::Exited;
        store.update(&[], vec![ended]);
        store.update(&[], vec![view("a", "etl")]);
        assert_eq!(count(), None);
    }
}
