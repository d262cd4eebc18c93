//! One frame of `top`: a reading of `/status`, as lines of text.

use serde_json::Value;

/// What a reading says, in lines of at most `width` characters. Control characters in names are shown as `?`: whoever names tenants shall not write to terminals.
#[must_use]
pub fn frame(status: &Value, width: usize) -> String {
    let mut lines = vec![headline(status), String::new()];
    lines.push(format!(
        "{:<28}{:>10}{:>9}{:>9}{:>10}  STATE",
        "POOL", "IN FLIGHT", "SEATS", "WAITING", "REQ/S"
    ));
    for pool in list(status, "pools") {
        lines.push(pool_line(pool));
    }
    lines.push(String::new());
    lines.push(format!(
        "{:<44}{:>10}{:>9}{:>9}{:>10}{:>12}",
        "ENDPOINT", "HEALTH", "IN FLT", "REQ/S", "FAIL/S", "LATENCY"
    ));
    for pool in list(status, "pools") {
        lines.extend(list(pool, "endpoints").map(|endpoint| endpoint_line(pool, endpoint)));
    }
    lines.push(String::new());
    lines.push(format!(
        "{:<28}{:>7}{:>10}{:>9}{:>10}{:>11}{:>12}",
        "TENANT", "WEIGHT", "IN FLIGHT", "WAITING", "REQ/S", "REJECT/S", "REJECTED"
    ));
    lines.extend(list(status, "tenants").map(tenant_line));
    let cut = |line: String| line.trim_end().chars().take(width).collect::<String>() + "\n";
    lines.into_iter().map(cut).collect()
}

fn headline(status: &Value) -> String {
    let waiting: u64 = list(status, "pools").map(|pool| number(pool, "waiting")).sum();
    let in_flight: u64 = list(status, "pools").map(|pool| number(pool, "in_flight")).sum();
    let requests: f64 = list(status, "pools").map(|pool| rate(pool, "requests_per_s")).sum();
    let fairness = status.pointer("/fairness/index").and_then(Value::as_f64);
    let fairness = fairness.map_or_else(String::new, |index| format!(" · fairness {index:.3}"));
    format!("{in_flight} in flight · {waiting} waiting · {requests:.1} requests/s{fairness}")
}

fn pool_line(pool: &Value) -> String {
    let mut state = Vec::new();
    if is(pool, "panic") {
        state.push("panic: health is ignored".to_owned());
    }
    if is(pool, "without_endpoint") {
        state.push("no endpoint can serve".to_owned());
    }
    if let Some(reason) = pool["waiting_for"].as_str() {
        state.push(format!("waiting for {}", plain(reason)));
    }
    format!(
        "{:<28}{:>10}{:>9}{:>9}{:>10.1}  {}",
        short(pool, "name", 27),
        number(pool, "in_flight"),
        number(pool, "capacity"),
        number(pool, "waiting"),
        rate(pool, "requests_per_s"),
        state.join(", ")
    )
}

fn endpoint_line(pool: &Value, endpoint: &Value) -> String {
    let name = format!("{} {}", short(pool, "name", 12), text(endpoint, "address"));
    let latency = endpoint["latency_s"].as_f64();
    let latency = latency.map_or_else(|| "-".to_owned(), |seconds| format!("{:.1} ms", seconds * 1e3));
    let health = if is(endpoint, "draining") { "draining".to_owned() } else { text(endpoint, "health") };
    format!(
        "{:<44}{:>10}{:>9}{:>9.1}{:>10.1}{latency:>12}",
        cut(&name, 43),
        cut(&health, 10),
        number(endpoint, "in_flight"),
        rate(endpoint, "requests_per_s"),
        rate(endpoint, "failures_per_s"),
    )
}

fn tenant_line(tenant: &Value) -> String {
    format!(
        "{:<28}{:>7}{:>10}{:>9}{:>10.1}{:>11.1}{:>12}",
        short(tenant, "id", 27),
        number(tenant, "weight"),
        number(tenant, "in_flight"),
        number(tenant, "waiting"),
        rate(tenant, "requests_per_s"),
        rate(tenant, "rejections_per_s"),
        number(tenant, "rejected"),
    )
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value[field].as_array().into_iter().flatten()
}

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_default()
}

fn rate(value: &Value, field: &str) -> f64 {
    value[field].as_f64().unwrap_or_default()
}

fn is(value: &Value, field: &str) -> bool {
    value[field].as_bool().unwrap_or_default()
}

fn text(value: &Value, field: &str) -> String {
    plain(value[field].as_str().unwrap_or("-"))
}

fn short(value: &Value, field: &str, width: usize) -> String {
    cut(&text(value, field), width)
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shows_pools_endpoints_and_tenants_and_nothing_that_moves_a_cursor() {
        let status = json!({
            "fairness": { "index": 0.987 },
            "pools": [{ "name": "api", "in_flight": 3, "capacity": 8, "waiting": 2, "waiting_for": "seats", "panic": false, "requests_per_s": 12.5,
                "endpoints": [{ "address": "http://10.0.0.1:8080", "health": "ejected", "in_flight": 3, "latency_s": 0.0125 }] }],
            "tenants": [{ "id": "acme\u{1b}[2J\nforged", "weight": 3, "waiting": 2, "rejected": 7, "rejections_per_s": 0.5 }],
        });
        let shown = frame(&status, 120);
        for part in [
            "3 in flight · 2 waiting · 12.5 requests/s · fairness 0.987",
            "waiting for seats",
            "ejected",
            "12.5 ms",
            "acme?[2J?forged",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains('\u{1b}'));
        assert!(frame(&status, 20).lines().all(|line| line.chars().count() <= 20));
    }

    #[test]
    fn a_reading_without_anything_is_only_headings() {
        assert_eq!(frame(&json!({}), 200).lines().filter(|line| !line.is_empty()).count(), 4);
    }
}
