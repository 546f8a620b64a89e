//! UDP peer table: evicts the longest-idle peer when full.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::stream::{AbortHandle, AbortRegistration};
use tokio::sync::mpsc;

/// Capacity of a peer's queue towards the guest.
const QUEUE: usize = 64;

/// The peers of a port.
pub(crate) struct Peers {
    most: usize,
    known: HashMap<SocketAddr, Peer>,
    /// Peers that the guest has answered, ordered by their last activity in either direction.
    silent_since: BTreeMap<u64, SocketAddr>,
    /// A logical clock: counts activity.
    now: u64,
}

struct Peer {
    session: u64,
    queue: mpsc::Sender<Vec<u8>>,
    /// Ends the session.
    end: AbortHandle,
    /// Its key in `silent_since`.
    last: Option<u64>,
}

/// A peer's session at a port. Dropping it removes the peer.
pub(crate) struct Session<'a> {
    peers: &'a Mutex<Peers>,
    peer: SocketAddr,
    number: u64,
}

/// An admitted peer.
pub(crate) struct Admitted<'a> {
    pub(crate) session: Session<'a>,
    /// Its datagrams.
    pub(crate) datagrams: mpsc::Receiver<Vec<u8>>,
    /// The session must end on this signal, to make room for another peer.
    pub(crate) ends: AbortRegistration,
}

impl Peers {
    /// An empty table with a limit.
    pub(crate) fn new(most: usize) -> Mutex<Self> {
        Mutex::new(Self {
            most,
            known: HashMap::new(),
            silent_since: BTreeMap::new(),
            now: 0,
        })
    }

    /// Queues a datagram for the session of its peer. Returns whether there is one.
    pub(crate) fn pass_on(&mut self, peer: SocketAddr, datagram: &[u8]) -> bool {
        let Some(known) = self.known.get_mut(&peer) else {
            return false;
        };
        // A full queue drops, as on any network.
        let _ = known.queue.try_send(datagram.to_vec());
        if let Some(last) = &mut known.last {
            self.silent_since.remove(last);
            self.now += 1;
            *last = self.now;
            self.silent_since.insert(self.now, peer);
        }
        true
    }

    /// Evicts the longest-idle peer if the table is full. Returns whether there is room now.
    ///
    /// Peers that still wait for the guest are not evicted: so a flood of new peers is throttled to the guest's pace
    /// instead of piling up before it and delaying every other request.
    fn make_room(&mut self) -> bool {
        if self.known.len() < self.most {
            return true;
        }
        let Some((_, peer)) = self.silent_since.pop_first() else {
            return false;
        };
        if let Some(gone) = self.known.remove(&peer) {
            gone.end.abort();
        }
        true
    }
}

/// Admits an unknown peer, if there is room.
pub(crate) fn admit(peers: &Mutex<Peers>, peer: SocketAddr) -> Option<Admitted<'_>> {
    let mut all = lock(peers);
    if !all.make_room() {
        return None;
    }
    all.now += 1;
    let number = all.now;
    let (queue, datagrams) = mpsc::channel(QUEUE);
    let (end, ends) = AbortHandle::new_pair();
    let newcomer = Peer {
        session: number,
        queue,
        end,
        last: None,
    };
    all.known.insert(peer, newcomer);
    Some(Admitted {
        session: Session {
            peers,
            peer,
            number,
        },
        datagrams,
        ends,
    })
}

pub(crate) fn lock(peers: &Mutex<Peers>) -> MutexGuard<'_, Peers> {
    peers.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session<'_> {
    /// The address of the peer.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Records activity: the peer has sent something, or the guest has answered.
    pub(crate) fn heard(&self) {
        let mut all = lock(self.peers);
        let all = &mut *all;
        all.now += 1;
        let Some(known) = all.known.get_mut(&self.peer) else {
            return;
        };
        if known.session != self.number {
            return;
        }
        if let Some(last) = known.last.replace(all.now) {
            all.silent_since.remove(&last);
        }
        all.silent_since.insert(all.now, self.peer);
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        let mut all = lock(self.peers);
        // After an eviction, the peer may have been admitted anew.
        let known = all.known.get(&self.peer);
        if known.is_some_and(|known| known.session == self.number)
            && let Some(Peer {
                last: Some(last), ..
            }) = all.known.remove(&self.peer)
        {
            all.silent_since.remove(&last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], number))
    }

    /// Admits peer `number` and lets the guest answer it.
    fn served(peers: &Mutex<Peers>, number: u16) -> Admitted<'_> {
        let admitted = admit(peers, peer(number)).unwrap();
        admitted.session.heard();
        admitted
    }

    #[track_caller]
    fn check(peers: &Mutex<Peers>, known: &[u16]) {
        let peers = lock(peers);
        let mut found: Vec<u16> = peers.known.keys().map(SocketAddr::port).collect();
        found.sort_unstable();
        assert_eq!(found, known);
        assert!(peers.silent_since.len() <= peers.known.len());
    }

    #[test]
    fn whoever_was_silent_longest_makes_room() {
        let peers = Peers::new(3);
        let first = served(&peers, 1);
        let second = served(&peers, 2);
        let third = served(&peers, 3);
        // One peer sent something, another one received something.
        assert!(lock(&peers).pass_on(peer(1), b"question"));
        second.session.heard();
        let _fourth = served(&peers, 4);
        check(&peers, &[1, 2, 4]);
        let mut gone = third.datagrams;
        assert!(gone.try_recv().is_err() && gone.is_closed());
        assert!(!lock(&peers).pass_on(peer(3), b"question"));
        let _fifth = served(&peers, 5);
        check(&peers, &[2, 4, 5]);
        drop(first);
        check(&peers, &[2, 4, 5]);
    }

    #[test]
    fn nobody_goes_for_whom_the_guest_has_not_answered_yet() {
        let peers = Peers::new(2);
        let waiting = [1, 2].map(|number| admit(&peers, peer(number)).unwrap());
        assert!(lock(&peers).pass_on(peer(1), b"question"));
        assert!(admit(&peers, peer(3)).is_none());
        check(&peers, &[1, 2]);
        waiting[1].session.heard();
        let _third = admit(&peers, peer(3)).unwrap();
        check(&peers, &[1, 3]);
    }

    #[test]
    fn who_comes_again_is_not_forgotten_with_its_earlier_session() {
        let peers = Peers::new(1);
        let earlier = served(&peers, 1);
        drop(served(&peers, 2));
        check(&peers, &[]);
        let again = served(&peers, 1);
        earlier.session.heard();
        drop(earlier);
        check(&peers, &[1]);
        drop(again);
        check(&peers, &[]);
    }
}
