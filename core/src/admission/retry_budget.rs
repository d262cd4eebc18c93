//! One tenant's budget for retries in one pool, or for hedges: a share of its requests of the last while, and a reserve.
//!
//! Requests and retries are counted apart, in parts of the window, and the ratio is applied when somebody asks:
//! `(retries + 1) × 1 000 000 ≤ reserve in millionths + ratio in millionths × requests`, in whole numbers. Requests count as long as their part lies
//! wholly in the window, retries as long as any of it does. So whenever a retry passes, the retries of the window that ends then, it included,
//! are within the ratio of that window's requests and the reserve; and a moment given to a refused one is exact.
//!
//! Source: Finagle's `RetryBudget`, also Linkerd's. *Where we differ*: those keep a balance in which a request is worth one and a retry costs 1 / ratio.
//! Finagle cuts that off after three digits, and so allows 7 501 retries on 10 000 requests at 0.75; tower cuts it to a whole number, so that 0.7 is as good
//! as 1. Here nothing is divided.

use std::{ops::RangeInclusive, time::Duration};

use crate::{
    config::AttemptsSpec,
    time::{Time, nanos},
};

/// What has been asked for lately.
#[derive(Clone, Debug)]
pub(crate) struct RetryBudget {
    /// Nanoseconds.
    part: u64,
    /// The newest part, counted from the start of time.
    newest: u64,
    /// By the part's number modulo their count.
    counts: [Counts; KEPT],
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    requests: u32,
    retries: u32,
}

/// How much is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    ratio_millionths: u32,
    reserve_millionths: u128,
    part: u64,
}

impl Allowance {
    /// Of a specification that has been validated.
    pub(crate) fn new(spec: &AttemptsSpec) -> Self {
        let window = nanos(spec.window());
        Self {
            ratio_millionths: spec.ratio_millionths(),
            // A whole number: windows are whole milliseconds.
            reserve_millionths: u128::from(spec.per_second()) * u128::from(window) / NANOS_PER_MILLIONTH,
            part: (window / PARTS).max(1),
        }
    }

    /// Whether so many retries may be made on so many requests.
    fn covers(&self, requests: u64, retries: u64) -> bool {
        let paid = self.reserve_millionths + u128::from(self.ratio_millionths) * u128::from(requests);
        u128::from(retries) * MILLION <= paid
    }
}

impl RetryBudget {
    pub(crate) fn new(allowance: &Allowance, now: Time) -> Self {
        let part = allowance.part;
        Self { part, newest: now.as_nanos() / part, counts: [Counts::default(); KEPT] }
    }

    /// One request that is no retry.
    pub(crate) fn deposit(&mut self, now: Time) {
        self.advance(now);
        let count = self.at(self.newest);
        count.requests = count.requests.saturating_add(1);
    }

    /// One retry, if there is room: says when it counts from, for [`give_back`](Self::give_back).
    ///
    /// # Errors
    /// How long until it passes, if nothing else happens; none if it never does.
    pub(crate) fn withdraw(&mut self, allowance: &Allowance, now: Time) -> Result<Time, Option<Duration>> {
        self.follow(allowance, now);
        self.advance(now);
        if !self.has_room(allowance, 0) {
            let steps = (1..=KEPT as u64).find(|later| self.has_room(allowance, *later));
            return Err(steps.map(|steps| {
                let at = (self.newest + steps).saturating_mul(self.part);
                Time::from_nanos(at).since(now)
            }));
        }
        let count = self.at(self.newest);
        count.retries = count.retries.saturating_add(1);
        Ok(Time::from_nanos(now.as_nanos().max(self.newest * self.part)))
    }

    /// A retry that was not made after all.
    pub(crate) fn give_back(&mut self, since: Time) {
        let part = since.as_nanos() / self.part;
        if self.kept().contains(&part) {
            let count = self.at(part);
            count.retries = count.retries.saturating_sub(1);
        }
    }

    /// Whether no retry counts any more: then somebody new would have as much room.
    pub(crate) fn is_at_rest(&mut self, now: Time) -> bool {
        self.advance(now);
        self.counts.iter().all(|count| count.retries == 0)
    }

    /// Whether there is room for one retry, so many parts later.
    fn has_room(&self, allowance: &Allowance, later: u64) -> bool {
        let (mut requests, mut retries) = (0, 1);
        let newest = self.newest + later;
        for part in newest.saturating_sub(PARTS)..=self.newest {
            let count = self.counts[place(part)];
            retries += u64::from(count.retries);
            // Of the oldest part only a piece may be in the window.
            if part + PARTS > newest {
                requests += u64::from(count.requests);
            }
        }
        allowance.covers(requests, retries)
    }

    /// The parts that are kept.
    fn kept(&self) -> RangeInclusive<u64> {
        self.newest.saturating_sub(PARTS)..=self.newest
    }

    fn at(&mut self, part: u64) -> &mut Counts {
        &mut self.counts[place(part)]
    }

    /// Moves on in time; never back.
    fn advance(&mut self, now: Time) {
        let current = now.as_nanos() / self.part;
        let passed = current.saturating_sub(self.newest).min(KEPT as u64);
        for part in current.saturating_sub(passed)..current {
            *self.at(part + 1) = Counts::default();
        }
        self.newest = self.newest.max(current);
    }

    /// Another window: requests count from the beginning of the part that they were in, retries from its end, or from now where that is still to come.
    fn follow(&mut self, allowance: &Allowance, now: Time) {
        if allowance.part == self.part {
            return;
        }
        let now = now.as_nanos().max(self.newest.saturating_mul(self.part));
        let mut next = Self::new(allowance, Time::from_nanos(now));
        for part in self.kept() {
            let count = self.counts[place(part)];
            let [first, last] = [part, part + 1].map(|edge| edge.saturating_mul(self.part));
            next.add(first, Counts { retries: 0, ..count });
            next.add(now.min(last - 1), Counts { requests: 0, ..count });
        }
        *self = next;
    }

    fn add(&mut self, at: u64, count: Counts) {
        let part = at / self.part;
        if self.kept().contains(&part) {
            let here = self.at(part);
            here.requests = here.requests.saturating_add(count.requests);
            here.retries = here.retries.saturating_add(count.retries);
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "less than the count of those that are kept")]
const fn place(part: u64) -> usize {
    (part % KEPT as u64) as usize
}

/// Parts of a window.
const PARTS: u64 = 32;
/// One more, of which only a piece is still in the window.
const KEPT: usize = 33;
const _: () = assert!(KEPT as u64 == PARTS + 1);
const MILLION: u128 = 1_000_000;
/// Attempts per second × nanoseconds, in millionths of an attempt.
const NANOS_PER_MILLIONTH: u128 = 1_000;

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn at(nanos: u64) -> Time {
        Time::from_nanos(nanos)
    }

    fn spec(millionths: u32, per_second: u32, window_ms: u64) -> AttemptsSpec {
        AttemptsSpec::none()
            .with_ratio_millionths(millionths)
            .with_per_second(per_second)
            .with_window(Duration::from_millis(window_ms))
    }

    fn passes(budget: &mut RetryBudget, allowance: &Allowance, now: u64) -> bool {
        budget.withdraw(allowance, at(now)).is_ok()
    }

    #[test]
    fn tens_of_millionths_count_exactly() {
        for (millionths, requests, expected) in [
            (700_000, 10, 7),
            (300_000, 10, 3),
            (1, 999_999, 0),
            (1, 1_000_000, 1),
            (333_333, 3, 0),
            (1_500_000, 2, 3),
        ] {
            let allowance = Allowance::new(&spec(millionths, 0, 10_000));
            let mut budget = RetryBudget::new(&allowance, Time::ZERO);
            (0..requests).for_each(|_| budget.deposit(Time::ZERO));
            let passed = (0..100).filter(|_| passes(&mut budget, &allowance, 0)).count();
            assert_eq!(passed, expected, "{millionths} millionths of {requests}");
        }
    }

    #[test]
    fn what_is_given_back_can_be_used_again() {
        let allowance = Allowance::new(&spec(0, 1, 1_000));
        let mut budget = RetryBudget::new(&allowance, Time::ZERO);
        let since = budget.withdraw(&allowance, at(5)).expect("the reserve is one");
        assert!(!budget.is_at_rest(at(6)) && !passes(&mut budget, &allowance, 6));
        budget.give_back(since);
        assert!(budget.is_at_rest(at(7)) && passes(&mut budget, &allowance, 7));
        budget.give_back(at(0).max(since));
        budget.give_back(since);
        assert!(passes(&mut budget, &allowance, 8), "giving back too often gives nothing");
        assert!(!passes(&mut budget, &allowance, 8));
    }

    #[test]
    fn a_shorter_window_forgets_no_retry_and_a_longer_one_keeps_them() {
        let (short, long) = (Allowance::new(&spec(0, 1, 1_000)), Allowance::new(&spec(0, 1, 2_000)));
        let mut budget = RetryBudget::new(&short, Time::ZERO);
        assert!(passes(&mut budget, &short, SECOND / 2));
        assert!(passes(&mut budget, &long, SECOND / 2), "two are allowed, and one was made");
        assert!(!passes(&mut budget, &long, SECOND / 2));
        assert!(!passes(&mut budget, &short, SECOND));
        let wait = budget.withdraw(&short, at(SECOND));
        // A retry of the longer window's part up to 562.5 ms, for a window and the part after it.
        assert_eq!(wait, Err(Some(Duration::from_micros(562_500))));
    }

    /// Every request and every retry with its moment.
    #[derive(Default)]
    struct Log {
        requests: Vec<u64>,
        retries: Vec<u64>,
    }

    impl Log {
        /// Whether one retry more at `now` is covered by the requests after `requests_from` and the retries from `retries_from` on.
        fn covers(&self, spec: &AttemptsSpec, requests_from: i128, retries_from: i128) -> bool {
            let since = |log: &[u64], from| log.iter().filter(|&&at| i128::from(at) >= from).count() as u128;
            let reserve = u128::from(spec.per_second()) * spec.window().as_nanos() / 1_000;
            let paid = reserve + since(&self.requests, requests_from) * u128::from(spec.ratio_millionths());
            (since(&self.retries, retries_from) + 1) * 1_000_000 <= paid
        }

        /// The same by whole parts: what the budget promises to the letter.
        fn covers_by_parts(&self, spec: &AttemptsSpec, now: u64) -> bool {
            let part = i128::from(nanos(spec.window()) / 32);
            let current = i128::from(now) / part;
            self.covers(spec, (current - 31) * part, (current - 32) * part)
        }
    }

    fn operations() -> impl Strategy<Value = Vec<(u64, u8)>> {
        let step = prop_oneof![0..SECOND / 20, 0..3 * SECOND, Just(SECOND / 32), Just(SECOND)];
        prop::collection::vec((step, 0..4_u8), 1..120)
    }

    proptest! {
        #[test]
        fn it_decides_as_a_log_of_everything_does(
            operations in operations(),
            millionths in prop_oneof![0..3_000_000_u32, Just(0), Just(700_000)],
            per_second in 0..4_u32,
            window_ms in 1_000..3_000_u64,
        ) {
            let spec = spec(millionths, per_second, window_ms);
            let (allowance, window) = (Allowance::new(&spec), nanos(spec.window()));
            let mut budget = RetryBudget::new(&allowance, Time::ZERO);
            let (mut log, mut now) = (Log::default(), 0);
            for (step, kind) in operations {
                now += step;
                if kind < 2 {
                    (0..=kind).for_each(|_| budget.deposit(at(now)));
                    log.requests.extend((0..=kind).map(|_| now));
                    continue;
                }
                let before = budget.clone();
                let (from, part) = (i128::from(now) - i128::from(window), i128::from(window / 32));
                let passed = budget.withdraw(&allowance, at(now));
                prop_assert_eq!(passed.is_ok(), log.covers_by_parts(&spec, now));
                if passed.is_ok() {
                    // In the very window that ends now.
                    prop_assert!(log.covers(&spec, from + 1, from + 1));
                    log.retries.push(now);
                } else {
                    // Not refused for more than the coarseness of one part.
                    prop_assert!(!log.covers(&spec, from + part, from - part));
                }
                if let Err(Some(wait)) = passed {
                    let then = now + nanos(wait);
                    prop_assert!(passes(&mut before.clone(), &allowance, then));
                    prop_assert!(!passes(&mut before.clone(), &allowance, then - 1));
                    prop_assert!(!log.covers_by_parts(&spec, then - 1));
                }
                if let Err(None) = passed {
                    let later = |parts: u64| now + parts * (window / 32);
                    prop_assert!((1..40).all(|parts| !passes(&mut before.clone(), &allowance, later(parts))));
                }
            }
        }

        #[test]
        fn changing_windows_never_lets_more_pass_than_the_log(
            operations in operations(),
            windows in prop::collection::vec(1_000..3_000_u64, 4),
        ) {
            let specs: Vec<_> = windows.iter().map(|&window| spec(400_000, 1, window)).collect();
            let mut budget = RetryBudget::new(&Allowance::new(&specs[0]), Time::ZERO);
            let (mut log, mut now) = (Log::default(), 0);
            let mut shortest_since = (u64::MAX, 0);
            for (number, (step, kind)) in operations.into_iter().enumerate() {
                now += step;
                let spec = &specs[number / 40 % 4];
                if kind < 2 {
                    budget.deposit(at(now));
                    log.requests.push(now);
                } else if budget.withdraw(&Allowance::new(spec), at(now)).is_ok() {
                    // What a shorter window has forgotten, a longer one does not know.
                    let window = nanos(spec.window()).min(shortest_since.0);
                    let from = i128::from(now) - i128::from(window);
                    prop_assert!(log.covers(spec, i128::from(now) - i128::from(nanos(spec.window())), from + 1));
                    log.retries.push(now);
                }
                shortest_since.0 = shortest_since.0.min(nanos(spec.window()));
            }
        }
    }
}
