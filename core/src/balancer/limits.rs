//! Reading what is left of a tenant's limits.

use std::time::Duration;

use super::state::State;
use crate::{
    config::RateUnit,
    limit::{self, Cause, Holder, Measure, Mode, Reading},
    tenant::{Entry, Limits},
    time::Time,
};

/// One rate or budget of a tenant or of a parent above it, and what is left of it now.
///
/// ```
/// use std::time::Duration;
/// use tenantry::{Balancer, Config, ManualClock, PoolSpec, Rate, RateUnit, Request, TenantSpec};
///
/// let config = Config::new()
///     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"]))
///     .with_tenant("acme", TenantSpec::new().with_rate(Rate::requests(60, Duration::from_secs(60))));
/// let balancer = Balancer::with_clock(config, ManualClock::new())?;
/// drop(balancer.try_acquire(&Request::new("acme"))?);
///
/// let limits = balancer.limits_of("acme").expect("the tenant is there");
/// assert_eq!((limits[0].unit(), limits[0].amount(), limits[0].remaining()), (&RateUnit::Requests, 60, 59));
/// assert_eq!(limits[0].next_in(), Some(Duration::from_secs(1)));
/// assert_eq!(limits[0].parent(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LimitStatus {
    parent: Option<String>,
    unit: RateUnit,
    budget: bool,
    shadow: bool,
    amount: u64,
    used: u64,
    window: Duration,
    remaining: u64,
    next_in: Option<Duration>,
    full_in: Duration,
}

impl LimitStatus {
    /// The parent whose limit it is; `None` for the tenant's own.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    /// What it counts.
    #[must_use]
    pub const fn unit(&self) -> &RateUnit {
        &self.unit
    }

    /// Whether it is a budget; else it is a rate.
    #[must_use]
    pub const fn is_budget(&self) -> bool {
        self.budget
    }

    /// Whether it is in shadow mode, and refuses nobody.
    #[must_use]
    pub const fn is_shadow(&self) -> bool {
        self.shadow
    }

    /// The most units that can pass at once: a rate's burst, a budget's amount with what was carried over.
    #[must_use]
    pub const fn amount(&self) -> u64 {
        self.amount
    }

    /// The units that are used now, reservations included; more than the amount where something is owed.
    #[must_use]
    pub const fn used(&self) -> u64 {
        self.used
    }

    /// How long an empty limit takes to be full again: the rate is `amount` units per `window`. Of a rate whose burst is one period's
    /// worth, the default, it is that period, rounded up to the nanosecond; of a budget, the calendar window that it is in.
    #[must_use]
    pub const fn window(&self) -> Duration {
        self.window
    }

    /// The units that would pass now: a request of so many passes this limit, one of a unit more does not.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        self.remaining
    }

    /// How long until one unit more would pass; `None` where the limit is full.
    #[must_use]
    pub const fn next_in(&self) -> Option<Duration> {
        self.next_in
    }

    /// How long until the limit is full again, if nothing else happens.
    #[must_use]
    pub const fn full_in(&self) -> Duration {
        self.full_in
    }
}

impl State {
    /// The tenant's own limits, in the configuration's order.
    pub(super) fn own_limits_of(&self, id: &str) -> Option<Vec<LimitStatus>> {
        self.limits(id, |_| None)
    }

    /// The same, and then those of its parents, the nearest first.
    pub(super) fn limits_of(&self, id: &str) -> Option<Vec<LimitStatus>> {
        self.limits(id, |entry| Some(self.name_of(entry)))
    }

    /// `name` says what a parent is called, or that it is left out.
    fn limits(&self, id: &str, name: impl Fn(Entry) -> Option<String>) -> Option<Vec<LimitStatus>> {
        let uptime = self.uptime(self.clock.now());
        let key = self.hasher.key(id)?;
        self.published.read(|snapshot| {
            let found = snapshot.directory.find_surely(&key, &self.slab)?;
            let terms = snapshot.directory.terms(&found);
            let mut statuses = vec![];
            self.read(&mut statuses, (found.entry(), terms.limits()), None, uptime);
            for above in terms.ancestors() {
                if let Some(name) = name(above.entry) {
                    self.read(&mut statuses, (above.entry, &above.limits), Some(name), uptime);
                }
            }
            Some(statuses)
        })
    }

    fn read(
        &self,
        statuses: &mut Vec<LimitStatus>,
        (entry, limits): (Entry, &Limits),
        parent: Option<String>,
        uptime: Time,
    ) {
        let status = |unit, cause, mode, reading: Reading| {
            let Reading { amount, used, remaining, next_in, full_in, window } = reading;
            LimitStatus {
                parent: parent.clone(),
                unit,
                budget: cause == Cause::Budget,
                shadow: mode == Mode::Shadow,
                amount,
                used,
                window,
                remaining,
                next_in,
                full_in,
            }
        };
        let buckets = self.buckets(entry);
        let readings = limit::read(&buckets, limits.quotas(), uptime);
        statuses.extend(readings.map(|(quota, reading)| {
            let unit = if quota.counts_cost() { RateUnit::Cost } else { RateUnit::Requests };
            status(unit, Cause::Rate, Mode::Enforced, reading)
        }));
        if limits.rules().is_empty() {
            return;
        }
        let holder = Holder { generation: entry.generation, rules: limits.rules() };
        let readings = self.meter(entry).read(holder, &self.moment(uptime));
        statuses.extend(limits.rules().iter().zip(readings).map(|(rule, reading)| {
            let unit = match &rule.measure {
                Measure::Requests => RateUnit::Requests,
                Measure::Cost => RateUnit::Cost,
                Measure::Dimension(name) => RateUnit::Dimension((**name).into()),
            };
            status(unit, rule.cause, rule.mode, reading)
        }));
    }

    /// A tenant's id. Takes the registry's lock where it is a long one.
    pub(super) fn name_of(&self, entry: Entry) -> String {
        let tenant = self.slab.get(entry.slot);
        tenant.short_name().unwrap_or_else(|| tenant.name(entry.slot, &self.registry.lock().tenants))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{Balancer, Config, ManualClock, PoolSpec, Rate, Request, TenantSpec};

    #[test]
    fn parents_limits_come_after_the_tenants_own_and_are_named() {
        let config = Config::new()
            .with_pool("api", PoolSpec::new(["http://a:1"]))
            .with_tenant("org", TenantSpec::new().with_rate(Rate::cost(100, Duration::from_secs(10))))
            .with_tenant("acme", TenantSpec::new().with_parent("org").with_rate(Rate::per_second(5)))
            .with_tenant("free", TenantSpec::new());
        let balancer = Balancer::with_clock(config, ManualClock::new()).expect("usable");
        drop(balancer.try_acquire(&Request::new("acme").cost(30)).expect("it passes"));
        let limits = balancer.limits_of("acme").expect("it is there");
        let read: Vec<_> =
            limits.iter().map(|limit| (limit.parent(), limit.amount(), limit.remaining())).collect();
        assert_eq!(read, [(None, 5, 4), (Some("org"), 100, 70)]);
        assert_eq!(balancer.own_limits_of("acme").expect("it is there"), limits[..1]);
        assert_eq!(balancer.limits_of("free"), Some(vec![]));
        assert_eq!(balancer.limits_of("nobody"), None);
    }
}
