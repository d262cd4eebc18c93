//! The adaptive limit against backends with a known capacity.

use super::*;

const SERVICE: Duration = Duration::from_millis(20);

/// Backends that serve `capacity` at once and queue the rest, with `demand` requests always wanting in: what a closed loop sees.
/// Runs for `seconds` and returns the limits after each window.
fn run(gradient: &Gradient, capacity: u32, demand: u32, from: u64, seconds: u64) -> Vec<u32> {
    let mut limits = vec![];
    let mut micros = from * 1_000_000;
    let until = micros + seconds * 1_000_000;
    while micros < until {
        let inside = gradient.limit().min(demand);
        // Little's law: with `inside` in flight, throughput is at most capacity / service.
        let waits = (f64::from(inside) / f64::from(capacity)).max(1.0);
        let latency = SERVICE.mul_f64(waits);
        // `inside` answers in one latency: one every latency / inside.
        micros += u64::try_from((latency / inside.max(1)).as_micros().max(1)).expect("small");
        if let Some(limit) = gradient.observe(latency, inside, Time::from_nanos(micros * 1_000)) {
            limits.push(limit);
        }
    }
    limits
}

fn settled(limits: &[u32]) -> (u32, u32) {
    let mut tail: Vec<u32> = limits[limits.len() / 2..].to_vec();
    tail.sort_unstable();
    (tail[tail.len() / 10], tail[tail.len() - 1])
}

#[test]
fn finds_the_capacity_from_above_and_from_below() {
    for capacity in [6, 12, 40, 300] {
        let gradient = Gradient::new(4, 10_000);
        let limits = run(&gradient, capacity, 100_000, 0, 60);
        let (usual, highest) = settled(&limits);
        assert!(usual >= capacity, "capacity {capacity}: {usual} seats waste some of it");
        assert!(
            highest <= capacity * 3 / 2 + 4,
            "capacity {capacity}: {highest} seats queue at the backends"
        );
    }
}

#[test]
fn follows_a_backend_that_slows_down_and_recovers() {
    let gradient = Gradient::new(4, 10_000);
    run(&gradient, 100, 100_000, 0, 30);
    let (usual, highest) = settled(&run(&gradient, 20, 100_000, 30, 60));
    assert!(usual >= 20 && highest <= 34, "after the slow-down: {usual}..{highest}");
    let (usual, _) = settled(&run(&gradient, 100, 100_000, 90, 60));
    assert!(usual >= 100, "after the recovery: {usual}");
}

#[test]
fn does_not_grow_while_half_of_it_is_idle() {
    let gradient = Gradient::new(4, 10_000);
    run(&gradient, 1_000, 5, 0, 30);
    assert_eq!(gradient.limit().max(20), 20);
}

#[test]
fn overload_answers_shrink_it_to_the_minimum_and_no_further() {
    let gradient = Gradient::new(4, 10_000);
    for step in 0..20_000_u64 {
        gradient.overloaded(10, Time::from_nanos(step * 2_000_000));
    }
    assert_eq!(gradient.limit(), 4);
}
