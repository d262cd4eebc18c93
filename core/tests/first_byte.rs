//! The first byte: what it teaches, and what the end of the lease then does not.

use std::time::Duration;

use tenantry::{
    AimdSpec, Balancer, CapacitySpec, Config, ManualClock, Outcome, PoolSpec, Request, TenantSpec,
};

fn balancer(clock: &ManualClock) -> Balancer {
    let rule = AimdSpec::new().with_min(1).with_initial(10).with_timeout(Duration::from_secs(1));
    let pool = PoolSpec::new(["a"]).with_capacity(CapacitySpec::Aimd(rule));
    let config = Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new());
    Balancer::with_clock(config, clock.clone()).expect("a valid configuration")
}

fn capacity(balancer: &Balancer) -> u32 {
    balancer.stats().pool("api").expect("it is configured").capacity()
}

#[test]
fn a_long_stream_with_a_fast_first_byte_is_no_slow_answer() {
    let clock = ManualClock::new();
    let balancer = balancer(&clock);
    let mut lease = balancer.try_acquire(&Request::new("acme")).expect("a free seat");
    clock.advance(Duration::from_millis(20));
    lease.first_byte();
    clock.advance(Duration::from_secs(600));
    lease.first_byte();
    lease.finish(Outcome::success());
    assert_eq!(capacity(&balancer), 10);
    assert_eq!(balancer.stats().pool("api").expect("it is configured").in_flight(), 0);
}

#[test]
fn without_it_the_whole_duration_counts() {
    let clock = ManualClock::new();
    let balancer = balancer(&clock);
    let lease = balancer.try_acquire(&Request::new("acme")).expect("a free seat");
    clock.advance(Duration::from_secs(600));
    lease.finish(Outcome::success());
    assert_eq!(capacity(&balancer), 9);
}

#[test]
fn it_teaches_at_once_and_an_overload_afterwards_still_counts() {
    let clock = ManualClock::new();
    let balancer = balancer(&clock);
    let mut lease = balancer.try_acquire(&Request::new("acme")).expect("a free seat");
    clock.advance(Duration::from_secs(2));
    lease.first_byte();
    assert_eq!(capacity(&balancer), 9);
    lease.finish(Outcome::overload());
    assert_eq!(capacity(&balancer), 8);
}
