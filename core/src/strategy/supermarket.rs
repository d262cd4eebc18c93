//! P2C by in-flight against the supermarket model: Poisson arrivals, one client that sees all queues, servers that take exponential times.
//!
//! Source: Mitzenmacher (2001): with `d` choices and load λ the mean time in system is `Σ λ^((dⁱ − d)/(d − 1))` as servers become many. The
//! draws' own load differs from λ by chance, and at 0.95 the mean is steep; so each run is held against the model at the load that its draws made.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use super::{Candidates, P2c, Turn};
use crate::{config::LoadKind, endpoint::Member, ewma::decay_rate, rng, time::Time};

const SERVERS: u32 = 500;
const WARM_UP: f64 = 100.0;
const END: f64 = 900.0;

/// Uniform in (0, 1].
fn uniform(number: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    let draw = ((rng::draw(0xc0ff_ee00, number) >> 11) + 1) as f64;
    draw / 9_007_199_254_740_992.0
}

/// The mean time in system, and the load that the draws made.
fn simulate(load: f64, choices: u32) -> (f64, f64) {
    let members: Vec<Member> = (0..SERVERS).map(|index| Member::new(&index.to_string(), 1)).collect();
    let candidates = Candidates::new(
        &members,
        crate::health::Scrutiny::Nothing,
        decay_rate(Duration::from_secs(10)),
        Time::ZERO,
    );
    let p2c = P2c::new(choices, LoadKind::InFlight);
    let mut free = vec![0.0_f64; members.len()];
    let (mut running, mut due) = (vec![], BinaryHeap::new());
    let (mut now, mut work, mut time, mut count) = (0.0, 0.0, 0.0, 0.0);
    for number in 0_u32.. {
        now -= uniform(2 * u64::from(number)).ln() / (load * f64::from(SERVERS));
        if now > END {
            break;
        }
        while due.peek().is_some_and(|Reverse((at, _))| *at <= now.to_bits()) {
            let Some(Reverse((_, which))) = due.pop() else { break };
            running[which] = None;
        }
        let turn = Turn { number, draw: rng::draw(5, u64::from(number)), saturated: false, key: None };
        let server = p2c.pick(&candidates, &turn).expect("all are usable");
        let service = -uniform(2 * u64::from(number) + 1).ln();
        free[server] = free[server].max(now) + service;
        if now >= WARM_UP {
            work += service;
            time += free[server] - now;
            count += 1.0;
        }
        // Bits of positive floats sort as they do.
        due.push(Reverse((free[server].to_bits(), running.len())));
        running.push(Some(members[server].enter()));
    }
    (time / count, work / (f64::from(SERVERS) * (END - WARM_UP)))
}

fn model(load: f64, choices: i32) -> f64 {
    let exponent = |i| (choices.pow(i) - choices) / (choices - 1);
    (1..=12).map(|i| load.powi(exponent(i))).sum()
}

fn assert_as_in_the_model(load: f64, choices: u32) {
    let (mean, made) = simulate(load, choices);
    assert!((made / load - 1.0).abs() < 0.01, "the draws made a load of {made}, not {load}");
    let due = model(made, choices.cast_signed());
    assert!((mean / due - 1.0).abs() < 0.03, "at {made} with {choices} choices: {mean}, not {due}");
}

#[test]
fn the_model_has_its_published_figures() {
    for (load, two, three) in
        [(0.5, 1.2657, 1.1252), (0.7, 1.6145, 1.3568), (0.9, 2.6141, 2.0279), (0.95, 3.3830, 2.5351)]
    {
        assert!((model(load, 2) - two).abs() < 1e-4 && (model(load, 3) - three).abs() < 1e-4);
    }
}

#[test]
fn at_half_load_the_mean_is_the_models() {
    assert_as_in_the_model(0.5, 2);
}

#[test]
fn at_seven_tenths_the_mean_is_the_models() {
    assert_as_in_the_model(0.7, 2);
}

#[test]
fn at_nine_tenths_the_mean_is_the_models() {
    assert_as_in_the_model(0.9, 2);
}

#[test]
fn at_nine_tenths_with_three_choices_the_mean_is_the_models() {
    assert_as_in_the_model(0.9, 3);
}

#[test]
fn at_ninety_five_hundredths_the_mean_is_the_models() {
    assert_as_in_the_model(0.95, 2);
}
