//! Replays `vectors/rate-limiters.json`: the answers of redis-cell and governor, step by step.

use std::time::Duration;

use serde_json::{Value, json};
use tenantry::{Balancer, Config, Format, ManualClock, Outcome, Rejection, Request};

const VECTORS: &str = include_str!("../../vectors/rate-limiters.json");

/// One of a row's figures, which the source may not tell.
fn figure(row: &Value, column: usize) -> Option<u64> {
    row[column].as_u64()
}

fn millis(duration: Duration) -> u64 {
    let exact = Duration::from_millis(u64::try_from(duration.as_millis()).expect("short"));
    assert_eq!(exact, duration, "a whole number of milliseconds");
    u64::try_from(duration.as_millis()).expect("short")
}

/// Whether it is limited and when to return, what remains, and when all of it is there again.
type Answer = (bool, Option<u64>, u64, u64);

fn replay(case: &Value, ask: impl Fn(&Balancer, u64) -> Result<(), Rejection>) {
    let config = json!({
        "pools": { "api": { "endpoints": ["http://10.0.0.1:80"] } },
        "tenants": { "a": { "rate": case["rate"] } },
    });
    let config = Config::from_text(&config.to_string(), Format::Json).expect("usable");
    let clock = ManualClock::new();
    let balancer = Balancer::with_clock(config, clock.clone()).expect("usable");
    let mut now = 0;
    for row in case["steps"].as_array().expect("a list") {
        let at = figure(row, 0).expect("a time");
        clock.advance(Duration::from_millis(at - now));
        now = at;
        let asked = ask(&balancer, figure(row, 1).expect("a cost"));
        let limit = balancer.limits_of("a").expect("it is there").remove(0);
        let retry_after = asked.err().and_then(|rejection| rejection.retry_after()).map(millis);
        let answer: Answer = (asked.is_err(), retry_after, limit.remaining(), millis(limit.full_in()));
        let (limited, told) = (figure(row, 2) == Some(1), figure(row, 5));
        let expected: Answer = (
            limited,
            // redis-cell tells it of every row, governor's tests only of some.
            if figure(row, 4).is_some() { told } else { told.or(retry_after) },
            figure(row, 3).unwrap_or(answer.2),
            figure(row, 4).unwrap_or(answer.3),
        );
        assert_eq!(answer, expected, "{} at {row}", case["name"]);
        // More than there ever is at once: for ever, and so without a time.
        let never = limited && figure(row, 1) > Some(limit.amount());
        assert_eq!(asked.is_err_and(|rejection| rejection.is_permanent()), never);
    }
}

fn cases() -> Vec<Value> {
    let vectors: Value = serde_json::from_str(VECTORS).expect("it is JSON");
    let cases = vectors["cases"].as_array().expect("a list").clone();
    assert!(cases.len() >= 11, "{} cases", cases.len());
    cases
}

#[test]
fn requests_are_answered_as_redis_cell_and_governor_do() {
    let ask = |balancer: &Balancer, cost| {
        let lease = balancer.try_acquire(&Request::new("a").cost(cost))?;
        lease.finish(Outcome::success());
        Ok(())
    };
    cases().iter().for_each(|case| replay(case, ask));
}

#[test]
fn checks_are_answered_as_redis_cell_and_governor_do() {
    let check = |balancer: &Balancer, cost| balancer.check(&Request::new("a").cost(cost));
    cases().iter().for_each(|case| replay(case, check));
}
