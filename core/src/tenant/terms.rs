//! What a tenant may: its specification in the form that decisions read. Tenants with equal terms share them.

use std::{collections::HashMap, sync::Arc};

use super::{lineage::Lineage, state::Entry};
use crate::{
    admission::Level,
    config::{MOST_INSIDE, RateUnit, SeatsSpec, TenantSpec},
    limit::{Quota, Unit},
    pool::PoolId,
};

/// The terms of one or many tenants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Terms {
    weight: u32,
    seats: SeatsSpec,
    /// The parents' places in the tree of shares, the topmost first.
    above: Arc<[Level]>,
    limits: Limits,
    /// The parents that have limits, the nearest first.
    ancestors: Arc<[Ancestor]>,
    /// `None`: every pool.
    pools: Option<Box<[PoolId]>>,
}

/// How much somebody may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Limits {
    max_in_flight: u32,
    quotas: Arc<[Quota]>,
    /// Equal for equal quotas, in every edition.
    quotas_number: u32,
}

/// A parent whose limits count for everybody beneath it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ancestor {
    pub(crate) entry: Entry,
    pub(crate) limits: Limits,
}

impl Terms {
    /// From a specification that has been validated; `pool_id` knows every pool of the configuration.
    pub(crate) fn new(
        spec: &TenantSpec,
        lineage: Lineage,
        pool_id: impl Fn(&str) -> Option<PoolId>,
        known: &mut QuotaLists,
    ) -> Self {
        let quota = |rate: &crate::config::Rate| {
            let unit = match rate.unit() {
                RateUnit::Requests => Unit::Requests,
                RateUnit::Cost => Unit::Cost,
            };
            Quota::new(unit, rate.amount(), rate.period(), rate.burst())
                .expect("validated with the configuration")
        };
        let (quotas, quotas_number) = known.intern(spec.rates().iter().map(quota).collect());
        Self {
            weight: lineage.weight,
            seats: lineage.seats,
            above: lineage.above,
            limits: Limits {
                max_in_flight: spec.max_in_flight().unwrap_or(MOST_INSIDE),
                quotas,
                quotas_number,
            },
            ancestors: [].into(),
            pools: spec.pools().map(|names| names.iter().filter_map(|name| pool_id(name)).collect()),
        }
    }

    /// The tenant's own place in the tree of shares, by its key.
    pub(crate) const fn level(&self, key: u64) -> Level {
        Level { key, weight: self.weight, seats: self.seats }
    }

    /// The places above it, the topmost first.
    pub(crate) const fn above(&self) -> &Arc<[Level]> {
        &self.above
    }

    /// Its own limits.
    #[inline]
    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The parents that have limits, the nearest first.
    #[inline]
    pub(crate) fn ancestors(&self) -> &[Ancestor] {
        &self.ancestors
    }

    pub(super) fn set_ancestors(&mut self, ancestors: Arc<[Ancestor]>) {
        self.ancestors = ancestors;
    }

    #[inline]
    pub(crate) fn may_use(&self, pool: PoolId) -> bool {
        self.pools.as_ref().is_none_or(|pools| pools.contains(&pool))
    }
}

impl Limits {
    /// The most requests inside; [`MOST_INSIDE`] when there is no cap.
    #[inline]
    pub(crate) const fn max_in_flight(&self) -> u32 {
        self.max_in_flight
    }

    #[inline]
    pub(crate) const fn quotas(&self) -> &Arc<[Quota]> {
        &self.quotas
    }

    /// Which list of quotas: equal for equal ones, in every edition.
    #[inline]
    pub(crate) const fn quotas_number(&self) -> u32 {
        self.quotas_number
    }

    fn is_none(&self) -> bool {
        self.max_in_flight == MOST_INSIDE && self.quotas.is_empty()
    }
}

impl Ancestor {
    /// A parent, if it has limits.
    pub(super) fn of(entry: Entry, terms: &Terms) -> Option<Self> {
        (!terms.limits.is_none()).then(|| Self { entry, limits: terms.limits.clone() })
    }
}

/// The lists of quotas that are in use, each once and with a number that is never given to another.
#[derive(Debug, Default)]
pub(crate) struct QuotaLists {
    numbers: HashMap<Arc<[Quota]>, u32>,
    next: u32,
}

impl QuotaLists {
    fn intern(&mut self, quotas: Arc<[Quota]>) -> (Arc<[Quota]>, u32) {
        if let Some((known, &number)) = self.numbers.get_key_value(&quotas) {
            return (Arc::clone(known), number);
        }
        self.next = self.next.wrapping_add(1);
        self.numbers.insert(Arc::clone(&quotas), self.next);
        (quotas, self.next)
    }

    /// Forgets the lists that nobody has any more.
    pub(crate) fn forget_unused(&mut self) {
        self.numbers.retain(|quotas, _| Arc::strong_count(quotas) > 1);
    }
}
