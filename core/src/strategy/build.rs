//! How a tier's strategy is made from its settings, and what of the one before is used again.

use std::sync::Arc;

use super::{
    Bell, Custom, Ketama, LeastLoaded, Maglev, P2c, Prequal, Random, Rendezvous, Ring, RoundRobin, Strategy,
    Weighted,
};
use crate::{
    config::{RoundRobinSpec, StrategySpec, WeightedSpec},
    endpoint::Member,
    event::Events,
    load::WeightRules,
};

/// What all pools of a balancer are built on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base<'a> {
    pub(crate) seed: u64,
    /// Rings where there are probes to carry.
    pub(crate) bell: &'a Arc<Bell>,
    /// Where they tell what happens.
    pub(crate) events: &'a Arc<Events>,
}

/// The strategy before an update, and what it was built from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Built<'a> {
    pub(crate) spec: &'a StrategySpec,
    pub(crate) strategy: &'a Strategy,
    pub(crate) members: &'a [Member],
}

/// The endpoints that a strategy is built for, as far as it asks.
struct Listing<'a> {
    addresses: Vec<&'a str>,
    weights: Vec<u32>,
}

impl Strategy {
    /// Builds what `spec` describes for these endpoints; the seed is the pool's. What is large is that of `before` where nothing has changed that it depends
    /// on, and begins with what is the same where some of it has.
    pub(crate) fn build(
        spec: &StrategySpec,
        members: &[Member],
        Base { seed, bell, .. }: Base<'_>,
        before: Option<Built<'_>>,
    ) -> Self {
        let weights = || members.iter().map(Member::weight).collect::<Vec<u32>>();
        match spec {
            StrategySpec::P2c(p2c) => Self::P2c(P2c::new(p2c.choices(), p2c.load())),
            StrategySpec::LeastLoaded(least) => Self::LeastLoaded(LeastLoaded::new(least.load())),
            StrategySpec::RoundRobin(turns) => Self::RoundRobin(round_robin(*turns, &weights(), seed)),
            StrategySpec::Random => Self::Random(Random::new(&weights())),
            StrategySpec::Weighted(spec) => {
                Self::Weighted(Box::new(weighted(*spec, &weights(), seed, before)))
            }
            StrategySpec::Prequal(prequal) => Self::Prequal(Prequal::new(prequal, members.len(), seed, bell)),
            StrategySpec::Custom(custom) => Self::Custom(Custom::new(Arc::clone(custom.strategy()))),
            StrategySpec::Ketama(_)
            | StrategySpec::Ring(_)
            | StrategySpec::Maglev(_)
            | StrategySpec::Rendezvous(_) => hashing(spec, members, before),
        }
    }
}

/// A strategy that goes by keys.
fn hashing(spec: &StrategySpec, members: &[Member], before: Option<Built<'_>>) -> Strategy {
    if let Some(before) = before
        && is_same(before.spec, spec)
        && is_same_list(before.members, members)
    {
        match before.strategy {
            Strategy::Ketama(ketama) => return Strategy::Ketama(Arc::clone(ketama)),
            Strategy::Ring(ring) => return Strategy::Ring(Arc::clone(ring)),
            Strategy::Maglev(maglev) => return Strategy::Maglev(Arc::clone(maglev)),
            Strategy::Rendezvous(rendezvous) => return Strategy::Rendezvous(Arc::clone(rendezvous)),
            _ => {}
        }
    }
    let Listing { addresses, weights } = Listing::of(members);
    let old = before.map_or_else(Vec::new, |before| Listing::of(before.members).addresses);
    match (spec, before.map(|before| before.strategy)) {
        (StrategySpec::Ring(spec), Some(Strategy::Ring(ring))) => {
            Strategy::Ring(Arc::new(Ring::new(*spec, &addresses, &weights, Some((ring, &old)))))
        }
        (StrategySpec::Ring(spec), _) => {
            Strategy::Ring(Arc::new(Ring::new(*spec, &addresses, &weights, None)))
        }
        (StrategySpec::Maglev(spec), _) => {
            Strategy::Maglev(Arc::new(Maglev::new(spec.size(), &addresses, &weights)))
        }
        (StrategySpec::Rendezvous(_), _) => {
            Strategy::Rendezvous(Arc::new(Rendezvous::new(&addresses, &weights)))
        }
        (_, Some(Strategy::Ketama(ketama))) => {
            Strategy::Ketama(Arc::new(Ketama::new(&addresses, &weights, Some((ketama, &old)))))
        }
        _ => Strategy::Ketama(Arc::new(Ketama::new(&addresses, &weights, None))),
    }
}

/// Whether both lay out the same for the same endpoints.
fn is_same(before: &StrategySpec, now: &StrategySpec) -> bool {
    match (before, now) {
        (StrategySpec::Ketama(_), StrategySpec::Ketama(_)) => true,
        (StrategySpec::Ring(before), StrategySpec::Ring(now)) => before.has_size_of(now),
        (StrategySpec::Maglev(before), StrategySpec::Maglev(now)) => before.size() == now.size(),
        (StrategySpec::Rendezvous(_), StrategySpec::Rendezvous(_)) => true,
        _ => false,
    }
}

/// Whether both lists have the same addresses and weights in the same order.
fn is_same_list(before: &[Member], now: &[Member]) -> bool {
    let same = |(before, now): (&Member, &Member)| {
        before.weight() == now.weight() && before.endpoint().address() == now.endpoint().address()
    };
    before.len() == now.len() && before.iter().zip(now).all(same)
}

fn round_robin(turns: RoundRobinSpec, weights: &[u32], seed: u64) -> RoundRobin {
    let turns_of = RoundRobin::new(weights);
    if turns.has_random_phase() { turns_of.with_phase(seed) } else { turns_of }
}

fn weighted(spec: WeightedSpec, weights: &[u32], seed: u64, before: Option<Built<'_>>) -> Weighted {
    let rules =
        WeightRules { blackout: spec.blackout(), expiry: spec.expiry(), error_penalty: spec.error_penalty() };
    let sequence = match before.map(|before| before.strategy) {
        Some(Strategy::Weighted(before)) => before.sequence(),
        // Random, so that instances do not all call the same endpoint first.
        _ => (seed >> 32) as u32,
    };
    Weighted::new(weights, rules, spec.update(), sequence)
}

impl<'a> Listing<'a> {
    fn of(members: &'a [Member]) -> Self {
        Self {
            addresses: members.iter().map(|member| member.endpoint().address()).collect(),
            weights: members.iter().map(Member::weight).collect(),
        }
    }
}
