//! From the endpoint that was chosen to the request in flight there, unless somebody else was quicker.

use super::{ask::Ask, bounded::Placing};
use crate::{
    endpoint::{InFlight, Member},
    health::Scrutiny,
    strategy::{Candidates, LoadBound},
    time::Time,
};

/// How a request comes in.
#[derive(Clone, Copy)]
pub(super) struct Entrant<'a> {
    scrutiny: Scrutiny,
    cost: u64,
    /// The place that it has already.
    reserved: Option<&'a InFlight>,
}

impl<'a> Entrant<'a> {
    pub(super) const fn new(ask: &Ask<'a>, scrutiny: Scrutiny) -> Self {
        Self { scrutiny, cost: ask.wants.cost, reserved: ask.purpose.reserved() }
    }

    /// Whether it may go to this candidate, or stay there.
    pub(super) fn may_use(&self, candidates: &Candidates<'_>, index: usize) -> bool {
        let stays = self.reserved.is_some_and(|reserved| candidates.is_kept(index, reserved));
        stays || candidates.is_usable(index)
    }

    /// Where it has its place nothing more is taken.
    fn stays_at(&self, member: &Member) -> Option<InFlight> {
        self.reserved.filter(|reserved| reserved.is_at(member.endpoint())).map(InFlight::stand_in)
    }
}

/// Goes to an endpoint that was usable when looked at. `None`: another request has just taken the last place, or the one trial.
pub(super) fn enter(
    member: &Member,
    bound: Option<LoadBound>,
    entrant: Entrant<'_>,
    now: Time,
) -> Option<InFlight> {
    if let Some(stays) = entrant.stays_at(member) {
        return Some(stays);
    }
    on_trial(try_enter(member, bound, entrant.cost, now)?, member, entrant.scrutiny, now)
}

/// One that is inside stays, on trial where its endpoint is; unless somebody else's trial is out there.
pub(super) fn on_trial(
    mut picked: InFlight,
    member: &Member,
    scrutiny: Scrutiny,
    now: Time,
) -> Option<InFlight> {
    let health = member.endpoint().health();
    // Also in a panic: else nobody would ever return from one.
    let trial = health.outlier().claim_trial(now);
    picked.set_trial(trial);
    if !scrutiny.asks_health() || trial || health.needs_no_trial(now) {
        return Some(picked);
    }
    picked.give_back(now);
    None
}

/// One more in flight there, unless its cap, its own limits or the bound on its load say no.
pub(super) fn try_enter(member: &Member, bound: Option<LoadBound>, cost: u64, now: Time) -> Option<InFlight> {
    match bound {
        None => member.try_enter_charged(cost, now),
        Some(bound) => member.try_enter_within(|counted| bound.admits(counted, member.weight()), cost, now),
    }
}

/// Where load is bounded, the request goes on being counted.
pub(super) fn placed(mut picked: InFlight, placing: Option<Placing>) -> InFlight {
    if let Some(placing) = placing {
        placing.keep_in(&mut picked);
    }
    picked
}
