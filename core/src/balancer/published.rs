//! The one swap: how a new snapshot reaches everyone, and how reading it costs next to nothing.
//!
//! Each thread keeps the snapshot that it last read of each balancer and compares one pointer (arc-swap's `Cache`): 1 ns where a
//! guard costs 20 and a reference count on a shared line 60. A thread that has gone quiet keeps its last snapshot alive
//! until it reads again or ends; it keeps at most [`REMEMBERED`].

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::{ArcSwap, cache::Cache};

use super::snapshot::Snapshot;

/// The snapshot in force.
#[derive(Debug)]
pub(super) struct Published {
    id: u64,
    current: Arc<ArcSwap<Snapshot>>,
}

struct Remembered {
    id: u64,
    cache: Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>,
}

thread_local! {
    static REMEMBERED_HERE: RefCell<Vec<Remembered>> = const { RefCell::new(Vec::new()) };
}

impl Published {
    pub(super) fn new(snapshot: Snapshot) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(0);
        Self { id: IDS.fetch_add(1, Ordering::Relaxed), current: Arc::new(ArcSwap::from_pointee(snapshot)) }
    }

    /// Shows `act` the snapshot in force. Neither waits nor counts references.
    #[inline]
    pub(super) fn read<R>(&self, act: impl FnOnce(&Snapshot) -> R) -> R {
        let mut act = Some(act);
        let read = REMEMBERED_HERE.try_with(|remembered| {
            let mut remembered = remembered.try_borrow_mut().ok()?;
            let snapshot = self.recall(&mut remembered);
            act.take().map(|act| act(snapshot))
        });
        match (read, act) {
            (Ok(Some(result)), _) => result,
            // A waker that is run by a decision decides again, or the thread is ending: the plain way.
            (_, Some(act)) => act(&self.current.load()),
            (_, None) => unreachable!("`act` is taken only where its result is returned"),
        }
    }

    /// The snapshot in force, to keep.
    pub(super) fn load(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Puts a new snapshot in force.
    pub(super) fn publish(&self, snapshot: Arc<Snapshot>) {
        self.current.store(snapshot);
    }

    #[inline]
    fn recall<'a>(&self, remembered: &'a mut Vec<Remembered>) -> &'a Snapshot {
        let place = match remembered.iter().position(|one| one.id == self.id) {
            Some(place) => place,
            None => self.remember(remembered),
        };
        remembered[place].cache.load()
    }

    #[cold]
    fn remember(&self, remembered: &mut Vec<Remembered>) -> usize {
        if remembered.len() == REMEMBERED {
            remembered.remove(0);
        }
        remembered.push(Remembered { id: self.id, cache: Cache::new(Arc::clone(&self.current)) });
        remembered.len() - 1
    }
}

/// How many balancers' snapshots a thread keeps.
const REMEMBERED: usize = 8;
