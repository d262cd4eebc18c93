//! What Prometheus reads (feature `metrics`): every figure of a balancer, and how long its endpoints take, in the OpenMetrics text format.
//!
//! ```
//! use tenantry::{Balancer, Config, PoolSpec, Request, TenantSpec};
//! use tenantry_tower::metrics::Metrics;
//!
//! let config = Config::new()
//!     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"]))
//!     .with_tenant("acme", TenantSpec::new());
//! let balancer = Balancer::new(config)?;
//! let metrics = Metrics::new(&balancer);
//! let lease = balancer.try_acquire(&Request::new("acme"))?;
//! let text = metrics.encode();
//! assert!(text.contains("tenantry_tenant_in_flight{tenant=\"acme\"} 1.0\n"));
//! assert!(text.contains("tenantry_pool_in_flight{pool=\"api\"} 1.0\n"));
//! # drop(lease);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! As many series as there are pools and endpoints, and a hundred tenants: the most active ones; all others are `(other)`. Times are in seconds, counters end in
//! `_total`. Endpoints are called by their addresses without what stands before an `@`, which may be a password, and with a number behind where that leaves several of a pool alike. [`Metrics::latencies`] is a layer for inside of [`BalanceLayer`](crate::balance::BalanceLayer) that times answers, [`Metrics::requests`] one for outside of
//! [`RejectionLayer`](crate::rejection::RejectionLayer) that counts how requests end.
//!
//! | family | labels | what |
//! |---|---|---|
//! | `tenantry_tenant_…` | `tenant` | `weight`, `in_flight`, `waiting`, `requests_total`, `rejections_total`, `shadow_rejections_total` |
//! | `tenantry_tenant_limit`, `…_limit_used` | `tenant`, `kind` (`rate`, `budget`), `unit`, `number` | each of a tenant's own limits that is in force (none in shadow mode): what it allows at once, and what is used of it |
//! | `tenantry_pool_…` | `pool` | `capacity`, `in_flight`, `waiting`, `panic`, `desired_endpoints`, `retries_total`, `refused_retries_total`, `hedges_total`, `refused_hedges_total` |
//! | `tenantry_pool_rejections_total` | `pool`, `reason` | refusals by their [code](tenantry::Rejection::code) |
//! | `tenantry_pool_response_seconds` | `pool` | histogram: from a request's arrival to the head of an answer that is no server's error |
//! | `tenantry_response_seconds` | `pool`, `tenant` | the same by tenant |
//! | `tenantry_requests_total` | `pool`, `tenant`, `outcome` | `success`, `failure` (a server's error, by gRPC's status where there is one), `refused` (by the tenant's own limits), `unserved` (the pool could not) |
//! | `tenantry_rejections_total` | `pool`, `tenant`, `reason` | the last two by their code; no series where there was none |
//! | `tenantry_refusals_total` | `reason` | requests, and connections, that were refused before anybody asked whose they are ([`Refusals`]), by their code; no series where there was none |
//! | `tenantry_endpoint_…` | `pool`, `endpoint` | `weight`, `draining`, `in_flight`, `requests_total`, `failures_total`, `overridden`, `ejected`, `shadow_ejections_total`, `latency_seconds`, `response_seconds` (histogram), `health` (by `state`) |
//! | `tenantry_alert_firing` | `alert`, `severity`, `pool` | how many [alerts](crate::admin::Admin::set_alerts) of a kind fire in a pool, of budgets in none; of an [`Admin`](crate::admin::Admin) (feature `admin`) that has rules |
//! | `tenantry_guard_…` | `rule` | `offences_total`, `bans_total`, `shadow_bans_total`; without it `refusals_total`, `displaced_bans_total`, `active_bans`, `clients`, `tenants` |

mod balancer;
mod desired;
mod guard;
mod latencies;
mod limits;
mod names;
mod refusals;
mod requests;

use std::{fmt, sync::Arc};

#[cfg(feature = "admin")]
use prometheus_client::collector::Collector;
use prometheus_client::{encoding::text, registry::Registry};
use tenantry::Balancer;

#[cfg(feature = "admin")]
pub(crate) use desired::desired_endpoints;
pub use latencies::{Latencies, ResponseFuture, Timed};
#[cfg(feature = "admin")]
pub(crate) use limits::unit;
pub use refusals::Refusals;
pub use requests::{BOUNDS, Counted, CountedFuture, MOST_TENANTS, RequestStats, RequestsLayer};

use crate::guard::CurrentGuard;

/// The figures of one balancer, for a scraper. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    guard: Option<Arc<Registry>>,
    alerts: Option<Arc<Registry>>,
    balancer: Balancer,
    latencies: Latencies,
    requests: RequestsLayer,
    refusals: Refusals,
}

impl Metrics {
    /// What `/metrics` is to say as its `content-type`.
    pub const CONTENT_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Those of this balancer.
    #[must_use]
    pub fn new(balancer: &Balancer) -> Self {
        let (latencies, requests) = (Latencies::default(), RequestsLayer::default());
        let refusals = Refusals::default();
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(balancer::Figures::new(balancer, &latencies, &requests)));
        registry.register_collector(Box::new(refusals.clone()));
        let (registry, balancer) = (Arc::new(registry), balancer.clone());
        Self { registry, guard: None, alerts: None, balancer, latencies, requests, refusals }
    }

    /// Those of this guard, too; of a [`CurrentGuard`], those of the one that is in force when somebody asks.
    #[must_use]
    pub fn with_guard(mut self, guard: impl Into<CurrentGuard>) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(guard::GuardFigures::new(guard.into())));
        self.guard = Some(Arc::new(registry));
        self
    }

    /// Those that tell of alerts, too.
    #[cfg(feature = "admin")]
    pub(crate) fn with_alerts(mut self, figures: impl Collector) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(figures));
        self.alerts = Some(Arc::new(registry));
        self
    }

    /// A layer that times how long endpoints take to answer, to be put inside of [`BalanceLayer`](crate::balance::BalanceLayer).
    #[must_use]
    pub fn latencies(&self) -> Latencies {
        self.latencies.clone()
    }

    /// A layer that counts how requests end, by pool and tenant, to be put outside of [`RejectionLayer`](crate::rejection::RejectionLayer).
    #[must_use]
    pub fn requests(&self) -> RequestsLayer {
        self.requests.clone()
    }

    /// Counts what is refused before anybody asks whose it is: for servers that refuse requests which no layer sees.
    #[must_use]
    pub fn refusals(&self) -> Refusals {
        self.refusals.clone()
    }

    /// What [`requests`](Self::requests) has counted: of each pool first everybody's, then each tenant's by id, at most [`MOST_TENANTS`], then all others'.
    #[must_use]
    pub fn request_stats(&self) -> Vec<RequestStats> {
        self.requests.stats(|pool| self.balancer.pool_stats(pool).is_some())
    }

    /// Everything as it is now, as text of [this type](Self::CONTENT_TYPE).
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let registries = [Some(&self.registry), self.guard.as_ref(), self.alerts.as_ref()];
        let mut all = registries.into_iter().flatten();
        let encoded = all.try_for_each(|registry| text::encode_registry(&mut text, registry));
        match encoded.and_then(|()| text::encode_eof(&mut text)) {
            Ok(()) => text,
            // Writing to a string does not fail.
            Err(fmt::Error) => String::new(),
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// What every name begins with.
const PREFIX: &str = "tenantry";
