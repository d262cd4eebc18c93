//! A random endpoint, by weight.
//!
//! *Where we differ* from balancers that walk a list of running sums: one draw costs the same in a pool of any size. A draw that falls on an
//! unusable endpoint is drawn again, so what the unusable would have had goes to the others by weight; after [`TRIES`] the next usable one is taken.

use super::{Alias, Candidates, Turn};
use crate::rng;

/// The weights, as a table.
#[derive(Debug)]
pub(crate) struct Random {
    table: Alias,
}

impl Random {
    pub(crate) fn new(weights: &[u32]) -> Self {
        Self { table: Alias::new(weights) }
    }

    #[inline]
    pub(crate) fn pick(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        let index = self.table.at(turn.draw)?;
        if candidates.is_usable(index) { Some(index) } else { self.pick_again(candidates, turn) }
    }

    #[cold]
    fn pick_again(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        let drawn = (0..TRIES).filter_map(|attempt| self.table.at(rng::draw(turn.draw, attempt)));
        let found = drawn.into_iter().find(|&index| candidates.is_usable(index));
        found.or_else(|| candidates.first_usable_from(turn.draw))
    }
}

/// With nine of ten unusable, one in a thousand comes to the end of them.
const TRIES: u64 = 64;
