//! Everything that is known, as `/status` tells it.

use serde_json::{Value, json};
use tenantry::{AttemptStats, EndpointStats, HealthState, PoolStats, Stats, TenantStats, Time};

use super::{
    events::unix_ms,
    fairness::jain,
    observer::{Seen, WINDOW},
    verdicts::{is_without_endpoint, waiting_for},
};
use crate::{metrics::desired_endpoints, proxy::without_credential};

/// A reading of one moment.
pub(super) struct Reading<'a> {
    pub(super) stats: &'a Stats,
    pub(super) seen: &'a Seen,
    pub(super) now: Time,
}

impl Reading<'_> {
    pub(super) fn json(&self) -> Value {
        let pools: Vec<Value> = self.stats.pools().iter().map(|pool| self.pool(pool)).collect();
        let tenants: Vec<Value> = self.stats.tenants().iter().map(|tenant| self.tenant(tenant)).collect();
        json!({
            "at_unix_ms": unix_ms(),
            "window_s": WINDOW.as_secs(),
            "fairness": self.fairness(),
            "pools": pools,
            "tenants": tenants,
            "other": self.tenant(self.stats.other()),
            "events": self.seen.events.latest().collect::<Vec<_>>(),
        })
    }

    fn pool(&self, pool: &PoolStats) -> Value {
        let endpoints: Vec<Value> =
            pool.endpoints().iter().map(|endpoint| self.endpoint(pool.name(), endpoint)).collect();
        let sum = |field: &str| endpoints.iter().filter_map(|endpoint| endpoint[field].as_f64()).sum::<f64>();
        json!({
            "name": pool.name(),
            "capacity": pool.capacity(),
            "in_flight": pool.in_flight(),
            "waiting": pool.waiting(),
            "waiting_for": waiting_for(pool),
            "panic": pool.is_in_panic(),
            "without_endpoint": is_without_endpoint(pool),
            "requests_per_s": sum("requests_per_s"),
            "failures_per_s": sum("failures_per_s"),
            "retries": attempts(pool.retries()),
            "hedges": attempts(pool.hedges()),
            "desired_endpoints": desired_endpoints(pool),
            "endpoints": endpoints,
        })
    }

    fn endpoint(&self, pool: &str, endpoint: &EndpointStats) -> Value {
        let counters = [endpoint.completed(), endpoint.failed()];
        let [requests, failures] = self.seen.endpoint_rates((pool, endpoint.address()), self.now, counters);
        let told = endpoint.health() != HealthState::Healthy || endpoint.is_overridden();
        let reason = self.seen.events.last_of(pool, endpoint.address()).filter(|_| told);
        json!({
            "address": without_credential(endpoint.address()),
            "health": endpoint.health().name(),
            "reason": reason,
            "overridden": endpoint.is_overridden(),
            "weight": endpoint.weight(),
            "draining": endpoint.is_draining(),
            "in_flight": endpoint.in_flight(),
            "completed": endpoint.completed(),
            "failed": endpoint.failed(),
            "requests_per_s": requests,
            "failures_per_s": failures,
            "latency_s": endpoint.latency().map(|latency| latency.as_secs_f64()),
            "requests_left": endpoint.requests_left(),
            "cost_left": endpoint.cost_left(),
            "returns_in_s": endpoint.returns_in().map(|wait| wait.as_secs_f64()),
        })
    }

    fn tenant(&self, tenant: &TenantStats) -> Value {
        let counters = [tenant.completed(), tenant.rejected()];
        let [requests, rejections] = self.seen.tenant_rates(tenant.id(), self.now, counters);
        json!({
            "id": tenant.id(),
            "weight": tenant.weight(),
            "in_flight": tenant.in_flight(),
            "waiting": tenant.waiting(),
            "beneath": tenant.beneath(),
            "completed": tenant.completed(),
            "rejected": tenant.rejected(),
            "shadow_rejected": tenant.shadow_rejected(),
            "requests_per_s": requests,
            "rejections_per_s": rejections,
        })
    }

    /// Over those who wait most of the time: whoever asks for less than its share has all that it wants, which says nothing of fairness.
    fn fairness(&self) -> Value {
        let contends = |tenant: &&TenantStats| tenant.weight() > 0 && self.seen.contends(tenant.id());
        let share = |tenant: &TenantStats| {
            let counters = [tenant.completed(), tenant.rejected()];
            self.seen.tenant_rates(tenant.id(), self.now, counters)[0] / f64::from(tenant.weight())
        };
        let shares: Vec<f64> = self.stats.tenants().iter().filter(contends).map(share).collect();
        json!({ "index": jain(&shares), "contenders": shares.len() })
    }
}

fn attempts(attempts: AttemptStats) -> Value {
    json!({ "passed": attempts.passed(), "refused": attempts.refused() })
}
