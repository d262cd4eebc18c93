//! Levels of priority, zones, fallback pools, slow start, draining, and endpoints that come and go while requests run.

use std::{collections::BTreeMap, time::Duration};

use tenantry::{
    Balancer, CapacitySpec, Config, EndpointChange, EndpointSpec, ManualClock, Outcome, OutlierSpec,
    PoolSpec, Rate, Rejection, Request, SlowStartSpec, StrategySpec, SubsetSpec, TenantSpec, TiersSpec,
};

const SECOND: Duration = Duration::from_secs(1);

fn endpoint(address: &str, priority: u32) -> EndpointSpec {
    EndpointSpec::new(address).with_priority(priority)
}

/// A pool without a limit of seats, in which the first failure ejects, whoever it is.
fn pool(endpoints: impl IntoIterator<Item = EndpointSpec>) -> PoolSpec {
    let outlier = OutlierSpec::new().with_consecutive_failures(1).with_max_ejected_percent(100);
    PoolSpec::new(endpoints).with_outlier(outlier).with_capacity(CapacitySpec::fixed(1_000_000))
}

fn start(pools: impl IntoIterator<Item = (&'static str, PoolSpec)>) -> (Balancer, ManualClock) {
    let config = Config::new().with_seed(7).with_tenant("a", TenantSpec::new());
    let config = pools.into_iter().fold(config, |config, (name, pool)| config.with_pool(name, pool));
    let clock = ManualClock::new();
    clock.advance(SECOND);
    (Balancer::with_clock(config, clock.clone()).expect("usable"), clock)
}

fn request() -> Request<'static> {
    Request::new("a").pool("api")
}

/// How many of so many requests each endpoint gets.
fn shares(balancer: &Balancer, count: u32) -> BTreeMap<String, u32> {
    let mut shares = BTreeMap::new();
    for _ in 0..count {
        let lease = balancer.try_acquire(&request()).expect("somebody serves");
        *shares.entry(lease.endpoint().address().to_owned()).or_default() += 1;
        lease.finish(Outcome::success());
    }
    shares
}

/// Lets one endpoint fail once.
fn eject(balancer: &Balancer, address: &str) {
    loop {
        let lease = balancer.try_acquire(&request()).expect("somebody serves");
        if lease.endpoint().address() == address {
            return lease.finish(Outcome::failure());
        }
        lease.finish(Outcome::success());
    }
}

fn within(share: u32, expected: u32, of: u32) -> bool {
    // Five standard deviations of a binomial share.
    let deviation = (f64::from(expected) * (1.0 - f64::from(expected) / f64::from(of))).sqrt();
    (f64::from(share) - f64::from(expected)).abs() <= 5.0 * deviation + 1.0
}

#[test]
fn the_next_level_serves_what_the_first_cannot() {
    let endpoints = ["a", "b", "c", "d"].map(|address| endpoint(address, 0));
    let (balancer, clock) = start([("api", pool(endpoints.into_iter().chain([endpoint("spare", 5)])))]);
    assert_eq!(shares(&balancer, 1_000).get("spare"), None, "nothing while the first level is whole");
    eject(&balancer, "a");
    assert_eq!(shares(&balancer, 1_000).get("spare"), None, "three of four can take all of it");
    eject(&balancer, "b");
    // Half of it times 1.4.
    assert!(within(shares(&balancer, 10_000)["spare"], 3_000, 10_000), "30 %");
    eject(&balancer, "c");
    eject(&balancer, "d");
    assert_eq!(shares(&balancer, 1_000).into_iter().collect::<Vec<_>>(), [("spare".to_owned(), 1_000)]);
    // Their time is over: each is tried by one real request, and they take over again.
    clock.advance(40 * SECOND);
    shares(&balancer, 1_000);
    assert_eq!(shares(&balancer, 1_000).get("spare"), None, "nobody is left out for ever");
}

#[test]
fn a_key_stays_at_its_level() {
    let endpoints = ["a", "b"].map(|address| endpoint(address, 0)).into_iter();
    let (balancer, _) = start([("api", pool(endpoints.chain([endpoint("spare", 1)])))]);
    eject(&balancer, "a");
    let place = |key: &[u8]| {
        let lease = balancer.try_acquire(&request().key(key)).expect("somebody serves");
        lease.endpoint().address().to_owned()
    };
    let mut spilled = 0;
    for number in 0_u32..1_000 {
        let key = number.to_string();
        let first = place(key.as_bytes());
        assert!((0..3).all(|_| place(key.as_bytes()) == first));
        spilled += u32::from(first == "spare");
    }
    assert!(within(spilled, 300, 1_000), "{spilled}");
}

#[test]
fn the_own_zone_goes_first_and_spills_to_the_others() {
    let endpoints = [("near1", "a"), ("far1", "b"), ("near2", "a"), ("far2", "c")]
        .map(|(address, zone)| EndpointSpec::new(address).with_zone(zone));
    let (balancer, _) = start([("api", pool(endpoints).with_zone("a"))]);
    assert_eq!(shares(&balancer, 1_000).into_keys().collect::<Vec<_>>(), ["near1", "near2"]);
    eject(&balancer, "near1");
    let shares = shares(&balancer, 10_000);
    assert!(within(shares["near2"], 7_000, 10_000), "{shares:?}");
}

#[test]
fn in_a_panic_health_is_ignored_and_without_one_it_decides() {
    let spec = |panic| {
        let endpoints = ["a", "b", "c"].map(EndpointSpec::new);
        pool(endpoints).with_tiers(TiersSpec::new().with_panic_percent(panic))
    };
    for (panic, served) in [(50, 3), (0, 1)] {
        let (balancer, _) = start([("api", spec(panic))]);
        eject(&balancer, "a");
        eject(&balancer, "b");
        assert_eq!(shares(&balancer, 1_000).len(), served, "threshold {panic}");
    }
}

#[test]
fn who_drains_or_weighs_nothing_gets_nothing_new_and_keeps_what_it_has() {
    let endpoints =
        [EndpointSpec::new("a"), EndpointSpec::new("b"), EndpointSpec::new("idle").with_weight(0)];
    let (balancer, _) = start([("api", pool(endpoints).with_strategy(StrategySpec::round_robin()))]);
    let running = balancer.try_acquire(&request()).expect("there is room");
    assert_eq!(running.endpoint().address(), "a");
    balancer.change_endpoints("api", &[EndpointChange::Drain("a".into())]).expect("it is there");
    assert_eq!(shares(&balancer, 100).into_keys().collect::<Vec<_>>(), ["b"]);
    let in_flight = |address: &str| {
        let stats = balancer.pool_stats("api").expect("it is there");
        let of =
            stats.endpoints().iter().find(|endpoint| endpoint.address() == address).map(|e| e.in_flight());
        of.expect("it is listed")
    };
    assert_eq!((in_flight("a"), in_flight("idle")), (1, 0));
    balancer.change_endpoints("api", &[EndpointChange::Drain("b".into())]).expect("it is there");
    assert_eq!(balancer.try_acquire(&request()).err(), Some(Rejection::NoEndpoint));
    let changes = [EndpointChange::Resume("a".into()), EndpointChange::Reweigh("idle".into(), 3)];
    balancer.change_endpoints("api", &changes).expect("they are there");
    assert_eq!(shares(&balancer, 400), BTreeMap::from([("a".into(), 100), ("idle".into(), 300)]));
    running.finish(Outcome::success());
    assert_eq!(in_flight("a"), 0);
}

#[test]
fn endpoints_change_all_at_once_or_not_at_all() {
    let (balancer, _) = start([("api", pool(["a", "b"].map(EndpointSpec::new)))]);
    shares(&balancer, 100);
    let completed = || {
        let stats = balancer.pool_stats("api").expect("it is there");
        let of = |e: &tenantry::EndpointStats| (e.address().to_owned(), e.completed());
        stats.endpoints().iter().map(of).collect::<BTreeMap<_, _>>()
    };
    let before = completed();
    for (changes, part) in [
        (vec![EndpointChange::Add("c".into()), EndpointChange::Remove("nobody".into())], "nobody"),
        (vec![EndpointChange::Remove("a".into()), EndpointChange::Add("d e".into())], "d e"),
        (vec![EndpointChange::Remove("a".into()), EndpointChange::Reweigh("a".into(), 2)], "\"a\""),
    ] {
        let error = balancer.change_endpoints("api", &changes).expect_err("it cannot be done").to_string();
        assert!(error.contains("pools.api.endpoints") && error.contains(part), "{error}");
        assert_eq!(completed(), before);
    }
    let error = balancer.change_endpoints("web", &[]).expect_err("there is no such pool").to_string();
    assert!(error.contains("pools.web"), "{error}");
    let changes = [EndpointChange::Remove("a".into()), EndpointChange::Add("c".into())];
    balancer.change_endpoints("api", &changes).expect("it can be done");
    assert_eq!(completed(), BTreeMap::from([("b".into(), before["b"]), ("c".into(), 0)]), "b is the same");
}

#[test]
fn a_pool_that_cannot_serve_hands_on_along_its_chain() {
    let of = |address: &str, seats| {
        PoolSpec::new([EndpointSpec::new(address)]).with_capacity(CapacitySpec::fixed(seats))
    };
    let limited = TenantSpec::new().with_rate(Rate::per_second(10));
    let config = Config::new()
        .with_pool("api", of("first", 1).with_fallback("eu"))
        .with_pool("eu", of("second", 1).with_fallback("us"))
        .with_pool("us", of("third", 1))
        .with_tenant("a", limited.clone())
        .with_tenant("b", limited.with_pools(["api", "us"]));
    let balancer = Balancer::with_clock(config, ManualClock::new()).expect("usable");
    let mut leases = vec![];
    for (address, pool) in [("first", "api"), ("second", "eu"), ("third", "us")] {
        let lease = balancer.try_acquire(&request()).expect("one more pool has room");
        assert_eq!((lease.endpoint().address(), lease.pool().as_deref()), (address, Some(pool)));
        leases.push(lease);
    }
    assert_eq!(balancer.try_acquire(&request()).err(), Some(Rejection::Saturated));
    let stats = balancer.tenant_stats("a").expect("it is there");
    assert_eq!((stats.in_flight(), stats.rejected()), (3, 1), "refused once, not once per pool");
    assert_eq!(balancer.limits_of("a").expect("it is there")[0].used(), 3, "and charged for what runs");
    // What b may not use is left out.
    leases.pop();
    let lease = balancer.try_acquire(&Request::new("b").pool("api")).expect("us has room");
    assert_eq!(lease.endpoint().address(), "third");
    // Whoever waits, waits where it asked: a full queue hands on, a line that moves does not.
    drop(lease);
    assert!(balancer.acquire(Request::new("a").pool("us")).deadline().is_none(), "there is a seat");
}

#[test]
fn a_pool_with_a_fallback_does_not_panic() {
    let fallback = PoolSpec::new([EndpointSpec::new("other")]);
    let (balancer, _) =
        start([("api", pool(["a", "b"].map(EndpointSpec::new)).with_fallback("eu")), ("eu", fallback)]);
    eject(&balancer, "a");
    assert_eq!(shares(&balancer, 100).into_keys().collect::<Vec<_>>(), ["b"]);
    // The last one is never ejected; it can be drained.
    balancer.change_endpoints("api", &[EndpointChange::Drain("b".into())]).expect("it is there");
    assert_eq!(shares(&balancer, 100).into_keys().collect::<Vec<_>>(), ["other"]);
}

#[test]
fn instances_share_endpoints_out_among_them() {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for instance in 0..6 {
        let spec = pool((0..9).map(|number| EndpointSpec::new(format!("e{number}"))));
        let (balancer, _) = start([("api", spec.with_subset(SubsetSpec::new(3, instance, 6)))]);
        let used = shares(&balancer, 300);
        assert_eq!((used.len(), balancer.pool_stats("api").map(|pool| pool.endpoints().len())), (3, Some(3)));
        used.into_keys().for_each(|address| *counts.entry(address).or_default() += 1);
    }
    assert!(counts.len() == 9 && counts.values().all(|&count| count == 2), "{counts:?}");
}

/// What a newcomer gets of 1 000 requests, in percent of its equal share.
fn warmth(strategy: StrategySpec, after: Duration) -> u32 {
    let endpoints = ["a", "b", "c"].map(EndpointSpec::new);
    let slow_start = SlowStartSpec::over(60 * SECOND);
    let (balancer, clock) =
        start([("api", pool(endpoints).with_slow_start(slow_start).with_strategy(strategy))]);
    assert_eq!(shares(&balancer, 900).values().min(), Some(&300), "the first endpoints are warm");
    balancer.change_endpoints("api", &[EndpointChange::Add("new".into())]).expect("it can be added");
    clock.advance(after);
    shares(&balancer, 40_000)["new"] / 100
}

#[test]
fn a_newcomer_takes_up_its_load_slowly() {
    for (after, expected) in [(0, 10), (30, 50), (60, 100)] {
        let share = warmth(StrategySpec::round_robin(), after * SECOND);
        assert!(share.abs_diff(expected) <= 5, "after {after} s: {share} % instead of {expected} %");
    }
}

#[test]
fn under_load_a_newcomer_holds_its_part_of_what_is_in_flight() {
    let endpoints = ["a", "b", "c"].map(EndpointSpec::new);
    let (balancer, clock) =
        start([("api", pool(endpoints).with_slow_start(SlowStartSpec::over(60 * SECOND)))]);
    balancer.change_endpoints("api", &[EndpointChange::Add("new".into())]).expect("it can be added");
    clock.advance(30 * SECOND);
    let leases: Vec<_> = (0..700).map(|_| balancer.try_acquire(&request()).expect("there is room")).collect();
    let held = leases.iter().filter(|lease| lease.endpoint().address() == "new").count();
    // Half of what each of the others has: a seventh of all.
    assert!((80..=120).contains(&held), "{held}");
}

#[test]
fn a_fallback_that_the_tenant_may_not_use_refuses_nobody_who_is_served_beyond_it() {
    let of = |address: &str, seats| {
        PoolSpec::new([EndpointSpec::new(address)]).with_capacity(CapacitySpec::fixed(seats))
    };
    let config = Config::new()
        .with_pool("api", of("first", 1).with_fallback("eu"))
        .with_pool("eu", of("second", 1).with_fallback("us"))
        .with_pool("us", of("third", 1))
        .with_tenant("t", TenantSpec::new().with_pools(["api", "us"]));
    let balancer = Balancer::new(config).expect("usable");
    let ask = || balancer.try_acquire(&Request::new("t").pool("api"));
    let rejected = || balancer.tenant_stats("t").expect("it is there").rejected();
    let _held = [ask().expect("a seat"), ask().expect("a seat beyond the one that is left out")];
    assert_eq!(rejected(), 0);
    assert!(ask().is_err(), "nobody has a seat");
    assert_eq!(rejected(), 1);
    let forbidden = balancer.try_acquire(&Request::new("t").pool("eu")).err();
    assert_eq!((forbidden, rejected()), (Some(Rejection::PoolForbidden), 2));
}
