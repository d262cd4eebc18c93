//! How many seats a pool has.

use std::num::NonZeroU32;

/// The rule for a pool's seats: how many requests may be in flight in it.
///
/// In the document: `"adaptive"` (the default), a number of seats, or a table `{ kind = "gradient", min = 8, max = 500 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CapacitySpec {
    /// Always this many.
    Fixed(NonZeroU32),
    /// Learnt from the gradient of latency, within bounds.
    Gradient {
        /// Never fewer. Default 4.
        min: NonZeroU32,
        /// Never more. Default 10 000.
        max: NonZeroU32,
    },
}

impl CapacitySpec {
    /// Always `seats`; 0 counts as 1.
    #[must_use]
    pub fn fixed(seats: u32) -> Self {
        Self::Fixed(NonZeroU32::new(seats).unwrap_or(NonZeroU32::MIN))
    }

    /// Learnt, with the default bounds.
    #[must_use]
    pub const fn adaptive() -> Self {
        Self::Gradient { min: MIN, max: MAX }
    }
}

impl Default for CapacitySpec {
    fn default() -> Self {
        Self::adaptive()
    }
}

pub(super) const MIN: NonZeroU32 = NonZeroU32::new(4).expect("4 is not 0");
pub(super) const MAX: NonZeroU32 = NonZeroU32::new(10_000).expect("10 000 is not 0");
