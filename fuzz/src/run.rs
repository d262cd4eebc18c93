//! One run: a balancer, a clock moved by hand, and what is known of both.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tenantry::{Acquire, Balancer, Clock, Lease, ManualClock, Outcome, Rejection, Request, Stats, Time};

use crate::Operation;
use crate::bucket::Bucket;
use crate::ledger::{Ledger, Line};
use crate::setup::{RatePlan, Setup};
use crate::verdict::Verdict;

/// Runs the operations on a fresh balancer and checks after each.
///
/// # Panics
///
/// If the balancer does what the model forbids.
pub fn run(operations: &[Operation]) {
    let mut run = Run::new();
    for operation in operations.iter().take(MOST_OPERATIONS) {
        run.apply(*operation);
        run.check();
    }
    run.end();
}

struct Run {
    clock: ManualClock,
    balancer: Balancer,
    setup: Setup,
    /// Counts how often a pool or a tenant has gone: what is held of an earlier one counts no longer.
    lives: BTreeMap<&'static str, u32>,
    buckets: BTreeMap<&'static str, Vec<Bucket>>,
    ledger: Ledger,
    leases: Vec<Held>,
    waits: Vec<Wait>,
    before: Stats,
    had_short_queues: bool,
}

/// Whose a request is and where it goes.
#[derive(Clone, Copy, Debug)]
struct Visit {
    tenant: &'static str,
    pool: &'static str,
    tenant_life: u32,
    pool_life: u32,
    cost: u64,
    line: Option<Line>,
}

struct Held {
    visit: Visit,
    lease: Lease,
}

struct Wait {
    visit: Visit,
    future: Acquire,
    flag: Arc<Flag>,
    /// It has answered `Pending`, and must wake before it answers anything else.
    pending: bool,
    deadline: Time,
    verdict: Verdict,
}

impl Run {
    fn new() -> Self {
        let (clock, setup) = (ManualClock::new(), Setup::numbered(0));
        let balancer = Balancer::with_clock(setup.config(), clock.clone()).expect("the config is usable");
        let before = balancer.stats();
        let mut run = Self {
            clock,
            balancer,
            setup,
            lives: BTreeMap::new(),
            buckets: BTreeMap::new(),
            ledger: Ledger::default(),
            leases: Vec::new(),
            waits: Vec::new(),
            before,
            had_short_queues: false,
        };
        for tenant in &run.setup.tenants {
            run.buckets.insert(tenant.id, tenant.rates.iter().map(|&plan| Bucket::new(plan)).collect());
        }
        run
    }

    fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::Advance(step) => self.clock.advance(step),
            Operation::TryAcquire { tenant, pool, cost } => self.try_acquire(self.visit(tenant, pool, cost)),
            Operation::Acquire { tenant, pool, cost, timeout, polled } => {
                self.acquire(self.visit(tenant, pool, cost), timeout, polled);
            }
            Operation::Poll(which) => {
                if let Some(place) = index(which, self.waits.len()) {
                    self.poll(place);
                }
            }
            Operation::PollAll => self.poll_all(),
            Operation::Finish { lease, outcome, cost } => {
                if let Some(place) = index(lease, self.leases.len()) {
                    self.finish(place, outcome, cost);
                }
            }
            Operation::Drop(lease) => {
                if let Some(place) = index(lease, self.leases.len()) {
                    drop(self.leases.remove(place).lease);
                }
            }
            Operation::Cancel(which) => {
                if let Some(place) = index(which, self.waits.len()) {
                    let wait = self.waits.remove(place);
                    drop(wait.future);
                    self.returned(&wait.visit);
                }
            }
            Operation::Reconfigure(number) => self.reconfigure(number),
        }
    }

    fn visit(&self, tenant: u8, pool: u8, cost: u64) -> Visit {
        let tenant = TENANTS[usize::from(tenant) % TENANTS.len()];
        let pool = POOLS[usize::from(pool) % POOLS.len()];
        let life = |name| self.lives.get(name).copied().unwrap_or(0);
        Visit { tenant, pool, tenant_life: life(tenant), pool_life: life(pool), cost, line: None }
    }

    fn try_acquire(&mut self, mut visit: Visit) {
        let mut verdict = self.verdict(&visit);
        if self.pool_is_full(visit.pool) {
            verdict.must("SATURATED");
        }
        let before = self.balancer.stats();
        let request = Request::new(visit.tenant).pool(visit.pool).cost(visit.cost);
        match self.balancer.try_acquire_owned(&request) {
            Ok(lease) => {
                verdict.check_admitted(&format!("{visit:?}"));
                visit.line = Some(self.charge(&visit, true, true));
                self.seat(visit, lease, false);
            }
            Err(rejection) => {
                verdict.check_refused(rejection, &format!("{visit:?}"));
                assert_same_load(&before, &self.balancer.stats());
            }
        }
    }

    fn acquire(&mut self, mut visit: Visit, timeout: Option<Duration>, polled: bool) {
        let now = self.clock.now();
        let mut verdict = self.verdict(&visit);
        let (certain, possible) = (!verdict.may_refuse(), !verdict.must_refuse());
        let full = self.pool_is_full(visit.pool);
        let plan = self.setup.pool(visit.pool);
        let deadline = now + timeout.or(plan.map(|plan| plan.timeout)).unwrap_or_default();
        let waiting = self.before_waiting(visit.pool);
        let of_tenant = self.waits.iter().filter(|wait| wait.visit.tenant == visit.tenant).count();
        let mut joins = certain;
        if full && plan.is_some_and(|plan| waiting >= plan.total || of_tenant >= plan.per_tenant as usize) {
            verdict.may("QUEUE_FULL");
            joins = false;
        }
        if full && deadline <= now {
            verdict.must("TIMED_OUT");
            joins = false;
        }
        let mut request = Request::new(visit.tenant).pool(visit.pool).cost(visit.cost);
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        let future = self.balancer.acquire_owned(request);
        visit.line = possible.then(|| self.charge(&visit, joins, true));
        let flag = Arc::new(Flag::default());
        self.waits.push(Wait { visit, future, flag, pending: false, deadline, verdict });
        if polled {
            self.poll(self.waits.len() - 1);
        }
    }

    /// Polls one; whether it is still waiting.
    fn poll(&mut self, place: usize) -> bool {
        let now = self.clock.now();
        let wait = &mut self.waits[place];
        let woken = wait.flag.0.swap(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&wait.flag));
        let Poll::Ready(resolved) = Pin::new(&mut wait.future).poll(&mut Context::from_waker(&waker)) else {
            assert!(now < wait.deadline, "{:?} still waits at its deadline", wait.visit);
            wait.pending = true;
            return true;
        };
        assert!(woken || !wait.pending, "{:?} was never woken: {resolved:?}", wait.visit);
        let wait = self.waits.remove(place);
        match resolved {
            Ok(lease) => {
                wait.verdict.check_admitted(&format!("{:?}", wait.visit));
                self.seat(wait.visit, lease, true);
            }
            Err(rejection) => self.refused(&wait, rejection, now),
        }
        false
    }

    fn refused(&mut self, wait: &Wait, rejection: Rejection, now: Time) {
        let mut verdict = wait.verdict.clone();
        if now >= wait.deadline {
            verdict.may("TIMED_OUT");
        }
        if self.lives.get(wait.visit.pool).copied().unwrap_or(0) != wait.visit.pool_life {
            verdict.may("UNKNOWN_POOL");
        }
        // The tenant furthest over its share loses its newest request when the queue is full.
        if self.had_short_queues {
            verdict.may("QUEUE_FULL");
        }
        verdict.check_refused(rejection, &format!("{:?}", wait.visit));
        self.returned(&wait.visit);
    }

    /// Polls all in the order in which they came: within a tenant and a pool, nobody is served before an earlier one.
    fn poll_all(&mut self) {
        let mut still_waiting = Vec::new();
        let mut place = 0;
        while place < self.waits.len() {
            let Visit { tenant, pool, tenant_life, pool_life, .. } = self.waits[place].visit;
            let flow = (tenant, tenant_life, pool, pool_life);
            let leases = self.leases.len();
            if self.poll(place) {
                still_waiting.push(flow);
                place += 1;
            } else if self.leases.len() > leases && !tenant.starts_with("guest") {
                assert!(!still_waiting.contains(&flow), "{tenant} overtook itself in {pool}");
            }
        }
    }

    fn finish(&mut self, place: usize, outcome: u8, cost: Option<u64>) {
        let Held { visit, lease } = self.leases.remove(place);
        let mut said = match outcome % 4 {
            0 => Outcome::success(),
            1 => Outcome::failure(),
            2 => Outcome::overload(),
            _ => Outcome::cancelled(),
        };
        if let Some(actual) = cost {
            said = said.with_cost(actual);
            self.settled(&visit, actual);
        }
        lease.finish(said);
    }

    fn settled(&mut self, visit: &Visit, actual: u64) {
        let (now, known) = (self.clock.now(), self.is_current(visit));
        if let Some(line) = visit.line {
            self.ledger.ran(line, actual);
        }
        for bucket in self.buckets.get_mut(visit.tenant).into_iter().flatten() {
            if known {
                bucket.settle(visit.cost, actual, now);
            } else {
                bucket.give_back(visit.cost.max(actual));
                bucket.take_most(actual, now);
            }
        }
    }

    fn reconfigure(&mut self, number: u8) {
        if number >= 250 {
            let before = self.balancer.stats();
            self.balancer.reconfigure(Setup::broken(number)).expect_err("the config is broken");
            assert_same_load(&before, &self.balancer.stats());
            return;
        }
        let (next, now) = (Setup::numbered(number), self.clock.now());
        self.balancer.reconfigure(next.config()).expect("the config is usable");
        self.ledger.close(&rates(&self.setup));
        for name in POOLS.into_iter().filter(|name| next.pool(name).is_none()) {
            *self.lives.entry(name).or_default() += 1;
        }
        for id in TENANTS.into_iter().filter(|id| next.tenant(id).is_none()) {
            *self.lives.entry(id).or_default() += 1;
        }
        for tenant in &next.tenants {
            let same = self.setup.tenant(tenant.id).is_some_and(|old| old.rates == tenant.rates);
            if !same {
                let mut old = self.buckets.remove(tenant.id).unwrap_or_default().into_iter();
                let vague = |&plan: &RatePlan| {
                    let mut bucket = old.next().unwrap_or_else(|| Bucket::new(plan));
                    bucket.become_vague(plan, now);
                    bucket
                };
                self.buckets.insert(tenant.id, tenant.rates.iter().map(vague).collect());
            }
        }
        self.had_short_queues |= next.pools.iter().any(|pool| pool.total < 100);
        self.setup = next;
    }

    /// Everything but the seats.
    fn verdict(&self, visit: &Visit) -> Verdict {
        let mut verdict = Verdict::default();
        if self.setup.pool(visit.pool).is_none() {
            verdict.must("UNKNOWN_POOL");
        }
        let Some(plan) = self.setup.tenant(visit.tenant) else {
            match self.setup.guests {
                Some(_) => {
                    verdict.may("RATE_LIMITED");
                    verdict.wait = (Duration::ZERO, Duration::MAX);
                }
                None => verdict.must("UNKNOWN_TENANT"),
            }
            return verdict;
        };
        if plan.pools.is_some_and(|pools| !pools.contains(&visit.pool)) {
            verdict.must("POOL_FORBIDDEN");
        }
        if let Some(cap) = plan.cap {
            let (least, most) = self.inside(visit.tenant);
            if least >= cap as usize {
                verdict.must("TOO_MANY_IN_FLIGHT");
            } else if most >= cap as usize {
                verdict.may("TOO_MANY_IN_FLIGHT");
            }
        }
        let now = self.clock.now();
        for bucket in &self.buckets[visit.tenant] {
            let (least, most) = bucket.wait(visit.cost, now);
            verdict.wait = (verdict.wait.0.max(least), verdict.wait.1.max(most));
            if bucket.too_costly(visit.cost) {
                verdict.must("COST_TOO_HIGH");
            } else if least > Duration::ZERO {
                verdict.must("RATE_LIMITED");
            } else if most > Duration::ZERO {
                verdict.may("RATE_LIMITED");
            }
        }
        verdict
    }

    /// Requests inside a tenant: at least, at most.
    fn inside(&self, tenant: &str) -> (usize, usize) {
        let held = self.leases.iter().filter(|held| held.visit.tenant == tenant);
        let certain = held.clone().filter(|held| self.is_current(&held.visit)).count();
        let unresolved = self.waits.iter().filter(|wait| wait.visit.tenant == tenant).count();
        (certain, held.count() + unresolved)
    }

    fn is_current(&self, visit: &Visit) -> bool {
        self.lives.get(visit.tenant).copied().unwrap_or(0) == visit.tenant_life
    }

    fn pool_is_full(&self, name: &str) -> bool {
        let stats = self.balancer.stats();
        stats.pool(name).is_some_and(|pool| pool.in_flight() >= pool.capacity() || pool.waiting() > 0)
    }

    fn before_waiting(&self, name: &str) -> u32 {
        self.balancer.stats().pool(name).map_or(0, tenantry::PoolStats::waiting)
    }

    fn charge(&mut self, visit: &Visit, least: bool, most: bool) -> Line {
        let now = self.clock.now();
        for bucket in self.buckets.get_mut(visit.tenant).into_iter().flatten() {
            if least {
                bucket.take_least(visit.cost, now);
            }
            if most {
                bucket.take_most(visit.cost, now);
            }
        }
        self.ledger.charged(visit.tenant, now)
    }

    /// A charge may have come back.
    fn returned(&mut self, visit: &Visit) {
        if visit.line.is_some() {
            for bucket in self.buckets.get_mut(visit.tenant).into_iter().flatten() {
                bucket.give_back(visit.cost);
            }
        }
    }

    fn seat(&mut self, visit: Visit, lease: Lease, waited: bool) {
        let address = lease.endpoint().address();
        let known = match self.setup.pool(visit.pool) {
            Some(plan) if !waited => plan.endpoints.contains(&address),
            // What was given at once is held from then on, whatever updates come before it is polled.
            _ => waited && ADDRESSES.contains(&address),
        };
        assert!(known, "{address} is not of {}", visit.pool);
        let line = visit.line.expect("what runs was charged");
        self.ledger.ran(line, visit.cost);
        self.leases.push(Held { visit, lease });
    }

    /// What must hold after every step.
    fn check(&mut self) {
        let stats = self.balancer.stats();
        assert_eq!(stats.pools().len(), self.setup.pools.len());
        for pool in stats.pools() {
            let (name, seated, capacity) = (pool.name(), pool.in_flight(), pool.capacity());
            let life = self.lives.get(name).copied().unwrap_or(0);
            let held = self.leases.iter().filter(|held| held.visit.pool == name);
            let current = held.clone().filter(|held| held.visit.pool_life == life).count();
            let unresolved = self.waits.iter().filter(|wait| wait.visit.pool == name).count();
            let earlier = self.before.pool(name).map_or(0, tenantry::PoolStats::in_flight);
            if let Some(seats) = self.setup.pool(name).and_then(|plan| plan.seats) {
                assert_eq!(capacity, seats, "the capacity of {name}");
            }
            assert!(
                seated <= capacity.max(earlier),
                "{name}: {seated} seated of {capacity}, before {earlier}"
            );
            assert!(
                pool.waiting() == 0 || seated >= capacity,
                "{name}: {} wait while a seat is free",
                pool.waiting()
            );
            assert!(current <= seated as usize, "{name}: {current} held, {seated} seated");
            let all = held.count() + unresolved;
            assert!(
                (seated + pool.waiting()) as usize <= all,
                "{name}: {seated} + {} of {all}",
                pool.waiting()
            );
            let at_endpoints: u32 = pool.endpoints().iter().map(tenantry::EndpointStats::in_flight).sum();
            // What a waiting request was given at once it holds at an endpoint before it is polled.
            assert!(at_endpoints as usize <= all, "{name}: {at_endpoints} at endpoints of {all}");
        }
        for tenant in stats.tenants().iter().filter(|tenant| self.setup.tenant(tenant.id()).is_some()) {
            let (least, most) = self.inside(tenant.id());
            let inside = (tenant.in_flight() + tenant.waiting()) as usize;
            assert!(
                (least..=most).contains(&inside),
                "{}: {inside} inside, not {least}..={most}",
                tenant.id()
            );
        }
        self.before = stats;
    }

    /// Everything is given back, and all of it is there again.
    fn end(mut self) {
        self.waits.clear();
        self.leases.clear();
        self.ledger.close(&rates(&self.setup));
        let stats = self.balancer.stats();
        for pool in stats.pools() {
            assert_eq!((pool.in_flight(), pool.waiting()), (0, 0), "{} at rest", pool.name());
            assert!(pool.endpoints().iter().all(|endpoint| endpoint.in_flight() == 0), "{:?} at rest", pool);
        }
        for tenant in stats.tenants().iter().chain([stats.other()]) {
            assert_eq!((tenant.in_flight(), tenant.waiting()), (0, 0), "{} at rest", tenant.id());
        }
        self.balancer.reconfigure(Setup::numbered(0).config()).expect("the config is usable");
        for (pool, seats) in [("api", 2), ("bulk", 1)] {
            let request = Request::new("t0").pool(pool);
            let taken: Vec<_> = (0..seats)
                .map(|_| self.balancer.try_acquire(&request).expect("its seats are free"))
                .collect();
            assert_eq!(self.balancer.try_acquire(&request).err(), Some(Rejection::Saturated));
            drop(taken);
        }
    }
}

fn rates(setup: &Setup) -> BTreeMap<&'static str, Vec<RatePlan>> {
    setup.tenants.iter().map(|tenant| (tenant.id, tenant.rates.clone())).collect()
}

/// A refusal leaves every count as it was.
fn assert_same_load(before: &Stats, after: &Stats) {
    let pools = |stats: &Stats| -> Vec<_> {
        stats
            .pools()
            .iter()
            .map(|pool| (pool.name().to_owned(), pool.capacity(), pool.in_flight(), pool.waiting()))
            .collect()
    };
    let tenants = |stats: &Stats| -> BTreeMap<_, _> {
        let load =
            |tenant: &tenantry::TenantStats| (tenant.id().to_owned(), (tenant.in_flight(), tenant.waiting()));
        stats.tenants().iter().map(load).filter(|(_, load)| *load != (0, 0)).collect()
    };
    assert_eq!(pools(before), pools(after));
    assert_eq!(tenants(before), tenants(after));
}

fn index(which: u8, count: usize) -> Option<usize> {
    usize::from(which).checked_rem(count)
}

#[derive(Debug, Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

const TENANTS: [&str; 7] = ["t0", "t1", "t2", "t3", "guest-0", "guest-1", "guest-2"];
const POOLS: [&str; 3] = ["api", "bulk", "nowhere"];
const ADDRESSES: [&str; 5] = ["http://a", "http://b", "http://c", "http://d", "http://e"];
const MOST_OPERATIONS: usize = 400;
