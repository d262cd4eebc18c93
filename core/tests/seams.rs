//! Where two steps meet: an update and a waiter, a fallback and a spent endpoint, a strategy and a lock.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use tenantry::{
    Acquire, Amount, Attempt, AttemptsSpec, Balancer, Candidates, CapacitySpec, Clock, Config,
    EndpointChange, EndpointSpec, Lease, ManualClock, Outcome, OutlierSpec, PoolSpec, QueueSpec, Rate,
    Rejection, Request, SeatsSpec, Strategy, StrategySpec, TenantSpec, Time, UpstreamLimit, UpstreamReport,
};
#[cfg(feature = "ledger")]
use tenantry::{Budget, BudgetPeriod, RateUnit};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn pool(endpoints: impl IntoIterator<Item = EndpointSpec>) -> PoolSpec {
    PoolSpec::new(endpoints)
        .with_capacity(CapacitySpec::fixed(1_000))
        .with_queue(QueueSpec::new().with_per_tenant(10_000).with_timeout(60 * MINUTE))
}

fn config(pool: PoolSpec) -> Config {
    Config::new()
        .with_pool("pool", pool)
        .with_tenant("a", TenantSpec::new())
        .with_tenant("b", TenantSpec::new())
}

fn start(config: Config, clock: impl Clock + 'static) -> Balancer {
    Balancer::with_clock(config, clock).expect("it is valid")
}

fn balancer(pool: PoolSpec) -> (Balancer, ManualClock) {
    let clock = ManualClock::starting_at(1_100 * SECOND);
    (start(config(pool), clock.clone()), clock)
}

fn plain(address: &str) -> EndpointSpec {
    EndpointSpec::new(address)
}

/// An endpoint that one request in so long may go to.
fn one_per(address: &str, period: Duration) -> EndpointSpec {
    plain(address).with_rate(Rate::requests(1, period))
}

fn try_acquire(balancer: &Balancer, cost: u64) -> Result<Lease, Rejection> {
    balancer.try_acquire_owned(&Request::new("a").cost(cost))
}

fn admit(balancer: &Balancer, cost: u64) -> Lease {
    try_acquire(balancer, cost).expect("there is room")
}

fn change(balancer: &Balancer, change: EndpointChange) {
    balancer.change_endpoints("pool", &[change]).expect("it is valid");
}

fn poll(acquire: &mut Acquire, waker: &Waker) -> Poll<Result<Lease, Rejection>> {
    Pin::new(acquire).poll(&mut Context::from_waker(waker))
}

/// Who waits, has been polled, and counts how often it is woken.
struct Waiter {
    acquire: Acquire,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Waiter {
    fn new(balancer: &Balancer, request: Request<'_>) -> Self {
        let mut waiter = Self { acquire: balancer.acquire_owned(request), woken: Arc::default() };
        assert!(waiter.poll().is_pending());
        waiter.woken();
        waiter
    }

    /// Polls once, and again if that woke it.
    fn poll(&mut self) -> Poll<Result<Lease, Rejection>> {
        let waker = Waker::from(Arc::clone(&self.woken));
        self.woken();
        let polled = poll(&mut self.acquire, &waker);
        if polled.is_pending() && self.woken() > 0 { poll(&mut self.acquire, &waker) } else { polled }
    }

    fn lease(&mut self) -> Lease {
        let answer = match self.poll() {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        };
        answer.expect("it waits no longer").expect("it is let in")
    }

    /// How often it was woken since it was last asked.
    fn woken(&self) -> u32 {
        self.woken.0.swap(0, Ordering::SeqCst)
    }
}

/// A clock that wakes nobody: what is late is found by those who come.
#[derive(Clone, Debug)]
struct Deaf(ManualClock);

impl Clock for Deaf {
    fn now(&self) -> Time {
        self.0.now()
    }
}

#[test]
fn a_pool_whose_endpoints_are_spent_falls_back() {
    let config = Config::new()
        .with_pool("main", pool([one_per("x", MINUTE)]).with_fallback("spare"))
        .with_pool("spare", pool([plain("y")]))
        .with_tenant("a", TenantSpec::new());
    let balancer = start(config, ManualClock::new());
    for address in ["x", "y"] {
        let lease = balancer.try_acquire_owned(&Request::new("a").pool("main")).expect("somebody serves");
        assert_eq!(lease.endpoint().address(), address);
    }
}

#[test]
fn an_endpoint_that_is_added_serves_who_waits_for_a_spent_one() {
    let (balancer, clock) = balancer(pool([one_per("x", MINUTE)]));
    drop(admit(&balancer, 1));
    let mut waiter = Waiter::new(&balancer, Request::new("a"));
    change(&balancer, EndpointChange::Add(plain("y")));
    assert_eq!(waiter.woken(), 1, "at once");
    clock.advance(SECOND);
    assert_eq!(waiter.lease().endpoint().address(), "y");
    assert_eq!(admit(&balancer, 1).endpoint().address(), "y");
}

#[test]
fn an_endpoint_that_was_removed_gets_no_waiter() {
    let (balancer, clock) = balancer(pool([one_per("x", MINUTE), one_per("y", 50 * MINUTE)]));
    let _held = (admit(&balancer, 1), admit(&balancer, 1));
    let mut waiter = Waiter::new(&balancer, Request::new("a"));
    change(&balancer, EndpointChange::Remove("x".into()));
    clock.advance(MINUTE);
    assert!(waiter.poll().is_pending(), "only x would be back");
    clock.advance(49 * MINUTE);
    assert_eq!(waiter.lease().endpoint().address(), "y");
}

#[test]
fn an_update_hands_nobody_to_an_endpoint_that_it_removes() {
    let clock = Deaf(ManualClock::new());
    let two = pool([one_per("x", SECOND), one_per("y", MINUTE)]).with_capacity(CapacitySpec::fixed(10));
    let balancer = start(config(two), clock.clone());
    let _held = (admit(&balancer, 1), admit(&balancer, 1));
    let mut waiter = Waiter::new(&balancer, Request::new("a"));
    clock.0.advance(SECOND);
    let one = pool([one_per("y", MINUTE)]).with_capacity(CapacitySpec::fixed(20));
    balancer.reconfigure(config(one)).expect("it is valid");
    assert!(waiter.poll().is_pending(), "only x would be back");
    clock.0.advance(MINUTE);
    assert_eq!(waiter.lease().endpoint().address(), "y");
}

#[test]
fn who_waited_for_a_seat_spends_the_rate_that_a_change_has_brought_meanwhile() {
    let (balancer, _) = balancer(pool([plain("x")]).with_capacity(CapacitySpec::fixed(1)));
    let held = admit(&balancer, 1);
    let mut waiter = Waiter::new(&balancer, Request::new("a"));
    change(&balancer, EndpointChange::Add(one_per("x", MINUTE)));
    drop(held);
    drop(waiter.lease());
    assert_eq!(try_acquire(&balancer, 1).err(), Some(Rejection::UpstreamLimited { retry_after: MINUTE }));
}

#[test]
fn who_waits_for_a_seat_then_waits_for_a_rate_that_a_change_had_brought() {
    let (balancer, clock) = balancer(pool([plain("x")]).with_capacity(CapacitySpec::fixed(1)));
    change(&balancer, EndpointChange::Add(one_per("x", MINUTE)));
    let held = admit(&balancer, 1);
    let mut waiter = Waiter::new(&balancer, Request::new("a"));
    drop(held);
    assert!(waiter.poll().is_pending());
    clock.advance(MINUTE);
    assert_eq!(waiter.lease().endpoint().address(), "x");
}

#[test]
fn a_retry_that_waited_for_an_endpoint_is_counted() {
    let retry = AttemptsSpec::none().with_per_second(10).with_window(SECOND);
    let (balancer, clock) = balancer(pool([one_per("x", SECOND)]).with_retry(retry));
    drop(admit(&balancer, 1));
    let mut waiter = Waiter::new(&balancer, Request::new("a").attempt(Attempt::Retry));
    clock.advance(SECOND);
    waiter.lease().finish(Outcome::success());
    assert_eq!(balancer.stats().pool("pool").expect("it is there").retries().passed(), 1);
}

#[test]
fn a_first_attempt_that_waited_for_an_endpoint_counts_like_one_that_waited_for_a_seat() {
    let retry = AttemptsSpec::none().with_percent(100).with_window(MINUTE);
    for endpoint in [plain("x"), one_per("x", SECOND)] {
        let one_seat = pool([endpoint]).with_capacity(CapacitySpec::fixed(1));
        let (balancer, clock) = balancer(one_seat.with_retry(retry));
        let held = admit(&balancer, 1);
        let again = Request::new("a").attempt(Attempt::Retry);
        // From now on the tenant is known to retry.
        assert!(balancer.try_acquire_owned(&again).is_err());
        let mut waiter = Waiter::new(&balancer, Request::new("a"));
        drop(held);
        clock.advance(SECOND);
        drop(waiter.lease());
        clock.advance(SECOND);
        assert_eq!(balancer.try_acquire_owned(&again).err(), None);
    }
}

#[test]
fn an_expired_waiter_that_nobody_polls_blocks_nobody() {
    let clock = Deaf(ManualClock::new());
    let balancer = start(config(pool([one_per("x", SECOND)])), clock.clone());
    drop(admit(&balancer, 1));
    let _unpolled = balancer.acquire_owned(Request::new("a").timeout(2 * SECOND));
    clock.0.advance(1_000 * SECOND);
    assert_eq!(try_acquire(&balancer, 1).err(), None);
}

#[test]
fn too_costly_is_told_also_while_others_wait() {
    let (balancer, _) = balancer(pool([plain("x").with_rate(Rate::cost(10, SECOND))]));
    drop(admit(&balancer, 10));
    assert_eq!(try_acquire(&balancer, 11).err(), Some(Rejection::CostTooHigh { limit: 10 }));
    let _waiter = Waiter::new(&balancer, Request::new("a").cost(10));
    assert_eq!(try_acquire(&balancer, 11).err(), Some(Rejection::CostTooHigh { limit: 10 }));
}

#[test]
fn too_costly_is_told_also_where_tenants_have_shares() {
    let seats = SeatsSpec::none().with_guaranteed(Amount::Seats(1));
    let config = config(pool([plain("x").with_rate(Rate::cost(10, SECOND))]))
        .with_tenant("c", TenantSpec::new().with_seats(seats));
    let balancer = start(config, ManualClock::new());
    assert_eq!(try_acquire(&balancer, 11).err(), Some(Rejection::CostTooHigh { limit: 10 }));
}

/// Asks while it picks, as a user's line of metrics may, or a Python function that waits for the interpreter.
#[derive(Debug, Default)]
struct Nosy(OnceLock<Balancer>);

impl Strategy for Nosy {
    fn pick(&self, _: &Candidates<'_>) -> Option<usize> {
        if let Some(balancer) = self.0.get() {
            drop(balancer.stats());
        }
        Some(0)
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a scope would wait for a thread that has locked itself out")]
fn a_strategy_of_ones_own_runs_under_no_lock() {
    let nosy = Arc::new(Nosy::default());
    let strategy = StrategySpec::custom(nosy.clone());
    let (balancer, clock) = balancer(pool([one_per("x", SECOND)]).with_strategy(strategy));
    nosy.0.set(balancer.clone()).expect("it is set once");
    let (done, finished) = mpsc::channel();
    thread::spawn(move || {
        drop(admit(&balancer, 1));
        let mut waiter = Waiter::new(&balancer, Request::new("a"));
        clock.advance(SECOND);
        drop(waiter.lease());
        done.send(()).expect("somebody listens");
    });
    assert_eq!(finished.recv_timeout(10 * SECOND), Ok(()), "it has locked itself out");
}

#[cfg(feature = "ledger")]
#[test]
fn every_check_that_passes_and_every_lease_that_ends_is_a_settlement() {
    let budget = Budget::of(RateUnit::Cost, 1_000, BudgetPeriod::Month);
    let config = Config::new()
        .with_pool("pool", pool([plain("x")]))
        .with_tenant("a", TenantSpec::new().with_budget(budget))
        .with_tenant("b", TenantSpec::new().with_rate(Rate::requests(1_000, 24 * 60 * MINUTE)));
    let balancer = start(config, ManualClock::new());
    drop(balancer.ledger());
    for _ in 0..10 {
        balancer.check(&Request::new("a").cost(10)).expect("the budget has room");
    }
    assert_eq!(balancer.settlements(), 10);
    for _ in 0..10 {
        balancer.try_acquire(&Request::new("b")).expect("there is room").finish(Outcome::success());
    }
    assert_eq!(balancer.settlements(), 20);
}

#[test]
fn what_is_owed_is_not_given_back_by_who_leaves() {
    let (balancer, _) = balancer(pool([plain("x")]));
    let first = admit(&balancer, 1);
    let left = UpstreamLimit::left(10).resets_in(MINUTE);
    first.report_upstream(&UpstreamReport::new().with_cost(left));
    first.finish(Outcome::success());
    let dearer = admit(&balancer, 5);
    let other = balancer.acquire_owned(Request::new("a").cost(5));
    dearer.finish(Outcome::success().with_cost(100));
    drop(other);
    assert!(try_acquire(&balancer, 5).is_err(), "95 more than there was have been used");
}

#[test]
fn a_lone_waiter_gets_the_endpoint_that_returns_from_its_ejection() {
    let single = |address| plain(address).with_max_in_flight(1);
    let rated = |address| single(address).with_rate(Rate::requests(100, SECOND));
    for endpoints in [[single("x"), single("y")], [rated("x"), rated("y")]] {
        let clock = Deaf(ManualClock::new());
        let spec = pool(endpoints).with_outlier(OutlierSpec::new().with_consecutive_failures(1));
        let balancer = start(config(spec), clock.clone());
        let failed = admit(&balancer, 1);
        let ejected = failed.endpoint().address().to_owned();
        failed.finish(Outcome::failure());
        let held = admit(&balancer, 1);
        assert_ne!(held.endpoint().address(), ejected);
        assert!(try_acquire(&balancer, 1).is_err());
        let mut waiter = Waiter::new(&balancer, Request::new("a"));
        let look = waiter.acquire.deadline().expect("it says when to look").since(balancer.now());
        assert!(look < 400 * SECOND, "not only when it expires: {look:?}");
        clock.0.advance(400 * SECOND);
        assert_eq!(waiter.lease().endpoint().address(), ejected);
        assert_eq!(admit(&balancer, 1).endpoint().address(), ejected);
    }
}

/// Does at random whatever a caller may do; the first one also updates the configuration.
struct Caller {
    number: u64,
    balancer: Balancer,
    random: u64,
    leases: Vec<Lease>,
    waiters: Vec<Acquire>,
}

impl Caller {
    fn new(balancer: &Balancer, number: u64) -> Self {
        let random = 88_172_645_463_325_252 ^ (number << 32);
        Self { number, balancer: balancer.clone(), random, leases: vec![], waiters: vec![] }
    }

    /// Marsaglia's xorshift: below `bound`.
    fn draw(&mut self, bound: u32) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 32) as u32 % bound
    }

    fn request(&mut self) -> Request<'static> {
        let tenant = if self.draw(2) == 0 { "a" } else { "b" };
        let request = Request::new(tenant).pool("pool").cost(1 + u64::from(self.draw(4)));
        if self.draw(4) == 0 { request.attempt(Attempt::Retry) } else { request }
    }

    fn step(&mut self) {
        let request = self.request();
        match self.draw(8) {
            0 | 1 if self.leases.len() < 6 => {
                self.leases.extend(self.balancer.try_acquire_owned(&request).ok());
            }
            2 | 3 if self.waiters.len() < 4 => self.waiters.push(self.balancer.acquire_owned(request)),
            4 if !self.waiters.is_empty() => self.poll_one(),
            5 if !self.waiters.is_empty() => {
                let index = self.draw(1_000) as usize % self.waiters.len();
                drop(self.waiters.swap_remove(index));
            }
            6 if !self.leases.is_empty() => self.finish_one(),
            7 if self.number == 0 && self.draw(50) == 0 => self.update(),
            7 if !self.leases.is_empty() && self.draw(20) == 0 => self.report_one(),
            _ => {}
        }
    }

    fn update(&mut self) {
        let config = limited(1 + self.draw(3), 3 + self.draw(5));
        self.balancer.reconfigure(config).expect("it is valid");
    }

    fn poll_one(&mut self) {
        let index = self.draw(1_000) as usize % self.waiters.len();
        if let Poll::Ready(answer) = poll(&mut self.waiters[index], Waker::noop()) {
            drop(self.waiters.swap_remove(index));
            self.leases.extend(answer.ok());
        }
    }

    fn finish_one(&mut self) {
        let index = self.draw(1_000) as usize % self.leases.len();
        let outcome = match self.draw(4) {
            0 => Outcome::failure(),
            1 => Outcome::success().with_cost(9),
            2 => Outcome::overload(),
            _ => Outcome::success(),
        };
        self.leases.swap_remove(index).finish(outcome);
    }

    fn report_one(&mut self) {
        let index = self.draw(1_000) as usize % self.leases.len();
        let (left, wait) = (self.draw(5).into(), Duration::from_micros(self.draw(300).into()));
        let report = UpstreamReport::new().with_requests(UpstreamLimit::left(left).resets_in(wait));
        self.leases[index].report_upstream(&report);
    }
}

/// Two pools of which one falls back to the other, with every kind of limit.
fn limited(endpoints: u32, seats: u32) -> Config {
    let many = |address: &str| plain(address).with_rate(Rate::requests(1_000_000, SECOND));
    let main = (0..endpoints).map(|i| many(&format!("e{i}")).with_max_in_flight(3));
    let costs = Rate::cost(1_000_000_000, SECOND);
    Config::new()
        .with_seed(3)
        .with_pool("pool", pool(main).with_capacity(CapacitySpec::fixed(seats)).with_fallback("spare"))
        .with_pool("spare", pool([many("s")]).with_capacity(CapacitySpec::fixed(2)))
        .with_tenant("a", TenantSpec::new().with_shard(1).with_rate(costs))
        .with_tenant("b", TenantSpec::new().with_max_in_flight(6))
}

#[test]
fn at_rest_nothing_is_held_after_callers_and_updates_have_met() {
    // The machine's clock: rates refill and reports run out while the threads meet.
    let balancer = Balancer::new(limited(3, 5)).expect("it is valid");
    thread::scope(|scope| {
        for number in 0..4 {
            let mut caller = Caller::new(&balancer, number);
            scope.spawn(move || {
                for _ in 0..30_000 {
                    caller.step();
                }
            });
        }
    });
    let stats = balancer.stats();
    for name in ["pool", "spare"] {
        let pool = stats.pool(name).expect("it is there");
        assert_eq!((pool.in_flight(), pool.waiting()), (0, 0), "{name}");
        assert!(pool.endpoints().iter().all(|endpoint| endpoint.in_flight() == 0), "{name}");
    }
    for name in ["a", "b"] {
        let tenant = stats.tenant(name).expect("it is known");
        assert_eq!((tenant.in_flight(), tenant.waiting()), (0, 0), "{name}");
        assert!(tenant.completed() > 0, "{name}");
    }
}
