//! One decision, from acquire to finish, allocates nothing when nobody waits.

#![expect(unsafe_code, reason = "counting allocations needs an allocator of one's own, in this test alone")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use tenantry::{
    Balancer, CapacitySpec, Config, EndpointSpec, KetamaSpec, LoadKind, MaglevSpec, Outcome, P2cSpec,
    PoolSpec, PrequalSpec, Rate, RendezvousSpec, Request, RingSpec, StrategySpec, TenantSpec, UnknownTenants,
};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; the counter allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

fn balancer(strategy: StrategySpec, capacity: CapacitySpec) -> Balancer {
    let endpoints = (1..=10).map(|n| EndpointSpec::new(format!("http://10.0.0.{n}:8080")).with_weight(n));
    let pool = PoolSpec::new(endpoints).with_strategy(strategy).with_capacity(capacity);
    let acme = TenantSpec::new()
        .with_rate(Rate::per_second(1_000_000))
        .with_rate(Rate::cost(1_000_000, std::time::Duration::from_secs(1)))
        .with_max_in_flight(64)
        .with_pools(["api"]);
    let config = Config::new()
        .with_pool("api", pool.clone())
        .with_pool("web", pool)
        .with_tenant("acme", acme)
        .with_template("free", TenantSpec::new().with_rate(Rate::per_second(1)))
        .with_unknown_tenants(UnknownTenants::template("free", 10));
    Balancer::new(config).expect("the configuration is right")
}

#[test]
fn a_decision_allocates_nothing() {
    for strategy in [
        StrategySpec::p2c(),
        StrategySpec::from(P2cSpec::new().with_choices(5).with_load(LoadKind::Reported)),
        StrategySpec::least_loaded(),
        StrategySpec::round_robin(),
        StrategySpec::Random,
        StrategySpec::weighted(),
        PrequalSpec::new().into(),
        KetamaSpec::new().into(),
        RingSpec::new().with_bounded(1.25).into(),
        MaglevSpec::new().into(),
        MaglevSpec::new().with_bounded(1.25).into(),
        RendezvousSpec::new().into(),
    ] {
        for capacity in [CapacitySpec::fixed(64), CapacitySpec::adaptive()] {
            let balancer = balancer(strategy.clone(), capacity);
            let request = Request::new("acme").pool("api").key(b"user-7").cost(3);
            let finish = |outcome| {
                let lease = balancer.try_acquire(&request).expect("there is room");
                assert!(!lease.endpoint().address().is_empty());
                lease.finish(outcome);
            };
            // This thread reads this balancer for the first time: it remembers the snapshot.
            finish(Outcome::success());
            let count = allocations(|| {
                for _ in 0..10_000 {
                    finish(Outcome::success().with_cost(2));
                    finish(Outcome::success().with_cost(5));
                    finish(Outcome::overload());
                    finish(Outcome::cancelled());
                    drop(balancer.try_acquire_owned(&request));
                }
            });
            assert_eq!(count, 0, "{strategy:?}, {capacity:?}");
        }
    }
}

#[test]
fn each_limited_parent_costs_one_small_block_and_others_nothing() {
    let pool = PoolSpec::new(["http://10.0.0.1:8080"]).with_capacity(CapacitySpec::fixed(64));
    let limited = || TenantSpec::new().with_max_in_flight(9).with_rate(Rate::per_second(1_000_000));
    let config = Config::new()
        .with_pool("api", pool)
        .with_tenant("org", limited())
        .with_tenant("unit", TenantSpec::new().with_parent("org"))
        .with_tenant("team", limited().with_parent("unit"))
        .with_tenant("key", limited().with_parent("team"))
        .with_tenant("plain", TenantSpec::new())
        .with_tenant("beneath-plain", TenantSpec::new().with_parent("plain"));
    let balancer = Balancer::new(config).expect("the configuration is right");
    for (id, blocks) in [("beneath-plain", 0), ("org", 0), ("unit", 1), ("key", 2)] {
        let once = || {
            let lease = balancer.try_acquire(&Request::new(id)).expect("there is room");
            lease.finish(Outcome::success().with_cost(2));
        };
        once();
        assert_eq!(allocations(|| (0..100).for_each(|_| once())), 100 * blocks, "{id}");
    }
}

#[test]
fn a_refusal_allocates_nothing() {
    let balancer = balancer(StrategySpec::p2c(), CapacitySpec::fixed(64));
    let asks = |tenant, pool| balancer.try_acquire(&Request::new(tenant).pool(pool)).is_ok();
    assert!(asks("made-by-template", "api"), "the first of one a second");
    let count = allocations(|| {
        for _ in 0..1_000 {
            assert!(!asks("made-by-template", "api"), "rate limited");
            assert!(!asks("acme", "web"), "forbidden");
            assert!(!asks("acme", "nowhere"), "unknown");
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn waiting_that_does_not_have_to_wait_allocates_nothing() {
    let balancer = balancer(StrategySpec::p2c(), CapacitySpec::fixed(64));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut once = || {
        let mut acquire = balancer.acquire(Request::new("acme").pool("api"));
        let lease = match std::pin::Pin::new(&mut acquire).poll(&mut context) {
            std::task::Poll::Ready(lease) => lease.expect("there is room"),
            std::task::Poll::Pending => panic!("a seat is free"),
        };
        lease.finish(Outcome::success());
    };
    once();
    assert_eq!(allocations(|| (0..1_000).for_each(|_| once())), 0);
}

#[test]
fn a_tenant_that_retries_allocates_once_and_its_neighbour_never() {
    let balancer = Balancer::new(
        Config::new()
            .with_pool("api", PoolSpec::new(["x"]).with_capacity(CapacitySpec::fixed(64)))
            .with_tenant("retries", TenantSpec::new())
            .with_tenant("never", TenantSpec::new()),
    )
    .expect("the configuration is right");
    let ask = |request: Request<'_>| {
        if let Ok(lease) = balancer.try_acquire(&request) {
            lease.finish(Outcome::failure());
        }
    };
    ask(Request::new("never"));
    assert!(allocations(|| ask(Request::new("retries").retry())) > 0, "its budget is made");
    let count = allocations(|| {
        for _ in 0..1_000 {
            ask(Request::new("never"));
            ask(Request::new("retries"));
            ask(Request::new("retries").retry());
        }
    });
    assert_eq!(count, 0);
}
