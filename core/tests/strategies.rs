//! Strategies behind the balancer: failing fast, reported load, one's own.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::{Arc, OnceLock},
    time::Duration,
};

use tenantry::{
    Balancer, Candidates, CapacitySpec, Config, EndpointSpec, Format, HealthOverride, Lease, LeastLoadedSpec,
    LoadKind, LoadReport, ManualClock, Outcome, OutlierSpec, P2cSpec, PoolSpec, Request, Strategy,
    StrategySpec, TenantSpec, TiersSpec, WeightedSpec,
};

const LOADS: [LoadKind; 3] = [LoadKind::PeakEwma, LoadKind::InFlight, LoadKind::Reported];

fn balancer(pool: PoolSpec, clock: &ManualClock) -> Balancer {
    let config = Config::new()
        .with_seed(7)
        .with_pool("api", pool.with_capacity(CapacitySpec::fixed(100_000)))
        .with_tenant("acme", TenantSpec::new());
    Balancer::with_clock(config, clock.clone()).expect("the configuration is right")
}

fn names(count: u32) -> Vec<EndpointSpec> {
    (0..count).map(|index| EndpointSpec::new(format!("e{index}"))).collect()
}

/// Uniform in (0, 1].
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) + 1) as f64 / 9_007_199_254_740_992.0
    }

    fn exponential(&mut self) -> f64 {
        -self.next().ln()
    }
}

/// Fifty clients in a closed loop over ten endpoints, of which the last answers failure in a millisecond and reports that it has
/// nothing to do. The share that it gets from the third second to the tenth.
fn share_of_the_failing(strategy: StrategySpec, outlier: OutlierSpec) -> f64 {
    let clock = ManualClock::new();
    let pool = PoolSpec::new(names(10)).with_strategy(strategy).with_outlier(outlier);
    let (balancer, mut draws) = (balancer(pool, &clock), Draws(3));
    let request = Request::new("acme");
    let (mut running, mut due) = (BTreeMap::new(), BinaryHeap::new());
    let (mut now, mut asked, mut failed) = (0_u64, 0_u32, 0_u32);
    let mut number = 0_u64;
    while now < 10_000_000_000 {
        while running.len() < 50 {
            let lease = balancer.try_acquire(&request).expect("there are seats");
            let bad = lease.endpoint().address() == "e9";
            if now >= 3_000_000_000 {
                asked += 1;
                failed += u32::from(bad);
            }
            let good = Duration::from_secs_f64(0.005 + 0.015 * draws.exponential());
            let takes = if bad { Duration::from_millis(1) } else { good };
            let takes = u64::try_from(takes.as_nanos()).expect("seconds at most");
            number += 1;
            due.push(Reverse((now + takes, number)));
            running.insert(number, lease);
        }
        let Reverse((at, which)) = due.pop().expect("fifty are running");
        clock.advance(Duration::from_nanos(at - now));
        now = at;
        let lease = running.remove(&which).expect("it is running");
        let bad = lease.endpoint().address() == "e9";
        let (cpu, rps) = if bad { (0.01, 5_000.0) } else { (0.5, 200.0) };
        lease.report_load(&LoadReport::new().with_cpu_utilization(cpu).with_rps(rps));
        lease.finish(if bad { Outcome::failure() } else { Outcome::success() });
    }
    f64::from(failed) / f64::from(asked)
}

fn load_aware() -> Vec<StrategySpec> {
    let p2c = LOADS.map(|load| P2cSpec::new().with_load(load).into());
    let least_loaded = LOADS.map(|load| LeastLoadedSpec::new().with_load(load).into());
    let weighted = WeightedSpec::new().with_blackout(Duration::ZERO).into();
    p2c.into_iter().chain(least_loaded).chain([P2cSpec::new().with_choices(5).into(), weighted]).collect()
}

#[test]
fn failing_fast_attracts_nothing_without_ejection() {
    for strategy in load_aware() {
        let share = share_of_the_failing(strategy.clone(), OutlierSpec::new().with_max_ejected_percent(0));
        assert!(share < 0.02, "{strategy:?}: {share}");
    }
}

#[test]
fn failing_fast_attracts_nothing_with_ejection() {
    for strategy in load_aware() {
        let share = share_of_the_failing(strategy.clone(), OutlierSpec::new());
        assert!(share < 0.02, "{strategy:?}: {share}");
    }
}

/// Shares of a thousand requests, each of which reports what its endpoint says.
fn shares(balancer: &Balancer, says: impl Fn(&str) -> Option<LoadReport>) -> Vec<f64> {
    let mut counts = BTreeMap::new();
    for _ in 0..1_000 {
        let lease = balancer.try_acquire(&Request::new("acme")).expect("there are seats");
        *counts.entry(lease.endpoint().address().to_owned()).or_insert(0) += 1;
        if let Some(report) = says(lease.endpoint().address()) {
            lease.report_load(&report);
        }
        lease.finish(Outcome::success());
    }
    counts.into_values().map(|count| f64::from(count) / 1_000.0).collect()
}

fn close(shares: &[f64], due: &[f64]) -> bool {
    shares.len() == due.len() && shares.iter().zip(due).all(|(share, due)| (share - due).abs() < 0.01)
}

/// A report of this weight.
fn weighing(weight: f64) -> LoadReport {
    LoadReport::new().with_cpu_utilization(0.5).with_rps(weight * 50.0)
}

#[test]
fn reported_weights_count_after_the_blackout_until_they_expire() {
    let clock = ManualClock::new();
    let balancer = balancer(PoolSpec::new(names(2)).with_strategy(WeightedSpec::new()), &clock);
    let says = |name: &str| Some(weighing(if name == "e0" { 2.0 } else { 1.0 }));
    assert!(close(&shares(&balancer, says), &[0.5, 0.5]), "nothing has been reported yet");
    clock.advance(Duration::from_secs(9));
    assert!(close(&shares(&balancer, says), &[0.5, 0.5]), "the blackout");
    clock.advance(Duration::from_secs(1));
    assert!(close(&shares(&balancer, says), &[2.0 / 3.0, 1.0 / 3.0]));
    clock.advance(Duration::from_secs(180));
    assert!(close(&shares(&balancer, |_| None), &[0.5, 0.5]), "expired");
}

#[test]
fn an_endpoint_of_unknown_weight_has_the_mean_and_configured_weights_multiply() {
    let clock = ManualClock::new();
    let spec = WeightedSpec::new().with_blackout(Duration::ZERO).with_update(Duration::from_millis(100));
    let says = |name: &str| match name {
        "e0" => Some(weighing(4.0)),
        "e1" => Some(weighing(2.0)),
        _ => None,
    };
    let equal = balancer(PoolSpec::new(names(3)).with_strategy(spec), &clock);
    shares(&equal, says);
    clock.advance(Duration::from_millis(100));
    assert!(close(&shares(&equal, says), &[4.0 / 9.0, 2.0 / 9.0, 3.0 / 9.0]));

    let weights = names(3).into_iter().zip([1, 4, 2]).map(|(endpoint, weight)| endpoint.with_weight(weight));
    let unequal = balancer(PoolSpec::new(weights).with_strategy(spec), &clock);
    assert!(close(&shares(&unequal, says), &[1.0 / 7.0, 4.0 / 7.0, 2.0 / 7.0]), "configured weights alone");
    clock.advance(Duration::from_millis(100));
    assert!(close(&shares(&unequal, says), &[4.0 / 18.0, 8.0 / 18.0, 6.0 / 18.0]));
}

#[test]
fn an_update_keeps_what_was_reported() {
    let clock = ManualClock::new();
    let spec = WeightedSpec::new().with_blackout(Duration::ZERO);
    let says = |name: &str| Some(weighing(if name == "e0" { 3.0 } else { 1.0 }));
    let first = balancer(PoolSpec::new(names(2)).with_strategy(spec), &clock);
    shares(&first, says);
    let pool = PoolSpec::new(names(2)).with_strategy(spec.with_expiry(Duration::from_secs(60)));
    let config = Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new());
    first.reconfigure(config).expect("the configuration is right");
    assert!(close(&shares(&first, says), &[0.75, 0.25]));
}

/// Asks the balancer again before it answers.
#[derive(Debug, Default)]
struct Nested {
    balancer: OnceLock<Balancer>,
}

impl Strategy for Nested {
    fn pick(&self, candidates: &Candidates<'_>) -> Option<usize> {
        if candidates.key().is_none() {
            let balancer = self.balancer.get()?;
            balancer.reconfigure(config_of(balancer_strategy(), 3)).ok()?;
            let lease = balancer.try_acquire(&Request::new("acme").pool("api").key(b"inner")).ok()?;
            lease.finish(Outcome::success());
            balancer.reconfigure(config_of(balancer_strategy(), 2)).ok()?;
        }
        Some(candidates.len() - 1)
    }
}

fn balancer_strategy() -> StrategySpec {
    StrategySpec::round_robin()
}

fn config_of(strategy: StrategySpec, endpoints: u32) -> Config {
    let pool = PoolSpec::new(names(endpoints)).with_strategy(strategy).with_capacity(CapacitySpec::fixed(4));
    Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new())
}

#[test]
fn a_strategy_may_ask_and_change_the_balancer_that_asks_it() {
    let nested = Arc::new(Nested::default());
    let balancer = Balancer::new(config_of(StrategySpec::custom(nested.clone()), 2)).unwrap();
    nested.balancer.set(balancer.clone()).unwrap();
    let lease = balancer.try_acquire(&Request::new("acme")).unwrap();
    assert_eq!(lease.endpoint().address(), "e1");
    lease.finish(Outcome::success());
    assert_eq!(balancer.stats().pool("api").unwrap().in_flight(), 0);
}

/// Panics, without the hook's report.
#[derive(Debug)]
struct Panics;

impl Strategy for Panics {
    fn pick(&self, _: &Candidates<'_>) -> Option<usize> {
        std::panic::resume_unwind(Box::new("on demand"))
    }
}

#[test]
fn a_strategy_that_panics_loses_no_seat_and_no_request() {
    let balancer = Balancer::new(config_of(StrategySpec::custom(Arc::new(Panics)), 2)).unwrap();
    let leases: Vec<Lease> =
        (0..4).map(|_| balancer.try_acquire_owned(&Request::new("acme")).unwrap()).collect();
    assert!(balancer.try_acquire(&Request::new("acme")).is_err(), "four seats");
    leases.into_iter().for_each(|lease| lease.finish(Outcome::success()));
    assert_eq!(balancer.stats().pool("api").unwrap().in_flight(), 0);
}

/// Ten endpoints, of which an operator has taken out all but e2, e5 and e7.
fn three_of_ten(strategy: impl Into<StrategySpec>, clock: &ManualClock) -> Balancer {
    let pool = PoolSpec::new(names(10)).with_strategy(strategy.into());
    let balancer = balancer(pool.with_tiers(TiersSpec::new().with_panic_percent(0)), clock);
    for index in (0..10).filter(|index| ![2, 5, 7].contains(index)) {
        balancer
            .override_health("api", &format!("e{index}"), HealthOverride::Disabled, None)
            .expect("it is there");
    }
    balancer
}

#[test]
fn those_who_are_left_take_turns_as_if_there_were_no_others() {
    let clock = ManualClock::new();
    let left = ["e2", "e5", "e7"];
    let balancer = three_of_ten(StrategySpec::round_robin(), &clock);
    let next = || balancer.try_acquire(&Request::new("acme")).expect("free").endpoint().address().to_owned();
    let picks: Vec<String> = (0..30).map(|_| next()).collect();
    let first = left.iter().position(|address| *address == picks[0]).expect("one of those who are left");
    assert!(picks.iter().zip(left.iter().cycle().skip(first)).all(|(pick, due)| pick == due), "{picks:?}");

    let evenly =
        |shares: &[f64]| shares.len() == 3 && shares.iter().all(|share| (share - 1.0 / 3.0).abs() < 0.05);
    let drawn = shares(&three_of_ten(StrategySpec::Random, &clock), |_| None);
    assert!(evenly(&drawn), "{drawn:?}");

    let weighted = three_of_ten(WeightedSpec::new(), &clock);
    let says = |name: &str| Some(weighing(if name == "e5" { 2.0 } else { 1.0 }));
    shares(&weighted, says);
    clock.advance(Duration::from_secs(10));
    let reported = shares(&weighted, says);
    assert!(close(&reported, &[0.25, 0.5, 0.25]), "{reported:?}");

    // Whoever comes back has its turns again.
    balancer.clear_health_override("api", "e0").expect("it is there");
    let picks: Vec<String> = (0..8).map(|_| next()).collect();
    assert_eq!(picks[..4], picks[4..]);
    assert_eq!(picks.iter().filter(|pick| *pick == "e0").count(), 2, "{picks:?}");
}

#[test]
fn every_kind_can_be_written_and_its_settings_are_checked() {
    let read = |strategy: &str| {
        let text = format!(r#"{{"pools": {{"api": {{"endpoints": ["a"], "strategy": {strategy}}}}}}}"#);
        Config::from_text(&text, Format::Json).and_then(Balancer::new).map(drop)
    };
    for good in [
        r#""p2c""#,
        r#""least_loaded""#,
        r#""round_robin""#,
        r#""random""#,
        r#""weighted""#,
        r#"{"kind": "p2c", "choices": 10, "load": "reported"}"#,
        r#"{"kind": "least_loaded", "load": "peak_ewma"}"#,
        r#"{"kind": "round_robin", "phase": "random"}"#,
        r#"{"kind": "random"}"#,
        r#"{"kind": "weighted", "blackout": "0s", "expiry": "3m", "update": "100ms", "error_penalty": 0.5}"#,
    ] {
        assert!(read(good).is_ok(), "{good}: {:?}", read(good));
    }
    for (bad, path) in [
        (r#"{"kind": "p2c", "choices": 1}"#, "pools.api.strategy.choices"),
        (r#"{"kind": "p2c", "choices": 11}"#, "pools.api.strategy.choices"),
        (r#"{"kind": "p2c", "load": "cpu"}"#, "pools.api.strategy"),
        (r#"{"kind": "weighted", "update": "99ms"}"#, "pools.api.strategy.update"),
        (r#"{"kind": "weighted", "expiry": "0s"}"#, "pools.api.strategy.expiry"),
        (r#"{"kind": "weighted", "error_penalty": -1.0}"#, "pools.api.strategy.error_penalty"),
        (r#"{"kind": "random", "choices": 2}"#, "pools.api.strategy"),
        (r#""fastest""#, "pools.api.strategy"),
    ] {
        let error = read(bad).expect_err(bad);
        assert!(error.path().starts_with(path), "{bad}: {error}");
    }
}
