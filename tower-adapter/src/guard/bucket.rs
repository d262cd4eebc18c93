//! How many offences, lately.

use std::time::Duration;

use tenantry::Time;

use super::RuleSpec;

/// A leaky bucket in the form of the generic cell rate algorithm (ITU-T I.371): the level is kept as the moment at which it will have leaked away.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    empty_at: Time,
    /// Since when it has not been empty, and what was counted since.
    since: Time,
    count: u32,
}

/// A rule is broken: so many offences, over this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Breach {
    pub(super) count: u32,
    pub(super) over: Duration,
}

/// What one whole offence weighs.
pub(super) const WHOLE: u32 = 10;

impl Bucket {
    /// Counts one that weighs so much. A bucket that is full is a breach, and is empty again.
    pub(super) fn add(&mut self, weight: u32, rule: &RuleSpec, now: Time) -> Option<Breach> {
        if self.empty_at <= now {
            *self = Self { empty_at: now, since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.empty_at = self.empty_at + share(weight, rule);
        let breach = Breach { count: self.count, over: now.since(self.since) };
        let is_full = self.level(now) >= rule.window;
        is_full.then(|| {
            *self = Self::default();
            breach
        })
    }

    /// How long it takes to leak away.
    pub(super) fn level(&self, now: Time) -> Duration {
        self.empty_at.since(now)
    }
}

/// How long this weight takes to leak away; rounded up, so that `limit` whole offences always fill the window.
fn share(weight: u32, rule: &RuleSpec) -> Duration {
    let full = u128::from(rule.limit.get()) * u128::from(WHOLE);
    let nanos = (rule.window.as_nanos() * u128::from(weight)).div_ceil(full);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::{Strategy, prop, prop_assert_eq, proptest};

    use super::*;

    fn rule(limit: u32, window: u64) -> RuleSpec {
        RuleSpec::new(NonZeroU32::new(limit).unwrap(), Duration::from_nanos(window))
    }

    /// The obvious way: a level in exact fractions (of `10 × limit` parts of a nanosecond), from the whole history since the last breach.
    fn oracle(history: &[(u64, u32)], limit: u32, window: u64) -> bool {
        let (mut level, mut at) = (0u128, 0u64);
        let full = u128::from(limit) * 10;
        for (moment, weight) in history {
            level = level.saturating_sub(u128::from(moment - at) * full);
            at = *moment;
            // Rounded up to whole nanoseconds, as the rule says.
            level += (u128::from(window) * u128::from(*weight)).div_ceil(full) * full;
        }
        level >= u128::from(window) * full
    }

    fn steps() -> impl Strategy<Value = Vec<(u64, u32)>> {
        prop::collection::vec((0u64..200, 1u32..=50), 1..200)
    }

    proptest! {
        #[test]
        fn breaks_exactly_when_the_whole_history_says_so(limit in 1u32..20, window in 1u64..2_000, steps in steps()) {
            let rule = rule(limit, window);
            let (mut bucket, mut now, mut history) = (Bucket::default(), 0, vec![]);
            for (gap, weight) in steps {
                now += gap;
                history.push((now, weight));
                let is_broken = bucket.add(weight, &rule, Time::from_nanos(now)).is_some();
                prop_assert_eq!(is_broken, oracle(&history, limit, window));
                if is_broken {
                    history.clear();
                }
            }
        }

        #[test]
        fn fewer_than_the_limit_in_every_window_is_no_breach(limit in 2u32..20, window in 100u64..2_000, gaps in prop::collection::vec(0u64..300, 1..100)) {
            let rule = rule(limit, window);
            let (mut bucket, mut now, mut times) = (Bucket::default(), 0, Vec::<u64>::new());
            for gap in gaps {
                now += gap;
                // Waits where one more would be the limit within a window. The share is rounded up, so leave that much room.
                let recent = times.iter().rev().nth(limit as usize - 2).copied();
                now = recent.map_or(now, |before| now.max(before + window + u64::from(limit)));
                times.push(now);
                prop_assert_eq!(bucket.add(WHOLE, &rule, Time::from_nanos(now)), None);
            }
        }
    }

    #[test]
    fn says_how_many_over_which_time_and_begins_anew() {
        let rule = rule(3, 3_000);
        let mut bucket = Bucket::default();
        let mut add = |at| bucket.add(WHOLE, &rule, Time::from_nanos(at));
        assert_eq!(add(10_000), None);
        assert_eq!(add(10_010), None);
        assert_eq!(add(10_020), None, "a little has leaked");
        assert_eq!(add(10_030), Some(Breach { count: 4, over: Duration::from_nanos(30) }));
        assert_eq!(add(10_040), None);
    }

    #[test]
    fn light_ones_take_more() {
        let rule = rule(2, 1_000_000);
        let mut bucket = Bucket::default();
        let now = Time::from_nanos(5);
        let before = (0..100).take_while(|_| bucket.add(2, &rule, now).is_none()).count();
        assert_eq!(before, 9, "the tenth fifth makes two");
    }
}
