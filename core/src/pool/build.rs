//! A pool as one snapshot holds it, and how an update makes the next one from it.

use std::{
    collections::HashMap,
    ptr,
    sync::{Arc, Weak},
    time::Duration,
};

use super::health::{PoolHealth, most_ejected};
use crate::{
    config::{PoolSpec, StrategySpec},
    endpoint::{Endpoint, Member},
    ewma::decay_rate,
    health::OutlierRules,
    rng,
    strategy::{P2c, RoundRobin, Strategy},
    sync::{AtomicU32, AtomicU64},
};

/// Tells pools apart for as long as a balancer lives; a removed pool's number is never given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PoolId(pub(crate) u32);

/// The endpoints of a pool, immutable; what traffic teaches lives in the endpoints themselves.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(super) id: PoolId,
    pub(super) name: Box<str>,
    pub(super) members: Arc<[Member]>,
    /// Whether some endpoint has a cap.
    pub(super) capped: bool,
    /// Requests in flight beyond the caps in force, as last seen: where there are some, the bound falls as they end.
    pub(super) elsewhere: AtomicU32,
    /// The nanosecond at which the next ejection ends, as last seen: then the bound may rise though no request ends.
    pub(super) next_return: AtomicU64,
    /// Endpoints that updates have removed: there until the last request there has ended.
    gone: Box<[Weak<Endpoint>]>,
    pub(super) strategy: Strategy,
    pub(super) decay: f32,
    pub(super) seed: u64,
    pub(super) outlier: OutlierRules,
    pub(super) health: Arc<PoolHealth>,
    pub(super) most_ejected: u32,
}

impl Pool {
    /// Builds the pool that `spec` describes. Endpoints that `previous` also had keep their state.
    pub(crate) fn build(id: PoolId, name: &str, spec: &PoolSpec, seed: u64, previous: Option<&Self>) -> Self {
        let known: HashMap<&str, &Member> = previous
            .iter()
            .flat_map(|pool| pool.members.iter())
            .map(|member| (member.endpoint().address(), member))
            .collect();
        let departed = previous.map_or_else(Vec::new, Self::departed);
        let members: Arc<[Member]> = spec
            .endpoints()
            .iter()
            .map(|endpoint| match known.get(endpoint.address()) {
                Some(member) => member.relist(endpoint.weight()).with_cap(endpoint.max_in_flight()),
                None => departed
                    .iter()
                    .find(|departed| departed.address() == endpoint.address())
                    .map_or_else(
                        || Member::new(endpoint.address(), endpoint.weight()),
                        |departed| Member::return_to(Arc::clone(departed), endpoint.weight()),
                    )
                    .with_cap(endpoint.max_in_flight()),
            })
            .collect();
        let strategy = match spec.strategy() {
            StrategySpec::P2c => Strategy::P2c(P2c),
            StrategySpec::RoundRobin => {
                let weights: Vec<u32> = members.iter().map(Member::weight).collect();
                Strategy::RoundRobin(RoundRobin::new(&weights))
            }
        };
        let rules = spec.outlier();
        let health = previous.map_or_else(Arc::default, |pool| Arc::clone(&pool.health));
        let most_ejected = most_ejected(members.len(), rules.max_ejected_percent());
        let kept =
            |endpoint: &Arc<Endpoint>| members.iter().any(|member| ptr::eq(member.endpoint(), &**endpoint));
        let removed = previous.into_iter().flat_map(|pool| pool.members.iter()).map(Member::trace);
        let gone = departed.iter().map(Arc::downgrade).chain(removed);
        let gone = gone.filter(|trace| !trace.upgrade().is_some_and(|endpoint| kept(&endpoint))).collect();
        let capped = members.iter().any(|member| member.cap().is_some());
        Self {
            id,
            name: name.into(),
            members,
            capped,
            gone,
            elsewhere: AtomicU32::new(0),
            next_return: AtomicU64::new(u64::MAX),
            strategy,
            decay: decay_rate(LATENCY_DECAY),
            seed: rng::draw(seed, u64::from(id.0)),
            outlier: OutlierRules {
                consecutive_failures: rules.consecutive_failures(),
                base: rules.ejection(),
                longest: rules.longest_ejection(),
            },
            health,
            most_ejected,
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

    pub(crate) const fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// What latencies decay by: see [`decay_rate`].
    pub(crate) const fn decay(&self) -> f32 {
        self.decay
    }
}

/// τ of the latency average: Finagle's and Linkerd's default.
const LATENCY_DECAY: Duration = Duration::from_secs(10);
