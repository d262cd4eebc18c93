//! The bare prototype of one decision: the least work that does the same steps.
//!
//! identify (foldhash, an open-addressed index of tag and slot, one 64-byte line per tenant) → limit (GCRA by one
//! compare-and-swap, in flight by one add) → admit (one seat counter per pool) → pick (two different endpoints from one
//! xorshift draw, the lower of in flight × EWMA) → settle (clock, endpoint, EWMA, outcome, tenant, seat).
//!
//! Tables are static: no insertion, no reclamation, no queue, no health, no second pool, no snapshot. Read its cost as a
//! floor under [`tenantry::Balancer`], not as something that could be shipped.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};

use foldhash::fast::FixedState;

/// One pool, its tenants and its endpoints, in plain atomics.
#[derive(Debug)]
pub struct Floor {
    hasher: FixedState,
    index: Box<[u64]>,
    tenants: Box<[Tenant]>,
    endpoints: Box<[Endpoint]>,
    pool: Seats,
    clock: quanta::Clock,
    start: u64,
}

/// A request in flight on the floor; hand it to [`Floor::finish`].
#[derive(Debug)]
#[must_use = "what is not finished stays in flight"]
pub struct Held {
    tenant: u32,
    endpoint: u32,
    at: u64,
}

/// Why the floor refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// No tenant has this id.
    Unknown,
    /// The tenant's rate is spent.
    Rate,
    /// The tenant holds its cap.
    InFlight,
    /// The pool has no seat left.
    Seats,
}

/// What every tenant of a floor may do.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Nanoseconds between two requests at the sustained rate.
    pub interval_ns: u64,
    /// Requests that may come at once.
    pub burst: u64,
    /// Requests in flight of one tenant.
    pub in_flight: u32,
    /// Requests in flight of the pool.
    pub seats: u32,
}

impl Limits {
    /// Limits that no bench reaches, so that every request walks the whole path.
    #[must_use]
    pub fn roomy() -> Self {
        Self { interval_ns: 10, burst: 100_000_000, in_flight: 1_000, seats: 100_000 }
    }

    /// One request an hour, so that every request but the first is refused by rate.
    #[must_use]
    pub fn spent() -> Self {
        Self { interval_ns: 3_600_000_000_000, burst: 1, ..Self::roomy() }
    }
}

impl Floor {
    /// A floor with these tenants, each with the same limits, and `endpoints` endpoints in one pool.
    ///
    /// # Panics
    ///
    /// If an id is longer than 16 bytes, or there are fewer than two endpoints or more than `u32::MAX` of anything.
    #[must_use]
    pub fn new(ids: &[String], endpoints: usize, limits: Limits) -> Self {
        assert!(endpoints >= 2, "two different candidates need two endpoints");
        let hasher = FixedState::with_seed(7);
        let mut index = vec![EMPTY; (ids.len() * 2).next_power_of_two()].into_boxed_slice();
        for (slot, id) in ids.iter().enumerate() {
            let hash = hash(&hasher, id.as_bytes());
            let slot = u32::try_from(slot).expect("slots fit in 32 bits");
            insert(&mut index, hash, slot);
        }
        let clock = quanta::Clock::new();
        let start = clock.raw();
        Self {
            hasher,
            index,
            tenants: ids.iter().map(|id| Tenant::new(id.as_bytes(), limits)).collect(),
            endpoints: (0..endpoints).map(|_| Endpoint::default()).collect(),
            pool: Seats { taken: AtomicU32::new(0), capacity: limits.seats },
            clock,
            start,
        }
    }

    /// Admits one request of the tenant and picks its endpoint.
    ///
    /// # Errors
    ///
    /// The first limit that says no; then every counter is as it was.
    #[inline]
    pub fn try_acquire(&self, id: &str) -> Result<Held, Denied> {
        let slot = self.find(id.as_bytes()).ok_or(Denied::Unknown)?;
        let now = self.now();
        let tenant = &self.tenants[slot as usize];
        tenant.enter(now)?;
        if self.pool.taken.fetch_add(1, Relaxed) >= self.pool.capacity {
            self.pool.taken.fetch_sub(1, Relaxed);
            tenant.undo();
            return Err(Denied::Seats);
        }
        let endpoint = self.pick();
        self.endpoints[endpoint as usize].in_flight.fetch_add(1, Relaxed);
        Ok(Held { tenant: slot, endpoint, at: now })
    }

    /// Settles a successful request.
    #[inline]
    pub fn finish(&self, held: &Held) {
        let now = self.now();
        self.endpoints[held.endpoint as usize].settle(now, now.saturating_sub(held.at));
        self.pool.taken.fetch_sub(1, Relaxed);
        let tenant = &self.tenants[held.tenant as usize];
        tenant.in_flight.fetch_sub(1, Relaxed);
        tenant.completed.fetch_add(1, Relaxed);
    }

    /// Whether a request of the tenant passes its rate: clock, lookup, one compare-and-swap. Counts nothing.
    #[inline]
    pub fn check(&self, id: &str) -> bool {
        let now = self.now();
        self.find(id.as_bytes()).is_some_and(|slot| self.tenants[slot as usize].spend(now))
    }

    /// Nanoseconds since the floor was made: what every check reads.
    #[must_use]
    #[inline]
    pub fn now(&self) -> u64 {
        self.clock.delta_as_nanos(self.start, self.clock.raw())
    }

    /// Requests in flight: of all tenants, of all endpoints, of the pool.
    #[must_use]
    pub fn in_flight(&self) -> [u32; 3] {
        let tenants = self.tenants.iter().map(|tenant| tenant.in_flight.load(Relaxed)).sum();
        let endpoints = self.endpoints.iter().map(|endpoint| endpoint.in_flight.load(Relaxed)).sum();
        [tenants, endpoints, self.pool.taken.load(Relaxed)]
    }

    fn find(&self, id: &[u8]) -> Option<u32> {
        let hash = hash(&self.hasher, id);
        let mask = self.index.len() - 1;
        let mut at = home(hash, mask);
        loop {
            let entry = self.index[at];
            if entry == EMPTY {
                return None;
            }
            let slot = low(entry);
            if high(entry) == high(hash) && self.tenants[slot as usize].is(id) {
                return Some(slot);
            }
            at = (at + 1) & mask;
        }
    }

    fn pick(&self) -> u32 {
        let draw = draw();
        let count = self.endpoints.len() as u64;
        let first = low((u64::from(low(draw)) * count) >> 32);
        let mut second = low((u64::from(high(draw)) * (count - 1)) >> 32);
        second += u32::from(second >= first);
        let cost = |endpoint: u32| self.endpoints[endpoint as usize].cost();
        if cost(second) < cost(first) { second } else { first }
    }
}

/// Everything of a tenant, in one cache line.
#[derive(Debug)]
#[repr(align(64))]
struct Tenant {
    id: [u8; 16],
    arrival: AtomicU64,
    interval: u64,
    tolerance: u64,
    in_flight: AtomicU32,
    max_in_flight: u32,
    completed: AtomicU32,
    len: u8,
}

impl Tenant {
    fn new(id: &[u8], limits: Limits) -> Self {
        let mut inline = [0; 16];
        inline[..id.len()].copy_from_slice(id);
        Self {
            id: inline,
            arrival: AtomicU64::new(0),
            interval: limits.interval_ns,
            tolerance: limits.interval_ns * (limits.burst - 1),
            in_flight: AtomicU32::new(0),
            max_in_flight: limits.in_flight,
            completed: AtomicU32::new(0),
            len: u8::try_from(id.len()).expect("at most 16"),
        }
    }

    fn is(&self, id: &[u8]) -> bool {
        if let Ok(whole) = <&[u8; 16]>::try_from(id) {
            return self.len == 16 && *whole == self.id;
        }
        usize::from(self.len) == id.len() && &self.id[..id.len()] == id
    }

    fn enter(&self, now: u64) -> Result<(), Denied> {
        if self.in_flight.fetch_add(1, Relaxed) >= self.max_in_flight {
            self.in_flight.fetch_sub(1, Relaxed);
            return Err(Denied::InFlight);
        }
        if !self.spend(now) {
            self.in_flight.fetch_sub(1, Relaxed);
            return Err(Denied::Rate);
        }
        Ok(())
    }

    fn spend(&self, now: u64) -> bool {
        let mut arrival = self.arrival.load(Relaxed);
        loop {
            let from = arrival.max(now);
            if from - now > self.tolerance {
                return false;
            }
            match self.arrival.compare_exchange_weak(arrival, from + self.interval, Relaxed, Relaxed) {
                Ok(_) => return true,
                Err(seen) => arrival = seen,
            }
        }
    }

    fn undo(&self) {
        self.arrival.fetch_sub(self.interval, Relaxed);
        self.in_flight.fetch_sub(1, Relaxed);
    }
}

/// Everything of an endpoint that changes, in one cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Endpoint {
    in_flight: AtomicU32,
    completed: AtomicU32,
    /// Microseconds at the last sample (high half) and the estimate in nanoseconds as `f32` (low half).
    latency: AtomicU64,
}

impl Endpoint {
    fn cost(&self) -> f32 {
        let estimate = f32::from_bits(low(self.latency.load(Relaxed)));
        let in_flight = self.in_flight.load(Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a comparison of loads needs no more than 24 bits")]
        let load = (in_flight + 1) as f32;
        load * estimate
    }

    /// Peak EWMA without a read-modify-write: a lost sample is harmless.
    fn settle(&self, now: u64, latency: u64) {
        self.in_flight.fetch_sub(1, Relaxed);
        self.completed.fetch_add(1, Relaxed);
        let word = self.latency.load(Relaxed);
        let stamp = low(now >> 10);
        let elapsed = stamp.wrapping_sub(high(word));
        let old = f32::from_bits(low(word));
        #[expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 24 bits")]
        let (sample, elapsed) = (latency as f32, elapsed as f32);
        let keep = DECAY_US / (DECAY_US + elapsed);
        let new = if sample > old { sample } else { old.mul_add_plain(keep, sample * (1.0 - keep)) };
        self.latency.store((u64::from(stamp) << 32) | u64::from(new.to_bits()), Relaxed);
    }
}

/// `a × b + c` in two instructions: `f32::mul_add` calls a function where the target has no FMA.
trait MulAddPlain {
    fn mul_add_plain(self, by: Self, plus: Self) -> Self;
}

impl MulAddPlain for f32 {
    fn mul_add_plain(self, by: Self, plus: Self) -> Self {
        self * by + plus
    }
}

#[derive(Debug)]
#[repr(align(64))]
struct Seats {
    taken: AtomicU32,
    capacity: u32,
}

fn hash(hasher: &FixedState, id: &[u8]) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(id);
    hasher.finish()
}

fn insert(index: &mut [u64], hash: u64, slot: u32) {
    let mask = index.len() - 1;
    let mut at = home(hash, mask);
    while index[at] != EMPTY {
        at = (at + 1) & mask;
    }
    index[at] = (u64::from(high(hash)) << 32) | u64::from(slot);
}

#[expect(clippy::cast_possible_truncation, reason = "the mask keeps what an index can hold")]
fn home(hash: u64, mask: usize) -> usize {
    hash as usize & mask
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
fn low(word: u64) -> u32 {
    word as u32
}

fn high(word: u64) -> u32 {
    low(word >> 32)
}

/// xorshift64* of this thread.
fn draw() -> u64 {
    STATE.with(|state| {
        let mut word = state.get();
        word ^= word >> 12;
        word ^= word << 25;
        word ^= word >> 27;
        state.set(word);
        word.wrapping_mul(0x2545_F491_4F6C_DD1D)
    })
}

thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0x9E37_79B9_7F4A_7C15) };
}

const EMPTY: u64 = u64::MAX;
const DECAY_US: f32 = 10e6 / 1.024;

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> Vec<String> {
        (0..100).map(|tenant| format!("tenant-{tenant:09}")).collect()
    }

    #[test]
    fn a_tenant_fills_one_cache_line() {
        assert_eq!(size_of::<Tenant>(), 64);
        assert_eq!(size_of::<Endpoint>(), 64);
    }

    #[test]
    fn denies_after_the_burst() {
        let limits = Limits { interval_ns: 3_600_000_000_000, burst: 5, ..Limits::roomy() };
        let floor = Floor::new(&ids(), 3, limits);
        for _ in 0..5 {
            let held = floor.try_acquire("tenant-000000007").expect("within the burst");
            floor.finish(&held);
        }
        assert_eq!(floor.try_acquire("tenant-000000007").err(), Some(Denied::Rate));
        assert!(floor.try_acquire("tenant-000000008").is_ok_and(|held| {
            floor.finish(&held);
            true
        }));
        assert_eq!(floor.in_flight(), [0; 3]);
        let checked: Vec<_> = (0..6).map(|_| floor.check("tenant-000000009")).collect();
        assert_eq!(checked, [true, true, true, true, true, false]);
    }

    #[test]
    fn denies_above_the_caps_and_counts_back_to_zero() {
        let limits = Limits { in_flight: 2, seats: 3, ..Limits::roomy() };
        let floor = Floor::new(&ids(), 4, limits);
        let held: Vec<_> = ["tenant-000000001", "tenant-000000001", "tenant-000000002"]
            .iter()
            .map(|id| floor.try_acquire(id).expect("within the caps"))
            .collect();
        assert_eq!(floor.try_acquire("tenant-000000001").err(), Some(Denied::InFlight));
        assert_eq!(floor.try_acquire("tenant-000000003").err(), Some(Denied::Seats));
        assert_eq!(floor.try_acquire("nobody").err(), Some(Denied::Unknown));
        assert_eq!(floor.in_flight(), [3; 3]);
        held.iter().for_each(|held| floor.finish(held));
        assert_eq!(floor.in_flight(), [0; 3]);
    }

    #[test]
    fn picks_every_endpoint_and_the_less_loaded_of_two() {
        let floor = Floor::new(&ids(), 10, Limits::roomy());
        let held: Vec<_> =
            (0..1_000).map(|_| floor.try_acquire("tenant-000000001").expect("roomy")).collect();
        held.iter().for_each(|held| floor.finish(held));
        let held: Vec<_> = (0..500)
            .map(|at| floor.try_acquire(&format!("tenant-{:09}", at % 100)).expect("roomy"))
            .collect();
        assert!(floor.endpoints.iter().all(|endpoint| endpoint.in_flight.load(Relaxed) > 0));
        held.iter().for_each(|held| floor.finish(held));
        assert_eq!(floor.in_flight(), [0; 3]);
    }
}
