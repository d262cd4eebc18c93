//! Health as callers see it: what operators decide, what endpoints ask for, and what is told of it.

use std::time::Duration;

use tenantry::{
    Balancer, Config, EndpointSpec, Event, HealthOverride, HealthState, ManualClock, Outcome, PoolSpec,
    Rejection, Request, StrategySpec, TenantSpec, TiersSpec,
};

fn balancer(pool: PoolSpec) -> (Balancer, ManualClock) {
    let clock = ManualClock::new();
    let config = Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new());
    (Balancer::with_clock(config, clock.clone()).expect("a configuration"), clock)
}

fn pool() -> PoolSpec {
    PoolSpec::new(["a", "b", "c"]).with_strategy(StrategySpec::round_robin())
}

/// Who serves the next `count` requests, in order of address.
fn served(balancer: &Balancer, count: usize) -> Vec<String> {
    let mut served: Vec<String> = (0..count)
        .map(|_| {
            let lease = balancer.try_acquire(&Request::new("acme")).expect("an endpoint");
            let address = lease.endpoint().address().to_owned();
            lease.finish(Outcome::success());
            address
        })
        .collect();
    served.sort();
    served.dedup();
    served
}

fn fail(balancer: &Balancer, address: &str, times: usize) {
    for _ in 0..times {
        let leases: Vec<_> =
            (0..12).filter_map(|_| balancer.try_acquire(&Request::new("acme")).ok()).collect();
        let mut failed = false;
        for lease in leases {
            let fails = !failed && lease.endpoint().address() == address;
            failed |= fails;
            lease.finish(if fails { Outcome::failure() } else { Outcome::cancelled() });
        }
        assert!(failed, "{address} gets requests");
    }
}

fn state(balancer: &Balancer, address: &str) -> (HealthState, bool) {
    let pool = balancer.pool_stats("api").expect("the pool");
    let endpoint = pool.endpoints().iter().find(|one| one.address() == address).expect("the endpoint");
    (endpoint.health(), endpoint.is_overridden())
}

#[test]
fn who_is_disabled_gets_nothing_until_the_time_is_over_or_the_word_is_taken_back() {
    let (balancer, clock) = balancer(pool());
    let hour = Duration::from_secs(3_600);
    balancer.override_health("api", "b", HealthOverride::Disabled, Some(hour)).expect("there");
    assert_eq!(served(&balancer, 30), ["a", "c"]);
    assert_eq!(state(&balancer, "b"), (HealthState::Disabled, true));
    clock.advance(hour);
    assert_eq!(served(&balancer, 30), ["a", "b", "c"]);
    assert_eq!(state(&balancer, "b"), (HealthState::Healthy, false));
    balancer.override_health("api", "b", HealthOverride::Disabled, None).expect("there");
    balancer.clear_health_override("api", "b").expect("there");
    balancer.clear_health_override("api", "b").expect("nothing to take back is no error");
    assert_eq!(served(&balancer, 30), ["a", "b", "c"]);
    let told = |event: &Event| match event {
        Event::HealthOverridden { to, for_ms, .. } => Some((*to, *for_ms)),
        _ => None,
    };
    let events: Vec<_> = balancer.take_events().iter().filter_map(told).collect();
    let disabled = Some(HealthOverride::Disabled);
    assert_eq!(events, [(disabled, Some(3_600_000)), (disabled, None), (None, None), (None, None)]);
}

#[test]
fn a_panic_uses_who_is_ejected_and_nobody_who_is_disabled() {
    let (balancer, _) = balancer(pool());
    balancer.override_health("api", "a", HealthOverride::Disabled, None).expect("there");
    balancer.override_health("api", "b", HealthOverride::Ejected, None).expect("there");
    assert_eq!(served(&balancer, 30), ["c"]);
    balancer.override_health("api", "c", HealthOverride::Ejected, None).expect("there");
    assert_eq!(served(&balancer, 30), ["b", "c"], "all that may serve are ejected: the pool panics");
    balancer.override_health("api", "b", HealthOverride::Disabled, None).expect("there");
    balancer.override_health("api", "c", HealthOverride::Disabled, None).expect("there");
    let refused = balancer.try_acquire(&Request::new("acme")).expect_err("nobody is there");
    assert_eq!(refused, Rejection::NoEndpoint);
    let stats = balancer.pool_stats("api").expect("the pool");
    assert_eq!(stats.in_flight(), 0);
}

#[test]
fn where_panics_are_ruled_out_who_is_ejected_by_an_operator_gets_nothing() {
    let (balancer, _) = balancer(pool().with_tiers(TiersSpec::new().with_panic_percent(0)));
    for address in ["a", "b", "c"] {
        balancer.override_health("api", address, HealthOverride::Ejected, None).expect("there");
    }
    assert!(balancer.try_acquire(&Request::new("acme")).is_err());
    balancer.clear_health_override("api", "b").expect("there");
    assert_eq!(served(&balancer, 9), ["b"]);
}

#[test]
fn who_is_forced_healthy_serves_through_an_ejection_which_counts_again_afterwards() {
    let (balancer, clock) = balancer(pool());
    fail(&balancer, "a", 5);
    assert_eq!(served(&balancer, 30), ["b", "c"]);
    balancer
        .override_health("api", "a", HealthOverride::Healthy, Some(Duration::from_secs(10)))
        .expect("there");
    assert_eq!(served(&balancer, 30), ["a", "b", "c"]);
    assert_eq!(state(&balancer, "a"), (HealthState::Healthy, true));
    clock.advance(Duration::from_secs(10));
    assert_eq!(served(&balancer, 30), ["b", "c"]);
    assert_eq!(state(&balancer, "a"), (HealthState::Ejected, false));
}

#[test]
fn an_override_outlives_updates_that_keep_the_endpoint() {
    let (balancer, _) = balancer(pool());
    balancer.override_health("api", "b", HealthOverride::Disabled, None).expect("there");
    let config =
        Config::new().with_pool("api", pool().with_endpoint("d")).with_tenant("acme", TenantSpec::new());
    balancer.reconfigure(config).expect("a configuration");
    assert_eq!(served(&balancer, 40), ["a", "c", "d"]);
}

#[test]
fn a_word_on_what_is_not_there_is_an_error_that_names_it() {
    let (balancer, _) = balancer(pool());
    let error = balancer.override_health("web", "a", HealthOverride::Disabled, None).expect_err("no pool");
    assert!(error.to_string().contains("pools.web"), "{error}");
    let error = balancer.clear_health_override("api", "z").expect_err("no endpoint");
    assert!(
        error.to_string().contains("pools.api.endpoints") && error.to_string().contains("\"z\""),
        "{error}"
    );
}

#[test]
fn what_keeps_seats_from_a_capped_endpoint_is_undone_in_time_and_waiters_are_woken() {
    let endpoint = |address| EndpointSpec::new(address).with_max_in_flight(1);
    let pool = PoolSpec::new([endpoint("a"), endpoint("b")]).with_strategy(StrategySpec::round_robin());
    let (balancer, _) = balancer(pool);
    balancer.override_health("api", "a", HealthOverride::Disabled, None).expect("there");
    let held = balancer.try_acquire(&Request::new("acme")).expect("b");
    assert_eq!(held.endpoint().address(), "b");
    let mut waiting = std::pin::pin!(balancer.acquire(Request::new("acme")));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    balancer.clear_health_override("api", "a").expect("there");
    let std::task::Poll::Ready(Ok(lease)) = waiting.as_mut().poll(&mut context) else { panic!("a is back") };
    assert_eq!(lease.endpoint().address(), "a");
}

#[test]
fn ejections_and_returns_are_told_with_reason_and_evidence() {
    let (balancer, clock) = balancer(pool());
    fail(&balancer, "a", 5);
    let events = balancer.take_events();
    let [Event::EndpointEjected { pool, endpoint, reason, evidence, ejections, for_ms, .. }] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((pool.as_str(), endpoint.as_str(), *ejections), ("api", "a", 1));
    assert_eq!(
        (*reason, evidence.as_str()),
        (tenantry::EjectionReason::ConsecutiveFailures, "5 failures in a row")
    );
    assert!((30_000..=33_000).contains(for_ms), "{for_ms}");
    clock.advance(Duration::from_secs(33));
    assert_eq!(state(&balancer, "a").0, HealthState::Probation);
    served(&balancer, 9);
    let events = balancer.take_events();
    assert!(
        matches!(&events[..], [Event::EndpointReturned { endpoint, .. }] if endpoint == "a"),
        "{events:?}"
    );
}
