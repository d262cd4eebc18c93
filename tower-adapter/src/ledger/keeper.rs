//! Keeping a balancer's ledger in a store while it runs.

use std::{
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tenantry::{Balancer, LedgerStore, Restored};

/// Restores a balancer from a store, and saves it there. Clones share the store.
pub struct LedgerKeeper<S> {
    shared: Arc<Shared<S>>,
}

struct Shared<S> {
    balancer: Balancer,
    restored: Restored,
    /// One save at a time.
    store: Mutex<S>,
    /// The balancer's settlements that the last save has.
    saved: AtomicU64,
    /// Saves that failed.
    failed: AtomicU64,
}

/// Saves in the background until it is dropped; then once more.
#[must_use = "dropping it ends the saving"]
pub struct Saving {
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

/// Rings when the saving is to end.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl<S: LedgerStore> LedgerKeeper<S> {
    /// Restores what the store has, if it has anything. Call it before the balancer's first request.
    ///
    /// # Errors
    /// When there is something that cannot be read: whether to go on without it is for the caller to say.
    pub fn open(balancer: Balancer, store: S) -> Result<Self, S::Error> {
        let restored = store.load()?.map(|ledger| balancer.restore(&ledger)).unwrap_or_default();
        // From here on settlements are counted.
        let saved = balancer.ledger().settlements();
        let shared = Shared {
            balancer,
            restored,
            store: Mutex::new(store),
            saved: AtomicU64::new(saved),
            failed: AtomicU64::new(0),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// What opening it has restored.
    #[must_use]
    pub fn restored(&self) -> Restored {
        self.shared.restored
    }

    /// Settlements that the store does not have yet.
    #[must_use]
    pub fn unsaved(&self) -> u64 {
        self.shared.unsaved()
    }

    /// How many saves have failed, of all kinds.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.shared.failed.load(Ordering::Relaxed)
    }

    /// Saves now. Blocks while the store does.
    ///
    /// # Errors
    /// As the store; what was saved before is still there.
    pub fn save(&self) -> Result<(), S::Error> {
        self.shared.save(&lock(&self.shared.store))
    }

    /// Saves now if `most` settlements or more are unsaved: called after every settlement, it bounds what a crash can lose to `most` of
    /// them, and one more for each thread that settles. Whoever finds a save under way waits for it.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub fn save_within(&self, most: u64) -> Result<(), S::Error> {
        if self.unsaved() < most.max(1) {
            return Ok(());
        }
        let store = lock(&self.shared.store);
        // Another thread may have saved while this one waited.
        if self.unsaved() < most.max(1) { Ok(()) } else { self.shared.save(&store) }
    }
}

impl<S: LedgerStore + 'static> LedgerKeeper<S> {
    /// Saves every `interval` in a thread of its own, where something has been settled since: a crash loses at most what is settled in
    /// one interval and while a save takes place. A save that fails is tried again after the next interval, and counted as
    /// [`failed`](Self::failed).
    ///
    /// # Panics
    /// When the system gives no thread.
    pub fn save_every(&self, interval: Duration) -> Saving {
        let (shared, bell) = (Arc::clone(&self.shared), Arc::new(Bell::default()));
        let listening = Arc::clone(&bell);
        let save = move || {
            while !listening.is_rung_within(interval) {
                shared.save_if_needed();
            }
            shared.save_if_needed();
        };
        let thread = thread::Builder::new().name("tenantry-ledger".into()).spawn(save);
        Saving { bell, thread: Some(thread.expect("the system gives a thread")) }
    }
}

impl<S: LedgerStore> Shared<S> {
    fn unsaved(&self) -> u64 {
        self.balancer.settlements().saturating_sub(self.saved.load(Ordering::Acquire))
    }

    fn save_if_needed(&self) {
        if self.unsaved() > 0 {
            // Counted; the next one tries again.
            drop(self.save(&lock(&self.store)));
        }
    }

    fn save(&self, store: &S) -> Result<(), S::Error> {
        let ledger = self.balancer.ledger();
        store.save(&ledger).inspect_err(|_| {
            self.failed.fetch_add(1, Ordering::Relaxed);
        })?;
        self.saved.store(ledger.settlements(), Ordering::Release);
        Ok(())
    }
}

impl Bell {
    fn ring(&self) {
        *lock(&self.rung) = true;
        self.changed.notify_all();
    }

    /// Waits for it, so long at most.
    fn is_rung_within(&self, interval: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(lock(&self.rung), interval, |rung| !*rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Saving {
    fn drop(&mut self) {
        self.bell.ring();
        if let Some(thread) = self.thread.take() {
            // It panics only where a store does; that has been printed.
            drop(thread.join());
        }
    }
}

impl<S> Clone for LedgerKeeper<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S> fmt::Debug for LedgerKeeper<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerKeeper").field("restored", &self.shared.restored).finish_non_exhaustive()
    }
}

impl fmt::Debug for Saving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Saving").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
