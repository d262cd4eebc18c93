use opentelemetry::{KeyValue, metrics::Meter};
use tenantry::{Balancer, EndpointStats, HealthState, PoolStats};

use super::names;
use crate::proxy::without_credential;

/// Tells what the balancer knows of its pools and endpoints, whenever the meter's reader asks: `tenantry.pool.in_flight`, `tenantry.pool.waiting` and `tenantry.pool.capacity` by pool, `tenantry.endpoint.in_flight` and `tenantry.endpoint.healthy` (1 or 0) by
/// pool and endpoint. As long as the meter's provider lives.
pub fn observe(meter: &Meter, balancer: &Balancer) {
    by_pool(meter, balancer, "tenantry.pool.in_flight", |pool| u64::from(pool.in_flight()));
    by_pool(meter, balancer, "tenantry.pool.waiting", |pool| u64::from(pool.waiting()));
    by_pool(meter, balancer, "tenantry.pool.capacity", |pool| u64::from(pool.capacity()));
    by_endpoint(meter, balancer, "tenantry.endpoint.in_flight", |endpoint| u64::from(endpoint.in_flight()));
    by_endpoint(meter, balancer, "tenantry.endpoint.healthy", |endpoint| {
        u64::from(endpoint.health() == HealthState::Healthy)
    });
}

fn by_pool(meter: &Meter, balancer: &Balancer, name: &'static str, figure: fn(&PoolStats) -> u64) {
    let balancer = balancer.clone();
    let gauge = meter.u64_observable_gauge(name).with_callback(move |observer| {
        for pool in balancer.stats().pools() {
            observer.observe(figure(pool), &[KeyValue::new(names::POOL, pool.name().to_owned())]);
        }
    });
    let _ = gauge.build(); // the meter keeps the callback
}

fn by_endpoint(meter: &Meter, balancer: &Balancer, name: &'static str, figure: fn(&EndpointStats) -> u64) {
    let balancer = balancer.clone();
    let gauge = meter.u64_observable_gauge(name).with_callback(move |observer| {
        for pool in balancer.stats().pools() {
            for endpoint in pool.endpoints() {
                let address = without_credential(endpoint.address()).to_owned();
                let labels = [
                    KeyValue::new(names::POOL, pool.name().to_owned()),
                    KeyValue::new(names::ENDPOINT, address),
                ];
                observer.observe(figure(endpoint), &labels);
            }
        }
    });
    let _ = gauge.build();
}
