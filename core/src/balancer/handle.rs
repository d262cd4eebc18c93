//! The balancer, as callers hold it.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use super::{
    Acquire, Lease, LimitStatus,
    published::Published,
    snapshot::Snapshot,
    state::{ClockSource, Register, State},
};
use crate::{
    config::{Config, ConfigError},
    event::{Event, Events},
    rejection::Rejection,
    request::Request,
    stats::{PoolStats, Stats, TenantPage, TenantStats},
    sync::{AtomicBool, AtomicU64, Mutex},
    tenant::{IdHasher, Lineages, QuotaLists, Registry, Slab},
    time::{Clock, SystemClock, Time},
};

/// A multi-tenant load balancer: decides whether a request may run now, and where.
///
/// Clones share one balancer. Every method takes `&self`, from any thread. A decision that does not wait takes no lock and
/// allocates nothing.
///
/// ```
/// use tenantry::{Balancer, Config, Outcome, PoolSpec, Rate, Rejection, Request, TenantSpec};
///
/// let config = Config::new()
///     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080", "http://10.0.0.2:8080"]))
///     .with_tenant("acme", TenantSpec::new().with_rate(Rate::per_second(1)));
/// let balancer = Balancer::new(config)?;
///
/// let lease = balancer.try_acquire(&Request::new("acme").pool("api"))?;
/// lease.finish(Outcome::success());
///
/// let denied = balancer.try_acquire(&Request::new("acme").pool("api"));
/// assert!(matches!(denied, Err(Rejection::RateLimited { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Balancer {
    state: Arc<State>,
}

impl Balancer {
    /// A balancer on the system's clock.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Self::build(config, ClockSource::System(SystemClock::new()))
    }

    /// A balancer on a clock of the caller's: [`ManualClock`](crate::ManualClock) in tests.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub fn with_clock(config: Config, clock: impl Clock + 'static) -> Result<Self, ConfigError> {
        Self::build(config, ClockSource::Other(Box::new(clock)))
    }

    fn build(config: Config, clock: ClockSource) -> Result<Self, ConfigError> {
        let hasher = IdHasher::new();
        let seed = config.seed().unwrap_or_else(|| RandomState::new().hash_one(0));
        let meters = Arc::new(Slab::default());
        let register = Register {
            tenants: Registry::new(hasher.clone(), Arc::clone(&meters)),
            next_pool: 0,
            seed,
            quota_lists: QuotaLists::default(),
            lineages: Lineages::default(),
        };
        let state = Arc::new(State {
            started: clock.now(),
            clock,
            published: Published::new(Snapshot::empty()),
            slab: Slab::default(),
            meters,
            events: Events::default(),
            settlements_count: AtomicBool::new(false),
            settlements: AtomicU64::new(0),
            hasher,
            registry: Mutex::new(register),
        });
        state.reconfigure(&config)?;
        state.clock.subscribe(&state);
        Ok(Self { state })
    }

    /// Decides now: a lease, or why not.
    ///
    /// # Errors
    /// [`Rejection`]; nothing is consumed. [`Rejection::Saturated`] where [`acquire`](Self::acquire) would wait.
    #[inline]
    pub fn try_acquire(&self, request: &Request<'_>) -> Result<Lease<&Self>, Rejection> {
        Lease::granted(self, |balancer, held| balancer.state.try_acquire(request, held))
    }

    /// As [`try_acquire`](Self::try_acquire), with a lease that keeps the balancer alive and borrows nothing.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    #[inline]
    pub fn try_acquire_owned(&self, request: &Request<'_>) -> Result<Lease, Rejection> {
        Lease::granted(self.clone(), |balancer, held| balancer.state.try_acquire(request, held))
    }

    /// Waits for a seat when there is none, in the weighted fair queue across tenants.
    ///
    /// ```
    /// use tenantry::{Balancer, Config, Outcome, PoolSpec, Request, TenantSpec};
    ///
    /// # let config = Config::new().with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"])).with_tenant("acme", TenantSpec::new());
    /// # let balancer = Balancer::new(config).expect("the configuration is right");
    /// # let work = async {
    /// let lease = balancer.acquire(Request::new("acme")).await?;
    /// lease.finish(Outcome::success());
    /// # Ok::<(), tenantry::Rejection>(())
    /// # };
    /// # let mut work = std::pin::pin!(work);
    /// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// # assert!(work.as_mut().poll(&mut context).is_ready());
    /// ```
    pub fn acquire(&self, request: Request<'_>) -> Acquire<&Self> {
        Acquire::new(self, self.state.acquire(&request))
    }

    /// As [`acquire`](Self::acquire), with a future and a lease that keep the balancer alive and borrow nothing.
    pub fn acquire_owned(&self, request: Request<'_>) -> Acquire {
        Acquire::new(self.clone(), self.state.acquire(&request))
    }

    /// Puts another configuration in force, at once and as a whole.
    ///
    /// Pools keep their queues and seats, endpoints their load and health, tenants what they have used, as far as the new
    /// configuration still names them. Leases that are out stay valid. The seed stays as it was made.
    ///
    /// # Errors
    /// When the configuration cannot be used; then nothing has changed.
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        self.state.reconfigure(&config)
    }

    /// What is true now, of every pool and of the hundred most active tenants.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.state.stats()
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
        self.state.stats_of_tenant(id)
    }

    /// What is left of a tenant's rates and then of its parents', the nearest first; `None` where nobody has this id, as when
    /// newcomers share the overflow tenant. Costs the same with a million tenants; takes a lock only where parents have limits.
    #[must_use]
    pub fn limits_of(&self, id: &str) -> Option<Vec<LimitStatus>> {
        self.state.limits_of(id)
    }

    /// What is left of a tenant's own rates, without its parents'; takes no lock.
    #[must_use]
    pub fn own_limits_of(&self, id: &str) -> Option<Vec<LimitStatus>> {
        self.state.own_limits_of(id)
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
        self.state.tenant_page(start, most)
    }

    /// What is true now of one pool; `None` where there is none of this name.
    #[must_use]
    pub fn pool_stats(&self, name: &str) -> Option<PoolStats> {
        self.state.stats_of_pool(name)
    }

    /// What has happened since this was last asked, the oldest first. At most 1 024 events are kept; then the oldest make room, and
    /// [`Event::Lost`] says how many.
    #[must_use]
    pub fn take_events(&self) -> Vec<Event> {
        self.state.events.take()
    }

    /// What tenants have used of their limits now, to be [restored](Self::restore) after a restart: tenants that have nothing to remember are
    /// not in it. Requests in flight are in it as they were declared. New tenants wait for a moment while it is taken,
    /// requests do not.
    #[cfg(feature = "ledger")]
    #[must_use]
    pub fn ledger(&self) -> crate::Ledger {
        self.state.ledger()
    }

    /// Puts back what tenants had used when the ledger was taken, under the limits that are in force now: buckets have refilled and windows have
    /// passed in between as the calendar says. Where a tenant has used more since the start, that counts, so restoring twice
    /// restores nothing twice. Call it before the first request: until then limits are as new.
    #[cfg(feature = "ledger")]
    pub fn restore(&self, ledger: &crate::Ledger) -> crate::Restored {
        self.state.restore(ledger)
    }

    /// How many requests with a budget or with a real cost have been settled since a ledger was first asked for. A ledger
    /// lacks at most those that were settled [after it](crate::Ledger::settlements), and knows those in flight as they were declared.
    #[cfg(feature = "ledger")]
    #[must_use]
    pub fn settlements(&self) -> u64 {
        self.state.settlements.load(crate::sync::Ordering::Acquire)
    }

    /// The moment on this balancer's clock: what deadlines are reckoned from.
    #[must_use]
    pub fn now(&self) -> Time {
        self.state.clock.now()
    }

    /// Turns away every waiting request whose deadline has come. Whoever polls futures at their deadlines needs it not.
    pub fn expire_waiters(&self) {
        self.state.expire_waiters();
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }
}

impl fmt::Debug for Balancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balancer").finish_non_exhaustive()
    }
}
