//! What figures of a pool amount to.

use tenantry::{EndpointStats, HealthState, PoolStats};

/// Whether no endpoint of it takes new requests. In a panic unhealthy ones do.
pub(super) fn is_without_endpoint(pool: &PoolStats) -> bool {
    let serves = |endpoint: &EndpointStats| {
        let out = match endpoint.health() {
            HealthState::Disabled => true,
            HealthState::Ejected | HealthState::Failing => !pool.is_in_panic(),
            _ => false,
        };
        !out && endpoint.weight() > 0 && !endpoint.is_draining()
    };
    !pool.endpoints().iter().any(serves)
}

/// Why its waiting requests wait; `None` where nobody does.
pub(super) fn waiting_for(pool: &PoolStats) -> Option<&'static str> {
    let spent = |endpoint: &EndpointStats| endpoint.returns_in().is_some();
    match pool {
        _ if pool.waiting() == 0 => None,
        _ if is_without_endpoint(pool) => Some("endpoint"),
        _ if pool.endpoints().iter().all(spent) => Some("upstream_limits"),
        _ => Some("seat"),
    }
}
