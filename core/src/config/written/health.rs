//! Health checks, ejections, cooldowns.

use serde_json::Value;

use super::Entries;
use crate::config::{
    CheckKind, CooldownScope, CooldownSpec, HealthCheckSpec, HttpCheck, InitialHealth, OutlierSpec, PoolSpec,
};

pub(super) fn health(spec: &PoolSpec) -> Entries {
    Entries::new()
        .with_some("probe", spec.health_check().map(check))
        .with("outlier", outlier(spec.outlier()))
        .with("cooldown", cooldown(spec.cooldown()))
}

fn check(spec: &HealthCheckSpec) -> Entries {
    let entries = match spec.kind() {
        CheckKind::Http(check) => http(check),
        CheckKind::Tcp => Entries::new().with("tcp", true),
        CheckKind::Tls => Entries::new().with("tls", true),
        CheckKind::Grpc(service) => Entries::new().with("grpc", &**service),
        CheckKind::Custom(name) => Entries::new().with("custom", &**name),
    };
    let initial = match spec.initial() {
        InitialHealth::Healthy => "healthy",
        InitialHealth::OneSuccess => "one_success",
        InitialHealth::Unhealthy => "unhealthy",
    };
    entries
        .with_some("port", spec.port().map(u16::from))
        .with("scheme", spec.scheme().name())
        .with_some("server_name", spec.server_name())
        .with_time("every", spec.every())
        .with_time("every_in_doubt", spec.every_in_doubt())
        .with_time("every_unhealthy", spec.every_unhealthy())
        .with_time("every_idle", spec.every_idle())
        .with("jitter", spec.jitter())
        .with_time("timeout", spec.timeout())
        .with("rise", spec.rise())
        .with("fall", spec.fall())
        .with("initial", initial)
}

fn http(check: &HttpCheck) -> Entries {
    let status = |range: &std::ops::RangeInclusive<u16>| format!("{}-{}", range.start(), range.end());
    let mut statuses: Vec<String> = check.statuses().iter().map(status).collect();
    if statuses.is_empty() {
        statuses.push("200-299".to_owned());
    }
    // Their values may be credentials.
    let headers =
        check.headers().fold(Entries::new(), |headers, (name, _)| headers.with(name, "(not shown)"));
    Entries::new()
        .with("http", check.path())
        .with("method", check.method())
        .with_some("host", check.host())
        .with("headers", headers)
        .with("status", statuses)
        .with_some("body", check.body())
}

fn outlier(spec: OutlierSpec) -> Entries {
    let success_rate = spec.success_rate().map(|rule| {
        compared(rule.min_endpoints(), rule.min_requests(), rule.is_shadow()).with("factor", rule.factor())
    });
    let failure_percentage = spec.failure_percentage().map(|rule| {
        compared(rule.min_endpoints(), rule.min_requests(), rule.is_shadow())
            .with("threshold", rule.threshold_percent())
    });
    let latency = spec.latency().map(|rule| {
        compared(rule.min_endpoints(), rule.min_requests(), rule.is_shadow())
            .with("factor", rule.factor())
            .with_time("floor", rule.floor())
    });
    let or_off = |rule: Option<Entries>| rule.map_or_else(|| "off".into(), Value::from);
    Entries::new()
        .with("consecutive_failures", spec.consecutive_failures())
        .with_some("consecutive_gateway_failures", spec.consecutive_gateway_failures())
        .with_time("interval", spec.interval())
        .with("success_rate", or_off(success_rate))
        .with("failure_percentage", or_off(failure_percentage))
        .with("latency", or_off(latency))
        .with_time("ejection", spec.ejection())
        .with_time("longest_ejection", spec.longest_ejection())
        .with("max_ejected", spec.max_ejected_percent())
        .with("min_available", spec.min_available())
        .with("shadow", spec.is_shadow())
}

fn compared(endpoints: u32, requests: u32, is_shadow: bool) -> Entries {
    Entries::new().with("min_endpoints", endpoints).with("min_requests", requests).with("shadow", is_shadow)
}

fn cooldown(spec: CooldownSpec) -> Entries {
    let scope = match spec.scope() {
        CooldownScope::Endpoint => "endpoint",
        CooldownScope::Credential => "credential",
        CooldownScope::Model => "model",
    };
    Entries::new().with("scope", scope).with_time("longest", spec.longest()).with("strict", spec.is_strict())
}
