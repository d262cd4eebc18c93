//! Reading what is left of a tenant's limits.

use std::time::Duration;

use super::state::State;
use crate::{
    config::RateUnit,
    limit::{Reading, read},
    tenant::{Entry, Limits},
    time::Time,
};

/// One rate of a tenant or of a parent above it, and what is left of it now.
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
/// assert_eq!((limits[0].unit(), limits[0].burst(), limits[0].remaining()), (RateUnit::Requests, 60, 59));
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
    burst: u64,
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
    pub const fn unit(&self) -> RateUnit {
        self.unit
    }

    /// The most units that can pass at once: what remains when nothing was used.
    #[must_use]
    pub const fn burst(&self) -> u64 {
        self.burst
    }

    /// How long an empty limit takes to be full again: the rate is `burst` units per `window`. Where the burst is one period's
    /// worth, the default, it is that period; rounded up to the nanosecond.
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
        self.limits(id, |entry| {
            let register = self.registry.lock();
            Some(self.slab.get(entry.slot).name(entry.slot, &register.tenants))
        })
    }

    /// `name` says what a parent is called, or that it is left out.
    fn limits(&self, id: &str, name: impl Fn(Entry) -> Option<String>) -> Option<Vec<LimitStatus>> {
        let now = self.uptime(self.clock.now());
        let snapshot = self.published.load();
        let found = snapshot.directory.find_surely(&self.hasher.key(id)?, &self.slab)?;
        let terms = snapshot.directory.terms(&found);
        let mut statuses = vec![];
        self.read(&mut statuses, (found.entry(), terms.limits()), None, now);
        for above in terms.ancestors() {
            if let Some(name) = name(above.entry) {
                self.read(&mut statuses, (above.entry, &above.limits), Some(name), now);
            }
        }
        Some(statuses)
    }

    fn read(
        &self,
        statuses: &mut Vec<LimitStatus>,
        (entry, limits): (Entry, &Limits),
        parent: Option<String>,
        now: Time,
    ) {
        let readings = read(self.slab.get(entry.slot).buckets(), limits.quotas(), now);
        statuses.extend(readings.map(|(quota, reading)| {
            let Reading { remaining, next_in, full_in, window } = reading;
            let unit = if quota.counts_cost() { RateUnit::Cost } else { RateUnit::Requests };
            LimitStatus {
                parent: parent.clone(),
                unit,
                burst: quota.burst(),
                window,
                remaining,
                next_in,
                full_in,
            }
        }));
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
            limits.iter().map(|limit| (limit.parent(), limit.burst(), limit.remaining())).collect();
        assert_eq!(read, [(None, 5, 4), (Some("org"), 100, 70)]);
        assert_eq!(balancer.own_limits_of("acme").expect("it is there"), limits[..1]);
        assert_eq!(balancer.limits_of("free"), Some(vec![]));
        assert_eq!(balancer.limits_of("nobody"), None);
    }
}
