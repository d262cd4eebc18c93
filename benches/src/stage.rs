//! The balancers that the benches measure.

use std::hint::black_box;
use std::num::NonZeroU32;

use tenantry::{Balancer, CapacitySpec, Config, Outcome, PoolSpec, Rate, Request, TenantSpec};

/// A balancer with one pool of `endpoints` endpoints, and limits of every kind that no bench reaches, so that every request
/// walks the whole path.
///
/// # Panics
///
/// If the balancer refuses the config.
#[must_use]
pub fn balancer(ids: &[String], endpoints: usize) -> Balancer {
    build(with_tenants(with_pools(Config::new(), 1, endpoints), ids, &tenant()))
}

/// A config's balancer.
///
/// # Panics
///
/// If the config is refused.
#[must_use]
pub fn build(config: Config) -> Balancer {
    Balancer::new(config).expect("the config is usable")
}

/// The config with pools named `pool-0`, `pool-1`, …, each with its own endpoints.
#[must_use]
pub fn with_pools(config: Config, pools: usize, endpoints: usize) -> Config {
    (0..pools)
        .fold(config, |config, pool| config.with_pool(format!("pool-{pool}"), self::pool(pool, endpoints)))
}

/// The pool of that number: P2C, a fixed capacity that is never reached.
#[must_use]
pub fn pool(number: usize, endpoints: usize) -> PoolSpec {
    let address = |endpoint| format!("http://10.{number}.{}.{}:8080", endpoint / 250, endpoint % 250 + 1);
    PoolSpec::new((0..endpoints).map(address)).with_capacity(CapacitySpec::fixed(SEATS))
}

/// The config with these tenants, each with this spec.
#[must_use]
pub fn with_tenants(config: Config, ids: &[String], spec: &TenantSpec) -> Config {
    ids.iter().fold(config, |config, id| config.with_tenant(id.as_str(), spec.clone()))
}

/// A tenant with a rate and a cap on requests in flight, neither ever reached.
#[must_use]
pub fn tenant() -> TenantSpec {
    TenantSpec::default().with_rate(Rate::per_second(100_000_000)).with_max_in_flight(1_000)
}

/// A balancer whose tenants have a rate each, never reached, and nothing else.
#[must_use]
pub fn limits_only(ids: &[String]) -> Balancer {
    let spec = TenantSpec::new().with_rate(Rate::per_second(u64::from(PER_SECOND.get())));
    build(with_tenants(Config::new(), ids, &spec))
}

/// One decision: admitted, picked, settled as a success.
///
/// # Panics
///
/// If the balancer refuses.
#[inline]
pub fn decide(balancer: &Balancer, id: &str) {
    let lease = balancer.try_acquire(&Request::new(id)).expect("limits are roomy");
    black_box(lease.endpoint());
    lease.finish(Outcome::success());
}

/// A rate that no bench reaches.
pub const PER_SECOND: NonZeroU32 = NonZeroU32::new(1_000_000_000).expect("not zero");
/// Seats of a pool.
const SEATS: u32 = 100_000;
