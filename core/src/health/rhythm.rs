//! When one of many is checked, so that all together are checked evenly, whatever happens.
//!
//! Each endpoint keeps a phase for good: the n-th has the fraction n·φ (φ the golden ratio), so any number of them in a row lies evenly over an interval
//! (three-distance theorem). With interval I it is due at `(phase + k)·I` for every k, each time later by a drawn share of I. *Where we differ* from "again after I ± jitter"
//! (nginx, HAProxy, Envoy): there the jitter adds up and phases drift into clumps; and when many fall ill together, their faster checks begin together. Here a change of the
//! interval keeps the spread.

use crate::rng;

/// One endpoint's place in the interval, and what its jitter is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rhythm {
    /// In 2⁻⁶⁴ of the interval.
    phase: u64,
    seed: u64,
}

impl Rhythm {
    /// The one of the endpoint that came as this number.
    pub(super) const fn new(seed: u64, number: u64) -> Self {
        Self { phase: seed.wrapping_add(number.wrapping_mul(GOLDEN)), seed: rng::draw(seed, number) }
    }

    /// The first moment from `earliest` on, in nanoseconds; `jitter` in millionths of the interval, at most half of it.
    pub(super) fn next(&self, every: u64, jitter: u32, earliest: u64) -> u64 {
        let offset = u64::try_from((u128::from(self.phase) * u128::from(every)) >> 64).unwrap_or(every);
        let first = earliest.saturating_sub(offset) / every;
        let at = |beat: u64| {
            offset.saturating_add(beat.saturating_mul(every)).saturating_add(self.delay(every, jitter, beat))
        };
        // The one before may be late enough still.
        if at(first) >= earliest { at(first) } else { at(first + 1) }
    }

    fn delay(&self, every: u64, jitter: u32, beat: u64) -> u64 {
        let most = u128::from(every) * u128::from(jitter) / 1_000_000;
        u64::try_from((u128::from(rng::draw(self.seed, beat)) * most) >> 64).unwrap_or(0)
    }
}

/// 2⁶⁴ / φ.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn beats_are_an_interval_apart_give_or_take_the_jitter(
            seed: u64,
            number in 0_u64..1_000_000,
            every in 1_000_u64..100_000_000_000,
            jitter in 0_u32..=500_000,
            start in 0_u64..1_000_000_000_000,
        ) {
            let rhythm = Rhythm::new(seed, number);
            let slack = every / 1_000_000 * u64::from(jitter) + every % 1_000_000 * u64::from(jitter) / 1_000_000 + 1;
            let mut last = rhythm.next(every, jitter, start);
            prop_assert!(last >= start && last <= start + every + slack, "the first comes within an interval");
            for _ in 0..20 {
                let next = rhythm.next(every, jitter, last + every / 2 + 1);
                let apart = next - last;
                prop_assert!(apart + slack >= every && apart <= every + slack, "{apart} of {every}");
                prop_assert_eq!(rhythm.next(every, jitter, next), next, "a moment of its own is one");
                last = next;
            }
        }

        #[test]
        fn any_number_in_a_row_lies_evenly(seed: u64, from in 0_u64..1_000_000, count in 1_u64..3_000, part in 1_u64..=16) {
            let every = 1 << 40;
            let due: Vec<u64> = (from..from + count).map(|number| Rhythm::new(seed, number).next(every, 0, every)).collect();
            for start in 0..part {
                let (start, width) = (every + every / part * start, every / part);
                let inside = due.iter().filter(|&&at| at >= start && at < start + width).count() as f64;
                let fair = count as f64 / part as f64;
                prop_assert!((inside - fair).abs() <= 4.0, "{inside} in 1/{part} of an interval, of {count}");
            }
        }
    }
}
