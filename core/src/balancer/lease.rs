//! A lease: the right to be in flight, and the endpoint to go to.

use std::{borrow::Borrow, fmt};

use super::{Balancer, charged::Charged};
use crate::{
    admission::Seat,
    endpoint::{Endpoint, InFlight},
    load::LoadReport,
    outcome::Outcome,
    pool::PoolId,
    rejection::Rejection,
    time::Time,
    upstream::UpstreamReport,
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

impl Held {
    /// What a request holds that is picked for now.
    #[inline(always)]
    pub(super) fn new((picked, seat): (InFlight, Seat), charged: Charged, pool: PoolId, now: Time) -> Self {
        Self { picked: Some(picked), seat, charged, started: now, pool, open: true, answered: false }
    }
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

    /// The name of the pool that serves it: a [fallback](crate::PoolSpec::with_fallback) where the one that was asked for could not. `None` where
    /// an update has removed that pool meanwhile.
    #[must_use]
    pub fn pool(&self) -> Option<String> {
        let published = &self.handle.borrow().state().published;
        published.read(|snapshot| {
            snapshot.service_of(self.held().pool).map(|service| service.pool.name().to_owned())
        })
    }

    /// A token with which the tenant's next requests to this pool [return](crate::Request::affinity) to this endpoint: 34 characters of `A–Z a–z 0–9 - _`,
    /// signed, and bound to tenant and pool. Two leases of one tenant at one endpoint have the same. `None` where an update has removed
    /// the pool meanwhile.
    ///
    /// ```
    /// # use tenantry::{Balancer, Config, Outcome, PoolSpec, Request, TenantSpec};
    /// # let config = Config::new()
    /// #     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080", "http://10.0.0.2:8080"]))
    /// #     .with_tenant("acme", TenantSpec::new());
    /// # let balancer = Balancer::new(config)?;
    /// let first = balancer.try_acquire(&Request::new("acme"))?;
    /// let token = first.affinity_token().expect("the pool is there");
    /// let next = balancer.try_acquire(&Request::new("acme").affinity(&token))?;
    /// assert_eq!(next.endpoint().address(), first.endpoint().address());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn affinity_token(&self) -> Option<String> {
        self.handle.borrow().state().affinity_token(self.held(), self.endpoint().address())
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

    /// Says what the answer tells of the endpoint's own limits: by the head of the response, say, and as often as it tells.
    ///
    /// While nothing is left there, nobody is sent there; when that is so of all endpoints, requests wait for the first to return, or are
    /// told when that is ([`Rejection::UpstreamLimited`]). What is said holds for everybody, so report only limits that all tenants
    /// share there. It ends by itself, at the reset that was named.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tenantry::{Balancer, Config, ManualClock, Outcome, PoolSpec, Rejection, Request, TenantSpec, UpstreamLimit, UpstreamReport};
    /// # let config = Config::new()
    /// #     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"]))
    /// #     .with_tenant("acme", TenantSpec::new());
    /// # let balancer = Balancer::with_clock(config, ManualClock::new())?;
    /// let lease = balancer.try_acquire(&Request::new("acme"))?;
    /// let wait = Duration::from_millis(250);
    /// lease.report_upstream(&UpstreamReport::new().with_requests(UpstreamLimit::left(0).resets_in(wait)));
    /// lease.finish(Outcome::success());
    /// let refused = balancer.try_acquire(&Request::new("acme")).err();
    /// assert_eq!(refused, Some(Rejection::UpstreamLimited { retry_after: wait }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn report_upstream(&self, report: &UpstreamReport) {
        if let Some(held) = &self.held {
            self.handle.borrow().state().report_upstream(held, report);
        }
    }

    /// Hands on what the endpoint says of its own load, as often as it says something. The strategies `weighted`, and `p2c` and
    /// `least_loaded` with the load `reported`, go by it; the others let it be.
    ///
    /// ```
    /// # use tenantry::{Balancer, Config, LoadReport, Outcome, PoolSpec, Request, StrategySpec, TenantSpec};
    /// let pool = PoolSpec::new(["http://10.0.0.1:8080"]).with_strategy(StrategySpec::weighted());
    /// let balancer = Balancer::new(Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new()))?;
    /// let lease = balancer.try_acquire(&Request::new("acme"))?;
    /// // … the head of the response arrives, with its load report …
    /// lease.report_load(&LoadReport::new().with_cpu_utilization(0.7).with_rps(120.0));
    /// lease.finish(Outcome::success());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn report_load(&self, report: &LoadReport) {
        if let Some(held) = &self.held {
            self.handle.borrow().state().report_load(held, report);
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
