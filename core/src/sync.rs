//! Atomics and locks, from std or from loom's model checker.
//!
//! Every lock-free type of this crate imports from here, so that `--cfg loom` checks the code that ships.

use std::{
    panic::{self, AssertUnwindSafe},
    task::Waker,
};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

#[cfg(loom)]
pub(crate) use loom::sync::MutexGuard;
#[cfg(not(loom))]
pub(crate) use std::sync::MutexGuard;

/// A mutex off the fast path. No caller's code runs under it, so a poisoned one still holds whole data.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T> {
    #[cfg(loom)]
    inner: loom::sync::Mutex<T>,
    #[cfg(not(loom))]
    inner: std::sync::Mutex<T>,
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        #[cfg(loom)]
        let inner = loom::sync::Mutex::new(value);
        #[cfg(not(loom))]
        let inner = std::sync::Mutex::new(value);
        Self { inner }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<T> Mutex<T> {
    /// The lock, if nobody has it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.inner.try_lock() {
            Ok(guard) => Some(guard),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }
}

/// Wakes one waiter. A waker that panics is its executor's trouble: it must not cost anybody else their wake-up, nor stop the
/// request that happened to free a seat, so it goes no further (the panic hook has reported it).
pub(crate) fn wake(waker: Waker) {
    drop(panic::catch_unwind(AssertUnwindSafe(|| waker.wake())));
}

/// Keeps what two threads write apart: one cache line, and its prefetched neighbour.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

/// A number that this thread keeps for life: which of several copies of a thing it uses. Threads are numbered in the order in
/// which they first ask.
#[cfg(not(loom))]
#[inline]
pub(crate) fn thread_number() -> usize {
    NUMBER.with(|number| match number.get() {
        usize::MAX => {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
            number.get()
        }
        known => known,
    })
}

#[cfg(not(loom))]
static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

#[cfg(not(loom))]
thread_local! {
    static NUMBER: std::cell::Cell<usize> = const { std::cell::Cell::new(usize::MAX) };
}

/// A model says which copy each of its threads uses.
#[cfg(loom)]
pub(crate) fn thread_number() -> usize {
    0
}
