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
use crate::tenant::{Mark, Visits};

/// The snapshot in force.
#[derive(Debug)]
pub(super) struct Published {
    id: u64,
    current: Arc<ArcSwap<Snapshot>>,
    visits: Arc<Visits>,
}

struct Remembered {
    id: u64,
    cache: Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>,
    mark: Arc<Mark>,
}

thread_local! {
    /// The most recently used last.
    static REMEMBERED_HERE: RefCell<Vec<Remembered>> = const { RefCell::new(Vec::new()) };
}

impl Published {
    pub(super) fn new(snapshot: Snapshot, visits: Arc<Visits>) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let current = Arc::new(ArcSwap::from_pointee(snapshot));
        Self { id: IDS.fetch_add(1, Ordering::Relaxed), current, visits }
    }

    /// Shows `act` the snapshot in force, once. Neither waits nor counts references.
    #[inline]
    pub(super) fn read<R>(&self, mut act: impl FnMut(&Snapshot) -> R) -> R {
        match self.visit(|snapshot, _| act(snapshot)) {
            Some(result) => result,
            None => self.read_plainly(&mut act),
        }
    }

    /// The same with this thread's mark; `None` where it has none.
    #[inline]
    pub(super) fn visit<R>(&self, act: impl FnOnce(&Snapshot, &Mark) -> R) -> Option<R> {
        let read = REMEMBERED_HERE.try_with(|remembered| {
            let mut remembered = remembered.try_borrow_mut().ok()?;
            let Remembered { cache, mark, .. } = self.recall(&mut remembered);
            Some(act(cache.load(), mark))
        });
        read.ok().flatten()
    }

    /// Where this thread remembers nothing: it is ending, or it decides in a waker that another decision of its own runs.
    #[cold]
    fn read_plainly<R>(&self, act: &mut dyn FnMut(&Snapshot) -> R) -> R {
        act(&self.current.load())
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
    fn recall<'a>(&self, remembered: &'a mut Vec<Remembered>) -> &'a mut Remembered {
        if remembered.last().is_none_or(|last| last.id != self.id) {
            self.bring_last(remembered);
        }
        remembered.last_mut().expect("it was just brought here")
    }

    #[cold]
    fn bring_last(&self, remembered: &mut Vec<Remembered>) {
        let mine = match remembered.iter().position(|one| one.id == self.id) {
            Some(place) => remembered.remove(place),
            None => Remembered {
                id: self.id,
                cache: Cache::new(Arc::clone(&self.current)),
                mark: self.visits.join(),
            },
        };
        if remembered.len() == REMEMBERED {
            remembered.remove(0);
        }
        remembered.push(mine);
    }
}

/// How many balancers' snapshots a thread keeps.
const REMEMBERED: usize = 8;
