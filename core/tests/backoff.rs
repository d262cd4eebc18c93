//! Replays `vectors/backoff.json`: what an independent model draws.

use std::time::Duration;

use serde_json::Value;
use tenantry::Backoff;

const VECTORS: &str = include_str!("../../vectors/backoff.json");

/// A whole number, as text where it is too large for a double.
fn whole(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).expect("a whole number")
}

#[test]
fn waits_are_those_of_an_independent_model() {
    let vectors: Value = serde_json::from_str(VECTORS).expect("JSON");
    let rows = vectors["waits"].as_array().expect("a list");
    assert!(rows.len() >= 66);
    for row in rows {
        let figure = |column: usize| whole(&row[column]);
        let backoff = Backoff::new(Duration::from_nanos(figure(0)), Duration::from_nanos(figure(1)));
        let backoff = backoff.with_seed(figure(2));
        let retry = u32::try_from(figure(3)).expect("a small number");
        assert_eq!(backoff.bound(retry), Duration::from_nanos(figure(5)), "{row}");
        assert_eq!(backoff.wait(retry, figure(4)), Duration::from_nanos(figure(6)), "{row}");
    }
}
