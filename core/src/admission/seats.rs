//! The seats of a pool: how many requests are in flight, never more than the capacity.
//!
//! One word says how many seats are taken. While a large pool is far from its capacity and nobody waits, it also has its
//! stripes **open**: a core keeps a few of the seats that are given back to it (the word still counts them as taken) and takes
//! from them, so that threads on different cores write no line in common. Otherwise the stripes are closed and empty, and
//! every request goes by the word.
//!
//! - *Never more than the capacity*: in flight + kept in stripes = taken in the word ≤ capacity.
//! - *No lost wake-up, no seat withheld*: who comes to wait, who finds no seat, and who shrinks the capacity first closes the
//!   stripes, each in one step with taking what it keeps. Keeping a seat is one step on the same word, so it comes either
//!   before, and is collected, or finds no room, and goes back to the pool's word, which says whether anybody waits.
//! - *Closing and opening* are under one lock, which they alone take. They are rare: who finds no seat closes, and half of the
//!   capacity must be free again before stripes open. (A wide request that is refused from a rather empty pool, and a capacity
//!   that shrinks, close them too.)
//!
//! Source: the idea is that of split and per-core reference counts (Linux `percpu_ref`, sloppy counters); *where we differ*:
//! the bound is exact, because a core lends out only what it was given back.

use std::array;

use super::{
    stripe::Stripe,
    word::{MOST, ONE_TURN, OPEN, QUEUED, Seen, room, taken, turn},
};
use crate::sync::{AtomicU32, AtomicU64, Mutex, MutexGuard, Ordering, Padded, thread_number};

/// Seats taken, whether stripes are open, whether anybody waits for a seat, and the number of each taking, in one word:
/// `turn << 32 | queued << 31 | open << 30 | taken`.
///
/// One word, so that giving a seat back and learning that somebody waits for it are one step, and no wake-up is lost.
#[derive(Debug)]
pub(crate) struct Seats {
    word: AtomicU64,
    /// Beside the word's line: it is read far more often than written.
    rules: Padded<Rules>,
    /// Held while the stripes are opened and closed. Open and queued exclude each other.
    gate: Mutex<()>,
    stripes: [Padded<Stripe>; STRIPES],
}

/// What every request reads.
#[derive(Debug)]
struct Rules {
    /// `rule << 32 | capacity`: which rule set it, so that one that is no longer in force cannot.
    capacity: AtomicU64,
    /// Whether the stripes are worth a look, 0 or 1. Only a hint, so that pools without open stripes do not pay for them.
    open: AtomicU32,
}

/// Seats that were taken: to be given back, all at once. `turn << 32 | width`: in one word, which a decision is handed in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken(u64);

impl Taken {
    pub(crate) const fn new(turn: u32, width: u32) -> Self {
        Self((turn as u64) << 32 | width as u64)
    }

    /// A number that no other taking of this pool has, modulo 2³². One thread alone sees 0, 1, 2, …; of several threads each
    /// sees runs of up to [`BLOCK`] consecutive numbers while stripes are open, and no number is left out for good except
    /// when two threads of one stripe want a run at once. So what all threads together count in rounds is even up to one
    /// unfinished run per stripe.
    pub(crate) const fn turn(self) -> u32 {
        turn(self.0)
    }

    /// How many seats it counts as.
    pub(crate) const fn width(self) -> u32 {
        (self.0 & 0xffff_ffff) as u32
    }
}

impl Seats {
    pub(crate) fn new(capacity: u32) -> Self {
        Self {
            word: AtomicU64::new(0),
            rules: Padded(Rules { capacity: AtomicU64::new(u64::from(capacity)), open: AtomicU32::new(0) }),
            gate: Mutex::new(()),
            stripes: array::from_fn(|_| Padded::default()),
        }
    }

    /// Takes `width` seats (at least 1) in one step or none: if they are free and nobody waits.
    ///
    /// A request wider than the capacity counts as wide as the capacity is when it gets in: it runs alone. A shrunken capacity
    /// lets nobody in until it holds.
    #[inline]
    pub(crate) fn try_take(&self, width: u32) -> Option<Taken> {
        if self.looks_open() {
            return self.take_at(self.stripe(), width);
        }
        self.take_from_word(|| self.stripe(), width)
    }

    /// Takes free seats for somebody who waits: after [`Self::set_queued`], under the queue's lock.
    pub(crate) fn try_take_for_waiter(&self, width: u32) -> Option<Taken> {
        self.take_unless(0, width).ok().map(|(_, taken)| taken)
    }

    /// Gives back the seats of one taking; says whether anybody waits for them.
    #[inline]
    pub(crate) fn give_back(&self, width: u32) -> bool {
        if self.looks_open() {
            return self.give_back_at(self.stripe(), width);
        }
        self.give_back_to_word(width)
    }

    /// Says whether anybody waits. Under the queue's lock. From here on no stripe keeps a seat until nobody waits.
    pub(crate) fn set_queued(&self, queued: bool) {
        // Only this writes the flag.
        if queued == (self.word.load(Ordering::Relaxed) & QUEUED != 0) {
            return;
        }
        if !queued {
            self.word.fetch_and(!QUEUED, Ordering::AcqRel);
            return;
        }
        let _closing = self.gate.lock();
        if self.word.fetch_or(QUEUED, Ordering::AcqRel) & OPEN != 0 {
            self.close();
        }
    }

    /// Whether anybody waits.
    pub(crate) fn is_queued(&self) -> bool {
        self.word.load(Ordering::Relaxed) & QUEUED != 0
    }

    /// Seats in use. Exact when nothing moves.
    pub(crate) fn taken(&self) -> u32 {
        let word = self.word.load(Ordering::Relaxed);
        if word & OPEN == 0 {
            return taken(word);
        }
        taken(word).saturating_sub(self.stripes.iter().map(|stripe| stripe.0.spare()).sum())
    }

    pub(crate) fn capacity(&self) -> u32 {
        (self.rules.0.capacity.load(Ordering::Relaxed) & 0xffff_ffff) as u32
    }

    /// Changes the capacity by `rule`, unless a newer rule is in force; says whether anybody waits for a seat.
    pub(crate) fn set_capacity(&self, rule: u32, capacity: u32) -> bool {
        let next = u64::from(rule) << 32 | u64::from(capacity);
        let newer = |set: u64| (set >> 32 <= u64::from(rule)).then_some(next);
        // A refusal means that a newer rule has set it.
        let set = self.rules.0.capacity.fetch_update(Ordering::Relaxed, Ordering::Relaxed, newer);
        let before = set.map_or(capacity, |set| (set & 0xffff_ffff) as u32);
        // A read-modify-write, so that it and whoever comes to wait are in one order: either they are seen here, or they see
        // the new capacity.
        let word = self.word.fetch_or(0, Ordering::AcqRel);
        if capacity < before || room(capacity) != room(before) {
            drop(self.collect());
        }
        word & QUEUED != 0
    }

    /// The stripe of this thread.
    #[inline]
    fn stripe(&self) -> &Stripe {
        &self.stripes[thread_number() % STRIPES].0
    }

    #[inline]
    fn looks_open(&self) -> bool {
        self.rules.0.open.load(Ordering::Relaxed) != 0
    }

    #[inline]
    fn take_at(&self, stripe: &Stripe, width: u32) -> Option<Taken> {
        match stripe.take(width) {
            Some(turn) => Some(Taken::new(turn, width)),
            None => self.take_otherwise(stripe, width),
        }
    }

    #[inline]
    fn give_back_at(&self, stripe: &Stripe, width: u32) -> bool {
        !stripe.park(width) && self.give_back_to_word(width)
    }

    #[inline]
    fn give_back_to_word(&self, width: u32) -> bool {
        // Release, here and in the stripe: what the request did comes before whoever takes the seat next.
        self.word.fetch_sub(u64::from(width), Ordering::AcqRel) & QUEUED != 0
    }

    /// The stripe lacks a number, or seats.
    #[cold]
    fn take_otherwise(&self, stripe: &Stripe, width: u32) -> Option<Taken> {
        if stripe.take_unnumbered(width) {
            return Some(Taken::new(self.turn_of(stripe), width));
        }
        self.take_from_word(|| stripe, width)
    }

    /// Takes from the word; `stripe` gives the number if stripes turn out to be open.
    #[inline]
    fn take_from_word<'a>(&self, stripe: impl FnOnce() -> &'a Stripe, width: u32) -> Option<Taken> {
        match self.take_unless(QUEUED, width) {
            Ok((seen, taken)) if seen.word & OPEN != 0 => {
                Some(Taken::new(self.turn_of(stripe()), taken.width()))
            }
            Ok((seen, taken)) => {
                if seen.is_far_from_full() {
                    self.open();
                }
                Some(taken)
            }
            Err(seen) if seen.word & (OPEN | QUEUED) == OPEN => self.take_after_closing(width),
            Err(_) => None,
        }
    }

    /// The word has too few seats left, but stripes keep some.
    #[cold]
    fn take_after_closing(&self, width: u32) -> Option<Taken> {
        let _closed = self.collect();
        // Still locked, so that no stripe keeps a seat when this fails.
        self.take_unless(QUEUED, width).ok().map(|(_, taken)| taken)
    }

    /// Takes from the word alone, with a number if stripes are closed. Says what it saw before.
    #[inline]
    fn take_unless(&self, obstacle: u64, width: u32) -> Result<(Seen, Taken), Seen> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let capacity = self.capacity().min(MOST);
            let seen = Seen { word, capacity };
            let width = width.min(capacity);
            if word & obstacle != 0 || width == 0 || taken(word) > capacity - width {
                return Err(seen);
            }
            let numbered = if word & OPEN == 0 { ONE_TURN } else { 0 };
            // The turn wraps out of the word's top.
            let next = (word + u64::from(width)).wrapping_add(numbered);
            match self.word.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Ok((seen, Taken::new(turn(word), width))),
                Err(newer) => word = newer,
            }
        }
    }

    /// The next number of a stripe, which fetches a run of them when it has none.
    #[cold]
    fn turn_of(&self, stripe: &Stripe) -> u32 {
        stripe.take_turn().unwrap_or_else(|| {
            let first = turn(self.word.fetch_add(u64::from(BLOCK) * ONE_TURN, Ordering::AcqRel));
            // Lost if a neighbour has fetched a run meanwhile.
            stripe.put_turns(first.wrapping_add(1), BLOCK - 1);
            first
        })
    }

    #[cold]
    fn open(&self) {
        let _opening = self.gate.lock();
        let seen = Seen { word: self.word.load(Ordering::Relaxed), capacity: self.capacity() };
        if !seen.is_far_from_full() {
            return;
        }
        // Before any stripe keeps a seat: who finds the pool full then knows where to look.
        self.word.fetch_or(OPEN, Ordering::AcqRel);
        self.stripes.iter().for_each(|stripe| stripe.0.open(room(seen.capacity)));
        self.rules.0.open.store(1, Ordering::Relaxed);
    }

    /// Closes the stripes if they are open, until the lock is dropped.
    fn collect(&self) -> MutexGuard<'_, ()> {
        let closing = self.gate.lock();
        if self.word.load(Ordering::Relaxed) & OPEN != 0 {
            self.close();
        }
        closing
    }

    /// Closes the stripes and takes back what they keep. Under the lock.
    fn close(&self) {
        self.rules.0.open.store(0, Ordering::Relaxed);
        let closed: [_; STRIPES] = array::from_fn(|at| self.stripes[at].0.close());
        let spare: u32 = closed.iter().map(|&(spare, ..)| spare).sum();
        // In one step, so that who sees them closed sees every free seat.
        self.word.fetch_sub(OPEN + u64::from(spare), Ordering::AcqRel);
        for (stripe, (_, first, left)) in self.stripes.iter().zip(closed) {
            // The last numbers handed out are taken back; those before them wait in their stripe.
            if left > 0 && !self.take_back_turns(first, left) {
                stripe.0.put_turns(first, left);
            }
        }
    }

    fn take_back_turns(&self, first: u32, left: u32) -> bool {
        let last = |word: u64| {
            (turn(word) == first.wrapping_add(left)).then(|| word & 0xffff_ffff | u64::from(first) << 32)
        };
        self.word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, last).is_ok()
    }
}

/// How many stripes, whatever the number of cores: their memory is 128 bytes each per pool.
const STRIPES: usize = if cfg!(loom) { 2 } else { 8 };
/// How many numbers a stripe fetches at once: a prime, so that threads in step do not all stand at the same place of round
/// robin's cycle.
const BLOCK: u32 = if cfg!(loom) { 2 } else { 251 };

#[cfg(all(test, not(loom)))]
#[path = "seats_tests.rs"]
mod tests;

#[cfg(all(test, loom))]
#[path = "seats_models.rs"]
mod models;
