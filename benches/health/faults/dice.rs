//! Draws for schedules of faults.

use crate::rng::Rng;

#[derive(Debug)]
pub(super) struct Dice(Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Rng::new(seed, FAULTS))
    }

    pub(super) const fn below(&mut self, bound: u64) -> u64 {
        (self.0.next() >> 8) % bound
    }

    /// Below a small bound.
    pub(super) fn small(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(u64::from(bound))).unwrap_or_default()
    }

    /// A place in a list that is not empty.
    pub(super) fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length.max(1) as u64)).unwrap_or_default()
    }

    pub(super) fn one_of<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[self.place(N)]
    }

    pub(super) const fn one_in(&mut self, turns: u64) -> bool {
        self.below(turns) == 0
    }

    /// Nanoseconds, exponential with this mean in milliseconds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "minutes fit")]
    pub(super) fn wait(&mut self, mean_millis: f64) -> u64 {
        (self.0.exponential() * mean_millis * 1e6) as u64
    }
}

/// The stream of these draws.
const FAULTS: u64 = 4;
