//! The balancer, as callers hold it.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use super::{
    Acquire, Lease, Probes,
    published::Published,
    snapshot::Snapshot,
    state::{ClockSource, Register, State},
};
use crate::{
    admission::Attempts,
    affinity::Secret,
    config::{Config, ConfigError, EndpointChange, TenantSpec},
    discovery::Discovered,
    id::{IdHasher, TenantHandle},
    rejection::Rejection,
    request::Request,
    strategy::Bell,
    sync::{AtomicBool, AtomicU64, Mutex},
    tenant::{Kept, Lineages, QuotaLists, Registry, Segments, Slab, Visits},
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
        let (meters, attempts) = (Arc::new(Segments::default()), Arc::new(Attempts::default()));
        let visits = Arc::new(Visits::default());
        let kept = Kept {
            meters: Arc::clone(&meters),
            attempts: Arc::clone(&attempts),
            visits: Arc::clone(&visits),
        };
        let register = Register {
            tenants: Registry::new(hasher.clone(), kept),
            next_pool: 0,
            seed,
            own_secret: Secret::new(drawn_secret()),
            quota_lists: QuotaLists::default(),
            lineages: Lineages::default(),
            discovered: Discovered::default(),
        };
        let state = Arc::new(State {
            started: clock.now(),
            clock,
            published: Published::new(Snapshot::empty(), visits),
            slab: Slab::default(),
            meters,
            attempts,
            events: Arc::default(),
            settlements_count: AtomicBool::new(false),
            settlements: AtomicU64::new(0),
            bell: Arc::default(),
            updates: AtomicU64::new(0),
            updated: Bell::default(),
            hasher,
            rules: Mutex::default(),
            registry: Mutex::new(register),
        });
        state.reconfigure(&config)?;
        state.clock.subscribe(&state);
        Ok(Self { state })
    }

    /// A tenant's id, hashed once: requests [of it](Request::of) are looked up without hashing it again. It stays right whatever happens
    /// to the tenant, which need not be there; of another balancer it is as good as the id alone. Worth keeping where one tenant asks
    /// often.
    ///
    /// ```
    /// # use tenantry::{Balancer, Config, PoolSpec, Request, TenantSpec};
    /// # let config = Config::new()
    /// #     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"]))
    /// #     .with_tenant("acme", TenantSpec::new());
    /// # let balancer = Balancer::new(config)?;
    /// let acme = balancer.handle_of("acme");
    /// for _ in 0..3 {
    ///     balancer.try_acquire(&Request::of(&acme).pool("api"))?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn handle_of(&self, id: &str) -> TenantHandle {
        TenantHandle::new(id, &self.state.hasher)
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

    /// Adds a tenant, or puts other terms to one, while all others' requests go on: as quick with a million tenants as with ten, except for one that
    /// has others beneath it, which takes a pass over all. What it has used stays used, as in [`reconfigure`](Self::reconfigure), and a
    /// tenant that was made from a template goes on as a configured one. The next `reconfigure` knows nothing of it.
    ///
    /// ```
    /// # use tenantry::{Balancer, Config, PoolSpec, Rate, Rejection, Request, TenantSpec};
    /// # let balancer = Balancer::new(Config::new().with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"])))?;
    /// assert_eq!(balancer.check(&Request::new("acme")), Err(Rejection::UnknownTenant));
    /// balancer.set_tenant("acme", &TenantSpec::new().with_rate(Rate::per_second(1)))?;
    /// assert_eq!(balancer.check(&Request::new("acme")), Ok(()));
    /// assert!(balancer.remove_tenant("acme")?);
    /// assert_eq!(balancer.check(&Request::new("acme")), Err(Rejection::UnknownTenant));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the terms cannot be used; then nothing has changed. Shares of the seats, and moving a tenant that has others beneath it, take a
    /// whole configuration.
    pub fn set_tenant(&self, id: &str, spec: &TenantSpec) -> Result<(), ConfigError> {
        self.state.set_tenant(id, spec)
    }

    /// Takes a configured tenant out; says whether there was one. Requests of it that are inside end as usual. Where unknown tenants are made
    /// from a template, it goes on as one of those, with what it has used.
    ///
    /// # Errors
    /// When others are beneath it, or it has a share of the seats; then nothing has changed.
    pub fn remove_tenant(&self, id: &str) -> Result<bool, ConfigError> {
        self.state.remove_tenant(id)
    }

    /// Adds, removes, reweighs and drains endpoints of one pool, all in one step: no pick sees half of it. Endpoints that stay keep their load, health
    /// and requests in flight. The next `reconfigure` knows nothing of it.
    ///
    /// ```
    /// # use tenantry::{Balancer, Config, EndpointChange, EndpointSpec, PoolSpec};
    /// # let balancer = Balancer::new(Config::new().with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"])))?;
    /// let newcomer = EndpointSpec::new("http://10.0.0.2:8080").with_weight(2);
    /// let drain = EndpointChange::Drain("http://10.0.0.1:8080".into());
    /// balancer.change_endpoints("api", &[EndpointChange::Add(newcomer), drain])?;
    /// # Ok::<(), tenantry::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// When a pool or an address is not there, or the endpoints could not be configured so; then nothing has changed.
    pub fn change_endpoints(&self, pool: &str, changes: &[EndpointChange]) -> Result<(), ConfigError> {
        self.state.change_endpoints(pool, changes)
    }

    /// The first two steps alone: whether a tenant may ask for this now, without a seat and without an endpoint. What passes has used what it
    /// declares, as if it were over at once. The pool counts only as one that the tenant may use or not, and for its
    /// budgets for retries and hedges; it may be left out, and a retry without a name is one in the only pool.
    ///
    /// ```
    /// # use tenantry::{Balancer, Config, PoolSpec, Rate, Rejection, Request, TenantSpec};
    /// # let config = Config::new()
    /// #     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"]))
    /// #     .with_tenant("acme", TenantSpec::new().with_rate(Rate::per_second(1)));
    /// # let balancer = Balancer::new(config)?;
    /// assert_eq!(balancer.check(&Request::new("acme")), Ok(()));
    /// assert!(matches!(balancer.check(&Request::new("acme")), Err(Rejection::RateLimited { .. })));
    /// # Ok::<(), tenantry::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// [`Rejection`]; nothing is consumed.
    #[inline]
    pub fn check(&self, request: &Request<'_>) -> Result<(), Rejection> {
        if request.is_plain() {
            // In parts: a request that was made for this alone is then never written down.
            return self.state.check_plain(request.handle(), request.tenant(), request.units());
        }
        self.state.check(request)
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

    /// The probes that pools with [`PrequalSpec`](crate::PrequalSpec) want carried. Once per balancer: of several only the last to ask is woken.
    #[must_use]
    pub fn probes(&self) -> Probes {
        Probes::new(&self.state)
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) const fn shared(&self) -> &Arc<State> {
        &self.state
    }
}

impl fmt::Debug for Balancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balancer").finish_non_exhaustive()
    }
}

/// 32 bytes under keys that the system has drawn.
fn drawn_secret() -> Vec<u8> {
    (0..4).flat_map(|part: u8| RandomState::new().hash_one(part).to_le_bytes()).collect()
}
