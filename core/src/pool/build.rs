//! A pool as one snapshot holds it, and how an update makes the next one from it.

use std::{
    collections::{HashMap, HashSet},
    ptr,
    sync::{Arc, OnceLock, Weak},
};

use super::{
    bounded::Bounded,
    comparing::Comparison,
    health::{PoolHealth, most_ejected},
    shard::Shards,
    subset::SubsetRules,
    tier::{self, Level, Tier},
    tier_parts::TierRules,
};
use crate::{
    config::{
        CooldownSpec, EndpointSpec, HealthCheckSpec, OutlierSpec, PoolSpec, Rate, RateUnit, StrategySpec,
        SubsetSpec,
    },
    endpoint::{Endpoint, Labels, Member},
    ewma::decay_rate,
    health::{OutlierRules, SlowStart},
    limit::{Quota, Unit},
    rng,
    strategy::{Base, Built, Strategy},
    sync::{AtomicU32, AtomicU64},
    time::Time,
};

/// Tells pools apart for as long as a balancer lives; a removed pool's number is never given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PoolId(pub(crate) u32);

/// The endpoints of a pool, immutable; what traffic teaches lives in the endpoints themselves.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(super) id: PoolId,
    /// Counts its editions.
    edition: u64,
    pub(super) name: Box<str>,
    /// Tier by tier, and then those to which nothing new goes; within a tier in the configuration's order.
    pub(super) members: Arc<[Member]>,
    pub(super) tiers: Arc<[Tier]>,
    pub(super) shards: Arc<Shards>,
    /// Places by the hashes of addresses, made when the first session asks.
    pub(super) by_address: OnceLock<HashMap<u64, usize>>,
    /// From here on nothing new goes at all, not even of sessions.
    pub(super) draining_from: usize,
    /// Whether some endpoint has a cap.
    pub(super) capped: bool,
    /// Whether some endpoint has rates of its own.
    pub(super) rated: bool,
    /// Requests in flight beyond the caps in force, as last seen: where there are some, the bound falls as they end.
    pub(super) elsewhere: AtomicU32,
    /// The nanosecond at which the next ejection ends, as last seen: then the bound may rise though no request ends.
    pub(super) next_return: AtomicU64,
    /// Endpoints that updates have removed: there until the last request there has ended.
    gone: Box<[Weak<Endpoint>]>,
    /// What the tiers' strategies were built by.
    strategy_spec: StrategySpec,
    /// Whether the strategy bounds how much one endpoint may have in flight.
    pub(super) bounded: bool,
    pub(super) slow_start: Option<SlowStart>,
    pub(super) tier_rules: TierRules,
    pub(super) decay: f32,
    pub(super) seed: u64,
    pub(super) outlier: OutlierRules,
    /// How endpoints are compared, if they are.
    pub(super) comparison: Option<Comparison>,
    pub(super) cooldown: CooldownSpec,
    /// How endpoints are asked whether they serve.
    pub(super) health_check: Option<Arc<HealthCheckSpec>>,
    pub(super) health: Arc<PoolHealth>,
    pub(super) most_ejected: u32,
}

impl Pool {
    /// Builds the pool that `spec` describes. Endpoints that `previous` also had keep their state.
    pub(crate) fn build(
        (id, name): (PoolId, &str),
        spec: &PoolSpec,
        base: Base<'_>,
        previous: Option<&Self>,
        now: Time,
    ) -> Self {
        let departed = previous.map_or_else(Vec::new, Self::departed);
        let base = Base { seed: rng::draw(base.seed, u64::from(id.0)), ..base };
        let listed = in_order(spec);
        let members = list(listed.iter().map(|&(endpoint, _)| endpoint), previous, &departed, now);
        let tiers = tiers(&listed, &members, (spec.strategy(), base), previous);
        let serving = tiers.last().map_or(0, |tier| tier.places().end);
        let rules = spec.outlier();
        let health =
            previous.map_or_else(|| Arc::new(PoolHealth::new(base.events)), |pool| Arc::clone(&pool.health));
        let kept: HashSet<*const Endpoint> =
            members.iter().map(|member| ptr::from_ref(member.endpoint())).collect();
        let removed = previous.into_iter().flat_map(|pool| pool.members.iter()).map(Member::trace);
        let gone = departed.iter().map(Arc::downgrade).chain(removed);
        let gone = gone.filter(|trace| !kept.contains(&trace.as_ptr())).collect();
        let shards = Shards::new(listed.iter().map(|&(endpoint, _)| endpoint), base.seed);
        // As long as the endpoints and their tiers are the same, what is remembered stays right.
        let same = |pool: &&Self| pool.shards.is_like(&shards) && tier::are_alike(&pool.tiers, &tiers);
        let shards = previous.filter(same).map_or_else(|| Arc::new(shards), |pool| Arc::clone(&pool.shards));
        let capped = members.iter().any(|member| member.cap().is_some());
        let rated = members.iter().any(Member::has_quotas);
        Self {
            id,
            edition: previous.map_or(0, |pool| pool.edition + 1),
            name: name.into(),
            members,
            tiers,
            shards,
            by_address: OnceLock::new(),
            draining_from: listed.partition_point(|(endpoint, _)| !endpoint.is_draining()),
            capped,
            rated,
            gone,
            elsewhere: AtomicU32::new(0),
            next_return: AtomicU64::new(u64::MAX),
            strategy_spec: spec.strategy().clone(),
            bounded: spec.strategy().bounded_millionths().is_some(),
            slow_start: spec
                .slow_start()
                .map(|spec| SlowStart::over(spec.window(), spec.aggression(), spec.minimum_percent())),
            tier_rules: tier_rules(spec),
            decay: decay_rate(spec.latency_decay()),
            seed: base.seed,
            outlier: outlier_rules(&rules),
            comparison: Comparison::of(&rules),
            cooldown: spec.cooldown(),
            health_check: health_check(spec, previous),
            health,
            most_ejected: most_ejected(serving, rules.max_ejected_percent(), rules.min_available()),
        }
    }

    /// The removed endpoints that have requests in flight.
    fn departed(&self) -> Vec<Arc<Endpoint>> {
        self.gone.iter().filter_map(Weak::upgrade).collect()
    }

    /// Requests in flight at removed endpoints that their caps counted.
    pub(super) fn counted_at_removed(&self) -> u32 {
        self.gone.iter().filter_map(Weak::upgrade).map(|endpoint| endpoint.counted()).sum()
    }

    pub(crate) const fn id(&self) -> PoolId {
        self.id
    }

    /// Of two of the same pool the one with the larger number is newer.
    pub(crate) const fn edition(&self) -> u64 {
        self.edition
    }

    pub(crate) const fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Whether nothing new goes to the endpoint at this place of [`members`](Self::members), because it drains.
    pub(crate) const fn is_draining(&self, place: usize) -> bool {
        place >= self.draining_from
    }

    /// Whether so few endpoints are healthy that health does not decide, in some tier, as last counted.
    pub(crate) fn is_in_panic(&self) -> bool {
        self.tiers.iter().any(Tier::panics)
    }

    /// What latencies decay by: see [`decay_rate`].
    pub(crate) const fn decay(&self) -> f32 {
        self.decay
    }
}

/// The endpoints tier by tier, each with its level; those to which nothing new goes are last.
fn in_order(spec: &PoolSpec) -> Vec<Listed<'_>> {
    let level = |endpoint| (endpoint, Level::of(endpoint, spec.zone()));
    let mut listed: Vec<_> = spec.endpoints().iter().map(level).collect();
    listed.sort_by_key(|&(endpoint, level)| (endpoint.is_draining(), level.is_none(), level));
    match spec.subset() {
        Some(subset) => {
            listed.chunk_by(|(_, one), (_, other)| one == other).flat_map(|tier| part(tier, subset)).collect()
        }
        None => listed,
    }
}

/// Those of one tier that this instance uses; of those to which nothing new goes, all.
fn part<'a>(tier: &[Listed<'a>], subset: SubsetSpec) -> Vec<Listed<'a>> {
    if tier.iter().any(|(_, level)| level.is_none()) {
        return tier.to_vec();
    }
    let (size, instance, instances) = (subset.size(), subset.instance(), subset.instances());
    let identities: Vec<u64> = tier.iter().map(|(endpoint, _)| Pool::target_of(endpoint.address())).collect();
    let chosen = SubsetRules { size, instance, instances }.choose(&identities);
    chosen.into_iter().map(|place| tier[place]).collect()
}

/// An endpoint and its level; without one nothing new goes there.
type Listed<'a> = (&'a EndpointSpec, Option<Level>);

/// Lists endpoints: known ones, and those that are still in use after an update had removed them, with their state.
fn list<'a>(
    endpoints: impl Iterator<Item = &'a EndpointSpec>,
    previous: Option<&Pool>,
    departed: &[Arc<Endpoint>],
    now: Time,
) -> Arc<[Member]> {
    let known: HashMap<&str, &Member> = previous
        .iter()
        .flat_map(|pool| pool.members.iter())
        .map(|member| (member.endpoint().address(), member))
        .collect();
    // A pool's first endpoints have nobody else beside them: they are warm.
    let joins = if known.is_empty() { Time::ZERO } else { now };
    let find = |endpoint: &EndpointSpec| {
        let (address, weight) = (endpoint.address(), endpoint.weight());
        if let Some(member) = known.get(address) {
            return member.relist(weight);
        }
        match departed.iter().find(|departed| departed.address() == address) {
            Some(departed) => Member::return_to(Arc::clone(departed), weight),
            None => Member::joining(address, weight, joins),
        }
    };
    let limited = |member: Member, endpoint: &EndpointSpec| {
        member
            .with_cap(endpoint.max_in_flight())
            .with_quotas(quotas(endpoint.rates()))
            .with_labels(Labels::of_spec(endpoint))
    };
    endpoints.map(|endpoint| limited(find(endpoint), endpoint)).collect()
}

/// Cuts the list into tiers, each with its strategy; one that was there before goes on where it was.
fn tiers(
    listed: &[Listed<'_>],
    members: &[Member],
    (spec, base): (&StrategySpec, Base<'_>),
    previous: Option<&Pool>,
) -> Arc<[Tier]> {
    let before = |level: Level| {
        let previous = previous?;
        let tier = previous.tiers.iter().find(|tier| tier.level() == level)?;
        let members = tier.members(&previous.members);
        let built = Built { spec: &previous.strategy_spec, strategy: tier.strategy(), members };
        Some((built, tier.arrivals()))
    };
    let (mut tiers, mut start) = (vec![], 0);
    for stretch in listed.chunk_by(|(_, one), (_, other)| one == other) {
        let places = start..start + stretch.len();
        start = places.end;
        if let [(_, Some(level)), ..] = *stretch {
            let (built, arrivals) = before(level).unzip();
            let members = &members[places.clone()];
            let strategy = Strategy::build(spec, members, base, built);
            let bounded = Bounded::new(spec.bounded_millionths(), members, arrivals);
            tiers.push(Tier::new(level, places, strategy, bounded));
        }
    }
    tiers.into()
}

fn tier_rules(spec: &PoolSpec) -> TierRules {
    let tiers = spec.tiers();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 100")]
    let overprovisioning = (tiers.overprovisioning() * 100.0).round() as u32;
    // Whoever has a fallback does not panic.
    let panic = if spec.fallback().is_some() { 0 } else { tiers.panic_percent() };
    TierRules { overprovisioning, panic }
}

const fn outlier_rules(spec: &OutlierSpec) -> OutlierRules {
    OutlierRules {
        consecutive_failures: spec.consecutive_failures(),
        consecutive_gateway_failures: spec.consecutive_gateway_failures(),
        interval: spec.interval(),
        base: spec.ejection(),
        longest: spec.longest_ejection(),
        min_available: spec.min_available(),
        shadow: spec.is_shadow(),
    }
}

/// The one from before where it is the same.
fn health_check(spec: &PoolSpec, previous: Option<&Pool>) -> Option<Arc<HealthCheckSpec>> {
    let (next, before) = (spec.health_check()?, previous.and_then(|pool| pool.health_check.as_ref()));
    Some(before.filter(|before| ***before == *next).map_or_else(|| Arc::new(next.clone()), Arc::clone))
}

fn quotas(rates: &[Rate]) -> Box<[Quota]> {
    let quota = |rate: &Rate| {
        let unit = if matches!(rate.unit(), RateUnit::Cost) { Unit::Cost } else { Unit::Requests };
        Quota::new(unit, rate.amount(), rate.period(), rate.burst())
    };
    rates.iter().map(|rate| quota(rate).expect("validated with the configuration")).collect()
}
