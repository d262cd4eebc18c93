//! Pools, their endpoints, their queue.

use serde_json::Value;

use super::{Entries, balancing::strategy, capacity::capacity, health::health, limits::rates, time};
use crate::config::{AttemptsSpec, EndpointSpec, PoolSpec, QueueOrder, QueueSpec};

impl From<&PoolSpec> for Entries {
    fn from(spec: &PoolSpec) -> Self {
        let tiers = spec.tiers();
        let tiers = Self::new()
            .with("overprovisioning", tiers.overprovisioning())
            .with("panic", tiers.panic_percent());
        let slow_start = spec.slow_start().map(|slow| {
            Self::new()
                .with_time("window", slow.window())
                .with("aggression", slow.aggression())
                .with("minimum", slow.minimum_percent())
        });
        let subset = spec.subset().map(|subset| {
            Self::new()
                .with("size", subset.size())
                .with("instance", subset.instance())
                .with("instances", subset.instances())
        });
        Self::new()
            .with("endpoints", spec.endpoints().iter().map(endpoint).collect::<Vec<Value>>())
            .with("strategy", strategy(spec.strategy()))
            .with("capacity", capacity(spec.capacity()))
            .with("health", health(spec))
            .with("queue", queue(spec.queue()))
            .with("retry", attempts(spec.retry()))
            .with("hedge", attempts(spec.hedge()))
            .with_some("owner", spec.owner())
            .with_some("zone", spec.zone())
            .with("tiers", tiers)
            .with_some("slow_start", slow_start)
            .with_some("fallback", spec.fallback())
            .with_some("subset", subset)
            .with_time("latency_decay", spec.latency_decay())
    }
}

fn endpoint(spec: &EndpointSpec) -> Value {
    Entries::new()
        .with("address", spec.address())
        .with("weight", spec.weight())
        .with_some("max_in_flight", spec.max_in_flight())
        .with("priority", spec.priority())
        .with_some("zone", spec.zone())
        .with_some("credential", spec.credential())
        .with_some("model", spec.model())
        .with("drain", spec.is_draining())
        .with("rate", rates(spec.rates()))
        .into()
}

fn queue(spec: QueueSpec) -> Entries {
    let order = match spec.order() {
        QueueOrder::Fifo => "fifo",
        QueueOrder::AdaptiveLifo => "adaptive_lifo",
    };
    let codel = spec.codel().map(|codel| {
        Entries::new().with("target", time(codel.target())).with("interval", time(codel.interval()))
    });
    Entries::new()
        .with_time("timeout", spec.timeout())
        .with("per_tenant", spec.per_tenant())
        .with("total", spec.total())
        .with("order", order)
        .with_time("aging", spec.aging())
        .with_some("codel", codel)
}

fn attempts(spec: AttemptsSpec) -> Entries {
    Entries::new()
        .with("ratio", f64::from(spec.ratio_millionths()) / 1e6)
        .with("per_second", spec.per_second())
        .with_time("window", spec.window())
}
