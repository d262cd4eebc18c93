//! Invariants 1 and 2: nothing is lost, and never more in flight than seats, whatever drops, cancels and reconfigures, from
//! several threads.

#![expect(clippy::disallowed_methods, reason = "the core spawns no threads; its tests do")]

use std::{
    pin::Pin,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use proptest::prelude::*;
use tenantry::{
    Acquire, Balancer, CapacitySpec, Config, Lease, ManualClock, Outcome, PoolSpec, PrequalSpec, QueueSpec,
    Rate, Request, Stats, StrategySpec, TenantSpec, TenantStats, UnknownTenants,
};

const TENANTS: [&str; 6] = ["a", "b", "c", "made-1", "made-2", "made-3"];
const LARGEST_CAPACITY: u32 = 6;

/// One of several configurations, all of which allow at most [`LARGEST_CAPACITY`] in flight.
fn config(variant: u32) -> Config {
    let pool = |capacity, endpoints: &[&str]| {
        PoolSpec::new(endpoints.iter().copied())
            .with_capacity(CapacitySpec::fixed(capacity))
            .with_strategy(match variant % 3 {
                0 => StrategySpec::p2c(),
                1 => StrategySpec::round_robin(),
                _ => PrequalSpec::new().into(),
            })
            .with_queue(QueueSpec::new().with_per_tenant(8).with_total(12))
    };
    let spec = TenantSpec::new().with_weight(1 + variant % 9).with_max_in_flight(5);
    let limited = spec.clone().with_rate(Rate::cost(1_000, Duration::from_millis(1)).with_burst(50));
    // The tree changes with the configuration: limits above come, go and are another parent's.
    let team = TenantSpec::new().with_max_in_flight(6).with_rate(Rate::cost(2_000, Duration::from_millis(1)));
    let parent = |spec: TenantSpec| match variant % 3 {
        0 => spec.with_parent("team"),
        1 => spec.with_parent("other"),
        _ => spec,
    };
    let (limited, spec) = (parent(limited), parent(spec));
    let base = Config::new()
        .with_seed(9)
        .with_tenant("team", team.clone().with_parent("other"))
        .with_tenant("other", team)
        .with_pool("api", pool([4, 2, LARGEST_CAPACITY, 1][variant as usize % 4], &["x", "y", "z"]))
        .with_tenant("a", limited.clone())
        .with_tenant("b", spec);
    match variant % 4 {
        0 => base.with_template("free", limited).with_unknown_tenants(UnknownTenants::template("free", 2)),
        1 => base.with_tenant("c", TenantSpec::new()).with_pool("web", pool(3, &["w"])),
        2 => base.with_pool("web", pool(1, &[])),
        _ => base,
    }
}

fn assert_at_rest(stats: &Stats) {
    for pool in stats.pools() {
        assert_eq!((pool.in_flight(), pool.waiting()), (0, 0), "{stats:?}");
        assert!(pool.endpoints().iter().all(|endpoint| endpoint.in_flight() == 0), "{stats:?}");
    }
    let inside = |tenant: &TenantStats| tenant.in_flight() + tenant.waiting() + tenant.beneath();
    assert!(stats.tenants().iter().all(|tenant| inside(tenant) == 0), "{stats:?}");
}

/// A full pass of every tenant, one after the other: what was lost would show as a refusal.
fn assert_all_of_it_is_there(balancer: &Balancer, clock: &ManualClock) {
    balancer.reconfigure(config(2)).expect("usable");
    clock.advance(Duration::from_secs(3_600));
    let leases: Vec<_> = (0..LARGEST_CAPACITY)
        .map(|n| balancer.try_acquire_owned(&Request::new(["a", "b"][n as usize % 2]).pool("api")))
        .collect();
    assert!(leases.iter().all(Result::is_ok), "{leases:?}");
    drop(leases);
    assert_at_rest(&balancer.stats());
}

/// What one thread does, drawn from numbers.
struct Actor {
    balancer: Balancer,
    clock: ManualClock,
    leases: Vec<Lease>,
    waiting: Vec<Acquire>,
}

impl Actor {
    fn act(&mut self, action: u32) {
        let (what, which) = (action % 16, action / 16);
        let tenant = TENANTS[which as usize % TENANTS.len()];
        let pool = if which.is_multiple_of(5) { "web" } else { "api" };
        let request = Request::new(tenant).pool(pool).cost(u64::from(which % 7));
        match what {
            0..4 => self.leases.extend(self.balancer.try_acquire_owned(&request)),
            4..7 => self.waiting.push(
                self.balancer.acquire_owned(request.timeout(Duration::from_millis(u64::from(which % 9)))),
            ),
            7..9 => self.poll_one(which as usize),
            9..13 => self.end_one(which),
            13 => drop(self.waiting.pop()),
            14 => self.clock.advance(Duration::from_micros(u64::from(which % 3_000))),
            _ => self.balancer.reconfigure(config(which)).expect("every variant is usable"),
        }
    }

    fn poll_one(&mut self, which: usize) {
        if self.waiting.is_empty() {
            return;
        }
        let mut acquire = self.waiting.swap_remove(which % self.waiting.len());
        match Pin::new(&mut acquire).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(resolved) => self.leases.extend(resolved),
            Poll::Pending => self.waiting.push(acquire),
        }
    }

    fn end_one(&mut self, which: u32) {
        if self.leases.is_empty() {
            return;
        }
        let lease = self.leases.swap_remove(which as usize % self.leases.len());
        let cost = u64::from(which % 11);
        match which % 5 {
            0 => lease.finish(Outcome::success().with_cost(cost)),
            1 => lease.finish(Outcome::failure()),
            2 => lease.finish(Outcome::overload().with_cost(cost)),
            3 => lease.finish(Outcome::success()),
            _ => drop(lease),
        }
    }
}

fn actor(balancer: &Balancer, clock: &ManualClock) -> Actor {
    Actor { balancer: balancer.clone(), clock: clock.clone(), leases: vec![], waiting: vec![] }
}

fn balancer() -> (Balancer, ManualClock) {
    let clock = ManualClock::new();
    (Balancer::with_clock(config(0), clock.clone()).expect("usable"), clock)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// One thread, so that every step can be checked: seats are never exceeded by a capacity that did not shrink, and nobody
    /// waits while a seat is free (invariant 4).
    #[test]
    fn one_thread_conserves_and_wastes_nothing(actions in prop::collection::vec(any::<u32>(), 1..300)) {
        let (balancer, clock) = balancer();
        let mut actor = actor(&balancer, &clock);
        for action in actions {
            let before: Vec<_> = balancer.stats().pools().iter().map(|pool| (pool.name().to_owned(), pool.in_flight())).collect();
            actor.act(action);
            for pool in balancer.stats().pools() {
                let had = before.iter().find(|(name, _)| name == pool.name()).map_or(0, |(_, in_flight)| *in_flight);
                prop_assert!(pool.in_flight() <= pool.capacity().max(had), "{pool:?} had {had}");
                prop_assert!(pool.waiting() == 0 || pool.in_flight() >= pool.capacity(), "{pool:?}");
            }
        }
        drop(actor);
        assert_at_rest(&balancer.stats());
        assert_all_of_it_is_there(&balancer, &clock);
    }
}

/// Many interleavings of everything at once, from four threads.
#[test]
fn four_threads_conserve() {
    for round in 0..60_u64 {
        let (balancer, clock) = balancer();
        let start = Arc::new(Barrier::new(4));
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let (mut actor, start) = (actor(&balancer, &clock), Arc::clone(&start));
                let mut state = round * 4 + thread + 1;
                thread::spawn(move || {
                    start.wait();
                    for _ in 0..600 {
                        state = state
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
                        actor.act(u32::try_from(state >> 33).expect("31 bits"));
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("no thread panics"));
        assert_at_rest(&balancer.stats());
        assert_all_of_it_is_there(&balancer, &clock);
    }
}

/// Invariant 2 under contention: a counter beside the balancer never sees more holders than seats.
#[test]
fn never_more_holders_than_seats() {
    let pool = PoolSpec::new(["x", "y"]).with_capacity(CapacitySpec::fixed(3));
    let config = Config::new()
        .with_pool("api", pool)
        .with_tenant("a", TenantSpec::new())
        .with_tenant("b", TenantSpec::new());
    let balancer = Balancer::new(config).expect("usable");
    let (holders, exceeded) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let threads: Vec<_> = ["a", "b", "a", "b"]
        .map(|tenant| {
            let (balancer, holders, exceeded) =
                (balancer.clone(), Arc::clone(&holders), Arc::clone(&exceeded));
            thread::spawn(move || {
                for _ in 0..20_000 {
                    let Ok(lease) = wait_for(&balancer, tenant) else { continue };
                    if holders.fetch_add(1, Ordering::SeqCst) >= 3 {
                        exceeded.store(true, Ordering::SeqCst);
                    }
                    holders.fetch_sub(1, Ordering::SeqCst);
                    lease.finish(Outcome::success());
                }
            })
        })
        .into();
    threads.into_iter().for_each(|thread| thread.join().expect("no thread panics"));
    assert!(!exceeded.load(Ordering::SeqCst), "more than three held a seat at once");
    assert_at_rest(&balancer.stats());
}

/// Blocks on `acquire` by parking the thread: the simplest executor.
fn wait_for(balancer: &Balancer, tenant: &str) -> Result<Lease, tenantry::Rejection> {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut acquire = balancer.acquire_owned(Request::new(tenant));
    loop {
        match Pin::new(&mut acquire).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(resolved) => return resolved,
            Poll::Pending => thread::park(),
        }
    }
}

struct Bell(AtomicBool);

impl std::task::Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct Broken;

impl std::task::Wake for Broken {
    fn wake(self: Arc<Self>) {
        unreachable!("a broken executor");
    }
}

/// Two waiters get seats in one step; the first one's waker panics. The other is woken all the same, and nothing is lost.
#[test]
fn a_panicking_waker_loses_nobody_else_their_wake_up() {
    let config = |seats| {
        let pool = PoolSpec::new(["x"]).with_capacity(CapacitySpec::fixed(seats));
        Config::new().with_pool("api", pool).with_tenant("a", TenantSpec::new())
    };
    let balancer = Balancer::new(config(1)).expect("usable");
    let held = balancer.try_acquire_owned(&Request::new("a")).expect("a seat is free");
    let (mut first, mut second) =
        (balancer.acquire_owned(Request::new("a")), balancer.acquire_owned(Request::new("a")));
    let bell = Arc::new(Bell(AtomicBool::new(false)));
    let (broken, ringing) = (Waker::from(Arc::new(Broken)), Waker::from(Arc::clone(&bell)));
    assert!(Pin::new(&mut first).poll(&mut Context::from_waker(&broken)).is_pending());
    assert!(Pin::new(&mut second).poll(&mut Context::from_waker(&ringing)).is_pending());
    balancer.reconfigure(config(3)).expect("a waker's panic is not the updater's trouble");
    assert!(bell.0.load(Ordering::SeqCst), "the second waiter was woken");
    assert!(Pin::new(&mut second).poll(&mut Context::from_waker(Waker::noop())).is_ready());
    drop((held, first, second));
    assert_at_rest(&balancer.stats());
}
