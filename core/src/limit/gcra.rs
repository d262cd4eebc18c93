//! The generic cell rate algorithm: a token bucket in one word.
//!
//! Source: ITU-T I.371, in the form of governor and redis-cell. The word is the *theoretical arrival time* (TAT): the moment
//! at which the bucket is full again. A request of `t` ticks passes iff `max(TAT, now) + t ≤ now + tolerance`.
//!
//! *Where we differ*: a reservation can be given back or corrected afterwards, and debt may exceed the burst.
//!
//! # Giving back
//!
//! Taking `w` ticks off the TAT is not enough care: some of them may have come back by themselves since, and then they would count
//! twice. Let the reservation have left the TAT at `until`, let others have given back `g` since. All charges that came after it
//! are at most `TAT − (until − g)`; without it, they alone would put the TAT at most at `now + TAT − (until − g)`. So the
//! TAT may fall by `min(w, until − g − now)` and no more. This is all of `w` when the request is refused on the spot, and as long as
//! the bucket is far from full; where it is less, too little is admitted, never too much.

use crate::{
    sync::{AtomicU64, Ordering},
    time::Time,
};

/// One quota's state.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    tat: AtomicU64,
    /// The ticks ever given back; wraps. Always raised before the TAT falls.
    given_back: AtomicU64,
}

/// What a reservation must remember: `until`, plus what had been given back before it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach(u64);

impl Bucket {
    /// Takes `ticks` at `now`.
    ///
    /// # Errors
    /// The ticks to wait until the same request passes, if nothing else happens.
    #[inline]
    pub(super) fn take(&self, ticks: u64, tolerance: u64, now: u64) -> Result<Reach, u64> {
        // Before the TAT is read: what is given back from here on counts against this reservation.
        let given_back = self.given_back.load(Ordering::Acquire);
        let next = self.spend(ticks, tolerance, now)?;
        Ok(Reach(next.wrapping_add(given_back)))
    }

    /// Whether [`take`](Self::take) would take now: what the TAT was seen to be, and what it would be.
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub(super) fn peek(&self, ticks: u64, tolerance: u64, now: u64) -> Result<(u64, u64), u64> {
        let seen = self.tat.load(Ordering::Acquire);
        after(seen, ticks, tolerance, now).map(|next| (seen, next))
    }

    /// Takes what was [peeked](Self::peek) at, never to be given back, unless others have been quicker.
    #[inline]
    pub(super) fn moves(&self, seen: u64, next: u64) -> bool {
        self.tat.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Takes `ticks` without what giving them back needs, which [`take`](Self::take) adds; says what the TAT is now.
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub(super) fn spend(&self, ticks: u64, tolerance: u64, now: u64) -> Result<u64, u64> {
        let mut seen = self.tat.load(Ordering::Acquire);
        loop {
            let next = after(seen, ticks, tolerance, now)?;
            match self.tat.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(next),
                Err(newer) => seen = newer,
            }
        }
    }

    /// Gives back up to `ticks` of a reservation; see the module's head for how many.
    pub(super) fn give_back(&self, ticks: u64, reach: Reach, now: u64) {
        let mut reach = reach.0;
        loop {
            let seen = self.tat.load(Ordering::Acquire);
            let until = reach.wrapping_sub(self.given_back.load(Ordering::Acquire));
            // Wrapped, so beyond what there is: more was given back since than the reservation reached.
            let left = if until > seen { 0 } else { until.saturating_sub(now) };
            let back = ticks.min(left);
            if back == 0 || seen <= now {
                return;
            }
            self.given_back.fetch_add(back, Ordering::AcqRel);
            if self
                .tat
                .compare_exchange(seen, seen.saturating_sub(back), Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
            {
                return;
            }
            // Someone charged meanwhile. The claim stays counted (too much counted is too little given), but not against us.
            reach = reach.wrapping_add(back);
        }
    }

    /// Charges `ticks` more, whatever the tolerance says: debt.
    pub(super) fn owe(&self, ticks: u64, now: u64) {
        let owing = |seen: u64| Some(seen.max(now).saturating_add(ticks).min(FAR.max(seen)));
        // Infallible: `owing` never refuses.
        let _ = self.tat.fetch_update(Ordering::AcqRel, Ordering::Acquire, owing);
    }

    /// Whether nothing is missing.
    pub(crate) fn is_full(&self, now: Time) -> bool {
        self.full_at() <= super::quota::ticks_at(now)
    }

    /// The moment at which it is full again.
    pub(super) fn full_at(&self) -> u64 {
        self.tat.load(Ordering::Acquire)
    }

    /// Full again at `tat`, where it was read at `from`; what others have charged since is added. Reservations from before give nothing
    /// back any more.
    pub(super) fn restart(&self, from: u64, tat: u64, now: u64) {
        let mut seen = from;
        loop {
            // As if all that is missing had been given back: then no reservation from before reaches beyond now.
            self.given_back.fetch_add(seen.saturating_sub(now), Ordering::AcqRel);
            let next = tat.saturating_add(seen.saturating_sub(from));
            match self.tat.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(newer) => seen = newer,
            }
        }
    }

    /// Full again at `tat` at the soonest.
    #[cfg(feature = "ledger")]
    pub(super) fn put_off(&self, tat: u64) {
        self.tat.fetch_max(tat, Ordering::AcqRel);
    }

    /// Full, as if never used.
    pub(crate) fn reset(&self) {
        self.tat.store(0, Ordering::Relaxed);
        self.given_back.store(0, Ordering::Relaxed);
    }
}

#[inline]
fn after(tat: u64, ticks: u64, tolerance: u64, now: u64) -> Result<u64, u64> {
    // At the end of time (18 years of uptime) nothing passes any more, rather than everything.
    let latest = now.checked_add(tolerance).ok_or(ticks)?;
    match tat.max(now).checked_add(ticks) {
        Some(next) if next <= latest => Ok(next),
        next => Err(next.unwrap_or(u64::MAX) - latest),
    }
}

/// Beyond any real moment.
const FAR: u64 = u64::MAX / 2;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn denies_after_the_burst_and_says_when_to_return() {
        let (bucket, interval, burst, now) = (Bucket::default(), 100, 3, 1_000);
        for _ in 0..burst {
            assert!(bucket.take(interval, interval * burst, now).is_ok());
        }
        let take = |now| bucket.take(interval, interval * burst, now).err();
        assert_eq!((take(now), take(now + 99), take(now + 100)), (Some(100), Some(1), None));
    }

    #[test]
    fn what_is_given_back_on_the_spot_is_as_if_never_taken() {
        let bucket = Bucket::default();
        let reach = bucket.take(300, 300, 1_000).expect("the bucket is full");
        bucket.give_back(300, reach, 1_000);
        assert!(bucket.take(300, 300, 1_000).is_ok());
    }

    #[test]
    fn what_came_back_by_itself_is_not_given_back_again() {
        let bucket = Bucket::default();
        let first = bucket.take(100, 200, 0).expect("full");
        let second = bucket.take(100, 200, 0).expect("one is left");
        bucket.give_back(100, first, 50);
        assert!(bucket.take(100, 200, 149).is_ok());
        bucket.give_back(100, second, 160);
        // One ran at 149: at 160, of two units 1.11 are there.
        assert!(bucket.take(100, 200, 160).is_ok());
        assert!(bucket.take(100, 200, 160).is_err());
    }

    #[test]
    fn debt_may_exceed_the_burst_and_drains_at_the_rate() {
        let bucket = Bucket::default();
        bucket.owe(1_000, 500);
        assert_eq!(bucket.take(100, 100, 500).err(), Some(1_000));
        assert!(bucket.take(100, 100, 1_500).is_ok());
    }
}

#[cfg(all(test, loom))]
mod models {
    use loom::{sync::Arc, thread};

    use super::*;

    #[test]
    fn two_threads_never_pass_more_than_the_burst() {
        loom::model(|| {
            let bucket = Arc::new(Bucket::default());
            let other = Arc::clone(&bucket);
            let racer = thread::spawn(move || other.take(100, 100, 1_000).is_ok());
            let here = bucket.take(100, 100, 1_000).is_ok();
            assert!(here ^ racer.join().expect("the thread does not panic"), "exactly one of two passes");
        });
    }

    /// Two give-backs and a charge, in any order, leave at least what the charge alone leaves.
    #[test]
    fn racing_give_backs_never_give_too_much() {
        loom::model(|| {
            let bucket = Arc::new(Bucket::default());
            let first = bucket.take(100, 300, 0).expect("full");
            let second = bucket.take(100, 300, 0).expect("two are left");
            let other = Arc::clone(&bucket);
            let racer = thread::spawn(move || other.give_back(100, first, 50));
            bucket.give_back(100, second, 50);
            bucket.take(100, 300, 50).expect("one is left whatever was given back");
            racer.join().expect("the thread does not panic");
            assert!(bucket.tat.load(Ordering::Relaxed) >= 150, "the charge at 50 is still there");
        });
    }
}
