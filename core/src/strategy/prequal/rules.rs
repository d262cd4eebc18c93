//! The numbers of one pool's probing.

use std::time::Duration;

use crate::config::PrequalSpec;

/// As configured, and what follows from it for this many endpoints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(super) pool: usize,
    pub(super) max_age: Duration,
    pub(super) quantile: f64,
    /// In millionths.
    pub(super) probes_per_request: u32,
    /// In millionths.
    pub(super) remove_per_request: u32,
    /// How many requests an answer may serve, in millionths: rounded at random for each.
    pub(super) uses: u32,
}

impl Rules {
    pub(crate) fn new(spec: &PrequalSpec, endpoints: usize) -> Self {
        Self {
            pool: spec.pool() as usize,
            max_age: spec.max_age(),
            quantile: spec.quantile(),
            probes_per_request: spec.probes_per_request(),
            remove_per_request: spec.remove_per_request(),
            uses: uses(spec, endpoints),
        }
    }
}

/// `max(1, (1 + δ) / ((1 − m/n) · probes − removals))` with δ = 1: enough that the pool does not run dry, and at most m.
fn uses(spec: &PrequalSpec, endpoints: usize) -> u32 {
    let pool = u64::from(spec.pool());
    let endpoints = u64::try_from(endpoints.max(1)).unwrap_or(u64::MAX);
    let others = endpoints.saturating_sub(pool);
    let kept = u64::from(spec.probes_per_request()) * others / endpoints;
    let gained = kept.saturating_sub(u64::from(spec.remove_per_request()));
    let most = pool * MILLION;
    let uses = (2 * MILLION * MILLION).checked_div(gained).unwrap_or(most).clamp(MILLION, most);
    u32::try_from(uses).unwrap_or(u32::MAX)
}

const MILLION: u64 = 1_000_000;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn uses_of(probes: f64, removals: f64, pool: u32, endpoints: usize) -> f64 {
        let spec = PrequalSpec::new()
            .with_probes_per_request(probes)
            .with_remove_per_request(removals)
            .with_pool(pool);
        f64::from(Rules::new(&spec, endpoints).uses) / 1e6
    }

    #[test]
    fn the_defaults_and_their_reuse_are_the_papers() {
        let text = include_str!("../../../../vectors/prequal.json");
        let paper: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let number = |value: &serde_json::Value| value.as_f64().expect("a number");
        let rules = Rules::new(&PrequalSpec::new(), 100);
        let found = [
            ("pool", f64::from(u32::try_from(rules.pool).expect("few"))),
            ("age_s", rules.max_age.as_secs_f64()),
            ("quantile", (rules.quantile * 1e4).round() / 1e4),
            ("probes_per_request", f64::from(rules.probes_per_request) / 1e6),
            ("remove_per_request", f64::from(rules.remove_per_request) / 1e6),
            ("probe_timeout_ms", PrequalSpec::new().timeout().as_secs_f64() * 1e3),
        ];
        for (name, value) in found {
            assert!((value - number(&paper[name])).abs() < 1e-9, "{name}: {value}");
        }
        for case in paper["reuse"].as_array().expect("a list") {
            let count = |name: &str| u32::try_from(case[name].as_u64().expect("a count")).expect("few");
            let (probes, removals) =
                (number(&case["probes_per_request"]), number(&case["remove_per_request"]));
            let uses = uses_of(probes, removals, count("pool"), count("endpoints") as usize);
            assert!((uses - number(&case["uses"])).abs() < 5e-5, "{case}: {uses}");
        }
    }

    #[test]
    fn an_answer_serves_as_many_requests_as_the_paper_says() {
        for (given, uses) in [
            ((3.0, 1.0, 16, 100), 2.0 / 1.52),
            ((4.0, 0.25, 16, 100), 1.0),
            ((2.0, 1.0, 16, 100), 2.0 / 0.68),
            ((3.0, 1.0, 16, 1_000_000), 1.0),
        ] {
            let (probes, removals, pool, endpoints) = given;
            let found = uses_of(probes, removals, pool, endpoints);
            assert!((found - uses).abs() < 1e-4, "{given:?}: {found}, not {uses}");
        }
    }

    #[test]
    fn where_the_formula_has_no_answer_it_is_the_size_of_the_pool() {
        for (probes, removals, endpoints) in [(3.0, 1.0, 16), (3.0, 1.0, 3), (1.1, 1.0, 100), (1.0, 0.0, 0)] {
            let found = uses_of(probes, removals, 16, endpoints);
            assert!((found - 16.0).abs() < 1e-9, "{probes}, {removals}, {endpoints}: {found}");
        }
    }
}
