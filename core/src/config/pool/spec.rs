//! Pools as they are configured.

use std::time::Duration;

use crate::config::{
    AttemptsSpec, CapacitySpec, CooldownSpec, EndpointSpec, HealthCheckSpec, OutlierSpec, QueueSpec,
    SlowStartSpec, StrategySpec, SubsetSpec, TiersSpec,
};

/// Endpoints that serve the same thing, and how requests are admitted to them and spread over them.
///
/// ```
/// use tenantry::{CapacitySpec, EndpointSpec, PoolSpec, StrategySpec};
///
/// let pool = PoolSpec::new(["http://10.0.0.1:8080"])
///     .with_endpoint(EndpointSpec::new("http://10.0.0.2:8080").with_weight(2))
///     .with_strategy(StrategySpec::round_robin())
///     .with_capacity(CapacitySpec::fixed(64));
/// assert_eq!(pool.endpoints().len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSpec {
    pub(in crate::config) endpoints: Vec<EndpointSpec>,
    pub(in crate::config) strategy: StrategySpec,
    pub(in crate::config) capacity: CapacitySpec,
    pub(in crate::config) outlier: OutlierSpec,
    pub(in crate::config) cooldown: CooldownSpec,
    pub(in crate::config) health_check: Option<HealthCheckSpec>,
    pub(in crate::config) queue: QueueSpec,
    pub(in crate::config) retry: AttemptsSpec,
    pub(in crate::config) hedge: AttemptsSpec,
    pub(in crate::config) owner: Option<String>,
    pub(in crate::config) zone: Option<String>,
    pub(in crate::config) tiers: TiersSpec,
    pub(in crate::config) slow_start: Option<SlowStartSpec>,
    pub(in crate::config) fallback: Option<String>,
    pub(in crate::config) subset: Option<SubsetSpec>,
    pub(in crate::config) latency_decay: Duration,
}

impl PoolSpec {
    /// Finagle's and Linkerd's default.
    pub(in crate::config) const LATENCY_DECAY: Duration = Duration::from_secs(10);
}

impl Default for PoolSpec {
    /// No endpoints, and all defaults.
    fn default() -> Self {
        Self {
            endpoints: vec![],
            strategy: StrategySpec::default(),
            capacity: CapacitySpec::default(),
            outlier: OutlierSpec::default(),
            cooldown: CooldownSpec::default(),
            health_check: None,
            queue: QueueSpec::default(),
            retry: AttemptsSpec::retries(),
            hedge: AttemptsSpec::hedges(),
            owner: None,
            zone: None,
            tiers: TiersSpec::default(),
            slow_start: None,
            fallback: None,
            subset: None,
            latency_decay: Self::LATENCY_DECAY,
        }
    }
}

impl PoolSpec {
    /// A pool of these endpoints with all defaults: P2C, adaptive capacity, ejection after 5 failures in a row.
    #[must_use]
    pub fn new<E: Into<EndpointSpec>>(endpoints: impl IntoIterator<Item = E>) -> Self {
        Self { endpoints: endpoints.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// One endpoint more.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: impl Into<EndpointSpec>) -> Self {
        self.endpoints.push(endpoint.into());
        self
    }

    /// How to choose among the endpoints. Default [`StrategySpec::p2c`].
    #[must_use]
    pub fn with_strategy(mut self, strategy: impl Into<StrategySpec>) -> Self {
        self.strategy = strategy.into();
        self
    }

    /// How many requests may be in flight. Default [`CapacitySpec::adaptive`].
    #[must_use]
    pub const fn with_capacity(mut self, capacity: CapacitySpec) -> Self {
        self.capacity = capacity;
        self
    }

    /// When to leave an endpoint out. Default [`OutlierSpec::new`].
    #[must_use]
    pub const fn with_outlier(mut self, outlier: OutlierSpec) -> Self {
        self.outlier = outlier;
        self
    }

    /// How endpoints cool down that answer overload and say when to come back. Default [`CooldownSpec::new`].
    #[must_use]
    pub const fn with_cooldown(mut self, cooldown: CooldownSpec) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// Asks endpoints whether they serve, and leaves out those that do not. Default: nobody is asked.
    #[must_use]
    pub fn with_health_check(mut self, check: impl Into<HealthCheckSpec>) -> Self {
        self.health_check = Some(check.into());
        self
    }

    /// How many may wait, and how long. Default [`QueueSpec::new`].
    #[must_use]
    pub const fn with_queue(mut self, queue: QueueSpec) -> Self {
        self.queue = queue;
        self
    }

    /// How many retries each tenant may make here. Default [`AttemptsSpec::retries`].
    #[must_use]
    pub const fn with_retry(mut self, retry: AttemptsSpec) -> Self {
        self.retry = retry;
        self
    }

    /// How many hedges each tenant may make here. Default [`AttemptsSpec::hedges`].
    #[must_use]
    pub const fn with_hedge(mut self, hedge: AttemptsSpec) -> Self {
        self.hedge = hedge;
        self
    }

    /// The tenant whose pool it is. Besides it and those beneath it only tenants may use it who [name it](crate::TenantSpec::with_pools), and what they ask of
    /// it counts under their own limits and under the owner's. Default: nobody's, and then everybody may.
    #[must_use]
    pub fn with_owner(mut self, tenant: impl Into<String>) -> Self {
        self.owner = Some(tenant.into());
        self
    }

    /// The zone from which it is called: endpoints there go before others of the same priority. Default: none.
    #[must_use]
    pub fn with_zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// When levels of priority spill over to the next, and when health is ignored. Default [`TiersSpec::new`].
    #[must_use]
    pub const fn with_tiers(mut self, tiers: TiersSpec) -> Self {
        self.tiers = tiers;
        self
    }

    /// Lets endpoints that are new, or have returned from an ejection, take up their load slowly. Default: they take it at once.
    #[must_use]
    pub const fn with_slow_start(mut self, slow_start: SlowStartSpec) -> Self {
        self.slow_start = Some(slow_start);
        self
    }

    /// The pool where a request goes that this one cannot serve: no endpoint is available, or there is no seat and none to wait for. It goes
    /// on from there, in a chain without a circle. Whoever waits, waits where it asked, and does not go on from there. A pool with a fallback never panics.
    /// Default: none.
    #[must_use]
    pub fn with_fallback(mut self, pool: impl Into<String>) -> Self {
        self.fallback = Some(pool.into());
        self
    }

    /// Uses some of the endpoints only, so that not every instance of a large application connects to every endpoint. Default: all.
    #[must_use]
    pub const fn with_subset(mut self, subset: SubsetSpec) -> Self {
        self.subset = Some(subset);
        self
    }

    /// How fast an endpoint's latencies are forgotten, and what its failures cost it: after so long they count 37 %, after twice as long 14 % (τ of the moving average).
    /// A shorter time spreads the load evenly again sooner after a fault, and tries a slow endpoint more often. From 100 ms to an hour. Default 10 s.
    #[must_use]
    pub const fn with_latency_decay(mut self, decay: Duration) -> Self {
        self.latency_decay = decay;
        self
    }

    /// How fast latencies and failures are forgotten.
    #[must_use]
    pub const fn latency_decay(&self) -> Duration {
        self.latency_decay
    }

    /// The part of the endpoints that this instance uses.
    #[must_use]
    pub const fn subset(&self) -> Option<SubsetSpec> {
        self.subset
    }

    /// The zone from which it is called.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// The rules of its tiers.
    #[must_use]
    pub const fn tiers(&self) -> TiersSpec {
        self.tiers
    }

    /// How endpoints take up their load.
    #[must_use]
    pub const fn slow_start(&self) -> Option<SlowStartSpec> {
        self.slow_start
    }

    /// The pool that serves where this one cannot.
    #[must_use]
    pub fn fallback(&self) -> Option<&str> {
        self.fallback.as_deref()
    }

    /// The owner.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// The endpoints.
    #[must_use]
    pub fn endpoints(&self) -> &[EndpointSpec] {
        &self.endpoints
    }

    /// The strategy.
    #[must_use]
    pub const fn strategy(&self) -> &StrategySpec {
        &self.strategy
    }

    /// The capacity.
    #[must_use]
    pub const fn capacity(&self) -> CapacitySpec {
        self.capacity
    }

    /// The rules of ejection.
    #[must_use]
    pub const fn outlier(&self) -> OutlierSpec {
        self.outlier
    }

    /// How endpoints cool down.
    #[must_use]
    pub const fn cooldown(&self) -> CooldownSpec {
        self.cooldown
    }

    /// How endpoints are asked whether they serve.
    #[must_use]
    pub const fn health_check(&self) -> Option<&HealthCheckSpec> {
        self.health_check.as_ref()
    }

    /// The bounds of the queue.
    #[must_use]
    pub const fn queue(&self) -> QueueSpec {
        self.queue
    }

    /// How many retries each tenant may make here.
    #[must_use]
    pub const fn retry(&self) -> AttemptsSpec {
        self.retry
    }

    /// How many hedges each tenant may make here.
    #[must_use]
    pub const fn hedge(&self) -> AttemptsSpec {
        self.hedge
    }
}
