//! When to ask again: as long as the answer says, within bounds; after failures with exponential back-off; later by a drawn share.

use std::time::Duration;

use crate::{config::DiscoverySpec, rng, time::Time};

/// The next question of one discovery.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    spec: DiscoverySpec,
    seed: u64,
    /// Waits drawn so far.
    turn: u64,
    /// Failures in a row.
    failures: u32,
    next: Time,
}

impl Schedule {
    /// The first question is due at once.
    pub(crate) const fn new(spec: DiscoverySpec, seed: u64, now: Time) -> Self {
        Self { spec, seed, turn: 0, failures: 0, next: now }
    }

    pub(crate) const fn spec(&self) -> &DiscoverySpec {
        &self.spec
    }

    pub(crate) const fn next_refresh(&self) -> Time {
        self.next
    }

    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    /// An answer is in that holds for `ttl`; `None`: whoever is asked next waits by itself until something changes.
    pub(crate) fn handle_answer(&mut self, ttl: Option<Duration>, now: Time) {
        self.failures = 0;
        self.next = match ttl {
            Some(ttl) => now + self.jittered(ttl.clamp(self.spec.floor(), self.spec.ceiling())),
            None => now,
        };
    }

    /// There is none.
    pub(crate) fn handle_failure(&mut self, now: Time) {
        let doubled = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let wait = self.spec.first_retry().saturating_mul(doubled).min(self.spec.longest_retry());
        self.next = now + self.jittered(wait);
    }

    fn jittered(&mut self, wait: Duration) -> Duration {
        let draw = rng::draw(self.seed, self.turn) >> 11;
        self.turn += 1;
        // 53 bits are a double's.
        wait.mul_f64(1.0 + self.spec.jitter() * draw as f64 / (1_u64 << 53) as f64)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn schedule(spec: DiscoverySpec) -> Schedule {
        Schedule::new(spec, 7, Time::ZERO)
    }

    #[test]
    fn an_answer_is_used_as_long_as_it_says_within_the_bounds() {
        let mut schedule = schedule(DiscoverySpec::new().with_jitter(0.0));
        assert_eq!(schedule.next_refresh(), Time::ZERO, "the first question is due at once");
        for (ttl, wait) in [(0, 5), (5, 5), (60, 60), (300, 300), (604_800, 300)] {
            let now = schedule.next_refresh();
            schedule.handle_answer(Some(ttl * SECOND), now);
            assert_eq!(schedule.next_refresh().since(now), wait * SECOND, "a TTL of {ttl} s");
        }
        let now = schedule.next_refresh();
        schedule.handle_answer(None, now);
        assert_eq!(schedule.next_refresh(), now, "the source waits by itself");
    }

    #[test]
    fn failures_back_off_and_an_answer_ends_it() {
        let mut schedule = schedule(DiscoverySpec::new().with_jitter(0.0));
        for wait in [1, 2, 4, 8, 16, 30, 30, 30] {
            let now = schedule.next_refresh();
            schedule.handle_failure(now);
            assert_eq!(schedule.next_refresh().since(now), wait * SECOND);
        }
        assert_eq!(schedule.failures(), 8);
        schedule.handle_answer(Some(SECOND), schedule.next_refresh());
        assert_eq!(schedule.failures(), 0);
        let now = schedule.next_refresh();
        schedule.handle_failure(now);
        assert_eq!(schedule.next_refresh().since(now), SECOND);
    }

    #[test]
    fn a_century_of_failures_does_not_overflow() {
        let mut schedule = schedule(DiscoverySpec::new());
        for _ in 0..200 {
            schedule.handle_failure(schedule.next_refresh());
        }
        let longest = Duration::from_secs(30).mul_f64(1.1);
        let now = schedule.next_refresh();
        schedule.handle_failure(now);
        assert!(schedule.next_refresh().since(now) <= longest);
    }

    proptest! {
        #[test]
        fn jitter_only_lengthens_and_replays(seed: u64, ttl in 0_u64..1_000, jitter in 0.0..1.0_f64) {
            let spec = DiscoverySpec::new().with_jitter(jitter);
            let (mut one, mut other) = (Schedule::new(spec, seed, Time::ZERO), Schedule::new(spec, seed, Time::ZERO));
            let mut waits = vec![];
            for _ in 0..20 {
                let now = one.next_refresh();
                one.handle_answer(Some(Duration::from_secs(ttl)), now);
                other.handle_answer(Some(Duration::from_secs(ttl)), now);
                prop_assert_eq!(one.next_refresh(), other.next_refresh());
                let (wait, plain) = (one.next_refresh().since(now), Duration::from_secs(ttl.clamp(5, 300)));
                prop_assert!(wait >= plain && wait <= plain.mul_f64(1.0 + spec.jitter()) + Duration::from_nanos(1));
                waits.push(wait);
            }
            waits.dedup();
            prop_assert!(waits.len() > 10 || jitter < 1e-3, "instances spread out");
        }
    }
}
