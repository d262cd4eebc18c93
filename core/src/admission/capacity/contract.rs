//! What every rule must hold, whatever it optimises.

use std::{sync::Arc, thread, time::Duration};

use serde_json::Value;

use super::{
    Capacity, Sample,
    model::{Model, Service},
};
use crate::{
    config::{AdaptiveSpec, AimdSpec, CapacitySpec, Gradient2Spec, GradientSpec, VegasSpec},
    outcome::OutcomeKind,
    time::Time,
};

const KINDS: [OutcomeKind; 4] =
    [OutcomeKind::Success, OutcomeKind::Failure, OutcomeKind::Overload, OutcomeKind::Cancelled];

/// Every rule that learns, between `min` and `max`.
fn rules(min: u32, max: u32) -> Vec<Capacity> {
    let specs: [CapacitySpec; 5] = [
        AimdSpec::new().with_min(min).with_max(max).with_timeout(Duration::from_millis(50)).into(),
        GradientSpec::new().with_min(min).with_max(max).into(),
        Gradient2Spec::new().with_min(min).with_max(max).into(),
        VegasSpec::new().with_min(min).with_max(max).into(),
        AdaptiveSpec::new().with_min(min).with_max(max).into(),
    ];
    specs.iter().map(Capacity::new).collect()
}

fn sample(latency: Duration, taken: u32, now: u64) -> Sample {
    Sample { latency, taken, now: Time::from_nanos(now) }
}

#[test]
fn finds_more_than_it_begins_with_and_gives_up_too_much() {
    for capacity in rules(4, 1_000) {
        let mut model = Model::new(10, 6, Service::Constant);
        model.run(&capacity, 20.0);
        model.run(&capacity, 5.0);
        assert!(model.goodput(5.0) >= 3_000.0 * 0.6, "{capacity:?}: {}", model.goodput(5.0));
        assert!(model.usual_limit() <= 400, "{capacity:?}: {}", model.usual_limit());
    }
}

#[test]
fn stays_within_its_bounds_whatever_it_is_told() {
    let latencies = [0, 1, 1_000_000, u64::MAX].map(Duration::from_nanos);
    for capacity in rules(7, 30) {
        let mut now = 0_u64;
        for step in 0..40_000_u64 {
            let latency = if step % 11 == 0 { Duration::MAX } else { latencies[(step % 4) as usize] };
            let taken = [0, 1, 29, u32::MAX][(step / 3 % 4) as usize];
            let kind = KINDS[(step / 500 % 4) as usize];
            // Time stands still, runs, jumps to its end and comes back.
            now = match step % 5_000 {
                4_990 => u64::MAX,
                4_995 => 0,
                at if at < 4_000 => now.saturating_add(500_000),
                _ => now,
            };
            let set = capacity.learn(kind, &sample(latency, taken, now));
            assert!((7..=30).contains(&capacity.seats()), "{capacity:?}");
            assert!(set.is_none_or(|seats| (7..=30).contains(&seats)), "{capacity:?}");
        }
    }
}

#[test]
fn backs_off_under_overload_answers_and_comes_back() {
    for capacity in rules(4, 200) {
        let mut model = Model::new(3, 4, Service::Constant);
        model.run(&capacity, 5.0);
        let mut now = 6_000_000_000;
        for _ in 0..20_000 {
            now += 1_000_000;
            capacity.learn(OutcomeKind::Overload, &sample(Duration::from_millis(1), 50, now));
        }
        assert_eq!(capacity.seats(), 4, "{capacity:?}");
        let mut model = Model::new(10, 6, Service::Constant);
        model.run(&capacity, 40.0);
        assert!(model.usual_limit() >= 20, "{capacity:?}: {}", model.usual_limit());
    }
}

#[test]
fn does_not_grow_while_it_is_idle_nor_fall_below_what_a_burst_needs() {
    for capacity in rules(8, 1_000) {
        let first = capacity.seats().max(20);
        let mut model = Model::new(10, 100, Service::Constant);
        model.demand = 1;
        model.run(&capacity, 60.0);
        assert!(
            (8..=first).contains(&capacity.seats()),
            "{capacity:?}: from {first} to {}",
            capacity.seats()
        );
    }
}

#[test]
fn failures_and_cancelled_requests_teach_nothing() {
    for capacity in rules(4, 1_000) {
        let before = format!("{capacity:?}");
        for step in 0..10_000_u64 {
            for kind in [OutcomeKind::Failure, OutcomeKind::Cancelled] {
                let taught = capacity.learn(kind, &sample(Duration::from_secs(60), 20, step * 1_000_000));
                assert_eq!(taught, None, "{capacity:?}");
            }
        }
        assert_eq!(format!("{capacity:?}"), before);
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "what several threads do at once is the claim")]
fn several_threads_teach_it_at_once() {
    for capacity in rules(4, 1_000) {
        let capacity = Arc::new(capacity);
        let threads: Vec<_> = (0..4_u64)
            .map(|thread| {
                let capacity = Arc::clone(&capacity);
                thread::spawn(move || {
                    for step in 0..20_000_u64 {
                        let now = step * 250_000 + thread;
                        capacity.learn(OutcomeKind::Success, &sample(Duration::from_millis(20), 1_000, now));
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("the thread does not panic"));
        // Five seconds in which nothing ever queued: nobody may have missed that.
        assert!(capacity.seats() >= 50, "{capacity:?}");
    }
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../vectors/capacity.json")).expect("vectors")
}

fn numbers(value: &Value) -> Vec<u32> {
    let list = value.as_array().expect("a list");
    list.iter().map(|number| number.as_u64().and_then(|n| u32::try_from(n).ok()).expect("small")).collect()
}

/// Netflix's unit tests of AIMD.
#[test]
fn aimd_takes_the_published_steps() {
    for step in vectors()["aimd"].as_array().expect("a list") {
        let number = |key: &str| step[key].as_u64().and_then(|n| u32::try_from(n).ok());
        let initial = number("init").expect("a limit");
        let spec = AimdSpec::new().with_initial(initial).with_max(number("max").unwrap_or(200));
        let capacity = Capacity::new(&spec.into());
        let kind = if number("drop") == Some(1) { OutcomeKind::Overload } else { OutcomeKind::Success };
        let taken = number("inflight").unwrap_or(initial);
        capacity.learn(kind, &sample(Duration::from_millis(1), taken, 1));
        assert_eq!(Some(capacity.seats()), number("limit"), "{step}");
    }
}

/// Netflix's unit tests of Vegas.
#[test]
fn vegas_takes_the_published_steps() {
    let vectors = vectors();
    let mut cases: Vec<(VegasSpec, &Value, &str)> = vectors["vegas"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|case| (VegasSpec::new().with_initial(10).with_max(20), case, "rtt_ms"))
        .collect();
    cases.push((VegasSpec::new().with_initial(10_000).with_max(20_000), &vectors["vegas_large"], "rtt_s"));
    for (spec, case, latency) in cases {
        let capacity = Capacity::new(&spec.into());
        let steps = numbers(&case[latency]).into_iter().zip(numbers(&case["inflight"]));
        for ((latency, taken), limit) in steps.zip(numbers(&case["limit"])) {
            capacity.learn(OutcomeKind::Success, &sample(Duration::from_millis(latency.into()), taken, 1));
            assert_eq!(capacity.seats(), limit, "{case}");
        }
    }
}

/// Envoy's controller: it measures its floor with the fewest seats, over five requests of 1 to 5 ms, as 3 ms; then grows
/// ten windows long at a latency within the buffer; and measures anew after five windows at the fewest.
#[test]
fn the_gradient_takes_the_published_steps() {
    let spec = GradientSpec::new().with_min(7).with_max(1_000_000).with_min_rtt_requests(5).with_buffer(0.5);
    let capacity = Capacity::new(&spec.into());
    let millisecond = 1_000_000_u64;
    let mut now = 0;
    for latency in [5_u64, 5, 5, 5, 5] {
        assert_eq!(capacity.seats(), 7);
        now += 10 * millisecond;
        capacity.learn(OutcomeKind::Success, &sample(Duration::from_millis(latency), 7, now));
    }
    for _ in 0..10 {
        let before = capacity.seats();
        for _ in 0..2 {
            now += 100 * millisecond;
            capacity.learn(OutcomeKind::Success, &sample(Duration::from_millis(6), before, now));
        }
        assert!(capacity.seats() > before, "{capacity:?}");
    }
    for _ in 0..60 {
        now += 100 * millisecond;
        capacity.learn(OutcomeKind::Success, &sample(Duration::from_secs(5), 1_000, now));
    }
    assert_eq!(capacity.seats(), 7);
    // Began before the measurement: does not count in it.
    for _ in 0..100 {
        capacity.learn(OutcomeKind::Success, &sample(Duration::from_secs(100), 7, now));
    }
    assert_eq!(capacity.seats(), 7);
}
