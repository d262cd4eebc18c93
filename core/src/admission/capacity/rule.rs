//! The rules behind one door.

use std::{sync::Arc, time::Duration};

use super::{adaptive::Adaptive, aimd::Aimd, gradient::Gradient, gradient2::Gradient2, vegas::Vegas};
use crate::{config::CapacitySpec, outcome::OutcomeKind, time::Time};

/// The rule by which a pool's capacity is set. Clones share what was learnt.
#[derive(Clone, Debug)]
pub(crate) enum Capacity {
    /// The configured number.
    Fixed(u32),
    Aimd(Arc<Aimd>),
    Gradient(Arc<Gradient>),
    Gradient2(Arc<Gradient2>),
    Vegas(Arc<Vegas>),
    Adaptive(Arc<Adaptive>),
}

/// One answered request, as a rule sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) latency: Duration,
    /// Seats taken when it was answered, its own among them.
    pub(crate) taken: u32,
    pub(crate) now: Time,
}

impl Capacity {
    pub(crate) fn new(spec: &CapacitySpec) -> Self {
        match spec {
            CapacitySpec::Fixed(seats) => Self::Fixed(seats.get()),
            CapacitySpec::Aimd(spec) => Self::Aimd(Arc::new(Aimd::new(spec))),
            CapacitySpec::Gradient(spec) => Self::Gradient(Arc::new(Gradient::new(spec))),
            CapacitySpec::Gradient2(spec) => Self::Gradient2(Arc::new(Gradient2::new(spec))),
            CapacitySpec::Vegas(spec) => Self::Vegas(Arc::new(Vegas::new(spec))),
            CapacitySpec::Adaptive(spec) => Self::Adaptive(Arc::new(Adaptive::new(spec))),
        }
    }

    /// How many seats there are to be now.
    pub(crate) fn seats(&self) -> u32 {
        match self {
            Self::Fixed(seats) => *seats,
            Self::Aimd(rule) => rule.seats(),
            Self::Gradient(rule) => rule.seats(),
            Self::Gradient2(rule) => rule.seats(),
            Self::Vegas(rule) => rule.seats(),
            Self::Adaptive(rule) => rule.seats(),
        }
    }

    /// Whether there is nothing to learn.
    #[inline]
    pub(crate) const fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }

    /// Learns from one request; a number of seats when it is time to set one.
    #[inline]
    pub(crate) fn learn(&self, kind: OutcomeKind, sample: &Sample) -> Option<u32> {
        let overload = match kind {
            OutcomeKind::Success => false,
            OutcomeKind::Overload => true,
            OutcomeKind::Failure | OutcomeKind::Cancelled => return None,
        };
        match self {
            Self::Fixed(_) => None,
            Self::Aimd(rule) => rule.learn(overload, sample),
            Self::Gradient(rule) => rule.learn(overload, sample),
            Self::Gradient2(rule) => rule.learn(overload, sample),
            Self::Vegas(rule) => rule.learn(overload, sample),
            Self::Adaptive(rule) => rule.learn(overload, sample),
        }
    }
}
