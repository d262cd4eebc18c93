//! What a tenant may: its specification in the form that decisions read. Tenants with equal terms share them.

use std::sync::Arc;

use crate::{
    config::{RateUnit, TenantSpec},
    limit::{Quota, Unit},
    pool::PoolId,
};

/// The terms of one or many tenants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Terms {
    weight: u32,
    max_in_flight: u32,
    /// Shared, so that a request that waits can be undone by the quotas it was charged to.
    quotas: Arc<[Quota]>,
    /// `None`: every pool.
    pools: Option<Box<[PoolId]>>,
}

impl Terms {
    /// From a specification that has been validated; `pool_id` knows every pool of the configuration.
    pub(crate) fn new(spec: &TenantSpec, pool_id: impl Fn(&str) -> Option<PoolId>) -> Self {
        let quota = |rate: &crate::config::Rate| {
            let unit = match rate.unit() {
                RateUnit::Requests => Unit::Requests,
                RateUnit::Cost => Unit::Cost,
            };
            Quota::new(unit, rate.amount(), rate.period(), rate.burst())
                .expect("validated with the configuration")
        };
        Self {
            weight: spec.weight(),
            max_in_flight: spec.max_in_flight().unwrap_or(NO_CAP),
            quotas: spec.rates().iter().map(quota).collect(),
            pools: spec.pools().map(|names| names.iter().filter_map(|name| pool_id(name)).collect()),
        }
    }

    pub(crate) const fn weight(&self) -> u32 {
        self.weight
    }

    /// The most requests inside; [`u32::MAX`] when there is no cap.
    #[inline]
    pub(crate) const fn max_in_flight(&self) -> u32 {
        self.max_in_flight
    }

    #[inline]
    pub(crate) const fn quotas(&self) -> &Arc<[Quota]> {
        &self.quotas
    }

    #[inline]
    pub(crate) fn may_use(&self, pool: PoolId) -> bool {
        self.pools.as_ref().is_none_or(|pools| pools.contains(&pool))
    }
}

const NO_CAP: u32 = u32::MAX;
