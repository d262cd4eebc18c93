//! Which strategy a tier has.

use std::sync::Arc;

use super::{
    Candidates, Custom, Ketama, LeastLoaded, Maglev, P2c, Prequal, Random, Rendezvous, Ring, RoundRobin,
    Turn, Weighted, few, rendezvous,
};
use crate::endpoint::InFlight;

/// A pool's strategy, as built for one snapshot.
#[derive(Debug)]
pub(crate) enum Strategy {
    /// Power of two choices.
    P2c(P2c),
    /// The least loaded of all.
    LeastLoaded(LeastLoaded),
    /// By answers to probes.
    Prequal(Prequal),
    /// Smooth weighted round robin.
    RoundRobin(RoundRobin),
    /// Random, by weight.
    Random(Random),
    /// In turn, by reported load.
    Weighted(Box<Weighted>),
    /// The user's own.
    Custom(Custom),
    /// nginx's consistent hashing.
    Ketama(Arc<Ketama>),
    /// Envoy's consistent hashing.
    Ring(Arc<Ring>),
    /// Maglev's table.
    Maglev(Arc<Maglev>),
    /// Weighted rendezvous hashing.
    Rendezvous(Arc<Rendezvous>),
}

/// How a strategy treats an endpoint that is warming up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Warming {
    /// It sees its load scaled.
    Seen,
    /// It does not look at loads: whoever is picked may be passed over.
    PassedOver,
}

impl Strategy {
    pub(crate) const fn warming(&self) -> Warming {
        match self {
            Self::P2c(_) | Self::LeastLoaded(_) | Self::Prequal(_) | Self::Custom(_) => Warming::Seen,
            // Where requests go by keys, configurations with a slow start are refused.
            Self::Ketama(_) | Self::Ring(_) | Self::Maglev(_) | Self::Rendezvous(_) => Warming::Seen,
            Self::RoundRobin(_) | Self::Random(_) | Self::Weighted(_) => Warming::PassedOver,
        }
    }

    /// The index of the chosen candidate; `None` iff none is usable.
    pub(crate) fn pick(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        self.pick_inline(candidates, turn)
    }

    /// The same in a copy for the caller, in which what it knows of the candidates is no question any more.
    #[inline(always)]
    pub(crate) fn pick_inline(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        match self {
            Self::P2c(p2c) => p2c.pick(candidates, turn),
            Self::LeastLoaded(least_loaded) => least_loaded.pick(candidates, turn),
            Self::RoundRobin(_) | Self::Random(_) | Self::Weighted(_) if candidates.are_few() => {
                few::rotate(candidates, turn)
            }
            Self::Ketama(_) | Self::Ring(_) | Self::Maglev(_) | Self::Rendezvous(_)
                if candidates.are_few() =>
            {
                rendezvous::among_few(candidates, turn)
            }
            Self::Prequal(prequal) => prequal.pick(candidates, turn),
            Self::RoundRobin(round_robin) => round_robin.pick(candidates, turn),
            Self::Random(random) => random.pick(candidates, turn),
            Self::Weighted(weighted) => weighted.pick(candidates, turn),
            Self::Custom(custom) => custom.pick(candidates, turn),
            Self::Ketama(ketama) => ketama.pick(candidates, turn),
            Self::Ring(ring) => ring.pick(candidates, turn),
            Self::Maglev(maglev) => maglev.pick(candidates, turn),
            Self::Rendezvous(rendezvous) => rendezvous.pick(candidates, turn),
        }
    }

    /// The same where caller's code must not run.
    pub(crate) fn pick_by_ours(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        match self {
            Self::Custom(custom) => custom.pick_otherwise(candidates, turn),
            ours => ours.pick(candidates, turn),
        }
    }

    /// Where a request goes that has a place already; `None` where caller's code says nothing: ours has chosen that place.
    pub(crate) fn pick_instead(
        &self,
        candidates: &Candidates<'_>,
        turn: &Turn<'_>,
        reserved: &InFlight,
    ) -> Option<usize> {
        match self {
            Self::Custom(custom) => custom.pick_instead(candidates, turn, reserved),
            _ => None,
        }
    }
}
