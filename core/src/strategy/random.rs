//! A random endpoint, by weight.
//!
//! *Where we differ* from balancers that walk a list of running sums: one draw costs the same in a pool of any size. A draw that falls on an
//! unusable endpoint is drawn again, so what the unusable would have had goes to the others by weight; after [`TRIES`] the next usable one is taken. Where all weights
//! are equal, draws fall on those who are there only.

use super::{Alias, Candidates, Turn};
use crate::rng;

/// How draws fall.
#[derive(Debug)]
pub(crate) enum Random {
    /// All weights are equal.
    Evenly,
    ByWeight(Alias),
}

impl Random {
    pub(crate) fn new(weights: &[u32]) -> Self {
        let even = weights.windows(2).all(|pair| pair[0] == pair[1]);
        if even { Self::Evenly } else { Self::ByWeight(Alias::new(weights)) }
    }

    #[inline]
    pub(crate) fn pick(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        let index = self.at(candidates, turn.draw)?;
        if candidates.is_usable(index) { Some(index) } else { self.pick_again(candidates, turn) }
    }

    #[cold]
    fn pick_again(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        let drawn = (0..TRIES).filter_map(|attempt| self.at(candidates, rng::draw(turn.draw, attempt)));
        let found = drawn.into_iter().find(|&index| candidates.is_usable(index));
        found.or_else(|| candidates.first_usable_from(turn.draw))
    }

    #[inline]
    fn at(&self, candidates: &Candidates<'_>, draw: u64) -> Option<usize> {
        match self {
            Self::Evenly => {
                let present = u32::try_from(candidates.present()).unwrap_or(u32::MAX);
                let place = rng::below((draw >> 32) as u32, present);
                (place < present).then(|| candidates.nth_present(place as usize))
            }
            Self::ByWeight(table) => table.at(draw),
        }
    }
}

/// With nine of ten unusable, one in a thousand comes to the end of them.
const TRIES: u64 = 64;
