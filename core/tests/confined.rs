//! Who may use a part of a pool's endpoints only waits for those, and holds up nobody who needs them not.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tenantry::{
    Acquire, Balancer, CapacitySpec, Config, EndpointSpec, Lease, ManualClock, Outcome, PoolSpec, QueueSpec,
    Rejection, Request, TenantSpec, UpstreamLimit, UpstreamReport,
};

const SECOND: Duration = Duration::from_secs(1);

fn start(pool: PoolSpec) -> (Balancer, ManualClock) {
    let clock = ManualClock::new();
    clock.advance(SECOND);
    let queue = QueueSpec::new().with_timeout(60 * SECOND);
    let config = Config::new()
        .with_pool("api", pool.with_queue(queue))
        .with_tenant("confined", TenantSpec::new().with_shard(1))
        .with_tenant("free", TenantSpec::new());
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
