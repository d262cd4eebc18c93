//! The stack that a user assembles today from published crates, with the same function per request.
//!
//! governor's keyed limiter for the rate, one tokio semaphore per tenant in a `DashMap` for the cap, tower's `Balance`
//! (P2C over `PeakEwma`) for the endpoint. It is favoured where a choice was open: keys are prebuilt (nothing is
//! allocated for an id), futures are neither boxed nor traced, endpoints answer at once, and every limit is roomy.
//! It is still less than a decision of Tenantry: one quota for all tenants, no seats per pool, no queue, no outcome.
//!
//! `Balance` wants `&mut self`, so there are three forms of it: [`Exclusive`] (one task owns it), [`Locked`] (a mutex
//! around the pick) and [`Buffered`] (tower's documented way to share: a channel and a worker task).

use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use dashmap::DashMap;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::balance::p2c::Balance;
use tower::buffer::Buffer;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, PeakEwma};
use tower::{BoxError, Service};

/// Per tenant: a rate and a cap on requests in flight.
#[derive(Debug)]
pub struct TenantLimits {
    limiter: DefaultKeyedRateLimiter<String>,
    in_flight: DashMap<String, Arc<Semaphore>>,
}

/// Why the assembled stack refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// No semaphore has this key.
    Unknown,
    /// governor said no.
    Rate,
    /// The tenant's semaphore has no permit left.
    InFlight,
}

impl TenantLimits {
    /// Limits for these tenants, the same for each, with every key already in both maps.
    #[must_use]
    pub fn new(ids: &[String], per_second: NonZeroU32, max_in_flight: usize) -> Self {
        let limiter = RateLimiter::keyed(Quota::per_second(per_second));
        let in_flight = DashMap::with_capacity(ids.len());
        for id in ids {
            limiter.check_key(id).expect("the first request of a key fits any burst");
            in_flight.insert(id.clone(), Arc::new(Semaphore::new(max_in_flight)));
        }
        Self { limiter, in_flight }
    }

    /// Limits that no bench reaches, so that every request walks the whole path.
    #[must_use]
    pub fn roomy(ids: &[String]) -> Self {
        Self::new(ids, NonZeroU32::new(100_000_000).expect("not zero"), 1_000)
    }

    /// Admits one request; the permit is held until it ends.
    ///
    /// # Errors
    ///
    /// The first limit that says no.
    pub fn admit(&self, id: &String) -> Result<OwnedSemaphorePermit, Denied> {
        self.limiter.check_key(id).map_err(|_| Denied::Rate)?;
        let semaphore = self.in_flight.get(id).ok_or(Denied::Unknown)?.value().clone();
        semaphore.try_acquire_owned().map_err(|_| Denied::InFlight)
    }

    /// Requests in flight of all tenants, when each may hold `max_in_flight`.
    #[must_use]
    pub fn in_flight(&self, max_in_flight: usize) -> usize {
        self.in_flight.iter().map(|semaphore| max_in_flight - semaphore.available_permits()).sum()
    }
}

/// The balancer owned by one task.
#[derive(Debug)]
pub struct Exclusive<'a> {
    limits: &'a TenantLimits,
    balance: Endpoints,
}

impl<'a> Exclusive<'a> {
    /// The stack over `endpoints` endpoints.
    #[must_use]
    pub fn new(limits: &'a TenantLimits, endpoints: usize) -> Self {
        Self { limits, balance: balance(endpoints) }
    }

    /// One request from admission to its end.
    ///
    /// # Errors
    ///
    /// The first limit that says no.
    pub async fn decide(&mut self, id: &String) -> Result<(), Denied> {
        let _permit = self.limits.admit(id)?;
        let balance = &mut self.balance;
        poll_fn(|cx| balance.poll_ready(cx)).await.expect("endpoints never fail");
        balance.call(()).await.expect("endpoints never fail");
        Ok(())
    }
}

/// The balancer behind a mutex that is held for the pick.
#[derive(Debug)]
pub struct Locked<'a> {
    limits: &'a TenantLimits,
    balance: Mutex<Endpoints>,
}

impl<'a> Locked<'a> {
    /// The stack over `endpoints` endpoints.
    #[must_use]
    pub fn new(limits: &'a TenantLimits, endpoints: usize) -> Self {
        Self { limits, balance: Mutex::new(balance(endpoints)) }
    }

    /// One request from admission to its end.
    ///
    /// # Errors
    ///
    /// The first limit that says no.
    pub async fn decide(&self, id: &String) -> Result<(), Denied> {
        let _permit = self.limits.admit(id)?;
        let response = poll_fn(|cx| self.poll_call(cx)).await.expect("endpoints never fail");
        response.await.expect("endpoints never fail");
        Ok(())
    }

    fn poll_call(&self, cx: &mut Context<'_>) -> Poll<Result<<Endpoints as Service<()>>::Future, BoxError>> {
        let mut balance = self.balance.lock().expect("nothing panics inside");
        balance.poll_ready(cx).map_ok(|()| balance.call(()))
    }
}

/// The balancer behind tower's `Buffer`, cloned for each request as a server does.
#[derive(Debug)]
pub struct Buffered<'a> {
    limits: &'a TenantLimits,
    buffer: Buffer<(), <Endpoints as Service<()>>::Future>,
}

impl<'a> Buffered<'a> {
    /// The stack over `endpoints` endpoints.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, which must run the worker task.
    #[must_use]
    pub fn new(limits: &'a TenantLimits, endpoints: usize) -> Self {
        Self { limits, buffer: Buffer::new(balance(endpoints), 1024) }
    }

    /// One request from admission to its end.
    ///
    /// # Errors
    ///
    /// The first limit that says no.
    pub async fn decide(&self, id: &String) -> Result<(), Denied> {
        let _permit = self.limits.admit(id)?;
        let mut buffer = self.buffer.clone();
        poll_fn(|cx| buffer.poll_ready(cx)).await.expect("endpoints never fail");
        buffer.call(()).await.expect("endpoints never fail");
        Ok(())
    }
}

/// A runtime of this thread, which the stack needs for its clock and its worker.
///
/// # Panics
///
/// If the system refuses one.
#[must_use]
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime starts")
}

type Endpoints = Balance<ServiceList<Vec<PeakEwma<Endpoint>>>, ()>;

fn balance(endpoints: usize) -> Endpoints {
    let endpoint = |_| PeakEwma::new(Endpoint, DEFAULT_RTT, DECAY_NS, CompleteOnResponse::default());
    Balance::new(ServiceList::new::<()>((0..endpoints).map(endpoint).collect::<Vec<_>>()))
}

/// Answers at once.
#[derive(Clone, Copy, Debug)]
struct Endpoint;

impl Service<()> for Endpoint {
    type Response = ();
    type Error = Infallible;
    type Future = Ready<Result<(), Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

const DEFAULT_RTT: Duration = Duration::from_millis(1);
const DECAY_NS: f64 = 10e9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::population;

    fn limits(per_second: u32) -> (Vec<String>, TenantLimits) {
        let ids = population(100);
        let limits = TenantLimits::new(&ids, NonZeroU32::new(per_second).expect("not zero"), 3);
        (ids, limits)
    }

    #[test]
    fn denies_after_the_burst() {
        let (ids, limits) = limits(1);
        let mut stack = Exclusive::new(&limits, 3);
        let decided = runtime().block_on(stack.decide(&ids[7]));
        assert_eq!(decided, Err(Denied::Rate), "the one request of the burst created the key");
        assert_eq!(limits.in_flight(3), 0);
    }

    #[test]
    fn denies_above_the_cap_and_counts_back_to_zero() {
        let (ids, limits) = limits(1_000_000);
        let held: Vec<_> = (0..3).map(|_| limits.admit(&ids[1]).expect("within the cap")).collect();
        assert_eq!(limits.admit(&ids[1]).err(), Some(Denied::InFlight));
        assert_eq!(limits.in_flight(3), 3);
        drop(held);
        assert_eq!(limits.in_flight(3), 0);
    }

    #[test]
    fn every_form_serves_every_tenant() {
        let (ids, limits) = limits(1_000_000);
        runtime().block_on(async {
            let mut exclusive = Exclusive::new(&limits, 5);
            let locked = Locked::new(&limits, 5);
            let buffered = Buffered::new(&limits, 5);
            for id in &ids {
                assert_eq!(exclusive.decide(id).await, Ok(()));
                assert_eq!(locked.decide(id).await, Ok(()));
                assert_eq!(buffered.decide(id).await, Ok(()));
            }
        });
        assert_eq!(limits.in_flight(3), 0);
    }
}
