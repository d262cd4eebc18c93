//! What holds whatever endpoints do, and whatever is configured meanwhile: enough are left, and nobody is left out for ever.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use tenantry::{
    Balancer, Config, Event, HealthState, ManualClock, Outcome, OutlierSpec, PoolSpec, Request, StrategySpec,
    TenantSpec,
};

/// The numbers of a seed, one after the other (SplitMix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

fn config(count: u64, outlier: OutlierSpec, seed: u64) -> Config {
    let addresses = (0..count).map(|number| format!("e{number}"));
    let strategy = if seed.is_multiple_of(2) { StrategySpec::p2c() } else { StrategySpec::round_robin() };
    let pool = PoolSpec::new(addresses).with_strategy(strategy).with_outlier(outlier);
    Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new()).with_seed(seed)
}

fn rules(draws: &mut Draws) -> OutlierSpec {
    let percent = [10, 30, 50, 100][usize::try_from(draws.below(4)).expect("small")];
    let min_available = u32::try_from(1 + draws.below(4)).expect("small");
    let rules = OutlierSpec::new().with_max_ejected_percent(percent).with_min_available(min_available);
    let rules = rules.with_ejection(Duration::from_secs(1 + draws.below(30)));
    let rules = rules.with_interval(Duration::from_millis(500 + draws.below(10_000)));
    if draws.below(2) == 0 { rules.with_consecutive_gateway_failures(2) } else { rules }
}

fn states(balancer: &Balancer) -> Vec<HealthState> {
    let pool = balancer.pool_stats("api").expect("the pool");
    pool.endpoints().iter().map(tenantry::EndpointStats::health).collect()
}

fn count(balancer: &Balancer, state: HealthState) -> u64 {
    states(balancer).iter().filter(|one| **one == state).count() as u64
}

/// Whoever was ejected just now was within the bounds of the configuration in force.
fn check_bounds(balancer: &Balancer, endpoints: u64, rules: &OutlierSpec, seed: u64) {
    let happened = balancer.take_events();
    if happened.iter().any(|event| matches!(event, Event::EndpointEjected { .. })) {
        let ejected = count(balancer, HealthState::Ejected);
        let percent = u64::from(rules.max_ejected_percent());
        assert!(
            ejected <= (endpoints * percent / 100).max(1),
            "seed {seed}: {ejected} of {endpoints} at {percent} %"
        );
        let left = endpoints - ejected;
        assert!(left >= u64::from(rules.min_available()).min(endpoints), "seed {seed}: {left} left");
    }
}

/// Endpoints fail, are slow, come and go and are reconfigured at random, and then all is well.
#[test]
fn enough_are_left_and_everybody_comes_back() {
    for seed in 0..1_000 {
        let draws = &mut Draws(seed);
        let (mut endpoints, mut outlier) = (1 + draws.below(12), rules(draws));
        let clock = ManualClock::new();
        let balancer =
            Balancer::with_clock(config(endpoints, outlier, seed), clock.clone()).expect("a configuration");
        let mut failing: Vec<u64> =
            (0..16).map(|_| [0, 0, 10, 60, 100][usize::try_from(draws.below(5)).expect("small")]).collect();
        for _ in 0..200 {
            clock.advance(Duration::from_millis(draws.below(200)));
            match draws.below(40) {
                0 => clock.advance(Duration::from_secs(draws.below(40))),
                1 => drop(balancer.compare_endpoints()),
                2 => failing[usize::try_from(draws.below(16)).expect("small")] = draws.below(101),
                3 => {
                    (endpoints, outlier) = (1 + draws.below(12), rules(draws));
                    balancer.reconfigure(config(endpoints, outlier, seed)).expect("a configuration");
                }
                _ => {}
            }
            let lease = balancer.try_acquire(&Request::new("acme")).expect("an endpoint, whatever happens");
            let place: usize = lease.endpoint().address()[1..].parse().expect("a number");
            let latency = Duration::from_millis(1 + failing[place] * draws.below(10));
            let fails = draws.below(100) < failing[place];
            lease.finish(match (fails, draws.below(10)) {
                (_, 0) => Outcome::cancelled(),
                (true, 1) => Outcome::overload(),
                (true, _) => Outcome::failure(),
                (false, _) => Outcome::success().with_latency(latency),
            });
            check_bounds(&balancer, endpoints, &outlier, seed);
        }
        // Never longer than the longest time and a tenth; then one request at a time brings each of them back.
        clock.advance(Duration::from_secs(331));
        for _ in 0..endpoints * 40 {
            clock.advance(Duration::from_millis(1));
            let lease = balancer.try_acquire(&Request::new("acme")).expect("an endpoint");
            lease.finish(Outcome::success().with_latency(Duration::from_millis(1)));
        }
        let healthy = count(&balancer, HealthState::Healthy);
        assert_eq!(healthy, endpoints, "seed {seed}: {:?}", states(&balancer));
    }
}

fn ask_and_compare(balancer: &Balancer, clock: &ManualClock, worker: u64) {
    let mut draws = Draws(worker);
    for turn in 0..20_000_u32 {
        clock.advance(Duration::from_micros(100));
        let lease = balancer.try_acquire(&Request::new("acme")).expect("an endpoint");
        let bad = lease.endpoint().address().len() == 2 && draws.below(2) == 0;
        let latency = Duration::from_micros(100 * (1 + draws.below(5)));
        let outcome = if bad { Outcome::failure() } else { Outcome::success().with_latency(latency) };
        lease.finish(outcome);
        if turn.is_multiple_of(100) {
            balancer.compare_endpoints();
        }
    }
}

/// Threads that fail, compare and reconfigure at once.
#[test]
fn the_bounds_hold_among_threads() {
    let outlier = OutlierSpec::new()
        .with_interval(Duration::from_millis(100))
        .with_ejection(Duration::from_millis(300));
    let clock = ManualClock::new();
    let balancer = Balancer::with_clock(config(100, outlier, 1), clock.clone()).expect("a configuration");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for worker in 0..3 {
            let (balancer, clock, done) = (&balancer, &clock, &done);
            scope.spawn(move || {
                ask_and_compare(balancer, clock, worker);
                done.store(true, Ordering::Relaxed);
            });
        }
        while !done.load(Ordering::Relaxed) {
            balancer.reconfigure(config(100, outlier, 1)).expect("the same");
            assert!(count(&balancer, HealthState::Ejected) <= 10);
        }
    });
    assert_eq!(balancer.pool_stats("api").expect("the pool").in_flight(), 0);
    let ejected = balancer.take_events();
    assert!(ejected.iter().any(|event| matches!(event, Event::EndpointEjected { .. })), "{ejected:?}");
}
