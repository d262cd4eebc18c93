//! How many different ids, lately.

use std::time::Duration;

use tenantry::Time;

use super::{RuleSpec, bucket::Breach};

/// Linear counting (Whang, Vander-Zanden, Taylor 1990) in two generations of 128 bits: one id sets one bit, however often it comes, and how many bits
/// are clear tells how many ids there were, to a few percent up to about 200. A generation is as long as the rule's window, so an id counts for one to two windows.
/// Holds nothing that an id could be read from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Distinct {
    current: u128,
    previous: u128,
    /// When the current generation began.
    since: Time,
}

impl Distinct {
    /// Counts an id by its hash.
    pub(super) fn add(&mut self, hash: u64, rule: &RuleSpec, now: Time) -> Option<Breach> {
        let over = self.turn(rule.window, now);
        let bit = 1 << (hash % 128);
        if (self.current | self.previous) & bit != 0 {
            self.current |= bit;
            return None;
        }
        self.current |= bit;
        let count = self.estimate();
        (count >= rule.limit.get()).then(|| {
            *self = Self::default();
            Breach { count, over }
        })
    }

    /// Begins new generations as time goes. How long ago the oldest that counts began.
    fn turn(&mut self, window: Duration, now: Time) -> Duration {
        let age = now.since(self.since);
        if age >= window * 2 {
            *self = Self { current: 0, previous: 0, since: now };
        } else if age >= window {
            *self = Self { current: 0, previous: self.current, since: self.since + window };
        }
        let older = if self.previous == 0 { Duration::ZERO } else { window };
        now.since(self.since) + older
    }

    fn estimate(&self) -> u32 {
        let clear = (self.current | self.previous).count_zeros();
        if clear == 0 {
            return u32::MAX;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 621")]
        let count = (-128.0 * (f64::from(clear) / 128.0).ln()).round() as u32;
        count
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
        num::NonZeroU32,
    };

    use proptest::prelude::{prop, prop_assert, proptest};

    use super::*;

    fn rule(limit: u32) -> RuleSpec {
        RuleSpec::new(NonZeroU32::new(limit).unwrap(), Duration::from_secs(60))
    }

    fn hash(id: u32) -> u64 {
        BuildHasherDefault::<DefaultHasher>::default().hash_one(id)
    }

    proptest! {
        #[test]
        fn the_estimate_is_near_the_count(ids in prop::collection::vec(0u32..400, 1..400)) {
            let mut distinct = Distinct::default();
            let rule = rule(u32::MAX);
            for id in &ids {
                distinct.add(hash(*id), &rule, Time::from_nanos(1));
            }
            let exact = f64::from(u32::try_from(ids.iter().collect::<HashSet<_>>().len()).unwrap());
            let error = (f64::from(distinct.estimate()) - exact).abs();
            prop_assert!(exact > 200.0 || error <= 3.0 + exact * 0.35, "{exact} {}", distinct.estimate());
        }
    }

    #[test]
    fn one_id_however_often_is_one() {
        let (mut distinct, rule) = (Distinct::default(), rule(2));
        assert!((0..10_000).all(|at| distinct.add(hash(7), &rule, Time::from_nanos(at)).is_none()));
    }

    #[test]
    fn what_is_two_windows_old_counts_no_more() {
        let (mut distinct, rule) = (Distinct::default(), rule(10));
        let at = |seconds: u64| Time::ZERO + Duration::from_secs(seconds);
        // One id a quarter of an hour, for days.
        assert!((0..500).all(|id| distinct.add(hash(id), &rule, at(u64::from(id) * 900)).is_none()));
        // And many at once.
        assert!((1_000..1_020).any(|id| distinct.add(hash(id), &rule, at(500 * 900)).is_some()));
    }
}
