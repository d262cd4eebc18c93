//! Visits: how a check keeps its tenant's slot without entering it and leaving it again.
//!
//! Every thread has a mark, a number that is odd while the thread is in the middle of a check, which only it writes, and without any fence: the check's one
//! step at the slot's occupancy ([`Tenant::pass`](super::Tenant::pass)) comes between. If that step comes before the slot is vacated, whoever vacates it sees the
//! odd number, too, and waits for the next one, before which all that the check did to the slot was done; if it comes after, it fails. So a
//! slot is never given to another in the middle of somebody's check.

use std::sync::Arc;

use crate::sync::{AtomicU64, Mutex, Ordering, Padded};

/// The marks of all threads that check.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    marks: Mutex<Vec<Arc<Mark>>>,
}

/// One thread's: alone on its cache line.
#[derive(Debug, Default)]
pub(crate) struct Mark {
    /// Odd during a visit.
    number: Padded<AtomicU64>,
}

/// A check under way.
#[derive(Debug)]
pub(crate) struct Visit<'a> {
    mark: &'a Mark,
    number: u64,
}

impl Visits {
    /// A mark for a thread that is going to check. It counts as long as it is kept.
    pub(crate) fn join(&self) -> Arc<Mark> {
        let mark = Arc::new(Mark::default());
        self.marks.lock().push(Arc::clone(&mark));
        mark
    }

    /// Whether all that had begun when a slot was vacated are over. They take nanoseconds and are waited for, but not for long: a thread
    /// may have lost its processor in the middle of one.
    pub(super) fn are_over(&self) -> bool {
        let mut marks = self.marks.lock();
        marks.retain(|mark| Arc::strong_count(mark) > 1);
        marks.iter().all(|mark| mark.is_over())
    }
}

impl Mark {
    /// Begins a visit, which ends when it is dropped.
    #[inline]
    pub(crate) fn visit(&self) -> Visit<'_> {
        let number = self.number.0.load(Ordering::Relaxed);
        // Relaxed: what follows at the slot's occupancy releases it.
        self.number.0.store(number + 1, Ordering::Relaxed);
        Visit { mark: self, number: number + 2 }
    }

    fn is_over(&self) -> bool {
        // Acquire pairs with the visit's end: what it did to the slot is seen.
        let number = self.number.0.load(Ordering::Acquire);
        let ended = |_| {
            std::hint::spin_loop();
            self.number.0.load(Ordering::Acquire) != number
        };
        number.is_multiple_of(2) || (0..PATIENCE).any(ended)
    }
}

impl Drop for Visit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.mark.number.0.store(self.number, Ordering::Release);
    }
}

/// How often a mark is looked at: some microseconds' worth.
const PATIENCE: u32 = if cfg!(loom) { 0 } else { 256 };

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_visit_is_seen_until_it_ends_and_a_thread_that_is_gone_is_forgotten() {
        let visits = Visits::default();
        let (mark, other) = (visits.join(), visits.join());
        assert!(visits.are_over());
        let visit = mark.visit();
        assert!(!visits.are_over());
        drop(visit);
        assert!(visits.are_over());
        drop(other);
        assert!(visits.are_over());
        assert_eq!(visits.marks.lock().len(), 1);
    }
}
