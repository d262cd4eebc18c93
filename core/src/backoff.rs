//! How long to wait before another attempt.

use std::time::Duration;

use crate::rng;

/// Exponential back-off with full jitter: before the n-th retry, any time from nothing to `min(cap, base · 2ⁿ⁻¹)`, all equally likely.
///
/// Those who failed together so do not come back together. Source: Brooker, "Exponential Backoff And Jitter" (AWS, 2015), where this form needs the
/// least work of those compared. Default: 25 ms, at most 250 ms, as in Envoy.
///
/// ```
/// use std::time::Duration;
/// use tenantry::Backoff;
///
/// let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1)).with_seed(7);
/// assert_eq!(backoff.bound(1), Duration::from_millis(100));
/// assert_eq!(backoff.bound(3), Duration::from_millis(400));
/// assert_eq!(backoff.bound(30), Duration::from_secs(1));
/// let wait = backoff.wait(3, 42); // before the third retry of the 42nd request
/// assert!(wait <= Duration::from_millis(400) && wait == backoff.wait(3, 42));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    seed: u64,
}

impl Backoff {
    /// From this base, up to this cap.
    #[must_use]
    pub const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, seed: 0 }
    }

    /// No wait at all.
    #[must_use]
    pub const fn none() -> Self {
        Self::new(Duration::ZERO, Duration::ZERO)
    }

    /// What waits are drawn from. Default 0: instances should have different ones.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The longest wait before the `retry`-th retry, counted from 1.
    #[must_use]
    pub fn bound(&self, retry: u32) -> Duration {
        // The largest factor takes one nanosecond beyond the longest duration.
        let factor = 1_u128 << retry.saturating_sub(1).min(127);
        let bound = self.base.as_nanos().saturating_mul(factor);
        if bound < self.cap.as_nanos() { nanoseconds(bound) } else { self.cap }
    }

    /// The wait before the `retry`-th retry of a request. `request` tells requests apart: the same two numbers give the same wait.
    #[must_use]
    pub fn wait(&self, retry: u32, request: u64) -> Duration {
        let draw = rng::draw(rng::draw(self.seed, request), u64::from(retry));
        let bound = self.bound(retry).as_nanos();
        // bound · draw / 2⁶⁴, without leaving 128 bits for the longest durations.
        let whole =
            (bound >> 64) * u128::from(draw) + (((bound & u128::from(u64::MAX)) * u128::from(draw)) >> 64);
        nanoseconds(whole)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_millis(25), Duration::from_millis(250))
    }
}

/// At most the longest duration.
fn nanoseconds(number: u128) -> Duration {
    u64::try_from(number / SECOND)
        .map_or(Duration::MAX, |seconds| Duration::new(seconds, (number % SECOND) as u32))
}

const SECOND: u128 = 1_000_000_000;

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_are_uniform_from_nothing_to_the_bound() {
        let backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1)).with_seed(11);
        for (retry, bound) in [(1, 10_000_000), (4, 80_000_000), (20, 1_000_000_000)] {
            let mut tenths = [0_u32; 10];
            for request in 0..100_000 {
                let wait = backoff.wait(retry, request).as_nanos();
                assert!(wait < bound);
                tenths[usize::try_from(wait * 10 / bound).unwrap()] += 1;
            }
            // Five standard deviations.
            assert!(tenths.iter().all(|count| count.abs_diff(10_000) < 475), "retry {retry}: {tenths:?}");
        }
    }

    #[test]
    fn another_seed_another_request_and_another_retry_wait_otherwise() {
        let backoff = Backoff::default();
        assert_ne!(backoff.wait(1, 1), backoff.wait(1, 2));
        assert_ne!(backoff.wait(5, 1), backoff.wait(6, 1));
        assert_ne!(backoff.wait(1, 1), backoff.with_seed(1).wait(1, 1));
        assert_eq!(Backoff::none().wait(9, 9), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn no_wait_is_beyond_the_cap(base: u64, cap: u64, retry: u32, request: u64) {
            let backoff = Backoff::new(Duration::from_nanos(base), Duration::from_nanos(cap));
            prop_assert!(backoff.bound(retry) <= Duration::from_nanos(cap));
            prop_assert!(backoff.wait(retry, request) <= backoff.bound(retry));
        }
    }

    #[test]
    fn the_longest_durations_do_not_overflow() {
        let backoff = Backoff::new(Duration::MAX, Duration::MAX);
        assert_eq!(backoff.bound(u32::MAX), Duration::MAX);
        assert!(backoff.wait(u32::MAX, 3) > Duration::MAX / 1_000, "nor are they cut off");
        assert_eq!(Backoff::new(Duration::from_nanos(1), Duration::MAX).bound(95), Duration::MAX);
        assert_eq!(Backoff::new(Duration::ZERO, Duration::MAX).bound(u32::MAX), Duration::ZERO);
    }
}
