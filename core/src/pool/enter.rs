//! From the endpoint that was chosen to the request in flight there, unless somebody else was quicker.

use super::bounded::Placing;
use crate::{
    endpoint::{InFlight, Member},
    health::Scrutiny,
    strategy::LoadBound,
    time::Time,
};

/// Goes to an endpoint that was usable when looked at. `None`: another request has just taken the last place, or the one trial.
pub(super) fn enter(
    member: &Member,
    bound: Option<LoadBound>,
    (scrutiny, cost): (Scrutiny, u64),
    now: Time,
) -> Option<InFlight> {
    let mut picked = try_enter(member, bound, cost, now)?;
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
