//! Capacity: how many seats a pool has.

mod gradient;

use std::{sync::Arc, time::Duration};

use gradient::Gradient;

use crate::{
    config::CapacitySpec,
    outcome::{Outcome, OutcomeKind},
    time::Time,
};

/// The rule by which a pool's capacity is set. Clones share what was learnt.
#[derive(Clone, Debug)]
pub(crate) enum Capacity {
    /// The configured number.
    Fixed(u32),
    /// Learnt from latency.
    Gradient(Arc<Gradient>),
}

impl Capacity {
    pub(crate) fn new(spec: &CapacitySpec) -> Self {
        match *spec {
            CapacitySpec::Fixed(seats) => Self::Fixed(seats.get()),
            CapacitySpec::Gradient { min, max } => {
                Self::Gradient(Arc::new(Gradient::new(min.get(), max.get())))
            }
        }
    }

    /// How many seats to start with.
    pub(crate) fn initial(&self) -> u32 {
        match self {
            Self::Fixed(seats) => *seats,
            Self::Gradient(gradient) => gradient.limit(),
        }
    }

    /// Learns from one finished request, with `taken` in flight at its end; a new number of seats when it is time for one.
    pub(crate) fn learn(
        &self,
        outcome: &Outcome,
        measured: Duration,
        taken: impl FnOnce() -> u32,
        now: Time,
    ) -> Option<u32> {
        let Self::Gradient(gradient) = self else { return None };
        match outcome.kind() {
            OutcomeKind::Success => gradient.observe(measured, taken(), now),
            OutcomeKind::Overload => gradient.overloaded(taken(), now),
            OutcomeKind::Failure | OutcomeKind::Cancelled => None,
        }
    }
}
