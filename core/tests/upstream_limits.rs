//! Limits of the endpoints themselves, configured or told by them: never exceeded, skipped while spent, waited for exactly.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Barrier, Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use proptest::prelude::*;
use tenantry::{
    Acquire, Balancer, Candidates, CapacitySpec, Clock, Config, EndpointSpec, Event, HealthOverride, Lease,
    ManualClock, Outcome, OutlierSpec, PoolSpec, QueueSpec, Rate, Rejection, Request, SeatsSpec,
    StrategySpec, TenantSpec, UpstreamLimit, UpstreamReport,
};

const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_nanos(1);

fn pool(endpoints: impl IntoIterator<Item = EndpointSpec>) -> PoolSpec {
    PoolSpec::new(endpoints)
        .with_capacity(CapacitySpec::fixed(1_000))
        .with_queue(QueueSpec::new().with_per_tenant(10_000).with_timeout(Duration::from_secs(3_600)))
}

fn config(pool: PoolSpec) -> Config {
    Config::new()
        .with_pool("pool", pool)
        .with_tenant("a", TenantSpec::new())
        .with_tenant("b", TenantSpec::new())
}

fn balancer(pool: PoolSpec) -> (Balancer, ManualClock) {
    let clock = ManualClock::starting_at(Duration::from_secs(1_000));
    clock.advance(Duration::from_secs(100));
    (Balancer::with_clock(config(pool), clock.clone()).expect("it is valid"), clock)
}

fn rated(address: &str, rate: Rate) -> EndpointSpec {
    EndpointSpec::new(address).with_rate(rate)
}

fn plain() -> (Balancer, ManualClock) {
    balancer(pool([EndpointSpec::new("x")]))
}

fn try_acquire(balancer: &Balancer, cost: u64) -> Result<Lease, Rejection> {
    balancer.try_acquire_owned(&Request::new("a").cost(cost))
}

fn poll(acquire: &mut Acquire, waker: &Waker) -> Poll<Result<Lease, Rejection>> {
    Pin::new(acquire).poll(&mut Context::from_waker(waker))
}

fn ask_at_once(balancer: &Balancer, request: Request<'_>) -> Option<Lease> {
    balancer.try_acquire_owned(&request).ok()
}

/// The same as if it might wait.
fn ask_to_wait(balancer: &Balancer, request: Request<'_>) -> Option<Lease> {
    match poll(&mut balancer.acquire_owned(request), Waker::noop()) {
        Poll::Ready(lease) => lease.ok(),
        Poll::Pending => None,
    }
}

/// A waiter that has been polled once, and how often it was woken.
fn wait(balancer: &Balancer, request: Request<'_>) -> (Acquire, Waker, Arc<Woken>) {
    let mut acquire = balancer.acquire_owned(request);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert!(poll(&mut acquire, &waker).is_pending());
    (acquire, waker, woken)
}

#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Woken {
    fn take(&self) -> u32 {
        self.0.swap(0, Ordering::SeqCst)
    }
}

fn limited(retry_after: Duration) -> Option<Rejection> {
    Some(Rejection::UpstreamLimited { retry_after })
}

fn requests(left: u64, wait: Duration) -> UpstreamReport {
    UpstreamReport::new().with_requests(UpstreamLimit::left(left).resets_in(wait))
}

/// Lets one request in, which brings the report.
fn report(balancer: &Balancer, report: &UpstreamReport) {
    let lease = try_acquire(balancer, 1).expect("it may go there");
    lease.report_upstream(report);
    lease.finish(Outcome::success());
}

fn count(balancer: &Balancer, cost: u64) -> usize {
    std::iter::from_fn(|| try_acquire(balancer, cost).ok()).take(1_000).count()
}

#[test]
fn what_is_spent_is_skipped_and_when_all_are_the_soonest_return_is_exact() {
    for strategy in [StrategySpec::p2c(), StrategySpec::round_robin()] {
        let endpoints = [rated("x", Rate::requests(2, SECOND)), rated("y", Rate::requests(3, 2 * SECOND))];
        let (balancer, clock) = balancer(pool(endpoints).with_strategy(strategy));
        let mut addresses: Vec<String> = (0..5)
            .map(|_| try_acquire(&balancer, 1).expect("five may go").endpoint().address().to_owned())
            .collect();
        addresses.sort();
        assert_eq!(addresses, ["x", "x", "y", "y", "y"]);
        assert_eq!(try_acquire(&balancer, 1).err(), limited(SECOND / 2));
        clock.advance(SECOND / 2 - TICK);
        assert_eq!(try_acquire(&balancer, 1).err(), limited(TICK));
        clock.advance(TICK);
        assert_eq!(try_acquire(&balancer, 1).expect("x is back").endpoint().address(), "x");
    }
}

/// Sends a request where the first byte of its key says, and asks the balancer while it is at it.
#[derive(Debug, Default)]
struct ByKey {
    balancer: OnceLock<Balancer>,
    /// What it was shown last: how many are in flight at each, and whether it is usable.
    shown: Mutex<Vec<(u32, bool)>>,
    /// How often it was asked.
    asked: AtomicU32,
}

impl tenantry::Strategy for ByKey {
    fn pick(&self, candidates: &Candidates<'_>) -> Option<usize> {
        self.balancer.get().map(Balancer::stats);
        self.asked.fetch_add(1, Ordering::SeqCst);
        *self.shown.lock().expect("nobody panics") =
            candidates.iter().map(|one| (one.in_flight(), one.is_usable())).collect();
        candidates.key()?.first().map(|byte| usize::from(*byte))
    }
}

/// Endpoints that take so many requests per second, under such a strategy.
fn by_key<const N: usize>(
    seed: u64,
    rates: [(&str, u64); N],
    b: TenantSpec,
) -> (Balancer, ManualClock, Arc<ByKey>) {
    let strategy = Arc::new(ByKey::default());
    let endpoints = rates.map(|(address, requests)| rated(address, Rate::requests(requests, SECOND)));
    let clock = ManualClock::new();
    let pool = pool(endpoints).with_strategy(StrategySpec::custom(strategy.clone()));
    let config = config(pool).with_tenant("b", b).with_seed(seed);
    let balancer = Balancer::with_clock(config, clock.clone()).expect("it is valid");
    strategy.balancer.set(balancer.clone()).expect("it is the first");
    (balancer, clock, strategy)
}

/// Two of them that take one request per second each, both of which are spent.
fn spent_pair(seed: u64) -> (Balancer, ManualClock, Arc<ByKey>) {
    let made = by_key(seed, [("x", 1), ("y", 1)], TenantSpec::new());
    assert_eq!(count(&made.0, 1), 2);
    made
}

/// For whom seats stay free, so that all go through the queue.
fn guaranteed() -> TenantSpec {
    TenantSpec::new().with_seats(SeatsSpec::none().with_guaranteed(tenantry::Amount::Seats(2)))
}

/// How many are in flight at each of the pool's endpoints.
fn in_flight(balancer: &Balancer) -> Vec<u32> {
    balancer.stats().pools()[0].endpoints().iter().map(|one| one.in_flight()).collect()
}

#[test]
fn with_a_strategy_of_ones_own_as_many_are_seated_at_once_as_limits_let_in_and_the_others_wait_on() {
    for key in [b"\0", b"\x01", b"\x02"] {
        let (balancer, clock, _strategy) = spent_pair(1);
        let mut waiting: Vec<_> = (0..6).map(|_| wait(&balancer, Request::new("a").key(key))).collect();
        for left in [4, 2, 0] {
            clock.advance(SECOND);
            let mut served = vec![];
            waiting.retain_mut(|(acquire, waker, _)| match poll(acquire, waker) {
                Poll::Ready(lease) => {
                    let lease = lease.expect("it waits on until its deadline");
                    served.push(lease.endpoint().address().to_owned());
                    false
                }
                Poll::Pending => true,
            });
            served.sort();
            assert_eq!((served, waiting.len()), (vec!["x".to_owned(), "y".to_owned()], left));
        }
        assert_eq!(balancer.stats().pool("pool").expect("it is there").in_flight(), 0);
    }
}

#[test]
fn a_strategy_of_ones_own_decides_for_who_has_waited_and_leaves_the_place_that_was_kept_to_the_next() {
    for seed in 0..8 {
        for (wanted, key) in [("x", b"\0"), ("y", b"\x01")] {
            let (balancer, clock, strategy) = spent_pair(seed);
            let (mut acquire, waker, woken) = wait(&balancer, Request::new("a").key(key));
            clock.advance(SECOND);
            assert!(woken.take() > 0);
            let Poll::Ready(Ok(lease)) = poll(&mut acquire, &waker) else { panic!("it is its turn") };
            assert_eq!(lease.endpoint().address(), wanted);
            assert_eq!(*strategy.shown.lock().expect("nobody panics"), [(0, true), (0, true)]);
            let other = try_acquire(&balancer, 1).expect("the other endpoint is free");
            assert_ne!(other.endpoint().address(), wanted);
            assert_eq!(try_acquire(&balancer, 1).err(), limited(SECOND));
        }
    }
}

#[test]
fn a_strategy_of_ones_own_decides_once_for_newcomers_too_whether_or_not_tenants_have_shares_of_the_seats() {
    for (seed, terms) in (0..8).flat_map(|seed| [(seed, guaranteed()), (seed, TenantSpec::new())]) {
        for (wanted, key) in [("x", b"\0"), ("y", b"\x01")] {
            for ask in [ask_at_once, ask_to_wait] {
                let (balancer, _, strategy) = by_key(seed, [("x", 1), ("y", 1)], terms.clone());
                let lease = ask(&balancer, Request::new("a").key(key)).expect("both endpoints are free");
                assert_eq!(lease.endpoint().address(), wanted);
                assert_eq!(*strategy.shown.lock().expect("nobody panics"), [(0, true), (0, true)]);
                assert_eq!(strategy.asked.load(Ordering::SeqCst), 1);
                let other = try_acquire(&balancer, 1).expect("the other endpoint is free");
                assert_ne!(other.endpoint().address(), wanted);
                assert_eq!(try_acquire(&balancer, 1).err(), limited(SECOND));
            }
        }
    }
}

#[test]
fn where_a_strategy_of_ones_own_has_no_answer_the_place_that_was_kept_stays() {
    for seed in 0..8 {
        let (balancer, clock, _) = by_key(seed, [("x", 4), ("y", 4)], TenantSpec::new());
        assert_eq!(count(&balancer, 1), 8);
        let (mut first, waker, _) = wait(&balancer, Request::new("a").key(b"\0"));
        let (mut second, other, _) = wait(&balancer, Request::new("a").key(b"\x02"));
        clock.advance(SECOND);
        let Poll::Ready(Ok(_first)) = poll(&mut first, &waker) else { panic!("it is its turn") };
        let kept = u8::from(in_flight(&balancer) != [2, 0]);
        // P2C would go where less is in flight.
        let key = [kept];
        let busy = || balancer.try_acquire_owned(&Request::new("a").key(&key)).expect("there is room");
        let _busy = [busy(), busy()];
        let Poll::Ready(Ok(second)) = poll(&mut second, &other) else { panic!("it is its turn") };
        assert_eq!(second.endpoint().address(), ["x", "y"][usize::from(kept)]);
    }
}

#[test]
fn among_tiers_a_place_that_was_kept_is_left_for_a_better_tier_only_where_a_strategy_of_ones_own_says_so() {
    for (serves, key) in [("x", b"\0"), ("y", b"\x02")] {
        let (balancer, clock, strategy) = by_key(1, [("x", 1), ("y", 1)], TenantSpec::new());
        let [best, next] = ["x", "y"].map(|address| rated(address, Rate::requests(1, SECOND)));
        let tiers = pool([best, next.with_priority(1)]).with_strategy(StrategySpec::custom(strategy));
        balancer.reconfigure(config(tiers)).expect("it is valid");
        assert_eq!(count(&balancer, 1), 2);
        let (first, ..) = wait(&balancer, Request::new("a"));
        let (mut second, waker, _) = wait(&balancer, Request::new("a").key(key));
        clock.advance(SECOND);
        assert_eq!(try_acquire(&balancer, 1).err(), limited(SECOND), "both are kept for who waits");
        assert_eq!(in_flight(&balancer), [1, 1]);
        drop(first);
        let Poll::Ready(Ok(lease)) = poll(&mut second, &waker) else { panic!("it is its turn") };
        assert_eq!(lease.endpoint().address(), serves);
    }
}

#[test]
fn who_returns_to_the_place_that_was_kept_is_charged_once() {
    let (balancer, clock, _) = by_key(1, [("x", 4), ("y", 1), ("z", 1)], TenantSpec::new());
    assert_eq!(count(&balancer, 1), 6);
    let mut waiting: Vec<_> = (0..4).map(|_| wait(&balancer, Request::new("a"))).collect();
    clock.advance(SECOND);
    let (mut last, waker, _) = waiting.pop().expect("there are four");
    let before = waiting.iter_mut().map(|(acquire, waker, _)| poll(acquire, waker));
    let _before: Vec<_> = before.collect();
    assert_eq!(in_flight(&balancer), [2, 1, 1]);
    balancer.override_health("pool", "x", HealthOverride::Ejected, None).expect("it is there");
    let Poll::Ready(Ok(lease)) = poll(&mut last, &waker) else { panic!("it is its turn") };
    assert_eq!(lease.endpoint().address(), "x", "there is room nowhere else");
    balancer.clear_health_override("pool", "x").expect("it is there");
    assert_eq!(count(&balancer, 1), 2);
}

#[test]
fn a_session_stays_where_a_place_was_kept_for_it_at_an_endpoint_of_weight_0() {
    for seed in 0..8 {
        let (balancer, clock, strategy) = by_key(seed, [("x", 1), ("y", 1)], TenantSpec::new());
        let first = balancer.try_acquire_owned(&Request::new("a").key(b"\0")).expect("both are free");
        let token = first.affinity_token().expect("the pool is there");
        let [x, y] = ["x", "y"].map(|address| rated(address, Rate::requests(1, SECOND)));
        let leaving = pool([x.with_weight(0), y]).with_strategy(StrategySpec::custom(strategy));
        balancer.reconfigure(config(leaving)).expect("it is valid");
        let _second = try_acquire(&balancer, 1).expect("y is free");
        let (mut acquire, waker, _) = wait(&balancer, Request::new("a").key(b"\x01").affinity(&token));
        clock.advance(SECOND);
        let Poll::Ready(Ok(lease)) = poll(&mut acquire, &waker) else { panic!("it is its turn") };
        assert_eq!(lease.endpoint().address(), "x");
    }
}

#[test]
fn a_place_that_was_kept_at_an_endpoint_that_serves_no_more_is_exchanged() {
    for seed in 0..8 {
        let (balancer, clock, _strategy) = spent_pair(seed);
        let (mut acquire, waker, _) = wait(&balancer, Request::new("a").key(b"\0"));
        clock.advance(SECOND);
        balancer.override_health("pool", "x", HealthOverride::Disabled, None).expect("it is there");
        let Poll::Ready(Ok(lease)) = poll(&mut acquire, &waker) else { panic!("it is its turn") };
        assert_eq!(lease.endpoint().address(), "y");
    }
}

#[test]
fn who_waits_on_gets_the_place_that_a_strategy_of_ones_own_gives_up_or_that_was_kept_for_who_leaves() {
    let (balancer, clock, _strategy) = spent_pair(1);
    let mut waiting: Vec<_> = (0..3).map(|_| wait(&balancer, Request::new("a").key(b"\0"))).collect();
    clock.advance(SECOND);
    let (mut last, waker, woken) = waiting.pop().expect("there are three");
    woken.take();
    assert!(poll(&mut last, &waker).is_pending());
    let (first, ..) = waiting.remove(0);
    drop(first);
    assert!(woken.take() > 0);
    assert!(matches!(poll(&mut last, &waker), Poll::Ready(Ok(_))));
}

#[test]
fn several_rates_are_charged_all_or_none_and_the_tenant_gets_its_charge_back() {
    let endpoint = EndpointSpec::new("x")
        .with_rate(Rate::requests(3, SECOND))
        .with_rate(Rate::cost(10, Duration::from_secs(10)));
    let clock = ManualClock::new();
    let config = Config::new()
        .with_pool("pool", pool([endpoint]))
        .with_tenant("a", TenantSpec::new().with_rate(Rate::cost(12, Duration::from_secs(3_600))));
    let balancer = Balancer::with_clock(config, clock).expect("it is valid");
    drop(try_acquire(&balancer, 9).expect("it fits"));
    for _ in 0..5 {
        assert_eq!(try_acquire(&balancer, 2).err(), limited(SECOND));
    }
    assert!(try_acquire(&balancer, 1).is_ok());
    let left = balancer.own_limits_of("a").expect("there is such a tenant");
    assert_eq!(left[0].remaining(), 2, "ten were used, and nothing by refusals");
    assert_eq!(try_acquire(&balancer, 1).err(), limited(SECOND), "one request of three is left");
}

#[test]
fn a_request_beyond_every_burst_never_passes_and_one_beyond_some_goes_elsewhere() {
    let (balancer, _) =
        balancer(pool([rated("x", Rate::cost(10, SECOND)), rated("y", Rate::cost(20, SECOND))]));
    assert_eq!(try_acquire(&balancer, 21).err(), Some(Rejection::CostTooHigh { limit: 20 }));
    let mut never = balancer.acquire_owned(Request::new("a").cost(21));
    let answer = poll(&mut never, Waker::noop());
    assert!(matches!(answer, Poll::Ready(Err(Rejection::CostTooHigh { limit: 20 }))), "{answer:?}");
    assert_eq!(try_acquire(&balancer, 11).expect("y takes it").endpoint().address(), "y");
    assert_eq!(try_acquire(&balancer, 11).err(), limited(SECOND / 10));
}

#[test]
fn who_waits_is_woken_exactly_at_the_return_in_turn_and_one_for_each_unit() {
    let (balancer, clock) = balancer(pool([rated("x", Rate::requests(10, SECOND).with_burst(1))]));
    drop(try_acquire(&balancer, 1).expect("one may go"));
    let mut waiters: Vec<_> = (0..4).map(|_| wait(&balancer, Request::new("a"))).collect();
    let start = balancer.now();
    assert_eq!(waiters[0].0.deadline(), Some(start + SECOND / 10));
    assert!(waiters[1..].iter().all(|(acquire, ..)| acquire.deadline() > Some(start + SECOND)));
    for first in 0..4 {
        clock.advance(SECOND / 10 - TICK);
        for (acquire, waker, _) in &mut waiters[first..] {
            assert!(poll(acquire, waker).is_pending());
        }
        waiters[first..].iter().for_each(|(.., woken)| woken.0.store(0, Ordering::SeqCst));
        clock.advance(TICK);
        let woken: Vec<u32> = waiters[first..].iter().map(|(.., woken)| woken.take()).collect();
        assert_eq!(woken[0], 1, "{first}: {woken:?}");
        let (acquire, waker, _) = &mut waiters[first];
        assert!(matches!(poll(acquire, waker), Poll::Ready(Ok(_))), "{first}");
    }
    assert_eq!(balancer.stats().pools()[0].in_flight(), 0);
}

/// As under a runtime's timers: time moves, and only who was woken or has asked for that moment is polled.
#[test]
fn one_waiter_watches_the_time_and_another_takes_over_when_it_goes() {
    let clock = Deaf(ManualClock::new());
    let spec = pool([rated("x", Rate::requests(1, SECOND))]);
    let balancer = Balancer::with_clock(config(spec), clock.clone()).expect("it is valid");
    drop(try_acquire(&balancer, 1).expect("one may go"));
    let (watching, ..) = wait(&balancer, Request::new("a"));
    let (mut second, waker, woken) = wait(&balancer, Request::new("a"));
    let (third, _, idle) = wait(&balancer, Request::new("b"));
    assert_eq!(watching.deadline(), Some(balancer.now() + SECOND));
    assert_eq!((woken.take(), idle.take()), (0, 0));
    drop(watching);
    assert_eq!((woken.take(), idle.take()), (1, 0), "somebody is asked to look instead");
    assert!(poll(&mut second, &waker).is_pending());
    assert_eq!(second.deadline(), Some(balancer.now() + SECOND));
    clock.0.advance(SECOND);
    let answer = match poll(&mut second, &waker) {
        Poll::Pending => {
            assert_eq!(woken.take(), 1, "it is its turn");
            poll(&mut second, &waker)
        }
        ready => ready,
    };
    assert!(matches!(answer, Poll::Ready(Ok(_))));
    assert_eq!(idle.take(), 1, "the last one looks from now on");
    assert_eq!(third.deadline(), Some(balancer.now() + SECOND));
}

/// A clock that tells nobody that it was moved.
#[derive(Clone, Debug)]
struct Deaf(ManualClock);

impl Clock for Deaf {
    fn now(&self) -> tenantry::Time {
        self.0.now()
    }
}

#[test]
fn who_would_wait_beyond_its_deadline_is_refused_at_once_with_the_time() {
    let (balancer, _) = balancer(pool([rated("x", Rate::requests(1, SECOND))]));
    drop(try_acquire(&balancer, 1).expect("one may go"));
    let mut late = balancer.acquire_owned(Request::new("a").timeout(SECOND));
    let answer = poll(&mut late, Waker::noop());
    assert!(matches!(answer, Poll::Ready(Err(Rejection::UpstreamLimited { retry_after: SECOND }))));
    let (_in_time, ..) = wait(&balancer, Request::new("a").timeout(SECOND + TICK));
    assert_eq!(try_acquire(&balancer, 1).err(), limited(SECOND), "nobody overtakes who waits");
}

#[test]
fn a_costly_request_at_the_head_is_not_starved_by_cheap_ones() {
    let (balancer, clock) = balancer(pool([rated("x", Rate::cost(10, SECOND))]));
    drop(try_acquire(&balancer, 10).expect("all of it"));
    let (mut costly, waker, woken) = wait(&balancer, Request::new("a").cost(8));
    for _ in 0..7 {
        clock.advance(SECOND / 10);
        assert!(try_acquire(&balancer, 1).is_err());
    }
    clock.advance(SECOND / 10);
    assert!(woken.take() > 0);
    assert!(matches!(poll(&mut costly, &waker), Poll::Ready(Ok(_))));
}

#[test]
fn whoever_leaves_gives_the_endpoints_units_back_and_the_next_gets_them() {
    let (balancer, clock) = balancer(pool([rated("x", Rate::requests(1, SECOND))]));
    drop(try_acquire(&balancer, 1).expect("one may go"));
    let (first, ..) = wait(&balancer, Request::new("a"));
    let (mut second, waker, woken) = wait(&balancer, Request::new("a"));
    clock.advance(SECOND);
    assert_eq!(woken.take(), 1, "to watch the time from now on");
    assert!(poll(&mut second, &waker).is_pending(), "the unit is the first one's");
    drop(first);
    assert!(woken.take() > 0);
    assert!(matches!(poll(&mut second, &waker), Poll::Ready(Ok(_))));
    let stats = balancer.stats();
    assert_eq!((stats.pools()[0].in_flight(), stats.pools()[0].waiting()), (0, 0));
}

#[test]
fn an_answer_that_nobody_asked_for_uses_nothing_up() {
    let (balancer, _) = balancer(pool([rated("x", Rate::requests(1, SECOND))]));
    drop(balancer.acquire_owned(Request::new("a")));
    assert!(try_acquire(&balancer, 1).is_ok());
}

#[test]
fn a_request_that_cost_more_leaves_a_debt_and_one_that_cost_less_gives_back() {
    let (balancer, clock) = balancer(pool([rated("x", Rate::cost(10, SECOND))]));
    try_acquire(&balancer, 5).expect("it fits").finish(Outcome::success().with_cost(35));
    assert_eq!(try_acquire(&balancer, 1).err(), limited(SECOND * 26 / 10));
    clock.advance(SECOND * 35 / 10);
    try_acquire(&balancer, 10).expect("the debt has drained").finish(Outcome::success().with_cost(0));
    assert!(try_acquire(&balancer, 10).is_ok());
}

#[test]
fn updates_keep_what_was_used() {
    let (balancer, clock) = balancer(pool([rated("x", Rate::requests(10, SECOND))]));
    assert_eq!(count(&balancer, 1), 10);
    let same = config(pool([
        rated("x", Rate::requests(10, SECOND)).with_weight(3),
        rated("y", Rate::per_second(1)),
    ]));
    balancer.reconfigure(same).expect("it is valid");
    assert_eq!(count(&balancer, 1), 1, "only the new endpoint has something left");
    let faster = config(pool([rated("x", Rate::requests(100, SECOND))]));
    balancer.reconfigure(faster).expect("it is valid");
    // Ten are missing, and come back at the new rate.
    assert_eq!(count(&balancer, 1), 90);
    clock.advance(SECOND / 100);
    assert_eq!(count(&balancer, 1), 1);
    balancer.reconfigure(config(pool([EndpointSpec::new("x")]))).expect("it is valid");
    assert_eq!(count(&balancer, 1), 1_000, "no rate any more");
}

#[test]
fn a_waiter_sees_a_rate_that_an_update_lifts_or_makes_impossible() {
    let (balancer, _) = balancer(pool([rated("x", Rate::cost(10, Duration::from_secs(60)))]));
    drop(try_acquire(&balancer, 10).expect("all of it"));
    let (mut lifted, waker, _) = wait(&balancer, Request::new("a").cost(5));
    balancer.reconfigure(config(pool([EndpointSpec::new("x")]))).expect("it is valid");
    let Poll::Ready(Ok(lease)) = poll(&mut lifted, &waker) else { panic!("the rate is gone") };
    lease.finish(Outcome::success());

    balancer
        .reconfigure(config(pool([rated("x", Rate::cost(10, Duration::from_secs(60)))])))
        .expect("it is valid");
    drop(try_acquire(&balancer, 10).expect("all of it"));
    let (mut never, waker, _) = wait(&balancer, Request::new("a").cost(5));
    balancer.reconfigure(config(pool([rated("x", Rate::cost(4, SECOND))]))).expect("it is valid");
    let answer = poll(&mut never, &waker);
    assert!(matches!(answer, Poll::Ready(Err(Rejection::CostTooHigh { limit: 4 }))), "{answer:?}");
}

#[test]
fn a_panic_ignores_health_and_no_spent_limit() {
    let outlier = OutlierSpec::new().with_consecutive_failures(1).with_max_ejected_percent(100);
    let spec =
        pool(["x", "y", "z"].map(|address| rated(address, Rate::requests(1, SECOND)))).with_outlier(outlier);
    let (balancer, _) = balancer(spec);
    for _ in 0..2 {
        try_acquire(&balancer, 1).expect("not all are spent").finish(Outcome::failure());
    }
    assert_eq!(count(&balancer, 1), 1, "two of three are ejected: a panic, but spent all the same");
    assert_eq!(try_acquire(&balancer, 1).err(), limited(SECOND));
}

#[test]
fn where_tenants_have_shares_of_the_seats_limits_hold_and_are_waited_for() {
    let clock = ManualClock::new();
    let config = Config::new()
        .with_pool("pool", pool([rated("x", Rate::requests(2, SECOND))]))
        .with_tenant("a", TenantSpec::new())
        .with_tenant("b", guaranteed());
    let balancer = Balancer::with_clock(config, clock.clone()).expect("it is valid");
    assert_eq!(count(&balancer, 1), 2);
    assert_eq!(try_acquire(&balancer, 1).err(), limited(SECOND / 2));
    let (mut waiter, waker, woken) = wait(&balancer, Request::new("a"));
    clock.advance(SECOND / 2);
    assert!(woken.take() > 0);
    assert!(matches!(poll(&mut waiter, &waker), Poll::Ready(Ok(_))));
    assert_eq!(balancer.stats().pools()[0].in_flight(), 0);
}

#[test]
fn of_what_an_endpoint_says_is_left_so_many_are_sent_and_no_more_until_it_begins_anew() {
    let (balancer, clock) = plain();
    report(&balancer, &requests(3, Duration::from_millis(10_500)));
    assert_eq!(count(&balancer, 1), 3);
    assert_eq!(try_acquire(&balancer, 1).err(), limited(Duration::from_millis(10_500)));
    clock.advance(Duration::from_millis(10_500) - TICK);
    assert_eq!(try_acquire(&balancer, 1).err(), limited(TICK));
    clock.advance(TICK);
    assert_eq!(count(&balancer, 1), 1_000, "what it said has ended by itself");
}

#[test]
fn what_was_let_in_after_the_request_that_brings_a_report_is_subtracted() {
    let (balancer, _) = plain();
    report(&balancer, &requests(100, 10 * SECOND));
    let first = try_acquire(&balancer, 1).expect("99 are left");
    let _later: Vec<Lease> = (0..4).map(|_| try_acquire(&balancer, 1).expect("they are")).collect();
    first.report_upstream(&requests(5, 10 * SECOND));
    assert_eq!(count(&balancer, 1), 1, "five were left, four have gone since");
}

#[test]
fn of_reports_out_of_order_the_lower_wins_in_one_window_and_stragglers_say_nothing() {
    let (balancer, clock) = plain();
    report(&balancer, &requests(10, 10 * SECOND));
    report(&balancer, &requests(50, 10 * SECOND));
    assert_eq!(
        balancer.stats().pools()[0].endpoints()[0].requests_left(),
        Some(9),
        "one went for the second"
    );
    report(&balancer, &requests(0, 5 * SECOND));
    assert_eq!(balancer.stats().pools()[0].endpoints()[0].requests_left(), Some(8));
    clock.advance(2 * SECOND);
    report(&balancer, &requests(20, 10 * SECOND));
    assert_eq!(count(&balancer, 1), 20, "a later reset is a new window");
}

#[test]
fn cost_is_learnt_beside_requests_and_a_unix_time_is_a_reset_too() {
    let (balancer, clock) = plain();
    // The clock shows 1100 s since 1970.
    let cost = UpstreamLimit::left(100).with_limit(1_000).resets_at_unix(Duration::from_secs(1_130));
    report(&balancer, &requests(50, 60 * SECOND).with_cost(cost));
    try_acquire(&balancer, 30).expect("100 are left").finish(Outcome::success().with_cost(60));
    assert!(try_acquire(&balancer, 41).is_err());
    let stats = balancer.stats();
    let endpoint = &stats.pools()[0].endpoints()[0];
    assert_eq!((endpoint.cost_left(), endpoint.cost_limit()), (Some(40), Some(1_000)));
    assert_eq!(endpoint.requests_left(), Some(49));
    assert_eq!(try_acquire(&balancer, 41).err(), limited(Duration::from_secs(30)));
    clock.advance(Duration::from_secs(30));
    assert!(try_acquire(&balancer, 41).is_ok());
}

#[test]
fn a_wait_that_an_endpoint_asks_for_only_extends_and_ends_after_31_days() {
    let (balancer, clock) = plain();
    let leases: Vec<Lease> = (0..3).map(|_| try_acquire(&balancer, 1).expect("nothing is known")).collect();
    let after = |secs| UpstreamReport::new().with_retry_after(Duration::from_secs(secs));
    leases[0].report_upstream(&after(30));
    leases[1].report_upstream(&after(5));
    assert_eq!(try_acquire(&balancer, 1).err(), limited(30 * SECOND));
    clock.advance(10 * SECOND);
    leases[2].report_upstream(&after(30));
    assert_eq!(try_acquire(&balancer, 1).err(), limited(30 * SECOND));
    clock.advance(30 * SECOND);
    report(&balancer, &after(u64::MAX));
    assert_eq!(try_acquire(&balancer, 1).err(), limited(Duration::from_secs(31 * 86_400)));
}

#[test]
fn a_report_wakes_those_for_whom_there_is_more_and_puts_off_those_for_whom_there_is_not() {
    let (balancer, _) = plain();
    let other = try_acquire(&balancer, 1).expect("nothing is known");
    report(&balancer, &requests(0, 10 * SECOND));
    let (mut waiter, waker, woken) = wait(&balancer, Request::new("a"));
    other.report_upstream(&UpstreamReport::new().with_retry_after(20 * SECOND));
    assert!(poll(&mut waiter, &waker).is_pending());
    assert_eq!(waiter.deadline(), Some(balancer.now() + 20 * SECOND));
    drop(waiter);
    let (balancer, _) = plain();
    let other = try_acquire(&balancer, 1).expect("nothing is known");
    report(&balancer, &requests(0, 10 * SECOND));
    let (mut waiter, waker, _) = wait(&balancer, Request::new("a"));
    other.report_upstream(&requests(7, 60 * SECOND));
    assert!(matches!(poll(&mut waiter, &waker), Poll::Ready(Ok(_))), "a new window");
    drop(woken);
}

#[test]
fn what_is_spent_is_told_as_an_event_once() {
    let (balancer, _) = plain();
    let late = try_acquire(&balancer, 1).expect("nothing is known");
    report(&balancer, &requests(0, 10 * SECOND));
    late.report_upstream(&requests(0, 10 * SECOND));
    let expected = Event::UpstreamSpent { pool: "pool".into(), endpoint: "x".into(), until_unix_s: 1_110 };
    assert_eq!(balancer.take_events(), [expected]);
    let stats = balancer.stats();
    assert_eq!(stats.pools()[0].endpoints()[0].returns_in(), Some(10 * SECOND));
    assert_eq!(stats.pools()[0].endpoints()[0].requests_left(), Some(0));
}

#[test]
fn a_report_that_says_nothing_changes_nothing() {
    let (balancer, _) = plain();
    report(&balancer, &UpstreamReport::new());
    report(&balancer, &requests(0, Duration::ZERO));
    report(&balancer, &UpstreamReport::new().with_retry_after(Duration::ZERO));
    assert_eq!(count(&balancer, 1), 1_000);
}

#[test]
fn a_zero_without_a_reset_counts_for_a_second() {
    let (balancer, clock) = plain();
    report(&balancer, &UpstreamReport::new().with_requests(UpstreamLimit::left(0)));
    assert_eq!(try_acquire(&balancer, 1).err(), limited(SECOND));
    clock.advance(SECOND);
    assert!(try_acquire(&balancer, 1).is_ok());
}

#[test]
fn the_document_has_rates_of_endpoints_and_refuses_those_that_no_endpoint_can_have() {
    let read = |rate: &str| {
        let text = format!("[pools.p]\nendpoints = [\"y\", {{ address = \"x\", rate = {rate} }}]");
        Config::from_text(&text, tenantry::Format::Toml)
            .and_then(|config| Balancer::new(config.clone()).map(|_| config))
    };
    let config = read(r#"["100/s", { cost = 60000, per = "1m", burst = 90000 }]"#).expect("it is valid");
    let expected = [Rate::per_second(100), Rate::cost(60_000, Duration::from_secs(60)).with_burst(90_000)];
    assert_eq!(config.pools()["p"].endpoints()[1].rates(), expected);
    assert_eq!(read("\"5/s\"").expect("one may stand alone").pools()["p"].endpoints()[1].rates().len(), 1);
    for (rate, path) in [
        (r#"{ requests = 0, per = "1s" }"#, "pools.p.endpoints[1].rate.requests"),
        (r#"{ requests = 5, per = "1s", window = "sliding" }"#, "pools.p.endpoints[1].rate.window"),
        (r#"["1/s", { cost = 5, per = "1s", shadow = true }]"#, "pools.p.endpoints[1].rate[1].shadow"),
        (r#"{ tokens = 5, per = "1s" }"#, "pools.p.endpoints[1].rate.tokens"),
        (r#"["1/s", "2/s", "3/s", "4/s", "5/s"]"#, "pools.p.endpoints[1].rate"),
        (r#"{ cost = 5, per = "1s", burst = 0 }"#, "pools.p.endpoints[1].rate.burst"),
    ] {
        let error = read(rate).expect_err(rate);
        assert_eq!(error.path(), path, "{error}");
    }
}

#[test]
fn threads_never_take_more_than_the_rate_together() {
    let (balancer, _) = balancer(pool([
        rated("x", Rate::requests(500, 3_600 * SECOND)),
        rated("y", Rate::cost(300, 3_600 * SECOND)),
    ]));
    let barrier = Barrier::new(4);
    let (passed, refused) = (AtomicU32::new(0), AtomicU32::new(0));
    let work = || {
        barrier.wait();
        for _ in 0..1_000 {
            let counter = if try_acquire(&balancer, 1).is_ok() { &passed } else { &refused };
            counter.fetch_add(1, Ordering::SeqCst);
        }
    };
    thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
    assert_eq!((passed.into_inner(), refused.into_inner()), (800, 3_200));
    assert_eq!(balancer.stats().pools()[0].in_flight(), 0);
}

#[derive(Clone, Debug)]
enum Step {
    Acquire(u64, bool),
    Finish(usize, u64),
    Cancel(usize),
    Leave(usize),
    Advance(u64),
    Update(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1_u64..6, any::<bool>()).prop_map(|(cost, second)| Step::Acquire(cost, second)),
        3 => (any::<usize>(), 0_u64..8).prop_map(|(which, cost)| Step::Finish(which, cost)),
        1 => any::<usize>().prop_map(Step::Cancel),
        1 => any::<usize>().prop_map(Step::Leave),
        4 => (0_u64..400_000_000).prop_map(Step::Advance),
        1 => any::<bool>().prop_map(Step::Update),
    ];
    prop::collection::vec(step, 1..150)
}

proptest! {
    /// Invariant 5 for endpoints, against a log of what went there; waiters come in as soon as there is something for the first; and nothing is
    /// left reserved.
    #[test]
    fn no_window_holds_more_than_an_endpoints_rate(steps in steps(), own: bool) {
        const RATE: u64 = 10;
        let strategy = if own { StrategySpec::custom(Arc::new(ByKey::default())) } else { StrategySpec::p2c() };
        let endpoints = |weight| ["x", "y"].map(|address| rated(address, Rate::cost(RATE, SECOND)).with_weight(weight));
        let spec = |weight| pool(endpoints(weight)).with_strategy(strategy.clone());
        let (balancer, clock) = balancer(spec(1));
        let (mut waiting, mut running): (Vec<Acquire>, Vec<(Lease, usize)>) = (vec![], vec![]);
        // When, at which endpoint, and how much it cost in the end at least.
        let mut log: Vec<(u64, String, u64)> = vec![];
        let mut number = 0_usize;
        let mut queue: Vec<u64> = vec![];
        for step in steps {
            match step {
                Step::Acquire(cost, second) => {
                    let tenant = if second { "b" } else { "a" };
                    // Its strategy wants it at x, at y, or where there is nobody.
                    let key = [u8::from(second) + u8::from(cost > 3)];
                    waiting.push(balancer.acquire_owned(Request::new(tenant).cost(cost).key(&key)));
                    queue.push(cost);
                }
                Step::Finish(which, actual) if !running.is_empty() => {
                    let (lease, entry) = running.swap_remove(which % running.len());
                    let reserved = log[entry].2;
                    log[entry].2 = actual.min(reserved);
                    lease.finish(Outcome::success().with_cost(actual));
                }
                Step::Cancel(which) if !running.is_empty() => drop(running.swap_remove(which % running.len())),
                Step::Leave(which) if !waiting.is_empty() => {
                    let index = which % waiting.len();
                    drop(waiting.remove(index));
                    queue.remove(index);
                }
                Step::Advance(nanos) => clock.advance(Duration::from_nanos(nanos)),
                Step::Update(heavier) => {
                    balancer.reconfigure(config(spec(1 + u32::from(heavier)))).expect("it is valid");
                }
                Step::Finish(..) | Step::Cancel(_) | Step::Leave(_) => {}
            }
            let mut index = 0;
            while index < waiting.len() {
                match poll(&mut waiting[index], Waker::noop()) {
                    Poll::Ready(answer) => {
                        let lease = answer.expect("nobody waits for an hour");
                        log.push((clock.now().as_nanos(), lease.endpoint().address().to_owned(), queue[index]));
                        running.push((lease, number));
                        number += 1;
                        drop(waiting.remove(index));
                        queue.remove(index);
                    }
                    Poll::Pending => index += 1,
                }
            }
            let now = clock.now().as_nanos();
            for (first, (from, address, _)) in log.iter().enumerate() {
                let ran: u64 = log[first..].iter().filter(|(_, at, _)| at == address).map(|(.., cost)| cost).sum();
                let allowed = u128::from(RATE) * 1_000_000_000 + u128::from(RATE) * u128::from(now - from);
                prop_assert!(u128::from(ran) * 1_000_000_000 <= allowed, "{log:?}");
            }
            // What remains has the first of them waiting for it, if anybody.
            if !waiting.is_empty() {
                let stats = balancer.stats();
                let most = stats.pools()[0].endpoints().iter().filter_map(tenantry::EndpointStats::cost_left).max();
                let dearest = queue.iter().max().copied();
                prop_assert!(most < dearest, "{most:?} are left for {queue:?}");
            }
        }
        drop((waiting, running));
        clock.advance(Duration::from_secs(3_600));
        let stats = balancer.stats();
        prop_assert_eq!((stats.pools()[0].in_flight(), stats.pools()[0].waiting()), (0, 0));
        prop_assert_eq!(count(&balancer, RATE), 2);
    }

    /// Against an endpoint that counts requests in the order in which they were sent, and whose answers come in any order.
    #[test]
    fn what_an_endpoint_says_is_left_is_never_exceeded(
        limit in 1_u64..30, coarse in any::<bool>(),
        steps in prop::collection::vec((0_u8..10, any::<usize>(), 1_u64..700), 1..200),
    ) {
        let window = Duration::from_secs(5);
        let (balancer, clock) = plain();
        let (mut used, mut started): (u64, Option<u64>) = (0, None);
        let mut refused_upstream = 0_u32;
        // What each answer will say: how many were left, and when the window ends.
        let mut running: Vec<(Lease, u64, u64)> = vec![];
        let mut told = false;
        for (action, which, millis) in steps {
            let now = clock.now().as_nanos();
            let ends = started.map(|start| start + u64::try_from(window.as_nanos()).expect("it fits"));
            if ends.is_some_and(|ends| now >= ends) {
                (used, started) = (0, None);
            }
            match action {
                0..=4 => {
                    if let Ok(lease) = try_acquire(&balancer, 1) {
                        let start = *started.get_or_insert(now);
                        used += 1;
                        let over = used > limit;
                        refused_upstream += u32::from(over && told);
                        let end = start + u64::try_from(window.as_nanos()).expect("it fits");
                        running.push((lease, limit.saturating_sub(used), end));
                    }
                }
                5..=8 if !running.is_empty() => {
                    let (lease, left, end) = running.swap_remove(which % running.len());
                    let exactly = Duration::from_nanos(end.saturating_sub(clock.now().as_nanos()));
                    // Rounded up, as by those who take care.
                    let wait = if coarse { Duration::from_secs(exactly.as_nanos().div_ceil(1_000_000_000).try_into().expect("it fits")) } else { exactly };
                    lease.report_upstream(&requests(left, wait));
                    lease.finish(Outcome::success());
                }
                _ => clock.advance(Duration::from_millis(millis)),
            }
            // Until the first word in each window nobody knows.
            let known = balancer.stats().pools()[0].endpoints()[0].requests_left();
            told = known.is_some();
            if let (Some(known), Some(_)) = (known, started) {
                prop_assert!(used > limit || known <= limit - used, "{known} of {limit}, {used} used");
            }
        }
        prop_assert_eq!(refused_upstream, 0);
    }
}
