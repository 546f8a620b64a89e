//! Follows the machine for a window: through `slipwayd` while that is running, through the machine's files otherwise.
//!
//! Nothing is polled: `slipwayd` sends changes, and a file watch notices its start. A hidden window receives no
//! updates.

use std::time::Duration;

use slipway_api::machine::MachineView;
use slipway_machine::{Appearance, MachineClient, at_rest};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::out_of_reach;
use crate::blocking::blocking;

/// Polling interval for an owner that cannot be reached: nothing else reports its end.
const LOOK: Duration = Duration::from_secs(5);

/// The handle of the task. Dropping it ends the task.
pub(crate) struct MachineFollower {
    view: watch::Receiver<Option<MachineView>>,
    watched: watch::Sender<bool>,
    _task: AbortOnDropHandle<()>,
}

impl MachineFollower {
    /// Starts following. Needs a Tokio runtime.
    pub(crate) fn spawn(client: MachineClient) -> Self {
        let (sender, view) = watch::channel(None);
        let (watched, is_watched) = watch::channel(true);
        let task = tokio::spawn(follow(client, sender, is_watched));
        Self {
            view,
            watched,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// The status as it changes; `None` before the first read.
    pub(crate) fn view(&self) -> watch::Receiver<Option<MachineView>> {
        self.view.clone()
    }

    pub(crate) fn set_watched(&self, watched: bool) {
        self.watched.send_replace(watched);
    }
}

async fn follow(
    client: MachineClient,
    view: watch::Sender<Option<MachineView>>,
    mut watched: watch::Receiver<bool>,
) {
    loop {
        if watched.wait_for(|watched| *watched).await.is_err() {
            return;
        }
        tokio::select! {
            () = follow_while_watched(&client, &view) => {}
            _ = watched.wait_for(|watched| !watched) => {}
        }
    }
}

async fn follow_while_watched(client: &MachineClient, view: &watch::Sender<Option<MachineView>>) {
    let tell = |now: MachineView| {
        view.send_if_modified(|before| {
            let differs = before.as_ref() != Some(&now);
            *before = Some(now);
            differs
        });
    };
    let paths = client.paths().clone();
    loop {
        let appearance = Appearance::of(&paths);
        let files = paths.clone();
        match client.watch_running().await {
            Ok(Some(mut watch)) => {
                while let Ok(now) = watch.next().await {
                    tell(now);
                }
            }
            Ok(None) => {}
            Err(error) => {
                tell(blocking(move || out_of_reach(&files, &error)).await);
                tokio::time::sleep(LOOK).await;
                continue;
            }
        }
        tell(blocking(move || at_rest(&files)).await);
        appearance.wait().await;
    }
}

#[cfg(all(test, unix))]
mod tests {
    use slipway_api::machine::{MachineAnswer, MachineState};
    use slipway_machine::Lease;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::{UnixListener, UnixStream};

    use super::super::tests::places;
    use super::*;

    async fn accept(listener: &UnixListener) -> UnixStream {
        let (mut stream, _) = listener.accept().await.expect("somebody connects");
        let mut line = String::new();
        BufReader::new(&mut stream)
            .read_line(&mut line)
            .await
            .expect("a request");
        assert_eq!(line.trim(), r#"{"do":"watch"}"#);
        stream
    }

    async fn tell(stream: &mut UnixStream, machine: &MachineView) {
        let answer = MachineAnswer::Status {
            machine: Box::new(machine.clone()),
        };
        let mut line = serde_json::to_vec(&answer).expect("JSON");
        line.push(b'\n');
        stream.write_all(&line).await.expect("it listens");
    }

    async fn becomes(views: &mut watch::Receiver<Option<MachineView>>, state: MachineState) {
        let seen = views.wait_for(|view| view.as_ref().is_some_and(|view| view.state == state));
        tokio::time::timeout(Duration::from_secs(20), seen)
            .await
            .unwrap_or_else(|_| panic!("it is never {state:?}"))
            .expect("it follows");
    }

    #[tokio::test]
    async fn a_machine_is_followed_while_it_is_owned_and_while_somebody_looks() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let paths = places(directory.path());
        paths.create().expect("writable");
        let follower = MachineFollower::spawn(MachineClient::new(paths.clone()));
        let mut views = follower.view();
        becomes(&mut views, MachineState::Absent).await;

        // Another program may start it.
        let listener = UnixListener::bind(paths.daemon_socket()).expect("it can listen");
        let mut daemon = accept(&listener).await;
        let mut machine = at_rest(&paths);
        machine.state = MachineState::Stopping;
        tell(&mut daemon, &machine).await;
        becomes(&mut views, MachineState::Stopping).await;

        // The window is hidden: nothing is requested.
        follower.set_watched(false);
        let mut rest = String::new();
        let mut hears = BufReader::new(&mut daemon);
        let gone = hears.read_line(&mut rest);
        let gone = tokio::time::timeout(Duration::from_secs(20), gone).await;
        assert_eq!(gone.expect("it hangs up").expect("and cleanly"), 0);

        follower.set_watched(true);
        let mut daemon = accept(&listener).await;
        machine.state = MachineState::Stopped;
        tell(&mut daemon, &machine).await;
        becomes(&mut views, MachineState::Stopped).await;

        // It has ended; the files have the final state.
        std::fs::remove_file(paths.daemon_socket()).expect("it is there");
        drop((daemon, listener));
        becomes(&mut views, MachineState::Absent).await;
    }

    #[tokio::test]
    async fn an_owner_that_cannot_be_asked_is_told_until_it_is_gone() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let paths = places(directory.path());
        let lease = Lease::take(&paths).expect("nobody else has it");
        let follower = MachineFollower::spawn(MachineClient::new(paths));
        let mut views = follower.view();
        let seen = views.wait_for(|view| {
            view.as_ref().is_some_and(|view| {
                matches!(&view.state, MachineState::OutOfReach { reason } if reason.message.contains("owns the machine"))
            })
        });
        tokio::time::timeout(Duration::from_secs(20), seen)
            .await
            .expect("it is told")
            .expect("it follows");
        drop(lease);
        becomes(&mut views, MachineState::Absent).await;
    }
}
