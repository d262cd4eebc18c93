//! Picks under bounded load: see [`LoadBound`] for the rule.

use super::enter::on_trial;
use crate::{
    endpoint::{Arrival, Arrivals, InFlight, Member},
    health::Scrutiny,
    strategy::{Candidates, LoadBound},
    sync::{AtomicU64, Ordering},
    time::Time,
};

/// How a tier bounds each endpoint's share of what is in flight there.
#[derive(Debug)]
pub(super) struct Bounded {
    factor_millionths: Option<u32>,
    /// The weight of all endpoints.
    weight: u64,
    /// The weight of those that health leaves out.
    left_out: AtomicU64,
    /// Kept also while there is no bound: an update may set one again.
    arrivals: Arrivals,
}

/// One request that is to be placed under a bound. It is counted from here on.
#[derive(Debug)]
pub(super) struct Placing {
    bound: LoadBound,
    arrival: Arrival,
}

impl Bounded {
    /// A tier's; `arrivals` are those of the tier before, if there was one.
    pub(super) fn new(
        factor_millionths: Option<u32>,
        members: &[Member],
        arrivals: Option<Arrivals>,
    ) -> Self {
        let weight = members.iter().map(|member| u64::from(member.weight())).sum();
        let arrivals = arrivals.unwrap_or_default();
        Self { factor_millionths, weight, left_out: AtomicU64::new(0), arrivals }
    }

    pub(super) fn arrivals(&self) -> Arrivals {
        self.arrivals.clone()
    }

    /// Health leaves out endpoints of this weight now.
    pub(super) fn leave_out(&self, weight: u64) {
        self.left_out.store(weight, Ordering::Relaxed);
    }

    /// Counts one more request in flight, if there is a bound.
    pub(super) fn place(&self) -> Option<Placing> {
        let factor = self.factor_millionths?;
        let (arrival, in_flight) = self.arrivals.arrive();
        let weight = self.weight.saturating_sub(self.left_out.load(Ordering::Relaxed));
        Some(Placing { bound: LoadBound::new(factor, in_flight, weight), arrival })
    }
}

impl Placing {
    pub(super) const fn bound(&self) -> LoadBound {
        self.bound
    }

    /// Leaves the count to the request that was let in.
    pub(super) fn keep_in(self, picked: &mut InFlight) {
        picked.keep(self.arrival);
    }
}

/// Where nobody usable is under the bound, because there would be room only where caps, shards or rates keep the request out: the least loaded.
pub(super) fn enter_least(
    everybody: &Candidates<'_>,
    (cost, scrutiny): (u64, Scrutiny),
    now: Time,
) -> Option<InFlight> {
    let usable = (0..everybody.len()).filter(|&index| everybody.is_usable(index));
    let least = usable.map(|index| everybody.member(index)).min_by(|one, other| by_load(one, other))?;
    on_trial(least.try_enter_within(|_| true, cost, now)?, least, scrutiny, now)
}

/// By what is in flight over weight.
fn by_load(one: &Member, other: &Member) -> std::cmp::Ordering {
    let load = |member: &Member, of: &Member| u64::from(member.counted()) * u64::from(of.weight());
    load(one, other).cmp(&load(other, one))
}
