//! What callers can read of a balancer: statistics, what is left of limits, and what has happened.

use super::{Balancer, LimitStatus};
use crate::{
    event::{Event, EventCursor},
    stats::{PoolStats, Stats, TenantPage, TenantStats},
};

impl Balancer {
    /// What is true now, of every pool and of the hundred most active tenants.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.state().stats()
    }

    /// What is true now of one tenant, whether it is among the most active or not; `None` where nobody has this id. Costs the same with a
    /// million tenants.
    ///
    /// ```
    /// # use tenantry::{Balancer, Config, PoolSpec, Request, TenantSpec};
    /// # let config = Config::new()
    /// #     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"]))
    /// #     .with_tenant("acme", TenantSpec::new());
    /// # let balancer = Balancer::new(config)?;
    /// let lease = balancer.try_acquire(&Request::new("acme"))?;
    /// assert_eq!(balancer.tenant_stats("acme").map(|tenant| tenant.in_flight()), Some(1));
    /// assert_eq!(balancer.pool_stats("api").map(|pool| pool.in_flight()), Some(1));
    /// assert!(balancer.tenant_stats("nobody").is_none() && balancer.pool_stats("other").is_none());
    /// # drop(lease);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn tenant_stats(&self, id: &str) -> Option<TenantStats> {
        self.state().stats_of_tenant(id)
    }

    /// What is left of a tenant's rates and then of its parents', the nearest first; `None` where nobody has this id, as when
    /// newcomers share the overflow tenant. Costs the same with a million tenants. Rates in buckets are read
    /// without a lock; budgets, dimensions, sliding windows and what is in shadow mode take the lock of whose they are, parents with limits another for their names.
    #[must_use]
    pub fn limits_of(&self, id: &str) -> Option<Vec<LimitStatus>> {
        self.state().limits_of(id)
    }

    /// What is left of a tenant's own rates, without its parents'. It takes at most the tenant's own lock, for what is no rate in a bucket.
    #[must_use]
    pub fn own_limits_of(&self, id: &str) -> Option<Vec<LimitStatus>> {
        self.state().own_limits_of(id)
    }

    /// Some of all tenants, configured and made, in no particular order: at most `most` of them (at least 1, at most
    /// [`TenantPage::LARGEST`]), from
    /// `start` on, which is 0 for the first page and then what the page before says. Whoever is there all the time is on exactly
    /// one page. New tenants wait while a page is made, requests do not.
    ///
    /// ```
    /// # use tenantry::{Balancer, Config, PoolSpec, TenantSpec};
    /// # let config = Config::new().with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"]));
    /// # let config = ["a", "b", "c"].iter().fold(config, |config, id| config.with_tenant(*id, TenantSpec::new()));
    /// # let balancer = Balancer::new(config)?;
    /// let (mut ids, mut start) = (vec![], Some(0));
    /// while let Some(from) = start {
    ///     let page = balancer.tenant_page(from, 2);
    ///     ids.extend(page.tenants().iter().map(|tenant| tenant.id().to_owned()));
    ///     start = page.next();
    /// }
    /// ids.sort();
    /// assert_eq!(ids, ["a", "b", "c"]);
    /// # Ok::<(), tenantry::ConfigError>(())
    /// ```
    #[must_use]
    pub fn tenant_page(&self, start: u32, most: u32) -> TenantPage {
        self.state().tenant_page(start, most)
    }

    /// What is true now of one pool; `None` where there is none of this name.
    #[must_use]
    pub fn pool_stats(&self, name: &str) -> Option<PoolStats> {
        self.state().stats_of_pool(name)
    }

    /// What has happened since this was last asked, the oldest first. At most 1 024 events are kept; then the oldest make room, and
    /// [`Event::Lost`] says how many.
    #[must_use]
    pub fn take_events(&self) -> Vec<Event> {
        self.state().events.take()
    }

    /// What has happened since this cursor was used last, the oldest first: for readers beside whoever [takes](Self::take_events) them. Of the last 1 024 events, as there.
    pub fn events_since(&self, cursor: &mut EventCursor) -> Vec<Event> {
        self.state().events.since(cursor)
    }
}
