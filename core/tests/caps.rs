//! Caps of single endpoints: exact, and no seat stays free while an endpoint has room and somebody waits.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use proptest::prelude::*;
use tenantry::{
    Acquire, Balancer, CapacitySpec, Config, EndpointSpec, HealthOverride, HealthState, KetamaSpec, Lease,
    ManualClock, Outcome, OutlierSpec, PoolSpec, PrequalSpec, QueueSpec, Rejection, Request, StrategySpec,
    TenantSpec,
};

fn pool(caps: &[u32]) -> PoolSpec {
    let endpoints = caps.iter().enumerate().map(|(index, &cap)| {
        let endpoint = EndpointSpec::new(index.to_string());
        if cap == 0 { endpoint } else { endpoint.with_max_in_flight(cap) }
    });
    PoolSpec::new(endpoints).with_queue(QueueSpec::new().with_per_tenant(10_000))
}

fn config(pool: PoolSpec) -> Config {
    Config::new().with_pool("pool", pool).with_tenant("a", TenantSpec::new())
}

fn poll(acquire: &mut Acquire, waker: &Waker) -> Poll<Result<Lease, Rejection>> {
    Pin::new(acquire).poll(&mut Context::from_waker(waker))
}

/// Counts wake-ups.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn each_end_hands_its_place_to_the_next_at_once() {
    let balancer = Balancer::new(config(pool(&[1, 1]))).expect("it is valid");
    let mut running: Vec<Lease> =
        (0..2).map(|_| balancer.try_acquire_owned(&Request::new("a")).expect("a place is free")).collect();
    assert_ne!(running[0].endpoint().address(), running[1].endpoint().address());
    assert_eq!(balancer.try_acquire(&Request::new("a")).err(), Some(Rejection::Saturated));
    for _ in 0..20 {
        let mut next = balancer.acquire_owned(Request::new("a"));
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        assert!(poll(&mut next, &waker).is_pending());
        let first = running.remove(0);
        let address = first.endpoint().address().to_owned();
        first.finish(Outcome::success());
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        let Poll::Ready(Ok(lease)) = poll(&mut next, &waker) else { panic!("the place is free") };
        assert_eq!(lease.endpoint().address(), address);
        running.push(lease);
    }
}

#[test]
fn threads_racing_for_single_places_never_share_one_and_all_are_served() {
    for strategy in [StrategySpec::p2c(), StrategySpec::round_robin(), PrequalSpec::new().into()] {
        let spec = pool(&[1, 1, 2]).with_strategy(strategy).with_capacity(CapacitySpec::fixed(100));
        let balancer = Balancer::new(config(spec)).expect("it is valid");
        let inside: [AtomicU32; 3] = Default::default();
        let barrier = Barrier::new(4);
        let work = || {
            barrier.wait();
            let mut served = 0;
            while served < 2_000 {
                let Ok(lease) = balancer.try_acquire(&Request::new("a")) else {
                    thread::yield_now();
                    continue;
                };
                let index: usize = lease.endpoint().address().parse().expect("a number");
                let cap = [1, 1, 2][index];
                assert!(
                    inside[index].fetch_add(1, Ordering::SeqCst) < cap,
                    "endpoint {index} is over its cap"
                );
                inside[index].fetch_sub(1, Ordering::SeqCst);
                lease.finish(Outcome::success());
                served += 1;
            }
        };
        thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
        assert_eq!(balancer.stats().pools()[0].in_flight(), 0);
    }
}

#[test]
fn an_endpoint_without_a_cap_takes_what_the_others_cannot() {
    let spec = pool(&[1, 0]).with_capacity(CapacitySpec::fixed(10));
    let balancer = Balancer::new(config(spec)).expect("it is valid");
    let leases: Vec<Lease> =
        (0..10).map(|_| balancer.try_acquire_owned(&Request::new("a")).expect("a seat is free")).collect();
    assert!(leases.iter().filter(|lease| lease.endpoint().address() == "0").count() <= 1);
}

#[test]
fn requests_at_a_removed_endpoint_take_nothing_from_the_others() {
    let balancer = Balancer::new(config(pool(&[2, 1]))).expect("it is valid");
    let held: Vec<Lease> =
        (0..3).map(|_| balancer.try_acquire_owned(&Request::new("a")).expect("a place is free")).collect();
    let spec = PoolSpec::new([EndpointSpec::new("new").with_max_in_flight(1)]);
    balancer.reconfigure(config(spec)).expect("it is valid");
    let lease = balancer.try_acquire(&Request::new("a")).expect("the new one is free");
    assert_eq!(balancer.try_acquire(&Request::new("a")).err(), Some(Rejection::Saturated));
    drop(held);
    assert_eq!(balancer.try_acquire(&Request::new("a")).err(), Some(Rejection::Saturated));
    drop(lease);
    assert!(balancer.try_acquire(&Request::new("a")).is_ok());
}

#[test]
fn an_ejected_endpoints_places_are_not_waited_for_in_vain() {
    let clock = ManualClock::new();
    let outlier = OutlierSpec::new().with_consecutive_failures(1).with_max_ejected_percent(50);
    let balancer = Balancer::with_clock(config(pool(&[1, 1, 1]).with_outlier(outlier)), clock.clone())
        .expect("it is valid");
    balancer.try_acquire(&Request::new("a")).expect("a place is free").finish(Outcome::failure());
    let held: Vec<Lease> =
        (0..2).map(|_| balancer.try_acquire_owned(&Request::new("a")).expect("two are left")).collect();
    assert_eq!(balancer.try_acquire(&Request::new("a")).err(), Some(Rejection::Saturated));
    clock.advance(Duration::from_secs(120));
    drop(held);
    let back: Vec<Lease> =
        (0..3).map(|_| balancer.try_acquire_owned(&Request::new("a")).expect("all three are back")).collect();
    assert_eq!(back.len(), 3);
}

fn try_acquire(balancer: &Balancer) -> Result<Lease, Rejection> {
    balancer.try_acquire_owned(&Request::new("a"))
}

fn ejecting(caps: &[u32]) -> Config {
    let outlier = OutlierSpec::new().with_consecutive_failures(1).with_max_ejected_percent(50);
    config(pool(caps).with_outlier(outlier))
}

#[test]
fn a_waiter_goes_on_waiting_while_more_are_in_flight_than_a_lowered_cap_allows() {
    let balancer = Balancer::new(config(pool(&[3]))).expect("it is valid");
    let mut held: Vec<Lease> = (0..3).map(|_| try_acquire(&balancer).expect("a place is free")).collect();
    let mut waiter = balancer.acquire_owned(Request::new("a"));
    balancer.reconfigure(config(pool(&[1]))).expect("it is valid");
    while let Some(lease) = held.pop() {
        assert!(poll(&mut waiter, Waker::noop()).is_pending(), "{} in flight", held.len() + 1);
        lease.finish(Outcome::success());
    }
    assert!(matches!(poll(&mut waiter, Waker::noop()), Poll::Ready(Ok(_))));
}

#[test]
fn the_request_that_ejects_an_endpoint_hands_no_place_there_on() {
    let balancer = Balancer::new(ejecting(&[1, 1, 1])).expect("it is valid");
    let mut held: Vec<Lease> = (0..3).map(|_| try_acquire(&balancer).expect("a place is free")).collect();
    let mut waiter = balancer.acquire_owned(Request::new("a"));
    held.remove(0).finish(Outcome::failure());
    assert!(poll(&mut waiter, Waker::noop()).is_pending());
    let healthy = held.remove(0);
    let address = healthy.endpoint().address().to_owned();
    healthy.finish(Outcome::success());
    let Poll::Ready(Ok(lease)) = poll(&mut waiter, Waker::noop()) else { panic!("a place is free") };
    assert_eq!(lease.endpoint().address(), address);
}

#[test]
fn all_places_are_back_after_the_trial_whoever_was_busy_when_probation_began() {
    for seed in 0..20 {
        let clock = ManualClock::new();
        let balancer =
            Balancer::with_clock(ejecting(&[1, 1, 1]).with_seed(seed), clock.clone()).expect("it is valid");
        try_acquire(&balancer).expect("a place is free").finish(Outcome::failure());
        clock.advance(Duration::from_secs(400));
        for _ in 0..30 {
            try_acquire(&balancer).expect("a place is free").finish(Outcome::success());
        }
        let all: Vec<Lease> = (0..3).map_while(|_| try_acquire(&balancer).ok()).collect();
        assert_eq!(all.len(), 3, "seed {seed}");
    }
}

#[test]
fn the_end_of_an_ejection_is_seen_by_who_comes_next_while_the_others_stay_busy() {
    for waits in [false, true] {
        let clock = ManualClock::new();
        let balancer = Balancer::with_clock(ejecting(&[1, 1, 1]), clock.clone()).expect("it is valid");
        try_acquire(&balancer).expect("a place is free").finish(Outcome::failure());
        let _busy: Vec<Lease> = (0..2).map(|_| try_acquire(&balancer).expect("two are left")).collect();
        assert_eq!(try_acquire(&balancer).err(), Some(Rejection::Saturated));
        clock.advance(Duration::from_secs(400));
        if waits {
            let mut waiter = balancer.acquire_owned(Request::new("a"));
            assert!(matches!(poll(&mut waiter, Waker::noop()), Poll::Ready(Ok(_))));
        } else {
            assert!(try_acquire(&balancer).is_ok());
        }
    }
}

#[test]
fn under_a_bound_that_all_exceed_a_trial_is_one_and_ends_the_probation() {
    let clock = ManualClock::new();
    let strategy = KetamaSpec::new().with_bounded(1.0);
    let outlier = OutlierSpec::new().with_consecutive_failures(1).with_max_ejected_percent(50);
    let spec = PoolSpec::new([EndpointSpec::new("open"), EndpointSpec::new("full").with_max_in_flight(1)])
        .with_strategy(strategy)
        .with_outlier(outlier)
        .with_capacity(CapacitySpec::fixed(100));
    let balancer = Balancer::with_clock(config(spec), clock.clone()).expect("it is valid");
    let mut held: Vec<Lease> = (0..6).map(|_| try_acquire(&balancer).expect("one is open")).collect();
    let failed = held.iter().position(|lease| lease.endpoint().address() == "open").expect("most are there");
    held.remove(failed).finish(Outcome::failure());
    clock.advance(Duration::from_secs(400));
    let health = || {
        let pool = balancer.pool_stats("pool").expect("it is there");
        pool.endpoints().iter().find(|endpoint| endpoint.address() == "open").expect("it is there").health()
    };
    assert_eq!(health(), HealthState::Probation);
    let trial = try_acquire(&balancer).expect("there are seats");
    assert_eq!(trial.endpoint().address(), "open", "the other one is full");
    trial.finish(Outcome::success());
    assert_eq!(health(), HealthState::Healthy);
}

#[test]
fn who_may_wait_goes_to_the_fallback_while_no_endpoint_is_usable_and_is_refused_without_one() {
    let overridden = |with_fallback: bool, health| {
        let spec = pool(&[1, 1]);
        let spec = if with_fallback { spec.with_fallback("other") } else { spec };
        let config = config(spec).with_pool("other", PoolSpec::new(["elsewhere"]));
        let balancer = Balancer::new(config).expect("it is valid");
        for address in ["0", "1"] {
            balancer.override_health("pool", address, health, None).expect("there");
        }
        let polled = poll(&mut balancer.acquire_owned(Request::new("a").pool("pool")), Waker::noop());
        let tried = balancer.try_acquire(&Request::new("a").pool("pool")).map(|lease| lease.pool());
        (polled.map_ok(|lease| lease.pool()), tried)
    };
    let (ejected, disabled) = (HealthOverride::Ejected, HealthOverride::Disabled);
    for health in [ejected, disabled] {
        let served = || Ok(Some("other".to_owned()));
        assert_eq!(overridden(true, health), (Poll::Ready(served()), served()));
    }
    let none = || Err(Rejection::NoEndpoint);
    assert_eq!(overridden(false, disabled), (Poll::Ready(none()), none()));
    let in_panic = || Ok(Some("pool".to_owned()));
    assert_eq!(overridden(false, ejected), (Poll::Ready(in_panic()), in_panic()), "somebody must serve");
}

#[derive(Clone, Debug)]
enum Step {
    Acquire,
    Finish(usize, bool),
    Drop(usize),
    Reconfigure(Vec<u32>),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Acquire),
        4 => (any::<usize>(), prop::bool::weighted(0.2)).prop_map(|(which, failed)| Step::Finish(which, failed)),
        1 => any::<usize>().prop_map(Step::Drop),
        1 => prop::collection::vec(1_u32..4, 1..5).prop_map(Step::Reconfigure),
        1 => (0_u64..40).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    /// Whatever happens, nobody new comes to an endpoint that has its cap in flight, and nobody waits while there is room.
    #[test]
    fn caps_hold_and_places_are_used(steps in steps()) {
        let clock = ManualClock::new();
        let mut caps = vec![1, 2, 1];
        let build = |caps: &[u32]| config(pool(caps).with_capacity(CapacitySpec::fixed(1_000)));
        let balancer = Balancer::with_clock(build(&caps), clock.clone()).expect("it is valid");
        let waker = Waker::noop();
        let mut waiting: Vec<Acquire> = vec![];
        let running: Mutex<Vec<Lease>> = Mutex::default();
        let failures = steps.iter().any(|step| matches!(step, Step::Finish(_, true)));
        for step in steps {
            let mut running = running.lock().expect("nobody panics with it");
            match step {
                Step::Acquire => waiting.push(balancer.acquire_owned(Request::new("a"))),
                Step::Finish(which, failed) if !running.is_empty() => {
                    let lease = { let index = which % running.len(); running.swap_remove(index) };
                    lease.finish(if failed { Outcome::failure() } else { Outcome::success() });
                }
                Step::Drop(which) if !waiting.is_empty() => {
                    let index = which % waiting.len();
                    drop(waiting.swap_remove(index));
                }
                Step::Reconfigure(next) => {
                    balancer.reconfigure(build(&next)).expect("it is valid");
                    caps = next;
                }
                Step::Wait(seconds) => clock.advance(Duration::from_secs(seconds)),
                Step::Finish(..) | Step::Drop(_) => {}
            }
            let count = |running: &[Lease], index: usize| {
                running.iter().filter(|lease| lease.endpoint().address() == index.to_string()).count()
            };
            let before: Vec<usize> = (0..5).map(|index| count(&running, index)).collect();
            let mut refused = vec![];
            waiting.retain_mut(|acquire| match poll(acquire, waker) {
                Poll::Ready(Ok(lease)) => { running.push(lease); false }
                Poll::Ready(Err(rejection)) => { refused.push(rejection); false }
                Poll::Pending => true,
            });
            let too_late = |rejection| matches!(rejection, &Rejection::TimedOut | &Rejection::WouldTimeOut { .. });
            prop_assert!(refused.iter().all(too_late), "{refused:?}");
            for (index, &cap) in caps.iter().enumerate() {
                let now = count(&running, index);
                prop_assert!(now <= cap as usize || now <= before[index], "{now} at {index} of {caps:?}");
            }
            let room = caps.iter().enumerate().any(|(index, &cap)| count(&running, index) < cap as usize);
            // With failures an endpoint with room may be ejected.
            prop_assert!(failures || waiting.is_empty() || !room, "{} wait, {caps:?}", waiting.len());
        }
    }
}
