//! What tenants may use, and what they have used.

use std::fmt;

use prometheus_client::{encoding::DescriptorEncoder, metrics::MetricType};
use tenantry::{Balancer, LimitStatus, RateUnit, Stats};

use super::balancer::Value;

/// Of the tenants that are listed: each of their own rates and budgets, but for those in shadow mode, which hold nobody back and alarm nobody.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, balancer: &Balancer, stats: &Stats) -> fmt::Result {
    let of = |id: &str| balancer.own_limits_of(id).unwrap_or_default();
    let limits: Vec<_> = stats.tenants().iter().map(|tenant| (tenant.id(), of(tenant.id()))).collect();
    for (name, help, value) in FAMILIES {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (tenant, limits) in &limits {
            for (number, limit) in limits.iter().enumerate().filter(|(_, limit)| !limit.is_shadow()) {
                let kind = if limit.is_budget() { "budget" } else { "rate" };
                let number = number.to_string();
                let labels =
                    [("tenant", *tenant), ("kind", kind), ("unit", unit(limit)), ("number", &number)];
                #[expect(clippy::cast_precision_loss, reason = "a gauge")]
                Value::Gauge(value(limit) as f64).write(&mut family, labels)?;
            }
        }
    }
    Ok(())
}

pub(crate) fn unit(limit: &LimitStatus) -> &str {
    match limit.unit() {
        RateUnit::Requests => "requests",
        RateUnit::Cost => "cost",
        RateUnit::Dimension(name) => name,
        _ => "units",
    }
}

/// A name, what it says, and the value.
type Family = (&'static str, &'static str, fn(&LimitStatus) -> u64);

const FAMILIES: [Family; 2] = [
    ("tenant_limit", "What a rate or budget allows at once", LimitStatus::amount),
    ("tenant_limit_used", "What is used of it now, reservations included", LimitStatus::used),
];
