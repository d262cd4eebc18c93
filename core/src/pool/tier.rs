//! A tier: the endpoints of one level of priority (and, where the pool has a zone, of one side of it) with their strategy.

use std::ops::Range;

use super::{
    bounded::{Bounded, Placing},
    census::Census,
    tier_parts::{Part, TierRules},
};
use crate::{
    config::EndpointSpec,
    endpoint::{Arrivals, Member},
    health::Scrutiny,
    strategy::{Roll, Strategy},
    sync::{AtomicU32, Ordering},
    time::Time,
};

/// A stretch of the pool's list, and how much of the traffic goes there.
#[derive(Debug)]
pub(crate) struct Tier {
    level: Level,
    places: Range<usize>,
    strategy: Strategy,
    /// Percentages of the traffic, and whether it panics: see [`Reach`].
    reach: AtomicU32,
    roll: Roll,
    bounded: Bounded,
}

/// How far a tier's parts of the traffic reach, in percent: first those of the healthy endpoints of all tiers, then those of the degraded ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reach {
    healthy: u32,
    /// 0: nobody in it is degraded.
    degraded: u32,
    panic: bool,
}

/// What tells tiers apart, in the order in which they serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Level {
    priority: u32,
    /// Whether it is away from the zone that the pool is called from.
    away: bool,
}

impl Level {
    /// Where an endpoint stands; `None` where nothing new goes.
    pub(super) fn of(endpoint: &EndpointSpec, zone: Option<&str>) -> Option<Self> {
        let serves = endpoint.weight() > 0 && !endpoint.is_draining();
        let away = zone.is_some() && endpoint.zone() != zone;
        serves.then(|| Self { priority: endpoint.priority(), away })
    }
}

impl Tier {
    pub(super) fn new(level: Level, places: Range<usize>, strategy: Strategy, bounded: Bounded) -> Self {
        let roll = Roll::of(places.len());
        Self { level, places, strategy, reach: AtomicU32::new(0), roll, bounded }
    }

    pub(super) const fn level(&self) -> Level {
        self.level
    }

    /// Its places in the pool's list.
    pub(super) fn places(&self) -> Range<usize> {
        self.places.clone()
    }

    /// Its endpoints.
    #[inline]
    pub(super) fn members<'a>(&self, list: &'a [Member]) -> &'a [Member] {
        &list[self.places.start..self.places.end]
    }

    #[inline]
    pub(super) const fn strategy(&self) -> &Strategy {
        &self.strategy
    }

    /// Whether a request that drew this percentage goes to its healthy endpoints, unless to a tier's before it.
    pub(super) fn takes(&self, percent: u32) -> bool {
        percent < self.reach().healthy
    }

    /// The same of its degraded ones.
    pub(super) fn takes_degraded(&self, percent: u32) -> bool {
        percent < self.reach().degraded
    }

    /// Whether some of its endpoints are degraded, and health decides.
    pub(super) fn has_degraded(&self) -> bool {
        self.reach().degraded > 0
    }

    /// Whether health decides in it, and nobody is degraded.
    #[inline]
    pub(super) fn is_healthy_alone(&self) -> bool {
        let Reach { degraded, panic, .. } = self.reach();
        degraded == 0 && !panic
    }

    /// How far health decides in it: less in a panic.
    #[inline]
    pub(super) fn scrutiny(&self) -> Scrutiny {
        if self.reach().panic { Scrutiny::Presence } else { Scrutiny::Health }
    }

    /// Whether health does not decide in it, though it has endpoints.
    pub(super) fn panics(&self) -> bool {
        self.reach().panic && !self.places.is_empty()
    }

    #[inline]
    fn reach(&self) -> Reach {
        Reach::unpacked(self.reach.load(Ordering::Relaxed))
    }

    /// Who of its endpoints is there, for a pick that asks so far. Also who is cooling down, or has its trial out: they may serve before the next count.
    #[inline]
    pub(super) fn roll(&self, scrutiny: Scrutiny) -> Option<&Roll> {
        scrutiny.asks_health().then_some(&self.roll)
    }

    /// Counts one more request in flight here, if the strategy bounds the load.
    pub(super) fn place(&self) -> Option<Placing> {
        self.bounded.place()
    }

    pub(super) fn arrivals(&self) -> Arrivals {
        self.bounded.arrivals()
    }

    /// Counts its endpoints, and writes down who is there.
    fn census(&self, list: &[Member], now: Time) -> Census {
        let mut census = Census::default();
        self.roll.call(self.members(list).iter().map(|member| census.take(member, now)));
        census
    }
}

/// Whether tiers are of the same levels, at the same places.
pub(super) fn are_alike(some: &[Tier], others: &[Tier]) -> bool {
    let shape = |tiers: &[Tier]| -> Vec<_> { tiers.iter().map(|tier| (tier.level, tier.places())).collect() };
    shape(some) == shape(others)
}

/// Splits the traffic anew, by what is available now. What all of them have.
pub(super) fn share(tiers: &[Tier], list: &[Member], rules: &TierRules, now: Time) -> Census {
    let counted: Vec<_> = tiers.iter().map(|tier| tier.census(list, now)).collect();
    let availability: Vec<_> = counted.iter().map(|census| census.there).collect();
    let parts = rules.split(&availability);
    let mut healthy = 0;
    let mut degraded = parts.iter().map(|part| part.healthy).sum();
    for ((tier, part), census) in tiers.iter().zip(&parts).zip(&counted) {
        healthy += part.healthy;
        degraded += part.degraded;
        let some_degraded = census.there.degraded > 0 && !part.panic;
        let reach = Reach { healthy, degraded: if some_degraded { degraded } else { 0 }, panic: part.panic };
        // Relaxed: a pick that sees one tier's old part and another's new one goes to a tier all the same.
        tier.reach.store(reach.packed(), Ordering::Relaxed);
        tier.bounded.leave_out(match part {
            Part { panic: true, .. } => 0,
            Part { degraded: 0, healthy: 1.., .. } => census.left_out_with_degraded(),
            Part { .. } => census.left_out(),
        });
    }
    counted.iter().fold(Census::default(), Census::and)
}

impl Reach {
    const fn packed(self) -> u32 {
        self.degraded << 16 | self.healthy << 1 | self.panic as u32
    }

    const fn unpacked(word: u32) -> Self {
        Self { degraded: word >> 16, healthy: (word & 0xffff) >> 1, panic: word & 1 == 1 }
    }
}
