//! Strategies: which of the candidates serves a request.
//!
//! Each strategy is one file; each passes the one contract suite in [`contract`].

mod candidates;
#[cfg(all(test, not(loom)))]
mod contract;
mod p2c;
mod round_robin;

pub(crate) use candidates::{Candidates, Turn};
pub(crate) use p2c::P2c;
pub(crate) use round_robin::RoundRobin;

/// A pool's strategy, as built for one snapshot.
#[derive(Debug)]
pub(crate) enum Strategy {
    /// Power of two choices.
    P2c(P2c),
    /// Smooth weighted round robin.
    RoundRobin(RoundRobin),
}

impl Strategy {
    /// The index of the chosen candidate; `None` iff none is usable.
    pub(crate) fn pick(&self, candidates: &Candidates<'_>, turn: &Turn) -> Option<usize> {
        match self {
            Self::P2c(p2c) => p2c.pick(candidates, turn),
            Self::RoundRobin(round_robin) => round_robin.pick(candidates, turn),
        }
    }
}
