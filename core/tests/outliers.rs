//! Who is left out for doing worse than the others, as callers see it.

use std::{collections::BTreeMap, time::Duration};

use tenantry::{
    Attempt, AttemptsSpec, Balancer, Config, EjectionReason, EndpointChange, EndpointSpec, Event,
    FailureCause, FailurePercentageSpec, HealthState, LatencyOutlierSpec, ManualClock, Outcome, OutlierSpec,
    PoolSpec, Request, StrategySpec, SuccessRateSpec, TenantSpec,
};

type Answer<'a> = &'a dyn Fn(&str, u64) -> Outcome;

struct World {
    balancer: Balancer,
    clock: ManualClock,
    config: Config,
    /// Requests per address so far.
    served: BTreeMap<String, u64>,
}

fn addresses(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("e{number:03}")).collect()
}

impl World {
    fn of(pool: PoolSpec) -> Self {
        let clock = ManualClock::new();
        let config = Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new());
        let config = config.with_seed(7);
        let balancer = Balancer::with_clock(config.clone(), clock.clone()).expect("a configuration");
        Self { balancer, clock, config, served: BTreeMap::new() }
    }

    fn new(count: usize, outlier: OutlierSpec) -> Self {
        let pool = PoolSpec::new(addresses(count)).with_strategy(StrategySpec::round_robin());
        Self::of(pool.with_outlier(outlier))
    }

    /// So many requests, spread evenly over the time; each address counts its own.
    fn serve(&mut self, requests: u64, time: Duration, answer: Answer<'_>) -> BTreeMap<String, u64> {
        let before = self.served.clone();
        let step = time / u32::try_from(requests).expect("few");
        for _ in 0..requests {
            self.clock.advance(step);
            let lease = self.balancer.try_acquire(&Request::new("acme")).expect("an endpoint");
            let address = lease.endpoint().address().to_owned();
            let count = self.served.entry(address.clone()).or_default();
            *count += 1;
            lease.finish(answer(&address, *count));
        }
        let since = |(address, count): (&String, &u64)| {
            let before = before.get(address).copied().unwrap_or(0);
            (*count > before).then(|| (address.clone(), count - before))
        };
        self.served.iter().filter_map(since).collect()
    }

    fn state(&self, address: &str) -> HealthState {
        let pool = self.balancer.pool_stats("api").expect("the pool");
        pool.endpoints().iter().find(|one| one.address() == address).expect("the endpoint").health()
    }

    fn in_state(&self, state: HealthState) -> usize {
        let pool = self.balancer.pool_stats("api").expect("the pool");
        pool.endpoints().iter().filter(|endpoint| endpoint.health() == state).count()
    }

    fn reasons(&self) -> Vec<(String, EjectionReason)> {
        let reason = |event: Event| match event {
            Event::EndpointEjected { endpoint, reason, .. }
            | Event::EndpointDegraded { endpoint, reason, .. }
            | Event::OutlierShadowed { endpoint, reason, .. } => Some((endpoint, reason)),
            _ => None,
        };
        self.balancer.take_events().into_iter().filter_map(reason).collect()
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The first `bad` fail every second request, so never five in a row.
fn every_second(bad: usize) -> impl Fn(&str, u64) -> Outcome {
    move |address, count| {
        let place: usize = address[1..].parse().expect("a number");
        if place < bad && count % 2 == 0 { Outcome::failure() } else { ok() }
    }
}

fn ok() -> Outcome {
    Outcome::success().with_latency(ms(20))
}

/// Latencies by address.
fn slow<'a>(places: &'a [usize], latency: Duration) -> impl Fn(&str, u64) -> Outcome + 'a {
    move |address, _| {
        let place: usize = address[1..].parse().expect("a number");
        if places.contains(&place) { Outcome::success().with_latency(latency) } else { ok() }
    }
}

#[test]
fn who_is_well_again_is_not_left_out_for_what_it_was() {
    for (well_for, left_out) in [(ms(100), 3), (secs(2), 0)] {
        let mut world = World::new(10, OutlierSpec::new());
        let mut serve_for = |time: Duration, answer: Answer<'_>| {
            world.serve(u64::try_from(time.as_millis() / 10).expect("few"), time, answer)
        };
        serve_for(secs(10) - well_for, &every_second(3));
        serve_for(well_for + ms(20), &|_, _| ok());
        assert_eq!(10 - world.in_state(HealthState::Healthy), left_out, "after {well_for:?}");
    }
}

/// The success-rate case of Envoy's tests: 100, 100, 100, 100 and 50 %, a sweep at 10 s, 30 s of ejection.
#[test]
fn envoys_case_is_ejected_at_its_moment_and_comes_back_at_its_moment() {
    let text = include_str!("../../vectors/envoy-misc.json");
    let vectors: serde_json::Value = serde_json::from_str(text).expect("vectors");
    let figure = |name: &str| vectors["outlier_success_rate"][name].as_u64().expect("a figure");
    let mut world = World::new(5, OutlierSpec::new().without_failure_percentage());
    world.serve(499, ms(figure("ejected_at_ms") - 20), &every_second(1));
    assert_eq!(world.state("e000"), HealthState::Healthy, "the interval is not over");
    world.serve(1, ms(20), &every_second(1));
    assert_eq!(world.state("e000"), HealthState::Ejected);
    let events = world.balancer.take_events();
    let [Event::EndpointEjected { reason, evidence, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(*reason, EjectionReason::SuccessRate);
    assert!(evidence.starts_with("50.0 % of 100") && evidence.contains("52.0 %"), "{evidence}");
    let served = world.serve(100, ms(figure("not_back_at_ms") - figure("ejected_at_ms")), &every_second(0));
    assert!(!served.contains_key("e000"), "{served:?}");
    let served = world.serve(200, ms(figure("back_at_ms") - figure("not_back_at_ms")), &every_second(0));
    assert!(served.contains_key("e000") && world.state("e000") == HealthState::Healthy, "{served:?}");
}

#[test]
fn groups_of_equally_bad_ones_are_ejected_as_far_as_the_cap_allows_and_degraded_beyond() {
    for (bad, all, ejected) in [(1, 2, 1), (1, 5, 1), (3, 10, 1), (30, 100, 10)] {
        let mut world = World::new(all, OutlierSpec::new());
        let requests = 200 * all as u64;
        world.serve(requests, secs(11), &every_second(bad));
        let found = (world.in_state(HealthState::Ejected), world.in_state(HealthState::Degraded));
        assert_eq!(found, (ejected, bad - ejected), "{bad} of {all}");
        let (served, mut wrong) = (world.serve(requests, secs(10), &every_second(bad)), 0);
        for (address, count) in served.iter().take_while(|(address, _)| **address < format!("e{bad:03}")) {
            assert!(world.state(address) != HealthState::Ejected);
            wrong += count;
        }
        // 70 % of them, 1.4 times overprovisioned, serve 98 % of the traffic.
        assert!(wrong <= requests * 3 / 100, "{bad} of {all}: {wrong} of {requests}");
        assert!(world.reasons().iter().all(|(address, _)| *address < format!("e{bad:03}")), "{bad} of {all}");
    }
}

#[test]
fn where_all_are_bad_or_all_are_slow_nobody_is_singled_out() {
    let mut world = World::new(10, OutlierSpec::new());
    world.serve(5_000, secs(30), &every_second(10));
    world.serve(5_000, secs(30), &|_, _| Outcome::success().with_latency(secs(2)));
    assert_eq!(world.reasons(), []);
    assert_eq!(world.in_state(HealthState::Healthy), 10);
}

#[test]
fn who_is_slow_serves_only_where_the_others_do_not_suffice_and_is_tried_again_later() {
    let mut world = World::new(5, OutlierSpec::new());
    world.serve(500, secs(11), &slow(&[2], ms(200)));
    assert_eq!(world.reasons(), [("e002".to_owned(), EjectionReason::Latency)]);
    assert_eq!(world.state("e002"), HealthState::Degraded);
    let served = world.serve(500, secs(28), &slow(&[2], ms(200)));
    assert!(!served.contains_key("e002"), "{served:?}");
    let served = world.serve(500, secs(16), &slow(&[2], ms(200)));
    assert!(served.contains_key("e002"), "its time is over");
    let events = world.balancer.take_events();
    let [Event::EndpointReturned { .. }, Event::EndpointDegraded { for_ms, evidence, .. }] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert!((60_000..=66_000).contains(for_ms), "for twice as long: {for_ms}");
    assert!(evidence.contains("200.") || evidence.contains("19") || evidence.contains("20"), "{evidence}");
    world.serve(1_000, secs(100), &slow(&[], ms(200)));
    assert_eq!(world.in_state(HealthState::Healthy), 5, "it is as fast as the others again");
}

/// With one of three healthy, it has 46 % at most of what it could take, and so have the two degraded ones together: Envoy's parts.
#[test]
fn the_degraded_take_what_the_healthy_have_no_room_for() {
    let outlier = OutlierSpec::new().with_latency(LatencyOutlierSpec::new().with_min_requests(10));
    let mut world = World::new(5, outlier.with_ejection(secs(300)));
    world.serve(300, secs(11), &slow(&[0, 1], ms(500)));
    assert_eq!(world.in_state(HealthState::Degraded), 2);
    // 3 of 5, 1.4 times overprovisioned: 84 %. The others have 16.
    let served = world.serve(10_000, secs(9), &slow(&[0, 1], ms(500)));
    let degraded = served["e000"] + served["e001"];
    assert!((1_450..=1_750).contains(&degraded), "{served:?}");
    for address in ["e002", "e003", "e004"] {
        let part = served[address];
        assert!((2_650..=2_950).contains(&part), "{served:?}");
    }
}

#[test]
fn a_newcomer_may_be_slow_for_six_intervals() {
    let mut world = World::new(5, OutlierSpec::new());
    world.serve(500, secs(11), &slow(&[], ms(200)));
    let newcomer = EndpointChange::Add(EndpointSpec::new("e005"));
    world.balancer.change_endpoints("api", &[newcomer]).expect("it is added");
    world.serve(3_000, secs(58), &slow(&[5], ms(200)));
    assert_eq!(world.state("e005"), HealthState::Healthy, "it is cold");
    world.serve(1_000, secs(22), &slow(&[5], ms(200)));
    assert_eq!(world.state("e005"), HealthState::Degraded, "it is slow");
}

#[test]
fn other_tiers_are_further_away_and_not_slow() {
    let near = addresses(4).into_iter().map(|address| EndpointSpec::new(address).with_zone("here"));
    let far = (4..8).map(|number| EndpointSpec::new(format!("e{number:03}")).with_zone("there"));
    let pool = PoolSpec::new(near.chain(far)).with_strategy(StrategySpec::round_robin());
    let mut world = World::of(pool.with_zone("here"));
    world.serve(400, secs(11), &slow(&[4, 5, 6, 7], ms(300)));
    assert_eq!(world.reasons(), []);
}

#[test]
fn gateway_failures_count_apart_and_any_other_answer_ends_their_row() {
    let outlier = OutlierSpec::new().with_consecutive_gateway_failures(2).with_consecutive_failures(4);
    let causes = [FailureCause::Gateway, FailureCause::Connection, FailureCause::Timeout];
    for cause in causes {
        let mut world = World::new(3, outlier);
        let answer = |address: &str, count: u64| match (address, count) {
            ("e000", 1) => Outcome::failure().with_cause(cause),
            ("e000", 2) => Outcome::failure(),
            ("e000", _) => Outcome::failure().with_cause(FailureCause::Timeout),
            _ => ok(),
        };
        world.serve(9, secs(1), &answer);
        assert_eq!(world.reasons(), [], "{cause:?}: one, another kind, one");
        world.serve(3, secs(1), &answer);
        // Four in a row of any kind and two gateway's: the plainer reason is told.
        assert_eq!(world.reasons(), [("e000".to_owned(), EjectionReason::ConsecutiveFailures)]);
    }
    let mut world = World::new(3, outlier);
    let timeouts = |address: &str, _| {
        if address == "e000" { Outcome::failure().with_cause(FailureCause::Timeout) } else { ok() }
    };
    world.serve(6, secs(1), &timeouts);
    assert_eq!(world.reasons(), [("e000".to_owned(), EjectionReason::ConsecutiveGatewayFailures)]);
    let mut world = World::new(3, OutlierSpec::new());
    world.serve(12, secs(1), &timeouts);
    assert_eq!(world.reasons(), [], "by default they are not counted apart");
}

#[test]
fn in_shadow_everything_is_told_and_counted_and_nothing_follows() {
    let mut world = World::new(5, OutlierSpec::new().in_shadow());
    let dead = |address: &str, _| if address == "e001" { Outcome::failure() } else { ok() };
    world.serve(500, secs(20), &dead);
    assert_eq!(world.reasons(), [("e001".to_owned(), EjectionReason::ConsecutiveFailures)], "once");
    assert_eq!(world.in_state(HealthState::Healthy), 5);
    world.serve(500, secs(30), &dead);
    let pool = world.balancer.pool_stats("api").expect("the pool");
    let counted: Vec<u64> = pool.endpoints().iter().map(tenantry::EndpointStats::shadow_ejections).collect();
    assert_eq!(counted, [0, 2, 0, 0, 0]);
    let rule = SuccessRateSpec::new().in_shadow();
    let outlier = OutlierSpec::new().with_success_rate(rule).without_failure_percentage();
    let mut world = World::new(5, outlier);
    world.serve(550, secs(11), &every_second(1));
    assert_eq!(world.reasons(), [("e000".to_owned(), EjectionReason::SuccessRate)]);
    assert_eq!(world.in_state(HealthState::Healthy), 5, "one rule in shadow");
    world.serve(50, secs(1), &dead);
    assert_eq!(world.state("e001"), HealthState::Ejected, "the others are in force");
}

/// nginx counts no failure where no tries remain; here each attempt counts, whether another follows or not.
#[test]
fn a_failure_counts_whether_a_retry_follows_or_not() {
    let pool = PoolSpec::new(["e000", "e001"]).with_strategy(StrategySpec::round_robin());
    let retry = AttemptsSpec::retries().with_ratio_millionths(0).with_per_second(0);
    let world = World::of(pool.with_retry(retry));
    let mut failed = 0;
    while failed < 5 {
        let lease = world.balancer.try_acquire(&Request::new("acme")).expect("an endpoint");
        let bad = lease.endpoint().address() == "e000";
        failed += u32::from(bad);
        lease.finish(if bad { Outcome::failure() } else { ok() });
        let again = world.balancer.try_acquire(&Request::new("acme").attempt(Attempt::Retry));
        assert!(again.is_err(), "no retry is left");
    }
    assert_eq!(world.state("e000"), HealthState::Ejected);
    let world = World::new(2, OutlierSpec::new());
    let mut failed = 0;
    while failed < 5 {
        // Every attempt is one more, first or not.
        let lease = world.balancer.try_acquire(&Request::new("acme").attempt(Attempt::Hedge));
        let lease =
            lease.or_else(|_| world.balancer.try_acquire(&Request::new("acme"))).expect("an endpoint");
        let bad = lease.endpoint().address() == "e000";
        failed += u32::from(bad);
        lease.finish(if bad { Outcome::failure() } else { ok() });
    }
    assert_eq!(world.state("e000"), HealthState::Ejected);
}

#[test]
fn overload_and_cancelled_requests_are_no_failures() {
    let mut world = World::new(5, OutlierSpec::new());
    world.serve(2_000, secs(25), &|address, count| match (address, count % 4) {
        ("e000", 0..=2) => Outcome::overload(),
        ("e001", 0..=2) => Outcome::cancelled(),
        _ => ok(),
    });
    assert_eq!(world.reasons(), []);
}

#[test]
fn few_requests_are_gathered_over_several_intervals_and_old_ones_forgotten() {
    let mut world = World::new(5, OutlierSpec::new());
    // 20 each in 10 s: the 50 that the failure percentage needs are there after 30 s.
    world.serve(200, secs(20), &every_second(1));
    assert_eq!(world.reasons(), []);
    world.serve(110, secs(11), &every_second(1));
    assert_eq!(world.reasons(), [("e000".to_owned(), EjectionReason::FailurePercentage)]);
    let mut world = World::new(5, OutlierSpec::new());
    world.serve(200, secs(20), &every_second(1));
    world.clock.advance(secs(120));
    world.serve(110, secs(11), &every_second(1));
    assert_eq!(world.reasons(), [], "what was before the break says nothing");
}

/// They die one after the other.
fn die_in_turn(world: &mut World, all: usize) -> usize {
    for dead in 1..=all {
        let answer = |address: &str, _| {
            if *address < *format!("e{dead:03}") { Outcome::failure() } else { ok() }
        };
        world.serve(20 * all as u64, secs(1), &answer);
    }
    world.in_state(HealthState::Ejected)
}

#[test]
fn never_fewer_than_min_available_are_left_and_one_of_two_may_go() {
    for (all, min_available, left) in
        [(1, 1, 1), (2, 1, 1), (5, 1, 1), (5, 4, 4), (5, 9, 5), (9, 3, 3), (10, 1, 1)]
    {
        let outlier = OutlierSpec::new().with_max_ejected_percent(100).with_min_available(min_available);
        let mut world = World::new(all, outlier.with_ejection(secs(300)));
        let ejected = die_in_turn(&mut world, all);
        assert_eq!(all - ejected, left, "{all} endpoints, at least {min_available}");
    }
    for (all, ejected) in [(1, 0), (2, 1), (5, 1), (9, 1), (10, 1), (20, 2)] {
        let mut world = World::new(all, OutlierSpec::new());
        assert_eq!(die_in_turn(&mut world, all), ejected, "{all} endpoints at 10 %");
    }
}

#[test]
fn where_all_fail_nobody_is_left_out_for_it_but_whoever_fails_much_more() {
    let mut world = World::new(10, OutlierSpec::new());
    world.serve(5_000, secs(50), &|_, _| Outcome::failure());
    assert_eq!((world.reasons(), world.in_state(HealthState::Healthy)), (vec![], 10));
    // All fail every third, and then one of them all.
    let mut world = World::new(10, OutlierSpec::new());
    let every_third = |count: u64| if count.is_multiple_of(3) { Outcome::failure() } else { ok() };
    world.serve(500, secs(5), &|_, count| every_third(count));
    world.serve(2_000, secs(20), &|address, count| {
        if address == "e004" { Outcome::failure() } else { every_third(count) }
    });
    let [(address, _)] = &world.reasons()[..] else { panic!("{:?}", world.reasons()) };
    assert_eq!(address, "e004");
}

#[test]
fn nothing_at_all_follows_where_ejection_is_off() {
    let mut world = World::new(5, OutlierSpec::new().with_max_ejected_percent(0));
    world.serve(1_000, secs(25), &|address, _| if address == "e000" { Outcome::failure() } else { ok() });
    world.serve(1_000, secs(25), &slow(&[1], secs(3)));
    assert_eq!((world.reasons(), world.in_state(HealthState::Healthy)), (vec![], 5));
    assert_eq!(world.balancer.compare_endpoints(), None);
    let off = OutlierSpec::new().without_latency().without_success_rate().without_failure_percentage();
    assert_eq!(World::new(5, off).balancer.compare_endpoints(), None);
}

#[test]
fn a_comparison_can_be_asked_for_and_says_when_the_next_is_due() {
    let mut world = World::new(5, OutlierSpec::new());
    assert_eq!(world.balancer.compare_endpoints(), Some(secs(10)));
    world.serve(1_000, secs(8), &every_second(1));
    world.clock.advance(secs(1));
    assert_eq!((world.balancer.compare_endpoints(), world.reasons()), (Some(secs(1)), vec![]));
    world.clock.advance(secs(1));
    assert_eq!(world.balancer.compare_endpoints(), Some(secs(10)));
    assert_eq!(world.reasons(), [("e000".to_owned(), EjectionReason::FailurePercentage)]);
}

/// One request looks at 64 of them, so nobody pays for all.
#[test]
fn many_endpoints_are_compared_a_part_at_a_time() {
    let outlier =
        OutlierSpec::new().with_failure_percentage(FailurePercentageSpec::new().with_min_requests(10));
    let mut world = World::new(640, outlier);
    world.serve(6_400 * 2, ms(9_999), &every_second(1));
    world.clock.advance(ms(1));
    for _ in 0..9 {
        world.serve(1, ms(1), &every_second(0));
        assert_eq!(world.reasons(), []);
    }
    world.serve(1, ms(1), &every_second(0));
    assert_eq!(world.reasons(), [("e000".to_owned(), EjectionReason::FailurePercentage)]);
}

/// A balancer that is told its configuration again after every few requests finds the same at the same time.
#[test]
fn updates_change_nothing_of_what_is_found() {
    let run = |updates: bool| {
        let mut world = World::new(10, OutlierSpec::new());
        let mut found = vec![];
        for step in 0..600 {
            let answer = |address: &str, count: u64| match address {
                "e003" if count.is_multiple_of(2) => Outcome::failure(),
                "e005" => Outcome::success().with_latency(ms(400)),
                "e007" if step > 300 => Outcome::failure(),
                _ => ok(),
            };
            world.serve(20, ms(200), &answer);
            found.extend(world.reasons().into_iter().map(|reason| (step, reason)));
            if updates {
                world.balancer.reconfigure(world.config.clone()).expect("the same");
            }
        }
        found
    };
    let found = run(false);
    assert!(found.len() > 5, "{found:?}");
    assert_eq!(run(true), found);
}

/// Nothing follows from it while it drains, but the next one may be tried when it serves again.
#[test]
fn a_trial_that_fails_while_its_endpoint_drains_is_over() {
    let mut world = World::new(2, OutlierSpec::new().with_consecutive_failures(1));
    world.serve(2, ms(2), &|address, _| if address == "e000" { Outcome::failure() } else { ok() });
    assert_eq!(world.state("e000"), HealthState::Ejected);
    world.clock.advance(secs(34));
    let trial = loop {
        let lease = world.balancer.try_acquire_owned(&Request::new("acme")).expect("an endpoint");
        if lease.endpoint().address() == "e000" {
            break lease;
        }
        lease.finish(ok());
    };
    let change = |change| world.balancer.change_endpoints("api", &[change]).expect("it is there");
    change(EndpointChange::Drain("e000".to_owned()));
    trial.finish(Outcome::failure());
    change(EndpointChange::Resume("e000".to_owned()));
    assert_eq!(world.state("e000"), HealthState::Probation);
    world.serve(4, ms(4), &|_, _| ok());
    assert_eq!(world.state("e000"), HealthState::Healthy);
}

/// A stream may last for hours, and its client goes away in the end: its first byte has shown enough.
#[test]
fn the_first_byte_of_a_trial_ends_the_probation() {
    let mut world = World::new(3, OutlierSpec::new());
    world.serve(60, secs(1), &|address, _| if address == "e000" { Outcome::failure() } else { ok() });
    assert_eq!(world.state("e000"), HealthState::Ejected);
    world.clock.advance(secs(40));
    let leases: Vec<_> =
        (0..6).map(|_| world.balancer.try_acquire(&Request::new("acme")).expect("an endpoint")).collect();
    let at_e000: Vec<_> = leases.into_iter().filter(|lease| lease.endpoint().address() == "e000").collect();
    assert_eq!((at_e000.len(), world.state("e000")), (1, HealthState::Probation));
    let mut trial = at_e000.into_iter().next().expect("one");
    trial.first_byte();
    assert_eq!(world.state("e000"), HealthState::Healthy);
    drop(trial);
    assert_eq!(world.state("e000"), HealthState::Healthy);
    world.serve(60, secs(1), &|address, _| if address == "e000" { Outcome::failure() } else { ok() });
    assert_eq!(world.state("e000"), HealthState::Ejected, "it is judged as any other again");
}

/// Of two, one fails a fifth and the other everything: the others' trouble is not as large as its own.
#[test]
fn a_little_trouble_elsewhere_does_not_hide_a_dead_one() {
    let mut world = World::new(2, OutlierSpec::new());
    let answer = |address: &str, count: u64| {
        if address == "e001" && count > 20 || count.is_multiple_of(5) { Outcome::failure() } else { ok() }
    };
    world.serve(40, secs(2), &answer);
    assert_eq!(world.in_state(HealthState::Healthy), 2);
    world.serve(40, secs(2), &answer);
    assert_eq!(world.state("e001"), HealthState::Ejected);
}
