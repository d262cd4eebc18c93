//! The parts of tiers: how much of the traffic goes to each level of priority, by how many of its endpoints are available.
//!
//! Source: Envoy's priority levels and panic mode. A tier's health is `overprovisioning × available / all`, at most 100 %; each tier takes as much of
//! the traffic as its health, the rest goes on to the next. Where all tiers together have less than 100 %, what there is is scaled up to it, and a tier
//! of which less than the panic threshold is available ignores health; where all do, each takes its part by the number of its endpoints. The
//! answers are those of Envoy's own tests (`vectors/envoy-priority-panic.json`). *Where we differ*: a threshold is a whole percentage, and an
//! endpoint on probation that may be tried counts as available.

/// What there is of one tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Availability {
    /// Endpoints that count: neither draining nor of weight 0.
    pub(crate) all: u32,
    pub(crate) healthy: u32,
    /// Available, but only where healthy ones do not suffice.
    pub(crate) degraded: u32,
}

/// How tiers share the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TierRules {
    /// By how much the endpoints of a tier can take more than their share, in percent of it.
    pub(crate) overprovisioning: u32,
    /// Health is ignored where less than this percentage is available; 0: never.
    pub(crate) panic: u32,
}

/// One tier's part of the traffic, in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) healthy: u32,
    pub(crate) degraded: u32,
    /// Whether health is ignored in it.
    pub(crate) panic: bool,
}

impl TierRules {
    /// Splits the traffic. The parts sum to 100, unless there is nothing at all.
    pub(crate) fn split(&self, tiers: &[Availability]) -> Vec<Part> {
        let health = |count: u32, all: u32| {
            let percent = u64::from(count) * u64::from(self.overprovisioning);
            percent.checked_div(u64::from(all)).map_or(0, |percent| percent.min(100))
        };
        let healths: Vec<[u64; 2]> = tiers
            .iter()
            .map(|tier| [health(tier.healthy, tier.all), health(tier.degraded, tier.all)])
            .collect();
        let sum = healths.iter().flatten().sum::<u64>().min(100);
        let panics = |tier: &Availability| {
            sum < 100
                && u64::from(tier.healthy + tier.degraded) * 100 < u64::from(tier.all) * u64::from(self.panic)
        };
        let mut parts: Vec<Part> =
            tiers.iter().map(|tier| Part { panic: panics(tier), ..Part::default() }).collect();
        if tiers.iter().all(|tier| tier.all == 0 || panics(tier)) {
            share_by_number(&mut parts, tiers);
        } else {
            share_by_health(&mut parts, &healths, sum);
        }
        parts
    }
}

/// Everybody is in a panic: by the number of endpoints.
fn share_by_number(parts: &mut [Part], tiers: &[Availability]) {
    let all: u64 = tiers.iter().map(|tier| u64::from(tier.all)).sum();
    let mut left = 100;
    for (part, tier) in parts.iter_mut().zip(tiers) {
        part.panic = true;
        part.healthy = percent((u64::from(tier.all) * 100).checked_div(all).unwrap_or(0));
        left -= part.healthy;
    }
    let first = parts.iter_mut().zip(tiers).find(|(_, tier)| tier.all > 0);
    if let Some((part, _)) = first {
        part.healthy += left;
    }
}

/// From the first tier on, each as much as its health: the healthy ones of all tiers, and then the degraded ones.
fn share_by_health(parts: &mut [Part], healths: &[[u64; 2]], sum: u64) {
    let mut left = 100;
    let mut take = |health: u64| {
        let part = percent((health * 100).checked_div(sum).unwrap_or(0)).min(left);
        left -= part;
        part
    };
    for (part, [healthy, _]) in parts.iter_mut().zip(healths) {
        part.healthy = take(*healthy);
    }
    for (part, [_, degraded]) in parts.iter_mut().zip(healths) {
        part.degraded = take(*degraded);
    }
    // What rounding down has left.
    if let Some((part, _)) = parts.iter_mut().zip(healths).find(|(_, [healthy, _])| *healthy > 0) {
        part.healthy += left;
    } else if let Some((part, _)) = parts.iter_mut().zip(healths).find(|(_, [_, degraded])| *degraded > 0) {
        part.degraded += left;
    }
}

fn percent(of_hundred: u64) -> u32 {
    u32::try_from(of_hundred.min(100)).unwrap_or(100)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../../vectors/envoy-priority-panic.json")).expect("vectors")
    }

    fn numbers(list: &Value) -> Vec<u32> {
        let numbers = list.as_array().map(Vec::as_slice).unwrap_or_default();
        numbers
            .iter()
            .map(|number| u32::try_from(number.as_u64().expect("a number")).expect("small"))
            .collect()
    }

    /// `[all, healthy, degraded, excluded]`, of which the last two may be missing.
    fn tier(counts: &Value) -> Availability {
        let counts = numbers(counts);
        let of = |place: usize| counts.get(place).copied().unwrap_or(0);
        Availability { all: of(0) - of(3), healthy: of(1), degraded: of(2) }
    }

    fn rules(overprovisioning: u32, panic: u32) -> TierRules {
        TierRules { overprovisioning, panic }
    }

    #[test]
    fn splits_as_envoy_does() {
        let vectors = vectors();
        let cases = vectors["cases"].as_array().expect("cases");
        assert_eq!(cases.len(), 22);
        for case in cases {
            let tiers: Vec<_> = case["p"].as_array().expect("tiers").iter().map(tier).collect();
            let threshold = if case["threshold"] == 0 { 0 } else { 50 };
            let parts = rules(140, threshold).split(&tiers);
            // With hosts excluded, Envoy splits a total panic by all hosts; here those that do not count never do.
            if case["p"].to_string().contains("[4,0,0,") {
                assert!(parts.iter().all(|part| part.panic), "{case}");
                continue;
            }
            let healthy: Vec<u32> = parts.iter().map(|part| part.healthy).collect();
            assert_eq!(healthy, numbers(&case["load"]), "{case}");
            if case["degraded_load"].is_array() {
                let degraded: Vec<u32> = parts.iter().map(|part| part.degraded).collect();
                assert_eq!(degraded, numbers(&case["degraded_load"]), "{case}");
            }
            if case["panic"].is_array() {
                let panic: Vec<u32> = parts.iter().map(|part| u32::from(part.panic)).collect();
                assert_eq!(panic, numbers(&case["panic"]), "{case}");
            }
        }
        let even: Vec<_> =
            vectors["overprovision_100"]["p"].as_array().expect("tiers").iter().map(tier).collect();
        let parts = rules(100, 50).split(&even);
        assert_eq!(parts.iter().map(|part| part.healthy).collect::<Vec<_>>(), [50, 50]);
        for case in vectors["weighted_health_overprov100"].as_array().expect("cases").iter().take(1) {
            let healthy = tier(&serde_json::json!([10, case["weights_healthy"]]));
            let parts = rules(100, 50).split(&[healthy, Availability { all: 10, healthy: 10, degraded: 0 }]);
            assert_eq!(parts.iter().map(|part| part.healthy).collect::<Vec<_>>(), numbers(&case["load"]));
        }
    }

    #[test]
    fn the_documented_example_of_degraded_tiers() {
        let of = |healthy, degraded| Availability { all: 100, healthy, degraded };
        let parts = rules(100, 0).split(&[of(10, 20), of(20, 10), of(10, 0)]);
        let example = &vectors()["comment_example"];
        assert_eq!(
            parts.iter().map(|part| part.healthy).collect::<Vec<_>>(),
            numbers(&example["healthy_load"])
        );
        assert_eq!(
            parts.iter().map(|part| part.degraded).collect::<Vec<_>>(),
            numbers(&example["degraded_load"])
        );
    }

    proptest! {
        /// All of the traffic goes somewhere, none of it to a tier without anybody, and the first tiers go first.
        #[test]
        fn nothing_is_lost_and_nothing_goes_nowhere(
            tiers in prop::collection::vec((0_u32..20, 0_u32..20, 0_u32..20), 1..6),
            overprovisioning in 100_u32..300, panic in 0_u32..=100,
        ) {
            let availability = |&(all, healthy, degraded): &(u32, u32, u32)| {
                let healthy = healthy.min(all);
                Availability { all, healthy, degraded: degraded.min(all - healthy) }
            };
            let tiers: Vec<_> = tiers.iter().map(availability).collect();
            let parts = rules(overprovisioning, panic).split(&tiers);
            let sum: u32 = parts.iter().map(|part| part.healthy + part.degraded).sum();
            let there = tiers.iter().any(|tier| tier.healthy + tier.degraded > 0);
            let panics = tiers.iter().any(|tier| tier.all > 0) && panic > 0;
            if there || panics { prop_assert_eq!(sum, 100) } else { prop_assert_eq!(sum, 0) }
            for (part, tier) in parts.iter().zip(&tiers) {
                prop_assert!(tier.all > 0 || part.healthy + part.degraded == 0);
                prop_assert!(part.panic || part.healthy == 0 || tier.healthy > 0);
                prop_assert!(part.panic || part.degraded == 0 || tier.degraded > 0);
            }
            if tiers[0].all > 0 && tiers[0].healthy == tiers[0].all {
                prop_assert_eq!(parts[0].healthy, 100);
            }
        }
    }
}
