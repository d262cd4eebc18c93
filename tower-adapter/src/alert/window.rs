//! What counters have grown by, lately.

use std::time::Duration;

use tenantry::Time;

/// A window that slides in [`STEPS`] steps: what is added counts for as long as the window, give or take one step. Until it is full it says what there was.
#[derive(Clone, Debug)]
pub(super) struct Window<const N: usize> {
    step: u64,
    /// The step that is under way, counted from the clock's start.
    at: u64,
    ring: [[u64; N]; STEPS],
    sum: [u64; N],
}

impl<const N: usize> Window<N> {
    pub(super) fn new(length: Duration) -> Self {
        let step = length.as_nanos() / (STEPS as u128);
        Self {
            step: u64::try_from(step).unwrap_or(u64::MAX).max(1),
            at: 0,
            ring: [[0; N]; STEPS],
            sum: [0; N],
        }
    }

    pub(super) fn add(&mut self, counts: [u64; N], now: Time) {
        self.turn(now);
        let place = self.place();
        for (index, count) in counts.into_iter().enumerate() {
            self.ring[place][index] += count;
            self.sum[index] += count;
        }
    }

    /// What there was within the window.
    pub(super) fn sum(&mut self, now: Time) -> [u64; N] {
        self.turn(now);
        self.sum
    }

    /// Lets go what is too old.
    fn turn(&mut self, now: Time) {
        let to = now.as_nanos() / self.step;
        if to >= self.at.saturating_add(STEPS as u64) {
            (self.ring, self.sum, self.at) = ([[0; N]; STEPS], [0; N], to);
        }
        while self.at < to {
            self.at += 1;
            let place = self.place();
            let old = std::mem::replace(&mut self.ring[place], [0; N]);
            for (sum, gone) in self.sum.iter_mut().zip(old) {
                *sum -= gone;
            }
        }
    }

    fn place(&self) -> usize {
        usize::try_from(self.at % STEPS as u64).expect("less than the number of steps")
    }
}

const STEPS: usize = 30;

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert, proptest};

    use super::*;

    proptest! {
        /// Between what came within the window less a step and what came within the window.
        #[test]
        fn counts_what_came_within_the_window_give_or_take_a_step(steps in prop::collection::vec((0u64..400, 0u64..9), 1..200)) {
            let mut window = Window::<1>::new(Duration::from_nanos(3_000));
            let (mut now, mut history) = (10_000u64, vec![]);
            for (gap, count) in steps {
                now += gap;
                history.push((now, count));
                window.add([count], Time::from_nanos(now));
                let within = |length: u64| history.iter().filter(|(at, _)| now - at < length).map(|(_, count)| count).sum::<u64>();
                let [sum] = window.sum(Time::from_nanos(now));
                prop_assert!(within(2_900) <= sum && sum <= within(3_000), "{sum}");
            }
        }
    }

    #[test]
    fn after_a_long_time_there_is_nothing() {
        let mut window = Window::<2>::new(Duration::from_secs(300));
        window.add([1, 2], Time::from_nanos(5));
        assert_eq!(window.sum(Time::from_nanos(6)), [1, 2]);
        assert_eq!(window.sum(Time::ZERO + Duration::from_secs(10_000)), [0, 0]);
    }
}
