//! Who may use a part of a pool's endpoints only waits for those, and holds up no other tenant.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use proptest::prelude::*;
use tenantry::{
    Acquire, AttemptsSpec, Balancer, CapacitySpec, Config, EndpointSpec, Lease, ManualClock, Outcome,
    PoolSpec, QueueSpec, Rejection, Request, TenantSpec, UpstreamLimit, UpstreamReport,
};

const SECOND: Duration = Duration::from_secs(1);

fn start(pool: PoolSpec) -> (Balancer, ManualClock) {
    let clock = ManualClock::new();
    clock.advance(SECOND);
    let queue = QueueSpec::new().with_timeout(60 * SECOND);
    let config = Config::new()
        .with_pool("api", pool.with_queue(queue))
        .with_tenant("confined", TenantSpec::new().with_shard(1))
        .with_tenant("free", TenantSpec::new())
        .with_tenant("other", TenantSpec::new());
    (Balancer::with_clock(config, clock.clone()).expect("usable"), clock)
}

fn poll(acquire: &mut Acquire) -> Poll<Result<Lease, Rejection>> {
    Pin::new(acquire).poll(&mut Context::from_waker(Waker::noop()))
}

fn ask(balancer: &Balancer, tenant: &str) -> Result<Lease, Rejection> {
    balancer.try_acquire_owned(&Request::new(tenant))
}

#[test]
fn one_whose_shard_is_spent_waits_for_its_return_and_the_others_are_served() {
    let (balancer, clock) = start(PoolSpec::new(["a", "b"]).with_capacity(CapacitySpec::fixed(100)));
    let lease = ask(&balancer, "confined").expect("fresh");
    let own = lease.endpoint().address().to_owned();
    let limit = UpstreamLimit::left(0).resets_in(9 * SECOND);
    lease.report_upstream(&UpstreamReport::new().with_requests(limit));
    lease.finish(Outcome::success());
    let mut waits = balancer.acquire_owned(Request::new("confined"));
    assert!(poll(&mut waits).is_pending());
    for _ in 0..20 {
        let served = ask(&balancer, "free").expect("the other endpoint is idle");
        assert_ne!(served.endpoint().address(), own);
        let Poll::Ready(Ok(served)) = poll(&mut balancer.acquire_owned(Request::new("free"))) else {
            panic!("it waits behind who cannot be served")
        };
        assert_ne!(served.endpoint().address(), own);
    }
    assert_eq!(balancer.pool_stats("api").expect("the pool").waiting(), 1);
    clock.advance(9 * SECOND);
    let Poll::Ready(Ok(lease)) = poll(&mut waits) else { panic!("its endpoint is back") };
    assert_eq!(lease.endpoint().address(), own);
    drop(lease);
    let pool = balancer.pool_stats("api").expect("the pool");
    assert_eq!((pool.in_flight(), pool.waiting()), (0, 0));
}

#[test]
fn one_whose_shard_is_full_waits_for_its_own_seat_and_the_others_are_served() {
    let capped = |address: &str| EndpointSpec::new(address).with_max_in_flight(1);
    let (balancer, _clock) = start(PoolSpec::new([capped("a"), capped("b")]));
    let first = ask(&balancer, "confined").expect("fresh");
    let own = first.endpoint().address().to_owned();
    let mut waits = balancer.acquire_owned(Request::new("confined"));
    assert!(poll(&mut waits).is_pending(), "a place to wait");
    for _ in 0..3 {
        let other = ask(&balancer, "free").expect("the other endpoint is free");
        assert_ne!(other.endpoint().address(), own);
        assert_eq!(ask(&balancer, "free").err(), Some(Rejection::Saturated));
        other.finish(Outcome::success());
        assert!(poll(&mut waits).is_pending(), "a seat elsewhere is not its own");
    }
    first.finish(Outcome::success());
    let Poll::Ready(Ok(lease)) = poll(&mut waits) else { panic!("its endpoint has room") };
    assert_eq!(lease.endpoint().address(), own);
    drop(lease);
    let pool = balancer.pool_stats("api").expect("the pool");
    assert_eq!((pool.in_flight(), pool.waiting()), (0, 0));
}

#[test]
fn a_hedge_whose_other_endpoints_are_spent_waits_for_their_return_and_other_tenants_are_served() {
    let hedges = AttemptsSpec::hedges().with_percent(100).with_per_second(1_000);
    let pool = PoolSpec::new(["a", "b"]).with_capacity(CapacitySpec::fixed(100)).with_hedge(hedges);
    let (balancer, clock) = start(pool);
    let lease = ask(&balancer, "free").expect("fresh");
    let spent = lease.endpoint().address().to_owned();
    let been = if spent == "a" { "b" } else { "a" };
    let limit = UpstreamLimit::left(0).resets_in(9 * SECOND);
    lease.report_upstream(&UpstreamReport::new().with_requests(limit));
    lease.finish(Outcome::success());
    let been_there = [been];
    let mut hedge = balancer.acquire_owned(Request::new("free").hedge().avoid(&been_there));
    assert!(poll(&mut hedge).is_pending());
    assert_eq!(ask(&balancer, "other").expect("it has room").endpoint().address(), been);
    assert_eq!(ask(&balancer, "free").err(), Some(Rejection::Saturated), "its own tenant's line is one");
    clock.advance(9 * SECOND);
    let Poll::Ready(Ok(lease)) = poll(&mut hedge) else { panic!("its endpoint is back") };
    assert_eq!(lease.endpoint().address(), spent);
}

#[derive(Clone, Debug)]
enum Step {
    Acquire(bool),
    Try(bool),
    End(usize),
    GoAway(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        any::<bool>().prop_map(Step::Acquire),
        any::<bool>().prop_map(Step::Try),
        any::<usize>().prop_map(Step::End),
        any::<usize>().prop_map(Step::GoAway),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    /// Invariant 4 where endpoints have caps and some tenants may use a part of them: nobody waits while an endpoint that it may use has room.
    #[test]
    fn nobody_waits_while_there_is_room_for_it(steps in steps(), caps in prop::collection::vec(1_u32..3, 1..4)) {
        let endpoints = caps.iter().enumerate();
        let endpoints = endpoints.map(|(index, &cap)| EndpointSpec::new(format!("e{index}")).with_max_in_flight(cap));
        let (balancer, _clock) = start(PoolSpec::new(endpoints));
        let name = |is_confined: bool| if is_confined { "confined" } else { "free" };
        let own = ask(&balancer, "confined").expect("fresh").endpoint().address().to_owned();
        let (mut running, mut waiting): (Vec<Lease>, Vec<(bool, Acquire)>) = (vec![], vec![]);
        for step in steps {
            match step {
                Step::Acquire(confined) => waiting.push((confined, balancer.acquire_owned(Request::new(name(confined))))),
                Step::Try(confined) => running.extend(ask(&balancer, name(confined))),
                Step::End(index) if !running.is_empty() => drop(running.swap_remove(index % running.len())),
                Step::GoAway(index) if !waiting.is_empty() => drop(waiting.swap_remove(index % waiting.len())),
                Step::End(_) | Step::GoAway(_) => {}
            }
            let mut still = vec![];
            for (confined, mut acquire) in waiting {
                match poll(&mut acquire) {
                    Poll::Pending => still.push((confined, acquire)),
                    Poll::Ready(lease) => running.push(lease.expect("whoever may wait is served, or waits on")),
                }
            }
            waiting = still;
            let used = |index: usize| running.iter().filter(|lease| lease.endpoint().address() == format!("e{index}")).count();
            let has_room: Vec<bool> = caps.iter().enumerate().map(|(index, &cap)| used(index) < cap as usize).collect();
            prop_assert!(caps.iter().enumerate().all(|(index, &cap)| used(index) <= cap as usize));
            let own_has_room = (0..caps.len()).any(|index| has_room[index] && format!("e{index}") == own);
            for (confined, _) in &waiting {
                let room = if *confined { own_has_room } else { has_room.contains(&true) };
                prop_assert!(!room, "{} waits while there is room at {has_room:?}", name(*confined));
            }
        }
        drop((running, waiting));
        let pool = balancer.pool_stats("api").expect("the pool");
        prop_assert_eq!((pool.in_flight(), pool.waiting()), (0, 0));
    }
}
