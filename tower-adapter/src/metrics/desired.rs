//! How many endpoints a pool would need now, for whoever scales it.

use tenantry::{HealthState, PoolStats};

/// Little's law: what is in the system is the arrival rate times the time in it. So the requests in flight and waiting, over what one endpoint
/// carries, are the endpoints that the load asks for; one is to be four fifths busy. What one carries is the pool's capacity over its endpoints that serve.
/// It is a reading of the moment: average it over the time that scaling takes.
pub(crate) fn desired_endpoints(pool: &PoolStats) -> u64 {
    let serving = pool.endpoints().iter().filter(|endpoint| serves(endpoint.health())).count().max(1);
    let (capacity, serving) = (f64::from(pool.capacity().max(1)), u32::try_from(serving).unwrap_or(u32::MAX));
    let each = (capacity / f64::from(serving)).max(1.0) * BUSY;
    let demand = f64::from(pool.in_flight()) + f64::from(pool.waiting());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of at most 2³³")]
    let needed = (demand / each).ceil() as u64;
    needed.max(1)
}

const fn serves(health: HealthState) -> bool {
    !matches!(health, HealthState::Ejected | HealthState::Failing | HealthState::Disabled)
}

const BUSY: f64 = 0.8;
