use serde_json::Value;
use tenantry::{Balancer, EventCursor};
use tracing::warn;

use crate::proxy::without_credential;

/// Tells what the balancer has decided since this cursor was used last, each thing as an event of `tracing`, target `tenantry::decision`, level WARN: `event` says what, and the other fields are those
/// of [`tenantry::Event`]. Call it as often as decisions are to be told.
///
/// ```
/// use tenantry::{Balancer, Config, EventCursor, PoolSpec};
///
/// let balancer = Balancer::new(Config::new().with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"])))?;
/// let mut cursor = EventCursor::default();
/// tenantry_tower::log::log_events(&balancer, &mut cursor); // nothing has happened yet
/// # Ok::<(), tenantry::ConfigError>(())
/// ```
pub fn log_events(balancer: &Balancer, cursor: &mut EventCursor) {
    for event in balancer.events_since(cursor) {
        tell(&serde_json::to_value(event).unwrap_or_default());
    }
}

fn tell(event: &Value) {
    let text = |field: &str| event[field].as_str();
    let number = |field: &str| event[field].as_u64();
    warn!(
        target: "tenantry::decision",
        event = text("event"),
        tenant = text("tenant"),
        pool = text("pool"),
        endpoint = text("endpoint").map(without_credential),
        reason = text("reason"),
        evidence = text("evidence"),
        for_ms = number("for_ms"),
        ejections = number("ejections"),
        failures = number("failures"),
        successes = number("successes"),
        to = text("to"),
        unit = text("unit"),
        percent = number("percent"),
        used = number("used"),
        amount = number("amount"),
        ends_unix_s = event["ends_unix_s"].as_i64(),
        until_unix_s = number("until_unix_s"),
        source = text("source"),
        problem = text("problem"),
        added = number("added"),
        removed = number("removed"),
        endpoints = number("endpoints"),
        count = number("count"),
    );
}
