//! A balancer's figures, family by family.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};
use tenantry::{Balancer, EndpointStats, PoolStats, Stats, TenantStats};

use super::{Latencies, desired::desired_endpoints};

/// Read anew for each scrape.
#[derive(Debug)]
pub(super) struct Figures {
    balancer: Balancer,
    latencies: Latencies,
}

impl Figures {
    pub(super) fn new(balancer: &Balancer, latencies: &Latencies) -> Self {
        Self { balancer: balancer.clone(), latencies: latencies.clone() }
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.balancer.stats();
        tenants(&mut encoder, &stats)?;
        pools(&mut encoder, stats.pools())?;
        endpoints(&mut encoder, stats.pools())?;
        self.response_times(&mut encoder, &stats)
    }
}

impl Figures {
    fn response_times(&self, encoder: &mut DescriptorEncoder<'_>, stats: &Stats) -> fmt::Result {
        let is_there = |pool: &str, address: &str| {
            let pool = stats.pool(pool);
            pool.is_some_and(|pool| pool.endpoints().iter().any(|endpoint| endpoint.address() == address))
        };
        let help = "From the call of an endpoint to the head of its answer";
        let name = "endpoint_response_seconds";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        self.latencies.of(is_there).into_iter().try_for_each(|((pool, endpoint), histogram)| {
            let labels = [("pool", pool.as_str()), ("endpoint", endpoint.as_str())];
            histogram.encode(family.encode_family(&labels)?)
        })
    }
}

/// One value of a family.
#[derive(Clone, Copy)]
enum Value {
    Gauge(f64),
    Counter(u64),
}

impl Value {
    fn write<const N: usize>(self, family: &mut MetricEncoder<'_>, labels: [(&str, &str); N]) -> fmt::Result {
        let mut one = family.encode_family(&labels)?;
        match self {
            Self::Gauge(value) => one.encode_gauge(&value),
            Self::Counter(count) => one.encode_counter::<NoLabelSet, u64, u64>(&count, None),
        }
    }

    const fn metric_type(self) -> MetricType {
        match self {
            Self::Gauge(_) => MetricType::Gauge,
            Self::Counter(_) => MetricType::Counter,
        }
    }
}

/// A family: its name, what it says, and its value of one item.
type Family<T> = (&'static str, &'static str, fn(&T) -> Value);

const TENANTS: [Family<TenantStats>; 6] = [
    ("tenant_weight", "Weight among tenants of the same parent; 0 for a sum", |tenant| {
        Value::Gauge(tenant.weight().into())
    }),
    ("tenant_in_flight", "Requests with a seat", |tenant| Value::Gauge(tenant.in_flight().into())),
    ("tenant_waiting", "Requests that wait for a seat", |tenant| Value::Gauge(tenant.waiting().into())),
    ("tenant_requests", "Requests finished, of any outcome", |tenant| Value::Counter(tenant.completed())),
    ("tenant_rejections", "Requests refused", |tenant| Value::Counter(tenant.rejected())),
    ("tenant_shadow_rejections", "Requests that limits in shadow mode would have refused", |tenant| {
        Value::Counter(tenant.shadow_rejected())
    }),
];

const POOLS: [Family<PoolStats>; 9] = [
    ("pool_panic", "Whether so few endpoints are healthy that unhealthy ones serve, too", |pool| {
        Value::Gauge(f64::from(u8::from(pool.is_in_panic())))
    }),
    ("pool_capacity", "Seats", |pool| Value::Gauge(pool.capacity().into())),
    ("pool_in_flight", "Seats taken", |pool| Value::Gauge(pool.in_flight().into())),
    ("pool_waiting", "Requests that wait for a seat", |pool| Value::Gauge(pool.waiting().into())),
    ("pool_retries", "Retries that got a seat", |pool| Value::Counter(pool.retries().passed())),
    ("pool_refused_retries", "Retries that their tenants' budgets refused", |pool| {
        Value::Counter(pool.retries().refused())
    }),
    ("pool_hedges", "Hedges that got a seat", |pool| Value::Counter(pool.hedges().passed())),
    ("pool_refused_hedges", "Hedges that their tenants' budgets refused", |pool| {
        Value::Counter(pool.hedges().refused())
    }),
    ("pool_desired_endpoints", "Endpoints that the load of this moment asks for", |pool| {
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        Value::Gauge(desired_endpoints(pool) as f64)
    }),
];

const ENDPOINTS: [Family<EndpointStats>; 6] = [
    ("endpoint_weight", "Configured weight", |endpoint| Value::Gauge(endpoint.weight().into())),
    ("endpoint_draining", "Whether nothing new goes there", |endpoint| {
        Value::Gauge(f64::from(u8::from(endpoint.is_draining())))
    }),
    ("endpoint_in_flight", "Requests in flight", |endpoint| Value::Gauge(endpoint.in_flight().into())),
    ("endpoint_requests", "Requests finished, of any outcome", |endpoint| {
        Value::Counter(endpoint.completed())
    }),
    ("endpoint_failures", "Requests finished with failure or overload", |endpoint| {
        Value::Counter(endpoint.failed())
    }),
    ("endpoint_overridden", "Whether an operator decides on its health", |endpoint| {
        Value::Gauge(f64::from(u8::from(endpoint.is_overridden())))
    }),
];

fn tenants(encoder: &mut DescriptorEncoder<'_>, stats: &Stats) -> fmt::Result {
    let all = || stats.tenants().iter().chain([stats.other()]);
    TENANTS.into_iter().try_for_each(|(name, help, value)| {
        let mut family = encoder.encode_descriptor(name, help, None, value(stats.other()).metric_type())?;
        all().try_for_each(|tenant| value(tenant).write(&mut family, [("tenant", tenant.id())]))
    })
}

fn pools(encoder: &mut DescriptorEncoder<'_>, pools: &[PoolStats]) -> fmt::Result {
    let Some(first) = pools.first() else { return Ok(()) };
    POOLS.into_iter().try_for_each(|(name, help, value)| {
        let mut family = encoder.encode_descriptor(name, help, None, value(first).metric_type())?;
        pools.iter().try_for_each(|pool| value(pool).write(&mut family, [("pool", pool.name())]))
    })
}

fn endpoints(encoder: &mut DescriptorEncoder<'_>, pools: &[PoolStats]) -> fmt::Result {
    let all =
        || pools.iter().flat_map(|pool| pool.endpoints().iter().map(|endpoint| (pool.name(), endpoint)));
    let Some((_, first)) = all().next() else { return Ok(()) };
    ENDPOINTS.into_iter().try_for_each(|(name, help, value)| {
        let mut family = encoder.encode_descriptor(name, help, None, value(first).metric_type())?;
        all().try_for_each(|(pool, endpoint)| {
            value(endpoint).write(&mut family, [("pool", pool), ("endpoint", endpoint.address())])
        })
    })?;
    let mut family = encoder.encode_descriptor(
        "endpoint_latency_seconds",
        "Recent peak latency, decayed",
        None,
        MetricType::Gauge,
    )?;
    all().try_for_each(|(pool, endpoint)| {
        let Some(latency) = endpoint.latency() else { return Ok(()) };
        Value::Gauge(latency.as_secs_f64())
            .write(&mut family, [("pool", pool), ("endpoint", endpoint.address())])
    })?;
    let help = "1 for the state in which its health is";
    let mut family = encoder.encode_descriptor("endpoint_health", help, None, MetricType::Gauge)?;
    all().try_for_each(|(pool, endpoint)| {
        let labels = [("pool", pool), ("endpoint", endpoint.address()), ("state", endpoint.health().name())];
        Value::Gauge(1.0).write(&mut family, labels)
    })
}
