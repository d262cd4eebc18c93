//! Others' figures, the cases that this is built for, and a slow and obvious oracle.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const SUCCESS_RATE: SuccessRateRule =
    SuccessRateRule { factor: 1.9, min_endpoints: 5, min_requests: 100, shadow: false };
const FAILURES: FailureRule =
    FailureRule { threshold: 30, min_endpoints: 2, min_requests: 50, shadow: false };

fn latency_rule() -> LatencyRule {
    LatencyRule {
        log_factor: 5_f32.log2(),
        log_floor: 1e7_f32.log2(),
        min_endpoints: 3,
        min_requests: 20,
        shadow: false,
    }
}

/// So many of so many fail.
fn failing_of(failed: u64, requests: u64) -> Sample {
    Sample { requests, failed, ..Sample::default() }
}

fn taking_ms(ms: f32) -> Sample {
    Sample { timed: 20, log_latency: (ms * 1e6).log2(), ..Sample::default() }
}

fn places(found: &[Found]) -> Vec<usize> {
    found.iter().map(|&(place, ..)| place).collect()
}

/// `bad` of `all` fail so many percent, the others one in a hundred.
fn group(bad: usize, all: usize, percent: u64) -> Vec<Sample> {
    (0..all).map(|place| failing_of(if place < bad { percent * 2 } else { 2 }, 200)).collect()
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../vectors/envoy-misc.json")).expect("vectors")
}

#[test]
fn ejects_whom_envoy_ejects_at_its_threshold() {
    let case = &vectors()["outlier_success_rate"];
    let rates = case["success_rates"].as_array().expect("rates").iter();
    let samples: Vec<_> = rates.map(|rate| failing_of(100 - rate.as_u64().expect("a rate"), 100)).collect();
    let found = SUCCESS_RATE.find(&samples);
    let ejected: Vec<usize> = serde_json::from_value(case["ejected"].clone()).expect("places");
    assert_eq!(places(&found), ejected);
    let Finding::SuccessRate { rate, mean, least, requests, endpoints } = found[0].2 else {
        panic!("{found:?}")
    };
    let is = |value: f64, name: &str| (value - case[name].as_f64().expect("a figure")).abs() < 1e-9;
    assert!(is(mean, "mean") && is(least, "threshold"), "{mean}, {least}");
    let deviation = mean_and_deviation([100.0, 100.0, 100.0, 100.0, 50.0].into_iter()).1;
    assert!(is(deviation, "stdev_population"), "{deviation}");
    assert!((rate - 50.0).abs() < 1e-9);
    assert_eq!((requests, endpoints), (100, 5));
}

#[test]
fn the_defaults_are_envoys_but_where_it_is_said() {
    let vectors = vectors();
    let envoy = |name: &str| vectors["outlier_defaults"][name].as_u64().expect("a figure");
    assert!((SUCCESS_RATE.factor - 1.9).abs() < 1e-9 && envoy("success_rate_stdev_factor") == 1_900);
    assert_eq!(SUCCESS_RATE.min_endpoints as u64, envoy("success_rate_minimum_hosts"));
    assert_eq!(SUCCESS_RATE.min_requests, envoy("success_rate_request_volume"));
    assert_eq!(FAILURES.min_requests, envoy("failure_percentage_request_volume"));
}

#[test]
fn too_few_endpoints_or_requests_say_nothing() {
    let four: Vec<_> = group(1, 4, 90);
    assert_eq!(places(&SUCCESS_RATE.find(&four)), [] as [usize; 0]);
    let mut quiet = group(1, 6, 90);
    quiet[1].requests = 99;
    quiet[2].requests = 99;
    assert_eq!(places(&SUCCESS_RATE.find(&quiet)), [] as [usize; 0], "four of six have enough");
    quiet[2].requests = 100;
    assert_eq!(places(&SUCCESS_RATE.find(&quiet)), [0]);
    assert_eq!(places(&FAILURES.find(&[failing_of(49, 49), failing_of(0, 49)])), [] as [usize; 0]);
    assert_eq!(places(&FAILURES.find(&[failing_of(50, 50)])), [] as [usize; 0], "nobody to compare with");
    assert_eq!(places(&FAILURES.find(&[])), [] as [usize; 0]);
    assert_eq!(places(&latency_rule().find(&[taking_ms(100.0), taking_ms(1.0)])), [] as [usize; 0]);
}

/// Of n, k equally bad ones stand √((n − k) / k) deviations off: more than 1.9 only below 21.7 %.
#[test]
fn the_success_rate_is_blind_to_groups_and_the_failure_percentage_sees_them() {
    for (bad, all) in [(1, 5), (2, 10), (21, 100)] {
        assert_eq!(SUCCESS_RATE.find(&group(bad, all, 50)).len(), bad, "{bad} of {all}");
    }
    for (bad, all) in [(1, 2), (3, 10), (30, 100), (49, 100)] {
        assert_eq!(SUCCESS_RATE.find(&group(bad, all, 50)).len(), 0, "{bad} of {all}");
        for percent in [40, 50, 100] {
            let found = FAILURES.find(&group(bad, all, percent));
            assert_eq!(places(&found), (0..bad).collect::<Vec<_>>(), "{bad} of {all} at {percent} %");
        }
    }
}

#[test]
fn what_ails_all_of_them_is_nobodys_fault() {
    for percent in [30, 60, 100] {
        let all = group(10, 10, percent);
        assert_eq!(FAILURES.find(&all).len() + SUCCESS_RATE.find(&all).len(), 0, "{percent} %");
    }
    let mut uneven = group(10, 10, 40);
    uneven[3].failed = 180;
    assert_eq!(places(&FAILURES.find(&uneven)), [3], "one is worse than that");
}

#[test]
fn a_trifle_is_no_outlier_however_alike_the_others_are() {
    let mut calm = vec![failing_of(0, 1_000); 10];
    calm[4].failed = 29;
    assert!(
        success_percent(&calm[4]) < {
            let (mean, deviation) = mean_and_deviation(calm.iter().map(success_percent));
            mean - 1.9 * deviation
        }
    );
    assert_eq!(SUCCESS_RATE.find(&calm).len(), 0);
    calm[4].failed = 40;
    assert_eq!(places(&SUCCESS_RATE.find(&calm)), [4]);
}

#[test]
fn the_slow_are_found_by_the_median_of_all_and_not_below_the_floor() {
    let rule = latency_rule();
    let found = |ms: &[f32]| places(&rule.find(&ms.iter().map(|&ms| taking_ms(ms)).collect::<Vec<_>>()));
    assert_eq!(found(&[10.0, 11.0, 12.0, 120.0]), [3]);
    assert_eq!(found(&[10.0, 11.0, 12.0, 50.0]), [] as [usize; 0], "not five times 11");
    assert_eq!(found(&[100.0, 100.0, 10.0, 10.0, 10.0]), [0, 1], "two of five");
    assert_eq!(found(&[1.0, 1.0, 1.0, 9.0]), [] as [usize; 0], "nobody minds 9 ms");
    assert_eq!(found(&[1.0, 1.0, 1.0, 11.0]), [3]);
    let mut quiet = vec![taking_ms(10.0); 4];
    quiet[0] = Sample { timed: 19, ..taking_ms(1_000.0) };
    assert_eq!(places(&rule.find(&quiet)), [] as [usize; 0]);
}

/// Ten endpoints that fail alike, for five hours at each of these rates: chance blames hardly anybody. By the deviation alone it would blame somebody all the time.
#[test]
fn equal_endpoints_are_hardly_ever_blamed() {
    let comparisons = 2_000_u64;
    for percent in [1_u32, 5, 15, 30] {
        let (mut blamed, mut by_deviation) = (0, 0);
        for turn in 0..comparisons {
            let draw = |place: u64, request: u64| {
                let draw = crate::rng::draw(turn << 16 | place << 10 | request, u64::from(percent));
                crate::rng::below((draw >> 32) as u32, 100) < percent
            };
            let failed = |place| (0..100).filter(|&request| draw(place, request)).count() as u64;
            let samples: Vec<_> = (0..10).map(|place| failing_of(failed(place), 100)).collect();
            blamed += SUCCESS_RATE.find(&samples).len() + FAILURES.find(&samples).len();
            let (mean, deviation) = mean_and_deviation(samples.iter().map(success_percent));
            let outlies = |sample: &Sample| success_percent(sample) < mean - 1.9 * deviation;
            by_deviation += u64::from(samples.iter().any(outlies));
        }
        assert!(blamed <= 1, "{blamed} of {comparisons} comparisons of ten blame somebody at {percent} %");
        assert!(by_deviation > comparisons / 4, "{by_deviation} at {percent} %");
    }
}

proptest! {
    /// The rule of the success rate against its definition, in the plainest words.
    #[test]
    fn finds_whom_the_definition_finds(
        counts in prop::collection::vec((0_u64..=300, 0_u64..=300), 0..30), factor in 0.5_f64..3.0,
    ) {
        let samples: Vec<_> = counts.iter().map(|&(failed, good)| failing_of(failed, failed + good)).collect();
        let rule = SuccessRateRule { factor, ..SUCCESS_RATE };
        let counted: Vec<usize> = (0..samples.len()).filter(|&place| samples[place].requests >= 100).collect();
        let share = |place: usize| samples[place].failed as f64 / samples[place].requests as f64;
        let n = counted.len() as f64;
        let mean = counted.iter().map(|&place| share(place)).sum::<f64>() / n;
        let variance = counted.iter().map(|&place| (share(place) - mean).powi(2)).sum::<f64>() / n;
        let mut expected = vec![];
        for &place in counted.iter().filter(|_| counted.len() >= 5) {
            let (here, requests) = (share(place), samples[place].requests as f64);
            let others = (mean * n - here) / (n - 1.0);
            let chance = 4.0 * ((here * (1.0 - here) + others * (1.0 - others)) / requests).sqrt();
            let margin = (here - mean - factor * variance.sqrt()).min(here - others - chance).min(here - others - 0.05);
            // On the line itself rounding decides.
            prop_assume!(margin.abs() > 1e-9);
            if margin > 0.0 { expected.push(place) }
        }
        prop_assert_eq!(places(&rule.find(&samples)), expected);
    }

    /// Whoever fails less than the median, or less than the threshold, is never found; nor are half of them or more.
    #[test]
    fn never_blames_the_better_half(
        counts in prop::collection::vec((0_u64..=300, 0_u64..=300), 0..30), threshold in 1_u32..=100,
    ) {
        let samples: Vec<_> = counts.iter().map(|&(failed, good)| failing_of(failed, failed + good)).collect();
        let found = FailureRule { threshold, ..FAILURES }.find(&samples);
        let counted = samples.iter().filter(|sample| sample.requests >= 50).count();
        prop_assert!(found.is_empty() || found.len() <= counted / 2, "{} of {counted}", found.len());
        for (place, percent, _) in found {
            prop_assert!(percent >= f64::from(threshold) - 1e-9);
            let better = samples.iter().filter(|sample| sample.requests >= 50 && failing(sample) < failing(&samples[place]));
            prop_assert!(better.count() >= counted.div_ceil(2).max(1), "half of them are better than {place}");
        }
    }
}
