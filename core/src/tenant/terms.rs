//! What a tenant may: its specification in the form that decisions read. Tenants with equal terms share them.

use std::{sync::Arc, time::Duration};

use super::{Entry, QuotaLists, lineage::Lineage, permits::Permits};
use crate::{
    admission::Level,
    config::{BudgetPeriod, MOST_INSIDE, Rate, RateUnit, SeatsSpec, TenantSpec, is_plain},
    limit::{Cause, Kind, Measure, Mode, PARTS, Quota, Rule, Soft, Unit},
    pool::PoolId,
    time::nanos,
};

/// The terms of one or many tenants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Terms {
    weight: u32,
    seats: SeatsSpec,
    /// The parents' places in the tree of shares, the topmost first.
    above: Arc<[Level]>,
    limits: Limits,
    parent: Option<Entry>,
    /// The parents that have limits, the nearest first.
    ancestors: Arc<[Ancestor]>,
    pools: Permits,
    /// How many endpoints of each tier it may use; `None`: all.
    shard: Option<u32>,
    /// Its only rate, where nothing else limits how much it may ask for but its cap.
    only_rate: Option<Quota>,
}

/// How much somebody may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Limits {
    max_in_flight: u32,
    quotas: Arc<[Quota]>,
    /// Equal for equal quotas, in every edition.
    quotas_number: u32,
    /// What its meter holds it to.
    rules: Arc<[Rule]>,
    /// The cap in shadow mode.
    shadow_in_flight: Option<u32>,
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
        let plain = spec.rates().iter().filter(|rate| is_plain(rate));
        let (quotas, quotas_number) = known.intern(plain.map(quota).collect());
        let limits = Limits {
            max_in_flight: spec.max_in_flight().unwrap_or(MOST_INSIDE),
            quotas,
            quotas_number,
            rules: rules(spec),
            shadow_in_flight: spec.shadow_max_in_flight(),
        };
        Self {
            weight: lineage.weight,
            seats: lineage.seats,
            above: lineage.above,
            only_rate: limits.only_rate(),
            limits,
            parent: None,
            ancestors: [].into(),
            pools: Permits::new(spec.pools(), pool_id),
            shard: spec.shard(),
        }
    }

    /// The tenant's own place in the tree of shares, by its key.
    pub(crate) const fn level(&self, key: u64) -> Level {
        Level { key, weight: self.weight, seats: self.seats }
    }

    /// Its weight among those beside it.
    pub(crate) const fn weight(&self) -> u32 {
        self.weight
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

    /// Its only rate, where that and its cap are all that counts for it: no meter, no limited parents.
    #[inline]
    pub(crate) const fn only_rate(&self) -> Option<&Quota> {
        self.only_rate.as_ref()
    }

    /// The parents that have limits, the nearest first.
    #[inline]
    pub(crate) fn ancestors(&self) -> &[Ancestor] {
        &self.ancestors
    }

    /// The tenant that it is beneath of.
    pub(crate) const fn parent(&self) -> Option<Entry> {
        self.parent
    }

    /// Puts it beneath a parent, whose limits and whose own parents' are these.
    pub(super) fn put_beneath(&mut self, parent: Entry, ancestors: Arc<[Ancestor]>) {
        self.only_rate = self.limits.only_rate().filter(|_| ancestors.is_empty());
        (self.parent, self.ancestors) = (Some(parent), ancestors);
    }

    /// The limited parents of whoever is beneath `entry`, whose terms these are.
    pub(super) fn way_up(&self, entry: Entry) -> Arc<[Ancestor]> {
        self.own_way(entry, &self.ancestors)
    }

    /// The same, with others above it.
    pub(super) fn own_way(&self, entry: Entry, above: &[Ancestor]) -> Arc<[Ancestor]> {
        Ancestor::of(entry, self).into_iter().chain(above.iter().cloned()).collect()
    }

    /// Whether seats are kept for it, or kept from it.
    pub(crate) fn has_seats(&self) -> bool {
        !self.seats.is_none()
    }

    /// Its place as one that is a parent: as a group, in which its own requests stand beside its children's.
    pub(crate) fn into_group(mut self, key: u64) -> Self {
        let own = Level { key, weight: self.weight, seats: self.seats };
        self.above = self.above.iter().copied().chain([own]).collect();
        (self.weight, self.seats) = (1, SeatsSpec::none());
        self
    }

    /// Whether it is somewhere beneath the group of this key, or is that group.
    pub(super) fn is_within(&self, key: u64) -> bool {
        self.above.iter().any(|level| level.key == key)
    }

    /// The same, with a group above it that has changed.
    pub(super) fn with_group(mut self, group: Level) -> Self {
        let changed = |level: &Level| if level.key == group.key { group } else { *level };
        self.above = self.above.iter().map(changed).collect();
        self
    }

    /// How many endpoints of each tier it may use, where not all.
    #[inline]
    pub(crate) const fn shard(&self) -> Option<u32> {
        self.shard
    }

    /// The pools that it may use.
    #[inline]
    pub(crate) const fn pools(&self) -> &Permits {
        &self.pools
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

    /// What its meter holds it to.
    #[inline]
    pub(crate) const fn rules(&self) -> &Arc<[Rule]> {
        &self.rules
    }

    /// The cap in shadow mode.
    pub(crate) const fn shadow_in_flight(&self) -> Option<u32> {
        self.shadow_in_flight
    }

    /// Whether it needs a meter.
    #[inline]
    pub(crate) fn is_metered(&self) -> bool {
        self.shadow_in_flight.is_some() || !self.rules.is_empty()
    }

    /// Its only rate, where it has no other limit but a cap.
    fn only_rate(&self) -> Option<Quota> {
        match &*self.quotas {
            [only] if !self.is_metered() => Some(*only),
            _ => None,
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.max_in_flight == MOST_INSIDE && self.quotas.is_empty() && !self.is_metered()
    }
}

fn quota(rate: &Rate) -> Quota {
    let unit = match rate.unit() {
        RateUnit::Requests => Unit::Requests,
        RateUnit::Cost | RateUnit::Dimension(_) => Unit::Cost,
    };
    Quota::new(unit, rate.amount(), rate.period(), rate.burst()).expect("validated with the configuration")
}

/// The limits that are not plain quotas.
fn rules(spec: &TenantSpec) -> Arc<[Rule]> {
    let mode = |shadow| if shadow { Mode::Shadow } else { Mode::Enforced };
    let rates = spec.rates().iter().filter(|rate| !is_plain(rate)).map(|rate| Rule {
        measure: measure(rate.unit()),
        kind: if rate.is_sliding() {
            Kind::Sliding { amount: rate.amount(), part: part(rate.period()) }
        } else {
            Kind::Bucket(quota(rate))
        },
        cause: Cause::Rate,
        mode: mode(rate.is_shadow()),
        soft: None,
        warn: [].into(),
    });
    let budgets = spec.budgets().iter().map(|budget| Rule {
        measure: measure(budget.unit()),
        kind: match budget.period() {
            BudgetPeriod::Rolling(period) => Kind::Sliding { amount: budget.amount(), part: part(period) },
            _ => Kind::Window {
                amount: budget.amount(),
                carry_over: budget.carried(),
                calendar: budget.calendar().expect("validated with the configuration"),
            },
        },
        cause: Cause::Budget,
        mode: mode(budget.is_shadow()),
        soft: budget.soft_limit().map(|(at, slow_to)| Soft { at, slow_to }),
        warn: budget.warnings().into(),
    });
    rates.chain(budgets).collect()
}

fn measure(unit: &RateUnit) -> Measure {
    match unit {
        RateUnit::Requests => Measure::Requests,
        RateUnit::Cost => Measure::Cost,
        RateUnit::Dimension(name) => Measure::Dimension((**name).into()),
    }
}

/// A sliding window's part: rounded up, so that a window is never too short.
fn part(period: Duration) -> u64 {
    nanos(period).div_ceil(PARTS).max(1)
}

impl Ancestor {
    /// Who, and the limits.
    pub(crate) const fn limited(&self) -> (Entry, &Limits) {
        (self.entry, &self.limits)
    }

    /// A parent, if it has limits.
    pub(super) fn of(entry: Entry, terms: &Terms) -> Option<Self> {
        (!terms.limits.is_none()).then(|| Self { entry, limits: terms.limits.clone() })
    }
}
