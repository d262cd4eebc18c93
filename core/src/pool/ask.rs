//! What a request that is picked for asks of the pool.

use super::{shard::ShardKey, tier::Tier};
use crate::{
    endpoint::InFlight,
    health::Scrutiny,
    rng,
    strategy::{Avoided, Candidates, KeptAvoided, Strategy, Turn},
};

/// What a request that has its seat asks of the pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    /// The seat's turn.
    pub(crate) number: u32,
    /// Whether it has waited for its seat.
    pub(crate) saturated: bool,
    pub(crate) wants: Wants<'a>,
    pub(crate) purpose: Purpose<'a>,
}

/// What a pick is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose<'a> {
    /// It decides.
    Decide,
    /// It takes a place for who waits, under the queue's lock: caller's code does not run.
    Reserve,
    /// It asks the caller's code for who has such a place, which keeps it where nothing else comes of that.
    Exchange(&'a InFlight),
}

/// What a request wants, whichever pool serves it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wants<'a> {
    /// What hash strategies keep together.
    pub(crate) key: Option<&'a [u8]>,
    /// Where its tenant may use some endpoints only.
    pub(crate) shard: Option<ShardKey>,
    /// The endpoint that its session is bound to.
    pub(crate) target: Option<u64>,
    /// Where it has been before.
    pub(crate) avoided: Avoided<'a>,
    /// What endpoints that have limits of their own charge it.
    pub(crate) cost: u64,
}

/// The same while it waits.
#[derive(Debug, Default)]
pub(crate) struct KeptWants {
    key: Option<Box<[u8]>>,
    shard: Option<ShardKey>,
    target: Option<u64>,
    avoided: KeptAvoided,
    cost: u64,
}

impl Wants<'_> {
    /// Whether only a part of the endpoints is there for it.
    pub(crate) const fn is_confined(&self) -> bool {
        self.shard.is_some() || self.avoided.is_strict()
    }

    /// To be kept.
    pub(crate) fn kept(&self) -> KeptWants {
        let Self { key, shard, target, avoided, cost } = *self;
        KeptWants { key: key.map(Box::from), shard, target, avoided: avoided.kept(), cost }
    }
}

impl KeptWants {
    /// As a pick sees it.
    pub(crate) fn shown(&self) -> Wants<'_> {
        let Self { ref key, shard, target, ref avoided, cost } = *self;
        Wants { key: key.as_deref(), shard, target, avoided: avoided.shown(), cost }
    }
}

impl<'a> Purpose<'a> {
    /// The strategy's choice.
    pub(super) fn choose(
        self,
        strategy: &Strategy,
        candidates: &Candidates<'_>,
        turn: &Turn<'_>,
    ) -> Option<usize> {
        match self {
            Self::Reserve => strategy.pick_by_ours(candidates, turn),
            Self::Decide => strategy.pick(candidates, turn),
            Self::Exchange(reserved) => strategy.pick_instead(candidates, turn, reserved),
        }
    }

    /// The place that the request has already.
    pub(super) const fn reserved(self) -> Option<&'a InFlight> {
        match self {
            Self::Exchange(reserved) => Some(reserved),
            Self::Decide | Self::Reserve => None,
        }
    }
}

impl<'a> Ask<'a> {
    /// The turn that the strategy sees, and those that it sees where an attempt before came to nothing.
    pub(super) const fn turn(&self, seed: u64, attempt: u32) -> Turn<'a> {
        let Self { number, saturated, wants: Wants { key, .. }, .. } = *self;
        let draw = rng::draw(seed ^ attempt as u64, number as u64);
        Turn { number: number.wrapping_add(attempt), draw, saturated, key }
    }

    /// The same without a wish where not to go.
    pub(super) const fn anywhere(&self) -> Self {
        let mut ask = *self;
        ask.wants.avoided = Avoided::Nobody;
        ask
    }

    /// Whether it has been somewhere and may go there again.
    pub(super) const fn may_return(&self) -> bool {
        !self.wants.avoided.is_nobody() && !self.wants.avoided.is_strict()
    }

    /// The place of the tier that serves it, by the tiers' parts of the traffic, and whether the degraded ones there do: those with one key stay together.
    pub(super) fn tier(&self, tiers: &[Tier], seed: u64) -> (usize, Scrutiny) {
        if tiers.len() < 2 && !tiers.iter().any(Tier::has_degraded) {
            return (0, Scrutiny::Healthy);
        }
        let draw = match self.wants.key {
            Some(key) => rng::draw(TIER, rng::hash(key)),
            None => rng::draw(seed ^ TIER, u64::from(self.number)),
        };
        let percent = rng::below((draw >> 32) as u32, 100);
        if let Some(place) = tiers.iter().position(|tier| tier.takes(percent)) {
            return (place, Scrutiny::Healthy);
        }
        let degraded = tiers.iter().position(|tier| tier.takes_degraded(percent));
        degraded.map_or((0, Scrutiny::Healthy), |place| (place, Scrutiny::Degraded))
    }
}

/// Where it serves must not depend on what it was drawn with in there.
const TIER: u64 = 0x7469_6572;
