//! How long an endpoint is left out: longer each time in a row.
//!
//! Source: Envoy and gRFC A50: base × n up to the longest, and each interval in peace takes one off n. *Where we differ*: nobody counts intervals; how many have passed follows
//! from the time of the return. And whoever fails its trial has not served again, so that this is no new ejection: it takes as long as the one before. Up to a tenth of jitter comes on top, so that those who went together do not return together.

use std::time::Duration;

use super::OutlierRules;
use crate::{
    rng,
    sync::{AtomicU32, Ordering},
    time::{Time, nanos},
};

/// How often in a row.
#[derive(Debug, Default)]
pub(super) struct Repeats(AtomicU32);

/// One time of being left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ejection {
    /// The how manieth in a row.
    pub(crate) number: u32,
    /// How long it takes.
    pub(crate) time: Duration,
}

impl Repeats {
    /// The number of the last one.
    pub(super) fn last(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// The next one, after so long in peace; `jitter` tells by how much longer than the rule.
    pub(super) fn next(&self, rules: &OutlierRules, calm: Duration, jitter: u64) -> Ejection {
        let forgotten = calm.as_nanos() / rules.interval.as_nanos().max(1);
        let earlier = self.last().saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX));
        self.take(earlier.saturating_add(1), rules, jitter)
    }

    /// The last one once more.
    pub(super) fn again(&self, rules: &OutlierRules, jitter: u64) -> Ejection {
        self.take(self.last().max(1), rules, jitter)
    }

    fn take(&self, number: u32, rules: &OutlierRules, jitter: u64) -> Ejection {
        self.0.store(number, Ordering::Relaxed);
        let time = nanos(rules.base.saturating_mul(number).min(rules.longest)).min(LATEST);
        let extra = u64::from(rng::below((jitter >> 32) as u32, 1_000));
        Ejection { number, time: Duration::from_nanos(time + time / 10_000 * extra) }
    }
}

/// The end of something that takes so long from now on, as far as a word with flags holds it.
pub(super) fn end(ejection: &Ejection, now: Time) -> u64 {
    (now + ejection.time).as_nanos().min(LATEST)
}

const LATEST: u64 = u64::MAX >> 4;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::health::outlier::tests::RULES;

    #[test]
    fn each_time_takes_longer_and_each_interval_in_peace_takes_one_off() {
        let repeats = Repeats::default();
        let next = |calm_secs| {
            let Ejection { number, time } = repeats.next(&RULES, Duration::from_secs(calm_secs), 0);
            (number, time.as_secs())
        };
        assert_eq!([next(0), next(0), next(9)], [(1, 30), (2, 60), (3, 90)]);
        assert_eq!([next(10), next(25), next(10_000)], [(3, 90), (2, 60), (1, 30)]);
        for number in 2..=12 {
            let expected = (number, 300.min(30 * u64::from(number)));
            assert_eq!(next(0), expected);
            let Ejection { number, time } = repeats.again(&RULES, 0);
            assert_eq!((number, time.as_secs()), expected);
        }
    }

    #[test]
    fn jitter_adds_up_to_a_tenth() {
        let longest = Repeats::default().next(&RULES, Duration::ZERO, u64::MAX).time;
        assert!(longest > Duration::from_millis(32_900) && longest <= Duration::from_secs(33), "{longest:?}");
    }
}
