//! The seats of a pool: how many requests are in flight, never more than the capacity.

use crate::sync::{AtomicU64, Ordering};

/// Seats taken, whether anybody waits for one, and the number of each taking, in one word:
/// `turn << 32 | queued << 31 | taken`.
///
/// One word, so that giving a seat back and learning that somebody waits for it are one step, and no wake-up is lost.
#[derive(Debug)]
pub(crate) struct Seats {
    word: AtomicU64,
    /// `rule << 32 | capacity`: which rule set it, so that one that is no longer in force cannot.
    capacity: AtomicU64,
}

impl Seats {
    pub(crate) fn new(capacity: u32) -> Self {
        Self { word: AtomicU64::new(0), capacity: AtomicU64::new(u64::from(capacity)) }
    }

    /// Takes `width` seats if they are free and nobody waits; returns the turn: how many turns there were before, modulo 2³².
    ///
    /// A shrunken capacity lets nobody in until it holds.
    #[inline]
    pub(crate) fn try_take(&self, width: u32) -> Option<u32> {
        self.take_unless(QUEUED, width)
    }

    /// Takes free seats for somebody who waits.
    pub(crate) fn try_take_for_waiter(&self, width: u32) -> Option<u32> {
        self.take_unless(0, width)
    }

    /// Gives `width` seats back; says whether anybody waits for them.
    #[inline]
    pub(crate) fn give_back(&self, width: u32) -> bool {
        // Release: what the request did comes before whoever takes the seat next.
        self.word.fetch_sub(u64::from(width), Ordering::AcqRel) & QUEUED != 0
    }

    /// Says whether anybody waits. Under the queue's lock.
    pub(crate) fn set_queued(&self, queued: bool) {
        if queued {
            self.word.fetch_or(QUEUED, Ordering::AcqRel);
        } else {
            self.word.fetch_and(!QUEUED, Ordering::AcqRel);
        }
    }

    pub(crate) fn taken(&self) -> u32 {
        taken(self.word.load(Ordering::Relaxed))
    }

    pub(crate) fn capacity(&self) -> u32 {
        (self.capacity.load(Ordering::Relaxed) & 0xffff_ffff) as u32
    }

    /// Changes the capacity by `rule`, unless a newer rule is in force; says whether anybody waits for a seat.
    pub(crate) fn set_capacity(&self, rule: u32, capacity: u32) -> bool {
        let next = u64::from(rule) << 32 | u64::from(capacity);
        let newer = |set: u64| (set >> 32 <= u64::from(rule)).then_some(next);
        // A refusal means that a newer rule has set it.
        let _ = self.capacity.fetch_update(Ordering::Relaxed, Ordering::Relaxed, newer);
        // A read-modify-write, so that it and whoever comes to wait are in one order: either they are seen here, or they see
        // the new capacity.
        self.word.fetch_or(0, Ordering::AcqRel) & QUEUED != 0
    }

    #[inline]
    fn take_unless(&self, obstacle: u64, width: u32) -> Option<u32> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & obstacle != 0 || taken(word).saturating_add(width) > self.capacity() {
                return None;
            }
            // The turn wraps out of the word's top.
            let next = (word + u64::from(width)).wrapping_add(ONE_TURN);
            match self.word.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Some((word >> 32) as u32),
                Err(newer) => word = newer,
            }
        }
    }
}

#[inline]
const fn taken(word: u64) -> u32 {
    (word & TAKEN) as u32
}

const TAKEN: u64 = 0x7fff_ffff;
const QUEUED: u64 = 1 << 31;
const ONE_TURN: u64 = 1 << 32;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn turns_count_up_and_wrap_without_touching_the_taken() {
        let seats = Seats { word: AtomicU64::new(0xffff_fffe << 32), capacity: AtomicU64::new(2) };
        assert_eq!(seats.try_take(1), Some(u32::MAX - 1));
        assert_eq!(seats.try_take(1), Some(u32::MAX));
        assert_eq!((seats.try_take(1), seats.taken()), (None, 2));
        seats.give_back(1);
        assert_eq!((seats.try_take(1), seats.taken()), (Some(0), 2));
    }

    #[test]
    fn a_shrunken_capacity_admits_nobody_until_it_holds() {
        let seats = Seats::new(3);
        for _ in 0..3 {
            assert!(seats.try_take(1).is_some());
        }
        seats.set_capacity(0, 1);
        seats.give_back(1);
        seats.give_back(1);
        assert_eq!(seats.try_take(1), None);
        seats.give_back(1);
        assert!(seats.try_take(1).is_some());
    }
}

#[cfg(all(test, not(loom)))]
mod rules {
    use super::*;

    #[test]
    fn a_rule_that_is_no_longer_in_force_sets_nothing() {
        let seats = Seats::new(5);
        seats.set_capacity(1, 2);
        seats.set_capacity(0, 99);
        assert_eq!(seats.capacity(), 2);
        seats.set_capacity(1, 3);
        assert_eq!(seats.capacity(), 3);
    }
}

#[cfg(all(test, loom))]
mod models {
    use loom::{sync::Arc, thread};

    use super::*;

    #[test]
    fn never_more_taken_than_the_capacity() {
        loom::model(|| {
            let seats = Arc::new(Seats::new(1));
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let seats = Arc::clone(&seats);
                    thread::spawn(move || {
                        if seats.try_take(1).is_some() {
                            assert_eq!(seats.taken(), 1);
                            seats.give_back(1);
                        }
                    })
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().expect("the thread does not panic"));
            assert_eq!(seats.taken(), 0);
        });
    }
}
