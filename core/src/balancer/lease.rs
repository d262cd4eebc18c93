//! A lease: the right to be in flight, and the endpoint to go to.

use std::{borrow::Borrow, fmt};

use super::{Balancer, charged::Charged};
use crate::{
    admission::Seat,
    endpoint::{Endpoint, InFlight},
    outcome::Outcome,
    pool::PoolId,
    rejection::Rejection,
    time::Time,
};

/// A seat and the picked endpoint, until it is finished or dropped.
///
/// [`finish`](Self::finish) it with what happened. A lease that is dropped counts as [`Outcome::cancelled`]: it frees its seat
/// and teaches nothing; the rate that it was charged stays charged. `Lease<&Balancer>` borrows its balancer and costs nothing more; `Lease` alone keeps it alive and goes anywhere.
///
/// ```
/// use tenantry::{Balancer, Config, Outcome, PoolSpec, Request, TenantSpec};
///
/// let config = Config::new()
///     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"]))
///     .with_tenant("acme", TenantSpec::new());
/// let balancer = Balancer::new(config)?;
/// let lease = balancer.try_acquire(&Request::new("acme"))?;
/// assert_eq!(lease.endpoint().address(), "http://10.0.0.1:8080");
/// // … call the endpoint …
/// lease.finish(Outcome::success());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a dropped lease is a cancelled request"]
pub struct Lease<H: Borrow<Balancer> = Balancer> {
    handle: H,
    /// Always there, until `finish` or `drop` settles it.
    held: Option<Held>,
}

/// What a lease holds.
#[derive(Debug)]
pub(super) struct Held {
    /// Until the request is no longer in flight.
    pub(super) picked: Option<InFlight>,
    pub(super) seat: Seat,
    pub(super) charged: Charged,
    pub(super) started: Time,
    pub(super) pool: PoolId,
    /// Until it is settled.
    pub(super) open: bool,
    /// Whether the first byte has come, and its latency is learnt.
    pub(super) answered: bool,
}

impl<H: Borrow<Balancer>> Lease<H> {
    /// A lease of what `grant` puts into it, or nothing.
    #[inline]
    pub(super) fn granted<E>(
        handle: H,
        grant: impl FnOnce(&Balancer, &mut Option<Held>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut lease = Self { handle, held: None };
        grant(lease.handle.borrow(), &mut lease.held)?;
        Ok(lease)
    }

    pub(super) const fn new(handle: H, held: Held) -> Self {
        Self { handle, held: Some(held) }
    }

    /// Where the request is to go.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        self.picked().endpoint()
    }

    /// When the endpoint was picked.
    #[must_use]
    pub fn acquired_at(&self) -> Time {
        self.held().started
    }

    /// Says that the answer begins: the time to its first byte is learnt now, as the latency of a success, and the seat stays taken
    /// until the lease ends.
    ///
    /// Call it for streams, whose duration says nothing about how busy the endpoint is. A success then teaches no second
    /// latency, also where one is given [with the outcome](Outcome::with_latency); without this call it is the time from
    /// acquire to finish. A failure or an overload answer later still counts. Called again, it does nothing.
    ///
    /// ```
    /// # use tenantry::{Balancer, Config, Outcome, PoolSpec, Request, TenantSpec};
    /// # let config = Config::new()
    /// #     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"]))
    /// #     .with_tenant("acme", TenantSpec::new());
    /// # let balancer = Balancer::new(config)?;
    /// let mut lease = balancer.try_acquire(&Request::new("acme"))?;
    /// // … the head of the response arrives …
    /// lease.first_byte();
    /// // … minutes of streaming later …
    /// lease.finish(Outcome::success());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn first_byte(&mut self) {
        if let Some(held) = &mut self.held {
            self.handle.borrow().state().first_byte(held);
        }
    }

    /// Says what the request has used of the configuration's [dimensions](crate::Config::with_dimensions) so far: the last word on each counts
    /// when the lease ends, finished or dropped. What is never reported stays as it was declared.
    ///
    /// # Errors
    /// [`Rejection::UnknownDimension`]; then nothing is taken down.
    ///
    /// ```
    /// use tenantry::{Balancer, Budget, BudgetPeriod, Config, Outcome, PoolSpec, RateUnit, Request, TenantSpec};
    ///
    /// let budget = Budget::of(RateUnit::Dimension("output_units".into()), 1_000, BudgetPeriod::Day);
    /// let config = Config::new()
    ///     .with_dimensions(["output_units"])
    ///     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"]))
    ///     .with_tenant("acme", TenantSpec::new().with_budget(budget));
    /// let balancer = Balancer::new(config)?;
    /// let mut lease = balancer.try_acquire(&Request::new("acme").amounts(&[("output_units", 200)]))?;
    /// // … the answer streams …
    /// lease.report(&[("output_units", 350)])?;
    /// lease.finish(Outcome::success());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn report(&mut self, amounts: &[(&str, u64)]) -> Result<(), Rejection> {
        match &mut self.held {
            Some(held) => self.handle.borrow().state().report(&mut held.charged, amounts),
            None => Ok(()),
        }
    }

    /// Ends it: the seat goes to the next in line, and the outcome is learnt from.
    pub fn finish(mut self, outcome: Outcome) {
        self.handle.borrow().state().settle(&mut self.held, &outcome);
    }

    fn held(&self) -> &Held {
        self.held.as_ref().expect("a lease always holds something")
    }

    fn picked(&self) -> &InFlight {
        self.held().picked.as_ref().expect("only `finish` and `drop` settle it, and both end the lease")
    }
}

impl<H: Borrow<Balancer>> Drop for Lease<H> {
    fn drop(&mut self) {
        if self.held.as_ref().is_some_and(|held| held.open) {
            self.handle.borrow().state().settle(&mut self.held, &Outcome::cancelled());
        }
    }
}

impl<H: Borrow<Balancer>> fmt::Debug for Lease<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("endpoint", &self.endpoint().address()).finish_non_exhaustive()
    }
}
