//! The generic cell rate algorithm: a token bucket in one word.
//!
//! Source: ITU-T I.371, in the form of governor and redis-cell. The word is the *theoretical arrival time* (TAT): the moment
//! at which the bucket is full again. A request of `t` ticks passes iff `max(TAT, now) + t ≤ now + tolerance`.
//!
//! *Where we differ*: a reservation can be taken back or corrected afterwards, and debt may exceed the burst.

use crate::sync::{AtomicU64, Ordering};

/// Takes `ticks` at `now`: the new TAT, or how many ticks too early it is.
///
/// # Errors
/// The ticks to wait until the same request passes, if nothing else happens.
pub(super) fn take(tat: &AtomicU64, ticks: u64, tolerance: u64, now: u64) -> Result<u64, u64> {
    // Relaxed throughout: the word is the whole state and publishes nothing else.
    let mut seen = tat.load(Ordering::Relaxed);
    loop {
        let next = after(seen, ticks, tolerance, now)?;
        match tat.compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return Ok(next),
            Err(newer) => seen = newer,
        }
    }
}

/// What [`take`] would answer, without taking.
pub(super) fn peek(tat: &AtomicU64, ticks: u64, tolerance: u64, now: u64) -> Result<u64, u64> {
    after(tat.load(Ordering::Relaxed), ticks, tolerance, now)
}

fn after(tat: u64, ticks: u64, tolerance: u64, now: u64) -> Result<u64, u64> {
    let next = tat.max(now).saturating_add(ticks);
    let latest = now.saturating_add(tolerance);
    if next <= latest { Ok(next) } else { Err(next - latest) }
}

/// Takes back `ticks` of a reservation that left the TAT at `until`.
///
/// Exact while the bucket cannot have been full in between (`now < until`). After that the units came back by
/// themselves, and giving them again could admit too much: nothing is done, which at worst admits too little.
pub(super) fn give_back(tat: &AtomicU64, ticks: u64, until: u64, now: u64) {
    if now < until {
        tat.fetch_sub(ticks, Ordering::Relaxed);
    }
}

/// Charges `ticks` more, whatever the tolerance says: debt.
pub(super) fn owe(tat: &AtomicU64, ticks: u64, now: u64) {
    let owing = |seen: u64| Some(seen.max(now).saturating_add(ticks).min(u64::MAX / 2));
    // Infallible: `owing` never refuses.
    let _ = tat.fetch_update(Ordering::Relaxed, Ordering::Relaxed, owing);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn denies_after_the_burst_and_says_when_to_return() {
        let tat = AtomicU64::new(0);
        let (interval, burst, now) = (100, 3, 1_000);
        for _ in 0..burst {
            assert!(take(&tat, interval, interval * burst, now).is_ok());
        }
        assert_eq!(take(&tat, interval, interval * burst, now), Err(100));
        assert_eq!(take(&tat, interval, interval * burst, now + 99), Err(1));
        assert!(take(&tat, interval, interval * burst, now + 100).is_ok());
    }

    #[test]
    fn what_was_taken_back_passes_again_but_never_twice() {
        let tat = AtomicU64::new(0);
        let until = take(&tat, 300, 300, 1_000).expect("the bucket is full");
        give_back(&tat, 300, until, 1_200);
        assert!(take(&tat, 300, 300, 1_200).is_ok());
        // At 1 500 the bucket is full again by itself: taking back the second reservation would make it overfull.
        give_back(&tat, 300, 1_500, 1_500);
        assert!(take(&tat, 300, 300, 1_500).is_ok());
        assert_eq!(take(&tat, 300, 300, 1_500), Err(300));
    }

    #[test]
    fn debt_may_exceed_the_burst_and_drains_at_the_rate() {
        let tat = AtomicU64::new(0);
        owe(&tat, 1_000, 500);
        assert_eq!(take(&tat, 100, 100, 500), Err(1_000));
        assert!(take(&tat, 100, 100, 1_500).is_ok());
    }
}

#[cfg(all(test, loom))]
mod models {
    use loom::{sync::Arc, thread};

    use super::*;

    #[test]
    fn two_threads_never_pass_more_than_the_burst() {
        loom::model(|| {
            let tat = Arc::new(AtomicU64::new(0));
            let other = Arc::clone(&tat);
            let racer = thread::spawn(move || take(&other, 100, 100, 1_000).is_ok());
            let here = take(&tat, 100, 100, 1_000).is_ok();
            assert!(here ^ racer.join().expect("the thread does not panic"), "exactly one of two passes");
        });
    }
}
