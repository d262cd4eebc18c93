//! A balancer's figures, family by family.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};
use tenantry::{Balancer, EndpointStats, PoolStats, Stats, TenantStats};

use super::{Latencies, RequestStats, RequestsLayer, desired::desired_endpoints, limits, names::Names};

/// Read anew for each scrape.
#[derive(Debug)]
pub(super) struct Figures {
    balancer: Balancer,
    latencies: Latencies,
    requests: RequestsLayer,
}

impl Figures {
    pub(super) fn new(balancer: &Balancer, latencies: &Latencies, requests: &RequestsLayer) -> Self {
        Self { balancer: balancer.clone(), latencies: latencies.clone(), requests: requests.clone() }
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.balancer.stats();
        tenants(&mut encoder, &stats)?;
        limits::encode(&mut encoder, &self.balancer, &stats)?;
        pools(&mut encoder, stats.pools())?;
        rejections(&mut encoder, stats.pools())?;
        requests(&mut encoder, &self.requests.stats(|pool| stats.pool(pool).is_some()))?;
        let names = Names::of(&stats);
        endpoints(&mut encoder, stats.pools(), &names)?;
        self.response_times(&mut encoder, &names)
    }
}

impl Figures {
    fn response_times(&self, encoder: &mut DescriptorEncoder<'_>, names: &Names<'_>) -> fmt::Result {
        let is_there = |pool: &str, address: &str| names.name(pool, address).is_some();
        let help = "From the call of an endpoint to the head of its answer";
        let name = "endpoint_response_seconds";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        self.latencies.of(is_there).into_iter().try_for_each(|((pool, address), histogram)| {
            let endpoint = names.name(&pool, &address).unwrap_or_default();
            let labels = [("pool", pool.as_str()), ("endpoint", endpoint)];
            histogram.encode(family.encode_family(&labels)?)
        })
    }
}

/// One value of a family.
#[derive(Clone, Copy)]
pub(super) enum Value {
    Gauge(f64),
    Counter(u64),
}

impl Value {
    pub(super) fn write<const N: usize>(
        self,
        family: &mut MetricEncoder<'_>,
        labels: [(&str, &str); N],
    ) -> fmt::Result {
        let mut one = family.encode_family(&labels)?;
        match self {
            Self::Gauge(value) => one.encode_gauge(&value),
            Self::Counter(count) => one.encode_counter::<NoLabelSet, u64, u64>(&count, None),
        }
    }

    pub(super) const fn metric_type(self) -> MetricType {
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

const ENDPOINTS: [Family<EndpointStats>; 8] = [
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
    ("endpoint_ejected", "Whether real requests have shown that it does not serve", |endpoint| {
        Value::Gauge(f64::from(u8::from(endpoint.is_ejected())))
    }),
    ("endpoint_shadow_ejections", "Times that a rule in shadow mode has found it", |endpoint| {
        Value::Counter(endpoint.shadow_ejections())
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

fn rejections(encoder: &mut DescriptorEncoder<'_>, pools: &[PoolStats]) -> fmt::Result {
    let help = "Requests for a seat that were refused";
    let mut family = encoder.encode_descriptor("pool_rejections", help, None, MetricType::Counter)?;
    pools.iter().try_for_each(|pool| {
        pool.rejections().iter().try_for_each(|(reason, count)| {
            Value::Counter(count).write(&mut family, [("pool", pool.name()), ("reason", reason)])
        })
    })
}

fn requests(encoder: &mut DescriptorEncoder<'_>, stats: &[RequestStats]) -> fmt::Result {
    let by_tenant = || stats.iter().filter_map(|stats| Some((stats, stats.tenant()?)));
    let help = "How requests ended";
    let mut family = encoder.encode_descriptor("requests", help, None, MetricType::Counter)?;
    for (stats, tenant) in by_tenant() {
        for (outcome, count) in stats.ends() {
            let labels = [("pool", stats.pool()), ("tenant", tenant), ("outcome", outcome)];
            Value::Counter(count).write(&mut family, labels)?;
        }
    }
    let help = "Why requests were refused";
    let mut family = encoder.encode_descriptor("rejections", help, None, MetricType::Counter)?;
    for (stats, tenant) in by_tenant() {
        for (reason, count) in stats.rejections().filter(|(_, count)| *count > 0) {
            let labels = [("pool", stats.pool()), ("tenant", tenant), ("reason", reason)];
            Value::Counter(count).write(&mut family, labels)?;
        }
    }
    let help = "From a request's arrival to the head of an answer that is no server's error";
    let mut family = encoder.encode_descriptor("response_seconds", help, None, MetricType::Histogram)?;
    for (stats, tenant) in by_tenant() {
        histogram(&mut family, [("pool", stats.pool()), ("tenant", tenant)], stats)?;
    }
    let mut family = encoder.encode_descriptor("pool_response_seconds", help, None, MetricType::Histogram)?;
    let everybodys = stats.iter().filter(|stats| stats.tenant().is_none());
    everybodys.into_iter().try_for_each(|stats| histogram(&mut family, [("pool", stats.pool())], stats))
}

fn histogram<const N: usize>(
    family: &mut MetricEncoder<'_>,
    labels: [(&str, &str); N],
    stats: &RequestStats,
) -> fmt::Result {
    let (buckets, seconds) = stats.histogram();
    let mut one = family.encode_family(&labels)?;
    one.encode_histogram::<NoLabelSet>(seconds, stats.successes(), &buckets, None)
}

fn endpoints(encoder: &mut DescriptorEncoder<'_>, pools: &[PoolStats], names: &Names<'_>) -> fmt::Result {
    let each = || pools.iter().flat_map(|pool| pool.endpoints().iter().map(move |one| (pool.name(), one)));
    let all = || each().filter_map(|(pool, one)| Some((pool, names.name(pool, one.address())?, one)));
    let Some((.., first)) = all().next() else { return Ok(()) };
    ENDPOINTS.into_iter().try_for_each(|(name, help, value)| {
        let mut family = encoder.encode_descriptor(name, help, None, value(first).metric_type())?;
        all().try_for_each(|(pool, name, endpoint)| {
            value(endpoint).write(&mut family, [("pool", pool), ("endpoint", name)])
        })
    })?;
    let mut family = encoder.encode_descriptor(
        "endpoint_latency_seconds",
        "Recent peak latency, decayed",
        None,
        MetricType::Gauge,
    )?;
    all().try_for_each(|(pool, name, endpoint)| {
        let Some(latency) = endpoint.latency() else { return Ok(()) };
        Value::Gauge(latency.as_secs_f64()).write(&mut family, [("pool", pool), ("endpoint", name)])
    })?;
    let help = "1 for the state in which its health is";
    let mut family = encoder.encode_descriptor("endpoint_health", help, None, MetricType::Gauge)?;
    all().try_for_each(|(pool, name, endpoint)| {
        let labels = [("pool", pool), ("endpoint", name), ("state", endpoint.health().name())];
        Value::Gauge(1.0).write(&mut family, labels)
    })
}
